//! Objects of others, missing namespaces, pods that would not be admitted, and releases that are too large.

use std::collections::BTreeMap;

use super::found::Judge;
use crate::model::few;
use crate::preflight::facts::Owner;
use crate::preflight::needs::rank;
use crate::preflight::table::{
    NAMESPACE_MISSING, OBJECT_FOREIGN, OBJECT_SHARED, PODS_NOT_ADMITTED, RELEASE_LARGE, RELEASE_TOO_LARGE,
    SECRET_MISSING,
};

/// The most that Helm's Secret of a release may hold, and what is close to it.
const MOST: u64 = 1 << 20;
const NEAR: u64 = 900 << 10;

/// How many of many are named.
const NAMED: usize = 4;

impl Judge<'_> {
    pub(super) fn owners(&mut self) {
        for (object, first, second) in &self.needs.shared {
            let what = format!("release {first} and release {second} both contain it");
            let fix = "--set COMPONENT.release=NAME or COMPONENT.namespace=NAME for one of them, or disable the object in the values of one of them";
            self.found.push(OBJECT_SHARED.found(object.to_string(), what, fix));
        }
        for (release, object, seen) in &self.facts.owners {
            let Some(Some(owner)) = self.seen(seen, &[OBJECT_FOREIGN.id]) else { continue };
            let whose = match owner {
                Owner::Release(other) => format!("it belongs to release {other}"),
                Owner::Nobody => "it exists and belongs to no release".to_owned(),
            };
            let place = object.namespace.as_ref().map(|name| format!(" -n {name}")).unwrap_or_default();
            let named = format!("{} {}", object.kind.to_lowercase(), object.name);
            let fix = format!(
                "--set COMPONENT.release=NAME with another name; or hand it over: kubectl{place} annotate --overwrite {named} \
                 meta.helm.sh/release-name={} meta.helm.sh/release-namespace={} && kubectl{place} label --overwrite {named} \
                 app.kubernetes.io/managed-by=Helm",
                release.name, release.namespace
            );
            let what = format!("release {release} has an object of that name, but {whose}: Helm refuses to adopt it");
            self.found.push(OBJECT_FOREIGN.found(object.to_string(), what, fix));
        }
    }

    pub(super) fn elsewhere(&mut self) {
        for (name, object) in &self.needs.elsewhere {
            if let Some(Ok(false)) = self.facts.peers.get(name) {
                let what = format!("namespace {name} not found, and nothing creates it");
                let fix = format!("kubectl create namespace {name}; or specify another in the chart's values");
                self.found.push(NAMESPACE_MISSING.found(object.to_string(), what, fix));
            }
        }
    }

    /// Pods that admission will reject, at the level that their namespace has or will get.
    pub(super) fn admission(&mut self) {
        for pod in &self.needs.pods {
            let namespace = pod.owner.namespace.as_deref().unwrap_or_default();
            let level = match self.facts.namespaces.get(namespace) {
                // It is created with the level that its components need.
                Some(Ok(_)) if self.observed.levels.contains_key(namespace) => {
                    self.needs.namespaces.get(namespace).map(String::as_str)
                }
                Some(Ok(None)) => self.needs.namespaces.get(namespace).map(String::as_str),
                Some(Ok(Some(state))) => state.labels.get("pod-security.kubernetes.io/enforce").map(String::as_str),
                _ => None,
            };
            let Some(level) = level else { continue };
            let wanted = self.needs.namespaces.get(namespace);
            if wanted.is_some_and(|wanted| rank(wanted) > rank(level)) {
                // That it is too strict for them is reported for the namespace.
                continue;
            }
            let against = pod.objections.of(level);
            if against.is_empty() {
                continue;
            }
            let what = format!("not admitted to namespace {namespace} at level {level}: {}", few(&against, NAMED));
            let fix = "release.pod_security in component.yaml (baseline or privileged), or securityContext in the chart's values";
            self.found.push(PODS_NOT_ADMITTED.found(pod.owner.to_string(), what, fix));
        }
    }

    pub(super) fn sizes(&mut self) {
        for (release, bytes) in &self.needs.stored {
            let check = match bytes {
                bytes if *bytes > MOST => RELEASE_TOO_LARGE,
                bytes if *bytes > NEAR => RELEASE_LARGE,
                _ => continue,
            };
            let what = format!(
                "Helm's release record is about {} KiB, and the limit of a Secret is {} KiB",
                bytes >> 10,
                MOST >> 10
            );
            let fix = "remove files that are not templates (docs, dashboards) from the chart's folder, or disable parts in its values";
            self.found.push(check.found(format!("release {release}"), what, fix));
        }
    }

    pub(super) fn answered_secret(&mut self, namespace: &str, name: &str) {
        let (place, what) =
            (format!("namespace {namespace}"), format!("Secret {name} not found, but an answer refers to it"));
        let fix = format!("kubectl -n {namespace} create secret generic {name} --from-file=KEY=FILE");
        self.found.push(SECRET_MISSING.found(place, what, fix));
    }

    /// Where many findings have one cause, only one is kept, with all places.
    pub(super) fn of_one_cause(&mut self) {
        let mut places: BTreeMap<(&str, String, String), Vec<String>> = BTreeMap::new();
        for finding in &self.found {
            let of_cause = places.entry((finding.id, finding.what.clone(), finding.fix.clone())).or_default();
            of_cause.push(finding.place.clone());
        }
        places.retain(|_, places| places.len() > NAMED);
        self.found.retain_mut(|finding| {
            let cause = (finding.id, finding.what.clone(), finding.fix.clone());
            match places.get_mut(&cause) {
                None => true,
                Some(places) if places.is_empty() => false,
                Some(places) => {
                    places.sort();
                    places.dedup();
                    finding.place = few(&std::mem::take(places), NAMED);
                    true
                }
            }
        });
    }
}
