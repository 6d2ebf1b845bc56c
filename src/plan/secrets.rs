//! What a plan says of Secrets: which windlass fills, and from where; never what they hold.

use super::types::{Change, Plan, Work};
use crate::model::SecretRef;

/// A Secret that a plan fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilledSecret<'a> {
    /// Whether it is new, changed or the same.
    pub change: Change,
    /// Where it is.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The keys that are filled.
    pub keys: Vec<&'a str>,
    /// Where their content comes from.
    pub from: FilledFrom<'a>,
}

/// Where the content of a Secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilledFrom<'a> {
    /// It is generated, or is somewhere else already.
    Source(&'a SecretRef),
    /// It is made of other Secrets of the namespace, by name.
    Made(&'a [String]),
}

impl Plan {
    /// The Secrets that it fills, in its order.
    #[must_use]
    pub fn secrets(&self) -> Vec<FilledSecret<'_>> {
        let filled = self.steps.iter().filter_map(|step| {
            let change = step.change;
            Some(match &step.work {
                Work::Secret { namespace, name, keys, from, .. } => {
                    let keys = keys.iter().map(String::as_str).collect();
                    FilledSecret { change, namespace, name, keys, from: FilledFrom::Source(from) }
                }
                Work::DerivedSecret { namespace, name, keys, of, .. } => {
                    let keys = keys.iter().map(String::as_str).collect();
                    FilledSecret { change, namespace, name, keys, from: FilledFrom::Made(of) }
                }
                Work::PullSecret { namespace, name, from } => {
                    let keys = vec![".dockerconfigjson"];
                    FilledSecret { change, namespace, name, keys, from: FilledFrom::Source(from) }
                }
                _ => return None,
            })
        });
        filled.collect()
    }
}
