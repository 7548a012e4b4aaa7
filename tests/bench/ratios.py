#!/usr/bin/env python3
"""Ratios of what compare.sh measured, round by round: a drift of the machine changes both sides of a ratio alike.

Files are called PRESET.WHO.ROUND; what a GPU's memory held meanwhile lies in `gpu` under the same name, in MiB, line by line.
"""

import json
import statistics
import sys
from pathlib import Path


def main():
    found = {}
    folder = Path(sys.argv[1])
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        preset, who, number = path.name.rsplit(".", 2)
        result = json.loads(path.read_text().splitlines()[-1])
        figures = {**result["rates"][0], "MiB": result["peak_bytes"] / 2**20}
        gpu = folder / "gpu" / path.name
        if gpu.exists():
            figures["GPU MiB"] = max(map(int, gpu.read_text().split()))
        found.setdefault(preset, {}).setdefault(who, {})[int(number)] = figures
    for preset, by_who in found.items():
        ours = by_who.pop("palinode")
        print(f"{preset}: palinode " + ", ".join(f"{key} {statistics.median(f[key] for f in ours.values()):.4g}" for key in ours[1]))
        for who, theirs in by_who.items():
            ratios = {key: [ours[n][key] / theirs[n][key] for n in theirs] for key in theirs[1]}
            shown = (f"{key} {statistics.median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for key, r in ratios.items())
            print(f"  over {who}: " + ", ".join(shown))


if __name__ == "__main__":
    main()
