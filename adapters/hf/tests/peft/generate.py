"""Makes an adapter for every setting of PEFT's LoraConfig on one of the tiny models in `../models`, and what PEFT makes of it in float32.

    pip install torch transformers==5.24.0 peft==0.21.2 attrs
    python generate.py [NAME ...]

Each folder holds what `save_pretrained` wrote and `expected.json`: the model folder, some ids, and the log-probabilities that PEFT gives after loading the
adapter onto the untouched base again (`logprobs`; none where PEFT itself can't load it), with the largest distance from the model as it was
when it was saved (`lost`). The trained numbers are random. What needs a GPU or another library (LoftQ, Arrow, Megatron) is a change of the
plain settings in `../peft.rs`.
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

import peft
import torch
import transformers
from peft import PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
IDS = [10, 5, 19, 21, 23, 9, 9, 6, 18, 25, 31, 20, 28, 18]
QV = ["q_proj", "v_proj"]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

# name: (model folder, settings beside r=3, lora_alpha=6, target_modules=QV)
CASES = {
    "plain": ("llama2", {}),
    "plain-f16": ("qwen2", dict(target_modules=ALL)),
    "plain-gemma": ("gemma2", dict(target_modules=ALL)),
    "plain-gemma3": ("gemma3", dict(target_modules=ALL)),
    "plain-smollm3": ("smollm3", dict(target_modules=ALL)),
    "plain-olmo2": ("olmo2", dict(target_modules=ALL)),
    "plain-olmo3": ("olmo3", dict(target_modules=ALL)),
    "dropout": ("llama2", dict(lora_dropout=0.1)),
    "alpha-zero": ("llama2", dict(lora_alpha=0)),
    # Where the first numbers come from.
    "init-false": ("llama2", dict(init_lora_weights=False)),
    "init-gaussian": ("llama2", dict(init_lora_weights="gaussian")),
    "init-orthogonal": ("llama2", dict(init_lora_weights="orthogonal", r=4)),
    "init-mica": ("llama2", dict(init_lora_weights="mica")),
    "init-eva": ("llama2", dict(init_lora_weights="eva", eva_config=peft.EvaConfig())),
    "init-pissa": ("llama2", dict(init_lora_weights="pissa", target_modules=ALL)),
    "init-pissa-full-rank": ("llama2", dict(init_lora_weights="pissa", r=20)),
    "init-pissa-f16": ("qwen2", dict(init_lora_weights="pissa", target_modules=ALL)),
    "init-pissa-rslora-patterns": ("llama3", dict(init_lora_weights="pissa", use_rslora=True, rank_pattern={"q_proj": 5}, alpha_pattern={"v_proj": 9})),
    "init-pissa-dora": ("llama2", dict(init_lora_weights="pissa", use_dora=True)),
    "init-pissa-converted": ("llama2", dict(init_lora_weights="pissa")),
    "init-pissa-niter": ("llama2", dict(init_lora_weights="pissa_niter_16")),
    "init-olora": ("llama2", dict(init_lora_weights="olora", target_modules=ALL)),
    "init-olora-full-rank": ("llama2", dict(init_lora_weights="olora", r=20)),
    "init-olora-f16": ("qwen2", dict(init_lora_weights="OLoRA", target_modules=ALL)),
    "init-olora-patterns": ("llama3", dict(init_lora_weights="olora", rank_pattern={"q_proj": 5}, alpha_pattern={"v_proj": 9})),
    "init-olora-dora": ("llama2", dict(init_lora_weights="olora", use_dora=True)),
    "init-pissa-head": ("llama2", dict(init_lora_weights="pissa", target_modules=["q_proj", "lm_head"])),
    "init-pissa-tied-head": ("qwen2", dict(init_lora_weights="pissa", target_modules=["q_proj", "lm_head"])),
    "init-corda": ("llama2", dict(init_lora_weights="corda")),
    "init-lora-ga": ("llama2", dict(init_lora_weights="lora_ga", lora_ga_config=peft.LoraGAConfig())),
    # Ranks and scales.
    "rslora": ("llama2", dict(use_rslora=True)),
    "rank-pattern": ("llama2", dict(target_modules=ALL, rank_pattern={"layers.0.self_attn.q_proj": 5, "v_proj": 2, r".*\.1\.mlp\..*": 1})),
    "alpha-pattern": ("llama2", dict(target_modules=ALL, alpha_pattern={r"model\.layers\.0\..*_proj": 11, "q_proj": 1, "^v_proj": 99})),
    "patterns-rslora": ("llama2", dict(use_rslora=True, rank_pattern={"q_proj": 4}, alpha_pattern={"q_proj": 3.5, "v_proj": 7})),
    "patterns-overlap": ("llama2", dict(alpha_pattern={"v_proj": 2, r"layers\.\d.self_attn.v_proj": 9, r".*(?<!q)_proj": 30})),
    # Which modules.
    "regex": ("llama2", dict(target_modules=r".*\.(q|up)_proj")),
    "regex-lookahead": ("llama2", dict(target_modules=r"^(?!.*layers\.0)(?=.*layers).*\.(q_proj|v_proj|down_proj)$")),
    "full-names": ("llama2", dict(target_modules=["model.layers.1.self_attn.q_proj", "model.layers.0.mlp.down_proj"])),
    "partly-named": ("llama2", dict(target_modules=["self_attn.q_proj", "0.mlp.up_proj", "query_key_value"])),
    "all-linear": ("llama2", dict(target_modules="all-linear", r=1)),
    "exclude-list": ("llama2", dict(exclude_modules=["layers.1.self_attn.q_proj"])),
    "exclude-regex": ("llama2", dict(exclude_modules=r".*layers\.0.*v_proj")),
    "layers-one": ("llama2", dict(layers_to_transform=1)),
    "layers-list": ("llama2", dict(layers_to_transform=[0], layers_pattern="layers")),
    "layers-pattern-list": ("llama2", dict(layers_to_transform=[1], layers_pattern=["h", "layers"])),
    "layers-and-full-names": ("llama2", dict(target_modules=["model.layers.0.mlp.up_proj", "q_proj", "lm_head"], layers_to_transform=1)),
    # DoRA.
    "dora": ("llama2", dict(use_dora=True, target_modules=ALL)),
    "dora-biased": ("qwen2", dict(use_dora=True, use_rslora=True, target_modules=ALL)),
    "dora-head": ("llama2", dict(use_dora=True, target_modules=["lm_head", "v_proj"])),
    "dora-embedding": ("llama2", dict(use_dora=True, target_modules=["embed_tokens", "v_proj"])),
    # Embeddings and head.
    "head": ("llama2", dict(target_modules=["q_proj", "lm_head"])),
    "head-tied": ("qwen2", dict(target_modules=["q_proj", "lm_head"])),
    "embedding": ("llama2", dict(target_modules=["q_proj", "embed_tokens"])),
    "embedding-tied": ("qwen2", dict(target_modules=["q_proj", "embed_tokens"])),
    "embedding-scaled": ("gemma2", dict(target_modules=["q_proj", "embed_tokens"])),
    "embedding-and-head-tied": ("qwen2", dict(target_modules=["embed_tokens", "lm_head"], ensure_weight_tying=True)),
    "saved-head": ("llama2", dict(modules_to_save=["lm_head"])),
    "saved-embedding": ("llama2", dict(modules_to_save=["embed_tokens"])),
    "saved-both": ("llama2", dict(modules_to_save=["embed_tokens", "lm_head"])),
    "saved-head-tied": ("qwen2", dict(modules_to_save=["lm_head"])),
    "saved-embedding-tied": ("qwen2", dict(modules_to_save=["embed_tokens"])),
    "saved-both-tied": ("qwen2", dict(modules_to_save=["embed_tokens", "lm_head"])),
    "saved-embedding-kept-tied": ("qwen2", dict(modules_to_save=["embed_tokens"], ensure_weight_tying=True)),
    "saved-both-scaled": ("gemma2", dict(modules_to_save=["embed_tokens", "lm_head"])),
    "saved-norms": ("llama2", dict(modules_to_save=["input_layernorm", "norm"])),
    "saved-mlp": ("llama2", dict(modules_to_save=["layers.0.mlp"])),
    "saved-and-targeted": ("qwen2", dict(target_modules=["q_proj", "k_proj"], modules_to_save=["k_proj"])),
    "tokens-list": ("llama2", dict(trainable_token_indices=[3, 10, 5])),
    "tokens-of-head": ("llama2", dict(trainable_token_indices={"embed_tokens": [9, 10], "lm_head": [19, 25, 6]})),
    "tokens-tied": ("qwen2", dict(trainable_token_indices=[9, 21])),
    "tokens-tied-ensured": ("qwen2", dict(trainable_token_indices={"embed_tokens": [9, 21]}, ensure_weight_tying=True)),
    "tokens-named-tied": ("qwen2", dict(trainable_token_indices={"embed_tokens": [9, 21]})),
    "tokens-of-head-tied": ("qwen2", dict(trainable_token_indices={"lm_head": [9, 21]})),
    "tokens-of-both-tied": ("qwen2", dict(trainable_token_indices={"embed_tokens": [9, 21], "lm_head": [9, 6]})),
    "tokens-scaled": ("gemma2", dict(trainable_token_indices=[9, 21])),
    # Biases.
    "bias-all": ("qwen2", dict(bias="all")),
    "bias-lora-only": ("qwen2", dict(bias="lora_only")),
    "bias-all-without-any": ("llama2", dict(bias="all")),
    "lora-bias": ("qwen2", dict(lora_bias=True)),
    "lora-bias-without-any": ("llama2", dict(lora_bias=True)),
    # What computes something else.
    "fan-in-fan-out": ("llama2", dict(fan_in_fan_out=True)),
    "alora": ("llama2", dict(alora_invocation_tokens=[9, 6])),
    "layer-replication": ("llama2", dict(layer_replication=[[0, 2], [1, 2]])),
    "target-parameters": ("llama2", dict(target_modules=[], target_parameters=["q_proj.weight"])),
    "qalora": ("llama2", dict(use_qalora=True)),
    "velora": ("llama2", dict(velora_config=peft.tuners.lora.config.VeloraConfig(num_groups=4))),
    "monteclora": ("llama2", dict(monteclora_config=peft.tuners.lora.config.MontecloraConfig(num_samples=2, buffer_size=4))),
    "bdlora": ("llama2", dict(use_bdlora=peft.tuners.lora.config.BdLoraConfig(target_modules_bd_a=["q_proj"], target_modules_bd_b=["v_proj"], nblocks=2), r=4)),
    "kasa": ("llama2", dict(kasa_config=peft.tuners.lora.config.KasaConfig())),
}

# Other kinds of adapters.
OTHERS = {
    "type-adalora": ("llama2", lambda: peft.AdaLoraConfig(total_step=10, target_modules=QV, task_type="CAUSAL_LM")),
    "type-ia3": ("llama2", lambda: peft.IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"], task_type="CAUSAL_LM")),
    "type-loha": ("llama2", lambda: peft.LoHaConfig(r=2, target_modules=QV, task_type="CAUSAL_LM")),
    "type-lokr": ("llama2", lambda: peft.LoKrConfig(r=2, target_modules=QV, task_type="CAUSAL_LM")),
    "type-vera": ("llama2", lambda: peft.VeraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")),
    "type-oft": ("llama2", lambda: peft.OFTConfig(oft_block_size=4, target_modules=QV, task_type="CAUSAL_LM")),
    "type-prompt-tuning": ("llama2", lambda: peft.PromptTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM")),
    "type-trainable-tokens": ("llama2", lambda: peft.TrainableTokensConfig(token_indices=[3, 4], task_type="CAUSAL_LM")),
    "task-of-classes": ("llama2", lambda: peft.LoraConfig(r=2, target_modules=QV, task_type="SEQ_CLS")),
}


def load(name):
    return AutoModelForCausalLM.from_pretrained(MODELS / name, dtype=torch.float32, attn_implementation="eager").eval()


def logprobs(model):
    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor([IDS])).logits[0, -len(IDS):]
    return logits.log_softmax(-1)[torch.arange(len(IDS) - 1), torch.tensor(IDS[1:])]


def prepare(name, base, config):
    """What the user of such a setting does before the adapter is made."""
    if name == "init-corda":
        from peft.tuners.lora.corda import preprocess_corda
        preprocess_corda(base, config, run_model=lambda: base(torch.tensor([IDS])))
    if name == "init-lora-ga":
        from peft.tuners.lora.loraga import preprocess_loraga

        def step():
            base(torch.tensor([IDS]), labels=torch.tensor([IDS])).loss.backward()
        preprocess_loraga(base, config, step)


def make(name, folder, model_name, config):
    torch.manual_seed(sum(name.encode()))
    base = load(model_name)
    prepare(name, base, config)
    model = get_peft_model(base, config)
    if name.endswith("converted"):
        model.save_pretrained(folder / "initial")
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(0.2 * torch.randn_like(p))
    before = logprobs(model)
    if name.endswith("converted"):
        model.save_pretrained(folder, path_initial_model_for_weight_conversion=str(folder / "initial"))
        shutil.rmtree(folder / "initial")
    else:
        model.save_pretrained(folder)
    expected = {"model": model_name, "ids": IDS}
    try:
        after = logprobs(PeftModel.from_pretrained(load(model_name), folder))
        expected |= {"logprobs": after.tolist(), "lost": (after - before).abs().max().item()}
    except Exception as error:  # noqa: BLE001 what it can't load is a case too
        expected |= {"refused_by_peft": f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"}
    return expected


def tidy(folder, model_name):
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    written = json.loads(path.read_text())
    written["base_model_name_or_path"] = model_name
    for field in ("target_modules", "exclude_modules"):
        if isinstance(written.get(field), list):
            written[field].sort()
    path.write_text(json.dumps(written, sort_keys=True) + "\n")


print("transformers", transformers.__version__, "peft", peft.__version__)
warnings.simplefilter("ignore")
wanted = sys.argv[1:]
for name, (model_name, settings) in (CASES | OTHERS).items():
    if wanted and name not in wanted:
        continue
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    try:
        config = settings() if callable(settings) else peft.LoraConfig(**({"r": 3, "lora_alpha": 6, "target_modules": QV, "task_type": "CAUSAL_LM"} | settings))
        expected = make(name, folder, model_name, config)
        tidy(folder, model_name)
        (folder / "expected.json").write_text(json.dumps(expected) + "\n")
        print(f"{name:<28} lost {expected.get('lost', float('nan')):.1e}  {expected.get('refused_by_peft', '')}")
    except Exception as error:  # noqa: BLE001
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{name:<28} PEFT can't make it: {type(error).__name__}: {str(error).splitlines()[0][:150]}")
