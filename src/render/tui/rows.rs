//! A row among the steps of a run, and what is left of it.

use std::collections::BTreeSet;

/// A row among the steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepRow {
    /// A component, by its id.
    Component(String),
    /// One of its steps, by its place in the order of all.
    Step(usize),
}

/// How long what is left will take.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Forecast {
    /// The steps that decide it.
    pub path: BTreeSet<String>,
    /// Seconds from `at` to the end.
    pub seconds: f64,
    /// When that was so, in milliseconds since 1970.
    pub at: i64,
}
