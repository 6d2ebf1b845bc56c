//! The corpora of tests/secrets, and every spelling of known values.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::mark::REDACTED;
use super::*;

const PLANTED: &str = include_str!("../../../tests/secrets/planted.txt");
const HARMLESS: &str = include_str!("../../../tests/secrets/harmless.txt");

/// The texts of the corpus, each with what must not come out of it.
fn planted() -> Vec<(String, Vec<String>)> {
    let cases = PLANTED.split("\n--\n").map(|case| {
        let lines = case.lines().filter(|line| !line.starts_with("# ") || line.contains('⟦'));
        let case = lines.collect::<Vec<_>>().join("\n");
        let secrets = case.split('⟦').skip(1).filter_map(|rest| rest.split('⟧').next()).map(str::to_owned).collect();
        (case.replace(['⟦', '⟧'], ""), secrets)
    });
    cases.collect()
}

/// What of a secret is still to be seen: the whole, or a word of it that is long enough to reveal it.
fn seen(clean: &str, secret: &str) -> bool {
    clean.contains(secret.trim())
        || secret.split_whitespace().any(|word| word.contains("planted") && clean.contains(word))
}

#[test]
fn nothing_that_is_planted_comes_out() {
    let redactor = Redactor::default();
    let mut problems = String::new();
    let mut count = 0;
    for (text, secrets) in planted() {
        assert!(!secrets.is_empty(), "{text}");
        let around = [text.clone(), format!("before\n{text}\nafter"), json!({"message": text}).to_string()];
        for (how, text) in around.iter().enumerate() {
            let clean = redactor.text(text);
            count += secrets.len();
            for secret in secrets.iter().filter(|secret| seen(&clean, secret)) {
                let _ = writeln!(problems, "{how}: {secret} is in {clean}");
            }
        }
        let mut value = json!({"message": text});
        redactor.value(&mut value);
        for secret in secrets.iter().filter(|secret| seen(&value.to_string(), secret)) {
            let _ = writeln!(problems, "value: {secret} is in {value}");
        }
    }
    assert!(count > 400 && problems.is_empty(), "{count}\n{problems}");
}

#[test]
fn what_helpers_need_stays() {
    // Known values do not make a difference to what is none.
    for redactor in
        [Redactor::default(), Redactor::new(["hunter22".to_owned(), "s3cr3t/+with=all & 'signs'".to_owned()])]
    {
        let problems: String = HARMLESS
            .lines()
            .skip(1)
            .filter(|line| redactor.text(line) != *line)
            .map(|line| format!("{line}\n  became {}\n", redactor.text(line)))
            .collect();
        assert!(problems.is_empty(), "{problems}");
        assert_eq!(redactor.text(HARMLESS), HARMLESS, "all of it at once");
    }
}

fn percent(text: &str, all: bool) -> String {
    text.bytes()
        .map(|byte| match byte.is_ascii_alphanumeric() && !all {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

/// Every spelling of a value that some program writes.
fn spellings(value: &str) -> Vec<(String, String)> {
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let hex = |between: &str| value.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(between);
    let shell = format!("'{}'", value.replace('\'', "'\\''"));
    let escaped: String =
        value.chars().map(|c| if c.is_alphanumeric() { c.to_string() } else { format!("\\{c}") }).collect();
    let xml = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;");
    let mut all = vec![
        ("plain".to_owned(), value.to_owned()),
        ("json".to_owned(), json(value)),
        ("json in json".to_owned(), json(&json(value))),
        ("json in json in json".to_owned(), json(&json(&json(value)))),
        ("unicode".to_owned(), value.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect()),
        ("url".to_owned(), percent(value, false)),
        ("url, all".to_owned(), percent(value, true)),
        ("url, lower".to_owned(), percent(value, true).to_lowercase()),
        ("url twice".to_owned(), percent(&percent(value, false), false)),
        ("form".to_owned(), percent(value, false).replace("%20", "+")),
        ("shell".to_owned(), shell.clone()),
        ("shell in json".to_owned(), json(&shell)),
        ("backslashes".to_owned(), escaped),
        ("xml".to_owned(), xml),
        ("hex".to_owned(), hex("")),
        ("HEX".to_owned(), hex("").to_uppercase()),
        ("hex with colons".to_owned(), hex(":")),
        ("hex with blanks".to_owned(), hex(" ")),
        ("bytes".to_owned(), value.bytes().map(|byte| format!("\\x{byte:02x}")).collect()),
        ("octal".to_owned(), value.bytes().map(|byte| format!("\\{byte:03o}")).collect()),
        ("base64 twice".to_owned(), STANDARD.encode(STANDARD.encode(value))),
    ];
    for before in ["", "a", "ab", "user:", "Some words before it: "] {
        for after in ["", "!", "and more"] {
            let text = format!("{before}{value}{after}");
            all.push((format!("base64 behind {}", before.len()), STANDARD.encode(&text)));
            all.push((format!("base64url behind {}", before.len()), URL_SAFE_NO_PAD.encode(&text)));
        }
    }
    all
}

#[test]
fn known_values_go_in_every_spelling() {
    let values = [
        "hunter22",
        "correct horse battery",
        "it's \"quoted\" \\ and more",
        "p@ss/w0rd+x=y&z<1>?",
        "пароль-секрет",
        "aVeryLongPasswordThatGoesOnAndOnAndOnForMoreThanOneLineOfBase64WhichIsSeventySixColumns0123456789abcdefgh",
    ];
    let redactor = Redactor::new(values.map(str::to_owned));
    let mut problems = String::new();
    for value in values {
        for (how, spelt) in spellings(value) {
            let bare = spelt.trim_matches(['"', '\'', '\\', '=']);
            for text in
                [spelt.clone(), format!("value {spelt} end"), format!("x={spelt}&y"), format!("\"a\": [{spelt}]")]
            {
                let clean = redactor.text(&text);
                if clean.contains(bare) || clean.contains(value) {
                    let _ = writeln!(problems, "{value} {how}: {text} gave {clean}");
                }
            }
        }
        // Broken over lines, as `base64` and terminals do.
        let folded: String = STANDARD
            .encode(format!("a word before it {value} and words behind"))
            .as_bytes()
            .chunks(20)
            .map(|line| format!("  {}\n", String::from_utf8_lossy(line)))
            .collect();
        let clean = redactor.text(&folded);
        if folded.lines().filter(|line| clean.contains(line.trim())).count()
            > 2 + folded.lines().count() - value.len() / 15
        {
            let _ = writeln!(problems, "{value} folded: {clean}");
        }
    }
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(redactor.text("value hunter22 end"), "value (redacted) end");
}

#[test]
fn parts_of_known_files_go() {
    let file = "# settings\ndb.user=somebody\ndb.password=plainwords\nurl = jdbc:x://y/z9z9\nA line with words\n";
    let login =
        json!({"auths": {"r:5000": {"username": "u", "password": "planted", "auth": STANDARD.encode("u:pa55wd")}}});
    let binary: Vec<u8> = (0_u8..200).map(|byte| byte.wrapping_mul(37)).collect();
    let values: Vec<Vec<u8>> = vec![file.into(), login.to_string().into(), binary.clone()];
    let redactor = Redactor::of_bytes(values.iter().map(Vec::as_slice));
    for part in [
        "db.password=plainwords",
        "plainwords",
        "A line with words",
        "planted",
        "dTpwYTU1d2Q",
        "pa55wd",
        "jdbc:x://y/z9z9",
    ] {
        let clean = redactor.text(&format!("it said {part} to us"));
        assert!(!clean.contains(part), "{part}: {clean}");
    }
    let encoded = STANDARD.encode(&binary[20..170]);
    assert_eq!(redactor.text(&encoded), REDACTED, "a part of what is no text");
    assert_eq!(redactor.text("r:5000 and # settings stay"), "r:5000 and # settings stay");
}

#[test]
fn objects_lose_secrets_and_keep_their_names() {
    let mut pod = json!({
        "kind": "Pod",
        "metadata": {"annotations": {"last": "{\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":\"pw\"}]}", "checksum/secret": "0a1b"}},
        "spec": {
            "imagePullSecrets": [{"name": "registry"}],
            "volumes": [{"secret": {"secretName": "keep", "items": [{"key": "a", "path": "b"}]}}],
            "containers": [{"args": ["--password", "pw", "--mode", "fast"], "env": [
                {"name": "DB_PASSWORD", "value": "pw"},
                {"name": "MODE", "value": "fast"},
                {"name": "DB_PASS", "value": "pw"},
                {"name": "BYPASS", "value": "no"},
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keep", "key": "keep"}}},
            ]}],
        },
        "registry_password": "pw", "pins": {"pin": 1234}, "credentials": {"user": "pw", "list": ["pw"]},
    });
    let mut secret = json!({"kind": "Secret", "metadata": {"name": "keep"}, "data": {"a": "c2VjcmV0"}});
    let redactor = Redactor::default();
    redactor.value(&mut pod);
    redactor.value(&mut secret);
    assert!(!pod.to_string().contains("\"pw") && !pod.to_string().contains("1234"), "{pod}");
    assert_eq!(
        pod["metadata"]["annotations"]["last"],
        "{\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":\"(redacted)\"}]}"
    );
    assert_eq!(pod["metadata"]["annotations"]["checksum/secret"], "0a1b");
    let env = &pod["spec"]["containers"][0]["env"];
    assert_eq!((&env[0]["value"], &env[1]["value"]), (&json!("(redacted)"), &json!("fast")));
    assert_eq!((&env[2]["value"], &env[3]["value"]), (&json!("(redacted)"), &json!("no")));
    assert_eq!(env[4]["valueFrom"]["secretKeyRef"], json!({"name": "keep", "key": "keep"}));
    assert_eq!(
        pod["spec"]["volumes"][0]["secret"],
        json!({"secretName": "keep", "items": [{"key": "a", "path": "b"}]})
    );
    assert_eq!(pod["spec"]["imagePullSecrets"][0]["name"], "registry");
    assert_eq!(pod["spec"]["containers"][0]["args"], json!(["--password", "(redacted)", "--mode", "fast"]));
    assert_eq!(secret, json!({"kind": "Secret", "metadata": {"name": "keep"}, "data": {"a": "(redacted)"}}));
}

#[test]
fn what_may_be_anything_is_omitted_on_demand() {
    let redactor = Redactor::default().omit_values(b"salt".to_vec());
    let mut all = json!([
        {"kind": "ConfigMap", "metadata": {"name": "keep"}, "data": {"a.conf": "x".repeat(100), "b": "planted", "same": "planted"}},
        {"kind": "Pod", "spec": {"containers": [{"image": "r/i:1", "command": ["sh", "-c", "planted"], "args": ["planted"],
            "env": [{"name": "MODE", "value": "planted"}],
            "livenessProbe": {"exec": {"command": ["planted"]}}}]}},
    ]);
    redactor.value(&mut all);
    let text = all.to_string();
    assert!(!text.contains("planted") && text.contains("r/i:1") && text.contains("MODE"), "{text}");
    let data = &all[0]["data"];
    assert!(data["a.conf"].as_str().unwrap().starts_with("(omitted: 100 bytes, #"), "{data}");
    assert_eq!(data["b"], data["same"]);
    let mut other = json!({"kind": "ConfigMap", "data": {"b": "planted"}});
    Redactor::default().omit_values(b"other".to_vec()).value(&mut other);
    assert_ne!(other["data"]["b"], data["b"], "nobody can look a value up by its digest");
}

#[test]
fn what_is_redacted_stays_so_and_nothing_breaks() {
    let redactor = Redactor::default();
    for (text, _) in planted() {
        let once = redactor.text(&text);
        assert_eq!(redactor.text(&once), once);
    }
}

#[test]
fn of_an_address_the_login_is_taken_out_and_the_host_stays() {
    let address = "postgresql+psycopg2://airflow:Sup3r%2Fsecret@my-airflow-postgresql.apache-airflow.svc.cluster.local:5432/airflow?sslmode=disable";
    let redactor = Redactor::new([address.to_owned()]);
    let line = "logged in at my-airflow-postgresql.apache-airflow.svc.cluster.local:5432, database airflow";
    assert_eq!(redactor.text(line), line);
    for text in [address, "password Sup3r%2Fsecret", "password Sup3r/secret", "it is U3VwM3Ivc2VjcmV0"] {
        let clean = redactor.text(text);
        assert!(!["Sup3r", "U3VwM3"].iter().any(|part| clean.contains(part)), "{clean}");
    }
    // One whose path is a token is a secret as a whole.
    let hook = "https://user:passw0rd@hooks.example.com/services/T0A1B2C3D4E5F6G7";
    assert!(!Redactor::new([hook.to_owned()]).text("POST /services/T0A1B2C3D4E5F6G7").contains("T0A1B2C3"), "a token");
}
