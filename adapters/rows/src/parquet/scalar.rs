//! Stored bytes as values.

use super::{
    super::Value,
    Parse,
    schema::{Leaf, Meaning},
};

const SECONDS_A_DAY: i64 = 86_400;
/// 1970-01-01 in Julian days.
const JULIAN_EPOCH: i64 = 2_440_588;

/// The value that some stored bytes stand for.
pub(super) fn value(leaf: &Leaf, bytes: &[u8]) -> Parse<Value> {
    Ok(match leaf.meaning {
        Meaning::Boolean => Value::Bool(bytes.first().is_some_and(|&byte| byte != 0)),
        Meaning::Text => match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.into()),
            Err(e) => return Err(format!("not UTF-8 at byte {} of a value; write it as text, or drop it", e.valid_up_to() + 1)),
        },
        Meaning::Integer { signed: true } => Value::Number(integer(bytes).to_string()),
        Meaning::Integer { signed: false } => Value::Number(unsigned(bytes).to_string()),
        Meaning::Float => Value::Number(float(bytes)),
        Meaning::Decimal { scale, big_endian } => Value::Number(decimal(coefficient(bytes, big_endian)?, scale)),
        Meaning::Date => Value::Text(date(integer(bytes))),
        Meaning::Time(parts) => Value::Text(time(integer(bytes), parts)),
        Meaning::Timestamp(parts, utc) => Value::Text(timestamp(integer(bytes), parts, utc)),
        Meaning::JulianTimestamp => Value::Text(julian(bytes)),
        Meaning::Uuid => Value::Text(uuid(bytes)),
        Meaning::Opaque(what) => return Err(format!("holds {what}, which are not read; write it as text, or drop it")),
    })
}

/// A little-endian integer of at most 8 bytes.
fn integer(bytes: &[u8]) -> i64 {
    let unused = 64 - 8 * bytes.len().clamp(1, 8);
    ((unsigned(bytes) << unused) as i64) >> unused
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

fn float(bytes: &[u8]) -> String {
    match unsigned(bytes) {
        bits if bytes.len() == 4 => format!("{:?}", f32::from_bits(bits as u32)),
        bits => format!("{:?}", f64::from_bits(bits)),
    }
}

fn coefficient(bytes: &[u8], big_endian: bool) -> Parse<i128> {
    if !big_endian {
        return Ok(integer(bytes).into());
    }
    if bytes.len() > 16 {
        return Err("holds decimals of more than 38 digits, which are not read; write it as text".into());
    }
    let sign = if bytes.first().is_some_and(|&first| first >= 0x80) { -1 } else { 0 };
    Ok(bytes.iter().fold(sign, |value: i128, &byte| value << 8 | i128::from(byte)))
}

fn decimal(coefficient: i128, scale: u32) -> String {
    let (sign, digits) = (if coefficient < 0 { "-" } else { "" }, coefficient.unsigned_abs());
    match (10_u128.pow(scale.min(38)), scale as usize) {
        (_, 0) => format!("{sign}{digits}"),
        (one, scale) => format!("{sign}{}.{:0scale$}", digits / one, digits % one),
    }
}

/// Days since 1970 in ISO 8601, in the proleptic Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
fn date(days: i64) -> String {
    // Eras of 400 years start on 1 March, so that the leap day comes last.
    let shifted = days.saturating_add(719_468);
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

fn time(since_midnight: i64, parts: u32) -> String {
    let parts = i64::from(parts);
    let (seconds, fraction) = (since_midnight.div_euclid(parts), since_midnight.rem_euclid(parts));
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let clock = format!("{hours:02}:{:02}:{:02}", minutes.abs(), (seconds % 60).abs());
    let digits = parts.ilog10() as usize;
    if fraction == 0 { clock } else { format!("{clock}.{fraction:0digits$}") }
}

fn timestamp(since_1970: i64, parts: u32, utc: bool) -> String {
    let day = SECONDS_A_DAY * i64::from(parts);
    let (date, time) = (date(since_1970.div_euclid(day)), time(since_1970.rem_euclid(day), parts));
    format!("{date}T{time}{}", if utc { "Z" } else { "" })
}

/// Nanoseconds of the day, and the day.
fn julian(bytes: &[u8]) -> String {
    let (nanoseconds, day) = bytes.split_at_checked(8).unwrap_or_default();
    format!("{}T{}", date(integer(day) - JULIAN_EPOCH), time(integer(nanoseconds), 1_000_000_000))
}

fn uuid(bytes: &[u8]) -> String {
    let part = |byte: (usize, &u8)| format!("{}{:02x}", if matches!(byte.0, 4 | 6 | 8 | 10) { "-" } else { "" }, byte.1);
    bytes.iter().enumerate().map(part).collect()
}
