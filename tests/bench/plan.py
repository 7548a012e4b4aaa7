#!/usr/bin/env python3
"""What `palinode plan` says of a run, beside that run: `plan.py [--palinode PROGRAM] [--keep DIR] [--checkpoint-every N] FLAGS OF TRAIN ...`

The flags are those of `palinode train` without --out; the plan is given the same. Prints a line of a table for each figure: what was planned, what was measured,
and their ratio. Steps are told as the median over the run's; the warm start's as the mean, since some of its steps are followed by a check.
Peak memory is VmHWM of /proc, on Linux. Nothing else may run meanwhile.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def peak(process):
    """The most memory that a process held, in bytes."""
    found = 0
    while process.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                found = int(line.split()[1]) * 1024
        time.sleep(0.05)
    return found


def durations(run):
    """Seconds that events took since the timed one before them, by kind."""
    at = {time["line"]: time["seconds"] for time in lines(run / "times.jsonl")}
    found, before = {}, 0.0
    for number, event in enumerate(lines(run / "metrics.jsonl"), 1):
        if number not in at:
            continue
        kind = event["event"]
        if kind == "eval":
            kind = "evaluation" if event["final"] else "between"
        # The warm start's first event tells where the model stood before its first step.
        if kind != "warm" or event.get("loss") is not None:
            found.setdefault(kind, []).append(at[number] - before)
        before = at[number]
    return found


def checkpoint(run):
    """Bytes of the largest checkpoint within a stage."""
    folders = [folder for name in ("warm-*", "step-*") for folder in (run / "checkpoints").glob(name)]
    sizes = [sum(file.stat().st_size for file in folder.glob("*.safetensors")) for folder in folders]
    return max(sizes, default=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--palinode", default="target/release/palinode")
    parser.add_argument("--keep", help="folder of the run, which is kept")
    parser.add_argument("--checkpoint-every", default="3", help="steps; storing one counts to the step after it")
    known, flags = parser.parse_known_args()
    planned = subprocess.run([known.palinode, "plan", *flags, "--json"], check=True, capture_output=True, text=True).stdout
    planned = json.loads(planned.splitlines()[-1])
    with tempfile.TemporaryDirectory() as place:
        run = pathlib.Path(known.keep or place) / "run"
        train = [known.palinode, "train", *flags, "--out", str(run), "--checkpoint-every", known.checkpoint_every, "--quiet"]
        process = subprocess.Popen(train, stdout=subprocess.DEVNULL)
        held = peak(process)
        if process.returncode:
            raise SystemExit(process.returncode)
        seconds, stored = durations(run), checkpoint(run)
    times, mib = planned["seconds"] or {}, 1024 * 1024
    steps = seconds.get("step", [])
    rows = [
        ("peak memory, MiB", planned["peak"] / mib, held / mib),
        ("a step, s", times.get("step"), statistics.median(steps) if steps else None),
        ("a warm step, s", times.get("warm_step"), statistics.fmean(seconds["warm"]) if "warm" in seconds else None),
        ("an evaluation, s", times.get("evaluation"), statistics.median(seconds["evaluation"]) if "evaluation" in seconds else None),
        ("a checkpoint, MiB", planned["plan"]["checkpoint"] / mib, stored / mib if stored else None),
    ]
    print("| | planned | measured | ratio |\n|---|---|---|---|")
    for what, plan, found in rows:
        if plan is not None and found:
            print(f"| {what} | {plan:.3g} | {found:.3g} | {plan / found:.2f} |")


if __name__ == "__main__":
    main()
