//! A plan as a graph: Mermaid for what shows Markdown, DOT for Graphviz. Equal plans give equal bytes.

use std::fmt::Write as _;

use crate::plan::{Change, Plan, Step, direct_needs};

/// How the graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphFormat {
    /// <https://mermaid.js.org/syntax/flowchart.html>
    Mermaid,
    /// <https://graphviz.org/doc/info/lang.html>
    Dot,
}

/// Colours of what a step does: background and border. What has nothing to do is dashed besides.
const LOOKS: [(Change, &str, &str); 5] = [
    (Change::Create, "#d9f2d9", "#2e7d32"),
    (Change::Update, "#fff3cd", "#b26a00"),
    (Change::Delete, "#f8d7da", "#b00020"),
    (Change::Check, "#dbe9ff", "#1a56b0"),
    (Change::Nothing, "#ffffff", "#9e9e9e"),
];

/// The steps of a plan, those of a component together, each with an arrow from what it waits for; arrows that others
/// imply are omitted.
#[must_use]
pub fn plan_graph(plan: &Plan, format: GraphFormat) -> String {
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        match groups.iter_mut().find(|(component, _)| *component == step.component) {
            Some((_, of_it)) => of_it.push(at),
            None => groups.push((&step.component, vec![at])),
        }
    }
    let needs = direct_needs(&plan.steps).into_iter().enumerate();
    let edges: Vec<(usize, usize)> =
        needs.flat_map(|(at, needs)| needs.into_iter().map(move |need| (need, at))).collect();
    match format {
        GraphFormat::Mermaid => mermaid(&plan.steps, &groups, &edges),
        GraphFormat::Dot => dot(&plan.steps, &groups, &edges),
    }
}

fn mermaid(steps: &[Step], groups: &[(&str, Vec<usize>)], edges: &[(usize, usize)]) -> String {
    let mut out = "flowchart LR\n".to_owned();
    for (number, (component, of_it)) in groups.iter().enumerate() {
        let _ = writeln!(out, "  subgraph g{number}[\"{}\"]", mermaid_text(component));
        for at in of_it {
            let Step { title, change, .. } = &steps[*at];
            let _ = writeln!(out, "    n{at}[\"{}\"]:::{}", mermaid_text(title), change.word());
        }
        out.push_str("  end\n");
    }
    for (from, to) in edges {
        let _ = writeln!(out, "  n{from} --> n{to}");
    }
    for (change, fill, stroke) in LOOKS {
        let dashed = if change == Change::Nothing { ",color:#757575,stroke-dasharray:4 3" } else { ",color:#000000" };
        let _ = writeln!(out, "  classDef {} fill:{fill},stroke:{stroke}{dashed}", change.word());
    }
    out
}

fn dot(steps: &[Step], groups: &[(&str, Vec<usize>)], edges: &[(usize, usize)]) -> String {
    let mut out = "digraph plan {\n  rankdir=LR;\n  node [shape=box, style=filled];\n".to_owned();
    for (number, (component, of_it)) in groups.iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{number} {{\n    label=\"{}\";", dot_text(component));
        for at in of_it {
            let Step { title, change, id, .. } = &steps[*at];
            let look = LOOKS.iter().find(|(of, ..)| of == change);
            let (fill, stroke) = look.map_or(("#ffffff", "#000000"), |(_, fill, stroke)| (*fill, *stroke));
            let dashed =
                if *change == Change::Nothing { ", style=\"filled,dashed\", fontcolor=\"#757575\"" } else { "" };
            let _ = writeln!(
                out,
                "    n{at} [label=\"{}\", tooltip=\"{}: {}\", fillcolor=\"{fill}\", color=\"{stroke}\"{dashed}];",
                dot_text(title),
                dot_text(id),
                change.word()
            );
        }
        out.push_str("  }\n");
    }
    for (from, to) in edges {
        let _ = writeln!(out, "  n{from} -> n{to};");
    }
    out.push_str("}\n");
    out
}

/// A text between quotes in Mermaid, whose parser also treats these as marks there (`#`, `;`, backticks,
/// `style …:`): all but letters, digits and a few others go as numbers.
fn mermaid_text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            ' ' | '-' | '_' | '.' | '/' | ',' => out.push(c),
            c if c.is_alphanumeric() => out.push(c),
            c if c.is_control() || c.is_whitespace() => out.push(' '),
            c => {
                let _ = write!(out, "#{};", u32::from(c));
            }
        }
    }
    // A node without a text is none.
    if out.trim().is_empty() { "-".to_owned() } else { out }
}

/// A text between quotes in DOT: a backslash begins an escape there, and an ampersand an entity of HTML.
fn dot_text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{PLAN_SCHEMA, Work};

    fn step(id: &str, title: &str, change: Change, needs: &[&str]) -> Step {
        let component = id.split_once('/').map_or(id, |(component, _)| component).to_owned();
        Step {
            id: id.to_owned(),
            component,
            title: title.to_owned(),
            change,
            why: Vec::new(),
            needs: needs.iter().map(ToString::to_string).collect(),
            deadline_seconds: 1,
            retries: 0,
            register: None,
            verify: false,
            fix: None,
            work: Work::Forget { kept: None },
        }
    }

    fn plan(steps: Vec<Step>) -> Plan {
        Plan { schema: PLAN_SCHEMA, hdfs: None, overlaid: Vec::new(), skipped: Vec::new(), steps }
    }

    fn small() -> Plan {
        plan(vec![
            step("namespace/a", "namespace a", Change::Nothing, &[]),
            step("one/release", "release one in a", Change::Create, &["namespace/a"]),
            step("one/ready", "\"One\" is ready", Change::Check, &["namespace/a", "one/release"]),
            step("two/release", "release two: 50% <b>&amp; \\N #1;", Change::Update, &["namespace/a", "one/ready"]),
        ])
    }

    #[test]
    fn mermaid_has_groups_needs_and_looks() {
        insta::assert_snapshot!(plan_graph(&small(), GraphFormat::Mermaid));
    }

    #[test]
    fn dot_has_groups_needs_and_looks() {
        insta::assert_snapshot!(plan_graph(&small(), GraphFormat::Dot));
    }

    proptest! {
        /// Whatever a title holds, it stays within its quotes, and is read back as it was.
        #[test]
        fn titles_stay_within_their_quotes(title in "\\PC{0,40}") {
            let one = plan(vec![step("one/x", &title, Change::Create, &[])]);
            let text = plan_graph(&one, GraphFormat::Mermaid);
            let line = text.lines().nth(2).unwrap();
            let inside = line.strip_prefix("    n0[\"").and_then(|rest| rest.strip_suffix("\"]:::create")).unwrap();
            prop_assert!(inside.chars().all(|c| c.is_alphanumeric() || " -_./,#;".contains(c)), "{}", inside);
            let mut read = String::new();
            let mut rest = inside;
            while let Some((before, after)) = rest.split_once('#') {
                let (number, behind) = after.split_once(';').unwrap();
                read.push_str(before);
                read.push(char::from_u32(number.parse().unwrap()).unwrap());
                rest = behind;
            }
            read.push_str(rest);
            let spaced: String = title.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
            prop_assert!(read == spaced || spaced.trim().is_empty());
            let text = plan_graph(&one, GraphFormat::Dot);
            let line = text.lines().find(|line| line.contains("n0 [")).unwrap();
            let inside = line.split_once("label=\"").unwrap().1;
            let (mut read, mut chars) = (String::new(), inside.chars());
            loop {
                match chars.next().unwrap() {
                    '\\' => read.push(chars.next().unwrap()),
                    '"' => break,
                    c => read.push(c),
                }
            }
            prop_assert_eq!(read.replace("&amp;", "&"), title);
        }
    }
}
