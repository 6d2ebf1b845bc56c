//! What is a good answer for each type of question.

use super::*;
use crate::catalog::{Question, Text};
use crate::model::SecretRef;

fn question(kind: Kind) -> Question {
    Question {
        format: None,
        bytes: None,
        names: Vec::new(),
        key: None,
        secret_name: None,
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
        when: None,
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
    for written in ["0012345", "+5", "-0", "1.10", "1_000", "0x1F", "0o17", "1e3", "True", "false", "12:30", "yes"] {
        assert_eq!(read(Kind::String, written), text(written));
        assert_eq!(from_text(&question(Kind::String), written), text(written), "--set says the same");
    }
    assert_eq!(read(Kind::String, "'0012345'"), text("0012345"));
    assert_eq!(read(Kind::Quantity, "0512"), text("0512"));
    assert_eq!(read(Kind::Integer, "07"), Ok(Answer::Int(7)));
    assert!(read(Kind::String, "~").is_err(), "null is not a string");
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
        assert!(from_text(&question(Kind::Path), path).unwrap_err().contains("use the full path"), "{path}");
        let secret = format!("file:{path}");
        assert!(from_text(&question(Kind::Secret), &secret).unwrap_err().contains("use the full path"));
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
