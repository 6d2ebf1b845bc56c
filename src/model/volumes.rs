//! The claims that a StatefulSet makes from its templates, and what keeps one from growing.

use std::fmt;

use serde_json::Value;

use super::Quantity;
use super::cluster::ClaimState;
use super::site::StorageClass;

/// Whether a claim of this name is one that a StatefulSet makes from one of its templates: `data-my-db-0`.
#[must_use]
pub fn is_claim_of(claim: &str, template: &str, set: &str) -> bool {
    let after = |text: &'_ str, start: &str| Some(text.strip_prefix(start)?.strip_prefix('-')?.to_owned());
    let number = after(claim, template).and_then(|rest| after(&rest, set));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The place of a claim template among those of a StatefulSet, and the size that it asks for.
#[must_use]
pub fn claim_template(set: &Value, name: &str) -> Option<(usize, Quantity)> {
    let mut templates = set["spec"]["volumeClaimTemplates"].as_array()?.iter().enumerate();
    let (at, template) = templates.find(|(_, template)| template["metadata"]["name"] == name)?;
    let size = Quantity::from_json(&template["spec"]["resources"]["requests"]["storage"]);
    Some((at, size.unwrap_or_default()))
}

impl ClaimState {
    /// Whether less was asked for than this.
    #[must_use]
    pub fn asks_less_than(&self, size: Quantity) -> bool {
        Quantity::parse(&self.requested).unwrap_or_default() < size
    }
}

/// What keeps a claim from growing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpansionBlocker {
    /// It has no volume: it is in this phase.
    Unbound(String),
    /// It has no class.
    NoClass,
    /// Its class does not exist any more.
    NoSuchClass(String),
    /// Its class has no `allowVolumeExpansion`.
    Class(String),
}

impl ExpansionBlocker {
    /// What keeps this claim from growing. Without the classes only what the claim itself shows.
    #[must_use]
    pub fn of(claim: &ClaimState, classes: Option<&[StorageClass]>) -> Option<Self> {
        if claim.phase != "Bound" {
            return Some(Self::Unbound(claim.phase.clone()));
        }
        let Some(name) = claim.storage_class.as_ref().filter(|name| !name.is_empty()) else {
            return Some(Self::NoClass);
        };
        match classes?.iter().find(|class| class.name == *name) {
            None => Some(Self::NoSuchClass(name.clone())),
            Some(class) => (!class.expands).then(|| Self::Class(name.clone())),
        }
    }

    /// What to do about this claim.
    #[must_use]
    pub fn fix(&self, claim: &ClaimState) -> String {
        let keep = format!("keep the current size: {}", claim.requested);
        match self {
            Self::Class(name) => format!(
                "kubectl patch storageclass {name} -p '{{\"allowVolumeExpansion\":true}}' (if its provisioner supports it), or {keep}"
            ),
            Self::Unbound(_) => {
                let namespace = claim.object.namespace.as_deref().unwrap_or_default();
                format!(
                    "kubectl -n {namespace} describe pvc {} (shows what it waits for), or {keep}",
                    claim.object.name
                )
            }
            Self::NoClass | Self::NoSuchClass(_) => keep,
        }
    }
}

impl fmt::Display for ExpansionBlocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbound(phase) => write!(f, "it has no volume ({phase})"),
            Self::NoClass => write!(f, "it has no StorageClass"),
            Self::NoSuchClass(name) => write!(f, "StorageClass {name} not found"),
            Self::Class(name) => write!(f, "StorageClass {name} does not allow volume expansion"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::cluster::ObjectRef;

    #[test]
    fn claims_are_known_by_their_names() {
        for (claim, is) in [
            ("data-db-0", true),
            ("data-db-12", true),
            ("data-db", false),
            ("data-db-", false),
            ("data-db-x", false),
            ("data-db-0-1", false),
            ("data-db2-0", false),
            ("other-db-0", false),
        ] {
            assert_eq!(is_claim_of(claim, "data", "db"), is, "{claim}");
        }
    }

    #[test]
    fn a_template_is_found_by_its_name() {
        let template = |name: &str, size: &str| json!({"metadata": {"name": name}, "spec": {"resources": {"requests": {"storage": size}}}});
        let set = json!({"spec": {"volumeClaimTemplates": [template("logs", "1Gi"), template("data", "1024Mi")]}});
        assert_eq!(claim_template(&set, "data"), Some((1, Quantity::parse("1Gi").unwrap())));
        assert_eq!(claim_template(&set, "more"), None);
        assert_eq!(claim_template(&json!({}), "data"), None);
    }

    #[test]
    fn what_keeps_a_claim_from_growing_is_reported_with_a_fix() {
        let claim = |phase: &str, class: Option<&str>| ClaimState {
            phase: phase.to_owned(),
            requested: "10Gi".to_owned(),
            storage_class: class.map(str::to_owned),
            ..ClaimState::new(ObjectRef::namespaced("v1", "PersistentVolumeClaim", "ns", "data-db-0"))
        };
        let class = |name: &str, expands| StorageClass { name: name.to_owned(), expands, ..StorageClass::default() };
        let classes = [class("grows", true), class("fixed", false)];
        let blocked = |claim: &ClaimState, classes| {
            ExpansionBlocker::of(claim, classes).map(|blocker| (blocker.to_string(), blocker.fix(claim)))
        };
        assert_eq!(blocked(&claim("Bound", Some("grows")), Some(&classes)), None);
        assert_eq!(blocked(&claim("Bound", Some("fixed")), None), None, "nobody knows");
        for (phase, name, what, fix) in [
            ("Bound", Some("fixed"), "StorageClass fixed does", "kubectl patch storageclass fixed -p '{\"allowVol"),
            ("Bound", Some("gone"), "StorageClass gone not found", "keep the current size: 10Gi"),
            ("Bound", Some(""), "it has no StorageClass", "keep the current size"),
            ("Bound", None, "it has no StorageClass", "keep the current size"),
            ("Pending", Some("grows"), "it has no volume (Pending)", "kubectl -n ns describe pvc data-db-0"),
        ] {
            let (message, advice) = blocked(&claim(phase, name), Some(&classes)).unwrap();
            assert!(message.starts_with(what) && advice.starts_with(fix), "{message}: {advice}");
        }
    }
}
