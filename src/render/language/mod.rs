//! The language of what people read. The program makes its texts in English: plans, events, journals and JSON are the same
//! for everybody, and a journal can be read in another language than it was written in. What is about to be shown is
//! translated here, as gettext does it: by its English text, from a table (`ru.po`) that translators know how to edit.
//!
//! To add a language: a variant of [`Lang`]; the compiler names the places that it needs, and `tests/messages.rs` what its `.po` file
//! lacks.

mod matching;
mod messages;
mod numbers;
#[cfg(test)]
pub(in crate::render) mod tests;

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::text;
pub use crate::model::Lang;
use messages::Messages;
pub(super) use numbers::{plural, time};

/// The table of each language, once it is needed.
static TABLES: [OnceLock<Messages>; Lang::ALL.len()] = [const { OnceLock::new() }; Lang::ALL.len()];

/// What `--lang` and the locale chose, for the whole process: its place in [`Lang::ALL`].
static CHOSEN: AtomicUsize = AtomicUsize::new(Lang::En as usize);

thread_local! {
    /// What [`within`] chose for a part of the work of this thread.
    static HERE: Cell<Option<Lang>> = const { Cell::new(None) };
}

/// The translations into a language; English needs none.
const fn translations(lang: Lang) -> Option<&'static str> {
    match lang {
        Lang::En => None,
        Lang::Ru => Some(include_str!("ru.po")),
    }
}

/// The table of a language that has one.
fn table(lang: Lang) -> Option<&'static Messages> {
    let po = translations(lang)?;
    Some(TABLES[lang as usize].get_or_init(|| Messages::parse(po, lang)))
}

/// A text of the screens by its name, or as it is in English.
pub(super) fn screen_text(lang: Lang, name: &str, english: &'static str) -> &'static str {
    table(lang).and_then(|messages| messages.screen(name)).unwrap_or(english)
}

/// Chooses the language of the process.
pub fn choose(lang: Lang) {
    CHOSEN.store(lang as usize, Ordering::Relaxed);
}

/// Translations from elsewhere than the table into the language of the process: those of the catalog.
pub fn learn<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) {
    if let Some(messages) = table(current()) {
        messages.learn(texts);
    }
}

/// The language in which texts are shown here.
#[must_use]
pub fn current() -> Lang {
    HERE.get().or_else(|| Lang::ALL.get(CHOSEN.load(Ordering::Relaxed)).copied()).unwrap_or_default()
}

/// Does something in a language of its own, such as drawing a screen.
pub fn within<T>(lang: Lang, work: impl FnOnce() -> T) -> T {
    /// Puts back what was there, whichever way the work ends.
    struct Before(Option<Lang>);
    impl Drop for Before {
        fn drop(&mut self) {
            HERE.set(self.0);
        }
    }
    let _before = Before(HERE.replace(Some(lang)));
    work()
}

/// A text that the program made, in the language of the reader. What the table does not know stays as it is: names, paths,
/// and what others wrote.
#[must_use]
pub fn say(text: &str) -> Cow<'_, str> {
    match table(current()) {
        Some(messages) => messages.translate(text),
        None => Cow::Borrowed(text),
    }
}

/// A text that the program made as it will be seen: one line, in the language of the reader. By itself and not as part of
/// another, since it is found by what it was made from.
#[must_use]
pub fn shown(text: &str) -> String {
    text::clean(&say(text))
}

/// A label of ours, such as `error: ` or ` on `, with what stands around its words.
#[must_use]
pub fn label(label: &str) -> Cow<'_, str> {
    if table(current()).is_none() {
        return Cow::Borrowed(label);
    }
    let inside = label.trim_matches(|c: char| !c.is_alphanumeric());
    let Some(at) = label.find(inside).filter(|_| !inside.is_empty()) else { return Cow::Borrowed(label) };
    let translated = say(inside);
    Cow::Owned(format!("{}{translated}{}", &label[..at], &label[at + inside.len()..]))
}

/// A text of several lines, each by itself, and so each of its columns, which two spaces or more are between.
#[must_use]
pub fn say_lines(text: &str) -> Cow<'_, str> {
    let Some(messages) = table(current()) else { return Cow::Borrowed(text) };
    if text.trim_end().contains('\n')
        && let Some(whole) = messages.whole(text)
    {
        return Cow::Owned(whole);
    }
    let lines = text.split_inclusive('\n').map(columns);
    Cow::Owned(lines.collect())
}

/// One line; what is wider or narrower than before gives or takes some of the space behind it, so that columns stay.
fn columns(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let blank = rest.len() - rest.trim_start_matches(' ').len();
        let (space, after) = rest.split_at(blank);
        let end = after.find("  ").unwrap_or(after.len());
        let (cell, behind) = after.split_at(end);
        out.push_str(space);
        let shown = say(cell);
        out.push_str(&shown);
        let gap = behind.len() - behind.trim_start_matches(' ').len();
        let (was, is) = (text::width(cell), text::width(&shown));
        // Nothing stands behind the last one.
        let kept = if gap == behind.len() { gap } else { (gap + was).saturating_sub(is).max(gap.min(2)) };
        out.push_str(&" ".repeat(kept));
        rest = &behind[gap..];
    }
    out
}
