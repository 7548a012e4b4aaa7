"""Loads what `cargo run --example saved -- DIR` wrote with transformers and PEFT, and compares log-probabilities.

    python check_saved.py DIR
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

worst = 0.0
for folder in sorted(Path(sys.argv[1]).iterdir()):
    ours = json.loads((folder / "ours.json").read_text())
    ids = torch.tensor([ours["ids"]])

    def gap(model, said):
        with torch.no_grad():
            logprobs = model(ids[:, :-1]).logits[0].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
        return (logprobs - torch.tensor(said)).abs().max().item()

    def load(path):
        return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()

    adapter = gap(PeftModel.from_pretrained(load(ours["base"]), folder / "adapter").eval(), ours["adapter"])
    merged = gap(load(folder / "merged"), ours["merged"])
    print(f"{folder.name:<10} adapter in PEFT differs by {adapter:.1e}, merged folder in transformers by {merged:.1e}")
    worst = max(worst, adapter, merged)
sys.exit(0 if worst <= 1e-4 else f"differs by {worst}")
