//! Compares what is needed with what is there. Pure: the same needs and facts give the same findings.

mod adopt;
mod found;
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

use self::found::Judge;
use super::facts::Facts;
use super::needs::Needs;
use crate::model::observed::Observed;
use crate::model::preflight::Finding;

/// Everything that is wrong, in no order.
#[must_use]
pub fn judge(needs: &Needs, facts: &Facts, observed: &Observed) -> Vec<Finding> {
    let mut judge = Judge { needs, facts, observed, found: Vec::new(), skipped: BTreeMap::new() };
    judge.charts();
    judge.rights();
    judge.namespaces();
    judge.quotas();
    judge.limit_ranges();
    judge.storage();
    judge.volumes();
    judge.without_login();
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
    judge.skipped();
    judge.of_one_cause();
    judge.found
}
