//! The content of the archive: everything passes through the one redactor.

use serde::Serialize;
use serde_json::Value;

use crate::driver::archive::Entry;
use crate::model::Redactor;

/// More than this of one file is cut, from its beginning: the last events are at the end.
const FILE_CAP: usize = 1 << 20;

/// More than this in total is omitted, file by file, and the index lists it.
const TOTAL_CAP: usize = 32 << 20;

/// What is collected, with what could not be.
pub(super) struct Collection {
    /// What the reader has to know first.
    pub warnings: Vec<String>,
    /// What is missing in it, and why.
    pub missing: Vec<String>,
    redactor: Redactor,
    entries: Vec<Entry>,
    index: Vec<Indexed>,
    total: usize,
}

#[derive(Serialize)]
struct Indexed {
    path: String,
    bytes: usize,
    what: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// `index.json`; what comes first is to be read first.
#[derive(Serialize)]
struct Index<'a> {
    warnings: &'a [String],
    schema: u32,
    made: String,
    windlass: &'static str,
    never_in_it: &'a [&'a str],
    omitted: &'a [String],
    files: &'a [Indexed],
}

impl Collection {
    /// Nothing yet.
    pub(super) const fn new(redactor: Redactor) -> Self {
        Self { warnings: Vec::new(), missing: Vec::new(), redactor, entries: Vec::new(), index: Vec::new(), total: 0 }
    }

    /// Adds a text.
    pub(super) fn text(&mut self, path: String, what: &str, text: &str) {
        let clean = self.redactor.text(text);
        self.add(path, what, clean);
    }

    /// Adds a text that may be JSON, or a line of JSON after the other: known by its names, less of it has to go.
    pub(super) fn lines(&mut self, path: String, what: &str, text: &str) {
        if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
            return self.value(path, what, value);
        }
        if !path.ends_with(".jsonl") {
            return self.text(path, what, text);
        }
        let clean = |line: &str| match serde_json::from_str::<Value>(line) {
            Ok(mut value) => {
                self.redactor.value(&mut value);
                value.to_string()
            }
            Err(_) => self.redactor.text(line),
        };
        let lines: Vec<String> = text.lines().map(clean).collect();
        self.add(path, what, lines.join("\n"));
    }

    /// Adds an object.
    pub(super) fn value(&mut self, path: String, what: &str, mut value: Value) {
        self.redactor.value(&mut value);
        match serde_json::to_string_pretty(&value) {
            Ok(text) => self.add(path, what, text),
            Err(error) => self.missing.push(format!("{path}: {error}")),
        }
    }

    fn add(&mut self, path: String, what: &str, text: String) {
        let cut = text.len() > FILE_CAP;
        let mut begin = text.len().saturating_sub(FILE_CAP);
        while !text.is_char_boundary(begin) {
            begin += 1;
        }
        let bytes = text.as_bytes()[begin..].to_vec();
        if self.total + bytes.len() > TOTAL_CAP {
            self.missing
                .push(format!("{path}: omitted, the support bundle would be larger than {} MiB", TOTAL_CAP >> 20));
            return;
        }
        self.total += bytes.len();
        self.index.push(Indexed { path: path.clone(), bytes: bytes.len(), what: what.to_owned(), cut });
        self.entries.push(Entry { path, bytes });
    }

    /// All files, the index first.
    ///
    /// # Errors
    /// The index cannot be serialized.
    pub(super) fn finish(&mut self, with_config: bool) -> Result<Vec<Entry>, serde_json::Error> {
        let never = ["the content of Secrets", "kubeconfig", "files that were uploaded"];
        let config = [
            "data of ConfigMaps, values of environment variables, arguments and commands: their keys are there, and of each \
             value `#` and the beginning of a digest that only shows equal values within this support bundle",
        ];
        let never = if with_config { never.to_vec() } else { [&never[..], &config].concat() };
        for text in self.missing.iter_mut().chain(&mut self.warnings) {
            *text = self.redactor.text(text);
        }
        let index = Index {
            warnings: &self.warnings,
            schema: 2,
            made: jiff::Timestamp::now().to_string(),
            windlass: env!("CARGO_PKG_VERSION"),
            never_in_it: &never,
            omitted: &self.missing,
            files: &self.index,
        };
        let bytes = serde_json::to_string_pretty(&index)?.into_bytes();
        let index = Entry { path: "index.json".to_owned(), bytes };
        Ok([vec![index], std::mem::take(&mut self.entries)].concat())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;

    /// The corpus of what is planted: each text, and the words of it that must not come out.
    fn planted() -> Vec<(String, Vec<String>)> {
        let corpus = include_str!("../../../tests/secrets/planted.txt");
        let cases = corpus.split("\n--\n").map(|case| {
            let secrets = case.split('⟦').skip(1).filter_map(|rest| rest.split('⟧').next()).map(str::trim);
            (case.replace(['⟦', '⟧'], ""), secrets.map(str::to_owned).collect())
        });
        cases.collect()
    }

    /// Everything that a bundle takes in, with a text wherever others may write one.
    fn filled(text: &str, all: &mut Collection, at: usize) {
        let meta = json!({"name": format!("n{at}"), "annotations": {"example.com/note": text}});
        let pod = json!({
            "kind": "Pod", "metadata": meta, "spec": {"containers": [{
                "name": "c", "image": "r.example.com/i:1", "args": [text], "command": ["sh", "-c", text],
                "env": [{"name": "SETTINGS", "value": text}],
                "livenessProbe": {"exec": {"command": [text]}},
            }]},
            "status": {"message": text, "containerStatuses": [{"state": {"terminated": {"message": text}}}]},
        });
        let data = json!({"kind": "ConfigMap", "metadata": meta, "data": {"conf": text}, "binaryData": {"b": text}});
        let event = json!({"kind": "Event", "message": text, "reason": "Failed"});
        all.value(format!("pod{at}.json"), "", json!([pod, data, event]));
        all.text(format!("{at}.log"), "", &format!("a line\n{text}\nanother"));
        all.lines(format!("{at}/events.jsonl"), "", &format!("{}\n", json!({"event": "note", "text": text})));
        all.lines(format!("{at}/plan.json"), "", &json!({"steps": [{"why": [text]}]}).to_string());
        all.lines(format!("{at}/answers.yaml"), "", text);
        all.missing.push(text.to_owned());
    }

    fn leaks(all: &mut Collection, secrets: &[String]) -> String {
        let entries = all.finish(false).unwrap();
        let mut found = String::new();
        for entry in &entries {
            let text = String::from_utf8_lossy(&entry.bytes);
            for secret in secrets.iter().filter(|secret| text.contains(secret.as_str())) {
                let _ = writeln!(found, "{secret} is in {}", entry.path);
            }
        }
        found
    }

    #[test]
    fn nothing_that_is_planted_is_in_the_bundle() {
        for redactor in [Redactor::default(), Redactor::default().omit_values(b"salt".to_vec())] {
            let mut all = Collection::new(redactor);
            let mut secrets = Vec::new();
            for (at, (text, held)) in planted().into_iter().enumerate() {
                filled(&text, &mut all, at);
                secrets.extend(held);
            }
            assert!(secrets.len() >= 144, "72 and as many again");
            assert_eq!(leaks(&mut all, &secrets), "");
        }
    }

    #[test]
    fn what_a_secret_holds_is_in_no_file_however_it_is_spelt() {
        use base64::Engine as _;
        let value = "it's \"planted\" & more";
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("user:{value}"));
        let json = serde_json::to_string(value).unwrap();
        let url = "it%27s%20%22planted%22%20%26%20more";
        for redactor in [Redactor::new([value.to_owned()]), Redactor::new([value.to_owned()]).omit_values(Vec::new())] {
            let mut all = Collection::new(redactor);
            for (at, text) in [value, encoded.as_str(), json.as_str(), url].into_iter().enumerate() {
                filled(&format!("sent {text} to us"), &mut all, at);
            }
            let secrets =
                [value.to_owned(), encoded[8..].to_owned(), json.trim_matches('"').to_owned(), url.to_owned()];
            assert_eq!(leaks(&mut all, &secrets), "");
        }
    }

    #[test]
    fn what_helpers_need_is_in_it() {
        let mut all = Collection::new(Redactor::default().omit_values(b"salt".to_vec()));
        let harmless = include_str!("../../../tests/secrets/harmless.txt");
        all.text("a.log".to_owned(), "", harmless);
        filled("x", &mut all, 0);
        let entries = all.finish(false).unwrap();
        assert_eq!(String::from_utf8_lossy(&entries[1].bytes), harmless);
        let pod = String::from_utf8_lossy(&entries[2].bytes);
        for seen in ["r.example.com/i:1", "SETTINGS", "\"conf\": \"(omitted: #", "\"reason\": \"Failed\""] {
            assert!(pod.contains(seen), "{seen}: {pod}");
        }
    }

    #[test]
    fn what_has_to_be_known_stands_first() {
        let mut all = Collection::new(Redactor::default());
        all.warnings.push("Secrets may not be read".to_owned());
        let entries = all.finish(false).unwrap();
        let index = String::from_utf8_lossy(&entries[0].bytes);
        assert!(index.starts_with("{\n  \"warnings\": [\n    \"Secrets may not be read\""), "{index}");
    }

    #[test]
    fn what_is_too_long_is_cut_at_its_beginning() {
        let mut all = Collection::new(Redactor::default());
        all.add("log".to_owned(), "a log", format!("{}é end", "x".repeat(FILE_CAP - 5)));
        assert!(all.index[0].cut && all.entries[0].bytes.len() <= FILE_CAP);
        assert!(all.entries[0].bytes.ends_with("é end".as_bytes()));
    }

    #[test]
    fn what_is_too_much_is_omitted_and_reported() {
        let mut all = Collection::new(Redactor::default());
        for name in 0..40 {
            all.add(name.to_string(), "a log", "x".repeat(FILE_CAP));
        }
        assert_eq!((all.entries.len(), all.missing.len()), (32, 8));
        assert!(all.missing[0].contains("omitted"), "{}", all.missing[0]);
    }
}
