//! Filters that put a text into others: URLs, HTTP headers, shells, files of logins.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, Error, ErrorKind};

use crate::model::keyed;

/// How errors of that filter begin: they repeat nothing.
pub(super) const HTPASSWD: &str = "htpasswd:";

/// Twice the work for each one more. What `htpasswd -B` takes is 5; 10 is what others take by now.
const COST: u32 = 10;

/// The cost where templates are only checked.
const CHEAPEST: u32 = 4;

/// The most bytes of a password that bcrypt uses: the rest would be ignored.
const LONGEST: usize = 72;

/// For all templates.
pub(super) fn add(env: &mut Environment<'static>) {
    env.add_filter("urlencode", |text: String| later(&text, "urlencode").unwrap_or_else(|| urlencode(&text)));
    env.add_filter("b64encode", |text: String| later(&text, "b64encode").unwrap_or_else(|| STANDARD.encode(text)));
    env.add_filter("quote", |text: String| later(&text, "quote").unwrap_or_else(|| quote(&text)));
}

/// What only a run knows stands for itself until then, and so does a filter behind it.
fn later(text: &str, filter: &str) -> Option<String> {
    let inner = text.strip_prefix("{{ ")?.strip_suffix(" }}")?;
    (!inner.contains(['{', '}'])).then(|| format!("{{{{ {inner} | {filter} }}}}"))
}

/// For templates that see secrets: what they make of one is known as a secret, too. Without a key templates are only
/// checked, with placeholders for secrets.
pub(super) fn add_hashes(env: &mut Environment<'static>, key: Option<&str>, learn: fn(&str)) {
    let known = move |text: String| {
        learn(&text);
        text
    };
    let Some(key) = key.map(str::to_owned) else {
        env.add_filter("htpasswd", |password: String, user: String| htpasswd("", &user, &password, CHEAPEST));
        return;
    };
    // What it leaves as it is is known already, or no secret: a user's name is not.
    env.add_filter("urlencode", move |text: String| {
        let made = urlencode(&text);
        if made == text { made } else { known(made) }
    });
    env.add_filter("b64encode", move |text: String| known(STANDARD.encode(text)));
    env.add_filter("quote", move |text: String| known(quote(&text)));
    env.add_filter("htpasswd", move |password: String, user: String| htpasswd(&key, &user, &password, COST).map(known));
}

/// Everything but letters, digits and `-._~`, so that it fits any part of a URL.
fn urlencode(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => made.push(char::from(byte)),
            _ => made.push_str(&format!("%{byte:02X}")),
        }
    }
    made
}

/// One word of a shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `user:hash` with bcrypt. The salt is made of user and password with a key that only the state of windlass has: the same
/// again gives the same line, and the salt does not reveal the password.
fn htpasswd(key: &str, user: &str, password: &str, cost: u32) -> Result<String, Error> {
    let wrong = |what: &str| Error::new(ErrorKind::InvalidOperation, format!("{HTPASSWD} {what}"));
    if user.is_empty() || user.contains([':', '\n', '\r']) {
        return Err(wrong("a user name must not be empty or contain a colon or a line break"));
    }
    if password.is_empty() || password.len() > LONGEST || password.contains('\0') {
        return Err(wrong("a password must have 1 to 72 bytes, the limit of bcrypt"));
    }
    let mut salt = [0_u8; 16];
    salt.copy_from_slice(&keyed(key, &[b"htpasswd", user.as_bytes(), password.as_bytes()])[..16]);
    let hash = bcrypt::hash_with_salt(password, cost, salt).map_err(|_| wrong("failed to hash the password"))?;
    // The form that web servers know.
    Ok(format!("{user}:{}", hash.format_for_version(bcrypt::Version::TwoY)))
}
