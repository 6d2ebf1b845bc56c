//! Compares what is needed with what is there. Pure: the same needs and facts give the same findings.

mod adopt;
mod limits;
mod owners;
mod rights;
mod room;
mod site;
#[cfg(test)]
mod tests;
mod trials;
mod volumes;

use std::collections::BTreeMap;

use super::facts::{Facts, Seen};
use super::needs::Needs;
use super::table::NOT_CHECKED;
use crate::model::observed::Observed;
use crate::model::preflight::Finding;

/// Everything that is wrong, in no order.
#[must_use]
pub fn judge(needs: &Needs, facts: &Facts, observed: &Observed) -> Vec<Finding> {
    let mut judge = Judge { needs, facts, observed, found: Vec::new(), left_out: BTreeMap::new() };
    judge.charts();
    judge.rights();
    judge.namespaces();
    judge.quotas();
    judge.limit_ranges();
    judge.storage();
    judge.volumes();
    judge.doors();
    judge.taken_along();
    judge.peers();
    judge.ingresses();
    judge.room();
    judge.images();
    judge.digests();
    judge.undeclared();
    judge.owners();
    judge.elsewhere();
    judge.admission();
    judge.sizes();
    judge.secrets();
    judge.releases();
    judge.adoptions();
    judge.agreements();
    judge.trials();
    judge.hdfs();
    judge.domain();
    judge.runs();
    judge.clock();
    judge.disk();
    judge.left_out();
    judge.of_one_cause();
    judge.found
}

struct Judge<'a> {
    needs: &'a Needs,
    facts: &'a Facts,
    observed: &'a Observed,
    found: Vec<Finding>,
    /// What could not be looked at, and why, to the checks that were left out.
    left_out: BTreeMap<(String, String), Vec<&'static str>>,
}

impl<'a> Judge<'a> {
    /// What was seen; what was not leaves out these checks.
    fn seen<T>(&mut self, seen: &'a Seen<T>, checks: &[&'static str]) -> Option<&'a T> {
        match seen {
            Ok(seen) => Some(seen),
            Err(unseen) => {
                let left_out = self.left_out.entry((unseen.what.clone(), unseen.why.clone())).or_default();
                left_out.extend(checks.iter().filter(|check| !left_out.contains(check)).collect::<Vec<_>>());
                None
            }
        }
    }

    fn left_out(&mut self) {
        for ((what, why), checks) in std::mem::take(&mut self.left_out) {
            let told = format!("failed to {what} ({why}), so these checks were left out: {}", checks.join(", "));
            let mend = match (why.as_str(), question(&what)) {
                ("not allowed", Some(command)) => format!("grant it (docs/rbac.yaml), then see {command}"),
                _ => "windlass -vv preflight".to_owned(),
            };
            self.found.push(NOT_CHECKED.found("the cluster", told, mend));
        }
    }
}

/// The kubectl command that asks whether a look is allowed: `list nodes` is `kubectl auth can-i list nodes`.
fn question(what: &str) -> Option<String> {
    let words: Vec<&str> = what.split_whitespace().collect();
    match words.as_slice() {
        ["list", resource] => Some(format!("kubectl auth can-i list {resource}")),
        ["list", resource, "in", namespace] => Some(format!("kubectl auth can-i list {resource} -n {namespace}")),
        ["list", resource, ..] => Some(format!("kubectl auth can-i list {resource} -A")),
        ["get", "namespace", name] => Some(format!("kubectl auth can-i get namespace/{name}")),
        ["get", kind, full] => {
            let (namespace, name) = full.split_once('/')?;
            Some(format!("kubectl auth can-i get {}/{name} -n {namespace}", kind.to_lowercase()))
        }
        _ => None,
    }
}
