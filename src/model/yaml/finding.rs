//! What is wrong with a text, and where.

use std::fmt;

use super::pos::Pos;

/// One mistake in a file: where it is, what it is and, where we can guess, what was meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file as the user knows it.
    pub file: String,
    /// Line and column.
    pub pos: Pos,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A flag or a variable has no lines.
        if self.pos == Pos::default() {
            write!(f, "{}: {}", self.file, self.message)?;
        } else {
            write!(f, "{}:{}:{}: {}", self.file, self.pos.line, self.pos.column, self.message)?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean `{suggestion}`?")?;
        }
        Ok(())
    }
}

/// All mistakes of one or more files. As an error it prints one per line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds a mistake at a place.
    pub fn add(&mut self, file: &str, pos: Pos, message: impl Into<String>) {
        self.0.push(Finding { file: file.to_owned(), pos, message: message.into(), suggestion: None });
    }

    /// Adds a mistake about a name that is not one of those known; the nearest known name is suggested.
    pub fn add_unknown<'a>(
        &mut self,
        file: &str,
        pos: Pos,
        message: impl Into<String>,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        self.0.push(Finding { file: file.to_owned(), pos, message: message.into(), suggestion: nearest(name, known) });
    }

    /// `Ok(value)` where nothing was found, else the findings in the order of the text.
    ///
    /// # Errors
    /// The findings themselves.
    pub fn into_result<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort();
        self.0.dedup();
        Err(self)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

/// The known name nearest to `name`, if it is near enough to be a typing mistake.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_is_recognised_and_another_word_is_not() {
        assert_eq!(nearest("titel", ["title", "type", "id"]), Some("title".to_owned()));
        assert_eq!(nearest("banana", ["title", "type", "id"]), None);
    }

    #[test]
    fn findings_print_place_message_and_suggestion() {
        let mut findings = Findings::default();
        let pos = Pos { line: 3, column: 5 };
        findings.add_unknown("a.yaml", pos, "unknown key `titel`", "titel", ["title"]);
        let error = findings.into_result(()).unwrap_err();
        assert_eq!(error.to_string(), "a.yaml:3:5: unknown key `titel`; did you mean `title`?");
    }
}
