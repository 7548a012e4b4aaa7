"""Makes the tiny checkpoints of this folder, one of each family, and what transformers makes of them in float32.

    pip install torch transformers peft
    python generate.py

Their architectures are the true ones; their weights are random numbers. `config.json` is as transformers 5 writes it, `config.v4.json` says the
same in the spelling of transformers 4.
"""

import json
import shutil
from pathlib import Path

import torch
import transformers
from transformers import (AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config,
                          Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

HERE = Path(__file__).parent
VOCABULARY, LENGTH, NEW = 32, 24, 18
BASE = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=64, bos_token_id=0, eos_token_id=1, pad_token_id=2)
ROPE = {"rope_type": "default", "rope_theta": 10_000.0}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}

MODELS = {
    "llama2": (LlamaConfig(**BASE, rope_parameters=ROPE), LlamaForCausalLM, torch.float32, None),
    "llama3": (LlamaConfig(**BASE, rope_parameters=LLAMA3, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5), LlamaForCausalLM, torch.bfloat16, None),
    "llama-linear": (LlamaConfig(**BASE, rope_parameters=ROPE | {"rope_type": "linear", "factor": 4.0}), LlamaForCausalLM, torch.float32, None),
    "llama-dynamic": (LlamaConfig(**BASE, rope_parameters=ROPE | {"rope_type": "dynamic", "factor": 2.0}), LlamaForCausalLM, torch.float32, None),
    "smollm2": (LlamaConfig(**BASE, rope_parameters=ROPE, tie_word_embeddings=True), LlamaForCausalLM, torch.bfloat16, "3KB"),
    "mistral": (MistralConfig(**BASE, rope_parameters=ROPE, sliding_window=7), MistralForCausalLM, torch.float32, None),
    "qwen2": (Qwen2Config(**BASE, rope_parameters=ROPE | {"rope_theta": 1_000_000.0}, tie_word_embeddings=True), Qwen2ForCausalLM, torch.float16, None),
    "qwen2-windows": (Qwen2Config(**BASE, rope_parameters=ROPE, use_sliding_window=True, sliding_window=5, max_window_layers=1), Qwen2ForCausalLM, torch.float32, None),
    "qwen3": (Qwen3Config(**BASE, rope_parameters=ROPE, head_dim=8), Qwen3ForCausalLM, torch.float32, None),
    "gemma2": (Gemma2Config(**BASE, rope_parameters=ROPE, head_dim=8, query_pre_attn_scalar=12, sliding_window=6, attn_logit_softcapping=5.0,
                            final_logit_softcapping=4.0), Gemma2ForCausalLM, torch.float32, None),
}


def spelled_as_in_version_4(config):
    config = dict(config)
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope["rope_theta"]
    config["rope_scaling"] = None
    if rope["rope_type"] != "default":
        config["rope_scaling"] = {k: v for k, v in rope.items() if k != "rope_theta"}
    if rope["rope_type"] == "linear":  # the oldest spelling
        config["rope_scaling"]["type"] = config["rope_scaling"].pop("rope_type")
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.40.0"
    config.pop("layer_types", None)
    return config


def make(name, config, kind, dtype, shard, seed=0):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(sum(name.encode()) + seed)
    config._attn_implementation = "eager"
    model = kind(config).float().eval()
    with torch.no_grad():
        for parameter_name, p in model.named_parameters():
            if "norm" in parameter_name:
                p.copy_(0.3 * torch.randn_like(p) + (0.0 if name == "gemma2" else 1.0))
            else:
                p.copy_(torch.randn_like(p) * (0.3 if "bias" in parameter_name else 0.4))
    model = model.to(dtype)
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()

    ids = torch.randint(3, VOCABULARY, (1, LENGTH))
    with torch.no_grad():
        logprobs = model(ids).logits[0].log_softmax(-1)
        next_logprobs = logprobs[torch.arange(LENGTH - 1), ids[0, 1:]]
        greedy = ids[:, :6]
        margins = []
        for _ in range(NEW):
            logits = model(greedy).logits[0, -1]
            top = logits.topk(2).values
            margins.append((top[0] - top[1]).item())
            greedy = torch.cat([greedy, logits.argmax()[None, None]], 1)
    if min(margins) < 5e-3 or len(set(greedy[0, 6:].tolist())) < 6:  # too close to call, or a dull continuation
        return make(name, config, kind, dtype, shard, seed + 1000)
    expected = {"ids": ids[0].tolist(), "logprobs": next_logprobs.tolist(), "last": logprobs[-1].tolist(),
                "greedy": greedy[0, 6:].tolist()}
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    written = json.loads((folder / "config.json").read_text())
    written.pop("transformers_version")
    (folder / "config.json").write_text(json.dumps(written, indent=1) + "\n")
    (folder / "config.v4.json").write_text(json.dumps(spelled_as_in_version_4(written), indent=1) + "\n")
    print(name, sorted(p.name for p in folder.iterdir()), f"margin {min(margins):.3f}")


def make_adapter(name):
    """An adapter by PEFT on one of the models, as its users have them."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(11)
    model = AutoModelForCausalLM.from_pretrained(HERE / name, dtype=torch.float32, attn_implementation="eager").eval()
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"]
    model = get_peft_model(model, LoraConfig(r=3, lora_alpha=6, target_modules=targets, task_type="CAUSAL_LM")).eval()
    with torch.no_grad():
        for parameter_name, p in model.named_parameters():
            if "lora_B" in parameter_name:
                p.copy_(torch.randn_like(p) * 0.3)
        ids = torch.tensor([json.loads((HERE / name / "expected.json").read_text())["ids"]])
        logprobs = model(ids).logits[0].log_softmax(-1)[torch.arange(LENGTH - 1), ids[0, 1:]]
    folder = HERE / f"{name}-adapter"
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    written = json.loads((folder / "adapter_config.json").read_text())
    written["base_model_name_or_path"] = name
    written["target_modules"] = sorted(written["target_modules"])
    (folder / "adapter_config.json").write_text(json.dumps(written, indent=1) + "\n")
    (folder / "expected.json").write_text(json.dumps({"logprobs": logprobs.tolist()}) + "\n")
    print(folder.name)


print("transformers", transformers.__version__)
for name, settings in MODELS.items():
    make(name, *settings)
make_adapter("llama2")
