"""Texts on which tokenizers may differ: `texts()` gives them, always the same ones.

    python texts.py            prints them as a JSON list
"""

import json
import random

PLAIN = [
    "", " ", "  ", "   ", "    ", "\t", "\t\t", "\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", " \n", "\n ", " \n \n ", "\t\n", "a", " a", "  a", "a ", "a  ",
    "a b", "a  b", "a   b", "a    b", "a\tb", "a\nb", "a\n\nb", "a \n b", "a\r\nb", "a\r\n\r\n b", "\u00a0", "a\u00a0b", "\u3000a\u3000", "a\u2003b", "a\u200bb",
    "a\u0085b", "a\u2028b", "\ufeffa", "\u0000", "a\u0000b", "\u001b[0m", "\u007f",
    "Hello", " Hello", "Hello world", "Hello, world!", "Hello  world", " (Hello)", "HELLO WORLD", "hElLo wOrLd",
    "The quick brown fox jumps over the lazy dog.", "It's the cats' milk; they're sure we've had it, I'd say: you'll see, I'm not.",
    "IT'S THE CATS' MILK; THEY'RE SURE WE'VE HAD IT, I'D SAY: YOU'LL SEE, I'M NOT.", "'s 't 're 've 'm 'll 'd", "'S 'T 'RE 'VE 'M 'LL 'D", "'\u017f '\u212a x'\u017fy",
    "don''t", "''s", "rock 'n' roll", "o'clock", "l'été, c'est l'hiver",
    "0", "7", "12", "123", "1234", "12345", "123456", "1234567", "1234567890", " 1", "  1", "   1", "a 1", "a  1", "a   12", "a\n1", "a\n\n 1", "1 2 3", "1  2  3", "1,2,3",
    "3.14159", "-7", "+7", "1e-5", "0x1F", "12:30", "1/2", "50%", "$5.00", "5 000 000", "1_000", "27 + 82 = 109", "27+82=109", "What is 27 + 82? Reply with the number only.",
    "x²", "x² + y² = z²", "²", "a²b³", " ²", "  ²", "½", "1½", "¼ cup", "Ⅷ", "Ⅷ and ⅷ", "①②③", "٣٤٥", "१२३", "１２３", "一二三", "x₁ + x₂", "10⁻³", "a ١٢ b", "  ½ ",
    "def f(x):\n    return x + 1\n", "if (a == b) {\n\t\treturn !c && d;\n}\n", "for i in range(10):\n        print(i)\n\n\n", "x = {'a': [1, 2, 3], \"b\": None}",
    "<div class=\"a\">b</div>", "<b>x</b><i>y</i>", "SELECT * FROM t WHERE a >= 1;", "#include <stdio.h>\nint main(void) { return 0; }", "a->b->c", "a::b::c", "a && b || !c", "i++; --j;", "=== !== <=>",
    "```python\nprint('hi')\n```", "| a | b |\n|---|---|\n| 1 | 2 |", "https://example.org/a?b=c&d=e#f", "user@example.org", "C:\\Users\\a\\b", "/usr/local/bin", "a_b_c", "camelCaseName", "snake_case_name", "--flag=value",
    "\\boxed{\\frac{1}{2}}", "$x^2 + y^2$", "\\[\\int_0^1 x\\,dx\\]", "{\"a\": [1, {\"b\": \"c\"}]}", "`a`b`", "a`b", "~a^b|c", "!!!", "...", "…", "?!?!", "----", "-----", "=====", "======", "=======", "*****", "#######", "////////",
    "________", "..........", "aaaa", "aaaaaaaaaaaaaaa", "hahahahahaha", "lalalalalalala", "nnnnnnn", "ooooooooo", "                                        x", "\n" * 40 + "x", "\t" * 40 + "x",
    "Grüße aus Köln, schöne Straße!", "naïve façade", "résumé", "re\u0301sume\u0301", "Å\u030a", "\u0301a", "ﬁne ﬀ", "Łódź", "İstanbul ıIiİ", "Ελληνικά γράμματα", "Привет, мир!", "Съешь же ещё этих мягких французских булок",
    "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "ภาษาไทย", "한국어 텍스트", "こんにちは世界", "カタカナ", "你好，世界！", "我喜歡吃蘋果。", "ខ្មែរ", "မြန်မာ", "தமிழ்", "ქართული", "Հայերեն", "አማርኛ", "Tiếng Việt",
    "😀", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "a😀b", "😀😀😀", "❤️", "♥", "𝒳𝓎", "𓂀", "🦙.cpp", "\U0010ffff", "\ufffd", "\ue000", "€ £ ¥ ₿", "© ® ™", "→ ⇒ ∀ ∃ ∈ ≤ ≠ ∞", "“quoted” ‘quoted’ «quoted»", "a–b—c", "•", "§ 12", "№ 5",
    "Sort from small to large: 57 12 99 31 08 44 73 20", "Check your answer: is every number there, and is each larger than the one before? Give the sorted list again.",
    "The answer is\n\n  42.\n", "Step 1: 3 * 4 = 12\nStep 2: 12 - 5 = 7\n#### 7", "<think>\nhm\n</think>\n\nSo 7.", "▁a▁b", "▁▁", "a▁ b", "Ġa", "Ċ", "<0x41>", "<unk>", "<s>a</s>", "<pad>",
]
SPECIAL = [
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "<|im_start|>system\n You are <|im_end|>", " <|im_end|> ", "a<|im_end|>b", "<|im_end|><|im_end|>", "<|endoftext|>", "a <|endoftext|> b", "<|im_endx|>", "<|im_end",
    "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n", "<bos>a<eos>", "  <bos>  a", "<start_of_turn> a", "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>", "<s>[INST] Hi [/INST] a</s><s>", "<|user|>\nHi<|end|>\n<|assistant|>",
    "<unused5><unused50>", "<repo_name>a<file_sep>b", "<table><tr><td>1</td></tr></table>", "<code>  x</code>\n\n\n<b> y</b>",
]


def texts(seed=7, random_ones=40):
    """All of them: those above, and random ones of their pieces."""
    chance = random.Random(seed)
    pieces = [text for text in PLAIN + SPECIAL if 0 < len(text) < 20] + [" ", " ", "  ", "\n", "1", "a", "'", "the", ", "]
    made = ["".join(chance.choice(pieces) for _ in range(chance.randint(2, 12))) for _ in range(random_ones)]
    return list(dict.fromkeys(PLAIN + SPECIAL + made))


if __name__ == "__main__":
    print(json.dumps(texts(), ensure_ascii=True, indent=0))
