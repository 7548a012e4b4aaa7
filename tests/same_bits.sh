#!/usr/bin/env bash
# One short run, and whether it leaves the recorded bytes: weights, metrics and episodes. An emulator in front of the program makes another processor of
# this one.
#
#   tests/same_bits.sh PALINODE [EMULATOR...]
#
#   tests/same_bits.sh target/debug/palinode qemu-x86_64 -cpu max             AVX2 and FMA, no AVX-512 (Debian: qemu-user)
#   tests/same_bits.sh target/debug/palinode qemu-x86_64 -cpu qemu64          SSE2, no FMA
#   tests/same_bits.sh target/aarch64-unknown-linux-gnu/debug/palinode qemu-aarch64 -L /usr/aarch64-linux-gnu
#                                             built by: CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
#                                                       cargo build -p palinode --target aarch64-unknown-linux-gnu
#                                             (rustup target add aarch64-unknown-linux-gnu; Debian: gcc-aarch64-linux-gnu)
set -euo pipefail
[[ $# -ge 1 && -x $1 ]] || { echo "usage: $0 PALINODE [EMULATOR...]" >&2; exit 2; }
palinode=$(realpath "$1")
here=$(realpath "$(dirname "$0")/../adapters/palinode/tests/same_bits")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${@:2}" "$palinode" train --quiet --config "$here/small.toml" --out "$folder/run" > /dev/null
(cd "$folder/run" && sha256sum --check "$here/recorded.sha256")
