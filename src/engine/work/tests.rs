//! What tests of single steps work with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::runner::StepRunner;
use crate::driver::kube::{Cluster, Tunnels};
use crate::engine::perform::Context;
use crate::model::cluster::ReadyPolicy;
use crate::model::silent;

/// A runner with this cluster and nothing else.
pub(super) fn step_runner(cluster: Cluster) -> StepRunner {
    StepRunner {
        push: None,
        derived: BTreeMap::new(),
        tunnels: Tunnels::new(&cluster).unwrap(),
        cluster,
        helm: None,
        hdfs: None,
        charts: BTreeMap::new(),
        files: BTreeMap::new(),
        pull_secret: String::new(),
        policy: ReadyPolicy::default(),
        locked: true,
        gate: None,
        took_over: None,
        helm_started: std::sync::Mutex::default(),
        records: BTreeMap::new(),
        run: "run".to_owned(),
        uploads: tokio::sync::Mutex::default(),
        checked: tokio::sync::Mutex::default(),
    }
}

/// An attempt with a deadline in so many seconds, whose progress is dropped.
pub(super) fn context(seconds: u64) -> Context {
    Context {
        results: Arc::default(),
        progress: silent(),
        cancel: tokio_util::sync::CancellationToken::new(),
        deadline: Instant::now() + Duration::from_secs(seconds),
    }
}
