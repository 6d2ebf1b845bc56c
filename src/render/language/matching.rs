//! Texts with places where something is filled in, found again in what was made of them.

/// A text with `{}`, `{name}` or `{name:format}` in it, as Rust's macros take it.
#[derive(Debug)]
pub(super) struct Template {
    /// What stands before, between and behind the places.
    literals: Vec<String>,
    /// The places, by name or number.
    places: Vec<String>,
}

impl Template {
    /// Any text is one.
    pub(super) fn parse(text: &str) -> Self {
        let (mut literals, mut places, mut literal) = (Vec::new(), Vec::new(), String::new());
        let mut unnamed = 0_usize..;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' | '}' if chars.peek() == Some(&c) => {
                    chars.next();
                    literal.push(c);
                }
                '{' => {
                    let inside: String = chars.by_ref().take_while(|c| *c != '}').collect();
                    let name = inside.split(':').next().unwrap_or_default();
                    let number = if name.is_empty() { unnamed.next() } else { None };
                    places.push(number.map_or_else(|| name.to_owned(), |number| number.to_string()));
                    literals.push(std::mem::take(&mut literal));
                }
                c => literal.push(c),
            }
        }
        literals.push(literal);
        Self { literals, places }
    }

    /// The text, where nothing is filled in.
    pub(super) fn whole(&self) -> Option<&str> {
        if self.places.is_empty() { self.literals.first().map(String::as_str) } else { None }
    }

    /// What it begins with.
    pub(super) fn start(&self) -> &str {
        self.literals.first().map_or("", String::as_str)
    }

    /// How many bytes of it are fixed.
    pub(super) fn fixed(&self) -> usize {
        self.literals.iter().map(String::len).sum()
    }

    /// Whether all that it has of its own are words that join others.
    pub(super) fn says_nothing(&self) -> bool {
        const JOINING: [&str; 23] = [
            "a", "an", "and", "are", "as", "at", "by", "for", "has", "have", "in", "is", "it", "its", "no", "not",
            "of", "on", "or", "than", "the", "to", "with",
        ];
        let words = self.literals.iter().flat_map(|literal| literal.split(|c: char| !c.is_alphanumeric()));
        words.filter(|word| !word.is_empty()).all(|word| JOINING.contains(&word))
    }

    /// What was filled in, in order, if the text was made of this; the shortest for each place but the last.
    pub(super) fn filled<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let (first, rest) = self.literals.split_first()?;
        let (last, middle) = rest.split_last()?;
        let mut rest = text.strip_prefix(first.as_str())?.strip_suffix(last.as_str())?;
        let mut filled = Vec::with_capacity(self.places.len());
        for literal in middle {
            // Two places with nothing between them: all is the second's.
            let at = if literal.is_empty() { 0 } else { rest.find(literal.as_str())? };
            filled.push(&rest[..at]);
            rest = &rest[at + literal.len()..];
        }
        filled.push(rest);
        Some(filled)
    }

    /// This one, a translation of `of`, with what was filled in there.
    pub(super) fn fill(&self, of: &Self, filled: &[String]) -> String {
        let mut out = String::new();
        for (index, literal) in self.literals.iter().enumerate() {
            out.push_str(literal);
            if let Some(place) = self.places.get(index)
                && let Some(at) = of.places.iter().position(|name| name == place)
            {
                out.push_str(&filled[at]);
            }
        }
        out
    }

    /// The places, sorted: a translation has the same.
    #[cfg(test)]
    pub(super) fn places(&self) -> std::collections::BTreeSet<&str> {
        self.places.iter().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filled_in_is_found_again() {
        let filled = |template: &str, text: &'static str| Template::parse(template).filled(text);
        assert_eq!(filled("failed to read {}", "failed to read a.yaml"), Some(vec!["a.yaml"]));
        assert_eq!(filled("{command} succeeded in {took}", "install succeeded in 2m"), Some(vec!["install", "2m"]));
        assert_eq!(filled("{} is {}", "a is b is c"), Some(vec!["a", "b is c"]));
        assert_eq!(filled("{}, {x:>8} of {}", "a, b of c"), Some(vec!["a", "b", "c"]));
        assert_eq!(filled("{{{}}}", "{a}"), Some(vec!["a"]));
        assert_eq!(filled("{}a", "b"), None);
        assert_eq!(filled("ab{}ba", "aba"), None, "what is before and behind does not overlap");
    }

    #[test]
    fn places_may_change_their_order() {
        let (from, to) = (Template::parse("{} of {}"), Template::parse("из {1}: {0}"));
        assert_eq!(to.fill(&from, &["a".to_owned(), "b".to_owned()]), "из b: a");
    }
}
