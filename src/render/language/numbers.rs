//! What a language does with numbers.

use crate::model::Lang;

/// Which of a noun's forms goes with a number, in the order of the table's `msgstr[…]`.
pub(in crate::render) const fn plural(lang: Lang, count: u64) -> usize {
    match (lang, count % 10, count % 100) {
        (Lang::En, ..) => (count != 1) as usize,
        (Lang::Ru, _, 11..=14) => 2,
        (Lang::Ru, 1, _) => 0,
        (Lang::Ru, 2..=4, _) => 1,
        (Lang::Ru, ..) => 2,
    }
}

/// `1m 05s` and the like.
pub(in crate::render) fn time(lang: Lang, time: &str) -> String {
    match lang {
        Lang::En => time.to_owned(),
        Lang::Ru => time.replace('h', " ч").replace('m', " мин").replace('s', " с").replace('.', ","),
    }
}
