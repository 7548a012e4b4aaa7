"""Makes GGUF files of the tiny models in ../models with the Python package `gguf`, laid out as llama.cpp's converter does, and has transformers read them.

    pip install torch transformers gguf==0.19.0
    python generate.py

The smallest ones, for the fuzzer, go to `tests/fuzz/corpus/gguf`. A file holds the weights of its folder in the folder's types, so what the folder's expected.json says holds for it. `blocks` and `olmo3` are models of
their own, one with matrices in blocks of 32, the other with windows; beside them lies what transformers makes of them.
"""

import json
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind, GGUFWriter
from gguf.quants import quantize
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Olmo3Config, Olmo3ForCausalLM

HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma2": "gemma2", "gemma3_text": "gemma3", "smollm3": "smollm3", "olmo2": "olmo2",
                 "olmo3": "olmo2"}
NAMES = ["llama2", "llama3", "llama-linear", "smollm2", "qwen2", "qwen3", "gemma2", "gemma3", "gemma3-linear", "smollm3", "olmo2"]
# What transformers 5.24 is not asked about: it refuses Qwen 3 with heads of this width, knows no smollm3 and no olmo2, and by its table of keys reads no biases, no
# stretched frequencies and no scale of Gemma's attention from a file.
BEYOND_TRANSFORMERS = set(NAMES) - {"llama2", "smollm2", "qwen2"}
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
    after = "post_attention_norm" if family.startswith(("gemma", "olmo")) else "ffn_norm"
    return f"blk.{layer}.{BLOCK_NAMES.get(part, after)}.{kind}"


TURNED = ("llama", "smollm3")


def permute(values, heads):
    return values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def changed(name, values, config, architecture):
    if architecture in TURNED and ".q_proj." in name:
        return permute(values, config["num_attention_heads"])
    if architecture in TURNED and ".k_proj." in name:
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
    if "full_attention" in rope:
        writer.add_float32(f"{writer.arch}.rope.freq_base_swa", rope["sliding_attention"]["rope_theta"])
        rope = rope["full_attention"]
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
    if writer.arch == "gemma3" and config["final_logit_softcapping"]:
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    if writer.arch.startswith("gemma") or config["model_type"] == "olmo3":
        writer.add_sliding_window(config["sliding_window"])
    if config["model_type"] == "olmo3":
        writer.add_sliding_window_pattern([kind == "sliding_attention" for kind in config["layer_types"]])
    elif config.get("sliding_window_pattern"):
        writer.add_uint32(f"{writer.arch}.attention.sliding_window_pattern", config["sliding_window_pattern"])
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
    if rope.get("rope_type") == "llama3":
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
    tensors = {}
    for shard in sorted(folder.glob("*.safetensors")):
        with safe_open(shard, "pt") as file:
            tensors |= {key: file.get_tensor(key) for key in file.keys()}
    if "query_pre_attn_scalar" in config:
        # llama.cpp has one scale of attention for each size, that of the heads' width; the folder has another, so what the queries are made of last takes the
        # difference: the weights of Gemma 2, the norm of Gemma 3, to which 1 is added.
        factor = (config["head_dim"] / config["query_pre_attn_scalar"]) ** 0.5
        scaled = {".q_proj.weight": lambda values: values * factor} if name == "gemma2" else {".q_norm.weight": lambda values: (values.float() + 1) * factor - 1}
        for part, scale in scaled.items():
            tensors = {key: scale(tensor) if key.endswith(part) else tensor for key, tensor in tensors.items()}
    path = HERE / f"{name}.gguf"
    write(path, config, tensors, lambda _, tensor: KINDS[tensor.dtype])
    expected = json.loads((folder / "expected.json").read_text())
    if name not in BEYOND_TRANSFORMERS:
        gap = (read_by_transformers(path, torch.tensor([expected["ids"]])) - torch.tensor(expected["logprobs"])).abs().max().item()
        print(f"{name:<12} {path.stat().st_size} bytes; transformers reads it as its folder, within {gap:.1e}")
        assert gap < 1e-4


def of_own(name, model, kind_of, by_transformers):
    """A model that no folder holds, and what transformers makes of it, or of its file."""
    torch.manual_seed(6)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter) + (1 if "norm" in parameter_name else 0))
    path = HERE / f"{name}.gguf"
    write(path, model.config.to_dict(), dict(model.state_dict()), kind_of)
    ids = torch.randint(3, 32, (1, 24))
    if by_transformers:
        logprobs = read_by_transformers(path, ids)
    else:
        with torch.no_grad():
            logprobs = model.eval()(ids[:, :-1]).logits[0].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    (HERE / f"{name}.json").write_text(json.dumps({"ids": ids[0].tolist(), "logprobs": logprobs.tolist()}) + "\n")
    print(f"{name:<12} {path.stat().st_size} bytes")


for name in NAMES:
    of_folder(name)
sizes = dict(vocab_size=32, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, bos_token_id=0, eos_token_id=1, pad_token_id=2)
blocks = {"q_proj": Kind.Q8_0, "k_proj": Kind.Q5_1, "v_proj": Kind.Q5_0, "o_proj": Kind.Q4_1, "gate_proj": Kind.Q4_0, "up_proj": Kind.Q8_0, "down_proj": Kind.Q5_1}
rope = {"rope_type": "default", "rope_theta": 10_000.0}
of_own("blocks", LlamaForCausalLM(LlamaConfig(**sizes, hidden_size=32, intermediate_size=64, num_hidden_layers=2, rope_parameters=rope)).float(),
       lambda name, _: next((kind for part, kind in blocks.items() if part in name), Kind.Q8_0), True)
of_own("olmo3", Olmo3ForCausalLM(Olmo3Config(**sizes, hidden_size=16, intermediate_size=24, num_hidden_layers=5, sliding_window=6, attn_implementation="eager",
                                             rope_parameters={"full_attention": rope, "sliding_attention": rope})).float(), lambda *_: Kind.F32, False)

# For the fuzzer: one layer of each architecture, in one type each.
seeds = HERE.parents[3] / "tests/fuzz/corpus/gguf"
seeds.mkdir(exist_ok=True)
tiny = sizes | dict(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1)
torch.manual_seed(7)
of_kind = {"llama": Kind.BF16, "qwen2": Kind.F32, "qwen3": Kind.F16, "gemma2": Kind.F16, "gemma3_text": Kind.BF16, "smollm3": Kind.F32, "olmo2": Kind.F16}
for family, kind in of_kind.items():
    config = AutoConfig.for_model(family, **tiny, **({"head_dim": 4} if family.startswith(("gemma", "qwen3")) else {}))
    if family == "llama":
        config.rope_parameters = rope | {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
    model = AutoModelForCausalLM.from_config(config)
    write(seeds / family, model.config.to_dict(), dict(model.state_dict()) if not config.tie_word_embeddings else
          {key: value for key, value in model.state_dict().items() if not key.startswith("lm_head")}, lambda *_: kind)
whole = (seeds / "llama").read_bytes()
(seeds / "blocks").write_bytes((HERE / "blocks.gguf").read_bytes()[:8192])
(seeds / "cut").write_bytes(whole[:len(whole) // 2])
(seeds / "big-endian").write_bytes(whole[:4] + whole[4:8][::-1] + whole[8:])
(seeds / "counts").write_bytes(whole[:8] + b"\xff" * 16 + whole[24:])
print("fuzz seeds:", sorted((path.name, path.stat().st_size) for path in seeds.iterdir()))
