//! Custom Resource Definitions, and the objects of their kinds.

use std::time::Duration;

use super::cluster::{HELM_MARGIN, failed, internal};
use super::runner::StepRunner;
use crate::engine::perform::{Context, Done, Failure};
use crate::model::cluster::ObjectRef;
use crate::model::{CRD, Progress, crd_ref, every_crd, few};

/// How many of many objects are named.
const NAMED: usize = 4;

/// How often deletion is polled.
const PAUSE: Duration = Duration::from_secs(1);

impl StepRunner {
    /// Applies what a chart has in `crds/`, and waits until the API serves the kinds.
    pub(super) async fn put_crds(&self, chart: &str, names: &[String], context: &Context) -> Result<Done, Failure> {
        let files = self.charts.get(chart).ok_or_else(|| internal(&format!("chart {chart} not found")))?;
        // Which charts within the chart are switched on, the plan has decided.
        let every = every_crd(files);
        let (mut applied, mut defined) = (0, Vec::new());
        for object in every.iter().filter(|object| names.contains(&object.object.name)) {
            if object.object.kind == CRD {
                defined.push(object.object.name.clone());
            }
            self.cluster.apply(object).await.map_err(failed)?;
            applied += 1;
        }
        let left = context.left().saturating_sub(Duration::from_secs(1));
        let waiting = self.cluster.wait_established(&defined, left, &context.progress).await.map_err(failed)?;
        if !waiting.is_empty() {
            return Err(Failure {
                errors: vec![format!("timed out waiting for CRDs to be established: {}", few(&waiting, NAMED))],
                ..Failure::default()
            });
        }
        self.cluster.forget_kinds().await;
        Ok(Done { summary: Some(format!("{applied} applied")), ..Done::default() })
    }

    /// Removes objects and waits until they are gone, while whoever looks after them still runs.
    pub(super) async fn remove_objects(&self, objects: &[ObjectRef], context: &Context) -> Result<Done, Failure> {
        let mut removed = 0;
        for object in objects {
            removed += usize::from(self.cluster.delete(object).await.map_err(failed)?);
        }
        loop {
            let left = self.cluster.wait_gone(objects, Duration::ZERO).await.map_err(failed)?;
            if left.is_empty() {
                return Ok(Done { summary: Some(format!("{removed} deleted")), ..Done::default() });
            }
            let mut held = Vec::new();
            for object in left.iter().take(NAMED) {
                let finalizers = self.cluster.finalizers(object).await.map_err(failed)?;
                held.push(match finalizers.is_empty() {
                    true => object.to_string(),
                    false => format!("{object} (finalizers {})", finalizers.join(", ")),
                });
            }
            let held = format!("{} not deleted yet: {}", left.len(), held.join(", "));
            if context.left() < HELM_MARGIN {
                return Err(stuck(&held));
            }
            (context.progress)(Progress::Waiting(held));
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Removes a definition with all objects of its kind.
    pub(super) async fn remove_crd(&self, name: &str, context: &Context) -> Result<Done, Failure> {
        let object = crd_ref(name);
        if !self.cluster.delete(&object).await.map_err(failed)? {
            return Ok(Done { summary: Some("not found".to_owned()), ..Done::default() });
        }
        while self.cluster.get(&object).await.map_err(failed)?.is_some() {
            let held = self.cluster.held_by_finalizers(name).await.unwrap_or_default();
            let held = match held.is_empty() {
                true => format!("{object} is being deleted"),
                false => format!("{object} is waiting for {}", few(&held, NAMED)),
            };
            if context.left() < HELM_MARGIN {
                return Err(stuck(&held));
            }
            (context.progress)(Progress::Waiting(held));
            tokio::time::sleep(PAUSE).await;
        }
        self.cluster.forget_kinds().await;
        Ok(Done::default())
    }
}

/// Only the controller that set a finalizer knows whether it may be removed.
fn stuck(held: &str) -> Failure {
    let text = format!(
        "{held}; the controller of the finalizer is not running or makes no progress: see its log, then run the same command again"
    );
    Failure { errors: vec![text], ..Failure::default() }
}
