//! What this process has read or made and knows to be secret: it is redacted in all that is shown later.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use super::redactor::Redactor;

#[derive(Default)]
struct Known {
    values: BTreeSet<String>,
    /// Made when it is needed, since all values are in one automaton.
    redactor: Option<Arc<Redactor>>,
}

static KNOWN: RwLock<Known> = RwLock::new(Known { values: BTreeSet::new(), redactor: None });

/// From now on this is redacted wherever it occurs.
pub fn remember(value: &str) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.values.insert(value.to_owned()) {
        known.redactor = None;
    }
}

/// Redacts all that is known until now, and what looks like a secret.
#[must_use]
pub fn known() -> Arc<Redactor> {
    if let Some(made) = &KNOWN.read().unwrap_or_else(PoisonError::into_inner).redactor {
        return made.clone();
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let made = Arc::new(Redactor::new(known.values.iter().cloned()));
    known.redactor = Some(made.clone());
    made
}

/// A text without what looks like a secret, or is known to this process as one. Livy 0.9 logs its service account's token
/// at INFO.
#[must_use]
pub fn redact(text: &str) -> String {
    known().text(text)
}
