"""Makes the golden values of this folder, with PyTorch in float64 and plain Python, from nothing but the formulas.

    pip install torch transformers safetensors
    python generate.py

No line of it calls palinode. The decoder is written out here and, before anything is recorded, compared with transformers' own Llama.
Gradients are those of torch.autograd. `cargo test -p palinode-tests --test golden` compares.
"""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
torch.set_default_dtype(torch.float64)
torch.manual_seed(2409_12917)

V, WIDTH, LAYERS, HEADS, KV_HEADS, INNER, CONTEXT, BASE, EPS = 6, 8, 2, 2, 1, 16, 48, 10_000.0, 1e-6
HEAD = WIDTH // HEADS
TEMPERATURE = 0.7


def write(name, value):
    def rounded(x):
        if isinstance(x, float):
            return float(f"{x:.12g}")
        if isinstance(x, dict):
            return {k: rounded(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            return [rounded(v) for v in x]
        return x

    (HERE / name).write_text(json.dumps(rounded(value), indent=None, separators=(",", ":")).replace('},{"', '},\n{"') + "\n")


# ---------------------------------------------------------------------------------------------------------------- decoder


def random_weights():
    """Weights that are exact in float32, so that both sides start from the same numbers."""

    def matrix(rows, columns):
        return (torch.randn(rows, columns) * (2.0 / rows) ** 0.5).float().double()

    def norm():
        return (1.0 + 0.2 * torch.randn(WIDTH)).float().double()

    weights = {"embedding": torch.randn(V, WIDTH).float().double(), "norm.weight": norm(), "output": matrix(WIDTH, V)}
    for i in range(LAYERS):
        weights[f"blocks.{i}.attention_norm.weight"] = norm()
        weights[f"blocks.{i}.attention.query_key_value.weight"] = matrix(WIDTH, (HEADS + 2 * KV_HEADS) * HEAD)
        weights[f"blocks.{i}.attention.output.weight"] = matrix(HEADS * HEAD, WIDTH)
        weights[f"blocks.{i}.mlp_norm.weight"] = norm()
        weights[f"blocks.{i}.mlp.gate_up.weight"] = matrix(WIDTH, 2 * INNER)
        weights[f"blocks.{i}.mlp.down.weight"] = matrix(INNER, WIDTH)
    return weights


def rms(x, weight):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + EPS) * weight


def rotate(x):
    """x: [T, heads, HEAD]; feature i turns with feature i + HEAD/2."""
    half = HEAD // 2
    angle = torch.tensor([[t * BASE ** (-i / half) for i in range(half)] for t in range(x.shape[0])])[:, None, :]
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def forward(w, tokens):
    """Logits [T, V] of one row."""
    x = w["embedding"][torch.tensor(tokens)]
    length = len(tokens)
    for i in range(LAYERS):
        h = rms(x, w[f"blocks.{i}.attention_norm.weight"]) @ w[f"blocks.{i}.attention.query_key_value.weight"]
        q, k, v = h.split([HEADS * HEAD, KV_HEADS * HEAD, KV_HEADS * HEAD], -1)
        q = rotate(q.reshape(length, HEADS, HEAD))
        k = rotate(k.reshape(length, KV_HEADS, HEAD)).repeat_interleave(HEADS // KV_HEADS, 1)
        v = v.reshape(length, KV_HEADS, HEAD).repeat_interleave(HEADS // KV_HEADS, 1)
        scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(HEAD)
        scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -math.inf)
        attended = torch.einsum("hqk,khd->qhd", scores.softmax(-1), v).reshape(length, HEADS * HEAD)
        x = x + attended @ w[f"blocks.{i}.attention.output.weight"]
        gate, up = (rms(x, w[f"blocks.{i}.mlp_norm.weight"]) @ w[f"blocks.{i}.mlp.gate_up.weight"]).split(INNER, -1)
        x = x + (gate / (1 + torch.exp(-gate)) * up) @ w[f"blocks.{i}.mlp.down.weight"]
    return rms(x, w["norm.weight"]) @ w["output"]


def compare_with_transformers(w):
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=V, hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
            num_key_value_heads=KV_HEADS, head_dim=HEAD, max_position_embeddings=CONTEXT, rms_norm_eps=EPS,
            rope_parameters={"rope_type": "default", "rope_theta": BASE}, tie_word_embeddings=False, attn_implementation="eager",
        )
    ).double()
    named = {"model.embed_tokens.weight": w["embedding"], "model.norm.weight": w["norm.weight"], "lm_head.weight": w["output"].T}
    for i in range(LAYERS):
        at = f"model.layers.{i}."
        q, k, v = w[f"blocks.{i}.attention.query_key_value.weight"].split([HEADS * HEAD, KV_HEADS * HEAD, KV_HEADS * HEAD], -1)
        gate, up = w[f"blocks.{i}.mlp.gate_up.weight"].split(INNER, -1)
        named |= {
            at + "input_layernorm.weight": w[f"blocks.{i}.attention_norm.weight"],
            at + "self_attn.q_proj.weight": q.T, at + "self_attn.k_proj.weight": k.T, at + "self_attn.v_proj.weight": v.T,
            at + "self_attn.o_proj.weight": w[f"blocks.{i}.attention.output.weight"].T,
            at + "post_attention_layernorm.weight": w[f"blocks.{i}.mlp_norm.weight"],
            at + "mlp.gate_proj.weight": gate.T, at + "mlp.up_proj.weight": up.T, at + "mlp.down_proj.weight": w[f"blocks.{i}.mlp.down.weight"].T,
        }
    model.load_state_dict({k: v.contiguous() for k, v in named.items()}, strict=True)
    tokens = [1, 2, 3, 4, 5, 0, 5, 5, 2, 1, 1, 3]
    with torch.no_grad():
        theirs, ours = model(torch.tensor([tokens])).logits[0], forward(w, tokens)
    gap = (theirs - ours).abs().max().item()
    assert gap < 1e-5, f"transformers' Llama differs by {gap}"  # it computes softmax and norms in float32
    print(f"transformers' Llama differs by {gap:.1e}")


# ------------------------------------------------------------------------------------------- returns, advantages, KL, loss


def shaped(r, alpha, telescoped):
    """One episode's rewards plus its bonuses."""
    first = r[0] + (alpha * r[0] if telescoped else 0.0)
    return [first] + [r[k] + alpha * (r[k] - r[k - 1]) for k in range(1, len(r))]


def returns_of(objective, r):
    kind = objective["kind"]
    if kind == "stage_one":
        return [0.0] * (len(r) - 1) + [r[-1]]
    rho = shaped(r, objective["alpha"], objective.get("telescoped", False))
    if objective.get("joint"):
        return [sum(rho)] * len(r)
    gamma = objective.get("gamma", 0.0)
    return [sum(gamma ** (j - k) * rho[j] for j in range(k, len(r))) for k in range(len(r))]


def betas_of(objective, attempts):
    if objective["kind"] == "stage_one":
        return [objective["anchor"]] * (attempts - 1) + [objective["beta"]]
    return [objective["beta"]] * attempts


def mean(values):
    return sum(values) / len(values)


def baselines(returns, rewards):
    """Advantages [P][G][K] under each baseline, sample by sample."""
    out = {"leave_one_out": [], "group_mean": [], "conditioned_on_first": []}
    for group, judged in zip(returns, rewards):
        size, attempts = len(group), len(group[0])

        def others(i, k, alike):
            return [group[j][k] for j in range(size) if j != i and (not alike or judged[j][0] == judged[i][0])]

        loo = [[group[i][k] - mean(others(i, k, False)) for k in range(attempts)] for i in range(size)]
        out["leave_one_out"].append(loo)
        out["group_mean"].append([[group[i][k] - mean([s[k] for s in group]) for k in range(attempts)] for i in range(size)])
        out["conditioned_on_first"].append(
            [
                [loo[i][k] if k == 0 or not others(i, k, True) else group[i][k] - mean(others(i, k, True)) for k in range(attempts)]
                for i in range(size)
            ]
        )
    return out


def scaled(advantages):
    """Divided by the deviation over all episodes, attempt by attempt."""
    flat = [sample for group in advantages for sample in group]
    deviation = [math.sqrt(mean([(s[k] - mean([t[k] for t in flat])) ** 2 for s in flat])) + 1e-6 for k in range(len(flat[0]))]
    return [[[sample[k] / deviation[k] for k in range(len(sample))] for sample in group] for group in advantages]


def sequence(group, episode):
    """Token ids of one episode, and (index, attempt) of each token that the policy wrote."""
    ids, written = list(group["prompt"]), []
    for k, attempt in enumerate(episode):
        if k > 0:
            ids += group["revision"]
        for token in attempt["tokens"]:
            written.append((len(ids), k))
            ids.append(token)
    return ids, written


def score(w, reference, groups):
    """Per written token of all episodes: log π, exact KL, d = log π − log π_ref, and (episode, attempt)."""
    rows = {"logprob": [], "exact": [], "d": [], "slot": []}
    e = 0
    for group in groups:
        for episode in group["episodes"]:
            ids, written = sequence(group, episode)
            p = (forward(w, ids[:-1]) / TEMPERATURE).log_softmax(-1)
            with torch.no_grad():
                q = (forward(reference, ids[:-1]) / TEMPERATURE).log_softmax(-1)
            for at, k in written:
                rows["logprob"].append(p[at - 1, ids[at]])
                rows["d"].append(p[at - 1, ids[at]] - q[at - 1, ids[at]])
                rows["exact"].append((p[at - 1].exp() * (p[at - 1] - q[at - 1])).sum())
                rows["slot"].append((e, k))
            e += 1
    return {k: v if k == "slot" else torch.stack(v) for k, v in rows.items()}


def k2(d):
    return d * d / 2


def k3(d):
    return torch.exp(-d) - 1 + d


def objective_loss(objective, kl, w, reference, groups):
    """(1/B) Σ_t (β_t KL_t − A_t log π_t), and the advantages."""
    rows = score(w, reference, groups)
    attempts, samples = len(groups[0]["episodes"][0]), len(groups[0]["episodes"])
    betas = betas_of(objective, attempts)
    rewards = [[[a["reward"] for a in episode] for episode in group["episodes"]] for group in groups]
    returns = [[returns_of(objective, r) for r in group] for group in rewards]
    if kl == "k1":  # a penalty in the reward, without gradient
        for (e, k), d in zip(rows["slot"], rows["d"].detach().tolist()):
            returns[e // samples][e % samples][k] -= betas[k] * d
    advantages = baselines(returns, rewards)["leave_one_out"]
    total = torch.zeros(())
    for t, (e, k) in enumerate(rows["slot"]):
        total = total - advantages[e // samples][e % samples][k] * rows["logprob"][t]
        d = rows["d"][t]
        if kl == "exact":
            total = total + betas[k] * rows["exact"][t]
        elif kl == "k2":
            total = total + betas[k] * k2(d)
        elif kl == "k3":  # K3's value with K2's gradient
            total = total + betas[k] * (k2(d) + (k3(d) - k2(d)).detach())
    return total / (len(groups) * samples), advantages


OBJECTIVES = {
    "stage_one": {"kind": "stage_one", "beta": 0.01, "anchor": 0.1},
    "stage_two": {"kind": "stage_two", "beta": 0.01, "alpha": 10.0},
    "telescoped": {"kind": "stage_two", "beta": 0.2, "alpha": 3.0, "telescoped": True, "gamma": 0.8},
    "joint": {"kind": "stage_two", "beta": 0.05, "alpha": 10.0, "joint": True},
}


def attempt(tokens, reward):
    return {"tokens": tokens, "reward": reward}


CASES = {
    "two_attempts": [
        {"prompt": [1, 2], "revision": [5], "episodes": [
            [attempt([3, 4], 0.0), attempt([0], 1.0)],
            [attempt([2], 1.0), attempt([2, 2, 1], 0.5)],
            [attempt([4, 4], 0.0), attempt([4, 1], 0.0)]]},
        {"prompt": [4], "revision": [5], "episodes": [
            [attempt([0], 0.0), attempt([1, 3], 0.0)],
            [attempt([3], 0.25), attempt([3], 1.0)],
            [attempt([1, 2, 3], 1.0), attempt([0, 0], 1.0)]]},
    ],
    "four_attempts": [
        {"prompt": [0, 3, 3], "revision": [], "episodes": [
            [attempt([1], 1.0), attempt([2], 0.0), attempt([2], 0.0), attempt([5], 1.0)],
            [attempt([1, 1], 0.0), attempt([4], 0.5), attempt([0, 2], 1.0), attempt([0], 1.0)]]},
        {"prompt": [2], "revision": [], "episodes": [
            [attempt([3], 0.0), attempt([3, 3, 3], 0.0), attempt([1], 0.0), attempt([1], 0.0)],
            [attempt([5], 0.75), attempt([2, 0], 0.25), attempt([4], 0.0), attempt([2], 1.0)]]},
    ],
}


def leaves(weights):
    return {name: value.clone().requires_grad_() for name, value in weights.items()}


def decoder():
    policy, reference = random_weights(), random_weights()
    # A reference nearby, as a trained policy has one.
    reference = {k: (policy[k] + 0.3 * reference[k]).float().double() for k in policy}
    compare_with_transformers(policy)
    cases, gradients = [], {}
    for name, groups in CASES.items():
        rows = score(policy, reference, groups)
        d = rows["d"]
        values = {"logprob": rows["logprob"], "exact": rows["exact"], "k1": d, "k2": k2(d), "k3": k3(d)}
        losses = []
        for label, objective in OBJECTIVES.items():
            for kl in ["exact", "k1", "k2", "k3"] if label in ("stage_one", "stage_two") else ["exact"]:
                w = leaves(policy)
                loss, advantages = objective_loss(objective, kl, w, reference, groups)
                loss.backward()
                losses.append({"objective": label, "kl": kl, "loss": loss.item(), "advantages": advantages})
                gradients |= {f"{name}/{label}/{kl}/{k}": v.grad.float().contiguous() for k, v in w.items()}
        cases.append({"name": name, "groups": groups, "scores": {k: v.tolist() for k, v in values.items()}, "losses": losses})

    # Ten steps of Stage I and ten of Stage II, by AdamW with clipping, as the learner takes them.
    w = leaves(policy)
    optimizer = torch.optim.AdamW(w.values(), lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0)
    training = {"losses": [], "norms": []}
    for step in range(20):
        optimizer.zero_grad()
        loss, _ = objective_loss(OBJECTIVES["stage_one" if step < 10 else "stage_two"], "exact", w, reference, CASES["two_attempts"])
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(w.values(), 1.0)
        training["losses"].append(loss.item())
        training["norms"].append(norm.item())
        optimizer.step()
    print("training:", [round(x, 3) for x in training["losses"]])

    save_file({k: v.float() for k, v in policy.items()}, HERE / "policy.safetensors")
    save_file({k: v.float() for k, v in reference.items()}, HERE / "reference.safetensors")
    save_file(gradients, HERE / "gradients.safetensors")
    config = {"vocabulary": V, "width": WIDTH, "layers": LAYERS, "heads": HEADS, "kv_heads": KV_HEADS, "feed_forward": INNER,
              "context": CONTEXT, "rope_base": BASE, "norm_epsilon": EPS, "tied": False}
    write("decoder.json", {"config": config, "temperature": TEMPERATURE, "objectives": OBJECTIVES, "cases": cases, "training": training})


# ------------------------------------------------------------------------------------------------------------- small parts


def advantage_cases():
    cases = []
    for problems, samples, attempts in [(1, 2, 2), (2, 5, 2), (3, 3, 4)]:
        rewards = torch.where(torch.rand(problems, samples, attempts) < 0.6, torch.randint(0, 2, (problems, samples, attempts)).double(),
                              torch.rand(problems, samples, attempts).float().double()).tolist()
        for label, objective in OBJECTIVES.items():
            returns = [[returns_of(objective, r) for r in group] for group in rewards]
            found = baselines(returns, rewards)
            cases.append({"rewards": rewards, "objective": label, "returns": returns, "advantages": found, "scaled": scaled(found["leave_one_out"])})
    write("advantages.json", {"objectives": OBJECTIVES, "cases": cases})


def kl_cases():
    """Values and gradients over a whole vocabulary, in the policy's logits; every token once as the sampled one."""
    cases = []
    for spread in [0.5, 1.0, 3.0]:
        logits, other = (torch.randn(5) * spread).float().double(), (torch.randn(5) * spread).float().double()
        q = other.log_softmax(-1)

        def run(f):
            x = logits.clone().requires_grad_()
            p = x.log_softmax(-1)
            values = f(p)
            gradients = [torch.autograd.grad(value, x, retain_graph=True)[0].tolist() for value in values]
            return {"values": [v.item() for v in values], "gradients": gradients}

        cases.append({
            "policy": logits.tolist(), "reference": other.tolist(),
            "exact": run(lambda p: [(p.exp() * (p - q)).sum()] * 5),
            "k1": {"values": (logits.log_softmax(-1) - q).tolist(), "gradients": [[0.0] * 5] * 5},
            "k2": run(lambda p: list(k2(p - q))),
            "k3": run(lambda p: list(k2(p - q) + (k3(p - q) - k2(p - q)).detach())),
        })
    write("kl.json", cases)


def adamw_case():
    start, steps = torch.randn(3, 4).float().double(), []
    gradients = [(torch.randn(3, 4) * 3).float().double() for _ in range(8)]
    cases = []
    for betas, decay, clip in [((0.9, 0.95), 0.0, 1.0), ((0.9, 0.98), 0.1, 1e9), ((0.5, 0.999), 0.01, 4.0)]:
        w = start.clone().requires_grad_()
        optimizer = torch.optim.AdamW([w], lr=0.03, betas=betas, eps=1e-8, weight_decay=decay)
        steps = []
        for gradient in gradients:
            w.grad = gradient.clone()
            norm = torch.nn.utils.clip_grad_norm_([w], clip)
            optimizer.step()
            steps.append({"norm": norm.item(), "weights": w.tolist()})
        cases.append({"betas": betas, "weight_decay": decay, "clip": clip, "steps": steps})
    write("adamw.json", {"start": start.tolist(), "learning_rate": 0.03, "gradients": [g.tolist() for g in gradients], "cases": cases})


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011)."""
    counter, key, mask = list(counter), list(key), 0xFFFFFFFF
    for _ in range(10):
        a, b = counter[0] * 0xD2511F53, counter[2] * 0xCD9E8D57
        counter = [(b >> 32) ^ counter[1] ^ key[0], b & mask, (a >> 32) ^ counter[3] ^ key[1], a & mask]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return counter


def sampling_case():
    """What a seed draws. A change here changes every run that anyone has recorded."""
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    seed, stream, step = 0x1234_5678_9ABC, 4, 17  # the stream of Stage I
    draws = []
    for i in range(48):
        problem, sample, attempt_, token = 1000 + i % 5, i % 7, i % 3, i
        words = philox([token, problem, step, stream | attempt_ << 8 | sample << 16], [seed & 0xFFFFFFFF, seed >> 32])
        uniform = (words[0] >> 8) / 2**24
        below = ((words[0] << 32 | words[1]) * 1000) >> 64
        # Box and Muller 1958
        normal = math.sqrt(-2 * math.log((words[0] + 1) / 2**32)) * math.cos(2 * math.pi * words[1] / 2**32)
        logits = (torch.randn(9) * 2).float().double()
        p = (logits / TEMPERATURE).log_softmax(-1)
        cumulative = p.exp().cumsum(-1)
        assert (cumulative - uniform).abs().min() > 1e-5, "too close to call in float32"
        chosen = int((cumulative <= uniform).sum())
        draws.append({"problem": problem, "sample": sample, "attempt": attempt_, "token": token, "uniform": uniform,
                      "below_1000": below, "normal": normal,
                      "logits": logits.tolist(), "chosen": chosen, "logprob": p[chosen].item(), "greedy": int(logits.argmax())})
    write("sampling.json", {"seed": seed, "step": step, "temperature": TEMPERATURE, "draws": draws})


decoder()
advantage_cases()
kl_cases()
adamw_case()
sampling_case()
