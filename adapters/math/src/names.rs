//! Names and signs the lexer knows besides LaTeX's own.

use super::token::Token;

/// Names that mean the same with and without a backslash; the second is the command they stand for.
const PLAIN: [(&str, &str); 35] = [
    ("alpha", "alpha"),
    ("arccos", "arccos"),
    ("arcsin", "arcsin"),
    ("arctan", "arctan"),
    ("acos", "arccos"),
    ("asin", "arcsin"),
    ("atan", "arctan"),
    ("beta", "beta"),
    ("binom", "binom"),
    ("cos", "cos"),
    ("cosh", "cosh"),
    ("cot", "cot"),
    ("csc", "csc"),
    ("delta", "delta"),
    ("exp", "exp"),
    ("frac", "frac"),
    ("gamma", "gamma"),
    ("gcd", "gcd"),
    ("inf", "infty"),
    ("infinity", "infty"),
    ("infty", "infty"),
    ("lambda", "lambda"),
    ("lcm", "lcm"),
    ("ln", "ln"),
    ("log", "log"),
    ("phi", "phi"),
    ("pi", "pi"),
    ("pm", "pm"),
    ("sec", "sec"),
    ("sin", "sin"),
    ("sinh", "sinh"),
    ("sqrt", "sqrt"),
    ("tan", "tan"),
    ("tanh", "tanh"),
    ("theta", "theta"),
];

/// The command that a bare name stands for.
pub(super) fn plain(name: &str) -> Option<&'static str> {
    PLAIN.iter().find(|(known, _)| *known == name).map(|&(_, command)| command)
}

/// Commands without a meaning here: sizes, styles and fonts.
pub(super) fn is_dressing(command: &str) -> bool {
    let sized = command.trim_end_matches(['l', 'r', 'm']);
    matches!(sized, "big" | "Big" | "bigg" | "Bigg")
        || matches!(
            command,
            "left"
                | "right"
                | "middle"
                | "displaystyle"
                | "textstyle"
                | "scriptstyle"
                | "limits"
                | "nolimits"
                | "rm"
                | "bf"
                | "it"
        )
        || matches!(command, "mathbf" | "boldsymbol" | "bm" | "mathit" | "mathnormal" | "vec" | "ensuremath" | "underline")
}

/// Commands with a colour as their first argument.
pub(super) fn is_colour(command: &str) -> bool {
    matches!(command, "color" | "textcolor")
}

/// Commands that make white space only.
pub(super) fn is_space(command: &str) -> bool {
    matches!(command, "quad" | "qquad" | "thinspace" | "medspace" | "thickspace" | "enspace" | "space" | "hfill" | "newline")
}

/// Commands whose argument is text.
pub(super) fn is_text(command: &str) -> bool {
    matches!(command, "text" | "textbf" | "textrm" | "textit" | "textnormal" | "textsf" | "texttt" | "emph")
        || matches!(command, "mbox" | "hbox" | "mathrm" | "mathsf" | "mathtt" | "operatorname")
}

/// The command for a sign of Unicode.
pub(super) fn unicode(sign: char) -> Option<&'static str> {
    Some(match sign {
        '×' => "times",
        '·' | '⋅' | '∙' => "cdot",
        '÷' => "div",
        '√' => "sqrt",
        '∞' => "infty",
        '≤' | '⩽' => "le",
        '≥' | '⩾' => "ge",
        '≠' => "ne",
        '≈' => "approx",
        '°' => "degree",
        '±' => "pm",
        '∓' => "mp",
        '∪' => "cup",
        '∖' => "setminus",
        '∅' => "emptyset",
        '∈' => "in",
        '⟨' => "langle",
        '⟩' => "rangle",
        _ => return greek(sign),
    })
}

/// A vulgar fraction, as the two digits that follow `\frac`.
pub(super) fn vulgar_fraction(sign: char) -> Option<&'static str> {
    Some(match sign {
        '½' => "12",
        '⅓' => "13",
        '⅔' => "23",
        '¼' => "14",
        '¾' => "34",
        _ => return None,
    })
}

/// The bracket that a command stands for.
pub(super) fn bracket(command: &str) -> Option<Token<'static>> {
    Some(match command {
        "lbrace" => Token::Command("{"),
        "rbrace" => Token::Command("}"),
        "lbrack" => Token::Symbol('['),
        "rbrack" => Token::Symbol(']'),
        "lparen" => Token::Symbol('('),
        "rparen" => Token::Symbol(')'),
        _ => return None,
    })
}

/// The command for a Greek letter.
fn greek(letter: char) -> Option<&'static str> {
    Some(match letter {
        'π' => "pi",
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        'δ' => "delta",
        'ε' => "epsilon",
        'θ' => "theta",
        'λ' => "lambda",
        'μ' => "mu",
        'ρ' => "rho",
        'σ' => "sigma",
        'τ' => "tau",
        'φ' => "phi",
        'ω' => "omega",
        _ => return None,
    })
}

/// Whether a command is a variable: a Greek letter that is not a constant.
pub(super) fn is_greek(command: &str) -> bool {
    const GREEK: [&str; 33] = [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "varepsilon",
        "zeta",
        "eta",
        "theta",
        "vartheta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "varphi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Sigma",
        "Phi",
        "Omega",
        "ell",
    ];
    GREEK.contains(&command)
}
