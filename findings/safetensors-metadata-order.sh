#!/usr/bin/env bash
# safetensors 0.8.0 writes the entries of a header's metadata in another order in each process: they pass through a hash map with a random seed. The same tensors
# with the same metadata are therefore files of different bytes and different SHA-256, although nothing in them differs; checkpoints that are compared or deduplicated by
# their hash are taken for different ones. With no entry, or one (as transformers writes: {"format": "pt"}), the bytes are the same each time. Tensors are sorted.
#
# Seen: one array, saved by 8 processes:   one entry: 1 hash       eight entries: 8 hashes (two or more), the same set of entries in each
#
# Needs python3 and the package registry. Leaves 0 while this is so, 1 once it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv env
env/bin/pip install --quiet safetensors==0.8.0 numpy==2.4.6
cat > save.py << 'PYTHON'
import hashlib
import json
import struct
import sys

import numpy
from safetensors.numpy import save_file

entries = int(sys.argv[1])
save_file({"weight": numpy.arange(6, dtype="float32")}, "saved.safetensors", metadata={f"key{i}": str(i) for i in range(entries)})
data = open("saved.safetensors", "rb").read()
(length,) = struct.unpack("<Q", data[:8])
found = json.loads(data[8 : 8 + length])["__metadata__"]
print(hashlib.sha256(data).hexdigest(), json.dumps(found, sort_keys=True).replace(" ", ""))
PYTHON
for entries in 1 8; do
    for _ in 1 2 3 4 5 6 7 8; do env/bin/python save.py "$entries"; done > "of-$entries"
    echo "$entries entries: $(cut -d' ' -f1 "of-$entries" | sort -u | wc -l) hashes of $(cut -d' ' -f2 "of-$entries" | sort -u | wc -l) set of entries"
done
same() { cut -d' ' -f"$2" "of-$1" | sort -u | wc -l; }
[ "$(same 1 1)" = 1 ] && [ "$(same 8 1)" -gt 1 ] && [ "$(same 8 2)" = 1 ]
