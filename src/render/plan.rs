//! A plan as a table.

use super::Look;
use super::paint::{Paint, Spans, join};
use super::{language, text};
use crate::model::SecretRef;
use crate::model::cluster::ClusterInfo;
use crate::plan::{Change, FilledFrom, FilledSecret, Plan, Step};

/// Reasons that are shown without `--verbose`.
const REASONS: usize = 2;

/// A title gets a line of its own where fewer columns than this are left beside the component's.
const LEAST: usize = 28;

/// The target in words: `windlass-sandbox (https://10.97.0.2:6443, user admin, v1.34.4)`.
#[must_use]
pub fn target(cluster: &ClusterInfo) -> String {
    let ClusterInfo { context, server, user, version } = cluster;
    let user = if user.is_empty() { String::new() } else { format!(", user {user}") };
    language::shown(&format!("{context} ({server}{user}, {version})"))
}

/// `3 to create, 1 to update, 20 unchanged, 4 checks`, or `nothing to do`.
pub(super) fn totals(changes: impl Iterator<Item = Change>) -> String {
    let mut counts = [0_usize; 5];
    for change in changes {
        counts[place(change)] += 1;
    }
    let [create, update, delete, nothing, check] = counts;
    if create + update + delete + check == 0 {
        return if nothing == 0 { "nothing to do".to_owned() } else { format!("nothing to do, {nothing} unchanged") };
    }
    let parts = [
        (create, format!("{create} to create")),
        (update, format!("{update} to update")),
        (delete, format!("{delete} to delete")),
        (nothing, format!("{nothing} unchanged")),
        (check, text::count(check, "check")),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    parts.join(", ")
}

const fn place(change: Change) -> usize {
    match change {
        Change::Create => 0,
        Change::Update => 1,
        Change::Delete => 2,
        Change::Nothing => 3,
        Change::Check => 4,
    }
}

pub(super) const fn paint(change: Change) -> Paint {
    match change {
        Change::Create => Paint::Good,
        Change::Update => Paint::Warn,
        Change::Delete => Paint::Bad,
        Change::Check => Paint::Accent,
        Change::Nothing => Paint::Dim,
    }
}

/// The plan's steps, what each would change and why, and how many there are of each kind.
#[must_use]
pub fn plan_table(plan: &Plan, look: &Look) -> String {
    let mut lines: Vec<Spans> = plan
        .overlaid
        .iter()
        .flat_map(|(component, folder)| {
            let note = format!("the definition of {component} comes from {folder}, not from windlass itself");
            wrapped("note: ", Paint::Warn, &note, look, 0)
        })
        .collect();
    lines.extend(plan.skipped.iter().flat_map(|check| {
        let what = if check.is_check() { "check" } else { "step" };
        let note = format!("{}: the {what} `{}` is skipped: it needs {}", check.component, check.title, check.why);
        wrapped("note: ", Paint::Warn, &note, look, 0)
    }));
    let widest = |name: fn(&Step) -> &str, least: &str| {
        plan.steps
            .iter()
            .map(|step| text::width(&language::shown(name(step))))
            .max()
            .map_or(0, |widest| widest.max(text::width(&language::shown(least))))
    };
    let change = widest(|step| step.change.word(), "change");
    let component = widest(|step| &step.component, "component");
    let title = widest(|step| &step.title, "step");
    let before = change + 2 + component + 2;
    let whys = plan.steps.iter().flat_map(|step| &step.why).map(|why| language::shown(why));
    let word = whys.flat_map(|why| why.split_whitespace().map(text::width).max()).max().unwrap_or(0);
    let layout = Layout { change, component, title, word, before, look };
    if !plan.steps.is_empty() {
        let head = Spans::new().column(Paint::Dim, "change", change).gap(2).column(Paint::Dim, "component", component);
        lines.push(head.gap(2).column(Paint::Dim, "step", if layout.beside() { title } else { 0 }).gap(2).add(
            Paint::Dim,
            if layout.beside() && plan.steps.iter().any(|step| !step.why.is_empty()) { "why" } else { "" },
        ));
        for step in &plan.steps {
            layout.step(step, &mut lines);
        }
        lines.push(Spans::new());
    }
    lines.extend(secrets(plan, look));
    let totals = text::wrap(&language::shown(&totals(plan.steps.iter().map(|step| step.change))), look.width);
    lines.extend(totals.into_iter().map(|row| Spans::new().add(Paint::Bold, row)));
    join(lines, look.color)
}

/// The Secrets that it fills: names, keys and where their content comes from.
fn secrets(plan: &Plan, look: &Look) -> Vec<Spans> {
    let secrets = plan.secrets();
    if secrets.is_empty() {
        return Vec::new();
    }
    let rows = text::wrap(&language::shown("Secrets that windlass fills; their content is never shown"), look.width);
    let mut lines: Vec<Spans> = rows.into_iter().map(|row| Spans::new().add(Paint::Dim, row)).collect();
    let column = secrets.iter().map(|secret| text::width(&language::shown(secret.change.word()))).max().unwrap_or(0);
    for FilledSecret { change, namespace, name, keys, from } in secrets {
        let from = match from {
            FilledFrom::Source(SecretRef::Generate) => "generated".to_owned(),
            FilledFrom::Source(from @ SecretRef::Secret(_)) => format!("a copy of {from}"),
            FilledFrom::Source(from) => format!("from {from}"),
            FilledFrom::Made([]) => "created from answers".to_owned(),
            FilledFrom::Made(of) => format!("created from {}", of.join(", ")),
        };
        let label = format!("{}  ", text::pad(&language::shown(change.word()), column));
        let text = format!("{namespace}/{name}: {}; {from}", keys.join(", "));
        let longest = text.split_whitespace().map(text::width).max().unwrap_or(0);
        if label.len() + longest <= look.width {
            lines.extend(wrapped(&label, paint(change), &text, look, 0));
        } else {
            // A name that does not fit beside the label goes below it.
            lines.push(Spans::new().add(paint(change), change.word()));
            lines.extend(wrapped("", Paint::Plain, &text, look, 2));
        }
    }
    lines.push(Spans::new());
    lines
}

/// A text after its label, broken between words.
pub(super) fn wrapped(label: &str, paint: Paint, text: &str, look: &Look, indent: usize) -> Vec<Spans> {
    let label = language::label(label);
    let wide = text::width(&label);
    let after = indent + wide;
    text::wrap(&language::shown(text), look.width.saturating_sub(after))
        .into_iter()
        .enumerate()
        .map(|(row, text)| {
            let line = Spans::indent(indent);
            let line = if row == 0 { line.add_label(paint, &label) } else { line.gap(wide) };
            line.add(Paint::Plain, text)
        })
        .collect()
}

struct Layout<'a> {
    change: usize,
    component: usize,
    title: usize,
    /// The longest word of the reasons.
    word: usize,
    /// Columns before the title.
    before: usize,
    look: &'a Look,
}

impl Layout<'_> {
    /// Whether the reasons have a column of their own, wide enough for their longest word.
    fn beside(&self) -> bool {
        self.look.width.saturating_sub(self.before + self.title + 2) >= self.word.max(LEAST)
    }

    fn step(&self, step: &Step, lines: &mut Vec<Spans>) {
        let tone = if step.change == Change::Nothing { Paint::Dim } else { Paint::Plain };
        let head = Spans::new()
            .column(paint(step.change), step.change.word(), self.change)
            .gap(2)
            .column(tone, &step.component, self.component)
            .gap(2);
        let why = self.why(step);
        if self.beside() {
            let room = self.look.width.saturating_sub(self.before + self.title + 2);
            let mut why = why.iter().flat_map(|why| text::wrap(&language::shown(why), room));
            let first = head.column(tone, &step.title, self.title).gap(2);
            lines.push(first.add(Paint::Dim, why.next().unwrap_or_default()));
            let indent = self.before + self.title + 2;
            lines.extend(why.map(|why| Spans::indent(indent).add(Paint::Dim, why)));
            return;
        }
        let title = language::shown(&step.title);
        let room = self.look.width.saturating_sub(self.before);
        let indent = if room >= LEAST {
            let mut rows = text::wrap(&title, room).into_iter();
            lines.push(head.add(tone, rows.next().unwrap_or_default()));
            lines.extend(rows.map(|row| Spans::indent(self.before).add(tone, row)));
            self.before + 2
        } else {
            lines.push(head);
            let rows = text::wrap(&title, self.look.width.saturating_sub(2));
            lines.extend(rows.into_iter().map(|row| Spans::indent(2).add(tone, row)));
            4
        };
        for why in why {
            let rows = text::wrap(&language::shown(&why), self.look.width.saturating_sub(indent + 2));
            lines.extend(rows.into_iter().enumerate().map(|(row, why)| {
                let mark = if row == 0 { "- " } else { "  " };
                Spans::indent(indent).add_label(Paint::Dim, mark).add(Paint::Dim, why)
            }));
        }
    }

    fn why(&self, step: &Step) -> Vec<String> {
        let shown = if self.look.verbose { usize::MAX } else { REASONS };
        let mut why: Vec<String> = step.why.iter().take(shown).cloned().collect();
        let more = step.why.len() - why.len();
        if more > 0 {
            why.push(format!("and {more} more, -v shows all"));
        }
        why
    }
}
