"""Tiny vocabularies of our own making as GGUF files, and the ids that llama.cpp gives texts by them.

    npm install --prefix DIR node-llama-cpp@3.21.1
    python generate.py DIR

Needs the packages `gguf` (0.19) and `tokenizers` (0.23). `bytes.gguf` has merges of bytes, `scores.gguf` a score for each token; neither has tensors. `recorded.json` holds
texts, and ids under each setting of the keys that is tried on them.
"""

import json
import string
import sys
import tempfile
from pathlib import Path

from gguf import GGUFWriter
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "tests/tokenizers"))
import llama  # noqa: E402
from texts import PLAIN, SPECIAL, texts  # noqa: E402

NORMAL, UNKNOWN, CONTROL, OWN, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
ENGLISH = [
    "What is twenty seven and eighty two? Reply with the number only.",
    "Sort these numbers from small to large, and check your answer again.",
    "The answer is right, but they're sure it's wrong: we'll see if I'd have said so.",
    "It is the same in the next line, where the other one ends.",
]
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def of_bytes():
    """Texts, types and merges of a byte-level vocabulary."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=480, initial_alphabet=alphabet, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(PLAIN * 2 + ENGLISH * 8, trainer)
    state = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(state["vocab"], key=state["vocab"].get)
    merges = [" ".join(merge) for merge in state["merges"]]
    types = [CONTROL] * len(special) + [NORMAL] * (len(tokens) - len(special))
    # A token that is cut out and is no special one; words that no merge makes; one of an end that is none here, and one of nothing.
    for token, of in [("<b>", OWN), ("ĠViá»ĩt", NORMAL), ("Ġquick", NORMAL), ("</s>", NORMAL), ("[PAD]", UNUSED)]:
        assert token not in tokens, token
        tokens, types = tokens + [token], types + [of]
    return tokens, types, merges


def of_scores():
    """Texts, types and scores of a vocabulary as SentencePiece's."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    special = ["<unk>", "<s>", "</s>"]
    # By name: of characters that are as rare as others, the trainer would keep another one each time.
    alphabet = sorted(set("▁" + "".join(ENGLISH) + string.ascii_letters + string.digits + string.punctuation + "éäö²½\n"))
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + 300, initial_alphabet=alphabet, limit_alphabet=len(alphabet), special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(PLAIN + ENGLISH * 8 + ["a  b   c" + "=" * 8] * 4, trainer)
    state = json.loads(tokenizer.to_str())["model"]
    made = ["".join(merge) for merge in state["merges"]]
    tokens = special + [f"<0x{byte:02X}>" for byte in range(256)]
    types = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256
    scores = [0.0] * len(tokens)
    for token in dict.fromkeys(made):
        tokens.append(token)
        types.append(NORMAL)
        scores.append(-float(len(scores)))
    for token in sorted(set(state["vocab"]) - set(made) - set(special)):
        tokens.append(token)
        types.append(NORMAL)
        scores.append(-float(len(scores)))
    for token in ["<start_of_turn>", "<end_of_turn>"]:
        tokens, types, scores = tokens + [token], types + [CONTROL], scores + [-1000.0]
    for token in ["\n", "\n\n", "\n\n\n", "  ", "   ", "<b>"]:
        if token in tokens:
            types[tokens.index(token)] = OWN
        else:
            tokens, types, scores = tokens + [token], types + [OWN], scores + [-1000.0]
    return tokens, types, scores


def write(path, model, tokens, types, **more):
    writer = GGUFWriter(path, "llama")
    # Numbers that llama.cpp asks for; there is no model.
    for number in ["context_length", "embedding_length", "block_count", "feed_forward_length", "head_count"]:
        getattr(writer, f"add_{number}")(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model(model)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    for name, value in more.items():
        getattr(writer, f"add_{name}")(value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(node):
    tokens, types, merges = of_bytes()
    pieces, of, scores = of_scores()

    def bytes_file(path, pre):
        more = {"token_merges": merges, "bos_token_id": 1, "eos_token_id": 2, "unk_token_id": 0, "pad_token_id": 2}
        write(path, "gpt2", tokens, types, tokenizer_pre=pre, add_bos_token=False, chat_template=TEMPLATE, **more)

    def scores_file(path, prefix):
        more = {"token_scores": scores, "bos_token_id": 1, "eos_token_id": 2, "unk_token_id": 0}
        write(path, "llama", pieces, of, tokenizer_pre="default", add_bos_token=True, add_space_prefix=prefix, **more)

    asked = texts(random_ones=60)
    with tempfile.TemporaryDirectory() as folder:
        requests = {}
        for pre in ["smollm", "gpt-2", "llama-bpe", "smaug-bpe", "qwen2", "default"]:
            bytes_file(f"{folder}/{pre}.gguf", pre)
            requests[pre] = f"{folder}/{pre}.gguf"
        for prefix in [False, True]:
            name = "scores-prefix" if prefix else "scores"
            scores_file(f"{folder}/{name}.gguf", prefix)
            requests[name] = f"{folder}/{name}.gguf"
        answers = llama.ids(node, [{"file": file, "texts": asked} for file in requests.values()])
    bytes_file(HERE / "bytes.gguf", "smollm")
    scores_file(HERE / "scores.gguf", False)
    recorded = {"texts": asked, "ids": dict(zip(requests, answers))}
    lines = [json.dumps(recorded["texts"], ensure_ascii=True)]
    lines += [f"{json.dumps(name)}: {json.dumps(ids, separators=(',', ':'))}" for name, ids in recorded["ids"].items()]
    text = '{"texts": ' + lines[0] + ',\n"ids": {\n' + ",\n".join(lines[1:]) + "\n}}\n"
    (HERE / "recorded.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])
