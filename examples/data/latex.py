"""Numbers and polynomials as LaTeX."""

from fractions import Fraction


def fraction(value):
    r"""`-\frac{3}{4}`, in lowest terms; a whole number stays one."""
    value = Fraction(value)
    if value.denominator == 1:
        return str(value)
    sign = "-" if value < 0 else ""
    return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def times(value, factor):
    r"""`\frac{3\pi}{4}`, `\pi`, `6\sqrt{2}`: a fraction above 0 times a factor other than 1."""
    value = Fraction(value)
    numerator = factor if value.numerator == 1 else f"{value.numerator}{factor}"
    return numerator if value.denominator == 1 else rf"\frac{{{numerator}}}{{{value.denominator}}}"


def root(radicand):
    r"""Square root of a whole number, simplified: `6\sqrt{2}`, `3`."""
    outside, inside = 1, radicand
    for divisor in range(int(radicand**0.5) + 1, 1, -1):
        if inside % divisor**2 == 0:
            outside, inside = outside * divisor, inside // divisor**2
    return str(outside) if inside == 1 else times(outside, rf"\sqrt{{{inside}}}")


def polynomial(coefficients, letter="x"):
    """`2x^2 - x + 5`, from the coefficients, highest power first; fractions are allowed."""
    terms = []
    for power, coefficient in zip(range(len(coefficients) - 1, -1, -1), coefficients):
        if coefficient:
            terms.append((coefficient < 0, term(abs(coefficient), letter, power)))
    if not terms:
        return "0"
    text = "".join(f" {'-' if negative else '+'} {shown}" for negative, shown in terms)
    return "-" + text[3:] if terms[0][0] else text[3:]


def term(size, letter, power):
    """`3x^2`: one term without its sign."""
    variable = "" if power == 0 else letter if power == 1 else f"{letter}^{power}"
    return variable if size == 1 and variable else fraction(size) + variable


def complex_number(real, imaginary):
    """`3 - 2i`."""
    return polynomial([imaginary, real], "i") if not (real and imaginary) else (
        f"{fraction(real)} {'-' if imaginary < 0 else '+'} {term(abs(imaginary), 'i', 1)}")


def rows(matrix):
    r"""`\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}`."""
    lines = r" \\ ".join(" & ".join(str(entry) for entry in row) for row in matrix)
    return rf"\begin{{pmatrix}} {lines} \end{{pmatrix}}"
