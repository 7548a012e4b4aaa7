#!/usr/bin/env bash
# PEFT 0.21.2: where two keys of `alpha_pattern` match a module, the first one counts, and `save_pretrained` writes the keys in alphabetical order. So an
# adapter that is saved and loaded again can have other scales, without a word; with `rank_pattern` it can't be loaded at all.
#
# Seen, with {"v_proj": 2, ".*\.v_proj": 40} and r = 3 on a Llama of two layers with random weights:
#   made   scaling 0.667 (2 / 3)        loaded again   scaling 13.3 (40 / 3), log-probabilities differ
#   rank_pattern {"v_proj": 2, ".*\.v_proj": 5}: loading raises a RuntimeError (size mismatch)
# Who reads such a folder must follow the file's order, not the order that the configuration was written in.
#
# Needs python3 and the package registry (it installs torch). Leaves 0 while this is so, 1 once it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet peft==0.21.2 transformers==5.24.0 torch==2.15.0
OMP_NUM_THREADS=1 "$place/env/bin/python" - << 'PYTHON'
import json
import sys
import tempfile

import peft
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

SIZES = LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4)


def base():
    torch.manual_seed(0)
    return LlamaForCausalLM(SIZES).eval()


def played(**pattern):
    """Scaling when made, keys in the file, and scaling (or the error's name) when loaded again."""
    config = LoraConfig(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", **pattern)
    model = get_peft_model(base(), config)
    scaling = lambda model: model.base_model.model.model.layers[0].self_attn.v_proj.scaling["default"]
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        keys = list(json.load(open(f"{folder}/adapter_config.json"))[next(iter(pattern))])
        try:
            return scaling(model), keys, scaling(PeftModel.from_pretrained(base(), folder))
        except RuntimeError as error:
            return scaling(model), keys, type(error).__name__


print("peft", peft.__version__)
alpha = played(alpha_pattern={"v_proj": 2, r".*\.v_proj": 40})
rank = played(rank_pattern={"v_proj": 2, r".*\.v_proj": 5})
for name, (made, keys, again) in (("alpha_pattern", alpha), ("rank_pattern", rank)):
    print(f"{name}: made with scaling {made:.3f}, written as {keys}, loaded again: {again}")
same = abs(alpha[0] - 2 / 3) < 1e-6 and abs(alpha[2] - 40 / 3) < 1e-6 and rank[2] == "RuntimeError"
sys.exit(0 if same else "changed: see above")
PYTHON
