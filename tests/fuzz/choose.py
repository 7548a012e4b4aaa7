#!/usr/bin/env python3
"""Which of the fuzzer's inputs become tests: `tests/fuzz/choose.py [--share 0.95] TARGET ...`, behind `fuzz.sh`.

Copies from `target/fuzz/corpus` into `tests/fuzz/corpus` the fewest inputs with which the tests reach that share of all features (edges of the program) that the
fuzzer reached: the one that adds most first, the shorter one of equals. Those that are there already count, and stay.
"""

import argparse
import heapq
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "target/fuzz"


def reached(target, folder):
    """For each input, by its path, the features that it reaches: the bits of a number; and how many there are."""
    control = Path(folder) / "control"
    merged = Path(folder) / "merged"
    merged.mkdir()
    options = ["-set_cover_merge=1", f"-merge_control_file={control}", "-use_counters=0", "-max_len=8192", "-detect_leaks=0", merged]
    corpora = [OUT / "corpus" / target, ROOT / "tests/fuzz/corpus" / target]
    program = OUT / "x86_64-unknown-linux-gnu/release" / target
    subprocess.run([program, *options, *corpora], check=True, capture_output=True, env=os.environ | {"TMPDIR": folder})
    lines = control.read_text().splitlines()
    paths = [Path(path) for path in lines[2 : 2 + int(lines[0])]]
    bits, found = {}, {}
    for line in lines[2 + len(paths) :]:
        kind, number, *features = line.split()
        if kind == "FT":
            places = [bits.setdefault(feature, len(bits)) for feature in features]
            reach = bytearray(len(bits) // 8 + 1)
            for place in places:
                reach[place // 8] |= 1 << place % 8
            found[paths[int(number)]] = int.from_bytes(reach, "little")
    return found, len(bits)


def choose(target, share):
    with tempfile.TemporaryDirectory() as folder:
        found, features = reached(target, folder)
    kept = ROOT / "tests/fuzz/corpus" / target
    have = 0
    for path, reach in found.items():
        if path.parent == kept:
            have |= reach
    before, chosen = have.bit_count(), 0
    rank = lambda path: (-(found[path] & ~have).bit_count(), path.stat().st_size, str(path))
    waiting = [rank(path) for path in found]
    heapq.heapify(waiting)
    while have.bit_count() < share * features:
        claimed = heapq.heappop(waiting)
        path = Path(claimed[2])
        # What was chosen since may have taken some of what this one would add.
        if rank(path) != claimed:
            heapq.heappush(waiting, rank(path))
            continue
        have |= found[path]
        shutil.copy(path, kept)
        chosen += 1
    print(f"{target}: {chosen} more inputs; the tests reach {have.bit_count()} of {features} features, {before} before")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.95)
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    options = parser.parse_args()
    for target in options.targets:
        choose(target, options.share)


if __name__ == "__main__":
    main()
