//! Kubernetes quantities by value: `0.5` is `500m`, `1Gi` is `1024Mi`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

const NANO: i128 = 1_000_000_000;

/// An amount of something: cores, bytes, objects. Counted in billionths, exact for everything that Kubernetes can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Quantity(i128);

impl Quantity {
    /// Reads `500m`, `1Gi`, `2e3`; `None` if it is not a quantity.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        nanos(text.trim()).map(Self)
    }

    /// Reads a quantity as it may be rendered: a text, or a number such as `cpu: 1`.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        text(value).and_then(|text| Self::parse(&text))
    }

    /// So many whole ones.
    #[must_use]
    pub fn whole(number: u64) -> Self {
        Self(i128::from(number) * NANO)
    }

    /// As a number, exact up to some fifteen digits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for comparisons of what people write")]
    pub fn number(self) -> f64 {
        self.0 as f64 / NANO as f64
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference; below zero where `other` is more.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many times as much.
    #[must_use]
    pub fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(i128::from(factor)))
    }

    /// In words, as people write amounts of this resource: `1.5Gi` of memory or storage, `500m` of cpu, `3` of the rest.
    #[must_use]
    pub fn of(self, resource: &str) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        let nano = NANO.unsigned_abs();
        if ["memory", "storage"].iter().any(|bytes| resource.contains(bytes)) {
            let units = [("Gi", nano << 30), ("Mi", nano << 20), ("Ki", nano << 10)];
            let (unit, size) = units.into_iter().find(|(_, size)| amount >= *size).unwrap_or(("", nano));
            let tenths = (amount * 10 + size / 2) / size;
            let fraction = if tenths.is_multiple_of(10) { String::new() } else { format!(".{}", tenths % 10) };
            return format!("{sign}{}{fraction}{unit}", tenths / 10);
        }
        if amount.is_multiple_of(nano) {
            return format!("{sign}{}", amount / nano);
        }
        format!("{sign}{}m", amount.div_ceil(nano / 1000))
    }
}

/// What a quantity is an amount of, where that is known: an amount that no machine has is a typing mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Bytes of memory.
    Memory,
    /// Bytes of a volume.
    Storage,
    /// Cores.
    Cpu,
}

impl Measure {
    /// What is wrong with an amount of it, with what was probably meant; `None` where it may be right.
    #[must_use]
    pub fn objection(self, text: &str) -> Option<String> {
        let amount = Quantity::parse(text)?;
        let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let bytes = |usual: &str, (most, limit): (Quantity, &str), what: &str| {
            let meant = format!("did you mean {number}{usual}?");
            if matches!(unit, "m" | "u" | "n") {
                return Some(format!("`{text}` of {what} is a fraction of a byte; {meant}"));
            }
            if amount < Quantity(NANO << 20) {
                let amount = if unit.is_empty() { format!("{number} bytes") } else { "less than 1Mi".to_owned() };
                return Some(format!("`{text}` is {amount} of {what}; {meant}"));
            }
            (amount > most).then(|| format!("`{text}` of {what} exceeds the limit of {limit}"))
        };
        match self {
            Self::Memory => bytes("Mi", (Quantity(NANO << 44), "16Ti"), "memory"),
            Self::Storage => bytes("Gi", (Quantity(NANO << 54), "16Pi"), "storage"),
            Self::Cpu if !matches!(unit, "" | "m") => {
                Some(format!("`{text}` is not a valid amount of cpu: expected cores, such as 500m or 2"))
            }
            Self::Cpu if amount > Quantity::whole(MOST_CORES) => {
                Some(format!("`{text}` is {} cores; did you mean {number}m?", amount.of("cpu")))
            }
            Self::Cpu if amount < Quantity(NANO / 1000) => {
                Some(format!("`{text}` is less than 1m, the minimum for cpu"))
            }
            Self::Cpu => None,
        }
    }
}

/// More cores than this in one container are a forgotten `m`.
const MOST_CORES: u64 = 128;

/// A quantity's value in billionths.
fn nanos(text: &str) -> Option<i128> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_as_people_write_them() {
        for (text, resource, shown) in [
            ("500m", "cpu", "500m"),
            ("0.5", "requests.cpu", "500m"),
            ("2", "cpu", "2"),
            ("1536Mi", "memory", "1.5Gi"),
            ("1Gi", "requests.memory", "1Gi"),
            ("896Mi", "memory", "896Mi"),
            ("50Gi", "requests.storage", "50Gi"),
            ("12", "pods", "12"),
            ("-1Gi", "memory", "-1Gi"),
            ("100", "memory", "100"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().of(resource), shown, "{text} of {resource}");
        }
    }

    #[test]
    fn amounts_are_added_and_compared_by_value() {
        let parse = |text| Quantity::parse(text).unwrap();
        assert_eq!(parse("512Mi").plus(parse("0.5Gi")), parse("1Gi"));
        assert!(parse("1G") < parse("1Gi"));
        assert_eq!(parse("250m").times(4), Quantity::whole(1));
        assert_eq!(parse("1").minus(parse("1500m")).of("cpu"), "-500m");
        assert_eq!(Quantity::from_json(&serde_json::json!(1)), Some(Quantity::whole(1)));
        assert_eq!(Quantity::parse("lots"), None);
    }
}
