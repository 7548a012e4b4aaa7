"""Makes the tiny checkpoints of this folder, one of each family, and what transformers makes of them in float32.

    pip install torch transformers peft
    python generate.py [NAME ...]

Their architectures are the true ones; their weights are random numbers. `config.json` is as transformers 5 writes it, `config.v4.json` says the
same in the spelling of transformers 4.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers
from transformers import (AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM, MistralConfig,
                          MistralForCausalLM, Olmo2Config, Olmo2ForCausalLM, Olmo3Config, Olmo3ForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config,
                          Qwen3ForCausalLM, SmolLM3Config, SmolLM3ForCausalLM)

HERE = Path(__file__).parent
VOCABULARY, LENGTH, NEW = 32, 24, 18
BASE = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=64, bos_token_id=0, eos_token_id=1, pad_token_id=2)
ROPE = {"rope_type": "default", "rope_theta": 10_000.0}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}
YARN = {"rope_type": "yarn", "rope_theta": 500_000.0, "factor": 4.0, "original_max_position_embeddings": 16}


def kinds(full, sliding):
    """Rotary positions for each kind of layer."""
    return {"full_attention": full, "sliding_attention": sliding}


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
    # Six layers, of which the last is global; another pattern, stretched and biased.
    "gemma3": (Gemma3TextConfig(**BASE | {"num_hidden_layers": 6}, rope_parameters=kinds(ROPE | {"rope_theta": 1_000_000.0}, ROPE | {"rope_theta": 100.0}),
                                head_dim=8, query_pre_attn_scalar=12, sliding_window=6), Gemma3ForCausalLM, torch.bfloat16, None),
    "gemma3-linear": (Gemma3TextConfig(**BASE | {"num_hidden_layers": 3}, rope_parameters=kinds(ROPE | {"rope_type": "linear", "factor": 8.0}, ROPE), head_dim=6,
                                       query_pre_attn_scalar=6, sliding_window=5, sliding_window_pattern=2, final_logit_softcapping=4.0,
                                       attention_bias=True), Gemma3ForCausalLM, torch.float32, None),
    # The fourth layer does not rotate; neither does the first, which has a window, and biases.
    "smollm3": (SmolLM3Config(**BASE | {"num_hidden_layers": 5}, rope_parameters=ROPE | {"rope_theta": 2_000_000.0}), SmolLM3ForCausalLM, torch.bfloat16, None),
    "smollm3-windows": (SmolLM3Config(**BASE | {"num_hidden_layers": 3}, rope_parameters=ROPE, no_rope_layers=[0, 1, 1], use_sliding_window=True, sliding_window=5,
                                      attention_bias=True, mlp_bias=True, tie_word_embeddings=False), SmolLM3ForCausalLM, torch.float32, None),
    "olmo2": (Olmo2Config(**BASE, rope_parameters=ROPE), Olmo2ForCausalLM, torch.float32, None),
    # Three layers with a window, one without, whose rotary positions are stretched, and one more.
    "olmo3": (Olmo3Config(**BASE | {"num_hidden_layers": 5}, rope_parameters=kinds(YARN, ROPE | {"rope_theta": 500_000.0}), sliding_window=6, attention_bias=True),
              Olmo3ForCausalLM, torch.bfloat16, None),
}


def spelled_as_in_version_4(config):
    config = dict(config)
    rope = config.pop("rope_parameters")
    if "full_attention" in rope:
        local = rope["sliding_attention"]
        rope = rope["full_attention"]
        if config["model_type"] == "gemma3_text":
            config["rope_local_base_freq"] = local["rope_theta"]
            config["sliding_window_pattern"] = config.pop("_sliding_window_pattern")
    config["rope_theta"] = rope["rope_theta"]
    config["rope_scaling"] = None
    if rope["rope_type"] != "default":
        config["rope_scaling"] = {k: v for k, v in rope.items() if k != "rope_theta"}
    if rope["rope_type"] == "linear" and config["model_type"] != "gemma3_text":  # the oldest spelling; Gemma 3 is younger, and transformers 5.24 does not read it there
        config["rope_scaling"]["type"] = config["rope_scaling"].pop("rope_type")
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.40.0"
    config.pop("layer_types", None)
    if config.get("no_rope_layers") == [1, 1, 1, 0, 1]:  # as every fourth
        config.pop("no_rope_layers")
    return config


def make(name, config, kind, dtype, shard):
    folder, seed = HERE / name, 0
    config._attn_implementation = "eager"
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        torch.manual_seed(sum(name.encode()) + seed)
        model = kind(config).float().eval()
        with torch.no_grad():
            for parameter_name, p in model.named_parameters():
                if "norm" in parameter_name:
                    p.copy_(0.3 * torch.randn_like(p) + (0.0 if name.startswith("gemma") else 1.0))
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
        if min(margins) >= 5e-3 and len(set(greedy[0, 6:].tolist())) >= 6:
            break
        seed += 1000  # too close to call, or a dull continuation
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
wanted = sys.argv[1:]
for name, settings in MODELS.items():
    if not wanted or name in wanted:
        make(name, *settings)
if not wanted:
    make_adapter("llama2")
