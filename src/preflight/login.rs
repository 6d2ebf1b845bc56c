//! When the login ends that nodes pull with.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::table::PULL_LOGIN_ENDS;
use crate::driver::registry::Login;
use crate::model::preflight::Finding;

/// A login that lasts longer is renewed in the course of other work.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The user of logins that ECR gives out, which last half a day.
const ECR: &str = "AWS";

/// A hint where the login for a registry is one that ends soon. Nothing of the login itself is in it.
#[must_use]
pub fn short_login(host: &str, login: &Login, now: Timestamp) -> Option<Finding> {
    let password = login.password.expose();
    let what = match end(password) {
        Some(end) if end <= now => format!("the login that nodes pull with ended at {end}"),
        Some(end) if end < now.checked_add(SOON).ok()? => {
            format!("the login that nodes pull with ends at {end}: pulls fail after that")
        }
        Some(_) => return None,
        None if login.user == ECR => {
            "the login that nodes pull with is one of ECR, which ends 12 hours after it was issued: pulls fail after that"
                .to_owned()
        }
        None => return None,
    };
    let fix = "use a login that lasts; or get a new one in time, from a timer, and write it to the cluster with `windlass secrets refresh`";
    Some(PULL_LOGIN_ENDS.found(format!("registry {host}"), what, fix))
}

/// When a token says that it ends: `exp` of a JSON Web Token, or `expiration` of one of ECR.
fn end(token: &str) -> Option<Timestamp> {
    let parts: Vec<&str> = token.split('.').collect();
    let (bytes, key) = match parts.as_slice() {
        [_, claims, _] => (URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?, "exp"),
        [whole] => (STANDARD.decode(whole).ok()?, "expiration"),
        _ => return None,
    };
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    let seconds = claims.get(key)?;
    #[expect(clippy::cast_possible_truncation, reason = "times are far from the limits, and a timestamp is bounded")]
    let seconds = seconds.as_i64().or_else(|| Some(seconds.as_f64()? as i64))?;
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Secret;

    const NOW: i64 = 1_800_000_000;

    fn jwt(claims: &Value) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2lnbmF0dXJl", part(r#"{"alg":"RS256"}"#), part(&claims.to_string()))
    }

    fn found(user: &str, password: &str) -> Option<Finding> {
        let login = Login { user: user.to_owned(), password: Secret::new(password.to_owned()) };
        short_login("r.site", &login, Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn a_login_that_ends_soon_is_a_hint_with_its_end_and_without_the_token() {
        let token = jwt(&json!({"exp": NOW + 3600}));
        let hint = found("robot", &token).unwrap();
        assert_eq!(hint.what, "the login that nodes pull with ends at 2027-01-15T09:00:00Z: pulls fail after that");
        assert!(hint.fix.contains("windlass secrets refresh"));
        assert!(!format!("{hint:?}").contains(&token[..20]));
        // An identity token has no user; a time may be a fraction.
        assert!(
            found("", &jwt(&json!({"exp": 1_799_999_999.5}))).unwrap().what.contains("ended at 2027-01-15T07:59:59Z")
        );
        let ecr = STANDARD.encode(json!({"payload": "x", "expiration": NOW + 43_200}).to_string());
        assert!(found("AWS", &ecr).unwrap().what.contains("ends at 2027-01-15T20:00:00Z"));
        assert!(found("AWS", "no token that can be read").unwrap().what.contains("12 hours"));
    }

    #[test]
    fn a_login_that_lasts_or_says_nothing_is_none() {
        let later = NOW + 31 * 24 * 3600;
        for password in
            [&jwt(&json!({"exp": later})), &jwt(&json!({"sub": "x"})), "a.b.c", "hunter2", "", "a.b", "e30="]
        {
            assert_eq!(found("robot", password), None, "{password}");
        }
        assert_eq!(found("robot", &jwt(&json!({"exp": i64::MAX}))), None, "no such time");
    }
}
