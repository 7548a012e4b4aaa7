r"""Problems in the MATH layout: each function of STRUCTURES draws one, its answer in `\boxed{}`."""

from fractions import Fraction
from math import comb, factorial, gcd, prod

from latex import complex_number, fraction, polynomial, root, rows, times

PI = r"\pi"
STRUCTURES = []


def problems(count, draw):
    """`count` different problems as {"problem", "level", "type", "solution"}, the structures taking turns."""
    found = {}
    while len(found) < count:
        level, subject, make = STRUCTURES[len(found) % len(STRUCTURES)]
        problem, solution = make(draw)
        found.setdefault(problem, {"problem": problem, "level": f"Level {level}", "type": subject,
                                   "solution": solution})
    return draw.shuffle(found.values())


def structure(level, subject):
    """Adds a function of a draw, which returns (problem, solution), to STRUCTURES."""
    def add(make):
        STRUCTURES.append((level, subject, make))
        return make
    return add


def boxed(answer):
    r"""`\boxed{answer}`."""
    return rf"\boxed{{{answer}}}"


def word(text):
    r"""`\text{word}`."""
    return rf"\text{{{text}}}"


# Prealgebra

@structure(1, "Prealgebra")
def percent(draw):
    whole, rate = draw.pick((20, 40, 60, 80, 120, 160, 240)), draw.between(2, 19) * 5
    part = Fraction(whole * rate, 100)
    percentage = rf"{rate}\%"
    question = draw.pick(("A box holds {1} pens, of which {0} are dry. What percent of the pens are dry?",
                          "Of {1} guests at a wedding, {0} dance. What percent of the guests dance?",
                          "What percent of {1} is {0}?"))
    return (question.format(f"${part}$", f"${whole}$"),
            rf"The share is $\frac{{{part}}}{{{whole}}} = \frac{{{rate}}}{{100}}$, which is ${boxed(percentage)}$.")


@structure(2, "Prealgebra")
def sum_of_fractions(draw):
    first, second = draw.distinct(2, lambda: proper_fraction(draw))
    sign = draw.pick("+-")
    total = first + second if sign == "+" else first - second
    if total.denominator == 1:
        return sum_of_fractions(draw)
    common = first.denominator * second.denominator // gcd(first.denominator, second.denominator)
    left, right = int(first * common), int(second * common)
    return (rf"Compute ${fraction(first)} {sign} {fraction(second)}$. Give a fraction in lowest terms.",
            rf"Over the common denominator ${common}$ this is "
            rf"$\frac{{{left}}}{{{common}}} {sign} \frac{{{right}}}{{{common}}} = {boxed(fraction(total))}$.")


def proper_fraction(draw):
    """A fraction between 0 and 1."""
    denominator = draw.between(3, 12)
    return Fraction(draw.between(1, denominator - 1), denominator)


@structure(2, "Prealgebra")
def weekday(draw):
    names = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
    start, days = draw.between(0, 6), draw.between(20, 200)
    weeks, rest = divmod(days, 7)
    if rest < 2:
        return weekday(draw)
    answer = word(names[(start + rest) % 7])
    return (f"Today is {names[start]}. What day of the week will it be in ${days}$ days?",
            f"Since ${days} = 7 \\cdot {weeks} + {rest}$, it is the day ${rest}$ days after {names[start]}, "
            f"which is ${boxed(answer)}$.")


@structure(1, "Prealgebra")
def mean(draw):
    values = draw.distinct(4, lambda: draw.between(2, 40))
    total = sum(values)
    if total % 4 != 2:
        return mean(draw)
    return (f"What is the mean of {', '.join(f'${value}$' for value in values)}? Give a decimal.",
            f"The sum is ${total}$, so the mean is $\\frac{{{total}}}{{4}} = {boxed(total / 4)}$.")


@structure(1, "Prealgebra")
def scientific_notation(draw):
    digits, power = f"{draw.between(1, 9)}{draw.between(1, 9)}", draw.between(3, 6)
    decimal = "0." + "0" * (power - 1) + digits
    answer = rf"{digits[0]}.{digits[1]} \times 10^{{-{power}}}"
    return (f"Write ${decimal}$ in scientific notation.",
            f"The decimal point moves ${power}$ places to the right, so the number is ${boxed(answer)}$.")


# Algebra

@structure(1, "Algebra")
def linear_equation(draw):
    a, c = draw.distinct(2, lambda: draw.between(2, 12))
    b, d = draw.distinct(2, lambda: draw.nonzero(15))
    a, c = max(a, c), min(a, c)
    answer = Fraction(d - b, a - c)
    if answer.denominator == 1:
        return linear_equation(draw)
    return (f"Solve for $x$: ${polynomial([a, b])} = {polynomial([c, d])}$.",
            f"Collecting terms gives ${polynomial([a - c, 0])} = {d - b}$, so $x = {boxed(fraction(answer))}$.")


@structure(3, "Algebra")
def absolute_inequality(draw):
    center, radius = draw.nonzero(9), draw.between(1, 12)
    sign, left, right = draw.pick((("<", "(", ")"), (r"\le", "[", "]")))
    low, high = center - radius, center + radius
    return (rf"Solve $|{polynomial([1, -center])}| {sign} {radius}$. Give the answer in interval notation.",
            rf"This says that ${-radius} {sign} {polynomial([1, -center])} {sign} {radius}$, "
            rf"so $x$ lies in ${boxed(f'{left}{low}, {high}{right}')}$.")


@structure(4, "Algebra")
def quadratic_inequality(draw):
    low, high = sorted(draw.distinct(2, lambda: draw.nonzero(8)))
    sign, left, right = draw.pick(((">", "(", ")"), (r"\ge", "[", "]")))
    answer = rf"(-\infty, {low}{right} \cup {left}{high}, \infty)"
    return (rf"Find all real $x$ with ${polynomial([1, -low - high, low * high])} {sign} 0$, in interval notation.",
            rf"The left side has the roots ${low}$ and ${high}$ and opens upward, "
            rf"so the solutions are ${boxed(answer)}$.")


@structure(3, "Algebra")
def linear_system(draw):
    x, y = draw.nonzero(7), draw.nonzero(7)
    a, b, c, d = (draw.between(1, 6) for _ in range(4))
    p, q = a * x + b * y, c * x - d * y
    return (f"Find the ordered pair $(x, y)$ with ${two_variables(a, b)} = {p}$ and ${two_variables(c, -d)} = {q}$.",
            f"Eliminating $y$ gives ${polynomial([a * d + b * c, 0])} = {p * d + q * b}$, so $x = {x}$; then "
            f"$y = {y}$, and the pair is ${boxed(f'({x}, {y})')}$.")


def two_variables(a, b):
    """`2x - 3y`."""
    return f"{polynomial([a, 0])} {'-' if b < 0 else '+'} {polynomial([abs(b), 0], 'y')}"


@structure(2, "Algebra")
def product_of_binomials(draw):
    a, c = draw.between(1, 6), draw.between(2, 6)
    b, d = draw.nonzero(9), draw.nonzero(9)
    middle = a * d + b * c
    return (f"Expand and simplify $({polynomial([a, b])})({polynomial([c, d])})$.",
            f"The terms in $x$ add up to ${polynomial([middle, 0])}$, so the product is "
            f"${boxed(polynomial([a * c, middle, b * d]))}$.")


@structure(3, "Algebra")
def line_through_points(draw):
    slope, intercept = draw.nonzero(5), draw.nonzero(9)
    first, second = draw.distinct(2, lambda: draw.nonzero(6))
    points = [(x, slope * x + intercept) for x in (first, second)]
    answer = f"y = {polynomial([slope, intercept])}"
    return (f"Find the equation of the line through ${points[0]}$ and ${points[1]}$, in the form $y = mx + b$.",
            f"The slope is ${slope}$ and the line meets the $y$-axis at ${intercept}$, so it is ${boxed(answer)}$.")


# Geometry

@structure(2, "Geometry")
def diagonal(draw):
    a, b = draw.distinct(2, lambda: draw.between(2, 14))
    square = a * a + b * b
    length = root(square)
    if length.isdigit():
        return diagonal(draw)
    return (draw.pick((f"A rectangle has sides ${a}$ and ${b}$. How long is its diagonal?",
                       f"The legs of a right triangle are ${a}$ and ${b}$. Find the hypotenuse.")),
            f"By the Pythagorean theorem its square is ${a}^2 + {b}^2 = {square}$, "
            f"so the length is ${boxed(length)}$.")


@structure(3, "Geometry")
def sector(draw):
    angle, radius = draw.pick((30, 40, 45, 60, 72, 120, 135, 150)), draw.between(2, 12)
    part = Fraction(angle, 360)
    area = times(part * radius**2, PI)
    return (rf"What is the area of a sector of radius ${radius}$ with a central angle of ${angle}^\circ$?",
            f"The sector is ${fraction(part)}$ of a circle of area ${times(radius**2, PI)}$, "
            f"so its area is ${boxed(area)}$.")


@structure(2, "Geometry")
def polygon_angle(draw):
    sides = draw.pick((5, 6, 8, 9, 10, 12, 15, 18, 20, 24, 30, 36))
    exterior = 360 // sides
    interior = rf"{180 - exterior}^\circ"
    return (f"A regular polygon has ${sides}$ sides. How large is each interior angle, in degrees?",
            rf"Each exterior angle is $360^\circ / {sides} = {exterior}^\circ$, "
            f"so each interior angle is ${boxed(interior)}$.")


@structure(3, "Geometry")
def equilateral_triangle(draw):
    side = draw.between(3, 20)
    area = times(Fraction(side**2, 4), r"\sqrt{3}")
    return (f"An equilateral triangle has a perimeter of ${3 * side}$. Find its area.",
            rf"Each side is ${side}$, so the area is $\frac{{\sqrt{{3}}}}{{4}} \cdot {side}^2 = {boxed(area)}$.")


@structure(3, "Geometry")
def cone(draw):
    radius, height = draw.between(2, 9), draw.between(2, 12)
    volume = times(Fraction(radius**2 * height, 3), PI)
    return (f"A cone has radius ${radius}$ and height ${height}$. What is its volume?",
            rf"The volume is $\frac{{1}}{{3}} \pi \cdot {radius}^2 \cdot {height} = {boxed(volume)}$.")


@structure(3, "Geometry")
def kind_of_triangle(draw):
    a, b = draw.between(4, 12), draw.between(5, 14)
    c = draw.pick((max(a, b) + 1, max(a, b) + 2, min(a + b - 1, max(a, b) + 4)))
    if c >= a + b:
        return kind_of_triangle(draw)
    legs, longest = a * a + b * b, c * c
    sign, kind = ("<", "acute") if longest < legs else ("=", "right") if longest == legs else (">", "obtuse")
    sides = f"{longest} = {a}^2 + {b}^2" if sign == "=" else f"{longest} {sign} {legs} = {a}^2 + {b}^2"
    return (f"A triangle has sides ${a}$, ${b}$ and ${c}$. Is it acute, right or obtuse?",
            f"Since ${c}^2 = {sides}$, the triangle is ${boxed(word(kind))}$.")


# Number Theory

@structure(3, "Number Theory")
def base_conversion(draw):
    base, number = draw.pick((2, 3, 4, 5, 6, 7, 8)), draw.between(30, 250)
    digits, rest = "", number
    while rest:
        digits, rest = str(rest % base) + digits, rest // base
    powers = [(digit, len(digits) - 1 - place) for place, digit in enumerate(digits) if digit != "0"]
    places = " + ".join(rf"{digit} \cdot {base}^{power}" if power else digit for digit, power in powers)
    return (f"Write the base-ten number ${number}$ in base ${base}$. Give the base as a subscript.",
            f"Since ${number} = {places}$, the number is ${boxed(f'{digits}_{base}')}$.")


@structure(2, "Number Theory")
def common_multiple(draw):
    a, b = draw.distinct(2, lambda: draw.between(6, 60))
    common = gcd(a, b)
    if common in (1, a, b):
        return common_multiple(draw)
    return (f"What is the least common multiple of ${a}$ and ${b}$?",
            rf"Their greatest common divisor is ${common}$, so the least common multiple is "
            rf"$\frac{{{a} \cdot {b}}}{{{common}}} = {boxed(a * b // common)}$.")


@structure(5, "Number Theory")
def congruence(draw):
    modulus, factor = draw.between(5, 12), draw.between(2, 9)
    inverse = next((n for n in range(modulus) if factor * n % modulus == 1), None)
    target = draw.between(1, modulus - 1)
    if inverse is None or factor % modulus == 1 or factor >= modulus:
        return congruence(draw)
    rest = inverse * target % modulus
    answer = rf"\{{{', '.join(map(str, range(rest, 31, modulus)))}\}}"
    return (rf"Find the set of all positive integers $x \le 30$ with ${factor}x \equiv {target} \pmod{{{modulus}}}$.",
            rf"Multiplying by the inverse ${inverse}$ of ${factor}$ gives $x \equiv {rest} \pmod{{{modulus}}}$, "
            rf"so the set is ${boxed(answer)}$.")


@structure(4, "Number Theory")
def last_remainder(draw):
    base, modulus, power = draw.between(2, 9), draw.pick((5, 7, 9, 11, 13)), draw.between(20, 99)
    order = next((n for n in range(2, 13) if base**n % modulus == 1), None)
    if order is None or base % modulus <= 1 or power % order < 2:
        return last_remainder(draw)
    rest = power % order
    return (f"What is the remainder when ${base}^{{{power}}}$ is divided by ${modulus}$?",
            rf"Since ${base}^{{{order}}} \equiv 1 \pmod{{{modulus}}}$ and ${power}$ leaves ${rest}$ when divided by "
            rf"${order}$, the remainder is that of ${base}^{{{rest}}} = {base**rest}$, which is "
            rf"${boxed(base**rest % modulus)}$.")


# Counting & Probability

@structure(3, "Counting & Probability")
def arrangements(draw):
    letters = draw.pick("ERROR PAPAYA KAYAK SEVEN TOMATO COFFEE BALLOON POTATO LEMON GUITAR LLAMA RABBIT".split())
    repeats = [letters.count(letter) for letter in sorted(set(letters)) if letters.count(letter) > 1]
    below = r" \cdot ".join(f"{count}!" for count in repeats)
    total = factorial(len(letters)) // prod(map(factorial, repeats))
    quotient = rf"\frac{{{len(letters)}!}}{{{below}}}" if repeats else f"{len(letters)}!"
    return (f"In how many different orders can the letters of the word {letters} be written?",
            f"{'Equal letters can be swapped' if repeats else 'All letters differ'}, "
            f"so the number of orders is ${quotient} = {boxed(total)}$.")


@structure(4, "Counting & Probability")
def committee(draw):
    group, other = draw.distinct(2, lambda: draw.pick(("pianists", "violinists", "singers", "drummers")))
    a, b, p, q = draw.between(5, 12), draw.between(5, 12), draw.between(2, 3), draw.between(2, 3)
    number = str(comb(a, p) * comb(b, q))
    shown = number if len(number) < 4 else f"{number[:-3]}{{,}}{number[-3:]}"
    return (f"A band of ${p}$ {group} and ${q}$ {other} is chosen from ${a}$ {group} and ${b}$ {other}. "
            "How many bands are possible?",
            rf"There are $\binom{{{a}}}{{{p}}} = {comb(a, p)}$ and $\binom{{{b}}}{{{q}}} = {comb(b, q)}$ choices, "
            rf"so the number of bands is ${comb(a, p)} \cdot {comb(b, q)} = {boxed(shown)}$.")


@structure(3, "Counting & Probability")
def two_balls(draw):
    red, blue = draw.between(3, 9), draw.between(2, 9)
    both, all_pairs = comb(red, 2), comb(red + blue, 2)
    return (f"A bag holds ${red}$ red and ${blue}$ blue marbles. Two are drawn at random without replacement. "
            "What is the probability that both are red?",
            rf"Of the $\binom{{{red + blue}}}{{2}} = {all_pairs}$ pairs, $\binom{{{red}}}{{2}} = {both}$ are red, "
            rf"so the probability is ${boxed(fraction(Fraction(both, all_pairs)))}$.")


@structure(3, "Counting & Probability")
def two_dice(draw):
    total, at_least = draw.between(3, 11), draw.pick((True, False))
    sums = [a + b for a in range(1, 7) for b in range(1, 7)]
    good = sum(s >= total if at_least else s == total for s in sums)
    return (f"Two fair dice are rolled. What is the probability that the sum is {'at least ' * at_least}${total}$?",
            f"Of the $36$ equally likely results, ${good}$ have such a sum, "
            f"so the probability is ${boxed(fraction(Fraction(good, 36)))}$.")


# Intermediate Algebra

@structure(2, "Intermediate Algebra")
def complex_product(draw):
    a, b, c, d = draw.nonzero(6), draw.nonzero(6), draw.nonzero(6), draw.nonzero(6)
    answer = complex_number(a * c - b * d, a * d + b * c)
    return (f"Compute $({complex_number(a, b)})({complex_number(c, d)})$, where $i^2 = -1$.",
            f"The real part is ${a * c - b * d}$ and the coefficient of $i$ is ${a * d + b * c}$, "
            f"so the product is ${boxed(answer)}$.")


@structure(5, "Intermediate Algebra")
def complex_quotient(draw):
    a, b, c, d = draw.nonzero(6), draw.nonzero(6), draw.nonzero(4), draw.nonzero(4)
    real, imaginary, size = a * c + b * d, b * c - a * d, c * c + d * d
    if 0 in (real, imaginary):
        return complex_quotient(draw)
    answer = complex_number(Fraction(real, size), Fraction(imaginary, size))
    return (rf"Write $\frac{{{complex_number(a, b)}}}{{{complex_number(c, d)}}}$ in the form $p + qi$ "
            "with real $p$ and $q$.",
            rf"Multiplying both parts by ${complex_number(c, -d)}$ gives "
            rf"$\frac{{{complex_number(real, imaginary)}}}{{{size}}} = {boxed(answer)}$.")


@structure(3, "Intermediate Algebra")
def larger_root(draw):
    center, radicand = draw.nonzero(7), draw.between(2, 30)
    if root(radicand).isdigit():
        return larger_root(draw)
    return (f"Find the larger root of ${polynomial([1, -2 * center, center**2 - radicand])} = 0$.",
            rf"Completing the square gives $({polynomial([1, -center])})^2 = {radicand}$, "
            rf"so the larger root is ${boxed(f'{center} + {root(radicand)}')}$.")


@structure(2, "Intermediate Algebra")
def all_roots(draw):
    low, high = sorted(draw.distinct(2, lambda: draw.nonzero(9)))
    quadratic = polynomial([1, -low - high, low * high])
    return (f"Find all roots of ${quadratic}$, separated by commas.",
            f"It factors as $({polynomial([1, -low])})({polynomial([1, -high])})$, "
            f"so the roots are ${boxed(f'{low}, {high}')}$.")


@structure(4, "Intermediate Algebra")
def quotient(draw):
    zero, a, b, c = draw.nonzero(4), draw.between(1, 4), draw.nonzero(7), draw.nonzero(7)
    cubic = polynomial([a, b - a * zero, c - b * zero, -c * zero])
    return (f"Divide ${cubic}$ by ${polynomial([1, -zero])}$.",
            f"The cubic is $0$ at $x = {zero}$, so nothing remains, and division gives "
            f"${boxed(polynomial([a, b, c]))}$.")


@structure(3, "Intermediate Algebra")
def geometric_series(draw):
    first, ratio = draw.between(1, 9), Fraction(draw.nonzero(4), draw.between(5, 9))
    terms = [first, first * ratio, first * ratio**2]
    answer = fraction(first / (1 - ratio))
    shown = f"{first} {'-' if ratio < 0 else '+'} {fraction(abs(terms[1]))} + {fraction(terms[2])}"
    return (rf"Find the sum of the infinite geometric series ${shown} {'-' if ratio < 0 else '+'} \cdots$.",
            rf"The first term is ${first}$ and the ratio is ${fraction(ratio)}$, "
            rf"so the sum is $\frac{{{first}}}{{{'1 + ' if ratio < 0 else '1 - '}{fraction(abs(ratio))}}} = "
            rf"{boxed(answer)}$.")


@structure(3, "Intermediate Algebra")
def domain(draw):
    a, b = draw.between(2, 7), draw.nonzero(15)
    interval = rf"[{fraction(Fraction(-b, a))}, \infty)"
    return (rf"What is the domain of $f(x) = \sqrt{{{polynomial([a, b])}}}$? Answer in interval notation.",
            rf"The root is real where ${polynomial([a, b])} \ge 0$, that is, for $x$ in ${boxed(interval)}$.")


# Precalculus

@structure(2, "Precalculus")
def matrix_product(draw):
    (a, b), (c, d), (e, f), (g, h) = ((draw.nonzero(4), draw.between(-4, 4)) for _ in range(4))
    answer = rows([[a * e + b * g, a * f + b * h], [c * e + d * g, c * f + d * h]])
    return (f"Compute ${rows([[a, b], [c, d]])} {rows([[e, f], [g, h]])}$.",
            f"Multiplying the rows of the first matrix by the columns of the second gives ${boxed(answer)}$.")


@structure(3, "Precalculus")
def cross_product(draw):
    (a, b, c), (d, e, f) = ([draw.nonzero(4) for _ in range(3)] for _ in range(2))
    answer = [b * f - c * e, c * d - a * f, a * e - b * d]
    if not any(answer):
        return cross_product(draw)
    return (rf"Find the cross product ${rows([[a], [b], [c]])} \times {rows([[d], [e], [f]])}$.",
            f"By the definition of the cross product it is ${boxed(rows([[entry] for entry in answer]))}$.")


@structure(2, "Precalculus")
def sine_value(draw):
    half = {0: "0", 30: r"\frac{1}{2}", 45: r"\frac{\sqrt{2}}{2}", 60: r"\frac{\sqrt{3}}{2}", 90: "1"}
    angle = draw.pick([turn + step for turn in (90, 180, 270) for step in (30, 45, 60)])
    name, positive = draw.pick((("sin", angle < 180), ("cos", angle > 270)))
    reference = min(angle % 180, -angle % 180)
    size = half[reference] if name == "sin" else half[90 - reference]
    answer = size if positive else f"-{size}"
    return (rf"Find the exact value of $\{name} {angle}^\circ$.",
            rf"The reference angle is ${reference}^\circ$ and the value is {'positive' if positive else 'negative'} "
            rf"in this quadrant, so $\{name} {angle}^\circ = {boxed(answer)}$.")


@structure(3, "Precalculus")
def inverse_function(draw):
    name, value, angle = draw.pick((
        ("arcsin", r"\frac{1}{2}", Fraction(1, 6)), ("arcsin", r"-\frac{\sqrt{2}}{2}", Fraction(-1, 4)),
        ("arcsin", r"\frac{\sqrt{3}}{2}", Fraction(1, 3)), ("arccos", r"-\frac{1}{2}", Fraction(2, 3)),
        ("arccos", r"\frac{\sqrt{2}}{2}", Fraction(1, 4)), ("arccos", r"-\frac{\sqrt{3}}{2}", Fraction(5, 6)),
        ("arctan", r"-\sqrt{3}", Fraction(-1, 3)), ("arctan", "1", Fraction(1, 4))))
    shown = ("-" if angle < 0 else "") + times(abs(angle), PI)
    direct = name.removeprefix("arc")
    return (rf"Compute $\{name} \left({value}\right)$, in radians.",
            rf"The angle in the range of $\{name}$ whose {dict(sin='sine', cos='cosine', tan='tangent')[direct]} "
            rf"is ${value}$ is ${boxed(shown)}$.")


@structure(3, "Precalculus")
def polar_coordinates(draw):
    size, turn = draw.between(1, 9), draw.pick((1, 3, 5, 7))
    x, y = size if turn in (1, 7) else -size, size if turn in (1, 3) else -size
    radius, angle = root(2 * size * size), times(Fraction(turn, 4), PI)
    answer = rf"\left({radius}, {angle}\right)"
    return (rf"Write the point $({x}, {y})$ in polar coordinates $(r, \theta)$ with $r > 0$ and $0 \le \theta < 2\pi$.",
            rf"The distance from the origin is ${radius}$ and the angle is ${angle}$, "
            rf"so the point is ${boxed(answer)}$.")


@structure(3, "Precalculus")
def parity(draw):
    high, low = draw.distinct(2, lambda: draw.between(1, 6))
    high, low = max(high, low), min(high, low)
    a, b = draw.between(1, 6), draw.nonzero(6)
    coefficients = [a] + [0] * (high - low - 1) + [b] + [0] * low
    answer = "neither" if (high - low) % 2 else "odd" if high % 2 else "even"
    reason = {"even": "Only even powers of $x$ occur", "odd": "Only odd powers of $x$ occur",
              "neither": "Both an even and an odd power of $x$ occur"}[answer]
    return (f"Is $f(x) = {polynomial(coefficients)}$ even, odd or neither?",
            rf"{reason}, so the function is ${boxed(word(answer))}$.")
