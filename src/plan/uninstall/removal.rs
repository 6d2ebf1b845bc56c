//! What is to be removed.

use std::collections::{BTreeMap, BTreeSet};

/// What is to be removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Removal<'a> {
    /// The components; all of them without.
    pub chosen: Option<&'a [String]>,
    /// Their data, too.
    pub purge: bool,
    /// With the data also what others may use or have put there: kinds and namespaces.
    pub shared: bool,
    /// By component those that it can do without, as far as that is known.
    pub optional: Option<&'a BTreeMap<String, BTreeSet<String>>>,
}

impl Removal<'_> {
    /// Whether a component can do without another.
    pub(super) fn is_optional(&self, component: &str, other: &str) -> bool {
        self.optional.and_then(|all| all.get(component)).is_some_and(|optional| optional.contains(other))
    }
}
