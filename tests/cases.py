#!/usr/bin/env python3
"""Runs handed cases: small inputs on which palinode was wrong, unclear or silent, each in a folder with what is right in EXPECTED.txt.

    python3 tests/cases.py [--palinode target/debug/palinode] [--cases ../shared/cases] [NAME ...]

Prints one line a case and leaves 1 where one is not as it should be; 0 with a word where there is no such folder. Inputs like these, of our own, stand in
the tests of each crate: this script only repeats what was handed in.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LLAMA = ROOT / "adapters/hf/tests/models/llama2"
CHAT = ROOT / "adapters/palinode/tests/chat/model"
TRAIN = shlex.split(
    "train --model model --data problems.jsonl --max-answer 8 --steps-one 1 --steps-two 1 --problems 2 --samples 2 --eval-problems 2 --out run"
)


class Case:
    """A copy of a case's folder, and the program that is run in it."""

    def __init__(self, palinode, folder):
        self.palinode, self.folder = palinode, folder

    def run(self, *arguments, text=None):
        done = subprocess.run(
            [self.palinode, *map(str, arguments)], cwd=self.folder, input=text, capture_output=True, text=True, timeout=300, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def lines(self, name):
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def episodes(self):
        return self.lines("run/episodes.jsonl")


def need(holds, what):
    if not holds:
        raise AssertionError(what)


def verdicts(case):
    """Every line of cases.jsonl gets the verdict that it names."""
    wrong = []
    for line in case.lines("cases.jsonl"):
        rc, out, err = case.run("verify", "--verifier", line["verifier"], "--answer", "-", "--reference", line["reference"], "--json", text=line["answer"])
        got = json.loads(out)["verdict"] if rc == 0 else f"exit {rc}: {err}"
        right = got != "right" if line["expected"] == "not right" else got == line["expected"]
        if not right:
            wrong.append(f"{line['answer']!r} against {line['reference']!r} is {got}, expected {line['expected']}")
    need(not wrong, "; ".join(wrong))


def verdict(verifier, answer, reference, *accepted):
    def check(case):
        rc, out, err = case.run("verify", "--json", "--verifier", verifier, f"--answer={answer}", f"--reference={reference}")
        got = json.loads(out)["verdict"] if rc == 0 else f"exit {rc}: {err}"
        need(got in accepted, f"{got}, expected {' or '.join(accepted)}")

    return check


def logprobs(*arguments, refusal=None):
    """The recorded log-probabilities within 1e-4, or a refusal that names the setting."""

    def check(case):
        expected = json.loads((case.folder / "expected.json").read_text())
        ids = " ".join(map(str, expected["ids"]))
        rc, out, err = case.run("logprobs", *arguments, "--ids", ids, "--json")
        if rc != 0:
            need(rc == 3 and refusal and refusal in err, f"exit {rc}: {err.strip()}")
            return
        got = json.loads(out)["logprobs"]
        worst = max(abs(a - b) for a, b in zip(got, expected["logprobs"], strict=True))
        need(worst <= 1e-4, f"off by {worst:.3g} nats")

    return check


def reads(problems, file, *arguments):
    """`palinode data` finds so many problems."""

    def check(case):
        rc, out, err = case.run("data", file, *arguments)
        need(rc == 0, f"exit {rc}: {err.strip()}")
        words = out.replace(",", "").split()
        train, held = (int(words[words.index(word) - 1]) for word in ("to", "held"))
        need(train + held == problems, f"{train + held} problems, expected {problems}\n{out}")
        return out, err

    return check


def refuses(word, *arguments):
    """Exit 3, with these words."""

    def check(case):
        rc, _, err = case.run(*arguments)
        words = [word] if isinstance(word, str) else word
        need(rc == 3 and any(w.lower() in err.lower() for w in words), f"exit {rc}: {err.strip()}, expected a word of {words}")

    return check


def every(*checks):
    def check(case):
        for one in checks:
            one(case)

    return check


def trained(case):
    rc, _, err = case.run(*TRAIN)
    need(rc == 0, f"exit {rc}: {err.strip()}")
    return err


def first_prompt(*ids):
    """Ids that the first prompt begins with."""

    def check(case):
        trained(case)
        got = case.episodes()[0]["prompt_ids"][: len(ids)]
        need(got == list(ids), f"the prompt begins with {got}, expected {list(ids)}")

    return check


def notes(*words):
    """Training goes on, and says one of these words in a note."""

    def check(case):
        said = [line for line in trained(case).splitlines() if line.startswith("note:")]
        need(any(word in line for word in words for line in said), f"no note has a word of {words}: {said}")

    return check


def semicolons(case):
    for file in ("sheet.csv", "sep.csv"):
        rc, out, err = case.run("data", file, "--verifier", "numeric")
        need(rc == 0 or ("semicolon" in err and "decimal" in err), f"{file}: exit {rc}: {err.strip()}")
        need("," not in "".join(line for line in out.splitlines() if line.startswith("read as")), f"{file}: a comma is left: {out}")


def messages(case):
    out, _ = reads(10, "mix.jsonl", "--answer-field", "solution", "--show", "10")(case)
    shown = out.count("problem  ")
    need(shown > 5 and sum(f"What is {i} plus 4?" in out for i in range(10)) == shown, f"a user's message is not shown:\n{out}")


def empty_reference(case):
    out, err = reads(len(case.lines("d.jsonl")) - 1, "d.jsonl")(case)
    need("empty" in out + err, f"no word of the empty reference:\n{out}{err}")


def question_back(case):
    rc, out, err = case.run("verify", "--json", "--verifier", "math", "--answer=10*(8-5)-6", "--reference=24")
    need(rc == 0 and json.loads(out)["verdict"] != "right", f"an answer that solves nothing: {out}{err}")


def no_token(case):
    arguments = "--steps-one 1 --steps-two 0 --problems 4 --samples 4 --max-answer 6 --lora-rank 1 --eval-problems 2 --out run -q"
    rc, _, err = case.run("train", "--model", "model", "--data", "problems.jsonl", *arguments.split())
    need(rc == 0, f"exit {rc}: {err.strip()}")
    ids = [id for episode in case.episodes() for attempt in episode["attempts"] for id in attempt["ids"]]
    need(ids and max(ids) < 352, f"ids that no token has were sampled: {sorted({id for id in ids if id >= 352})}")


def other_data(case):
    here = {**os.environ, "PALINODE": str(case.palinode), "MODEL": str(CHAT)}
    done = subprocess.run(["bash", "run.sh"], cwd=case.folder, env=here, capture_output=True, text=True, timeout=120, check=False)
    need("exit 0" not in done.stdout and "p.jsonl" in done.stdout, done.stdout.strip())


def special_tokens(case):
    rc, out, err = case.run("data", "labels.jsonl", "--model", "model", "--show", "2")
    if rc == 0:
        need("<A>" in out.split("reference")[-1] or "<B>" in out.split("reference")[-1], f"a reference is not shown:\n{out}")
        rc, out, err = case.run("eval", "--model", "model", "--data", "labels.jsonl", "--max-answer", "4", "--json")
        need(rc == 0 and json.loads(out)["acc_t1"] == 0, f"exit {rc}: {out}{err}")
    else:
        need(rc == 3 and "empty" in err, f"exit {rc}: {err.strip()}")


def silent_commands(case):
    for arguments in (("data", "problems.jsonl", "--model", "model"), ("plan", "--model", "model", "--data", "problems.jsonl")):
        rc, out, err = case.run(*arguments)
        need(rc == 0 and "note:" in err and "drops the thinking" in err, f"{arguments[0]}: exit {rc}: {err.strip()}")


def undefined(case):
    rc, _, err = case.run(*TRAIN)
    reason = err.split("undefined", 1)
    need(rc == 3 and len(reason) == 2 and "undefined value: undefined value" not in err, f"exit {rc}: {err.strip()}")


def token_before_the_end(case):
    rc, _, err = case.run(*TRAIN)
    if rc == 3 or "note:" in err:
        return
    need(rc == 0, f"exit {rc}: {err.strip()}")
    for episode in case.episodes():
        closing = episode.get("closing_ids", [episode.get("closing_id")])
        ids = episode["attempts"][0]["ids"] + closing + episode["revision_ids"]
        need([349, 351] in map(list, zip(ids, ids[1:])), f"no note, no refusal, and attempt 2 stands on {ids}")


CHECKS = {
    "adapter-of-all-linear": logprobs("--model", LLAMA, "--adapter", "adapter"),
    "adapter-of-alora": logprobs("--model", LLAMA, "--adapter", "adapter", refusal="alora_invocation_tokens"),
    "adapter-of-pissa": logprobs("--model", LLAMA, "--adapter", "adapter", refusal="init_lora_weights"),
    "csv-of-pandas": reads(10, "rows.csv"),
    "csv-with-semicolons": semicolons,
    "empty-reference-stops-the-file": empty_reference,
    "file-of-another-kind": every(
        refuses("gzip", "data", "rows.jsonl.gz"),
        refuses("UTF-16", "data", "rows.tsv"),
        refuses("folder", "data", "."),
        refuses("Git LFS", "logprobs", "--model", "lfs", "--ids", "1 2"),
        refuses("pytorch_model.bin", "logprobs", "--model", "bin", "--ids", "1 2"),
        refuses("--adapter", "logprobs", "--model", "adapter", "--ids", "1 2"),
    ),
    "gsm8k-grid-by-last-number": verdict("gsm8k", "2 2\n2 1", "1 2\n2 1", "failed"),
    "ids-that-no-token-has": no_token,
    "json-list-reference": reads(8, "d.jsonl", "--verifier", "json"),
    "math-accepts-the-question-back": question_back,
    "math-letters-are-a-product": verdict("math", "bca", "abc", "wrong"),
    "messages-with-a-system-in-some-rows": messages,
    "numeric-degree-sign": verdict("numeric", "45°", "45", "right"),
    "numeric-latex": every(
        verdict("numeric", "\\boxed{42}", "42", "right"), verdict("numeric", "\\frac{1}{2}", "0.5", "right")
    ),
    "parquet-of-polars": reads(10, "rows.parquet"),
    "parquet-prompt-is-a-list": lambda case: need(case.run("data", "d.parquet")[0] == 0, case.run("data", "d.parquet")[2]),
    "parquet-zstd": lambda case: need(case.run("data", "polars.parquet")[0] == 0, case.run("data", "polars.parquet")[2]),
    "peft-alora": logprobs("--model", LLAMA, "--adapter", "adapter", refusal="alora_invocation_tokens"),
    "peft-full-names": logprobs("--model", LLAMA, "--adapter", "adapter"),
    "peft-init-corda": logprobs("--model", LLAMA, "--adapter", "adapter", refusal="corda"),
    "peft-init-pissa": logprobs("--model", LLAMA, "--adapter", "adapter", refusal="pissa"),
    "peft-init-pissa_niter_16": logprobs("--model", LLAMA, "--adapter", "adapter", refusal="pissa_niter_16"),
    "peft-regex": logprobs("--model", LLAMA, "--adapter", "adapter"),
    "resume-with-other-data": other_data,
    "special-tokens-as-references": special_tokens,
    "template-config-over-1MiB": trained,
    "template-crlf": first_prompt(350, 290, 198, 339, 279, 220, 23, 22, 319, 220, 19, 20, 30, 351, 198, 350, 300, 198),
    "template-data-and-plan-are-silent": silent_commands,
    "template-dict-of-templates": trained,
    "template-id-of-an-added-token": refuses(["349"], *TRAIN),
    "template-named-special-token": first_prompt(349, 350, 290, 198),
    "template-refusal-without-a-word": undefined,
    "template-special-tokens-map": first_prompt(349, 350, 290, 198),
    "template-token-before-the-end": token_before_the_end,
    "template-tools-none-is-iterable": first_prompt(350, 290, 198),
    "template-trimmed-answer": notes("white space", "trims"),
    "template-white-space-of-the-template": notes("opens an earlier answer"),
    "tied-with-a-head-of-its-own": logprobs("--model", "model"),
}


def check_of(folder):
    """What is asked of a case: its own check, or the verdicts of its cases.jsonl."""
    if folder.name in CHECKS:
        return CHECKS[folder.name]
    return verdicts if (folder / "cases.jsonl").is_file() else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--palinode", type=Path, default=ROOT / "target/debug/palinode")
    parser.add_argument("--cases", type=Path, default=ROOT.parent / "shared/cases")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if not args.cases.is_dir():
        print(f"{args.cases}: no such folder, so no case to run")
        return 0
    passed, failed = 0, 0
    for folder in sorted(path for path in args.cases.iterdir() if path.is_dir()):
        if args.names and folder.name not in args.names:
            continue
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place) / folder.name
            shutil.copytree(folder, copy, copy_function=shutil.copyfile)
            for path in [copy, *copy.rglob("*")]:
                path.chmod(0o755 if path.is_dir() else 0o644)
            check = check_of(folder)
            try:
                need(check, "nothing here knows what is asked; add it to CHECKS")
                check(Case(args.palinode.resolve(), copy))
            except (AssertionError, LookupError, OSError, ValueError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"FAILED  {folder.name}: {error}")
            else:
                passed += 1
                print(f"ok      {folder.name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
