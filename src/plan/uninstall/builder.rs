//! The plan of a removal while it is made.

use std::collections::BTreeSet;

use super::protected::{Place, Protected};
use super::removal::Removal;
use super::waits::Waits;
use crate::model::observed::Remains;
use crate::model::state::InstallState;
use crate::plan::step::step;
use crate::plan::types::{Change, Step, Work};

/// How many things that stay are named one by one.
pub(super) const NAMED: usize = 8;

pub(super) struct Builder<'a> {
    pub(super) state: &'a InstallState,
    pub(super) remains: &'a Remains,
    pub(super) removal: Removal<'a>,
    pub(super) going: BTreeSet<String>,
    pub(super) stays: Protected,
    pub(super) steps: Vec<Step>,
    /// The last step of each component.
    pub(super) forgets: Vec<String>,
    /// Claims and Secrets that a step removes already.
    pub(super) planned: BTreeSet<(&'static str, Place)>,
    pub(super) waits: Waits,
}

impl Builder<'_> {
    /// A step that deletes; gives what the next one needs.
    pub(super) fn push(
        &mut self,
        component: &str,
        id: String,
        title: String,
        why: Vec<String>,
        needs: Vec<String>,
        work: Work,
    ) -> Vec<String> {
        self.steps.push(Step { change: Change::Delete, why, needs, ..step(component, id.clone(), title, work) });
        vec![id]
    }
}
