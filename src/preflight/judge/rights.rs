//! The rights that are missing, one finding for each resource in each namespace.

use std::collections::BTreeMap;

use super::found::Judge;
use crate::model::site::Right;
use crate::preflight::needs::{RightNeed, Use};
use crate::preflight::table::{RIGHTS_EXPLAIN, RIGHTS_MISSING};

/// Namespace, resource, and what for: verbs and names that share these are one finding.
type Scope = (Option<String>, String, Use);

impl Judge<'_> {
    pub(super) fn rights(&mut self) {
        // What an install must have is reported once, even if a role grants it, too.
        let mut missing: BTreeMap<Scope, BTreeMap<Option<String>, Vec<String>>> = BTreeMap::new();
        let mut reported: Vec<&Right> = Vec::new();
        let mut needs: Vec<&RightNeed> = self.needs.rights.iter().collect();
        needs.sort_by_key(|need| &need.used);
        for need in needs {
            let Some(seen) = self.facts.rights.get(&need.right) else { continue };
            let Some(held) = self.seen(seen, &[RIGHTS_MISSING.id]) else { continue };
            if *held || reported.contains(&&need.right) || self.does_without(need) {
                continue;
            }
            reported.push(&need.right);
            let right = &need.right;
            let key = (right.namespace.clone(), right.full_resource(), need.used.clone());
            missing.entry(key).or_default().entry(right.name.clone()).or_default().push(right.verb.clone());
        }
        for ((namespace, resource, used), verbs, names) in missing.into_iter().flat_map(|(scope, by_name)| {
            alike(by_name).into_iter().map(move |((_, verbs), names)| (scope.clone(), verbs, names))
        }) {
            let named = if names.is_empty() { String::new() } else { format!(" {}", names.join(", ")) };
            let cannot = format!("cannot {} {resource}{named}", verbs.join(", "));
            let who = self.facts.user.as_deref().unwrap_or("the user");
            let place = namespace.as_ref().map_or_else(|| "the cluster".to_owned(), |name| format!("namespace {name}"));
            let fix = grant(namespace.as_deref(), &resource, &names, &verbs, self.facts.user.as_deref());
            self.found.push(match used {
                Use::Must => RIGHTS_MISSING.found(place, format!("{who} {cannot}"), fix),
                Use::Gives(role) => {
                    let why =
                        format!("which {role} grants; the API server only lets users grant permissions that they have");
                    RIGHTS_MISSING.found(place, format!("{who} {cannot}, {why}"), fix)
                }
                Use::Explains(what) => RIGHTS_EXPLAIN.found(place, format!("{who} {cannot}: {what}"), fix),
            });
        }
    }

    fn does_without(&self, need: &RightNeed) -> bool {
        !need.instead.is_empty()
            && need.instead.iter().all(|right| matches!(self.facts.rights.get(right), Some(Ok(true))))
    }
}

/// Names that lack the same verbs, together; none stands for all objects.
fn alike(by_name: BTreeMap<Option<String>, Vec<String>>) -> BTreeMap<(bool, Vec<String>), Vec<String>> {
    let mut found: BTreeMap<(bool, Vec<String>), Vec<String>> = BTreeMap::new();
    for (name, mut verbs) in by_name {
        verbs.sort();
        found.entry((name.is_some(), verbs)).or_default().extend(name);
    }
    found
}

/// The commands that grant it: a role of its own, and its binding.
fn grant(namespace: Option<&str>, resource: &str, names: &[String], verbs: &[String], user: Option<&str>) -> String {
    let named = if names.is_empty() { "" } else { "-named" };
    let role = format!("windlass-{}{named}", resource.replace(['/', '.'], "-"));
    let names: String = names.iter().map(|name| format!(" --resource-name={name}")).collect();
    let rule = format!("--verb={} --resource={resource}{names}", verbs.join(","));
    let user = user.unwrap_or("USER");
    match namespace {
        Some(namespace) => format!(
            "kubectl -n {namespace} create role {role} {rule} && kubectl -n {namespace} create rolebinding {role} --role={role} --user={user}"
        ),
        None => format!(
            "kubectl create clusterrole {role} {rule} && kubectl create clusterrolebinding {role} --clusterrole={role} --user={user}"
        ),
    }
}
