//! HDFS paths and how they go into a URL.

use super::Error;
use crate::model::path_problem;

/// Checks an absolute HDFS path and gives it without doubled or trailing slashes.
///
/// What HDFS refuses is said here, before anything is changed; answers were held to the same rule.
pub(super) fn normal(path: &str) -> Result<String, Error> {
    if let Some(why) = path_problem(path) {
        return Err(Error::Path { path: path.to_owned(), why });
    }
    let mut clean = String::with_capacity(path.len());
    for name in path.split('/').filter(|name| !name.is_empty()) {
        clean.push('/');
        clean.push_str(name);
    }
    if clean.is_empty() {
        clean.push('/');
    }
    Ok(clean)
}

/// The folder and the name of a normal path; `None` for the root.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    match path.rsplit_once('/') {
        None | Some((_, "")) => None,
        Some(("", name)) => Some(("/", name)),
        Some((folder, name)) => Some((folder, name)),
    }
}

/// `folder/name` of a normal folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder == "/" { format!("/{name}") } else { format!("{folder}/{name}") }
}

/// Percent-encodes all but RFC 3986's unreserved characters, and slashes where `keep_slash`.
///
/// `+` is encoded too: Netty in older DataNodes reads it as a space.
pub(super) fn encode(text: &str, keep_slash: bool) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            b'/' if keep_slash => encoded.push('/'),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_normal_or_refused() {
        assert_eq!(normal("/").unwrap(), "/");
        assert_eq!(normal("//a///b/").unwrap(), "/a/b");
        for bad in ["", "a/b", "/a/../b", "/a/./b", "/a:b", "/a\nb"] {
            assert!(normal(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn folder_and_name() {
        assert_eq!(split("/"), None);
        assert_eq!(split("/a"), Some(("/", "a")));
        assert_eq!(split("/a/b"), Some(("/a", "b")));
        assert_eq!((join("/", "x"), join("/a", "x")), ("/x".into(), "/a/x".into()));
    }

    #[test]
    fn what_a_url_would_read_otherwise_is_encoded() {
        assert_eq!(encode("/a b/é+%?#&.jar", true), "/a%20b/%C3%A9%2B%25%3F%23%26.jar");
        assert_eq!(encode("/a", false), "%2Fa");
    }
}
