#!/usr/bin/env python3
"""SCoRe (arXiv 2409.12917) in two attempts with TRL's GRPOTrainer, in the two ways that its experimental `rollout_func` leaves open.

    python ledger.py base && python trl_score.py base --steps 200 --layout rows
    python trl_score.py base --steps 4 --problems 8                  a tiny run

--layout one   an episode is one completion (y1, the revision tokens masked out, y2). One reward and one `beta` a completion: the summed return
               is credited to both attempts, and Stage I can't hold attempt 1 harder than attempt 2.
--layout rows  an attempt is a completion of its own: each problem stands in the dataset twice, its second group is asked with the answers that its
               first group gave. Credit, baseline and KL weight are then each attempt's; KL goes into the reward (K1), against a copy of the base.

Tried with Python 3.11, trl 1.16.0, torch 2.15.0, transformers 5.24.0, accelerate 1.15.0, datasets 5.2.0.
"""

import argparse
import random

import torch
from datasets import Dataset
from transformers import AutoTokenizer, PrinterCallback, TrainerCallback
from transformers.trainer_utils import get_last_checkpoint
from trl import GRPOConfig, GRPOTrainer

from ledger import ASK, PAYMENTS, answer, evaluate, load, problem, right, second_prompt

ALPHA, BETA_1, BETA_2, RATE = 10.0, 0.01, 0.1, 3e-4
digits_of = lambda prompt: [int(c) for c in prompt[:PAYMENTS]]


@torch.no_grad()
def log_probability(model, prompts, completions):
    """log p of each whole completion. Padding lies on the right, so causal attention needs no mask."""
    rows, width = [x + y for x, y in zip(prompts, completions)], max(len(x) + len(y) for x, y in zip(prompts, completions))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    taken = model(input_ids=ids).logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    return [log[len(x) - 1 : len(x) + len(y) - 1].sum().item() for log, x, y in zip(taken, prompts, completions)]


class Episodes:
    """The rollout function and the reward function of one stage and layout."""

    def __init__(self, stage, layout, samples, frozen):
        self.stage, self.layout, self.samples, self.frozen = stage, layout, samples, frozen
        self.__name__ = "score"

    def roll_out(self, prompts, trainer):
        model, asked = trainer.accelerator.unwrap_model(trainer.model), [digits_of(p) for p in prompts]
        if self.layout == "rows":  # groups of `samples`, by turns first and second attempts at the same problem
            asked = [d for i, d in enumerate(asked) if i // self.samples % 2 == 0]
        x1 = [d + [ASK] for d in asked]
        y1, l1 = answer(model, x1)
        x2 = [second_prompt(d, y) for d, y in zip(asked, y1)]
        y2, l2 = answer(model, x2)
        good = [[float(a == right(d)), float(b == right(d))] for d, a, b in zip(asked, y1, y2)]
        if self.layout == "one":
            between = [x[len(begin) + len(a) :] for x, begin, a in zip(x2, x1, y1)]  # the tokens that ask for a revision
            return {"prompt_ids": x1, "completion_ids": [a + m + b for a, m, b in zip(y1, between, y2)],
                    "logprobs": [a + [0.0] * len(m) + b for a, m, b in zip(l1, between, l2)],
                    "env_mask": [[1] * len(a) + [0] * len(m) + [1] * len(b) for a, m, b in zip(y1, between, y2)], "good": good}
        by_turns = lambda a, b: [row for i in range(0, len(a), self.samples) for row in a[i : i + self.samples] + b[i : i + self.samples]]
        kl = [[sum(log) - ref for log, ref in zip(logs, log_probability(self.frozen, x, y))] for x, y, logs in [(x1, y1, l1), (x2, y2, l2)]]
        return {"prompt_ids": by_turns(x1, x2), "completion_ids": by_turns(y1, y2), "logprobs": by_turns(l1, l2), "good": by_turns(good, good),
                "attempt_of": by_turns([1] * len(y1), [2] * len(y2)), "kl_of": by_turns(*kl)}

    def __call__(self, completions, good, log_metric, attempt_of=None, kl_of=None, **_):
        for i in range(2):
            log_metric(f"acc@t{i + 1}", sum(g[i] for g in good) / len(good))
        bonus = lambda first, second: second + ALPHA * (second - first)
        if self.layout == "one":
            return [second if self.stage == 1 else first + bonus(first, second) for first, second in good]
        paid = []
        for (first, second), attempt, kl in zip(good, attempt_of, kl_of):
            earned = (0.0, second) if self.stage == 1 else (first, bonus(first, second))
            paid.append(earned[attempt - 1] - (BETA_2 if attempt == 1 and self.stage == 1 else BETA_1) * kl)
        return paid


class Lines(TrainerCallback):
    def on_log(self, args, state, control, logs, **_):
        shown = [f"{key} {logs[key]:.3f}" for key in ("acc@t1", "acc@t2", "reward", "frac_reward_zero_std", "kl", "step_time") if key in logs]
        if shown:
            print(f"  step {state.global_step}: " + ", ".join(shown), flush=True)


def train(model, frozen, tokenizer, stage, steps, given):
    rng, copies = random.Random(given.seed + stage), 2 if given.layout == "rows" else 1
    rows = ["".join(map(str, problem(rng))) + "=" for _ in range(steps * given.problems)]
    episodes = Episodes(stage, given.layout, given.samples, frozen)
    config = GRPOConfig(
        output_dir=f"{given.out}/stage{stage}", max_steps=steps, seed=given.seed, shuffle_dataset=False,
        per_device_train_batch_size=given.problems * given.samples * copies, num_generations=given.samples,
        max_completion_length=2 * PAYMENTS + 4, temperature=1.0, learning_rate=RATE, lr_scheduler_type="constant", adam_beta2=0.95, weight_decay=0.0,
        loss_type="dr_grpo", scale_rewards="none", reward_weights=[given.samples / (given.samples - 1)],  # which makes the group mean leave-one-out
        beta=0.0 if given.layout == "rows" else BETA_2 if stage == 1 else BETA_1,
        bf16=False, use_cpu=True, gradient_checkpointing=False, report_to="none", disable_tqdm=True, logging_steps=given.log,
        save_steps=given.save_steps or steps + 1, save_strategy="steps" if given.save_steps else "no")
    trainer = GRPOTrainer(model, episodes, config, Dataset.from_dict({"prompt": [row for row in rows for _ in range(copies)]}),
                          processing_class=tokenizer, rollout_func=episodes.roll_out, callbacks=[Lines()])
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(config.output_dir) if given.resume else None)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder")
    options.add_argument("--layout", choices=["one", "rows"], default="rows")
    for name, default in [("steps", 200), ("problems", 64), ("samples", 8), ("seed", 0), ("save-steps", 0), ("log", 10)]:
        options.add_argument(f"--{name}", type=int, default=default)
    options.add_argument("--resume", action="store_true")
    options.add_argument("--out", default="trl-out")
    options.add_argument("--steps-one", type=int, help="of which Stage I; three fifths by default")
    given = options.parse_args()
    model, frozen, tokenizer = load(given.folder), load(given.folder).requires_grad_(False), AutoTokenizer.from_pretrained(given.folder)
    evaluate(model, "base")
    one = given.steps * 3 // 5 if given.steps_one is None else given.steps_one
    for stage, steps in [(1, one), (2, given.steps - one)]:
        if steps:
            train(model, frozen, tokenizer, stage, steps, given)
            evaluate(model, f"Stage {'I' * stage}")
    model.save_pretrained(f"{given.out}/model")


if __name__ == "__main__":
    main()
