//! What a plain scalar means to Go's parser.

use base64::Engine as _;
use serde_json::{Number, Value};

/// A plain scalar by Go's rules.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Value::Bool(true),
        "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Value::String(text.to_owned());
    }
    // Go ignores underscores wherever they stand.
    let digits = text.replace('_', "");
    let number = integer(&digits).or_else(|| float(&digits));
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn integer(digits: &str) -> Option<Number> {
    let (negative, digits) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', b'o' | b'O', ..] => (&digits[2..], 8),
        [b'0', b'b' | b'B', ..] => (&digits[2..], 2),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    if !negative {
        return Some(value.into());
    }
    i64::try_from(-i128::from(value)).ok().map(Number::from)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`; infinity and "not a number" have no JSON.
fn float(digits: &str) -> Option<Number> {
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit())
        || unsigned.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let allowed = unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if !begins || !allowed {
        return None;
    }
    digits.parse::<f64>().ok().and_then(Number::from_f64)
}

/// A fraction as a key, as Go writes it: the shortest text of half the precision, with an exponent from a million on.
#[expect(clippy::cast_possible_truncation, reason = "that is how Go does it")]
pub(super) fn float_key(float: f64) -> String {
    let shortest = format!("{:e}", float as f32);
    let Some((digits, exponent)) = shortest.split_once('e') else { return shortest };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return (float as f32).to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// The text of a `!!binary`.
pub(super) fn binary(text: &str) -> Result<String, &'static str> {
    let packed: String = text.split_whitespace().collect();
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(packed).map_err(|_| "!!binary value is not valid base64")?;
    String::from_utf8(bytes).map_err(|_| "!!binary value is not UTF-8")
}
