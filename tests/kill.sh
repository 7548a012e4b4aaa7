#!/usr/bin/env bash
# Kills training runs at random instants (SIGKILL), goes on with them, and compares what they leave with a run that was never stopped: weights, metrics
# and episodes, byte for byte, with one and with two threads.
#
#   tests/kill.sh [KILLS] [BINARY]      at least so many kills; 50 and target/release/palinode when left out
set -euo pipefail
cd "$(dirname "$0")/.."
kills=${1:-50}
palinode=${2:-target/release/palinode}
[[ -x $palinode ]] || { echo "error: $palinode: no such program; build it by: cargo build --release --bin palinode" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/short.toml" << 'TOML'
[train.warm]
steps_corrupted = 12
steps_sampled = 12
steps_habit = 8
sequences = 32
check_every = 5
[train.reinforce]
steps_one = 9
steps_two = 9
problems = 8
[train.evaluation]
problems = 100
problems_between = 50
every = 4
TOML

train() { # FOLDER THREADS ARGUMENTS...
    exec "$palinode" train --quiet --out "$1" --threads "$2" --checkpoint-every 3 "${@:3}" > /dev/null 2>> "$folder/messages"
}

compare() { # FOLDER
    local file
    for file in metrics.jsonl episodes.jsonl checkpoints/{base,stage-1,stage-2}/model.safetensors; do
        cmp "$folder/straight/$file" "$1/$file" || { echo "FAILED: $1/$file differs" >&2; exit 1; }
    done
}

begun=$EPOCHREALTIME
(train "$folder/straight" 2 --config "$folder/short.toml")
milliseconds=$(( (${EPOCHREALTIME/./} - ${begun/./}) / 1000 ))
(train "$folder/one-thread" 1 --config "$folder/short.toml")
compare "$folder/one-thread"

killed=0 runs=0
while (( killed < kills )); do
    run=$folder/run-$runs threads=$(( runs % 2 + 1 ))
    start=(--config "$folder/short.toml")
    while true; do
        train "$run" $threads "${start[@]}" &
        # A random part of a whole run; nearly always in the middle of something.
        pause=$(( RANDOM * RANDOM % milliseconds / 2 ))
        sleep "$(printf '%d.%03d' $(( pause / 1000 )) $(( pause % 1000 )))"
        if kill -KILL $! 2> /dev/null; then
            killed=$(( killed + 1 ))
            wait $! 2> /dev/null || true
        else
            wait $! || { tail -n 3 "$folder/messages" >&2; echo "FAILED: a run could not be continued" >&2; exit 1; }
            break
        fi
        [[ -e $run/config.toml ]] && start=(--resume) || start=(--config "$folder/short.toml" --force)
    done
    compare "$run"
    runs=$(( runs + 1 ))
    echo "$runs runs, $killed kills: the same bytes (a whole run takes $milliseconds ms)"
    rm -rf "$run"
done
