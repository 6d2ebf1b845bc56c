//! Texts that change when a Secret's content changes and reveal nothing of it.
//!
//! They stand in annotations of pods, and so in Helm's values, in plans and journals, where people look who may not read
//! Secrets. A plain digest there would let them try out passwords for as long as they like; this one begins with a key that
//! only the state of windlass has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Secret;

const BEGIN: &str = "version_of_";
const END: &str = "_now";

/// SHA-256's block.
const BLOCK: usize = 64;

/// How many of the digest's bytes are shown: 64 bits.
const SHOWN: usize = 8;

/// The Secret that holds what is to take the place of another's content.
#[must_use]
pub fn next_secret(name: &str) -> String {
    const LONGEST: usize = 253;
    const SUFFIX: &str = "-next";
    let kept: String = name.chars().take(LONGEST - SUFFIX.len()).collect();
    format!("{}{SUFFIX}", kept.trim_end_matches(['-', '.']))
}

/// What stands in a text for the version of a Secret until that is known. It is a label's value, too.
#[must_use]
pub fn version_mark(namespace: &str, name: &str) -> String {
    // Neither name may hold an underscore.
    format!("{BEGIN}{namespace}_{name}{END}")
}

/// The Secrets whose versions stand in a text, by namespace and name.
#[must_use]
pub fn versions_in(text: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    each(text, |mark, namespace, name| {
        found.insert((namespace.to_owned(), name.to_owned()));
        mark.to_owned()
    });
    found
}

/// The same in all texts of a value.
pub fn versions_in_value(value: &Value, found: &mut BTreeSet<(String, String)>) {
    match value {
        Value::String(text) => found.extend(versions_in(text)),
        Value::Array(items) => items.iter().for_each(|item| versions_in_value(item, found)),
        Value::Object(entries) => entries.values().for_each(|value| versions_in_value(value, found)),
        _ => {}
    }
}

/// Puts the versions that are known in their places.
#[must_use]
pub fn with_versions(text: &str, known: &BTreeMap<(String, String), String>) -> String {
    each(text, |mark, namespace, name| {
        known.get(&(namespace.to_owned(), name.to_owned())).map_or(mark, String::as_str).to_owned()
    })
}

/// The same in all texts of a value.
pub fn fill_versions(value: &mut Value, known: &BTreeMap<(String, String), String>) {
    match value {
        Value::String(text) if text.contains(BEGIN) => *text = with_versions(text, known),
        Value::Array(items) => items.iter_mut().for_each(|item| fill_versions(item, known)),
        Value::Object(entries) => entries.values_mut().for_each(|value| fill_versions(value, known)),
        _ => {}
    }
}

/// The text with each mark replaced.
fn each(text: &str, mut replaced: impl FnMut(&str, &str, &str) -> String) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        let inner = &rest[begin + BEGIN.len()..];
        let names = inner.find(END).and_then(|end| inner[..end].split_once('_').map(|names| (end, names)));
        made.push_str(&rest[..begin]);
        match names {
            Some((end, (namespace, name))) => {
                let whole = BEGIN.len() + end + END.len();
                made.push_str(&replaced(&rest[begin..begin + whole], namespace, name));
                rest = &rest[begin + whole..];
            }
            None => {
                made.push_str(BEGIN);
                rest = inner;
            }
        }
    }
    made + rest
}

/// The version of a Secret that holds this. Two Secrets that hold the same have others.
#[must_use]
pub fn secret_version(salt: &str, namespace: &str, name: &str, data: &BTreeMap<String, Secret>) -> String {
    let mut parts = vec![namespace.as_bytes(), name.as_bytes()];
    parts.extend(data.iter().flat_map(|(key, value)| [key.as_bytes(), value.expose().as_bytes()]));
    keyed(salt, &parts).iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect()
}

/// HMAC-SHA256 over parts, each with its length before it, so that no other parts give the same.
#[must_use]
pub fn keyed(salt: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut message = Vec::new();
    for part in parts {
        message.extend((part.len() as u64).to_be_bytes());
        message.extend(*part);
    }
    hmac(salt.as_bytes(), &message)
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    match key.len() > BLOCK {
        true => block[..32].copy_from_slice(&Sha256::digest(key)),
        false => block[..key.len()].copy_from_slice(key),
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_digest_is_the_one_of_rfc_4231() {
        let made = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&made), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(&long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn a_version_follows_the_content_and_nothing_else() {
        let data = |pairs: &[(&str, &str)]| -> BTreeMap<String, Secret> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), Secret::new((*value).to_owned()))).collect()
        };
        let of = |salt: &str, name: &str, pairs| secret_version(salt, "ns", name, &data(pairs));
        let one = of("salt", "a", &[("k", "v")]);
        assert_eq!((one.len(), &one), (16, &of("salt", "a", &[("k", "v")])));
        for other in [
            of("salt", "a", &[("k", "w")]),
            of("salt", "a", &[("kv", "")]),
            of("salt", "a", &[("k", "v"), ("l", "")]),
            of("salt", "b", &[("k", "v")]),
            of("other", "a", &[("k", "v")]),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn marks_are_found_and_replaced_wherever_they_stand() {
        let mark = version_mark("ns", "my-db");
        let text = format!("a {mark} b version_of_ c_now {mark}{mark} version_of_x");
        assert_eq!(versions_in(&text).into_iter().collect::<Vec<_>>(), [("ns".to_owned(), "my-db".to_owned())]);
        let known = BTreeMap::from([(("ns".to_owned(), "my-db".to_owned()), "77".to_owned())]);
        let filled = with_versions(&text, &known);
        assert!(filled.starts_with("a 77 b version_of_ c_now 7777") && filled.ends_with("version_of_x"), "{filled}");
        assert_eq!(with_versions(&text, &BTreeMap::new()), text);
        let mut value = serde_json::json!({"a": [{"b": mark}], "c": 1});
        let mut found = BTreeSet::new();
        versions_in_value(&value, &mut found);
        assert_eq!(found.len(), 1);
        fill_versions(&mut value, &known);
        assert_eq!(value, serde_json::json!({"a": [{"b": "77"}], "c": 1}));
    }
}
