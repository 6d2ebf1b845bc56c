//! What updates would change, for people: values, and fields of objects, with before and after.

use serde_json::Value;

use super::Look;
use super::paint::{Paint, Spans, join};
use super::text;
use crate::plan::{Change, FieldChange, ObjectDiff, ReleaseDiff};

/// A field is shown on one line where it takes no more columns than this, and no more than the terminal has.
const ONE_LINE: usize = 100;

/// A value longer than this many columns is cut; its texts were cut before.
const LONGEST: usize = 600;

/// The differences of each release that would be updated. Lines are left whole: what is cut to fit cannot be compared.
#[must_use]
pub fn diff_table(diffs: &[ReleaseDiff], look: &Look) -> String {
    join(diff_lines(diffs, look), look.color)
}

/// The same as lines.
pub(super) fn diff_lines(diffs: &[ReleaseDiff], look: &Look) -> Vec<Spans> {
    let mut lines = Vec::new();
    for diff in diffs {
        release(diff, look, &mut lines);
        lines.push(Spans::new());
    }
    if diffs.is_empty() {
        lines.push(Spans::new().add(Paint::Plain, "no installed release would be updated: nothing to compare"));
    } else {
        lines.pop();
    }
    lines
}

fn release(diff: &ReleaseDiff, look: &Look, lines: &mut Vec<Spans>) {
    let head = Spans::new().add(Paint::Bold, format!("release {}", diff.key));
    let counts = [text::count(diff.values.len(), "value"), text::count(diff.objects.len(), "object")];
    lines.push(match (&diff.unrendered, diff.values.is_empty() && diff.objects.is_empty()) {
        (None, true) => head.add(Paint::Plain, ": values and objects match what is recorded"),
        (None, false) => head.add(Paint::Plain, format!(": {} differ", counts.join(" and "))),
        (Some(why), _) => head.add(Paint::Plain, format!(": the chart cannot be rendered: {why}")),
    });
    if !diff.values.is_empty() {
        lines.push(Spans::indent(2).add(Paint::Bold, "values"));
        diff.values.iter().for_each(|change| field(change, look, lines));
    }
    for object in &diff.objects {
        lines.push(head_of(object));
        object.fields.iter().for_each(|change| field(change, look, lines));
    }
}

fn head_of(diff: &ObjectDiff) -> Spans {
    let line = Spans::indent(2).add(Paint::Bold, diff.object.to_string());
    match (diff.change, diff.kept) {
        (Change::Create, _) => line.add_label(Paint::Good, " is added"),
        (Change::Delete, false) => line.add_label(Paint::Bad, " is removed"),
        (Change::Delete, true) => {
            line.add_label(Paint::Warn, " is no longer part of the release and is kept (helm.sh/resource-policy: keep)")
        }
        _ => line,
    }
}

fn field(change: &FieldChange, look: &Look, lines: &mut Vec<Spans>) {
    let path = Spans::indent(4).add(Paint::Plain, &change.path);
    if change.hidden {
        lines.push(path.add_label(Paint::Dim, " differs (not shown)"));
        return;
    }
    if !change.lines.is_empty() {
        lines.push(path);
        let number = change.lines.iter().map(|line| line.line.to_string().len()).max().unwrap_or(0);
        for line in &change.lines {
            let (mark, paint) = if line.change == Change::Delete { ("- ", Paint::Bad) } else { ("+ ", Paint::Good) };
            let head = Spans::indent(6).right(Paint::Dim, line.line.to_string(), number).gap(1);
            lines.push(head.add_label(paint, mark).add(paint, &line.text));
        }
        if change.more_lines > 0 {
            lines.push(Spans::indent(6).add(Paint::Dim, format!("and {} more", change.more_lines)));
        }
        return;
    }
    let shown = |value: &Value| text::cut(&value.to_string(), LONGEST);
    let (before, after) = (change.before.as_ref().map(shown), change.after.as_ref().map(shown));
    let line = path.clone().add_label(Paint::Plain, ": ");
    let line = match (&before, &after) {
        (Some(before), Some(after)) => {
            line.add(Paint::Bad, before).add_label(Paint::Dim, " becomes ").add(Paint::Good, after)
        }
        (None, Some(after)) => line.add(Paint::Good, after).add_label(Paint::Dim, " is added"),
        (Some(before), None) => line.add(Paint::Bad, before).add_label(Paint::Dim, " is removed"),
        (None, None) => path.clone().add_label(Paint::Dim, " differs"),
    };
    if line.width() <= look.width.min(ONE_LINE) {
        lines.push(line);
        return;
    }
    lines.push(path);
    let marked = |mark: &str, paint, value: Option<String>| {
        value.map(|value| Spans::indent(6).add_label(paint, mark).add(paint, value))
    };
    lines.extend(marked("- ", Paint::Bad, before));
    lines.extend(marked("+ ", Paint::Good, after));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::cluster::{ObjectRef, ReleaseKey};
    use crate::plan::field_changes;

    fn diffs() -> Vec<ReleaseDiff> {
        let object = |change, kind: &str, kept, fields| ObjectDiff {
            change,
            object: ObjectRef::namespaced("v1", kind, "ns", "web"),
            kept,
            fields,
        };
        let before = json!({
            "kind": "Deployment", "replicas": 1, "options": "-Xmx384m -XX:+ExitOnOutOfMemoryError -Dsun.net.inetaddr.ttl=5",
        });
        let after = json!({
            "kind": "Deployment", "options": "-Xmx400m -XX:+ExitOnOutOfMemoryError -Dsun.net.inetaddr.ttl=5", "paused": false,
        });
        let file = |value: u32| {
            let lines: String =
                (1..200).map(|line| format!("  line {}\n", if line > 98 { line * value } else { line })).collect();
            json!({"data": {"site.xml": lines}, "password": value.to_string()})
        };
        vec![
            ReleaseDiff {
                key: ReleaseKey::new("ns", "rel"),
                values: field_changes(&json!({"memory": "384Mi"}), &json!({"memory": "400Mi\u{1b}[2J"})),
                objects: vec![
                    object(Change::Update, "ConfigMap", false, field_changes(&file(1), &file(2))),
                    object(Change::Update, "Deployment", false, field_changes(&before, &after)),
                    object(Change::Delete, "PersistentVolumeClaim", true, Vec::new()),
                    object(Change::Delete, "Secret", false, Vec::new()),
                    object(Change::Create, "Service", false, Vec::new()),
                ],
                unrendered: None,
            },
            ReleaseDiff {
                key: ReleaseKey::new("ns", "other"),
                values: Vec::new(),
                objects: Vec::new(),
                unrendered: None,
            },
            ReleaseDiff {
                key: ReleaseKey::new("ns", "broken"),
                values: Vec::new(),
                objects: Vec::new(),
                unrendered: Some("no such value".to_owned()),
            },
        ]
    }

    #[test]
    fn a_diff_shows_before_and_after() {
        let table = diff_table(&diffs(), &Look { width: 80, color: false, verbose: false });
        let expected = [
            "release ns/rel: 1 value and 5 objects differ",
            "  values",
            "    memory: \"384Mi\" becomes \"400Mi\\u001b[2J\"",
            "  ConfigMap ns/web",
            "    data[site.xml]",
            "       99 -   line 99",
        ];
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[..6], expected, "{table}");
        let expected = "
      and 140 more
    password differs (not shown)
  Deployment ns/web
    options
      - \"-Xmx384m -XX:+ExitOnOutOfMemoryError -Dsun.net.inetaddr.ttl=5\"
      + \"-Xmx400m -XX:+ExitOnOutOfMemoryError -Dsun.net.inetaddr.ttl=5\"
    paused: false is added
    replicas: 1 is removed
  PersistentVolumeClaim ns/web is no longer part of the release and is kept (helm.sh/resource-policy: keep)
  Secret ns/web is removed
  Service ns/web is added

release ns/other: values and objects match what is recorded

release ns/broken: the chart cannot be rendered: no such value
";
        assert!(table.ends_with(expected), "{table}");
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        let table = |color| diff_table(&diffs(), &Look { width: usize::MAX, color, verbose: false });
        assert!(!table(false).contains('\u{1b}'));
        let colored = table(true);
        assert!(colored.contains("\u{1b}[1;31m\"384Mi\"\u{1b}[0m"), "{colored}");
        assert!(!colored.contains("[2J\u{1b}") && !colored.contains("\u{1b}[2J"), "{colored}");
        let nothing = diff_table(&[], &Look { width: 80, color: true, verbose: false });
        assert_eq!(nothing, "no installed release would be updated: nothing to compare\n");
    }
}
