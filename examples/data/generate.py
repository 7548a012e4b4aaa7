"""Writes school.jsonl and contest.jsonl beside this file: `python3 examples/data/generate.py`."""

import json
from pathlib import Path

import contest
import school
from draw import Draw

SEED = 1
FOLDER = Path(__file__).parent


def write(name, problems):
    """One problem a line."""
    lines = [json.dumps(problem, ensure_ascii=False) + "\n" for problem in problems]
    (FOLDER / name).write_text("".join(lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write("school.jsonl", school.problems(200, Draw(SEED)))
    write("contest.jsonl", contest.problems(120, Draw(SEED)))
