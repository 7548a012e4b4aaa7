"""Has llama.cpp compute a tiny model of every architecture that palinode writes: random weights, the tokenizer of `adapters/palinode/tests/chat/model`.

    python families.py --palinode PALINODE [--keep FOLDER]

Each is written as a folder by transformers, exported by palinode as F32, and compared in both by `check.py`. Windows of 16 tokens are exceeded.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import (Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM, Olmo2Config, Olmo2ForCausalLM, Olmo3Config,
                          Olmo3ForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM, SmolLM3Config, SmolLM3ForCausalLM)

HERE = Path(__file__).parent
CHAT = HERE.parents[2] / "palinode/tests/chat/model"
GIVEN = json.loads((CHAT / "config.json").read_text())
SIZES = dict(vocab_size=GIVEN["vocab_size"], eos_token_id=GIVEN["eos_token_id"], bos_token_id=None, pad_token_id=None, hidden_size=64, intermediate_size=96,
             num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256)
ROPE = {"rope_type": "default", "rope_theta": 10_000.0}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
GEMMA = dict(head_dim=32, query_pre_attn_scalar=32, sliding_window=16)
MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig, dict(rope_parameters=ROPE)),
    "llama3": (LlamaForCausalLM, LlamaConfig, dict(rope_parameters=LLAMA3)),
    "linear": (LlamaForCausalLM, LlamaConfig, dict(rope_parameters=ROPE | {"rope_type": "linear", "factor": 4.0})),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, dict(rope_parameters=ROPE)),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config, dict(rope_parameters=ROPE, head_dim=32)),
    "gemma2": (Gemma2ForCausalLM, Gemma2Config, dict(rope_parameters=ROPE, attn_logit_softcapping=50.0, final_logit_softcapping=30.0, **GEMMA)),
    "gemma3": (Gemma3ForCausalLM, Gemma3TextConfig, dict(rope_parameters={"full_attention": ROPE | {"rope_theta": 1e6}, "sliding_attention": ROPE}, **GEMMA)),
    "smollm3": (SmolLM3ForCausalLM, SmolLM3Config, dict(rope_parameters=ROPE | {"rope_theta": 2e6})),
    "olmo2": (Olmo2ForCausalLM, Olmo2Config, dict(rope_parameters=ROPE)),
    "olmo3": (Olmo3ForCausalLM, Olmo3Config, dict(rope_parameters={"full_attention": ROPE, "sliding_attention": ROPE}, sliding_window=16)),
}
IDS = "5 9 33 120 77 8 42 99 13 200 17 301 55 64 3 91 28 7 133 12"


def make(name, folder):
    kind, config, settings = MODELS[name]
    torch.manual_seed(3)
    model = kind(config(**SIZES, **settings)).float()
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            around = 1.0 if "norm" in parameter_name and not name.startswith("gemma") else 0.0
            parameter.copy_(torch.randn_like(parameter) * 0.25 + around)
    model.save_pretrained(folder)
    for file in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(CHAT / file, folder / file)


parser = argparse.ArgumentParser()
parser.add_argument("--palinode", required=True)
parser.add_argument("--keep")
given = parser.parse_args()
with tempfile.TemporaryDirectory() as temporary:
    at = Path(given.keep or temporary)
    for name in MODELS:
        folder, file = at / name, at / f"{name}.gguf"
        make(name, folder)
        subprocess.run([given.palinode, "export", folder, "--gguf", file, "--type", "f32", "--force", "--json"], check=True, capture_output=True)
        print(name, flush=True)
        subprocess.run([sys.executable, HERE / "check.py", "--palinode", given.palinode, file, "--ids", IDS, "--llama", "--transformers", folder], check=True)
