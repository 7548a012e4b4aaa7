#!/usr/bin/env bash
# palinode and its peers on the same work, in turn, several times: medians of the ratios, and their spread.
#   tests/bench/compare.sh [--preset NAME] [--episodes N] [--rounds N] [--threads N] [--peers "torch transformers"] [--python PATH]
# Needs Python with torch (and transformers, for the second peer). Nothing else should run meanwhile.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=5 episodes=512 threads=2 presets=(ledger small) peers="torch transformers" python=python3
while (($#)); do
    case $1 in
    --preset) presets=("$2") ;;
    --episodes) episodes=$2 ;;
    --rounds) rounds=$2 ;;
    --threads) threads=$2 ;;
    --peers) peers=$2 ;;
    --python) python=$2 ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
cargo build --release --bin palinode
binary=${CARGO_TARGET_DIR:-target}/release/palinode
echo "load before: $(cut -d ' ' -f 1 /proc/loadavg); torch's threads wait for each other, so any other work slows it several times over"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for preset in "${presets[@]}"; do
    for round in $(seq "$rounds"); do
        "$binary" bench --preset "$preset" --episodes "$episodes" --repeat 1 --threads "$threads" --json > "$out/$preset.palinode.$round"
        for peer in $peers; do
            "$python" tests/bench/peer.py --peer "$peer" --preset "$preset" --episodes "$episodes" --repeat 1 --threads "$threads" > "$out/$preset.$peer.$round"
        done
    done
done
"$python" tests/bench/ratios.py "$out"
