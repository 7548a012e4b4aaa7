#!/usr/bin/env python3
"""SCoRe (arXiv 2409.12917) in two attempts, as a loop written by hand in PyTorch.

    python ledger.py base && python torch_score.py base --steps 200        Stage I for 3/5 of the steps, then Stage II
    python torch_score.py base --steps 4 --problems 8                      a tiny run

Tried with Python 3.11, torch 2.15.0, transformers 5.24.0. The model and `generate` are transformers'; everything else is here.
"""

import argparse
import copy
import random
import sys

import torch

from ledger import ASK, PAD, PAYMENTS, answer, evaluate, load, problem, right, second_prompt

ALPHA, BETA_1, BETA_2, RATE = 10.0, 0.01, 0.1, 3e-4


def roll_out(model, asked):
    """Two attempts at each problem: ids, which attempt wrote each (0: nobody), sampled log-probabilities, rewards of both attempts."""
    first, first_logs = answer(model, [d + [ASK] for d in asked])
    second, second_logs = answer(model, [second_prompt(d, y) for d, y in zip(asked, first)])
    rows, wrote, logs, rewards = [], [], [], []
    for d, y1, y2, l1, l2 in zip(asked, first, second, first_logs, second_logs):
        asked_again = second_prompt(d, y1)
        begin, between = len(d) + 1, len(asked_again) - len(d) - 1 - len(y1)
        rows.append(asked_again + y2)
        wrote.append([0] * begin + [1] * len(y1) + [0] * between + [2] * len(y2))
        logs.append([0.0] * begin + l1 + [0.0] * between + l2)
        rewards.append([float(y1 == right(d)), float(y2 == right(d))])
    width = max(map(len, rows))
    fill = lambda lists, value: torch.tensor([row + [value] * (width - len(row)) for row in lists])
    return fill(rows, PAD), fill(wrote, 0), fill(logs, 0.0), torch.tensor(rewards)


def returns(rewards, stage):
    """Per turn, turn discount 0. Stage I: r(y2) alone, on attempt 2. Stage II: r(y1) on attempt 1, r(y2) + alpha (r(y2) - r(y1)) on attempt 2."""
    first, second = rewards.unbind(1)
    return torch.stack([torch.zeros_like(first), second] if stage == 1 else [first, second + ALPHA * (second - first)], 1)


def leave_one_out(values, samples):
    """Each value minus the mean of its group's others."""
    groups = values.view(-1, samples, values.shape[-1])
    return ((groups - groups.mean(1, keepdim=True)) * samples / (samples - 1)).view_as(values)


def distributions(model, rows):
    """log p of every next token, [B, T - 1, V]. Padding lies on the right, so causal attention needs no mask."""
    return model(input_ids=rows).logits[:, :-1].float().log_softmax(-1)


def step(model, frozen, optimizer, asked, samples, stage, micro_batch):
    asked = [d for d in asked for _ in range(samples)]
    rows, wrote, sampled, rewards = roll_out(model, asked)
    advantages = leave_one_out(returns(rewards, stage), samples)
    betas = torch.tensor([0.0, BETA_2 if stage == 1 else BETA_1, BETA_1])
    optimizer.zero_grad()
    off, kl_sum = 0.0, torch.zeros(3)
    for part in torch.arange(len(rows)).split(micro_batch):
        who = wrote[part][:, 1:]
        log_p = distributions(model, rows[part])
        with torch.no_grad():
            log_ref = distributions(frozen, rows[part])
        taken = log_p.gather(-1, rows[part][:, 1:, None])[..., 0]
        off = max(off, ((taken - sampled[part][:, 1:]).abs() * (who > 0)).max().item())
        kl = (log_p.exp() * (log_p - log_ref)).sum(-1)  # exact, over the whole vocabulary
        gain = torch.cat([torch.zeros(len(part), 1), advantages[part]], 1).gather(1, who)
        loss = ((betas[who] * kl - gain * taken) * (who > 0)).sum() / len(rows)
        loss.backward()
        kl_sum += torch.stack([kl.detach()[who == i].sum() for i in range(3)])
    if off > 1e-3:
        sys.exit(f"sampling and scoring disagree by {off:.2g} in log-probability")
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return rewards.mean(0), kl_sum[1:] / len(rows), off


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder")
    options.add_argument("--steps", type=int, default=200)
    options.add_argument("--problems", type=int, default=64)
    options.add_argument("--samples", type=int, default=8)
    options.add_argument("--micro-batch", type=int, default=128)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out")
    options.add_argument("--steps-one", type=int, help="of which Stage I; three fifths by default")
    given = options.parse_args()
    torch.manual_seed(given.seed)
    rng = random.Random(given.seed)
    model = load(given.folder)
    frozen = copy.deepcopy(model).requires_grad_(False).eval()
    evaluate(model, "base")
    one = given.steps * 3 // 5 if given.steps_one is None else given.steps_one
    for stage, steps in [(1, one), (2, given.steps - one)]:
        if not steps:
            continue
        optimizer = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.95), weight_decay=0.0)
        for i in range(steps):
            asked = [problem(rng) for _ in range(given.problems)]
            reward, kl, off = step(model, frozen, optimizer, asked, given.samples, stage, given.micro_batch)
            if i % 10 == 0 or i == steps - 1:
                print(f"  stage {stage} step {i + 1}/{steps}: reward {reward[0]:.2f} -> {reward[1]:.2f}, KL {kl[0]:.3f} -> {kl[1]:.3f}, "
                      f"sampling and scoring differ by {off:.1e}", flush=True)
        evaluate(model, f"Stage {'I' * stage}")
    if given.out:
        model.save_pretrained(given.out)


if __name__ == "__main__":
    main()
