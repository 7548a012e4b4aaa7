#!/usr/bin/env python3
"""What trl_score.py and torch_score.py share: the ledger task, a tiny model folder that has been warm-started on it, sampling, greedy evaluation.

    python ledger.py base            makes the folder `base` (--warm 1000 by default; --warm 10 to see that it runs) and its problems

Tried with Python 3.11, torch 2.15.0, transformers 5.24.0, tokenizers from it. An episode is  x = y1 . R = y2 .  (`.` ends an answer).
"""

import argparse
import json
import random
import sys
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PAYMENTS, P_ZERO = 8, 0.6
ASK, REVISE, END, PAD = 10, 11, 12, 13
TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% if m['role'] == 'user' %}={% else %}.{% endif %}{% endfor %}"


def problem(rng, held_out=False):
    """n payments; one list in five is held out, by a hash."""
    while True:
        digits = [0 if rng.random() < P_ZERO else rng.randint(1, 9) for _ in range(PAYMENTS)]
        if (zlib.crc32(bytes(digits)) % 5 == 0) == held_out:
            return digits


def right(digits):
    """The balance that remains before each payment, modulo ten, and the end."""
    return [sum(digits[i:]) % 10 for i in range(PAYMENTS)] + [END]


def second_prompt(digits, first):
    """An answer that was cut off is closed, as palinode does."""
    return digits + [ASK] + first + ([] if first[-1] == END else [END]) + [REVISE, ASK]


@torch.no_grad()
def answer(model, prompts, greedy=False):
    """Samples one answer a prompt; returns ids (cut behind the end) and the log-probability with which each was sampled."""
    width, answers, logs = max(map(len, prompts)), [], []
    for start in range(0, len(prompts), 512):
        part = prompts[start : start + 512]
        ids = torch.tensor([[PAD] * (width - len(p)) + p for p in part])
        # From lengths: `ids != PAD` would also hide a PAD that the model has sampled.
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in part])
        made = model.generate(input_ids=ids, attention_mask=mask, do_sample=not greedy, temperature=None if greedy else 1.0,
                              top_k=None if greedy else 0, top_p=None, max_new_tokens=PAYMENTS + 1, pad_token_id=PAD, eos_token_id=END,
                              return_dict_in_generate=True, output_logits=True)
        new = made.sequences[:, width:]
        taken = torch.stack(made.logits, 1).log_softmax(-1).gather(-1, new[..., None])[..., 0]
        for row, log in zip(new.tolist(), taken.tolist()):
            length = row.index(END) + 1 if END in row else len(row)
            answers.append(row[:length])
            logs.append(log[:length])
    return answers, logs


def evaluate(model, name, problems=500, seed=1):
    """Greedy accuracy of both attempts on held-out problems."""
    rng, was_training = random.Random(seed), model.training
    asked = [problem(rng, held_out=True) for _ in range(problems)]
    model.eval()
    first, _ = answer(model, [d + [ASK] for d in asked], greedy=True)
    second, _ = answer(model, [second_prompt(d, y) for d, y in zip(asked, first)], greedy=True)
    model.train(was_training)
    good = [(y1 == right(d), y2 == right(d)) for d, y1, y2 in zip(asked, first, second)]
    t1, t2, broken = (100 * sum(x) / problems for x in ([g[0] for g in good], [g[1] for g in good], [g[0] and not g[1] for g in good]))
    print(f"{name}: acc@t1 {t1:.1f} %, acc@t2 {t2:.1f} %, delta {t2 - t1:+.1f}, c->i {broken:.1f} ({problems} held-out problems, greedy)", flush=True)


def load(folder):
    """Without dropout, in float32."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).train()


def warm_step(model, rng, sampled, copy):
    """Cross-entropy on right first answers, and on second ones that copy the first or are right."""
    asked = [problem(rng) for _ in range(192)]
    firsts = [[rng.randint(0, 9) if rng.random() < 1.5 / PAYMENTS * half else y for y in right(d)[:-1]] + [END]
              for half, d in ((rng.random() < 0.5, d) for d in asked)]
    if sampled:
        firsts = [(y[:-1] + [0] * PAYMENTS)[:PAYMENTS] + [END] for y in answer(model, [d + [ASK] for d in asked])[0]]
    rows = torch.tensor([second_prompt(d, y) + (y if rng.random() < copy else right(d)) for d, y in zip(asked, firsts)])
    first, second = slice(PAYMENTS, 2 * PAYMENTS + 1), slice(2 * PAYMENTS + 3, -1)
    logits = model(input_ids=rows).logits
    targets = torch.tensor([right(d) for d in asked])
    # A first answer is learned where it was fed as it should be: the context of the others is wrong. (So wrong answers often don't end in time.)
    clean = (rows[:, PAYMENTS + 1 : 2 * PAYMENTS + 2] == targets).all(1)
    return F.cross_entropy(logits[:, first][clean].flatten(0, 1), targets[clean].flatten()) \
        + F.cross_entropy(logits[:, second].flatten(0, 1), rows[:, 2 * PAYMENTS + 4 :].flatten())


def make(folder, warm, seed):
    torch.manual_seed(seed)
    rng = random.Random(seed)
    words = [*"0123456789=R.", "<pad>"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = decoders.Fuse()  # no spaces between digits
    tokenizer.add_special_tokens([AddedToken(".", special=True, normalized=False), AddedToken("<pad>", special=True, normalized=False)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=".", pad_token="<pad>", padding_side="left", chat_template=TEMPLATE)
    fast.save_pretrained(folder)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), hidden_size=96, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
                                         max_position_embeddings=64, bos_token_id=None, eos_token_id=END, pad_token_id=PAD))
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, betas=(0.9, 0.98), weight_decay=0.01)
    for step in range(warm):
        # Six tenths on corrupted answers, then on the model's own, which it learns to take back; the last tenth makes a habit of copying.
        one = warm * 6 // 10
        sampled, copy = step >= one, 0.7 if step < one else 0.2 if step < warm * 9 // 10 else 0.85
        loss = warm_step(model, rng, sampled, copy)
        optimizer.param_groups[0]["lr"] = 2e-3 * min(1, (step + 1) / 50)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 50 == 0:
            print(f"warm start {step + 1}/{warm}: loss {loss.item():.3f}", flush=True)
    model.save_pretrained(folder)
    text = lambda ids: "".join(map(str, ids))
    for name, held_out, count in [("train", False, 4000), ("held_out", True, 500)]:
        seen = {text(d): text(right(d)[:-1]) for d in (problem(rng, held_out) for _ in range(count))}
        (Path(folder) / f"{name}.jsonl").write_text("".join(json.dumps({"prompt": p, "answer": a}) + "\n" for p, a in seen.items()))
    evaluate(model, "base")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder")
    options.add_argument("--warm", type=int, default=1000)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    sys.exit(make(given.folder, given.warm, given.seed))
