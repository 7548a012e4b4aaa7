"""Compares a model's greedy ids and log-probabilities here with those of transformers, and of llama.cpp where it is asked for.

    python check.py --palinode PALINODE MODEL --ids "1 2 3" [--llama] [--new 64] [--transformers MODEL]

MODEL is a GGUF file, or a folder, which transformers then reads instead. `--transformers none` leaves transformers out; another model is read in its place.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def ours(palinode, model, ids, new):
    def run(*arguments):
        command = [palinode, *arguments, "--model", model, "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    spaced = lambda ids: " ".join(map(str, ids))
    greedy = run("generate", "--ids", spaced(ids), "--greedy", "--ignore-eos", "--max-new", str(new))["ids"]
    return greedy, run("logprobs", "--ids", spaced(ids + greedy))["logprobs"]


def of_transformers(model, ids, all_ids, new):
    import torch
    from transformers import AutoModelForCausalLM

    path = Path(model)
    where = dict(gguf_file=path.name) if path.is_file() else {}
    loaded = AutoModelForCausalLM.from_pretrained(path.parent if where else path, dtype=torch.float32, **where).eval()
    with torch.no_grad():
        row = torch.tensor([all_ids])
        greedy = loaded.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=new, eos_token_id=None, pad_token_id=0)[0, len(ids):]
        logprobs = loaded(row[:, :-1]).logits[0].float().log_softmax(-1).gather(1, row[0, 1:, None])[:, 0]
    return greedy.tolist(), logprobs.tolist()


def of_llama(model, ids, all_ids, new):
    with tempfile.TemporaryDirectory() as folder:
        asked, told = Path(folder) / "asked.json", Path(folder) / "told.json"
        asked.write_text(json.dumps({"ids": ids, "all": all_ids, "new": new}))
        subprocess.run(["node", HERE / "score.mjs", Path(model).absolute(), asked, told], check=True, timeout=600)
        found = json.loads(told.read_text())
    return found["greedy"], found["logprobs"]


def compare(name, mine, theirs):
    (greedy, logprobs), (their_greedy, their_logprobs) = mine, theirs
    gaps = [abs(a - b) for a, b in zip(logprobs, their_logprobs, strict=True)]
    first = next((at for at, (a, b) in enumerate(zip(greedy, their_greedy, strict=True)) if a != b), None)
    same = "the same" if first is None else f"others from number {first} on"
    print(f"{name}: {len(greedy)} greedy ids {same}; {len(gaps)} log-probabilities differ by {max(gaps):.1e} at most, {statistics.median(gaps):.1e} in the median")


parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--palinode", required=True)
parser.add_argument("--ids", required=True)
parser.add_argument("--new", type=int, default=64)
parser.add_argument("--transformers")
parser.add_argument("--llama", action="store_true")
given = parser.parse_args()
ids = [int(number) for number in given.ids.split()]
mine = ours(given.palinode, given.model, ids, given.new)
all_ids = ids + mine[0]
if given.transformers != "none":
    compare("transformers", mine, of_transformers(given.transformers or given.model, ids, all_ids, given.new))
if given.llama:
    compare("llama.cpp", mine, of_llama(given.model, ids, all_ids, given.new))
