//! How waiting can end without readiness.

use std::fmt;
use std::time::Duration;

use crate::driver::kube::{ApiError, KubeError};
use crate::model::cluster::Finding;

/// Why waiting ended without readiness.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// Something cannot become ready, or timed out.
    #[error("not ready")]
    NotReady(#[source] NotReady),
    /// The API does not let us watch.
    #[error("failed to wait for readiness")]
    Watch(#[source] KubeError),
}

/// What is not ready and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReady {
    /// All of it, what is fatal first.
    pub findings: Vec<Finding>,
    /// How long it was waited for.
    pub waited: Duration,
    /// The deadline passed. Otherwise a finding is fatal.
    pub timed_out: bool,
    /// The API did not answer at the end, so that the findings may be stale.
    pub watch_error: Option<ApiError>,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.waited.as_secs();
        if self.timed_out {
            write!(f, "timed out after {after}s")?;
        } else {
            write!(f, "failed after {after}s")?;
        }
        // Fatal findings are the reason; the rest is still in progress.
        let fatal = self.findings.iter().filter(|finding| finding.fatal).count();
        let shown = if fatal > 0 { fatal } else { self.findings.len() };
        for (i, finding) in self.findings.iter().take(shown).enumerate() {
            write!(f, "{}{finding}", if i == 0 { ": " } else { "; " })?;
        }
        if let Some(err) = &self.watch_error {
            write!(f, "; the API server stopped answering: {err}")?;
        }
        Ok(())
    }
}

impl std::error::Error for NotReady {}
