#!/usr/bin/env bash
# Instructions of a handful of named pieces of work, counted by valgrind on one thread, with AVX2: times drift, these hardly do.
#   tests/bench/instructions.sh > tests/bench/instructions.txt
# A change of that file shows in review what a commit did to each. Counts are in thousands: hash tables begin at random places, and that moves the last digits.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --bin instructions >&2
binary=${CARGO_TARGET_DIR:-target}/release/instructions
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export RAYON_NUM_THREADS=1
for name in $("$binary"); do
    valgrind --tool=callgrind --callgrind-out-file="$out/$name" --toggle-collect='instructions::counted*' "$binary" "$name" 2> "$out/said" || {
        cat "$out/said" >&2
        exit 1
    }
    awk -v name="$name" '/^(summary|totals):/ { count = $2 } END { printf "%-24s %12.0f k\n", name, count / 1000 }' "$out/$name"
done
