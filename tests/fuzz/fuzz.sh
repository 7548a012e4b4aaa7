#!/usr/bin/env bash
# Fuzzes every target, or those named: `tests/fuzz/fuzz.sh [--inputs 1000000] [--jobs 2] [TARGET ...]`.
# Needs a nightly compiler and cargo-fuzz: `rustup toolchain install nightly`, `cargo install cargo-fuzz`. What it finds to be new is kept in `target/fuzz/corpus`;
# what fails lies in `tests/fuzz/artifacts`, and belongs into `tests/fuzz/corpus/TARGET` once it is mended. `choose.py` copies from the former what tests need.
set -euo pipefail
cd "$(dirname "$0")/../.."

inputs=1000000 jobs=2 targets=()
while (($#)); do
    case $1 in
    --inputs) inputs=$2 && shift 2 ;;
    --jobs) jobs=$2 && shift 2 ;;
    -*) echo "unknown option $1" >&2 && exit 2 ;;
    *) targets+=("$1") && shift ;;
    esac
done
out=$PWD/target/fuzz
fuzz() { cargo +nightly fuzz "$1" --fuzz-dir tests/fuzz --features libfuzzer --target-dir "$out" "${@:2}"; }
((${#targets[@]})) || mapfile -t targets < <(cargo +nightly fuzz list --fuzz-dir tests/fuzz)

# `BUILT=1` takes the programs that were built before.
[ -n "${BUILT-}" ] || fuzz build
# Files that targets read are written to memory where there is such a folder.
temporary=$(TMPDIR=$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}") mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# Faster, and as sharp: no stack traces of allocations, no filling.
export ASAN_OPTIONS=malloc_context_size=0:detect_stack_use_after_return=0:quarantine_size_mb=8:max_free_fill_size=0:max_malloc_fill_size=0

one() {
    target=$1
    mkdir -p "$out/corpus/$target" "tests/fuzz/artifacts/$target"
    options=(-runs="$inputs" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=8192 -detect_leaks=0 -print_final_stats=1 -artifact_prefix="tests/fuzz/artifacts/$target/")
    [ -f "tests/fuzz/words/$target" ] && options+=(-dict="tests/fuzz/words/$target")
    TMPDIR=$temporary "$out/x86_64-unknown-linux-gnu/release/$target" "${options[@]}" "$out/corpus/$target" "tests/fuzz/corpus/$target" > "$out/$target.log" 2>&1 &&
        result=sound || result=FAILED
    printf '%-14s %-7s %9s inputs  %6s s  %5s in the corpus  %5s MiB\n' "$target" "$result" \
        "$(awk '/number_of_executed_units/ { print $2 }' "$out/$target.log")" \
        "$(awk '/^Done/ { print $5 }' "$out/$target.log")" \
        "$(find "$out/corpus/$target" -type f | wc -l)" "$(awk '/peak_rss_mb/ { print $2 }' "$out/$target.log")"
    [ $result = sound ]
}
export -f one
export inputs out temporary
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'one {}'
