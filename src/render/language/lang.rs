//! The languages.

/// A language that the program speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Russian.
    Ru,
}

impl Lang {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::En, Self::Ru];

    /// As `--lang`, locales and the catalog's texts name it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ru => "ru",
        }
    }

    /// By that name; English where it is another.
    #[must_use]
    pub fn of(code: &str) -> Self {
        Self::ALL.into_iter().find(|lang| lang.code() == code).unwrap_or_default()
    }

    /// Which of a noun's forms goes with a number, in the order of the table's `msgstr[…]`.
    pub(in crate::render) const fn plural(self, count: u64) -> usize {
        match (self, count % 10, count % 100) {
            (Self::En, ..) => (count != 1) as usize,
            (Self::Ru, _, 11..=14) => 2,
            (Self::Ru, 1, _) => 0,
            (Self::Ru, 2..=4, _) => 1,
            (Self::Ru, ..) => 2,
        }
    }

    /// `1m 05s` and the like.
    pub(in crate::render) fn time(self, time: &str) -> String {
        match self {
            Self::En => time.to_owned(),
            Self::Ru => time.replace('h', " ч").replace('m', " мин").replace('s', " с").replace('.', ","),
        }
    }
}
