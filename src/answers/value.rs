//! An answer's value, and what is a good one for each type of question.

use crate::catalog::{Kind, Question};
use crate::model::SecretRef;
use crate::model::yaml::{Node, Scalar, Yaml};

/// The value of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// No answer to an optional question.
    Empty,
    /// A text.
    Text(String),
    /// A number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// Where a secret is; never the secret.
    Secret(SecretRef),
}

impl Answer {
    /// As JSON, for templates and records. A secret becomes its reference.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Empty => serde_json::Value::String(String::new()),
            Self::Text(text) => serde_json::Value::String(text.clone()),
            Self::Int(number) => (*number).into(),
            Self::Bool(yes) => (*yes).into(),
            Self::Secret(reference) => serde_json::to_value(reference).unwrap_or_default(),
        }
    }

    /// The text of a text answer.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads an answer that came as text (a flag or an environment variable).
///
/// # Errors
/// What is wrong with it, in words that fit behind "`livy.memory`: ".
pub(super) fn from_text(question: &Question, text: &str) -> Result<Answer, String> {
    // What was pasted brings the end of its line along; nobody means that.
    let text = text.trim_matches(['\r', '\n']);
    if text.is_empty() {
        return empty(question);
    }
    let answer = match question.kind {
        Kind::Integer | Kind::Port => {
            Answer::Int(text.parse().map_err(|_| format!("expected a whole number, found `{text}`"))?)
        }
        Kind::Boolean => match text {
            "true" => Answer::Bool(true),
            "false" => Answer::Bool(false),
            _ => return Err(format!("expected true or false, found `{text}`")),
        },
        Kind::Secret if text == "generate" && question.generates() => Answer::Secret(SecretRef::Generate),
        Kind::Secret => Answer::Secret(match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => SecretRef::env(name),
            Some(("file", path)) if !path.is_empty() => SecretRef::File(whole(path)?.into()),
            Some(("secret", name)) if !name.is_empty() => SecretRef::Secret(name.to_owned()),
            // The text is not repeated: it may well be the secret itself.
            _ => return Err(format!("a secret is named, not given: use {}", ways(question))),
        }),
        _ => Answer::Text(text.to_owned()),
    };
    validate(question, &answer)?;
    Ok(answer)
}

/// Reads an answer from an answers file.
///
/// # Errors
/// What is wrong with it.
pub(super) fn from_node(question: &Question, node: &Node) -> Result<Answer, String> {
    let answer = match (&node.yaml, question.kind) {
        (Yaml::Scalar(Scalar::Null), _) => return empty(question),
        (Yaml::Scalar(Scalar::Text(text)), Kind::Secret) => return from_text(question, text),
        (Yaml::Map(entries), Kind::Secret) => match entries.as_slice() {
            [(key, _, value)] => match (key.as_str(), value.written().trim_matches(['\r', '\n'])) {
                (_, "") => return Err("a secret is one of {env: NAME}, {file: PATH}, {secret: NAME}".to_owned()),
                ("env", name) => Answer::Secret(SecretRef::env(name)),
                ("file", path) => Answer::Secret(SecretRef::File(whole(path)?.into())),
                ("secret", name) => Answer::Secret(SecretRef::Secret(name.to_owned())),
                _ => return Err("a secret is one of {env: NAME}, {file: PATH}, {secret: NAME}".to_owned()),
            },
            _ => return Err("a secret is one of {env: NAME}, {file: PATH}, {secret: NAME}".to_owned()),
        },
        (Yaml::Scalar(Scalar::Int(number)), Kind::Integer | Kind::Port) => Answer::Int(*number),
        (Yaml::Scalar(Scalar::Bool(yes)), Kind::Boolean) => Answer::Bool(*yes),
        (_, Kind::Integer | Kind::Port) => return Err(format!("expected a whole number, found {}", node.kind())),
        (_, Kind::Boolean) => return Err(format!("expected true or false, found {}", node.kind())),
        // A tag such as 0012345, a quantity such as 1024 or a word such as True: its text is what was meant.
        (Yaml::Scalar(_), _) => return from_text(question, node.written()),
        _ => return Err(format!("expected a text, found {}", node.kind())),
    };
    validate(question, &answer)?;
    Ok(answer)
}

/// How a secret can be named.
pub(super) fn ways(question: &Question) -> &'static str {
    if question.generates() {
        "generate, env:NAME, file:PATH or secret:NAME"
    } else {
        "env:NAME, file:PATH or secret:NAME"
    }
}

/// A path as it stands, if it needs no shell to be one.
fn whole(path: &str) -> Result<&str, String> {
    if path.starts_with(['~', '$']) {
        let sign = &path[..1];
        return Err(format!("`{path}`: `{sign}` is replaced by shells only, and nobody else; write the whole path"));
    }
    Ok(path)
}

fn empty(question: &Question) -> Result<Answer, String> {
    if question.optional { Ok(Answer::Empty) } else { Err("must not be empty".to_owned()) }
}

fn validate(question: &Question, answer: &Answer) -> Result<(), String> {
    match (question.kind, answer) {
        (Kind::Integer, Answer::Int(number)) => between(*number, question.min, question.max),
        (Kind::Port, Answer::Int(number)) => between(*number, Some(1), Some(65535)),
        (Kind::Quantity, Answer::Text(text)) if !is_quantity(text) => {
            Err(format!("`{text}` is not a quantity such as 512Mi, 2Gi or 500m"))
        }
        (Kind::Quantity, Answer::Text(text)) => {
            question.measures.and_then(|measure| measure.objection(text)).map_or(Ok(()), Err)
        }
        (Kind::Path, Answer::Text(text)) if whole(text).is_err() => whole(text).map(drop),
        (Kind::Hostname, Answer::Text(text)) if !is_hostname(text) => {
            Err(format!("`{text}` is not a DNS name: lower case letters, digits, `-` and `.`"))
        }
        (Kind::Labels, Answer::Text(text)) => text.split(',').try_for_each(label),
        (Kind::Peers, Answer::Text(text)) => text.split(',').try_for_each(|one| peer(one.trim()).map(|_| ())),
        (Kind::Digest, Answer::Text(text)) if !is_digest(text) => {
            Err(format!("`{text}` is not a digest: sha256: and 64 hexadecimal digits in lower case"))
        }
        (Kind::Choice, Answer::Text(text)) if !question.choices.contains(text) => {
            Err(format!("`{text}` is not one of {}", question.choices.join(", ")))
        }
        (_, Answer::Text(text)) if text.chars().any(char::is_control) => {
            Err("must not contain control characters".to_owned())
        }
        _ => Ok(()),
    }
}

fn between(number: i64, min: Option<i64>, max: Option<i64>) -> Result<(), String> {
    if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
        let bound = |limit: Option<i64>, word: &str| limit.map(|limit| format!("{word} {limit}"));
        let bounds: Vec<_> = bound(min, "at least").into_iter().chain(bound(max, "at most")).collect();
        return Err(format!("{number} is out of range: {}", bounds.join(", ")));
    }
    Ok(())
}

/// Kubernetes' quantity syntax, without the rarely written exponents.
fn is_quantity(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - digits.len()];
    number.parse::<f64>().is_ok_and(|value| value > 0.0)
        && matches!(digits, "" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei")
}

/// `key=value`, as nodes carry them.
fn label(pair: &str) -> Result<(), String> {
    let name = |text: &str| {
        let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let inner = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        text.len() <= 63 && inner && end(text.chars().next()) && end(text.chars().next_back())
    };
    let (key, value) = pair.trim().split_once('=').unwrap_or((pair, "="));
    let (prefix, key) = key.rsplit_once('/').map_or((None, key), |(prefix, key)| (Some(prefix), key));
    if name(key) && prefix.is_none_or(is_hostname) && (value.is_empty() || name(value)) {
        return Ok(());
    }
    Err(format!("`{pair}` is not a label such as disk=ssd; several are separated by commas"))
}

/// Who is let in by a network policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// All pods of a namespace.
    Namespace(String),
    /// Addresses, as `10.0.0.0/8`.
    Network(String),
}

/// Reads a namespace, a network or an address.
pub(super) fn peer(text: &str) -> Result<Peer, String> {
    let wrong = || format!("`{text}` is neither a namespace nor a network such as 10.0.0.0/8");
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    if let Ok(address) = address.parse::<std::net::IpAddr>() {
        let most: u8 = if address.is_ipv4() { 32 } else { 128 };
        return match length.map_or(Some(most), |length| length.parse().ok()) {
            Some(length) if length <= most => Ok(Peer::Network(format!("{address}/{length}"))),
            _ => Err(wrong()),
        };
    }
    let is_namespace = length.is_none() && !text.contains('.') && text.len() <= 63 && is_hostname(text);
    if is_namespace { Ok(Peer::Namespace(text.to_owned())) } else { Err(wrong()) }
}

/// `sha256:` and 64 hexadecimal digits.
fn is_digest(text: &str) -> bool {
    let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_hex))
}

/// A DNS-1123 name: labels of at most 63 characters, 253 in all.
fn is_hostname(text: &str) -> bool {
    let good = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    text.len() <= 253 && text.split('.').all(good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Text;

    fn question(kind: Kind) -> Question {
        Question {
            id: "q".into(),
            title: Text::One("Q".into()),
            kind,
            default: None,
            optional: false,
            help: None,
            group: None,
            suggest: None,
            measures: None,
            choices: vec!["a".into(), "b".into()],
            min: Some(1),
            max: Some(9),
        }
    }

    #[test]
    fn good_and_bad_answers_by_type() {
        let good = [
            (Kind::Integer, "9"),
            (Kind::Port, "65535"),
            (Kind::Quantity, "512Mi"),
            (Kind::Quantity, "1.5Gi"),
            (Kind::Quantity, "500m"),
            (Kind::Hostname, "livy.example.com"),
            (Kind::Choice, "b"),
            (Kind::Boolean, "false"),
            (Kind::Secret, "env:PASSWORD"),
            (Kind::Labels, "disk=ssd,node-role.kubernetes.io/worker=, zone=a"),
            (Kind::Peers, "airflow, 10.0.0.0/8,fd00::/8,192.168.1.7"),
            (Kind::Digest, "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ];
        for (kind, text) in good {
            assert!(from_text(&question(kind), text).is_ok(), "{kind:?} {text}");
        }
        let bad = [
            (Kind::Integer, "10"),
            (Kind::Integer, "x"),
            (Kind::Port, "0"),
            (Kind::Quantity, "512mb"),
            (Kind::Quantity, "0Gi"),
            (Kind::Quantity, "Gi"),
            (Kind::Hostname, "Livy.example.com"),
            (Kind::Hostname, "a..b"),
            (Kind::Hostname, "-a"),
            (Kind::Choice, "c"),
            (Kind::Boolean, "yes"),
            (Kind::String, ""),
            (Kind::String, "a\nb"),
            (Kind::Labels, "disk"),
            (Kind::Peers, "airflow,"),
            (Kind::Peers, "10.0.0.0/33"),
            (Kind::Peers, "10.0.0.0/-1"),
            (Kind::Peers, "10.0.0.0/"),
            (Kind::Peers, "10.0.0"),
            (Kind::Peers, "Airflow"),
            (Kind::Peers, "*"),
            (Kind::Peers, "a.b"),
            (Kind::Digest, "sha256:0123456789abcdef"),
            (Kind::Digest, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
            (Kind::Digest, "sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"),
            (Kind::Labels, "disk=ssd,"),
            (Kind::Labels, "Bad_prefix/a=b"),
        ];
        for (kind, text) in bad {
            assert!(from_text(&question(kind), text).is_err(), "{kind:?} {text}");
        }
    }

    #[test]
    fn texts_of_a_file_stay_as_they_were_written() {
        let read = |kind, text: &str| {
            let file = crate::model::yaml::parse("a.yaml", &format!("q: {text}\n")).unwrap();
            from_node(&question(kind), file.get("q").unwrap())
        };
        let text = |text: &str| Ok(Answer::Text(text.to_owned()));
        for written in ["0012345", "+5", "-0", "1.10", "1_000", "0x1F", "0o17", "1e3", "True", "false", "12:30", "yes"]
        {
            assert_eq!(read(Kind::String, written), text(written));
            assert_eq!(from_text(&question(Kind::String), written), text(written), "--set says the same");
        }
        assert_eq!(read(Kind::String, "'0012345'"), text("0012345"));
        assert_eq!(read(Kind::Quantity, "0512"), text("0512"));
        assert_eq!(read(Kind::Integer, "07"), Ok(Answer::Int(7)));
        assert!(read(Kind::String, "~").is_err(), "nothing is no text");
        assert_eq!(read(Kind::Secret, "{env: 007}"), Ok(Answer::Secret(SecretRef::Env("007".into()))));
    }

    #[test]
    fn a_pasted_line_break_is_trimmed_and_a_shells_path_refused() {
        assert_eq!(from_text(&question(Kind::String), "a b\r\n"), Ok(Answer::Text("a b".into())));
        assert_eq!(from_text(&question(Kind::Integer), "7\n"), Ok(Answer::Int(7)));
        assert_eq!(from_text(&question(Kind::Hostname), "\na.b\n"), Ok(Answer::Text("a.b".into())));
        assert!(from_text(&question(Kind::String), "a\nb\n").is_err(), "one within stays wrong");
        assert!(from_text(&question(Kind::String), "\n").unwrap_err().contains("empty"));
        for path in ["~/jars", "~", "$HOME/jars"] {
            assert!(from_text(&question(Kind::Path), path).unwrap_err().contains("write the whole path"), "{path}");
            let secret = format!("file:{path}");
            assert!(from_text(&question(Kind::Secret), &secret).unwrap_err().contains("write the whole path"));
        }
        assert!(from_text(&question(Kind::Path), "./~jars").is_ok());
    }

    #[test]
    fn quantities_know_what_they_are_for() {
        use crate::model::Measure;
        let ask = |measure, text| from_text(&Question { measures: Some(measure), ..question(Kind::Quantity) }, text);
        for (measure, text, hint) in [
            (Measure::Memory, "512m", "512Mi"),
            (Measure::Memory, "512", "512Mi"),
            (Measure::Memory, "2k", "2Mi"),
            (Measure::Memory, "64Ti", "16Ti"),
            (Measure::Storage, "50", "50Gi"),
            (Measure::Storage, "50m", "50Gi"),
            (Measure::Cpu, "250", "250m"),
            (Measure::Cpu, "512Mi", "cores"),
            (Measure::Cpu, "1k", "cores"),
            (Measure::Cpu, "0.0001", "1m"),
        ] {
            let error = ask(measure, text).unwrap_err();
            assert!(error.contains(hint), "{measure:?} {text}: {error}");
        }
        for (measure, text) in [
            (Measure::Memory, "512Mi"),
            (Measure::Memory, "1.5Gi"),
            (Measure::Memory, "2147483648"),
            (Measure::Memory, "4G"),
            (Measure::Storage, "1Gi"),
            (Measure::Storage, "100Ti"),
            (Measure::Cpu, "500m"),
            (Measure::Cpu, "0.5"),
            (Measure::Cpu, "64"),
        ] {
            assert!(ask(measure, text).is_ok(), "{measure:?} {text}");
        }
    }

    #[test]
    fn only_what_can_be_generated_is() {
        let mut secret = question(Kind::Secret);
        assert!(from_text(&secret, "generate").unwrap_err().ends_with("use env:NAME, file:PATH or secret:NAME"));
        secret.default = Some("generate".into());
        assert_eq!(from_text(&secret, "generate"), Ok(Answer::Secret(SecretRef::Generate)));
        assert!(from_text(&secret, "generated").unwrap_err().contains("use generate, env:NAME"));
    }

    #[test]
    fn a_secret_given_by_value_is_refused_without_repeating_it() {
        let error = from_text(&question(Kind::Secret), "hunter2").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
