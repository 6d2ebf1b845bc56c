//! Whether two quantities are the same, however they are written.

use serde_json::Value;

use crate::model::Quantity;

/// Whether both are quantities of the same value.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (Quantity::from_json(a), Quantity::from_json(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_in_different_forms() {
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
