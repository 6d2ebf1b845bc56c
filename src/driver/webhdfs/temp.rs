//! Names of files that are not finished.
//!
//! New for each try: a DataNode that hung in safe mode carries an abandoned CREATE out later, and must then find
//! nothing of ours under that name. The name starts with a dot and ends in `.part`, so that neither `*.jar` nor Java's
//! `lib/*` nor a Hadoop input path ever takes one for a file.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

const PREFIX: &str = ".windlass-";
const SUFFIX: &str = ".part";
const RANDOM_LEN: usize = 16;
/// The first half is the same for all names that this process makes.
static PROCESS: LazyLock<u32> = LazyLock::new(random);
/// HDFS allows 255 bytes for a name; the rest is ours.
const LONGEST_KEPT: usize = 200;

/// A fresh temporary name that shows which file it is to become.
pub(super) fn name(of: &str) -> String {
    let (process, random) = (*PROCESS, random());
    let mut end = of.len().min(LONGEST_KEPT);
    while !of.is_char_boundary(end) {
        end -= 1;
    }
    format!("{PREFIX}{process:08x}{random:08x}-{}{SUFFIX}", &of[..end])
}

/// Distinct between processes and calls: each `RandomState` is keyed from the system's randomness.
fn random() -> u32 {
    let both = RandomState::new().hash_one((std::process::id(), now_ms()));
    u32::try_from(both >> 32).unwrap_or_default()
}

/// Whether this process made this name.
pub(super) fn is_this_process(name: &str) -> bool {
    is_ours(name) && name.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with(&format!("{:08x}", *PROCESS)))
}

/// Whether [`name`] made this.
pub(super) fn is_ours(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX).and_then(|r| r.strip_suffix(SUFFIX)) else { return false };
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    rest.as_bytes().get(RANDOM_LEN) == Some(&b'-') && rest.bytes().take(RANDOM_LEN).all(is_hex)
}

/// Milliseconds since 1970 by this machine's clock.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fresh_recognised_and_short_enough() {
        let (a, b) = (name("x.jar"), name("x.jar"));
        assert_ne!(a, b);
        assert!(is_this_process(&a) && is_this_process(&b));
        assert!(!is_this_process(".windlass-0123456789abcdef-x.jar.part"));
        assert!(a.ends_with("-x.jar.part"));
        let long = name(&"é".repeat(127));
        assert!(is_ours(&long) && long.len() <= 255, "{}", long.len());
    }

    #[test]
    fn names_of_others_are_left_alone() {
        for other in
            ["x.jar", ".windlass-x.part", ".windlass-0123456789abcdeg-x.part", ".windlass-0123456789abcdef-x", "x.part"]
        {
            assert!(!is_ours(other), "{other}");
        }
    }
}
