//! Which names of files are meant.

use globset::{Glob, GlobMatcher};

/// A pattern for names of files, as a shell has them: `*`, `?`, `[a-z]` and `{jar,zip}`.
#[derive(Debug, Clone)]
pub struct NamePattern(GlobMatcher);

impl NamePattern {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, with the pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        match Glob::new(text) {
            Ok(glob) => Ok(Self(glob.compile_matcher())),
            Err(error) => Err(format!("`{text}` is not a valid file name pattern: {}", error.kind())),
        }
    }

    /// Whether a name is meant.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        self.0.is_match(name)
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.glob().glob()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_as_in_a_shell() {
        for (name, pattern, wanted) in [
            ("a.jar", "*.jar", true),
            ("a.jar.part", "*.jar", false),
            ("a.jar", "*", true),
            ("a.jar", "a.jar", true),
            ("ab.jar", "a.jar", false),
            ("a-1-b", "a*1*b", true),
            ("ab", "a*ab", false),
            ("jar", "*.jar", false),
            ("a b\nc.jar", "*.jar", true),
            ("отчёт.jar", "*т.jar", true),
            ("a.zip", "*.{jar,zip}", true),
            ("a1.jar", "a[0-9].jar", true),
            ("a10.jar", "a?.jar", false),
        ] {
            assert_eq!(NamePattern::parse(pattern).unwrap().fits(name), wanted, "{name} {pattern}");
        }
        let wrong = NamePattern::parse("a[.jar").unwrap_err();
        assert!(wrong.starts_with("`a[.jar` is not a valid file name pattern: "), "{wrong}");
    }
}
