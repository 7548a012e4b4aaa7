#!/usr/bin/env python3
"""The work of `palinode bench`, in PyTorch: the same models, episodes and updates, timed in the same way.

Two peers:
  torch         a clean loop by hand: KV cache kept across attempts, the prompt of a group read once, SDPA, micro-batches
  transformers  LlamaForCausalLM or Qwen2ForCausalLM: `generate` for each attempt on the whole conversation, then the step of common RL trainers:
                log-probabilities of the policy before the update, those of the reference, a clipped update with the K3 estimate of KL

With adapters (`--lora-rank`; by PEFT in the second peer) all else is frozen, and the reference is the same model with its adapters switched off.

Prints one JSON object in the form of `palinode bench --json`. Needs torch; the second peer needs transformers, and peft for adapters.
"""

import argparse
import contextlib
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

GROUP = 8
ANSWER, REVISE = -3, -2  # ids of the special tokens, from the end of the vocabulary
BETA = 0.01
PRESETS = {
    "ledger": dict(vocabulary=13, width=96, layers=2, heads=4, inner=256, prompt=8, answer=8, micro_batch=64),
    "small": dict(vocabulary=4096, width=256, layers=6, heads=8, inner=688, prompt=66, answer=94, micro_batch=8),
    "smollm2-135m": dict(vocabulary=49152, width=576, layers=30, heads=9, kv_heads=3, inner=1536, base=1e5, epsilon=1e-5, tied=True,
                         prompt=63, revision=32, answer=32, micro_batch=8),
    "qwen2-0.5b": dict(vocabulary=151936, width=896, layers=24, heads=14, kv_heads=2, inner=4864, base=1e6, tied=True, bias=True,
                       prompt=66, answer=94, micro_batch=8),
}
USUAL = ["ledger", "small"]
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


class Norm(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(p["width"])), epsilon(p)

    def forward(self, x):
        return F.rms_norm(x, x.shape[-1:], self.weight, self.epsilon)


class Projections(nn.Module):
    """Matrices with the same input as one, each with an adapter of its own."""

    off = False

    def __init__(self, p, inputs, outputs, bias=False):
        super().__init__()
        self.base = nn.Linear(inputs, sum(outputs), bias=bias)
        self.rank = rank = p.get("rank")
        if rank:
            self.base.requires_grad_(False)
            self.a = nn.Parameter(torch.randn(len(outputs) * rank, inputs) * inputs**-0.5)
            self.b = nn.ParameterList(torch.zeros(n, rank) for n in outputs)

    def forward(self, x):
        y = self.base(x)
        if not self.rank or Projections.off:
            return y
        inner = F.linear(x, 2 * self.a).split(self.rank, -1)
        return y + torch.cat([F.linear(h, b) for h, b in zip(inner, self.b)], -1)


@contextlib.contextmanager
def adapters_off():
    Projections.off = True
    try:
        yield
    finally:
        Projections.off = False


class Block(nn.Module):
    def __init__(self, p):
        super().__init__()
        width, inner = p["width"], p["inner"]
        self.heads, self.kv_heads, self.head = p["heads"], kv_heads(p), width // p["heads"]
        self.norm_1, self.norm_2 = Norm(p), Norm(p)
        self.qkv = Projections(p, width, [n * self.head for n in (self.heads, self.kv_heads, self.kv_heads)], p.get("bias", False))
        self.out = Projections(p, width, [width])
        self.gate_up = Projections(p, width, [inner, inner])
        self.down = Projections(p, inner, [width])

    def forward(self, x, rotation, cache=None, at=0):
        rows, new, width = x.shape
        by_head = self.qkv(self.norm_1(x)).view(rows, new, -1, self.head).transpose(1, 2)
        q, k, v = by_head.split([self.heads, self.kv_heads, self.kv_heads], 1)
        q, k = rotate(q, rotation), rotate(k, rotation)
        if cache is not None:
            cache[0][:, :, at : at + new], cache[1][:, :, at : at + new] = k, v
            k, v = cache[0][:, :, : at + new], cache[1][:, :, : at + new]
        # `is_causal` would align the new queries with the first keys, not with the last.
        mask = torch.ones(new, at + new, dtype=torch.bool).tril(at) if new > 1 and at > 0 else None
        attended = F.scaled_dot_product_attention(q, k, v, mask, is_causal=new > 1 and at == 0, enable_gqa=self.kv_heads < self.heads)
        x = x + self.out(attended.transpose(1, 2).reshape(rows, new, width))
        gate, up = self.gate_up(self.norm_2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


def kv_heads(p):
    return p.get("kv_heads", p["heads"])


def epsilon(p):
    return p.get("epsilon", 1e-6)


def rotate(x, rotation):
    cos, sin = rotation
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Decoder(nn.Module):
    def __init__(self, p, context):
        super().__init__()
        self.embedding = nn.Embedding(p["vocabulary"], p["width"])
        self.blocks = nn.ModuleList(Block(p) for _ in range(p["layers"]))
        self.norm = Norm(p)
        self.output = nn.Linear(p["width"], p["vocabulary"], bias=False)
        if p.get("tied"):
            self.output.weight = self.embedding.weight
        half = p["width"] // p["heads"] // 2
        angles = torch.arange(context)[:, None] * p.get("base", 1e4) ** (-torch.arange(half) / half)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())
        if p.get("rank"):
            for plain in (self.embedding, self.output, *(module for module in self.modules() if isinstance(module, Norm))):
                plain.requires_grad_(False)

    def states(self, tokens, cache=None, at=0):
        rotation = self.cos[at : at + tokens.shape[1]], self.sin[at : at + tokens.shape[1]]
        x = self.embedding(tokens)
        for i, block in enumerate(self.blocks):
            x = block(x, rotation, cache and cache[i], at)
        return x

    def logits(self, states):
        return self.output(self.norm(states))


def layout(p):
    """Ends of prompt, first answer, revision instruction and second answer."""
    first, between = p["prompt"] + 1, p.get("revision", 1)
    return first, first + p["answer"], first + p["answer"] + between, first + 2 * p["answer"] + between


def revision(p, rows):
    tokens = [*range(p.get("revision", 1) - 1), p["vocabulary"] + REVISE]
    return torch.tensor(tokens).expand(rows, -1)


def prompts(p, problems):
    drawn = torch.randint(0, p["vocabulary"] - 3, (problems, p["prompt"]))
    return torch.cat([drawn, torch.full((problems, 1), p["vocabulary"] + ANSWER)], 1)


@torch.no_grad()
def rollout(model, p, asked):
    """Two attempts on one cache; returns all ids. (palinode also keeps the log-probability of each token.)"""
    first, _, _, end = layout(p)
    everything = []
    for part in asked.split(max(p["decode_batch"] // GROUP, 1)):
        rows = len(part) * GROUP
        room = lambda rows, columns: torch.empty(rows, kv_heads(p), columns, p["width"] // p["heads"], dtype=model.embedding.weight.dtype)
        small = [[room(len(part), first) for _ in range(2)] for _ in model.blocks]
        states = model.states(part, small)[:, -1:].repeat_interleave(GROUP, 0)
        cache = [[room(rows, end) for _ in range(2)] for _ in model.blocks]
        for kept, made in zip(cache, small):
            for a, b in zip(kept, made):
                a[:, :, :first] = b.repeat_interleave(GROUP, 0)
        ids, at, revise = [part.repeat_interleave(GROUP, 0)], first, revision(p, rows)
        for attempt in range(2):
            if attempt:
                # The last token of the first answer has not been read yet.
                states = model.states(torch.cat([ids[-1], revise], 1), cache, at)
                ids.append(revise)
                at += 1 + revise.shape[1]
            for step in range(p["answer"]):
                if step:
                    states = model.states(ids[-1], cache, at)
                    at += 1
                probabilities = model.logits(states[:, -1]).float().softmax(-1)
                ids.append(torch.multinomial(probabilities, 1))
        everything.append(torch.cat(ids, 1))
    return torch.cat(everything)


def scored(p):
    """Positions whose next token the policy wrote."""
    first, between, second, end = layout(p)
    return torch.cat([torch.arange(first - 1, between - 1), torch.arange(second - 1, end - 1)])


def log_probabilities(model, p, tokens):
    positions = scored(p)
    return model.logits(model.states(tokens)[:, positions]).float().log_softmax(-1), tokens[:, positions + 1]


class Optimizer:
    """AdamW, on f32 copies of the weights where these are narrower."""

    def __init__(self, model):
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        narrow = self.weights[0].dtype != torch.float32
        self.copies = [weight.detach().float() for weight in self.weights] if narrow else None
        self.adam = torch.optim.AdamW(self.copies or self.weights, 3e-4, betas=(0.9, 0.95), weight_decay=0.0, fused=True)

    def clear(self):
        for weight in self.weights:
            weight.grad = None

    def step(self):
        if self.copies:
            for copy, weight in zip(self.copies, self.weights):
                copy.grad = weight.grad.float()
        nn.utils.clip_grad_norm_(self.copies or self.weights, 1.0)
        self.adam.step()
        if self.copies:
            with torch.no_grad():
                for copy, weight in zip(self.copies, self.weights):
                    weight.copy_(copy)
                    copy.grad = None


def update(model, optimizer, p, tokens, advantages, reference=None):
    optimizer.clear()
    for part, gain in zip(tokens.split(p["micro_batch"]), advantages.split(p["micro_batch"])):
        logs, targets = log_probabilities(model, p, part)
        loss = -(gain.repeat_interleave(p["answer"], 1) * logs.gather(-1, targets[..., None])[..., 0]).sum()
        if reference is not None:
            with torch.no_grad(), adapters_off():
                frozen, _ = log_probabilities(reference, p, part)
            loss = loss + BETA * (logs.exp() * (logs - frozen)).sum()
        (loss / len(tokens)).backward()
    optimizer.step()


def rewards(p, tokens):
    """One a right attempt: its first id is even."""
    first, _, second, _ = layout(p)
    return torch.tensor([[1.0 - row[first] % 2, 1.0 - row[second] % 2] for row in tokens.tolist()])


def advantages_of(earned):
    """Leave-one-out baseline, with the bonus for progress in the second column."""
    returns = earned + torch.stack([torch.zeros(len(earned)), 10.0 * (earned[:, 1] - earned[:, 0])], 1)
    groups = returns.view(-1, GROUP, 2)
    return ((groups - groups.mean(1, keepdim=True)) * GROUP / (GROUP - 1)).view(-1, 2)


def frozen_copy(model, into):
    into.requires_grad_(False).load_state_dict(model.state_dict())
    return into


def by_hand(p, problems, repeat):
    torch.manual_seed(0)
    context = layout(p)[-1]
    model = Decoder(p, context).to(p["dtype"])
    reference = model if p.get("rank") else frozen_copy(model, Decoder(p, context).to(p["dtype"]))
    optimizer = Optimizer(model)
    asked = prompts(p, problems)
    tokens = rollout(model, p, asked)
    gains = torch.where(torch.arange(2 * len(tokens)) % 3 == 0, 1.0, -0.5).view(-1, 2)

    def step():
        played = rollout(model, p, asked)
        update(model, optimizer, p, played, advantages_of(rewards(p, played)), reference)

    return report(p, model, tokens, repeat, {
        "rollout": lambda: rollout(model, p, asked),
        "update": lambda: update(model, optimizer, p, tokens, gains),
        "step": step,
    })


def through_transformers(p, problems, repeat):
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    context = layout(p)[-1]
    # Qwen 2 is Llama with biases.
    Config, Model = (Qwen2Config, Qwen2ForCausalLM) if p.get("bias") else (LlamaConfig, LlamaForCausalLM)
    config = Config(vocab_size=p["vocabulary"], hidden_size=p["width"], intermediate_size=p["inner"], num_hidden_layers=p["layers"],
                    num_attention_heads=p["heads"], num_key_value_heads=kv_heads(p), max_position_embeddings=context,
                    tie_word_embeddings=p.get("tied", False), rms_norm_eps=epsilon(p), bos_token_id=None, eos_token_id=None, pad_token_id=0)
    model, plain = Model(config).to(p["dtype"]), contextlib.nullcontext
    if p.get("rank"):
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(r=p["rank"], lora_alpha=2 * p["rank"], target_modules="all-linear", task_type="CAUSAL_LM"))
        reference, plain = model, model.disable_adapter
    else:
        reference = frozen_copy(model, Model(config).to(p["dtype"]))
    optimizer = Optimizer(model)
    asked = prompts(p, problems)

    @torch.no_grad()
    def generate():
        played = asked.repeat_interleave(GROUP, 0)
        for attempt in range(2):
            if attempt:
                played = torch.cat([played, revision(p, len(played))], 1)
            played = model.generate(played, attention_mask=torch.ones_like(played), do_sample=True, top_k=0, top_p=1.0,
                                    max_new_tokens=p["answer"], min_new_tokens=p["answer"])
        return played

    def logs_of(scoring, part):
        positions = scored(p)
        logits = scoring(part).logits[:, positions].float()
        return logits.log_softmax(-1).gather(-1, part[:, positions + 1, None])[..., 0]

    def learn(played, gains, with_reference):
        optimizer.clear()
        for part, gain in zip(played.split(p["micro_batch"]), gains.split(p["micro_batch"])):
            gain = gain.repeat_interleave(p["answer"], 1)
            logs = logs_of(model, part)
            old = logs.detach()
            if with_reference:
                with torch.no_grad():
                    old = logs_of(model, part)
                    with plain():
                        frozen = logs_of(reference, part)
            ratio = (logs - old).exp()
            loss = -torch.minimum(ratio * gain, ratio.clamp(0.8, 1.2) * gain).sum()
            if with_reference:
                difference = frozen - logs
                loss = loss + BETA * (difference.exp() - difference - 1).sum()
            (loss / len(played)).backward()
        optimizer.step()

    tokens = generate()
    gains = torch.where(torch.arange(2 * len(tokens)) % 3 == 0, 1.0, -0.5).view(-1, 2)

    def step():
        played = generate()
        learn(played, advantages_of(rewards(p, played)), True)

    return report(p, model, tokens, repeat, {
        "rollout": generate,
        "update": lambda: learn(tokens, gains, False),
        "step": step,
    })


def report(p, model, tokens, repeat, works):
    written, everything = 2 * p["answer"] * len(tokens), tokens.numel()
    found = {"parameters": sum(x.numel() for x in model.parameters()), "trained": sum(x.numel() for x in model.parameters() if x.requires_grad), "episodes": len(tokens),
             "tokens": [2 * p["answer"], tokens.shape[1]]}
    # A GPU goes on after its work was handed to it.
    wait = torch.cuda.synchronize if tokens.is_cuda else lambda: None
    for name, work in works.items():
        work()
        wait()
        seconds = []
        for _ in range(repeat):
            begun = time.perf_counter()
            work()
            wait()
            seconds.append(time.perf_counter() - begun)
        found[name] = {"tokens": written if name == "rollout" else everything, "seconds": seconds}
    return found


def device_name(device):
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, action="append")
    parser.add_argument("--peer", choices=["torch", "transformers"], default="torch")
    parser.add_argument("--episodes", type=int, default=512)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--micro-batch", type=int, help="episodes scored together [default: as palinode has it]")
    parser.add_argument("--decode-batch", type=int, default=256, help="episodes decoded together, by hand")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    parser.add_argument("--lora-rank", type=int, help="train adapters of this rank on all projections, and nothing else")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_default_device(options.device)
    peer = by_hand if options.peer == "torch" else through_transformers
    measured = []
    for name in options.preset or USUAL:
        preset = PRESETS[name] | {"decode_batch": options.decode_batch, "dtype": DTYPES[options.dtype], "rank": options.lora_rank}
        preset["micro_batch"] = options.micro_batch or preset["micro_batch"]
        found = peer(preset, options.episodes // GROUP, options.repeat)
        measured.append({"preset": name, **found})
    median = lambda timed: statistics.median(timed["seconds"])
    rates = [{"rollout": m["rollout"]["tokens"] / median(m["rollout"]), "update": m["update"]["tokens"] / median(m["update"]),
              "steps": 1 / median(m["step"])} for m in measured]
    print(json.dumps({"peer": options.peer, "versions": {"torch": torch.__version__}, "device": device_name(options.device), "dtype": options.dtype,
                      "threads": options.threads, "presets": measured,
                      "rates": rates, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
