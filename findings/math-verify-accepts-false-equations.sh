#!/usr/bin/env bash
# math-verify 0.9.0, the usual reward for mathematics, gives full marks for answers that are false or say something else: it compares the right side of an
# equation with the reference without asking whether the equation holds, takes number groups of a space for products, and drops what stands behind a number.
#
# Seen (answer / reference: verdict):
#   27+12=40 / 40: True        10 000 000 / 0: True       100 200 / 300: True        42万 / 42: True (420 000)
#   1 250 / 1250: False        **73** / 73: False (Markdown, as instruct models write it)
# A policy that is rewarded by it can be paid for a wrong sum, and for "ten million" where nothing is asked for.
#
# Needs python3 and the package registry. Leaves 0 while this is so, 1 once it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet math-verify==0.9.0 latex2sympy2_extended==1.11.0 sympy==1.14.0 antlr4-python3-runtime==4.11.1
"$place/env/bin/python" - << 'PYTHON'
import sys
from importlib.metadata import version

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

SEEN = [
    ("27+12=40", "40", True),
    ("10 000 000", "0", True),
    ("100 200", "300", True),
    ("42万", "42", True),
    ("1 250", "1250", False),
    ("**73**", "73", False),
]
read = [LatexExtractionConfig(), ExprExtractionConfig()]
print("math-verify", version("math-verify"))
changed = False
for answer, reference, seen in SEEN:
    found = parse(f"${answer}$", read)
    verdict = verify(parse(f"${reference}$", read), found)
    changed |= verdict != seen
    print(f"{answer:12} / {reference:5} {verdict!s:6} parsed as {found[0] if found else 'nothing'}")
sys.exit("changed: see above" if changed else 0)
PYTHON
