//! The fields in which two objects differ, with what they were and become. Secrets are not among what is shown.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::Change;
use super::equal::equal;
use crate::model::fields::{ListKey, join};
use crate::model::{CHART_DIGEST, IgnoredPaths, Redactor, ReleaseValues};

/// A text longer than this many characters is cut.
const LONGEST: usize = 400;

/// So many lines of a text that differ are shown.
const LINES: usize = 60;

/// Texts with more lines than this together are compared from their two ends only: exactly would take too long.
const COMPARED: usize = 20_000;

/// What stands for a field that is not there.
const NOTHING: &Value = &Value::Null;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Where: `spec.template.spec.containers[name=main].image`.
    pub path: String,
    /// What it was; `None` if it was not there, or if [`lines`](Self::lines) or [`hidden`](Self::hidden) say all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it becomes; `None` as above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Of a text of several lines: those that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineChange>,
    /// How many more lines differ than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_lines: usize,
    /// It differs in something that is or looks like a secret, and is not shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// A line that is taken out of a text or put into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineChange {
    /// [`Change::Create`] or [`Change::Delete`].
    pub change: Change,
    /// Its number, from 1: of a line that goes in the text before, of one that comes in the text after.
    pub line: usize,
    /// The line.
    pub text: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it by reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// `spec.replicas: 1 becomes 2`.
impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, before, after, lines, more_lines, hidden } = self;
        match (before, after) {
            _ if *hidden => write!(f, "{path} differs (not shown)"),
            _ if !lines.is_empty() => write!(f, "{path}: {} lines differ", lines.len() + more_lines),
            (Some(before), Some(after)) => write!(f, "{path}: {before} becomes {after}"),
            (None, Some(after)) => write!(f, "{path}: {after} is added"),
            (Some(before), None) => write!(f, "{path}: {before} is removed"),
            (None, None) => write!(f, "{path} differs"),
        }
    }
}

/// Every field that differs between two objects or two sets of values, in the order of their names.
#[must_use]
pub fn field_changes(before: &Value, after: &Value) -> Vec<FieldChange> {
    changes_without(&Redactor::default(), before, after, &IgnoredPaths::default())
}

/// Every value that differs between what Helm recorded and what is wanted. Of what an operator's file gave, or may have
/// given, only keys and digests are shown.
#[must_use]
pub fn value_changes(before: &Value, after: &ReleaseValues) -> Vec<FieldChange> {
    let (shown_before, shown_after) = (after.shown_before(before), after.shown());
    let (before, after) = (Pair { is: before, shown: &shown_before }, Pair { is: after, shown: &shown_after });
    compared(before, after, &IgnoredPaths::default())
}

/// The same as [`field_changes`] without what a redactor knows, and without what is not compared.
pub(super) fn changes_without(
    redactor: &Redactor,
    before: &Value,
    after: &Value,
    ignored: &IgnoredPaths<'_>,
) -> Vec<FieldChange> {
    let (mut shown_before, mut shown_after) = (before.clone(), after.clone());
    redactor.value(&mut shown_before);
    redactor.value(&mut shown_after);
    let (before, after) = (Pair { is: before, shown: &shown_before }, Pair { is: after, shown: &shown_after });
    compared(before, after, ignored)
}

fn compared(before: Pair<'_>, after: Pair<'_>, ignored: &IgnoredPaths<'_>) -> Vec<FieldChange> {
    let mut walk = Walk { found: Vec::new(), ignored };
    walk.compare("", before, after);
    walk.found
}

/// A value as it is, and as it may be shown. Taking secrets out changes texts and nothing else, so both are of one
/// shape; where they are not, nothing is shown.
#[derive(Clone, Copy)]
struct Pair<'a> {
    is: &'a Value,
    shown: &'a Value,
}

impl<'a> Pair<'a> {
    const NOTHING: Self = Self { is: NOTHING, shown: NOTHING };

    fn field(self, name: &str) -> Self {
        let of = |value: &'a Value| value.get(name).unwrap_or(NOTHING);
        Self { is: of(self.is), shown: of(self.shown) }
    }

    fn element(self, at: usize) -> Self {
        let of = |value: &'a Value| value.get(at).unwrap_or(NOTHING);
        Self { is: of(self.is), shown: of(self.shown) }
    }
}

struct Walk<'a> {
    found: Vec<FieldChange>,
    ignored: &'a IgnoredPaths<'a>,
}

impl Walk<'_> {
    fn compare(&mut self, path: &str, before: Pair<'_>, after: Pair<'_>) {
        match (before.is, after.is) {
            (a, b) if equal(a, b) => {}
            _ if self.ignored.has(path) => {}
            // What is not compared is kept apart from what is added or removed beside it.
            (Value::Object(fields), Value::Null) | (Value::Null, Value::Object(fields))
                if self.ignored.has_below(path) =>
            {
                for name in fields.keys() {
                    self.compare(&join(path, name), before.field(name), after.field(name));
                }
            }
            (Value::Object(a), Value::Object(b)) => {
                // The digest of the chart, where a chart copies its annotations: that the chart changed is known.
                let names: BTreeSet<&String> = a.keys().chain(b.keys()).filter(|name| *name != CHART_DIGEST).collect();
                for name in names {
                    self.compare(&join(path, name), before.field(name), after.field(name));
                }
            }
            (Value::Array(a), Value::Array(b)) if a.iter().chain(b).all(Value::is_object) => {
                self.lists(path, (before, a), (after, b));
            }
            _ => self.report(path, before, after),
        }
    }

    fn lists(&mut self, path: &str, (before, a): (Pair<'_>, &[Value]), (after, b): (Pair<'_>, &[Value])) {
        let Some(key) = ListKey::of(&[a, b]) else {
            for at in 0..a.len().max(b.len()) {
                self.compare(&format!("{path}[{at}]"), before.element(at), after.element(at));
            }
            return;
        };
        let mut kept = Vec::new();
        for (at, element) in a.iter().enumerate() {
            let before = before.element(at);
            let path = format!("{path}[{}]", key.shown(before.shown));
            match key.find(element, b) {
                Some(now) => {
                    kept.push(now);
                    self.compare(&path, before, after.element(now));
                }
                None => self.compare(&path, before, Pair::NOTHING),
            }
        }
        for at in (0..b.len()).filter(|at| !kept.contains(at)) {
            let after = after.element(at);
            self.compare(&format!("{path}[{}]", key.shown(after.shown)), Pair::NOTHING, after);
        }
        if !kept.is_sorted() {
            // An environment variable may use those before it.
            let names = |order: &[usize]| -> Vec<String> {
                order.iter().map(|at| key.shown(after.element(*at).shown)).collect()
            };
            let was = names(&kept);
            kept.sort_unstable();
            let change = |before: Vec<String>, after: Vec<String>| FieldChange {
                before: Some(before.into()),
                after: Some(after.into()),
                ..nothing(&format!("{path}[order]"))
            };
            self.found.push(change(was, names(&kept)));
        }
    }

    fn report(&mut self, path: &str, before: Pair<'_>, after: Pair<'_>) {
        let mut change = nothing(path);
        match (before.shown, after.shown) {
            (a, b) if equal(a, b) => change.hidden = true,
            (Value::String(a), Value::String(b)) if a.trim_end().contains('\n') || b.trim_end().contains('\n') => {
                let mut lines = lines(a, b);
                change.more_lines = lines.len().saturating_sub(LINES);
                lines.truncate(LINES);
                change.lines = lines;
            }
            (a, b) => {
                let there = |value: &Value| (!value.is_null()).then(|| cut(value));
                (change.before, change.after) = (there(a), there(b));
            }
        }
        self.found.push(change);
    }
}

fn nothing(path: &str) -> FieldChange {
    FieldChange { path: path.to_owned(), before: None, after: None, lines: Vec::new(), more_lines: 0, hidden: false }
}

/// The lines that differ between two texts.
fn lines(before: &str, after: &str) -> Vec<LineChange> {
    let change = |change, line, text: &str| LineChange { change, line, text: shortened(text.trim_end()) };
    let (a, b): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    if a.len() + b.len() > COMPARED {
        let first = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
        let (a, b) = (&a[first..], &b[first..]);
        let last = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
        let side = |kind, lines: &[&str]| -> Vec<LineChange> {
            let some = lines[..lines.len() - last].iter().zip(first + 1..);
            some.map(|(text, line)| change(kind, line, text)).collect()
        };
        return [side(Change::Delete, a), side(Change::Create, b)].concat();
    }
    let diff = TextDiff::from_lines(before, after);
    let changes = diff.iter_all_changes().filter_map(|one| match (one.tag(), one.old_index(), one.new_index()) {
        (ChangeTag::Delete, Some(at), _) => Some(change(Change::Delete, at + 1, one.value())),
        (ChangeTag::Insert, _, Some(at)) => Some(change(Change::Create, at + 1, one.value())),
        _ => None,
    });
    changes.collect()
}

/// A value whose long texts are cut.
fn cut(value: &Value) -> Value {
    match value {
        Value::String(text) => shortened(text).into(),
        Value::Array(items) => items.iter().map(cut).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), cut(value))).collect(),
        other => other.clone(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(before: &Value, after: &Value) -> Vec<String> {
        field_changes(before, after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn fields_are_shown_with_before_and_after() {
        let before = json!({"spec": {"replicas": 1, "paused": true, "same": [1, 2], "n": 1, "gone": null}});
        let after = json!({"spec": {"replicas": 2, "labels": {"a": "b"}, "same": [1, 2], "n": 1.0}});
        let expected =
            ["spec.labels: {\"a\":\"b\"} is added", "spec.paused: true is removed", "spec.replicas: 1 becomes 2"];
        assert_eq!(shown(&before, &after), expected);
        assert_eq!(shown(&before, &before), Vec::<String>::new());
    }

    #[test]
    fn lists_are_matched_by_name_or_else_by_place() {
        let env = |env: Value| json!({"env": env});
        let before =
            env(json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}]));
        let after = env(json!([{"name": "N", "value": "0"}, {"name": "A", "value": "1"}, {"name": "C", "value": "4"}]));
        let expected = [
            "env[name=B]: {\"name\":\"B\",\"value\":\"2\"} is removed",
            "env[name=C].value: \"3\" becomes \"4\"",
            "env[name=N]: {\"name\":\"N\",\"value\":\"0\"} is added",
        ];
        assert_eq!(shown(&before, &after), expected);
        let turned =
            env(json!([{"name": "B", "value": "2"}, {"name": "A", "value": "1"}, {"name": "C", "value": "3"}]));
        let expected = ["env[order]: [\"name=A\",\"name=B\",\"name=C\"] becomes [\"name=B\",\"name=A\",\"name=C\"]"];
        assert_eq!(shown(&before, &turned), expected);
        let templates = |size: &str| json!({"templates": [{"metadata": {"name": "data"}, "size": size}]});
        assert_eq!(shown(&templates("1Gi"), &templates("2Gi")), ["templates[0].size: \"1Gi\" becomes \"2Gi\""]);
        assert_eq!(
            shown(&json!({"args": ["-a", "b"]}), &json!({"args": ["-a"]})),
            ["args: [\"-a\",\"b\"] becomes [\"-a\"]"]
        );
    }

    #[test]
    fn secrets_are_known_to_differ_and_not_shown() {
        let secret = |a: &str, plain: &str| json!({"kind": "Secret", "type": "Opaque", "data": {"a": a, "b": "c2FtZQ=="}, "stringData": {"p": plain}});
        let expected = ["data.a differs (not shown)", "stringData.p differs (not shown)"];
        assert_eq!(shown(&secret("b25l", "one"), &secret("dHdv", "two")), expected);
        let pod = |password: &str, token: &str, args: &str| {
            json!({
                "kind": "Pod", "db_password": password, "args": [args],
                "env": [{"name": "API_TOKEN", "value": token}, {"name": "MODE", "value": "fast"}],
            })
        };
        let before = pod("hunter21", "one", "--password=hunter21 -v");
        let after = pod("hunter22", "two", "--password=hunter22 -v");
        let found = field_changes(&before, &after);
        let expected = [
            "args differs (not shown)",
            "db_password differs (not shown)",
            "env[name=API_TOKEN].value differs (not shown)",
        ];
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        // What comes or goes whole does not show it either, nor does JSON.
        let gone = field_changes(&before, &json!({"kind": "Pod"}));
        let text = format!("{}{}", serde_json::to_string(&gone).unwrap(), serde_json::to_string(&found).unwrap());
        assert!(!text.contains("hunter") && !text.contains("one") && text.contains("fast"), "{text}");
        // Data that is no map at all is not what a Secret may hold, but may be there.
        let odd = |data: Value| json!({"kind": "Secret", "data": data});
        let text =
            format!("{:?}", field_changes(&odd(json!({"a": {"deep": "x1"}})), &odd(json!({"a": {"deep": "x2"}}))));
        assert!(!text.contains("x1") && !text.contains("x2") && text.contains("hidden: true"), "{text}");
    }

    #[test]
    fn of_a_file_only_the_lines_that_differ_are_shown() {
        let file = |middle: &str| json!({"data": {"site.xml": format!("<a>\n{middle}</a>\n")}});
        let found = field_changes(&file("<b>1</b>\n<c/>\n"), &file("<b>2</b>\n<c/>\n<d/>\n"));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].before.clone()), ("data[site.xml]", None));
        let lines: Vec<String> =
            found[0].lines.iter().map(|one| format!("{} {} {}", one.change.word(), one.line, one.text)).collect();
        assert_eq!(lines, ["delete 2 <b>1</b>", "create 2 <b>2</b>", "create 4 <d/>"]);
        assert_eq!(found[0].to_string(), "data[site.xml]: 3 lines differ");
        let keys = |pass: &str| file(&format!("password={pass}\n"));
        assert_eq!(shown(&keys("hunter21"), &keys("hunter22")), ["data[site.xml] differs (not shown)"]);
    }

    #[test]
    fn what_is_long_is_bounded() {
        let long = |end: &str| json!({"a": format!("{}{end}", "ä".repeat(500))});
        let found = field_changes(&json!({}), &long("x"));
        assert_eq!(found[0].after.as_ref().unwrap().as_str().unwrap().chars().count(), LONGEST + 1);
        let text = |count: usize, word: &str| -> Value {
            let lines: String = (0..count).map(|line| format!("{word} {line}\n")).collect();
            json!({"a": format!("same\n{lines}end\n")})
        };
        let found = field_changes(&text(100, "old"), &text(100, "new"));
        assert_eq!((found[0].lines.len(), found[0].more_lines), (LINES, 200 - LINES));
        // Too many to compare exactly: what is equal at both ends is still omitted.
        let found = field_changes(&text(COMPARED, "old"), &text(COMPARED, "new"));
        assert_eq!((found[0].lines[0].line, found[0].more_lines), (2, 2 * COMPARED - LINES));
    }
}
