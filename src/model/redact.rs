//! Tokens out of texts that others wrote.

/// Replaces everything that looks like a JSON Web Token. Livy 0.9 logs its service account's at INFO.
#[must_use]
pub fn redact(text: &str) -> String {
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(|c| !is_token(c)).map_or(rest.len(), |length| at + length);
        let word = &rest[at..end];
        // Header, payload and signature; a word that merely begins so stays.
        let token = word.matches('.').count() >= 2 && word.len() > 20;
        out.push_str(if token { "[token]" } else { word });
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_and_words_stay() {
        let text = "Refresh a new token eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl, eyJ is short";
        assert_eq!(redact(text), "Refresh a new token [token], eyJ is short");
    }
}
