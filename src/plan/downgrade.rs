//! Going back to an older version, which an install does not do by accident.

use std::cmp::Ordering;
use std::fmt;

use crate::answers::Resolved;
use crate::model::state::InstallState;

/// A component whose installed version is newer than the catalog's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downgrade {
    /// The component.
    pub id: String,
    /// The version that is installed.
    pub installed: String,
    /// The catalog's.
    pub wanted: String,
}

impl fmt::Display for Downgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} is installed, and the catalog has {}", self.id, self.installed, self.wanted)
    }
}

/// The components that this install would take back to an older version.
#[must_use]
pub fn downgrades(wanted: &Resolved, state: Option<&InstallState>) -> Vec<Downgrade> {
    let Some(state) = state else { return Vec::new() };
    let older = |id: &str, wanted: &str| {
        let installed = &state.components.get(id)?.record.version;
        (compare(wanted, installed) == Ordering::Less).then(|| Downgrade {
            id: id.to_owned(),
            installed: installed.clone(),
            wanted: wanted.to_owned(),
        })
    };
    wanted.components.iter().filter_map(|component| older(&component.id, &component.version)).collect()
}

/// Compares versions by their numbers, part by part. What is not a number counts as equal: `0.9.0-incubating` and
/// `0.9.0` are the same to whoever upgrades.
fn compare(a: &str, b: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        text.trim_start_matches('v').split(['.', '-', '+', '_']).map_while(|part| part.parse().ok()).collect()
    };
    let (mut a, mut b) = (numbers(a), numbers(b));
    let longest = a.len().max(b.len());
    a.resize(longest, 0);
    b.resize(longest, 0);
    a.cmp(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (a, b, expected) in [
            ("0.9.0", "0.10.0", Ordering::Less),
            ("3.4", "3.4.0", Ordering::Equal),
            ("0.9.0-incubating", "0.9.0", Ordering::Equal),
            ("v2", "1.9.9", Ordering::Greater),
            ("latest", "stable", Ordering::Equal),
        ] {
            assert_eq!(compare(a, b), expected, "{a} {b}");
        }
    }
}
