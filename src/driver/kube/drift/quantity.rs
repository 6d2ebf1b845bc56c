//! Kubernetes quantities by value: `0.5` is `500m`, `1Gi` is `1024Mi`.

use serde_json::Value;

/// A quantity's value in thousandths of nano-units' unit: exact for everything that Kubernetes can write.
pub(super) fn parse(text: &str) -> Option<i128> {
    const NANO: i128 = 1_000_000_000;
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (number, exponent) = match suffix.strip_prefix(['e', 'E']) {
        Some(digits) if !digits.is_empty() && suffix != "Ei" => (number, Some(digits.parse::<i32>().ok()?)),
        _ => (number, None),
    };
    let scale: i128 = match (exponent, suffix) {
        (Some(_), _) | (None, "") => NANO,
        (None, "n") => 1,
        (None, "u") => 1_000,
        (None, "m") => 1_000_000,
        (None, "k") => NANO * 1_000,
        (None, "M") => NANO * 1_000_000,
        (None, "G") => NANO * 1_000_000_000,
        (None, "T") => NANO * 1_000_000_000_000,
        (None, "P") => NANO * 1_000_000_000_000_000,
        (None, "E") => NANO * 1_000_000_000_000_000_000,
        (None, "Ki") => NANO << 10,
        (None, "Mi") => NANO << 20,
        (None, "Gi") => NANO << 30,
        (None, "Ti") => NANO << 40,
        (None, "Pi") => NANO << 50,
        (None, "Ei") => NANO << 60,
        _ => return None,
    };
    let (negative, number) = match number.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok().map(i128::from) };
    let mut value = digits(whole)?.checked_mul(scale)?;
    let below = i32::try_from(fraction.len()).ok().filter(|&len| len <= 15)?;
    value =
        value.checked_add(digits(fraction)?.checked_mul(scale)?.checked_div(10_i128.checked_pow(below as u32)?)?)?;
    if let Some(exponent) = exponent {
        let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
        value = if exponent < 0 { value / power } else { value.checked_mul(power)? };
    }
    Some(if negative { -value } else { value })
}

/// A quantity may be rendered as a number: `cpu: 1`.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether both are quantities of the same value.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    let value = |v: &Value| text(v).and_then(|text| parse(text.trim()));
    match (value(a), value(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_value_written_otherwise() {
        for (a, b) in [
            (json!("0.5"), json!("500m")),
            (json!(1), json!("1000m")),
            (json!(0.1), json!("100m")),
            (json!("1Gi"), json!("1024Mi")),
            (json!("1G"), json!("1e9")),
            (json!("1.5Gi"), json!("1536Mi")),
            (json!("12E"), json!("12000P")),
            (json!("2e3"), json!("2k")),
            (json!("1500e-3"), json!("1.5")),
            (json!("100u"), json!("0.1m")),
        ] {
            assert!(equal(&a, &b), "{a} {b}");
        }
        for (a, b) in [
            (json!("1Gi"), json!("1G")),
            (json!("500m"), json!("501m")),
            (json!("x"), json!("x")),
            (json!(""), json!("")),
            (json!("1Zi"), json!("1Zi")),
            (json!(null), json!(null)),
        ] {
            assert!(!equal(&a, &b), "{a} {b}");
        }
    }
}
