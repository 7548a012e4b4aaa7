#!/usr/bin/env python3
"""Ratios of what compare.sh measured, round by round: a drift of the machine changes both sides of a ratio alike.

Files are called rates/PRESET/WHO/DTYPE/ROUND; what a GPU's memory held meanwhile lies below `gpu` under the same name, in MiB, line by line.
"""

import json
import statistics
import sys
from pathlib import Path


def figures(path, gpu):
    """What one program measured: rates, which are better when larger, and memory, which is better when smaller."""
    result = json.loads(path.read_text().splitlines()[-1])
    found = {**result["rates"][0], "MiB": result["peak_bytes"] / 2**20}
    if gpu.exists():
        found["GPU MiB"] = max(map(int, gpu.read_text().split()))
    return found


def better(types):
    """Figure by figure, the better of a peer's types in one round."""
    pick = lambda key: min if "MiB" in key else max
    return {key: pick(key)(found[key] for found in types) for key in types[0]}


def main():
    folder = Path(sys.argv[1])
    found = {}
    for path in sorted((folder / "rates").glob("*/*/*/*")):
        preset, who, dtype, number = path.relative_to(folder / "rates").parts
        gpu = folder / "gpu" / preset / who / dtype / number
        found.setdefault(preset, {}).setdefault(who, {}).setdefault(dtype, {})[int(number)] = figures(path, gpu)
    for preset, by_who in found.items():
        for dtype, ours in by_who.pop("palinode").items():
            shown = (f"{key} {statistics.median(f[key] for f in ours.values()):.4g}" for key in ours[1])
            print(f"{preset}, {dtype}: palinode " + ", ".join(shown))
            for who, types in by_who.items():
                over = {f"{who} {name}": theirs for name, theirs in types.items()}
                if len(types) > 1:
                    rounds = set.intersection(*(set(theirs) for theirs in types.values()))
                    over[f"the better {who}"] = {n: better([theirs[n] for theirs in types.values()]) for n in rounds}
                for name, theirs in over.items():
                    print_ratios(name, ours, theirs)


def print_ratios(name, ours, theirs):
    ratios = {key: [ours[n][key] / theirs[n][key] for n in theirs] for key in theirs[1]}
    shown = (f"{key} {statistics.median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for key, r in ratios.items())
    print(f"  over {name}: " + ", ".join(shown))


if __name__ == "__main__":
    main()
