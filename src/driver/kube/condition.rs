//! What the status of an object says, whatever its kind is.

use serde_json::Value;

use crate::model::redact;

/// The most characters of a value that are shown.
const SHOWN: usize = 200;

/// A condition of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// `True`, `False` or `Unknown`.
    pub(super) status: String,
    /// Reason and message, as far as there are any.
    pub(super) why: String,
    /// It is about an older generation of the object.
    pub(super) stale: bool,
}

/// A condition by its name.
pub(super) fn condition(object: &Value, name: &str) -> Option<Condition> {
    let all = object.pointer("/status/conditions")?.as_array()?;
    let found = all.iter().find(|condition| condition["type"] == name)?;
    let texts = ["reason", "message"].into_iter().filter_map(|key| found[key].as_str());
    let texts: Vec<String> = texts.map(one_line).filter(|text| !text.is_empty()).collect();
    let observed = found["observedGeneration"].as_i64();
    let stale = observed.is_some_and(|observed| observed < generation(object));
    Some(Condition { status: found["status"].as_str()?.to_owned(), why: shortened(&texts.join(": ")), stale })
}

/// Whether its controller has not observed its newest change yet.
pub(super) fn is_behind(object: &Value) -> bool {
    let observed = object.pointer("/status/observedGeneration").and_then(Value::as_i64);
    observed.is_some_and(|observed| observed < generation(object))
}

fn generation(object: &Value) -> i64 {
    object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0)
}

/// Whether a condition is as wanted.
///
/// # Errors
/// How it is instead.
pub fn has_condition(object: &Value, name: &str, wanted: &str) -> Result<(), String> {
    if is_behind(object) {
        return Err("the controller has not observed the change yet".to_owned());
    }
    match condition(object, name) {
        None => Err(format!("condition {name} is not set yet")),
        Some(found) if found.stale => Err(format!("condition {name} is for an older generation")),
        Some(found) if found.status == wanted => Ok(()),
        Some(found) => {
            let why = if found.why.is_empty() { String::new() } else { format!(": {}", found.why) };
            Err(format!("{name} is {}{why}", found.status))
        }
    }
}

/// What is at a path, as text; where a value is wanted, only that.
///
/// # Errors
/// What is there instead.
pub fn has_value(object: &Value, path: &str, wanted: Option<&str>) -> Result<String, String> {
    if is_behind(object) {
        return Err("the controller has not observed the change yet".to_owned());
    }
    let text = match object.pointer(path) {
        None | Some(Value::Null) => return Err(format!("{path} is not set yet")),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    match wanted {
        None if text.is_empty() => Err(format!("{path} is empty")),
        Some(wanted) if wanted != text => Err(format!("{path} is {}", shortened(&text))),
        _ => Ok(text),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str) -> String {
    redact(&one_line(text)).chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_condition_counts_once_it_is_about_the_newest_change() {
        let object = |observed: Value, of_condition: Value, status: &str| {
            json!({"metadata": {"generation": 3}, "status": {"observedGeneration": observed, "conditions": [
                {"type": "Other", "status": "True"},
                {"type": "Ready", "status": status, "reason": "Pods", "message": "1 of\n 2", "observedGeneration": of_condition},
            ]}})
        };
        let ready = |object: &Value| has_condition(object, "Ready", "True");
        assert_eq!(ready(&object(json!(3), json!(3), "True")), Ok(()));
        assert_eq!(ready(&object(Value::Null, Value::Null, "True")), Ok(()), "many operators say neither");
        assert_eq!(ready(&object(json!(3), json!(3), "False")).unwrap_err(), "Ready is False: Pods: 1 of 2");
        assert!(ready(&object(json!(2), json!(3), "True")).unwrap_err().contains("not observed the change"));
        assert!(ready(&object(json!(3), json!(2), "True")).unwrap_err().contains("an older generation"));
        assert_eq!(ready(&json!({})).unwrap_err(), "condition Ready is not set yet");
        assert_eq!(has_condition(&object(json!(3), json!(3), "False"), "Ready", "False"), Ok(()));
    }

    #[test]
    fn a_value_is_compared_as_text() {
        let object = json!({"status": {"phase": "Running", "replicas": 2, "done": true, "note": ""}});
        for (path, wanted) in [
            ("/status/phase", Some("Running")),
            ("/status/replicas", Some("2")),
            ("/status/done", Some("true")),
            ("/status/phase", None),
            ("/status/note", Some("")),
        ] {
            assert!(has_value(&object, path, wanted).is_ok(), "{path} {wanted:?}");
        }
        assert_eq!(has_value(&object, "/status/phase", Some("Done")).unwrap_err(), "/status/phase is Running");
        assert_eq!(has_value(&object, "/status/none", None).unwrap_err(), "/status/none is not set yet");
        assert_eq!(has_value(&object, "/status/note", None).unwrap_err(), "/status/note is empty");
    }
}
