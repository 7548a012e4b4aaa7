#!/usr/bin/env bash
# transformers 5.24.0: `Gemma3ForCausalLM.from_pretrained` of a folder that holds a `Gemma3ForConditionalGeneration` (as Gemma 3's larger models are published) finds the
# text model's settings in it but none of its weights. The file's names begin with `language_model.model.`, the class looks for `model.`, and nothing joins the two.
# Every matrix keeps the random numbers it was made with; the load report, a warning, lists all as missing, and the model comes back as if it were loaded.
# `AutoModelForCausalLM` on the same folder makes the whole model and loads it; version 4.57.6 loads the same folder with the text class as well.
#
# Seen, on a tiny model with random weights, of 28 tensors of the text model:
#                                   class loaded                      tensors found   embeddings as saved   logits as saved
#   5.24.0  Gemma3ForCausalLM       Gemma3ForCausalLM                 0               no                    no
#   5.24.0  AutoModelForCausalLM    Gemma3ForConditionalGeneration    28              yes                   yes
#   4.57.6  Gemma3ForCausalLM       Gemma3ForCausalLM                 28              yes                   yes
# Who trains through the text class trains from noise; the answers tell, no error does.
#
# Needs python3 and the package registry (it installs torch). Leaves 0 while this is so, 1 once it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
export OMP_NUM_THREADS=1 TRANSFORMERS_VERBOSITY=error
python3 -m venv env
env/bin/pip install --quiet transformers==5.24.0 torch==2.15.0
env/bin/python - << 'PYTHON'
import torch
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

text = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "head_dim": 8}
text |= {"num_attention_heads": 4, "num_key_value_heads": 2}
vision = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
marks = {"boi_token_index": 60, "eoi_token_index": 61, "image_token_index": 62, "mm_tokens_per_image": 4}
torch.manual_seed(0)
model = Gemma3ForConditionalGeneration(Gemma3Config(text_config=text, vision_config=vision, **marks)).eval()
model.save_pretrained("whole")
with torch.no_grad():
    logits = model(input_ids=torch.arange(8)[None]).logits
torch.save({"embeddings": model.get_input_embeddings().weight.data, "logits": logits}, "expected.pt")
PYTHON
cat > load.py << 'PYTHON'
import sys

import torch
import transformers

name, found, loaded = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "loaded"
torch.manual_seed(1)
model, report = getattr(transformers, name).from_pretrained("whole", output_loading_info=True)
expected = torch.load("expected.pt")
embeddings = torch.equal(model.get_input_embeddings().weight, expected["embeddings"])
with torch.no_grad():
    logits = torch.allclose(model.eval()(input_ids=torch.arange(8)[None]).logits, expected["logits"], atol=1e-5)
wanted = [key for key, _ in model.named_parameters() if "vision_tower" not in key and "projector" not in key]
got = len([key for key in wanted if key not in report["missing_keys"]])
print(f"{transformers.__version__} {name:20} -> {type(model).__name__:30} {got} of {len(wanted)} tensors found;", end=" ")
print(f"embeddings as saved: {embeddings}, logits as saved: {logits}")
same = (got, len(wanted), embeddings, logits) == (found, 28, loaded, loaded)
sys.exit(0 if same else "changed: see above")
PYTHON
env/bin/python load.py Gemma3ForCausalLM 0 random
env/bin/python load.py AutoModelForCausalLM 28 loaded
env/bin/pip install --quiet transformers==4.57.6
env/bin/python load.py Gemma3ForCausalLM 28 loaded
