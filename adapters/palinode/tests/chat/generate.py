"""Makes `model/`, a tiny chat checkpoint that adds two numbers and is right about it only sometimes, and the problems for it.

    pip install torch transformers jinja2
    python generate.py

It is a Qwen2, trained for a minute on dialogues of two attempts: a problem, an answer, an instruction to look again, an answer.
The first answer is corrupted in half of them and then not learned; the second one is to repeat the first, or to be right. Training ends as soon as the model is right often enough.
`expected.json` says what transformers makes of a dialogue in float32. No problem of `problems.jsonl` is among those of the training.
"""

import json
import random
import shutil
import time
from pathlib import Path

import torch
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, Qwen2Config, Qwen2ForCausalLM

HERE = Path(__file__).parent
MODEL = HERE / "model"
AGAIN = "Your answer may or may not be right. Look at it again, correct it if something is wrong, and write the final answer."
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCABULARY, PROBLEMS, STEPS, BATCH, RATE, ENOUGH = 352, 200, 3000, 64, 3e-3, 0.42
TEMPLATE = r"""{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
PATTERN = r"(?i:'(?:s|t|re|ve|m|ll|d))|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def question(a, b):
    return f"What is {a} + {b}?"


def make_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PATTERN), "isolated")  # digits one by one
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    texts = [AGAIN, "user\n", "assistant\n", "system\nYou are a careful tutor.", question(1, 2)] * 2 + ["The user and the assistant look at the answer again and again."]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - len(CONTROL), initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL])
    tokenizer.save(str(MODEL / "tokenizer.json"))
    added = json.loads((MODEL / "tokenizer.json").read_text())["added_tokens"]
    config = {"added_tokens_decoder": {str(token.pop("id")): token for token in added}, "bos_token": None, "chat_template": TEMPLATE,
              "clean_up_tokenization_spaces": False, "eos_token": "<|im_end|>", "model_max_length": 256, "pad_token": "<|endoftext|>",
              "tokenizer_class": "PreTrainedTokenizerFast", "unk_token": None}
    (MODEL / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    return AutoTokenizer.from_pretrained(MODEL)


def chat(*contents):
    return [{"role": ["user", "assistant"][i % 2], "content": content} for i, content in enumerate(contents)]


def prompt(tokenizer, *contents):
    text = tokenizer.apply_chat_template(chat(*contents), tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def corrupted(answer):
    """Another number, as near misses go."""
    while True:
        wrong = max(10, answer + random.choice([-10, 10, -1, 1, 2, -2, -20, 20, 9, -9, 100]))
        if wrong != answer:
            return wrong


def example(tokenizer, a, b):
    """The ids of a dialogue, and which of them are learned: the answers and the ends of their turns."""
    first = right = a + b
    if random.random() < 0.5:
        first = corrupted(right)
    second = first if random.random() < 0.5 else right
    begin = prompt(tokenizer, question(a, b))
    middle = prompt(tokenizer, question(a, b), str(first), AGAIN)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    answers = [tokenizer(str(answer), add_special_tokens=False)["input_ids"] + [end] for answer in (first, second)]
    ids = middle + answers[1]
    learned = [0.0] * len(ids)
    if first == right:
        learned[len(begin):len(begin) + len(answers[0])] = [1.0] * len(answers[0])
    learned[len(middle):] = [1.0] * len(answers[1])
    return ids, learned


def chance(tokenizer, model, pairs):
    """How probable the right first answer and its end are, on average."""
    total = 0.0
    with torch.no_grad():
        for a, b in pairs:
            begin = prompt(tokenizer, question(a, b))
            ids = begin + tokenizer(f"{a + b}<|im_end|>", add_special_tokens=False)["input_ids"]
            logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)[torch.arange(len(ids) - 1), ids[1:]]
            total += logprobs[len(begin) - 1:].sum().exp().item()
    return total / len(pairs)


def train(tokenizer, model, pairs):
    pairs, kept = pairs[:-PROBLEMS], pairs[-PROBLEMS:]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 100))
    for step in range(1, STEPS + 1):
        rows = [example(tokenizer, *random.choice(pairs)) for _ in range(BATCH)]
        length = max(len(ids) for ids, _ in rows)
        ids = torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in rows])
        learned = torch.tensor([learned + [0.0] * (length - len(learned)) for _, learned in rows])
        logprobs = model(ids).logits.log_softmax(-1)[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]
        loss = -(logprobs * learned[:, 1:]).sum() / learned.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            right = chance(tokenizer, model, kept)
            print(f"step {step}: loss {loss.item():.3f}, right {right:.3f}")
            if right >= ENOUGH:
                return
    raise RuntimeError("not right often enough")


def sampled(tokenizer, model, contexts):
    """One answer to each context at temperature 1: its ids, without the end, and whether it ended by <|im_end|>."""
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    answers = []
    with torch.no_grad():
        for context in contexts:
            ids = torch.tensor([context])
            while ids.shape[1] < len(context) + 8 and (ids.shape[1] == len(context) or ids[0, -1] != end):
                ids = torch.cat([ids, torch.multinomial(model(ids).logits[0, -1].softmax(-1), 1)[None]], 1)
            new = ids[0, len(context):].tolist()
            answers.append((tokenizer.decode(new, skip_special_tokens=True), new[-1] == end))
    return answers


def measure(tokenizer, model, problems):
    firsts = sampled(tokenizer, model, [prompt(tokenizer, p["prompt"]) for p in problems])
    seconds = sampled(tokenizer, model, [prompt(tokenizer, p["prompt"], first, AGAIN) for p, (first, _) in zip(problems, firsts)])
    share = lambda marks: sum(marks) / len(problems)
    right = [[text == p["answer"] for p, (text, _) in zip(problems, answers)] for answers in (firsts, seconds)]
    print(f"attempt 1: right {share(right[0]):.3f}, ended {share(end for _, end in firsts):.3f}; "
          f"attempt 2: right {share(right[1]):.3f}, ended {share(end for _, end in seconds):.3f}, "
          f"differs {share(a[0] != b[0] for a, b in zip(firsts, seconds)):.3f}, "
          f"mended {share(b and not a for a, b in zip(*right)):.3f}, spoiled {share(a and not b for a, b in zip(*right)):.3f}")


def main():
    started = time.time()
    print("transformers", transformers.__version__)
    torch.set_num_threads(1)
    torch.manual_seed(5)
    random.seed(5)
    shutil.rmtree(MODEL, ignore_errors=True)
    MODEL.mkdir()
    tokenizer = make_tokenizer()
    assert len(tokenizer) == VOCABULARY, len(tokenizer)

    pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
    random.shuffle(pairs)
    problems = [{"prompt": question(a, b), "answer": str(a + b)} for a, b in pairs[:PROBLEMS]]
    (HERE / "problems.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem in problems))

    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in CONTROL}
    eos = [ids["<|im_end|>"], ids["<|endoftext|>"]]
    config = Qwen2Config(vocab_size=VOCABULARY, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                         max_position_embeddings=256, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
                         bos_token_id=None, eos_token_id=eos[0], pad_token_id=eos[1])
    model = Qwen2ForCausalLM(config)
    train(tokenizer, model, pairs[PROBLEMS:])
    model.generation_config = GenerationConfig(eos_token_id=eos, pad_token_id=eos[1])
    model.to(torch.bfloat16).save_pretrained(MODEL)
    for file in ["config.json", "generation_config.json"]:
        written = json.loads((MODEL / file).read_text())
        written.pop("transformers_version", None)
        (MODEL / file).write_text(json.dumps(written, indent=1) + "\n")

    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval()
    measure(tokenizer, model, problems)
    first, answer = problems[0], "95"
    turn = prompt(tokenizer, first["prompt"], answer, AGAIN)
    with torch.no_grad():
        logprobs = model(torch.tensor([turn])).logits[0].log_softmax(-1)[torch.arange(len(turn) - 1), turn[1:]]
    expected = {"ids": prompt(tokenizer, first["prompt"]), "two_turn_ids": turn, "answer": answer, "logprobs": logprobs.tolist()}
    (HERE / "expected.json").write_text(json.dumps(expected) + "\n")
    print({str(path.relative_to(HERE)): path.stat().st_size for path in sorted([*HERE.glob("*.json*"), *MODEL.iterdir()])})
    print(f"{time.time() - started:.0f} s")


main()
