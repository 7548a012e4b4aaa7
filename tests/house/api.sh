#!/usr/bin/env bash
# Lists the public items of the crates that publish, from what `cargo doc --no-deps` has made. `tests/house/api.txt` is that list: a change of it is seen in review.
#   tests/house/api.sh > tests/house/api.txt
# Signatures are not in it: the tools that list them (cargo-public-api, cargo-semver-checks) need rustdoc's JSON, which only nightly compilers write.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C

doc=${CARGO_TARGET_DIR:-target}/doc
for crate in palinode_core palinode_flex palinode_ndarray palinode_text palinode_math palinode_file_kind palinode_rows palinode_gguf palinode_kernels palinode_lm palinode_hf palinode_tasks \
    palinode_train palinode_report palinode; do
    [ -f "$doc/$crate/all.html" ] || continue
    # Items only: links of the page that lead to one kind of file in the crate's own folder.
    grep -o 'href="[A-Za-z0-9_/]*\(struct\|enum\|union\|trait\|fn\|macro\|type\|constant\|static\|derive\|attr\)\.[A-Za-z0-9_]*\.html"' "$doc/$crate/all.html" |
        sed "s/^href=\"//; s/\.html\"$//; s#\(.*/\)\{0,1\}\([a-z]*\)\.\(.*\)#\2 $crate::\1\3#; s#/#::#g" | sort -u
done
