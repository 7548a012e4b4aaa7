//! Whether two values are the same: kinds, then parts, then numbers.

mod matching;

use std::{borrow::Cow, fmt};

use num_bigint::BigInt;
use num_rational::BigRational;

use super::{
    Answer,
    ast::Operator,
    budget::{Bounded, Budget},
    form::{self, Form},
    fraction::{Fraction, is_constant, is_independent},
    reduction,
    sampling::{self, Zeroness},
    value::{NormalForm, Number, Quantity, Relation},
};

/// Whether two answers are the same, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// Whether they are the same.
    pub equal: bool,
    /// What decided.
    pub because: Reason,
}

/// What decided a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The texts are the same once what surrounds them is gone.
    SameText,
    /// Both have the same exact value.
    SameValue,
    /// Exact arithmetic does not decide, and both agree at all points tried.
    SameAtSamples,
    /// The numbers are the same, and only one of them has a unit, which is left out of account.
    SameWithoutUnit,
    /// The equations or inequalities differ by a factor only.
    SameRelation,
    /// The values differ.
    DifferentValues,
    /// One is a number and the other a set, or the like.
    DifferentKinds,
    /// One has more elements.
    DifferentCounts,
    /// The units differ, or the bases of numerals.
    DifferentUnits,
    /// The ends of an interval differ, or the brackets of a tuple.
    DifferentBrackets,
    /// The words differ.
    DifferentWords,
    /// The same value, but with arithmetic left to do, and the reference has none.
    NotWorkedOut,
    /// The same value, but not from the numbers of the reference, which is arithmetic on them.
    OtherNumbers,
    /// The same value, but not multiplied out as the reference is.
    NotExpanded,
    /// The same value, but not in the factors of the reference.
    NotFactored,
    /// The same equation or inequality, but not solved for the name that the reference gives.
    NotSolved,
    /// The same value, but no number, which was asked for.
    NoNumber,
    /// The same value, but not simplified, which was asked for.
    NotSimplified,
    /// The bounds on work or precision were reached before a decision; this counts as different.
    Undecided,
}

impl Reason {
    /// Whether the value is the reference's, and only the form is not.
    pub fn is_of_form(self) -> bool {
        use Reason::*;
        matches!(self, NotWorkedOut | NotSolved | OtherNumbers | NotExpanded | NotFactored | NoNumber | NotSimplified)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SameText => "the same text",
            Self::SameValue => "the same exact value",
            Self::SameAtSamples => "equal at sampled points",
            Self::SameWithoutUnit => "the same number, a unit left out of account",
            Self::SameRelation => "the same equation up to sign and scale",
            Self::DifferentValues => "different values",
            Self::DifferentKinds => "different kinds",
            Self::DifferentCounts => "different numbers of elements",
            Self::DifferentUnits => "different units",
            Self::DifferentBrackets => "different brackets",
            Self::DifferentWords => "different words",
            Self::NotWorkedOut => "the same value, but not worked out, as the reference is (form = \"any\" would take it)",
            Self::OtherNumbers => "the same value, but not by the reference's numbers (form = \"any\" would take it)",
            Self::NotExpanded => "the same value, but not multiplied out, as the reference is (form = \"any\" would take it)",
            Self::NotFactored => "the same value, but not in the reference's factors (form = \"any\" would take it)",
            Self::NotSolved => "the same relation, but not solved, as the reference is (form = \"any\" would take it)",
            Self::NoNumber => "the same value, but not one number (form = \"number\")",
            Self::NotSimplified => "the same value, but not simplified (form = \"simplified\")",
            Self::Undecided => "could not be decided within bounds",
        })
    }
}

/// Whether two answers are the same. The order of the two does not matter.
pub fn compare(answer: &Answer, reference: &Answer) -> Comparison {
    if answer.text == reference.text {
        return same(Reason::SameText);
    }
    if let Some(equal) = as_words(answer, reference) {
        return if equal { same(Reason::SameText) } else { different(Reason::DifferentWords) };
    }
    // Both orders do the same work, so that bounds are reached in both or in neither.
    let (first, second) = if answer.value <= reference.value { (answer, reference) } else { (reference, answer) };
    let (first, second) = (stripped(&first.value, &second.value), stripped(&second.value, &first.value));
    let (first, second) = (first.as_ref(), second.as_ref());
    let budget = Budget::new();
    let comparison = compare_values(first, second, &budget);
    match (first, second) {
        (NormalForm::Quantity(a), NormalForm::Quantity(b)) if comparison.equal && a.unit != b.unit => {
            same(Reason::SameWithoutUnit)
        }
        (NormalForm::Quantity(a), NormalForm::Quantity(b)) if !comparison.equal && a.percent != b.percent => {
            bare_percent(a, b, &budget)
        }
        _ => comparison,
    }
}

/// Whether an answer is the reference, in the form that is asked for: by `form`, or else by the reference's own
/// ([`Form`]). An answer such as `m+n=47` is 47 where the reference is no relation. Unlike in [`compare`], the order of the two matters.
pub fn judge(answer: &Answer, reference: &Answer, form: Option<Form>) -> Comparison {
    let stated = match (&answer.value, &reference.value) {
        (_, NormalForm::Relation(_)) => None,
        (NormalForm::Relation(Relation { stated: Some(stated), .. }), _) => {
            Some(Answer { value: (**stated).clone(), ..answer.clone() })
        }
        _ => None,
    };
    let comparison = compare(stated.as_ref().unwrap_or(answer), reference);
    if !comparison.equal {
        return comparison;
    }
    form::is_met(form, answer, reference).map_or_else(different, |()| comparison)
}

/// Whether two answers are the same as words, where they are to be read so: letters without signs among them, as in `abc` and `bca`, are a product
/// only beside mathematics, or with an unknown among them.
fn as_words(a: &Answer, b: &Answer) -> Option<bool> {
    let is_algebra = |run: &str| run.contains(['x', 'y', 'z']);
    match (a.run(), b.run(), &a.value, &b.value) {
        (Some(a), Some(b), _, _) if !(is_algebra(a) && is_algebra(b)) => Some(a == b),
        (Some(run), None, _, NormalForm::Word(word)) | (None, Some(run), NormalForm::Word(word), _) => Some(run == word),
        _ => None,
    }
}

/// What a relation says its name is, where the other is no relation; the tuple of what several say, where the other is one.
fn stripped<'a>(value: &'a NormalForm, other: &NormalForm) -> Cow<'a, NormalForm> {
    match (value, other) {
        (NormalForm::Relation(_), NormalForm::Relation(_)) => Cow::Borrowed(value),
        (NormalForm::Relation(Relation { solved: Some(solved), .. }), _) => Cow::Borrowed(&solved.value),
        (NormalForm::List(items), NormalForm::Group { open: '(', close: ')', .. }) => {
            tuple(items).map_or(Cow::Borrowed(value), Cow::Owned)
        }
        _ => Cow::Borrowed(value),
    }
}

/// The tuple `(3,4)` of `x=3, y=4`: only for names that follow each other in the alphabet, as the order of others is not known.
fn tuple(items: &[NormalForm]) -> Option<NormalForm> {
    let given = |item: &NormalForm| match item {
        NormalForm::Relation(Relation { solved: Some(solved), .. }) => {
            let name: [u8; 1] = solved.name.as_bytes().try_into().ok()?;
            matches!(*solved.value, NormalForm::Quantity(_)).then(|| (name[0], (*solved.value).clone()))
        }
        _ => None,
    };
    let mut given: Vec<(u8, NormalForm)> = items.iter().map(given).collect::<Option<_>>()?;
    given.sort();
    let follow = given.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
    let items = given.into_iter().map(|(_, value)| value).collect();
    follow.then_some(NormalForm::Group { open: '(', close: ')', items })
}

/// Whether two values are the same.
pub(super) fn compare_values(a: &NormalForm, b: &NormalForm, budget: &Budget) -> Comparison {
    if a == b {
        return same(Reason::SameValue);
    }
    match (a, b) {
        (NormalForm::Quantity(a), NormalForm::Quantity(b)) => quantities(a, b, budget),
        (NormalForm::Based { base: a, .. }, NormalForm::Based { base: b, .. }) if a != b => different(Reason::DifferentUnits),
        (NormalForm::Based { .. }, NormalForm::Based { .. }) => different(Reason::DifferentValues),
        (NormalForm::Word(_), NormalForm::Word(_)) => different(Reason::DifferentWords),
        (NormalForm::Group { open, close, items }, NormalForm::Group { open: other_open, close: other_close, items: others }) => {
            let brackets = (open, close) == (other_open, other_close);
            if brackets { in_order(items, others, budget) } else { different(Reason::DifferentBrackets) }
        }
        (NormalForm::Ratio(a), NormalForm::Ratio(b)) => in_order(a, b, budget),
        (NormalForm::Set(a) | NormalForm::List(a), NormalForm::Set(b) | NormalForm::List(b))
        | (NormalForm::Union(a), NormalForm::Union(b)) => matching::in_any_order(a, b, budget),
        (NormalForm::Difference(a, without), NormalForm::Difference(b, other_without)) => {
            all([compare_values(a, b, budget), compare_values(without, other_without, budget)])
        }
        (NormalForm::Matrix(a), NormalForm::Matrix(b)) if a.len() == b.len() => {
            all(a.iter().zip(b).map(|(a, b)| in_order(a, b, budget)))
        }
        (NormalForm::Matrix(_), NormalForm::Matrix(_)) => different(Reason::DifferentCounts),
        (NormalForm::Relation(a), NormalForm::Relation(b)) => relations(a, b, budget),
        _ => different(Reason::DifferentKinds),
    }
}

fn same(because: Reason) -> Comparison {
    Comparison { equal: true, because }
}

fn different(because: Reason) -> Comparison {
    Comparison { equal: false, because }
}

/// The first difference; or equal, for the least exact reason there is.
fn all(comparisons: impl IntoIterator<Item = Comparison>) -> Comparison {
    let mut because = Reason::SameValue;
    for comparison in comparisons {
        if !comparison.equal {
            return comparison;
        }
        if comparison.because == Reason::SameAtSamples {
            because = Reason::SameAtSamples;
        }
    }
    same(because)
}

fn in_order(a: &[NormalForm], b: &[NormalForm], budget: &Budget) -> Comparison {
    if a.len() != b.len() {
        return different(Reason::DifferentCounts);
    }
    all(a.iter().zip(b).map(|(a, b)| compare_values(a, b, budget)))
}

/// Units that are both there must agree.
fn quantities(a: &Quantity, b: &Quantity, budget: &Budget) -> Comparison {
    if a.unit.is_some() && b.unit.is_some() && a.unit != b.unit {
        return different(Reason::DifferentUnits);
    }
    if (a.percent && b.unit.is_some()) || (b.percent && a.unit.is_some()) {
        return different(Reason::DifferentUnits);
    }
    let (Number::Finite(left), Number::Finite(right)) = (&a.number, &b.number) else {
        return if a.number == b.number { same(Reason::SameValue) } else { different(Reason::DifferentValues) };
    };
    fractions(left, right, budget)
}

/// Compares the number before the only percent sign, where each quantity is a whole answer: within a tuple this would make too much equal.
fn bare_percent(a: &Quantity, b: &Quantity, budget: &Budget) -> Comparison {
    let (percent, other) = if a.percent { (a, b) } else { (b, a) };
    let (Number::Finite(hundredth), Number::Finite(number), None, None) =
        (&percent.number, &other.number, &percent.unit, &other.unit)
    else {
        return different(if percent.unit.is_some() || other.unit.is_some() {
            Reason::DifferentUnits
        } else {
            Reason::DifferentValues
        });
    };
    let hundred = Fraction::constant(BigRational::from_integer(BigInt::from(100)));
    hundredth.times(&hundred, budget).map_or(different(Reason::Undecided), |bare| fractions(&bare, number, budget))
}

/// Whether two normal forms are the same.
fn fractions(a: &Fraction, b: &Fraction, budget: &Budget) -> Comparison {
    if a == b {
        return same(Reason::SameValue);
    }
    decided(try_fractions(a, b, budget))
}

fn decided(comparison: Bounded<Comparison>) -> Comparison {
    comparison.unwrap_or(different(Reason::Undecided))
}

fn try_fractions(a: &Fraction, b: &Fraction, budget: &Budget) -> Bounded<Comparison> {
    if a.polynomial().is_some() && b.polynomial().is_some() && is_independent(a) && is_independent(b) {
        return Ok(different(Reason::DifferentValues));
    }
    let left = a.numerator().times(b.denominator(), budget)?;
    let difference = left.minus(&b.numerator().times(a.denominator(), budget)?, budget)?;
    if difference.is_zero() {
        return Ok(same(Reason::SameValue));
    }
    if is_independent(a) && is_independent(b) {
        return Ok(different(Reason::DifferentValues));
    }
    // Samples are cheaper where they show a difference; else exact arithmetic has a last try.
    Ok(match sampling::zeroness(&difference, [a.denominator(), b.denominator()], budget) {
        Zeroness::Nonzero => different(Reason::DifferentValues),
        _ if reduction::reduced(&difference, budget).is_ok_and(|reduced| reduced.is_zero()) => same(Reason::SameValue),
        Zeroness::Zero => same(Reason::SameAtSamples),
        Zeroness::Unclear => different(Reason::Undecided),
    })
}

/// Relations are the same where they give one name the same value, or where their parts can be paired so that one is a multiple of the other.
fn relations(a: &Relation, b: &Relation, budget: &Budget) -> Comparison {
    if let (Some(left), Some(right)) = (&a.solved, &b.solved)
        && left.name == right.name
    {
        return compare_values(&left.value, &right.value, budget);
    }
    if a.parts.is_empty() || b.parts.is_empty() {
        return different(Reason::DifferentKinds);
    }
    if a.parts.len() != b.parts.len() {
        return different(Reason::DifferentCounts);
    }
    let mut left: Vec<&(Operator, Fraction)> = b.parts.iter().collect();
    // To be a multiple is transitive, so that any partner will do.
    let mut has_partner = |(operator, difference): &(Operator, Fraction)| {
        let partner = left.iter().position(|(other_operator, other)| {
            operator == other_operator && is_multiple(difference, other, *operator, budget).unwrap_or(false)
        });
        partner.map(|at| left.swap_remove(at)).is_some()
    };
    let equal = a.parts.iter().all(&mut has_partner);
    if equal { same(Reason::SameRelation) } else { different(Reason::DifferentValues) }
}

/// Whether two differences are the same up to a rational factor, which an inequality needs to be positive.
fn is_multiple(a: &Fraction, b: &Fraction, operator: Operator, budget: &Budget) -> Bounded<bool> {
    let left = a.numerator().times(b.denominator(), budget)?;
    let right = b.numerator().times(a.denominator(), budget)?;
    let (Some((monomial, coefficient)), Some((other_monomial, other))) = (left.terms().first(), right.terms().first()) else {
        return Ok(left.is_zero() && right.is_zero());
    };
    budget.spend_on(coefficient, other)?;
    let factor = coefficient / other;
    let allowed = matches!(operator, Operator::Equal | Operator::NotEqual) || num_traits::Signed::is_positive(&factor);
    Ok(allowed && monomial == other_monomial && left == right.scaled(&factor, budget)? && varies(a))
}

/// Whether a difference has a variable: `1 = 2` says nothing that `3 = 4` does not.
fn varies(difference: &Fraction) -> bool {
    !is_constant(difference)
}
