//! What the engine asks of whoever does the work.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::model::cluster::Finding;
use crate::model::{ProgressSink, causes};
use crate::plan::Step;

/// Results of finished steps by registered name.
pub type Results = BTreeMap<String, Value>;

/// What an attempt gets.
#[derive(Clone)]
pub struct Context {
    /// Results of the steps before it.
    pub results: Arc<Results>,
    /// Where progress goes.
    pub progress: ProgressSink,
    /// Cancelled when the user wants to stop: end soon and leave things clean.
    pub cancel: CancellationToken,
    /// Until when the attempt must have ended.
    pub deadline: std::time::Instant,
}

/// An attempt that succeeded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Done {
    /// What it did, in a few words.
    pub summary: Option<String>,
    /// Results for later steps.
    pub results: Option<Value>,
    /// The last lines of a log that belongs to it, for the journal.
    pub log: Vec<String>,
    /// It does not apply here, for this reason.
    pub not_applicable: Option<String>,
}

/// An attempt that failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Failure {
    /// The error and its causes, outermost first.
    pub errors: Vec<String>,
    /// What is not ready in the cluster.
    pub findings: Vec<Finding>,
    /// Last lines of a log that belongs to it.
    pub log: Vec<String>,
    /// Whether another attempt may succeed.
    pub may_pass: bool,
}

impl Failure {
    /// From an error and its sources.
    #[must_use]
    pub fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { errors: causes(error), may_pass: true, ..Self::default() }
    }

    /// The same, but not to be retried.
    #[must_use]
    pub fn for_good(mut self) -> Self {
        self.may_pass = false;
        self
    }
}

/// Does one step once.
pub trait Perform: Send + Sync + 'static {
    /// Whether the run may still start something. Asked before each attempt; it may take a moment.
    fn may_begin(&self) -> impl Future<Output = bool> + Send {
        async { true }
    }

    /// Tries the step.
    ///
    /// # Errors
    /// Why it failed, and whether that may pass.
    fn perform(&self, step: &Step, context: Context) -> impl Future<Output = Result<Done, Failure>> + Send;
}
