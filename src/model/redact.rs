//! Secrets out of texts and objects that others wrote.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

/// What stands where a secret stood.
const GONE: &str = "(redacted)";

/// Shorter values are words that stand everywhere, and no secrets.
const SHORTEST: usize = 6;

/// A JSON Web Token: header, payload and signature, each base64.
static TOKEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}").ok());

/// What an assignment, a header, an address or a key file gives away, with what may stay in the first group.
static SHAPES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r#"(?i)((?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|credentials?)["'\\]*\s*[=:]\s*["'\\]*)[^\s"'\\,;}<]{3,}"#,
        r"(?i)(authorization:\s*(?:basic|bearer)\s+)\S+",
        r"(?i)(bearer\s+)[A-Za-z0-9._~+/-]{16,}=*",
        r"([a-z][a-z0-9+.-]*://[^\s:/@]+:)[^\s:/@]+@",
        r"(?i)(<name>[^<]*(?:password|secret|token|key)[^<]*</name>\s*<value>)[^<]+",
        r"(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?-----END [A-Z ]*PRIVATE KEY-----",
    ]
    .iter()
    .filter_map(|shape| Regex::new(shape).ok())
    .collect()
});

/// Replaces everything that looks like a JSON Web Token. Livy 0.9 logs its service account's at INFO.
#[must_use]
pub fn redact(text: &str) -> String {
    match &*TOKEN {
        Some(token) if text.contains("eyJ") => token.replace_all(text, "(token)").into_owned(),
        _ => text.to_owned(),
    }
}

/// Takes secrets out by what they look like, by where they stand, and by their values where those are known.
#[derive(Default)]
pub struct Redactor {
    /// Longest first, so that one which is part of another leaves nothing of it.
    values: Vec<String>,
}

impl Redactor {
    /// Knows these values.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut values: Vec<String> = values.into_iter().filter(|value| value.trim().len() >= SHORTEST).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self { values }
    }

    /// A text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut text = redact(text);
        for value in &self.values {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), GONE);
            }
        }
        for shape in &*SHAPES {
            let kept = |found: &Captures<'_>| {
                let at = if found.get(0).is_some_and(|all| all.as_str().ends_with('@')) { "@" } else { "" };
                format!("{}{GONE}{at}", found.get(1).map_or("", |kept| kept.as_str()))
            };
            text = shape.replace_all(&text, kept).into_owned();
        }
        text
    }

    /// An object without secrets: values of keys that name one, of environment variables that do, all data of a Secret,
    /// and what [`Redactor::text`] finds in any string.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                if map.get("kind").and_then(Value::as_str) == Some("Secret") {
                    for field in ["data", "stringData"] {
                        let held = map.get_mut(field).and_then(Value::as_object_mut);
                        held.into_iter().flat_map(|held| held.values_mut()).for_each(|data| *data = GONE.into());
                    }
                }
                let named = map.get("name").and_then(Value::as_str).is_some_and(names_a_secret);
                for (key, inner) in map.iter_mut() {
                    let text = inner.is_string() || inner.is_number();
                    if text && (names_a_secret(key) || (named && key == "value")) {
                        *inner = GONE.into();
                    } else {
                        self.value(inner);
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|inner| self.value(inner)),
            Value::String(text) => *text = self.text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Whether what has this name is a secret itself, and not merely the name of one (`secretName`, `tokenExpiration…`).
fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if ["pass", "pwd"].iter().any(|word| name == *word || name.ends_with(&format!("_{word}"))) {
        return true;
    }
    let name = name.replace(['_', '-', '.'], "");
    let about = ["name", "ref", "seconds", "path", "file", "audience", "mount", "policy"];
    ["password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "credentials", "auth"]
        .iter()
        .any(|word| name.ends_with(word))
        && !about.iter().any(|word| name.ends_with(word))
        && name != "imagepullsecret"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJlLXdpdGg_bGVuZ3Ro";

    #[test]
    fn tokens_go_and_words_stay() {
        assert_eq!(redact(&format!("Refresh a new token {JWT}, ok")), "Refresh a new token (token), ok");
        assert_eq!(redact(&format!("{JWT} {JWT}")), "(token) (token)");
        for plain in ["eyJ is how they begin", "nothing here", "eyJhbGciOiJSUzI1NiJ9 alone", ""] {
            assert_eq!(redact(plain), plain);
        }
    }

    #[test]
    fn known_values_go_wherever_they_stand() {
        let redactor = Redactor::new(["hunter22".to_owned(), "hunter22-and-more".to_owned(), "ab".to_owned()]);
        assert_eq!(redactor.text("x hunter22-and-more y hunter22 ab"), "x (redacted) y (redacted) ab");
    }

    #[test]
    fn shapes_of_secrets_go() {
        let redactor = Redactor::default();
        for (text, clean) in [
            ("db.password=s3cr3t ok", "db.password=(redacted) ok"),
            ("\"password\": \"s3cr3t\", \"a\": 1", "\"password\": \"(redacted)\", \"a\": 1"),
            ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic (redacted)"),
            ("jdbc:postgresql://me:pw123@db:5432/x", "jdbc:postgresql://me:(redacted)@db:5432/x"),
            ("<name>a.b.password</name> <value>pw</value>", "<name>a.b.password</name> <value>(redacted)</value>"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nrest",
                "-----BEGIN RSA PRIVATE KEY-----(redacted)\nrest",
            ),
            (r#"{\"api_key\": \"abc\"}"#, r#"{\"api_key\": \"(redacted)\"}"#),
            ("http://host:8080/path stays", "http://host:8080/path stays"),
            ("the password is asked for", "the password is asked for"),
        ] {
            assert_eq!(redactor.text(text), clean);
        }
    }

    #[test]
    fn objects_lose_secrets_and_keep_their_names() {
        let mut pod = json!({
            "kind": "Pod",
            "spec": {
                "imagePullSecrets": [{"name": "registry"}],
                "volumes": [{"secret": {"secretName": "keep"}}],
                "containers": [{"env": [
                    {"name": "DB_PASSWORD", "value": "pw"},
                    {"name": "MODE", "value": "fast"},
                    {"name": "DB_PASS", "value": "pw"},
                    {"name": "BYPASS", "value": "no"},
                    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keep", "key": "keep"}}},
                ]}],
            },
            "registry_password": "pw",
        });
        let mut secret = json!({"kind": "Secret", "metadata": {"name": "keep"}, "data": {"a": "c2VjcmV0"}});
        let redactor = Redactor::default();
        redactor.value(&mut pod);
        redactor.value(&mut secret);
        assert_eq!(pod["registry_password"], "(redacted)");
        let env = &pod["spec"]["containers"][0]["env"];
        assert_eq!((&env[0]["value"], &env[1]["value"]), (&json!("(redacted)"), &json!("fast")));
        assert_eq!((&env[2]["value"], &env[3]["value"]), (&json!("(redacted)"), &json!("no")));
        assert_eq!(env[4]["valueFrom"]["secretKeyRef"]["name"], "keep");
        assert_eq!(pod["spec"]["volumes"][0]["secret"]["secretName"], "keep");
        assert_eq!(pod["spec"]["imagePullSecrets"][0]["name"], "registry");
        assert_eq!(secret, json!({"kind": "Secret", "metadata": {"name": "keep"}, "data": {"a": "(redacted)"}}));
    }
}
