"""Word problems in the GSM8K layout, drawn from the stories in school_stories.txt."""

import re
from fractions import Fraction
from math import gcd
from pathlib import Path

STORIES = Path(__file__).with_name("school_stories.txt")
MAX_QUESTION_CHARS = 250  # small models have short contexts
MAX_DRAWS = 100_000  # a story whose conditions are this rare is a mistake
WOMEN = ("Amara Beatriz Chiara Daria Elif Fatima Greta Hana Ines Jun Keiko Leila Mira Noor Olga Priya Ruth Sofia Tala "
         "Wanda Yara Zofia").split()
MEN = ("Arjun Bruno Cedric Diego Emil Farid Goran Hugo Ivan Jonas Kofi Luca Mateo Nils Omar Pavel Rafael Samir Theo "
       "Umar Viktor Wei").split()


def problems(count, draw):
    """`count` different problems as {"question", "answer"}, the stories taking turns."""
    stories = read_stories()
    answers = {}
    while len(answers) < count:
        question, answer = tell(stories[len(answers) % len(stories)], draw)
        answers.setdefault(question, answer)
    return [{"question": question, "answer": answers[question]} for question in draw.shuffle(answers)]


def read_stories():
    """The stories as lists of lines: numbers, question, steps."""
    paragraphs = STORIES.read_text(encoding="utf-8").strip().split("\n\n")
    return [paragraph.splitlines() for paragraph in paragraphs if not paragraph.startswith("#")]


def tell(story, draw):
    """A question and its answer: draws numbers until the story's conditions hold."""
    numbers, question, *steps = story
    for _ in range(MAX_DRAWS):
        values = draw_numbers(numbers, draw)
        if calculate(steps, values) and all(evaluate(word, values) for word in numbers.split() if ".." not in word):
            return write(question, steps, values, draw)
    raise ValueError(f"no numbers suit the story: {question}")


def draw_numbers(numbers, draw):
    """Values of the words `a=low..high/step`; the step is 1 where it is missing."""
    values = {}
    for name, low, high, step in re.findall(r"(\w)=([\d.]+?)\.\.([\d.]+)(?:/([\d.]+))?", numbers):
        low, high, step = Fraction(low), Fraction(high), Fraction(step or 1)
        values[name] = low + step * draw.between(0, int((high - low) / step))
    return values


def evaluate(expression, values):
    """Value of a condition or a calculation of school_stories.txt, exactly."""
    return eval(expression, {"__builtins__": {}, "gcd": lambda a, b: gcd(int(a), int(b))}, values)


def calculate(steps, values):
    """Adds the results of the steps to the values; whether all are plausible amounts, the last one whole."""
    for money, name, expression in calculations(steps):
        result = evaluate(expression, values)
        whole_unit = Fraction(1, 100) if money else 1
        if result < 2 or result % whole_unit:  # from 2 on, every noun is a plural
            return False
        values[name] = result
    return result.denominator == 1


def calculations(steps):
    """(`$` or nothing, name of the result, expression) of every calculation, in order."""
    return re.findall(r"\[(\$?)(\w)=(.+?)\]", "\n".join(steps))


def write(question, steps, values, draw):
    """The question and the answer, all placeholders filled in."""
    words = draw_people(draw) | {name: prose(value) for name, value in values.items()}
    question = fill(question, words, draw)
    assert len(question) <= MAX_QUESTION_CHARS, question
    solution = re.sub(r"\[(\$?)(\w)=(.+?)\]", lambda match: annotate(*match.groups(), values),
                      fill("\n".join(steps), words, draw))
    last = calculations(steps)[-1][1]
    return question, f"{solution}\n#### {words[last]}"


def draw_people(draw):
    """Three different names, and the pronouns of the first person."""
    a, b, c = draw.distinct(3, lambda: draw.pick(WOMEN + MEN))
    she, her = ("she", "her") if a in WOMEN else ("he", "his")
    return {"A": a, "B": b, "C": c, "she": she, "She": she.capitalize(), "her": her}


def fill(text, words, draw):
    """The text with {name} replaced; {name:x|y} draws a word first."""
    def word(match):
        name, choices = match.groups()
        if choices:
            words[name] = draw.pick(choices.split("|"))
        return words[name]
    return re.sub(r"\{(\w+)(?::([^}]*))?\}", word, text)


def annotate(money, name, expression, values):
    """`48 / 2 = <<48/2=24>>24`, the GSM8K way to mark a calculation."""
    numbers = re.sub(r"[a-z]", lambda match: plain(values[match[0]]), expression)
    shown = re.sub(r"[a-z]", lambda match: prose(values[match[0]]), expression)
    shown = re.sub(r"([-+*/])", r" \1 ", shown)
    return f"{shown} = {money}<<{numbers}={plain(values[name])}>>{prose(values[name])}"


def plain(value):
    """A number without separators: 1250, 2.5."""
    return f"{float(value):g}" if value.denominator != 1 else str(value)


def prose(value):
    """A number as people write it: 1,250; amounts with cents get both digits."""
    return f"{int(value):,}" if value.denominator == 1 else f"{float(value):,.2f}"
