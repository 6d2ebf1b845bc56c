//! A table of translations, and texts translated by it.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Mutex, RwLock};

use super::matching::Template;
use super::numbers::{plural, time};
use crate::model::Lang;

/// Single words, such as heads of columns, are in the table with this as `msgctxt`. They count only where they stand alone: what is
/// filled into a sentence may be a name that looks the same.
const WORD: &str = "word";

/// Words for states, which nobody gives as a name, count everywhere.
const STATE: &str = "state";

/// Texts of the screens are there with this and their name, since the same English may be said of two things.
const SCREEN: &str = "screen ";

/// How deep texts are looked for in what is filled in: errors within errors.
const DEPTH: usize = 8;

/// How many pieces of a text are looked for, and how long it may be: what a server made has as many as it likes. Ours have some
/// dozens.
const PIECES: usize = 2000;
const LONGEST: usize = 4096;

/// What has less than this of its own, such as `{} is not in {}`, may be part of anybody's text.
const OPEN: usize = 14;

/// Texts are remembered, since a screen shows the same again many times a second; no more than this.
const REMEMBERED: usize = 4096;

/// Where a text may be cut in two that were made apart, the widest cut first.
const JOINTS: [&str; 9] = ["\n", "; ", ": ", ", ", " and ", " or ", " nor ", " (", ") "];

/// Those of them that are words.
const JOINING: [&str; 3] = [" and ", " or ", " nor "];

/// A text with places, and its translation.
struct Entry {
    from: Template,
    to: Template,
    /// How much of it is fixed: of two that match, the one with more says it more exactly.
    fixed: usize,
    /// All of its own are words such as "of" and "is", which are part of anybody's texts and mean something only inside another.
    says_nothing: bool,
    /// It follows a comma or colon, and holds none that could be it.
    is_tail: bool,
}

/// How far a text has been taken apart, and how many pieces of it may still be.
#[derive(Clone, Copy)]
struct Search<'a> {
    depth: usize,
    left: &'a Cell<usize>,
    /// Whether a single word may be one of ours.
    words: bool,
}

impl Search<'_> {
    /// For a piece of what is searched.
    const fn deeper(self) -> Self {
        Self { depth: self.depth - 1, ..self }
    }

    /// For what is filled into a sentence.
    const fn inside(self) -> Self {
        Self { words: false, ..self.deeper() }
    }

    /// Whether this is the text itself, and no piece of it.
    const fn is_whole(self) -> bool {
        self.depth == DEPTH
    }
}

/// The translations of one language.
pub(super) struct Messages {
    lang: Lang,
    words: HashMap<String, String>,
    states: HashMap<String, String>,
    screens: HashMap<String, String>,
    /// Nouns that are counted, by their singular and by their plural.
    nouns: HashMap<String, Vec<String>>,
    /// Texts without places.
    whole: HashMap<String, String>,
    /// Texts with places that begin with a word, by that.
    by_start: HashMap<String, Vec<Entry>>,
    /// Those that begin with a place.
    open: Vec<Entry>,
    /// Texts of the catalog.
    learned: RwLock<HashMap<String, String>>,
    remembered: Mutex<HashMap<String, Option<String>>>,
}

impl Messages {
    /// Reads a `.po` file of ours. What cannot be read is not translated; a test reads each.
    pub(super) fn parse(po: &str, lang: Lang) -> Self {
        let mut messages = Self {
            lang,
            words: HashMap::new(),
            states: HashMap::new(),
            screens: HashMap::new(),
            nouns: HashMap::new(),
            whole: HashMap::new(),
            by_start: HashMap::new(),
            open: Vec::new(),
            learned: RwLock::new(HashMap::new()),
            remembered: Mutex::new(HashMap::new()),
        };
        let Ok(catalog) = polib::po_file::parse_from_reader(po.as_bytes()) else { return messages };
        for message in catalog.messages().filter(|message| message.is_translated()) {
            if let (Ok(plural), Ok(forms)) = (message.msgid_plural(), message.msgstr_plural()) {
                messages.nouns.insert(message.msgid().to_owned(), forms.clone());
                messages.nouns.insert(plural.to_owned(), forms.clone());
            } else if let Ok(translation) = message.msgstr() {
                match message.msgctxt() {
                    Some(WORD) => drop(messages.words.insert(message.msgid().to_owned(), translation.to_owned())),
                    Some(STATE) => drop(messages.states.insert(message.msgid().to_owned(), translation.to_owned())),
                    Some(context) => {
                        let name = context.strip_prefix(SCREEN).unwrap_or(context);
                        messages.screens.insert(name.to_owned(), translation.to_owned());
                    }
                    None => messages.add(message.msgid(), translation, false),
                }
            }
        }
        messages
    }

    fn add(&mut self, text: &str, translation: &str, is_tail: bool) {
        // What is joined to others by a comma or colon of its own is looked for without that, too.
        let joint: &[char] = &[',', ';', ':', ' '];
        if text.starts_with(joint) && translation.starts_with(joint) {
            self.add(text.trim_start_matches(joint), translation.trim_start_matches(joint), true);
        }
        if let Some(inside) = text.strip_prefix('(').and_then(|inside| inside.strip_suffix(')'))
            && let Some(translation) = translation.strip_prefix('(').and_then(|inside| inside.strip_suffix(')'))
        {
            self.add(inside, translation, is_tail);
        }
        // Space around a text belongs to what it was joined to.
        let (from, to) = (Template::parse(text.trim()), Template::parse(translation.trim()));
        if let (Some(from), Some(to)) = (from.whole(), to.whole()) {
            self.whole.insert(from.to_owned(), to.to_owned());
            return;
        }
        let word = first_word(from.start()).map(str::to_owned);
        let entry = Entry { fixed: from.fixed(), says_nothing: from.says_nothing(), from, to, is_tail };
        match word {
            Some(word) => self.by_start.entry(word).or_default().push(entry),
            None => self.open.push(entry),
        }
    }

    /// Takes translations in beside those of the table.
    pub(super) fn learn<'a>(&self, texts: impl Iterator<Item = (&'a str, &'a str)>) {
        if let (Ok(mut learned), Ok(mut remembered)) = (self.learned.write(), self.remembered.lock()) {
            learned.extend(texts.map(|(text, translation)| (text.to_owned(), translation.to_owned())));
            remembered.clear();
        }
    }

    /// A text of the screens, by its name.
    pub(super) fn screen(&self, name: &str) -> Option<&str> {
        self.screens.get(name).map(String::as_str)
    }

    /// A text of several lines that the table has as a whole.
    pub(super) fn whole(&self, text: &str) -> Option<String> {
        let inside = text.trim();
        if inside.len() > LONGEST {
            return None;
        }
        let search = Search { depth: DEPTH, left: &Cell::new(PIECES), words: true };
        let translated = self.whole.get(inside).cloned().or_else(|| self.filled(inside, search, false))?;
        Some(with_space_of(text, &translated))
    }

    /// A text in this language, as far as it is known.
    pub(super) fn translate<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if text.len() > LONGEST || !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return Cow::Borrowed(text);
        }
        if let Ok(remembered) = self.remembered.lock()
            && let Some(known) = remembered.get(text)
        {
            return known.clone().map_or(Cow::Borrowed(text), Cow::Owned);
        }
        let translated = self.find(text, Search { depth: DEPTH, left: &Cell::new(PIECES), words: true });
        if let Ok(mut remembered) = self.remembered.lock() {
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(text.to_owned(), translated.clone());
        }
        translated.map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// The translation of a text, `None` where nothing of it is known.
    fn find(&self, text: &str, search: Search<'_>) -> Option<String> {
        let inside = text.trim();
        if search.depth == 0 || inside.is_empty() {
            return None;
        }
        search.left.set(search.left.get().checked_sub(1)?);
        let translated = self
            .words
            .get(inside)
            .filter(|_| search.words)
            .or_else(|| self.states.get(inside))
            .or_else(|| self.whole.get(inside))
            .cloned()
            .or_else(|| self.learned.read().ok()?.get(inside).cloned())
            .or_else(|| self.counted(inside))
            .or_else(|| self.filled(inside, search, false))
            .or_else(|| self.parts(inside, search))
            .or_else(|| self.filled(inside, search, true))
            .or_else(|| self.in_parentheses(inside, search))?;
        Some(with_space_of(text, &translated))
    }

    /// `(quantity, optional)`, or the end of one that was cut off.
    fn in_parentheses(&self, text: &str, search: Search<'_>) -> Option<String> {
        if let Some(inside) = text.strip_prefix('(').and_then(|inside| inside.strip_suffix(')')) {
            return Some(format!("({})", self.find(inside, search.deeper())?));
        }
        let inside = text.strip_suffix(')').filter(|inside| !inside.contains(['(', ')']))?;
        Some(self.find(inside, search.deeper())? + ")")
    }

    /// `3 releases`, `1m 05s`.
    fn counted(&self, text: &str) -> Option<String> {
        if is_time(text) {
            return Some(time(self.lang, text));
        }
        let (number, noun) = text.split_once(' ')?;
        let count: u64 = number.parse().ok()?;
        let forms = self.nouns.get(noun)?;
        Some(format!("{number} {}", forms.get(plural(self.lang, count))?))
    }

    /// By the template of which most is fixed, and what is filled in translated in its turn; by one of those that say
    /// nothing, or of the others.
    fn filled(&self, text: &str, search: Search<'_>, says_nothing: bool) -> Option<String> {
        if says_nothing && search.is_whole() {
            return None;
        }
        let begun = first_word(text).and_then(|word| self.by_start.get(word));
        let mut found: Vec<(&Entry, Vec<&str>)> = begun
            .into_iter()
            .flatten()
            .chain(&self.open)
            .filter(|entry| entry.says_nothing == says_nothing)
            .filter(|entry| !entry.is_tail || !text.contains([',', ';', ':']))
            .filter_map(|entry| Some((entry, entry.from.filled(text)?)))
            .collect();
        found.sort_by_key(|(entry, _)| std::cmp::Reverse(entry.fixed));
        found.into_iter().find_map(|(entry, filled)| {
            // One that says little and leaves English phrases has met a text of somebody else.
            let open = entry.fixed < OPEN;
            let filled = filled.into_iter().map(|part| match self.find(part, search.inside()) {
                _ if says_nothing && !is_name(part) => None,
                Some(translated) => Some(translated),
                None if open && is_phrase(part) => None,
                None => Some(part.to_owned()),
            });
            Some(entry.to.fill(&entry.from, &filled.collect::<Option<Vec<_>>>()?))
        })
    }

    /// Piece by piece. A word that joins them is translated where something is filled in, whatever it joins.
    fn parts(&self, text: &str, search: Search<'_>) -> Option<String> {
        JOINTS.iter().find_map(|joint| {
            // What follows at the end first: the rest may have commas of its own.
            if text.matches(joint).count() > 1
                && let Some((rest, last)) = text.rsplit_once(joint)
                && let (Some(rest), Some(last)) = (self.find(rest, search.deeper()), self.find(last, search.deeper()))
                && !JOINING.contains(joint)
            {
                return Some(format!("{rest}{joint}{last}"));
            }
            // And a place before all else, such as `site.yaml:3:1: …`.
            if let Some((place, rest)) = text.split_once(joint)
                && is_name(place)
                && let Some(rest) = self.find(rest, search.deeper())
            {
                return Some(format!("{place}{joint}{rest}"));
            }
            let parts: Vec<&str> = text.split(joint).collect();
            if parts.len() < 2 {
                return None;
            }
            let translated: Vec<Option<String>> = parts.iter().map(|part| self.find(part, search.deeper())).collect();
            let word = self.words.get(joint.trim());
            if translated.iter().all(Option::is_none) && (word.is_none() || search.is_whole()) {
                return None;
            }
            // A cause may be somebody else's; half a sentence may not.
            let known = if matches!(*joint, "\n" | ": " | "; ") { 1 } else { parts.len() };
            let mut left = parts.iter().zip(&translated).take(known).filter(|(_, translated)| translated.is_none());
            if left.any(|(part, _)| is_phrase(part)) {
                return None;
            }
            let between = word.map_or_else(|| (*joint).to_owned(), |word| format!(" {word} "));
            let parts = parts.iter().zip(translated).map(|(part, text)| text.unwrap_or_else(|| (*part).to_owned()));
            Some(parts.collect::<Vec<_>>().join(&between))
        })
    }
}

/// A translation with the space around its text.
fn with_space_of(text: &str, translated: &str) -> String {
    let before = text.len() - text.trim_start().len();
    let behind = text.trim_end().len();
    format!("{}{translated}{}", &text[..before], &text[behind..])
}

/// Whether a text has two words of a language in a row, and so is more than names and values.
fn is_phrase(text: &str) -> bool {
    let word = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase());
    text.split(' ').collect::<Vec<_>>().windows(2).any(|pair| pair.iter().all(|one| word(one)))
}

/// Whether a text looks like a name, a number or a path, and not like a word.
fn is_name(text: &str) -> bool {
    !text.contains(' ') && text.contains(|c: char| !c.is_ascii_lowercase())
}

/// The first word of a text, if a space follows.
fn first_word(text: &str) -> Option<&str> {
    text.split_once(' ').map(|(word, _)| word).filter(|word| !word.is_empty())
}

/// Whether a text is a time as `text::duration` writes it: `0.3s`, `1m 05s`, `2h 00m 12s`. What is `500m` is half a core.
fn is_time(text: &str) -> bool {
    let number = |part: &str, unit| {
        let digits = part.strip_suffix(unit).filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()));
        digits.is_some_and(|digits| digits.parse::<f64>().is_ok())
    };
    let parts: Vec<&str> = text.split(' ').collect();
    match parts[..] {
        [seconds] => number(seconds, 's'),
        [one, two] => (number(one, 'm') && number(two, 's')) || (number(one, 'h') && number(two, 'm')),
        [hours, minutes, seconds] => number(hours, 'h') && number(minutes, 'm') && number(seconds, 's'),
        _ => false,
    }
}
