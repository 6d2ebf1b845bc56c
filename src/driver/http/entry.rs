//! Something in a service, such as a connection or a user: looked for, and compared with what it should be.

use serde_json::Value;

use super::service::{Body, Credentials, HttpError, Service, ServiceRequest};
use crate::model::Lookup;

impl Service {
    /// What is there, or nothing.
    ///
    /// # Errors
    /// The service answers with neither the entry nor 404.
    pub async fn look_up(
        &self,
        lookup: &Lookup<'_>,
        login: Option<&Credentials>,
        public: bool,
    ) -> Result<Option<Value>, HttpError> {
        let path = lookup.get.or(lookup.list).unwrap_or("/");
        let request = ServiceRequest { method: "GET", path, headers: Vec::new(), body: Body::None, login };
        let response = self.send(&request).await?;
        if response.status == 404 && lookup.get.is_some() {
            return Ok(None);
        }
        if !(200..300).contains(&response.status) {
            return Err(self.unexpected_status(path, &response, "2xx", public));
        }
        let json: Value =
            serde_json::from_str(&response.body).map_err(|_| self.missing_content(path, "JSON", &response, public))?;
        if lookup.get.is_some() {
            return Ok(Some(json));
        }
        let Some(Value::Array(items)) = json.pointer(lookup.items) else {
            return Err(self.missing_content(path, &format!("a list at `{}`", lookup.items), &response, public));
        };
        let is_it = |item: &&Value| {
            lookup
                .matching
                .iter()
                .all(|(pointer, text)| item.pointer(pointer).is_some_and(|found| is_text(found, text)))
        };
        Ok(items.iter().find(is_it).cloned())
    }
}

/// Whether a value is what a text says.
#[must_use]
pub fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Null => text.is_empty() || text == "null",
        other => {
            let written = other.to_string();
            written == text
        }
    }
}

/// JSON pointers to wanted values that differ; values that nobody wants are not compared, and neither is `ignored`.
#[must_use]
pub fn differences(want: &Value, found: &Value, ignored: &[String]) -> Vec<String> {
    let mut differ = Vec::new();
    compare(want, found, "", ignored, &mut differ);
    differ
}

fn compare(want: &Value, found: &Value, at: &str, ignored: &[String], differ: &mut Vec<String>) {
    if ignored.iter().any(|pointer| pointer == at) {
        return;
    }
    match (want, found) {
        (Value::Object(want), Value::Object(found)) => {
            for (key, value) in want {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                compare(value, found.get(key).unwrap_or(&Value::Null), &at, ignored, differ);
            }
        }
        // Numbers are equal by what they are, not by how they are written.
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        _ if want == found => {}
        _ => differ.push(if at.is_empty() { "/".to_owned() } else { at.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_wanted_is_compared() {
        let want = json!({"a": 1, "b": {"c": "x"}, "l": [1, 2], "n": null, "p": "secret", "x/y": true});
        let same = json!({"a": 1.0, "b": {"c": "x", "d": 0}, "l": [1, 2], "more": 1, "x/y": true});
        assert_eq!(differences(&want, &same, &["/p".to_owned()]), Vec::<String>::new());
        assert_eq!(differences(&want, &same, &[]), ["/p"]);
        let other = json!({"a": 2, "b": "text", "l": [2, 1], "n": 0, "p": "secret", "x/y": false});
        assert_eq!(differences(&want, &other, &[]), ["/a", "/b", "/l", "/n", "/x~1y"]);
        assert_eq!(differences(&json!(1), &json!(2), &[]), ["/"]);
    }

    #[test]
    fn texts_are_compared_with_what_they_say() {
        for (value, text, is) in [
            (json!("a"), "a", true),
            (json!(3), "3", true),
            (json!(true), "true", true),
            (json!(null), "", true),
            (json!("3"), "3", true),
            (json!(3), "4", false),
        ] {
            assert_eq!(is_text(&value, text), is, "{value} {text}");
        }
    }
}
