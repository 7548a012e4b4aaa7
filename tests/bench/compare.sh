#!/usr/bin/env bash
# palinode and its peers on the same work, in turn, several times: medians of the ratios, and their spread.
#   tests/bench/compare.sh [--preset NAME] [--lora-rank N] [--episodes N] [--rounds N] [--threads N] [--peers "torch transformers"] [--python PATH]
#                          [--device NAME] [--dtypes "f32 bf16"] [--peer-dtypes "f32 bf16"] [--micro-batch N] [--decode-batch N]
# Each of our types is compared with the better of the peers' types, figure by figure.
# Needs Python with torch (and transformers and peft, for the second peer). Nothing else should run meanwhile. On a GPU, both get one thread, and the memory
# that the card holds is read while they work.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=5 episodes=512 threads=2 presets=(ledger small) peers="torch transformers" python=python3 device=flex dtypes=f32 peer_dtypes= same=()
while (($#)); do
    case $1 in
    --preset) presets=("$2") ;;
    --episodes) episodes=$2 ;;
    --rounds) rounds=$2 ;;
    --threads) threads=$2 ;;
    --peers) peers=$2 ;;
    --python) python=$2 ;;
    --device) device=$2 ;;
    --dtypes) dtypes=$2 ;;
    --peer-dtypes) peer_dtypes=$2 ;;
    --micro-batch | --decode-batch | --lora-rank) same+=("$1" "$2") ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
case $device in
flex | ndarray) features=() their_device=cpu ;;
cuda | cuda:*) features=(--features palinode/cuda) their_device=$device threads=1 ;;
*) echo "the peers compute on the CPU or by CUDA, not on $device" >&2; exit 2 ;;
esac
cargo build --release --bin palinode "${features[@]}"
binary=${CARGO_TARGET_DIR:-target}/release/palinode
echo "load before: $(cut -d ' ' -f 1 /proc/loadavg); torch's threads wait for each other, so any other work slows it several times over"
out=$(mktemp -d)
# Where a program fails, what watches the card ends too.
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$out"' EXIT

# measure WHO DTYPE PROGRAM...: its figures on the preset in this round, and what the card held meanwhile.
measure() {
    file=$preset/$1/$2/$round card=${device#cuda}
    card=${card#:}
    mkdir -p "$out/rates/${file%/*}" "$out/gpu/${file%/*}"
    if [ $their_device != cpu ]; then
        nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits --id="${card:-0}" --loop-ms=200 > "$out/gpu/$file" &
    fi
    "${@:3}" --preset "$preset" --episodes "$episodes" --repeat 1 --threads "$threads" --dtype "$2" "${same[@]}" > "$out/rates/$file"
    if [ $their_device != cpu ]; then
        kill $! && wait $! 2> /dev/null || true
    fi
}
for preset in "${presets[@]}"; do
    for round in $(seq "$rounds"); do
        for dtype in $dtypes; do
            measure palinode "$dtype" "$binary" bench --device "$device" --json
        done
        for peer in $peers; do
            for dtype in ${peer_dtypes:-$dtypes}; do
                measure "$peer" "$dtype" "$python" tests/bench/peer.py --peer "$peer" --device "$their_device"
            done
        done
    done
done
"$python" tests/bench/ratios.py "$out"
