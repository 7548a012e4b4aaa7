"""Trains the chat checkpoint with palinode, all weights and adapters, and lets transformers and PEFT judge what is left.

    pip install torch transformers peft jinja2
    cargo build --release && python check_trained.py ../../../../target/release/palinode

Compared are log-probabilities of whole episodes, greedy continuations, and the accuracies that palinode reports: transformers plays both attempts at the
held-out problems itself, by the chat template.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).parent
PALINODE = str(Path(sys.argv[1]).resolve())
AGAIN = "Your answer may or may not be right. Look at it again, correct it if something is wrong, and write the final answer."
LONGEST = 8
RUN = ["--data", HERE / "problems.jsonl", "--max-answer", LONGEST]
STEPS = ["--steps-one", 30, "--steps-two", 30, "--problems", 16, "--quiet", "--json"]


def palinode(*arguments):
    done = subprocess.run([PALINODE, *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) if "--json" in arguments else None


def held_out():
    """The problems that palinode holds out: one in five, by FNV-1a of the prompt and a final mix."""
    def spread(data):
        h = 0xCBF29CE484222325
        for byte in data:
            h = (h ^ byte) * 0x100000001B3 % 2**64
        h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        return h ^ (h >> 31)
    problems = [json.loads(line) for line in (HERE / "problems.jsonl").read_text().splitlines()]
    return [problem for problem in problems if spread(problem["prompt"].encode()) % 5 == 0]


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()


def logprobs(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids[:-1]])).logits[0].log_softmax(-1)[torch.arange(len(ids) - 1), ids[1:]]


def greedy(model, tokenizer, ids):
    out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), max_new_tokens=LONGEST, do_sample=False)
    return out[0, len(ids):].tolist()


def accuracies(model, tokenizer):
    right, ends = [0, 0], model.generation_config.eos_token_id
    problems = held_out()
    for problem in problems:
        turns = [{"role": "user", "content": problem["prompt"]}]
        for attempt in range(2):
            text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
            new = greedy(model, tokenizer, tokenizer(text, add_special_tokens=False)["input_ids"])
            answer = tokenizer.decode(new, skip_special_tokens=True)
            right[attempt] += new[-1] in ends and answer.strip() == problem["answer"]
            turns += [{"role": "assistant", "content": answer}, {"role": "user", "content": AGAIN}]
    return [round(100 * count / len(problems), 2) for count in right]


def check(name, model, tokenizer, asked, episodes, reported):
    gap, same = 0.0, 0
    for ids, prompt in episodes:
        said = palinode("logprobs", *asked, "--ids", " ".join(map(str, ids)), "--json")["logprobs"]
        gap = max(gap, (logprobs(model, ids) - torch.tensor(said)).abs().max().item())
        wrote = palinode("generate", *asked, "--ids", " ".join(map(str, prompt)), "--max-new", LONGEST, "--greedy", "--json")["ids"]
        same += wrote == greedy(model, tokenizer, prompt)
    found = accuracies(model, tokenizer)
    print(f"{name:<28} log-probabilities differ by {gap:.1e}, {same} of {len(episodes)} continuations are the same, "
          f"accuracies {found}, reported {[reported['acc_t1'], reported['acc_t2']]}")
    return gap <= 1e-4 and same == len(episodes) and found == [reported["acc_t1"], reported["acc_t2"]]


def last_episodes(run):
    """Ids of the last episodes of a run, and of their prompts."""
    for line in (run / "episodes.jsonl").read_text().splitlines()[-8:]:
        episode = json.loads(line)
        ids = list(episode["prompt_ids"])
        for k, attempt in enumerate(episode["attempts"]):
            if k > 0:
                ids += episode.get("closing_ids", []) if episode["attempts"][k - 1]["stop"] == "truncated" else []
                ids += episode["revision_ids"]
            ids += attempt["ids"]
        yield ids, episode["prompt_ids"]


def main():
    print("transformers", transformers.__version__)
    tokenizer = AutoTokenizer.from_pretrained(HERE / "model")
    good = True
    with tempfile.TemporaryDirectory() as folder:
        full, lora, merged = Path(folder) / "full", Path(folder) / "lora", Path(folder) / "merged"
        start = ["train", "--model", HERE / "model", *RUN, *STEPS]
        result = palinode(*start, "--learning-rate", 5e-4, "--out", full)
        good &= check("base", load(HERE / "model"), tokenizer, ["--model", HERE / "model"], list(last_episodes(full)), result["base"])
        good &= check("all weights, transformers", load(full / "model"), tokenizer, ["--model", full / "model"], list(last_episodes(full)), result["stage_two"])
        result = palinode(*start, "--lora-rank", 8, "--learning-rate", 2e-3, "--out", lora)
        adapted = PeftModel.from_pretrained(load(HERE / "model"), lora / "adapter").eval()
        asked = ["--model", HERE / "model", "--adapter", lora / "adapter"]
        good &= check("adapters, PEFT", adapted, tokenizer, asked, list(last_episodes(lora)), result["stage_two"])
        palinode("merge", "--model", HERE / "model", "--adapter", lora / "adapter", "--out", merged)
        reported = palinode("eval", "--model", merged, *RUN, "--json")
        good &= check("adapters merged, transformers", load(merged), tokenizer, ["--model", merged], list(last_episodes(lora)), reported)
    sys.exit(0 if good else "they differ")


main()
