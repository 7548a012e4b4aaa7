"""Folders whose tokenizer.json is not all there is: writes cases.json, which tests/surroundings.rs compares with, by transformers 5.24.

    python adapters/hf/tests/surroundings/generate.py

A case takes the tokenizer.json of tests/chat/BASE and the files it names; its text is what a template prints, its ids those of some texts.
"""

import copy
import json
import shutil
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

HERE = Path(__file__).parent
NAMES = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token", "image_token", "boi_token", "think_token"]
TEMPLATE = "".join("%s={{ %s }};" % (name, name) for name in NAMES)
TEXTS = ["a <extra> b", "a<extra>b <|im_end|> c", "<more>x<more>", "<image> <think> ok", " hello</s> <s>"]
START, END, TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"


def flags(content, **given):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} | given


def listed(*more):
    tokens = {str(377 + at): flags(content) for at, content in enumerate([TEXT, START, END])}
    return tokens | {str(380 + at): token for at, token in enumerate(more)}


def case(name, config=None, base="chatml", **files):
    contents = {"tokenizer_config.json": config or {}} if config is not None else {}
    contents |= {key.replace("__", "."): value for key, value in files.items()}
    return {"name": name, "base": base, "files": {key: value if isinstance(value, str) else json.dumps(value) for key, value in contents.items()}}


OWN = {"chat_template": TEMPLATE, "eos_token": END}
CASES = [
    case("no configuration at all", None, chat_template__jinja=TEMPLATE),
    case("the map alone", {"chat_template": TEMPLATE}, special_tokens_map__json={"bos_token": START, "eos_token": flags(END)}),
    case("the map wins", OWN | {"bos_token": TEXT}, special_tokens_map__json={"bos_token": START, "pad_token": TEXT}),
    case("the map is not read beside a list", OWN | {"added_tokens_decoder": listed()}, special_tokens_map__json={"bos_token": START}),
    case("an empty list is a list", OWN | {"added_tokens_decoder": {}}, special_tokens_map__json={"bos_token": START}),
    case("a null in the map", OWN | {"bos_token": TEXT}, special_tokens_map__json={"bos_token": None}),
    case("the map's own names", OWN, special_tokens_map__json={"image_token": "<image>", "think_token": flags("<think>")}),
    case("own names on both sides", OWN | {"image_token": START}, special_tokens_map__json={"image_token": "<image>", "boi_token": TEXT}),
    case("further tokens of the map", OWN, special_tokens_map__json={"additional_special_tokens": ["<extra>", "<more>"]}),
    case("flags of the map", OWN, special_tokens_map__json={"additional_special_tokens": [], "cls_token": flags("<extra>", lstrip=True)}),
    case("named tokens", OWN | {"image_token": "<image>", "boi_token": START, "added_tokens_decoder": listed(flags("<image>"))}),
    case("named in an object", OWN | {"extra_special_tokens": {"image_token": "<image>", "think_token": START}}),
    case("named in a list", OWN | {"extra_special_tokens": ["<extra>", "<more>"]}),
    case("by the older name", OWN | {"additional_special_tokens": ["<more>", "<extra>"]}),
    case("an object of its own kind", OWN | {"bos_token": flags(START) | {"__type": "AddedToken"}}),
    case("a list with more", OWN | {"added_tokens_decoder": listed(flags("<extra>"), flags("<more>", special=False))}),
    case("flags of the list win", OWN | {"added_tokens_decoder": listed() | {"379": flags(END, lstrip=True, rstrip=True)}}),
    case("added_tokens.json", OWN, added_tokens__json={"<extra>": 380, "<more>": 381}),
    case("added_tokens.json and names", OWN | {"cls_token": "<more>"}, added_tokens__json={"<extra>": 380, "<more>": 381}),
    case("added_tokens.json is not read beside a list", OWN | {"added_tokens_decoder": listed()}, added_tokens__json={"<extra>": 380}),
    case("added_tokens.json of known tokens", OWN, added_tokens__json={END: 379, START: 378}),
    case("class defaults", {"chat_template": TEMPLATE, "tokenizer_class": "LlamaTokenizer"}, "mistral"),
    case("class defaults, not all", {"chat_template": TEMPLATE, "tokenizer_class": "LlamaTokenizerFast", "bos_token": None}, "mistral"),
    case("a class without defaults", {"chat_template": TEMPLATE, "tokenizer_class": "PreTrainedTokenizerFast"}, "mistral"),
    case("a class that is not taken", {"chat_template": TEMPLATE, "tokenizer_class": "LlamaTokenizer"}),
    case("the class of a family", {"chat_template": TEMPLATE, "tokenizer_class": "LlamaTokenizerFast"}, config__json={"model_type": "qwen2"}),
    case("the class of a family, unnamed", {"chat_template": TEMPLATE}, config__json={"model_type": "qwen3"}),
    case("another family", {"chat_template": TEMPLATE, "tokenizer_class": "LlamaTokenizer"}, "mistral", config__json={"model_type": "mistral"}),
    case("a class that names only", {"chat_template": TEMPLATE, "tokenizer_class": "GPT2Tokenizer"}, config__json={"model_type": "llama"}),
    case("special tokens are cut", OWN | {"split_special_tokens": True}),
    case("templates by name", OWN | {"chat_template": {"default": "D" + TEMPLATE, "tool_use": "T"}}),
    case("templates in a list", OWN | {"chat_template": [{"name": "rag", "template": "R"}, {"name": "default", "template": "D"}]}),
    case("no default", OWN | {"chat_template": {"tool_use": "T"}}),
    case("a file wins", OWN, chat_template__jinja="F{{ bos_token }}"),
    case("files by name", OWN, **{"additional_chat_templates/rag__jinja": "R", "chat_template__jinja": "F"}),
    case("a file called default", OWN, **{"additional_chat_templates/default__jinja": "D", "chat_template__jinja": "F"}),
    case("files by name without a default", OWN, **{"additional_chat_templates/rag__jinja": "R"}),
    case("a name of the wrong kind", OWN | {"bos_token": 7}),
    case("a list of the wrong kind", OWN | {"added_tokens_decoder": {"380": "<extra>"}}),
]


def main():
    for one in CASES:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            shutil.copy(HERE.parent / "chat" / one["base"] / "tokenizer.json", folder)
            for name, content in one["files"].items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(content)
            try:
                tokenizer = AutoTokenizer.from_pretrained(folder)
                text = tokenizer.apply_chat_template([{"role": "user", "content": "a"}], tokenize=False)
                rebuilt = "__init__" in type(tokenizer).__dict__ and type(tokenizer).__name__ != "TokenizersBackend"
                ids = [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS]
                one |= {"text": text, "class": type(tokenizer).__name__, "rebuilt": rebuilt, "ids": ids}
            except Exception as error:
                one |= {"text": None, "error": f"{type(error).__name__}: {error}"[:200]}
    lines = ",\n".join(json.dumps(one) for one in copy.deepcopy(CASES))
    (HERE / "cases.json").write_text('{"texts": %s, "cases": [\n%s\n]}\n' % (json.dumps(TEXTS), lines))


main()
