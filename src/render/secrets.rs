//! Which Secrets there are; never what they hold.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{language, text};

/// A Secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SecretRow {
    /// Where it is.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The names of its keys; none where it does not exist.
    pub keys: Vec<String>,
    /// Where its content comes from, as far as that is known.
    pub from: Option<String>,
    /// The components that use it.
    pub used_by: BTreeSet<String>,
    /// When it was made.
    pub created: Option<String>,
    /// How long ago that was.
    pub age_seconds: Option<u64>,
    /// Whether a rotation of it is not finished.
    pub rotating: bool,
}

/// As a table.
#[must_use]
pub fn secret_table(rows: &[SecretRow]) -> String {
    if rows.is_empty() {
        return "no Secrets found: nothing installed uses any\n".to_owned();
    }
    let mut lines = vec![["NAMESPACE", "NAME", "KEYS", "FROM", "USED BY", "AGE"].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let age = match row.age_seconds {
            None => "not found".to_owned(),
            Some(seconds) => age(seconds),
        };
        let rotating = if row.rotating { ", rotation not finished" } else { "" };
        let used: Vec<&str> = row.used_by.iter().map(String::as_str).collect();
        let from = row.from.clone().unwrap_or_else(|| "not in this catalog".to_owned());
        let cells = [row.namespace.clone(), row.name.clone(), row.keys.join(","), from, used.join(",")];
        let [namespace, name, keys, from, used] = cells.map(|cell| language::shown(&cell));
        [namespace, name, keys, from, used, format!("{age}{rotating}")]
    }));
    let mut widths = [0; 6];
    for line in &lines {
        widths.iter_mut().zip(line).for_each(|(width, cell)| *width = text::width(cell).max(*width));
    }
    let mut shown = String::new();
    for line in lines {
        let cells = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(text::width(cell)))));
        shown += cells.collect::<Vec<_>>().join("  ").trim_end();
        shown.push('\n');
    }
    shown
}

/// `3d`, `5h`, `12m`, `40s`.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each() {
        let row = SecretRow {
            namespace: "db".into(),
            name: "my-db-password".into(),
            keys: vec!["password".into()],
            from: Some("generated (db.password)".into()),
            used_by: ["db".to_owned()].into(),
            created: None,
            age_seconds: Some(90_000),
            rotating: false,
        };
        let gone = SecretRow { from: None, keys: vec![], age_seconds: None, rotating: true, ..row.clone() };
        assert_eq!(
            secret_table(&[row, gone]),
            "NAMESPACE  NAME            KEYS      FROM                     USED BY  AGE\n\
             db         my-db-password  password  generated (db.password)  db       1d\n\
             db         my-db-password            not in this catalog      db       not found, rotation not finished\n"
        );
        assert_eq!([5, 65, 7_200].map(age), ["5s", "1m", "2h"]);
    }
}
