#!/usr/bin/env python3
"""Write cases.json and disagreements.md from table.tsv, the hand-written table of answer pairs.

To change a case, edit table.tsv, never cases.json. Its columns, parted by tabs:

    id         the kind and a number; an id never changes and is never used twice: append new numbers
    same       "=" if the answer is the same as the reference, "!" if it is wrong
    answer     the answer to judge
    reference  the correct answer
    origin     what the case is for; a choice that mathematics does not settle starts with "convention:" or says it
    why        our reason, in a sentence, where another judge differs from us; may be empty

To give up a right pair for precision, add a line to known_misses.txt: the id, a space, the reason. The case then carries
"known_miss": true and the reason as "why". Nobody edits the JSON by hand. A wrong pair cannot be a known miss.

Every pair also goes to two other judges, each in a process of its own with bounded time and memory: math-verify, and
SymPy with its own LaTeX parser. Their verdict is true, false, or null where they gave none. They are a second opinion
on the labels, not the source of them.

Run from anywhere, with the packages of requirements.txt installed:

    python generate.py            write both files
    python generate.py --check    write nothing; fail if a file would change
"""

import argparse
import csv
import importlib.metadata
import json
import multiprocessing
import re
import resource
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import math_verify
import sympy
from sympy.core.relational import Relational
from sympy.parsing.latex import parse_latex

HERE = Path(__file__).resolve().parent
PACKAGES = ("antlr4-python3-runtime", "latex2sympy2_extended", "math-verify", "sympy")
# A judge that needs longer has no verdict. Long enough that a slow machine does not change the output.
JUDGE_SECONDS = 20
# The time math-verify gives itself for each of its steps; it answers "false" when it runs out.
MATH_VERIFY_SECONDS = 5
# Some cases are powers too large to compute.
JUDGE_BYTES = 2 << 30
# Cases judged at once.
WORKERS = 2
# SymPy takes words for products of letters, and these commands for symbols.
UNREAD_BY_SYMPY = re.compile(
    r"\\(text|mbox|math|boxed|displaystyle|cfrac|over|lvert|circ|emptyset|varnothing|pm|mp)"
    r"|(?<![\\A-Za-z])[A-Za-z]{3,}"
    r"|[0-9][eE][-0-9]"
)

Verdict = bool | None


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    id: str
    equal: bool
    answer: str
    reference: str
    origin: str
    why: str
    known_miss: bool = False

    @property
    def kind(self) -> str:
        """The family of the case: its id without the number."""
        return self.id.rsplit("-", 1)[0]


def main() -> int:
    """Write the files, or with --check compare them."""
    parser = argparse.ArgumentParser(description="Write cases.json and disagreements.md from table.tsv.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file would change")
    check = parser.parse_args().check
    cases = read_table(HERE / "table.tsv", read_known_misses(HERE / "known_misses.txt"))
    verdicts = judge_all(cases)
    outputs = {"cases.json": render_json(cases, verdicts), "disagreements.md": render_markdown(cases, verdicts)}
    stale = [name for name, text in outputs.items() if not is_current(HERE / name, text)]
    if check:
        for name in stale:
            print(f"{name} is not what table.tsv gives: run generate.py", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (HERE / name).write_text(outputs[name], encoding="utf-8")
    print(f"{len(cases)} cases, {sum(case.equal for case in cases)} equal")
    return 0


def is_current(path: Path, text: str) -> bool:
    """Whether the file already holds the text."""
    return path.exists() and path.read_text(encoding="utf-8") == text


def read_known_misses(path: Path) -> dict[str, str]:
    """Read the reasons for right pairs given up, by id."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#")]
    for pair in pairs:
        if len(pair) != 2:
            raise ValueError(f"known_misses.txt: {pair[0]} has no reason (write the id, a space, the reason)")
    return {pair[0]: pair[1].strip() for pair in pairs}


def read_table(path: Path, known_misses: dict[str, str]) -> list[Case]:
    """Read and check the table."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))
    cases = [case_of(row, known_misses) for row in rows]
    check_unique("id", [case.id for case in cases])
    check_unique("pair", [(case.answer, case.reference) for case in cases])
    unknown = known_misses.keys() - {case.id for case in cases}
    if unknown:
        raise ValueError(f"known_misses.txt: no such id in table.tsv: {', '.join(sorted(unknown))}")
    return cases


def case_of(row: dict[str, str], known_misses: dict[str, str]) -> Case:
    """Check one row."""
    name = row["id"]
    if not re.fullmatch(r"[a-z]+-[0-9]+", name):
        raise ValueError(f"table.tsv: {name!r} is no id (write the kind, a hyphen, a number)")
    if row["same"] not in ("=", "!"):
        raise ValueError(f'table.tsv: {name}: "same" is {row["same"]!r} (write "=" or "!")')
    if not row["origin"]:
        raise ValueError(f'table.tsv: {name}: "origin" is empty')
    equal = row["same"] == "="
    missed = name in known_misses
    if missed and not equal:
        raise ValueError(f"known_misses.txt: {name} is a wrong pair: accepting it is an error, not a miss")
    why = known_misses.get(name, row["why"] or "")
    return Case(name, equal, row["answer"], row["reference"], row["origin"], why, missed)


def check_unique(what: str, values: list) -> None:
    """Refuse a value that occurs twice."""
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"table.tsv: {what} occurs twice: {', '.join(twice)}")


def judge_all(cases: list[Case]) -> list[dict[str, Verdict]]:
    """Ask every judge about every case, in the order of the cases."""
    for judge in JUDGES.values():
        judge("1", "1")  # what a parser builds at its first use is then there in every child
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda case: {name: bounded(judge, case) for name, judge in JUDGES.items()}, cases))


def bounded(judge: Callable[[str, str], Verdict], case: Case) -> Verdict:
    """Run a judge in a child process; no verdict if it fails, or needs too much time or memory."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=run_judge, args=(judge, case, sender), daemon=True)
    child.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(JUDGE_SECONDS) else None
    except EOFError:
        return None
    finally:
        child.kill()
        child.join()


def run_judge(judge: Callable[[str, str], Verdict], case: Case, sender) -> None:
    """Send the verdict of a judge; runs in the child process."""
    resource.setrlimit(resource.RLIMIT_AS, (JUDGE_BYTES, JUDGE_BYTES))
    sys.stdout = sys.stderr = open("/dev/null", "w")
    sys.set_int_max_str_digits(0)
    try:
        sender.send(judge(case.answer, case.reference))
    except Exception:
        sender.send(None)


def judge_by_math_verify(answer: str, reference: str) -> Verdict:
    """Ask math-verify; no verdict where it reads nothing in either text."""
    configs = [math_verify.LatexExtractionConfig(), math_verify.ExprExtractionConfig()]
    target, gold = (
        math_verify.parse(wrapped(text), configs, parsing_timeout=MATH_VERIFY_SECONDS) for text in (answer, reference)
    )
    if not target or not gold:
        return None
    return bool(math_verify.verify(gold, target, timeout_seconds=MATH_VERIFY_SECONDS))


def wrapped(text: str) -> str:
    """Put a text in the dollar signs that math-verify looks for, unless it has delimiters of its own."""
    own = re.search(r"(?<!\\)\$|\\\(|\\\[|\\boxed", text)
    return text if own else f"${text}$"


def judge_by_sympy(answer: str, reference: str) -> Verdict:
    """Ask SymPy; no verdict unless it reads both texts to the end as expressions or as relations."""
    if UNREAD_BY_SYMPY.search(answer) or UNREAD_BY_SYMPY.search(reference):
        return None
    left, right = parse_latex(answer, strict=True), parse_latex(reference, strict=True)
    if isinstance(left, Relational) and isinstance(right, Relational):
        return same_relation(left, right)
    if isinstance(left, sympy.Expr) and isinstance(right, sympy.Expr):
        return same_expression(left, right)
    return None


def same_expression(left: sympy.Expr, right: sympy.Expr) -> Verdict:
    """Whether two expressions are equal, with decimals exact and e, i and pi the constants."""
    left, right = constants(left), constants(right)
    if left == right:
        return True
    difference = sympy.simplify(left - right)
    return True if difference == 0 else difference.equals(0)


def same_relation(left: Relational, right: Relational) -> Verdict:
    """Whether two relations say the same; for equations up to a constant factor."""
    if isinstance(left, sympy.Eq) and isinstance(right, sympy.Eq):
        sides = [sympy.expand(constants(side.lhs) - constants(side.rhs)) for side in (left, right)]
        if 0 in sides:
            return sides[0] == sides[1]
        ratio = sympy.simplify(sides[0] / sides[1])
        return bool(ratio.is_number)
    if type(left.canonical) is not type(right.canonical):
        return False
    return left.canonical == right.canonical or None


def constants(expression: sympy.Expr) -> sympy.Expr:
    """Read decimals as exact fractions, e, i and pi as the constants, and letters as real."""
    decimals = {number: sympy.Rational(str(number)) for number in expression.atoms(sympy.Float)}
    named = {sympy.Symbol("e"): sympy.E, sympy.Symbol("i"): sympy.I, sympy.Symbol("pi"): sympy.pi}
    expression = expression.xreplace(decimals | named).doit()
    return expression.xreplace({symbol: sympy.Symbol(symbol.name, real=True) for symbol in expression.free_symbols})


JUDGES: dict[str, Callable[[str, str], Verdict]] = {"math_verify": judge_by_math_verify, "sympy": judge_by_sympy}


def render_json(cases: list[Case], verdicts: list[dict[str, Verdict]]) -> str:
    """Write the cases as JSON, one case a line."""
    head = {
        "generator": "adapters/tasks/tests/math/generate.py",
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "counts": count(cases, verdicts),
    }
    lines = [json.dumps(entry_of(case, verdict), ensure_ascii=False) for case, verdict in zip(cases, verdicts)]
    fields = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    return "{\n" + ",\n".join(fields) + ',\n  "cases": [\n    ' + ",\n    ".join(lines) + "\n  ]\n}\n"


def count(cases: list[Case], verdicts: list[dict[str, Verdict]]) -> dict[str, int]:
    """Count the cases, and for each judge the verdicts against ours."""
    equal = sum(case.equal for case in cases)
    counts = {"cases": len(cases), "equal": equal, "wrong": len(cases) - equal}
    counts["known_misses"] = sum(case.known_miss for case in cases)
    for judge in JUDGES:
        given = [(case.equal, verdict[judge]) for case, verdict in zip(cases, verdicts)]
        counts[f"{judge}_accepts_wrong"] = given.count((False, True))
        counts[f"{judge}_rejects_equal"] = given.count((True, False))
        counts[f"{judge}_no_verdict"] = given.count((True, None)) + given.count((False, None))
    return counts


def entry_of(case: Case, verdict: dict[str, Verdict]) -> dict:
    """The JSON entry of a case."""
    entry = {"id": case.id, "answer": case.answer, "reference": case.reference, "equal": case.equal}
    entry |= {"origin": case.origin, **verdict}
    if case.known_miss:
        entry["known_miss"] = True
    if case.why:
        entry["why"] = case.why
    return entry


def render_markdown(cases: list[Case], verdicts: list[dict[str, Verdict]]) -> str:
    """Write a table of the cases where another judge differs from us."""
    rows = [row_of(case, verdict) for case, verdict in zip(cases, verdicts) if differs(case, verdict)]
    counts = count(cases, verdicts)
    lines = [
        "# Where other judges differ from our labels",
        "",
        "Written by `generate.py`; do not edit. The reasons are in the last column of `table.tsv`.",
        "",
        f"{len(rows)} of {len(cases)} cases. A dash means that the judge gave no verdict.",
        "",
        "| judge | accepts a wrong pair | rejects an equal pair | no verdict |",
        "|---|---|---|---|",
    ]
    for judge in JUDGES:
        numbers = [counts[f"{judge}_{what}"] for what in ("accepts_wrong", "rejects_equal", "no_verdict")]
        lines.append(f"| {judge} | " + " | ".join(map(str, numbers)) + " |")
    lines += ["", "| id | answer | reference | ours | math-verify | SymPy | why we keep our label |", "|" + "---|" * 7]
    return "\n".join(lines + rows) + "\n"


def differs(case: Case, verdict: dict[str, Verdict]) -> bool:
    """Whether a judge says the opposite of our label."""
    return (not case.equal) in verdict.values()


def row_of(case: Case, verdict: dict[str, Verdict]) -> str:
    """The line of a case in the table of disagreements."""
    cells = [case.id, code(case.answer), code(case.reference), word(case.equal)]
    cells += [word(verdict[judge]) for judge in JUDGES]
    return "| " + " | ".join([*cells, case.why.replace("|", r"\|") or "(no reason yet)"]) + " |"


def code(text: str) -> str:
    """Show a text as code inside a table cell."""
    return f"`{text}`".replace("|", r"\|") if text else "(empty)"


def word(verdict: Verdict) -> str:
    """Show a verdict."""
    return {True: "equal", False: "wrong", None: "–"}[verdict]


if __name__ == "__main__":
    sys.exit(main())
