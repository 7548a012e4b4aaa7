"""What transformers makes of user, answer, user, for any chat templates: the material of `tests/histories.rs`.

    pip install transformers jinja2
    python histories.py TEMPLATES OUT

TEMPLATES is a folder with `*.jinja` files, such as `vendor/llama.cpp/models/templates` in the source package of llama-cpp-python. Each gets a folder in
OUT, with the template, a tokenizer of this folder to which its control tokens are added, and `histories.json`: prompts, answers as they were sampled,
and the ids of the conversation that goes on. The real tokenizers are not needed, since a template's text does not depend on them.
"""

import json
import re
import shutil
import sys
from pathlib import Path

import transformers
from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
TODAY = "2026-01-31"
# Ends that are written out of parts, or whose form is another.
ENDS = ["<|END_OF_TURN_TOKEN|>", "<seed:eos>", "[e~[", "<SPECIAL_12>", "<|hy_eos|>"]
CONTROL = re.compile(r"<\|[^|<>\n'\"{}]{1,60}\|>|<｜[^｜\n'\"{}]{1,60}｜>|</?[a-z_]{1,24}>|\[/?[A-Z_]{2,24}\]|<[a-z_]+[｜|]>|<[｜|][a-z_]+>")
ROLES = ["<|user|>", "<|assistant|>", "<|system|>"]
REVISE = "Your answer may or may not be right. Look at it again, correct it if something is wrong, and write the final answer."
SYSTEMS = [None, "You are a careful tutor."]
ANSWERS = ["391", "It is 391.", "132\n", " 391", "391  ", "\n391", "\n\n391\n\n", "First 340.\n\nThen 51.\n", "def f(x):\n    return x\n", "{\"a\": 1}",
           "<think>\n17 * 20\n</think>\n\n391", "17 * 20\n</think>\n\n391", "<think>17 * 20</think>391", "x", ""]


def tokenizer_of(base, source):
    """A tokenizer of this folder, with the control tokens of a template, and the end of its answers."""
    tokenizer = Tokenizer.from_file(str(HERE / base / "tokenizer.json"))
    found = sorted({*CONTROL.findall(source), *(end for end in ENDS if end in source), *(role for role in ROLES if "<|' + " in source or "<|{{" in source), "<s>", "</s>"})
    plain = {"<think>", "</think>", "<tool_call>", "</tool_call>", "<answer>", "</answer>"}
    tokenizer.add_tokens([AddedToken(token, special=token not in plain, normalized=False) for token in found])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", chat_template=source)
    told = None
    for messages in ([("user", "alpha"), ("assistant", "beta")], [("user", "alpha"), ("assistant", "beta"), ("user", "gamma")]):
        told = told or render(fast, messages, False)
    # Behind an answer: the last of the control tokens that stand there together.
    if told:
        behind = told[told.rfind("beta") + len("beta"):]
        ends = re.match(r"(?:\s*(?:" + "|".join(map(re.escape, sorted(found, key=len, reverse=True))) + "))+", behind)
        if ends:
            run, longest = ends.group().strip(), sorted(found, key=len, reverse=True)
            whole = told.rstrip().endswith(run)
            fast.eos_token = next(token for token in longest if (run.endswith if whole else run.startswith)(token))
    fast.eos_token = next((end for end in ENDS if end in source), fast.eos_token)
    return fast


def render(tokenizer, messages, ask=True, tokenize=False):
    messages = [{"role": role, "content": content} for role, content in messages]
    try:
        return tokenizer.apply_chat_template(messages, add_generation_prompt=ask, tokenize=tokenize, return_dict=False)
    except Exception as error:
        render.error = f"{type(error).__name__}: {error}"
        return None


def histories(tokenizer, earlier=()):
    for system in SYSTEMS:
        start = [("system", system)] if system else []
        problem = [*start, *earlier, ("user", "What is 17 * 23?")]
        prompt = render(tokenizer, problem, tokenize=True)
        if prompt is None:
            yield {"system": system, "refused": render.error}
            continue
        for answer in ANSWERS:
            # As a model writes it behind the prompt, where the tokenizer lets the prompt stand.
            whole = tokenizer.encode(render(tokenizer, problem) + answer, add_special_tokens=False)
            stands = whole[:len(prompt)] == prompt
            ids = whole[len(prompt):] if stands else tokenizer.encode(answer, add_special_tokens=False)
            text = tokenizer.decode(ids, skip_special_tokens=True)
            told = render(tokenizer, [*problem, ("assistant", text), ("user", REVISE)], tokenize=True)
            yield {"system": system, "answer": answer, "prompt": prompt, "ids": ids, "told": told}


def main(templates, out):
    from transformers.utils import chat_template_utils
    import datetime

    class Frozen(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromisoformat(TODAY)

    chat_template_utils.datetime = Frozen
    print("transformers", transformers.__version__)
    for path in sorted(Path(templates).rglob("*.jinja")):
        for base in ["chatml", "mistral"]:
            folder = Path(out) / f"{path.stem}.{base}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            source = path.read_text()
            tokenizer = tokenizer_of(base, source)
            tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
            (folder / "chat_template.jinja").write_text(source)
            (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": tokenizer.eos_token}))
            found = {"vocabulary": len(tokenizer), "revise": REVISE, "date": TODAY, "histories": list(histories(tokenizer))}
            (folder / "histories.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
