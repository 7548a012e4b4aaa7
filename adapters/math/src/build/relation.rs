//! Equations, inequalities and membership.

use super::{constant, name, solved};
use crate::{
    ast::Operator,
    budget::{Bounded, Budget, Halt},
    compare,
    fraction::{Fraction, is_constant},
    interval,
    monomial::Generator,
    value::{NormalForm, Number, Quantity, Relation, Solved},
};

/// Words that change what a side equals: `\text{not} = 5` does not say 5.
const CHANGING: [&str; 14] =
    ["not", "no", "never", "false", "wrong", "isn't", "unless", "if", "minus", "negative", "half", "twice", "double", "opposite"];

/// The value of sides with relations between them.
pub(super) fn relation(sides: &[NormalForm], operators: &[Operator], budget: &Budget) -> Bounded<NormalForm> {
    let (sides, operators) = without_approximations(sides, operators);
    let [first, rest @ ..] = sides.as_slice() else { return Err(Halt::Undefined("a relation without sides")) };
    if rest.is_empty() {
        return if name(first).is_none() { Ok(first.clone()) } else { Err(Halt::Undefined("a name that is only near a value")) };
    }
    if let ([Operator::NotEqual], Some(name), [excluded]) = (operators.as_slice(), name(first), rest)
        && let Some(others) = interval::difference(&[NormalForm::reals()], &[NormalForm::Set(vec![excluded.clone()])])
    {
        return Ok(NormalForm::Relation(Relation {
            parts: differences(&sides, &operators, budget)?,
            solved: Some(solved(name, others)),
            stated: None,
        }));
    }
    if operators.iter().all(|operator| *operator == Operator::Equal) {
        return equation(&sides, budget);
    }
    if let ([Operator::In], [set]) = (operators.as_slice(), rest) {
        let name = name(first).ok_or(Halt::Undefined("membership of what has no name"))?;
        if matches!(
            set,
            NormalForm::Quantity(_)
                | NormalForm::Based { .. }
                | NormalForm::Relation(_)
                | NormalForm::Matrix(_)
                | NormalForm::Ratio(_)
        ) {
            return Err(Halt::Undefined("membership in what is no set"));
        }
        return Ok(named(name, set.clone()));
    }
    let parts = differences(&sides, &operators, budget)?;
    Ok(NormalForm::Relation(Relation { solved: bounds(&sides, &operators), parts, stated: None }))
}

/// A relation that only says what a name is.
pub(super) fn named(name: String, value: NormalForm) -> NormalForm {
    NormalForm::Relation(Relation { parts: Vec::new(), solved: Some(solved(name, value)), stated: None })
}

/// Sides up to the first `\approx`, as what follows is less exact.
fn without_approximations(sides: &[NormalForm], operators: &[Operator]) -> (Vec<NormalForm>, Vec<Operator>) {
    match operators.iter().position(|operator| *operator == Operator::Approximate) {
        None => (sides.to_vec(), operators.to_vec()),
        Some(at) => (sides[..=at].to_vec(), operators[..at].to_vec()),
    }
}

/// Equal sides: a name and its value, constants that are one value, or an equation. Sides that should be one value but differ have none.
fn equation(sides: &[NormalForm], budget: &Budget) -> Bounded<NormalForm> {
    let changed =
        |side: &NormalForm| matches!(side, NormalForm::Word(word) if word.split(' ').any(|word| CHANGING.contains(&word)));
    if sides.iter().any(changed) {
        return Err(Halt::Undefined("a name that says more than a name, such as `not`"));
    }
    let (named_side, values) = named_side(sides);
    let agree = values.windows(2).all(|pair| compare::compare_values(&pair[0], &pair[1], budget).equal);
    match (named_side, values.first()) {
        (Some(name), Some(value)) if agree => {
            let numbers = sides.iter().all(|side| side.expression().is_some());
            let parts = if numbers { differences(&sides[..2], &[Operator::Equal], budget)? } else { Vec::new() };
            Ok(NormalForm::Relation(Relation { parts, solved: Some(solved(name, value.clone())), stated: None }))
        }
        (None, Some(value)) if agree && values.iter().all(|value| constant(value).is_some()) => Ok(value.clone()),
        _ => {
            let stated = stated(sides).map(|value| Box::new(value.clone()));
            let operators = vec![Operator::Equal; sides.len() - 1];
            // An amount with a unit has no difference to an expression without.
            let parts = match differences(sides, &operators, budget) {
                Err(_) if stated.is_some() => Vec::new(),
                parts => parts?,
            };
            Ok(NormalForm::Relation(Relation { parts, solved: None, stated }))
        }
    }
}

/// The constant that an equation says an expression is: one of several variables and no number, as in `m+n=47` and `|AB|=5`. One of a single variable is
/// yet to be solved, as `2x=10` is.
fn stated(sides: &[NormalForm]) -> Option<&NormalForm> {
    let (left, right) = match sides {
        [left, right] if is_amount(right) => (left, right),
        [right, left] if is_amount(right) => (left, right),
        _ => return None,
    };
    let expression = left.expression()?;
    let mut names = Vec::new();
    variables(expression, &mut names);
    names.sort_unstable();
    names.dedup();
    let number = expression.polynomial()?.terms().iter().any(|(monomial, _)| monomial.is_one());
    (names.len() > 1 && !number).then_some(right)
}

/// Whether a value is a constant, perhaps with a unit.
fn is_amount(value: &NormalForm) -> bool {
    matches!(value, NormalForm::Quantity(Quantity { number: Number::Finite(number), .. }) if is_constant(number))
}

/// The names of all variables in an expression, however deep.
fn variables<'a>(expression: &'a Fraction, names: &mut Vec<&'a str>) {
    for generator in expression.generators() {
        match generator {
            Generator::Variable(name) => names.push(name),
            Generator::Base(base) => variables(base, names),
            Generator::Call(call) => call.arguments.iter().for_each(|argument| variables(argument, names)),
            _ => {}
        }
    }
}

/// The name on the left or else on the right, and the other sides, where these do not depend on it.
fn named_side(sides: &[NormalForm]) -> (Option<String>, &[NormalForm]) {
    let free = |own: &str, others: &[NormalForm]| {
        let mut variables = others.iter().filter_map(NormalForm::expression).flat_map(Fraction::generators);
        !variables.any(|generator| depends_on(generator, own))
    };
    if let [first, rest @ ..] = sides
        && let Some(own) = name(first).filter(|own| free(own, rest))
    {
        return (Some(own), rest);
    }
    if let [rest @ .., last] = sides
        && let Some(own) = name(last).filter(|own| free(own, rest))
    {
        return (Some(own), rest);
    }
    (None, sides)
}

/// Whether a variable is in a generator.
fn depends_on(generator: &Generator, variable: &str) -> bool {
    match generator {
        Generator::Variable(name) => **name == *variable,
        Generator::Base(base) => base.generators().any(|inner| depends_on(inner, variable)),
        Generator::Call(call) => call.arguments.iter().flat_map(Fraction::generators).any(|inner| depends_on(inner, variable)),
        _ => false,
    }
}

/// Differences of neighbours, larger minus smaller.
fn differences(sides: &[NormalForm], operators: &[Operator], budget: &Budget) -> Bounded<Vec<(Operator, Fraction)>> {
    let mut parts = Vec::with_capacity(operators.len());
    for (pair, &operator) in sides.windows(2).zip(operators) {
        let (Some(left), Some(right)) = (pair[0].expression(), pair[1].expression()) else {
            return Err(Halt::Undefined("a relation between what is not numbers"));
        };
        parts.push(match operator {
            Operator::Less => (Operator::Greater, right.minus(left, budget)?),
            Operator::LessEqual => (Operator::GreaterEqual, right.minus(left, budget)?),
            Operator::In | Operator::Approximate => return Err(Halt::Undefined("membership in a chain of relations")),
            _ => (operator, left.minus(right, budget)?),
        });
    }
    parts.sort();
    Ok(parts)
}

/// The interval that an inequality says one name is in, where the other sides are constants.
fn bounds(sides: &[NormalForm], operators: &[Operator]) -> Option<Solved> {
    let at = sides.iter().position(|side| name(side).is_some())?;
    if sides.len() > 3 || (sides.len() == 3 && at != 1) {
        return None;
    }
    let mut bounds = [(None, false), (None, false)];
    for (index, operator) in operators.iter().enumerate() {
        let other = if index < at { index } else { index + 1 };
        let up = match operator {
            Operator::Less | Operator::LessEqual => index >= at,
            Operator::Greater | Operator::GreaterEqual => index < at,
            _ => return None,
        };
        constant(&sides[other])?;
        let bound = &mut bounds[usize::from(up)];
        if bound.0.is_some() {
            return None;
        }
        *bound = (Some(sides[other].clone()), matches!(operator, Operator::LessEqual | Operator::GreaterEqual));
    }
    let [(low, low_closed), (high, high_closed)] = bounds;
    let items = vec![
        low.unwrap_or_else(|| NormalForm::number(Number::NegativeInfinity)),
        high.unwrap_or_else(|| NormalForm::number(Number::Infinity)),
    ];
    let value = NormalForm::Group { open: if low_closed { '[' } else { '(' }, close: if high_closed { ']' } else { ')' }, items };
    Some(solved(name(&sides[at])?, value))
}

/// The one name that all relations among items give a value, where there is any.
pub(super) fn common_name(items: &[NormalForm]) -> Option<String> {
    let mut names = items.iter().filter_map(|item| match item {
        NormalForm::Relation(relation) => Some(relation.solved.as_ref().map(|solved| solved.name.as_str())),
        _ => None,
    });
    let first = names.next()??;
    names.all(|name| name == Some(first)).then(|| first.to_owned())
}

/// Whether an item is a value, or says what the value of a name is.
pub(super) fn is_equation(item: &NormalForm) -> bool {
    match item {
        NormalForm::Relation(Relation { parts, solved: Some(solved), .. }) => {
            let value = matches!(*solved.value, NormalForm::Quantity(_) | NormalForm::List(_));
            value && parts.iter().all(|(operator, _)| *operator == Operator::Equal)
        }
        NormalForm::Relation(_) => false,
        _ => true,
    }
}

/// Whether an item says that a name is in an interval.
pub(super) fn is_interval(item: &NormalForm) -> bool {
    matches!(item, NormalForm::Relation(Relation { solved: Some(Solved { value, .. }), .. }) if matches!(**value, NormalForm::Group { .. }))
}

/// The value that an item gives to a name, or the item.
pub(super) fn solution(item: NormalForm) -> NormalForm {
    match item {
        NormalForm::Relation(Relation { solved: Some(solved), .. }) => *solved.value,
        other => other,
    }
}
