//! Secrets that are made of others: filled in where they are written or compared, and nowhere else.

use std::collections::BTreeMap;

use minijinja::Value;

use super::template::{TemplateError, Templates};
use crate::model::{Secret, remember};

/// What of a derived Secret is known before anything is read. Its templates see what all templates of its component see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The definition, for messages.
    pub(super) place: String,
    /// Each key's template.
    pub(super) keys: BTreeMap<String, String>,
    /// The component's secrets that it may be made of: question to name and key of the Secret, in the same namespace; none
    /// where the question has no answer.
    pub of: BTreeMap<String, Option<(String, String)>>,
    pub(super) context: Value,
}

/// Why a derived Secret could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DerivedSecretError {
    /// A Secret that it is made of is not there, or lacks its key.
    #[error("Secret {namespace}/{name} with the key `{key}` not found; {place} is created from it")]
    Absent {
        /// The definition.
        place: String,
        /// Where.
        namespace: String,
        /// Which.
        name: String,
        /// The key.
        key: String,
    },
    /// A template failed; the message shows nothing of what it saw.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

impl Derived {
    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.keys.keys()
    }

    /// The Secrets that must be there first, by name.
    #[must_use]
    pub fn sources(&self) -> Vec<String> {
        self.of.values().flatten().map(|(name, _)| name.clone()).collect()
    }

    /// Its content. `found` holds the Secrets of the namespace by name; `key` is the state's.
    ///
    /// # Errors
    /// One of them is not there, or a template fails.
    pub fn fill(
        &self,
        namespace: &str,
        found: &BTreeMap<String, BTreeMap<String, Secret>>,
        key: &str,
    ) -> Result<BTreeMap<String, Secret>, DerivedSecretError> {
        self.filled(namespace, found, key, remember)
    }

    /// The same; `learn` hears of all that is secret.
    fn filled(
        &self,
        namespace: &str,
        found: &BTreeMap<String, BTreeMap<String, Secret>>,
        key: &str,
        learn: fn(&str),
    ) -> Result<BTreeMap<String, Secret>, DerivedSecretError> {
        let mut secrets = BTreeMap::new();
        for (question, place) in &self.of {
            let content = match place {
                None => String::new(),
                Some((name, key)) => {
                    let content = found.get(name).and_then(|data| data.get(key));
                    let absent = || DerivedSecretError::Absent {
                        place: self.place.clone(),
                        namespace: namespace.to_owned(),
                        name: name.clone(),
                        key: key.clone(),
                    };
                    content.ok_or_else(absent)?.expose().to_owned()
                }
            };
            learn(&content);
            secrets.insert(question.clone(), content);
        }
        self.render(secrets, key, learn)
    }

    /// Renders with placeholders for secrets: mistakes in the templates are reported before anything is made.
    ///
    /// # Errors
    /// A template fails.
    pub(super) fn check(&self) -> Result<(), TemplateError> {
        let stand_ins = self.of.keys().map(|question| (question.clone(), "stand-in".to_owned()));
        let context = self.with(stand_ins.collect());
        let templates = Templates::of_secrets(None, |_| {});
        self.keys.iter().try_for_each(|(key, text)| templates.render(&self.key_place(key), text, &context).map(drop))
    }

    fn render(
        &self,
        secrets: BTreeMap<String, String>,
        key: &str,
        learn: fn(&str),
    ) -> Result<BTreeMap<String, Secret>, DerivedSecretError> {
        let (templates, context) = (Templates::of_secrets(Some(key), learn), self.with(secrets));
        let mut made = BTreeMap::new();
        for (key, text) in &self.keys {
            let content = templates.render(&self.key_place(key), text, &context)?;
            if text.contains("secret") {
                learn(&content);
            }
            made.insert(key.clone(), Secret::new(content));
        }
        Ok(made)
    }

    fn with(&self, secrets: BTreeMap<String, String>) -> Value {
        minijinja::context! { secret => secrets, ..self.context.clone() }
    }

    fn key_place(&self, key: &str) -> String {
        format!("{}, key {key}", self.place)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use proptest::prelude::*;

    use super::*;
    use crate::model::redact;

    /// What people have as passwords, and what breaks where one is put into another text.
    const AWKWARD: &[&str] = &[
        "plain",
        "p@ss/w%rd:1$2'3 4",
        "@",
        "/",
        "%",
        ":",
        "$HOME",
        "'",
        "\"",
        " leading and trailing ",
        "a%2Fb",
        "a+b&c=d#e?f",
        "\\",
        "{{ x }}",
        "{% raw %}",
        "$(id)",
        "`id`",
        "пароль",
        "🔑",
        "back\\slash'quote\"",
        "tab\there",
        "#",
        "key: value",
        "- item",
        "null",
        "*",
        "!",
        "~",
        "<>|;&",
        "two\nlines",
    ];

    fn derived(text: &str) -> Derived {
        let answers = Value::from_pairs([("user", "u"), ("neighbour", "neighbour")]);
        let context = Value::from_pairs([("answers".to_owned(), answers)]);
        Derived {
            place: "db/component.yaml, secret login".to_owned(),
            keys: [("made".to_owned(), text.to_owned())].into(),
            of: [("password".to_owned(), Some(("db-password".to_owned(), "password".to_owned())))].into(),
            context,
        }
    }

    /// What is made here is not to be taken out of what other tests say.
    fn fill(text: &str, password: &str) -> Result<String, DerivedSecretError> {
        fill_and(text, password, |_| {})
    }

    fn fill_and(text: &str, password: &str, learn: fn(&str)) -> Result<String, DerivedSecretError> {
        let data = [("password".to_owned(), Secret::new(password.to_owned()))].into();
        let made = derived(text).filled("ns", &[("db-password".to_owned(), data)].into(), "salt", learn)?;
        Ok(made["made"].expose().to_owned())
    }

    /// Back from what a filter made, by somebody else's rules.
    fn undone(text: &str) -> [String; 4] {
        let url = fill("http://u:{{ secret.password | urlencode }}@h:1/db", text).unwrap();
        let url = url::Url::parse(&url).unwrap();
        assert_eq!((url.host_str(), url.port(), url.path(), url.query()), (Some("h"), Some(1), "/db", None), "{url}");
        let code = fill("{{ ('u:' ~ secret.password) | b64encode }}", text).unwrap();
        let code = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(code).unwrap()).unwrap();
        let json = fill("{\"p\": {{ secret.password | tojson }}}", text).unwrap();
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        // JSON is YAML, too.
        if !text.chars().any(char::is_control) {
            assert_eq!(crate::model::yaml::from_str::<serde_json::Value>(&json).unwrap(), read);
        }
        [
            decoded(url.password().unwrap()),
            code.strip_prefix("u:").unwrap().to_owned(),
            read["p"].as_str().unwrap().to_owned(),
            fill("{{ secret.password }}", text).unwrap(),
        ]
    }

    fn decoded(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            match (first, after) {
                (b'%', [a, b, after @ ..]) => {
                    let pair = [*a, *b];
                    bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap());
                    rest = after;
                }
                _ => {
                    bytes.push(*first);
                    rest = after;
                }
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn awkward_secrets_come_through_each_filter() {
        for text in AWKWARD {
            assert_eq!(undone(text), [*text; 4], "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_secret_comes_through_each_filter(text in "[^\u{0}\u{fffe}\u{ffff}]{1,40}") {
            prop_assert_eq!(undone(&text), [&*text; 4]);
        }
    }

    #[test]
    fn a_shell_reads_what_was_quoted() {
        for text in AWKWARD {
            let script = format!("printf %s {}", fill("{{ secret.password | quote }}", text).unwrap());
            let said = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&said.stdout), *text);
        }
    }

    #[test]
    fn a_login_file_opens_for_its_password_and_stays_as_it_is() {
        for text in AWKWARD.iter().take(3) {
            let line = fill("{{ secret.password | htpasswd(answers.user) }}", text).unwrap();
            let (user, hash) = line.split_once(':').unwrap();
            assert!(user == "u" && hash.starts_with("$2y$10$"), "{line}");
            assert!(bcrypt::verify(text, hash).unwrap());
            assert_eq!(fill("{{ secret.password | htpasswd(answers.user) }}", text).unwrap(), line, "no new salt");
        }
        for bad in ["", &"x".repeat(73)] {
            let error = fill("{{ secret.password | htpasswd('u') }}", bad).unwrap_err().to_string();
            assert!(error.ends_with("a password must have 1 to 72 bytes, the limit of bcrypt"), "{error}");
        }
        assert!(fill("{{ secret.password | htpasswd('a:b') }}", "x").is_err());
    }

    #[test]
    fn errors_do_not_show_the_secret() {
        for text in [
            "{{ secret.password | int }}",
            "{{ secret.password + 1 }}",
            "{{ secret.password | quantity }}",
            "{{ secret.password | peers }}",
            "{{ answers[secret.password].x }}",
            "{{ secret.password.x.y }}",
        ] {
            let error = fill(text, "correct horse/battery").unwrap_err();
            let message = format!("{error} {error:?}");
            assert!(!message.contains("horse") && message.contains("secret login"), "{message}");
        }
        let error = derived("{{ secret.password | nothing }}").check().unwrap_err().to_string();
        assert!(error.contains("filter nothing is unknown"), "reported before anything is made: {error}");
        let absent = derived("{{ secret.password }}").fill("ns", &BTreeMap::new(), "salt").unwrap_err().to_string();
        assert!(absent.starts_with("Secret ns/db-password with the key `password` not found"), "{absent}");
    }

    #[test]
    fn every_part_is_known_as_a_secret() {
        let password = "Tr0ub4dor@/%: $'3";
        let texts = [
            "x {{ secret.password }} y",
            "u:{{ secret.password | urlencode }}@h",
            "{{ ('user:' ~ secret.password) | b64encode }}",
            "{{ secret.password | htpasswd('u') }}",
            "{{ secret.password | tojson }}",
            "{{ secret.password | quote }}",
        ];
        for text in texts {
            let made = fill_and(text, password, remember).unwrap();
            let shown = redact(&format!("before {made} after"));
            assert!(!shown.contains(&made) && !shown.contains("Tr0ub4dor"), "{shown}");
        }
        // A name beside it is no secret, whatever filter it went through.
        let _ = fill_and("{{ answers.neighbour | urlencode }}:{{ secret.password | urlencode }}@h", password, remember);
        assert_eq!(redact("a neighbour"), "a neighbour");
        // What stands for a secret when templates are checked is a word like any other.
        derived("{{ secret.password | b64encode }}").check().unwrap();
        assert_eq!(redact("a stand-in"), "a stand-in");
    }
}
