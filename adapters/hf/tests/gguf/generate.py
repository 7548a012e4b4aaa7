"""Makes GGUF files of the tiny models in ../models with the Python package `gguf`, laid out as llama.cpp's converter does, and has transformers read them.

    pip install torch transformers gguf==0.19.0
    python generate.py

A file holds the weights of its folder in the folder's types, so what the folder's expected.json says holds for it. `blocks` is a model of its own, whose
matrices are in blocks of 32; blocks.json is what transformers makes of it.
"""

import json
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind, GGUFWriter
from gguf.quants import quantize
from safetensors import safe_open
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma2": "gemma2"}
NAMES = ["llama2", "llama3", "llama-linear", "smollm2", "qwen2", "qwen3", "gemma2"]
# transformers 5.24 takes no biases and no stretched frequencies from a file, no width of Qwen 3's heads and no scale of Gemma 2's attention.
BEYOND_TRANSFORMERS = {"llama3", "llama-linear", "qwen3", "gemma2"}
BLOCK_NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
}
KINDS = {torch.float32: Kind.F32, torch.float16: Kind.F16, torch.bfloat16: Kind.BF16}


def called(name, family):
    if not name.startswith("model.layers."):
        return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}[name]
    _, _, layer, rest = name.split(".", 3)
    part, kind = rest.rsplit(".", 1)
    after = "post_attention_norm" if family == "gemma2" else "ffn_norm"
    return f"blk.{layer}.{BLOCK_NAMES.get(part, after)}.{kind}"


def permute(values, heads):
    return values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def changed(name, values, config, architecture):
    if architecture == "llama" and ".q_proj." in name:
        return permute(values, config["num_attention_heads"])
    if architecture == "llama" and ".k_proj." in name:
        return permute(values, config["num_key_value_heads"])
    return values + 1 if architecture.startswith("gemma") and name.endswith("norm.weight") else values


def llama3_divisors(rope, head):
    frequencies = 1.0 / (rope["rope_theta"] ** (torch.arange(0, head, 2, dtype=torch.float32) / head))
    low, high, original = rope["low_freq_factor"], rope["high_freq_factor"], rope["original_max_position_embeddings"]
    divisors = []
    for frequency in frequencies:
        wave = 2 * np.pi / frequency.item()
        smooth = (original / wave - low) / (high - low)
        divisors.append(1 if wave < original / high else rope["factor"] if wave > original / low else 1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(divisors, dtype=np.float32)


def keys(writer, config):
    """As `set_gguf_parameters` of the converter."""
    rope = config["rope_parameters"]
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    if "head_dim" in config:
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    if rope["rope_type"] == "linear":
        writer.add_string(f"{writer.arch}.rope.scaling.type", "linear")
        writer.add_float32(f"{writer.arch}.rope.scaling.factor", rope["factor"])
    if writer.arch == "gemma2":
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
        writer.add_sliding_window(config["sliding_window"])
    # No tokenizer: these ids alone.
    for key, field in [("bos", "bos_token_id"), ("eos", "eos_token_id"), ("padding", "pad_token_id")]:
        writer.add_uint32(f"tokenizer.ggml.{key}_token_id", config[field])


def write(path, config, tensors, kind_of):
    architecture = ARCHITECTURES[config["model_type"]]
    writer = GGUFWriter(path, architecture)
    writer.add_type("model")
    writer.add_name(path.stem)
    keys(writer, config)
    rope = config["rope_parameters"]
    if rope["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_divisors(rope, config["hidden_size"] // config["num_attention_heads"]))
    for name, tensor in tensors.items():
        values = changed(name, tensor.float().numpy(), config, architecture)
        kind = Kind.F32 if values.ndim == 1 else kind_of(name, tensor)
        writer.add_tensor(called(name, config["model_type"]), quantize(np.ascontiguousarray(values), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_by_transformers(path, ids):
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(ids[:, :-1]).logits[0].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]


def of_folder(name):
    folder = MODELS / name
    config = json.loads((folder / "config.json").read_text())
    if name == "gemma2":
        # llama.cpp has one scale of attention for each size, that of the heads' width; the folder has another, so the queries take the difference.
        factor = (config["head_dim"] / config["query_pre_attn_scalar"]) ** 0.5
    tensors = {}
    for shard in sorted(folder.glob("*.safetensors")):
        with safe_open(shard, "pt") as file:
            tensors |= {key: file.get_tensor(key) for key in file.keys()}
    if name == "gemma2":
        tensors = {key: tensor * factor if ".q_proj." in key else tensor for key, tensor in tensors.items()}
    path = HERE / f"{name}.gguf"
    write(path, config, tensors, lambda _, tensor: KINDS[tensor.dtype])
    expected = json.loads((folder / "expected.json").read_text())
    if name not in BEYOND_TRANSFORMERS:
        gap = (read_by_transformers(path, torch.tensor([expected["ids"]])) - torch.tensor(expected["logprobs"])).abs().max().item()
        print(f"{name:<12} {path.stat().st_size} bytes; transformers reads it as its folder, within {gap:.1e}")
        assert gap < 1e-4


def of_blocks():
    config = LlamaConfig(vocab_size=32, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                         max_position_embeddings=64, bos_token_id=0, eos_token_id=1, pad_token_id=2, rope_parameters={"rope_type": "default", "rope_theta": 10_000.0})
    torch.manual_seed(6)
    model = LlamaForCausalLM(config).float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter) + (1 if "norm" in name else 0))
    kinds = {"q_proj": Kind.Q8_0, "k_proj": Kind.Q5_1, "v_proj": Kind.Q5_0, "o_proj": Kind.Q4_1, "gate_proj": Kind.Q4_0, "up_proj": Kind.Q8_0, "down_proj": Kind.Q5_1}
    kind_of = lambda name, _: next((kind for part, kind in kinds.items() if part in name), Kind.Q8_0)
    path = HERE / "blocks.gguf"
    write(path, config.to_dict(), dict(model.state_dict()), kind_of)
    ids = torch.randint(3, 32, (1, 24))
    logprobs = read_by_transformers(path, ids)
    (HERE / "blocks.json").write_text(json.dumps({"ids": ids[0].tolist(), "logprobs": logprobs.tolist()}) + "\n")
    print(f"blocks       {path.stat().st_size} bytes")


for name in NAMES:
    of_folder(name)
of_blocks()
