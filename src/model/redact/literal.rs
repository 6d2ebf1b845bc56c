//! Secrets that are written in files, as opposed to code that only names them.

use super::known::redact;
use super::mark::REDACTED;

/// What replaces a secret.
const MARKS: [&str; 2] = [REDACTED, "(token)"];

/// The number of the first line of a file in which a secret is written. In Python only texts can be secrets, and what
/// looks like one wherever it stands: `password = os.environ["PASSWORD"]` is how one should be read.
#[must_use]
pub fn secret_line(path: &str, text: &str) -> Option<usize> {
    let python = path.ends_with(".py");
    let (at, _) = redacted(text).into_iter().find(|(at, piece)| !python || is_literal(text, *at, piece))?;
    Some(text[..at].matches('\n').count() + 1)
}

/// What [`redact`] replaces, and where it stands.
fn redacted(text: &str) -> Vec<(usize, &str)> {
    let clean = redact(text);
    let (mut rest, mut done, mut found) = (clean.as_str(), 0, Vec::new());
    while let Some((at, mark)) = MARKS.iter().filter_map(|mark| Some((rest.find(mark)?, *mark))).min() {
        done += at;
        rest = &rest[at + mark.len()..];
        let kept = MARKS.iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
        let Some(tail) = text.get(done..) else { break };
        let end = match &rest[..kept] {
            "" => tail.len(),
            kept if kept.len() == rest.len() => tail.len().saturating_sub(kept.len()),
            kept => tail.find(kept).unwrap_or(tail.len()),
        };
        let Some(piece) = tail.get(..end) else { break };
        if piece != mark {
            found.push((done, piece));
        }
        done += end;
    }
    found
}

/// Whether a piece of Python is a text, or looks like a secret by itself; otherwise it is a name, or a call.
fn is_literal(text: &str, at: usize, piece: &str) -> bool {
    let line = &text[text[..at].rfind('\n').map_or(0, |end| end + 1)..at];
    let inside = ['"', '\''].iter().any(|quote| line.matches(*quote).count() % 2 == 1);
    let piece = piece.trim_start();
    if inside {
        return !is_placeholder(piece);
    }
    let marks = piece.len() - piece.trim_start_matches(['b', 'u', 'r', 'f', 'B', 'R', 'F']).len();
    let (marks, held) = piece.split_at(if marks <= 2 { marks } else { 0 });
    if let Some(quote) = held.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let held = held.trim_start_matches(quote);
        return !(is_placeholder(held) || marks.contains(['f', 'F']) && held.contains('{'));
    }
    redacted(piece).into_iter().any(|(inner, part)| part == piece || is_literal(piece, inner, part))
}

/// Whether a text is filled in later: `{token}`, `Bearer %s`.
fn is_placeholder(text: &str) -> bool {
    let scheme = ["Bearer ", "Basic ", "Token "].iter().find_map(|scheme| text.strip_prefix(scheme));
    let text = scheme.unwrap_or(text);
    text.starts_with(['{', '%']) || text.trim_start_matches(['"', '\'', ')', ' ']).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_reads_a_secret_is_none() {
        for code in [
            "password = os.environ[\"DB_PASSWORD\"]",
            "print(\"TOKEN\", os.environ.get(\"TOKEN\"), flush=True)",
            "token = os.getenv('TOKEN')",
            "client = Client(user=user, password=password, token=self.token)",
            "config = {\"sasl.password\": os.environ[\"PW\"], \"sasl.username\": user}",
            "api_key: str = settings.api_key",
            "headers = {\"Authorization\": f\"Bearer {token}\"}",
            "headers = {'Authorization': 'Bearer %s' % token}",
            "with open(\"/secret/env\") as file: password = file.read()",
            "password = getpass.getpass()",
            "def login(user, password=None, token: str = \"\"):",
            "    password: what opens the database",
            "secret = None",
        ] {
            for text in [code.to_owned(), format!("import os\n{code}\nx = 1\n")] {
                assert_eq!(secret_line("flow.py", &text), None, "{text}");
            }
        }
    }

    #[test]
    fn a_secret_that_is_written_is_one() {
        for (path, code) in [
            ("flow.py", "password = 'correct-horse'"),
            ("flow.py", "client = Client(user=user, password=\"correct-horse\")"),
            ("flow.py", "config = {\"sasl.username\": user, \"sasl.password\": \"correct-horse\"}"),
            ("flow.py", "token = token or \"correct-horse\"; password = \"correct-horse\""),
            ("flow.py", "key = \"AKIAIOSFODNN7EXAMPLF\""),
            ("flow.py", "url = \"postgresql://me:correct-horse@db/x\""),
            ("settings.yaml", "password: correcthorse"),
            (".env", "DB_PASSWORD=correcthorse"),
            ("settings.ini", "token = abc.def"),
        ] {
            assert_eq!(secret_line(path, &format!("import os\n{code}\nx = 1\n")), Some(2), "{code}");
        }
        let key = "import os\nKEY = \"\"\"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\"\"\"\n";
        assert!(secret_line("flow.py", key).is_some());
    }
}
