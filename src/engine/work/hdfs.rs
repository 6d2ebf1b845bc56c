//! Actions on HDFS.

use std::time::{Duration, Instant};

use super::cluster::failed;
use super::runner::StepRunner;
use crate::catalog::action::{self, Exists, Failover, HdfsAction, Mkdir, Probe, WaitOperational};
use crate::driver::sources;
use crate::driver::webhdfs::{EnsureOutcome, Hdfs, Upload, UploadOptions};
use crate::engine::perform::{Context, Done, Failure};
use crate::model::Progress;
use crate::model::cluster::ObjectRef;
use crate::model::hdfs_health::{NameNodeHealth, NameNodeState};

/// How long NameNodes may take to report their health.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// Between two polls.
const PAUSE: Duration = Duration::from_millis(300);

fn octal(text: &str) -> Result<u16, Failure> {
    u16::from_str_radix(text, 8)
        .map_err(|_| Failure { errors: vec![format!("`{text}` is not an octal mode")], ..Failure::default() })
}

fn summary(text: impl Into<String>) -> Done {
    Done { summary: Some(text.into()), ..Done::default() }
}

impl StepRunner {
    pub(super) async fn hdfs(&self, component: &str, kind: &HdfsAction, context: &Context) -> Result<Done, Failure> {
        let hdfs = self.hdfs.as_ref().ok_or_else(|| Failure {
            errors: vec!["no installed component provides HDFS".to_owned()],
            ..Failure::default()
        })?;
        let hdfs = hdfs.with_progress(context.progress.clone()).with_deadline(context.left());
        self.hdfs_action(&hdfs, component, kind, context).await
    }

    async fn hdfs_action(
        &self,
        hdfs: &Hdfs,
        component: &str,
        kind: &HdfsAction,
        context: &Context,
    ) -> Result<Done, Failure> {
        match kind {
            HdfsAction::Mkdir(Mkdir { path, mode }) => {
                Ok(summary(match hdfs.mkdirs(path, octal(mode)?).await.map_err(failed)? {
                    EnsureOutcome::Unchanged => "already exists".to_owned(),
                    EnsureOutcome::Created => "created".to_owned(),
                    EnsureOutcome::ModeChanged { from } => format!("mode changed from {from:04o}"),
                }))
            }
            HdfsAction::WaitOperational(WaitOperational { replication }) => {
                let wanted = replication.parse().unwrap_or(1);
                let state = hdfs.wait_operational(wanted).await.map_err(failed)?;
                Ok(summary(format!("{} DataNodes", state.live_datanodes)))
            }
            HdfsAction::Probe(Probe { path }) => {
                hdfs.probe(path, &context.cancel).await.map_err(failed)?;
                Ok(Done::default())
            }
            HdfsAction::Exists(Exists { path }) => match hdfs.find(path).await.map_err(failed)? {
                Some(name) if path.ends_with(&name) => Ok(Done::default()),
                Some(name) => Ok(summary(name)),
                None => Err(Failure {
                    errors: vec![format!("{path} not found in HDFS")],
                    may_pass: true,
                    ..Failure::default()
                }),
            },
            HdfsAction::Failover(Failover { path }) => self.failover(hdfs, path, context).await,
            HdfsAction::Upload(upload) => self.upload(hdfs, component, upload, context).await,
        }
    }

    async fn failover(&self, hdfs: &Hdfs, path: &str, context: &Context) -> Result<Done, Failure> {
        let namenodes = hdfs.health(HEALTH_TIMEOUT).await.namenodes;
        let is = |wanted| move |one: &&NameNodeHealth| one.state == wanted;
        let active = namenodes.iter().find(is(NameNodeState::Active));
        let standby = namenodes.iter().find(is(NameNodeState::Standby));
        let Some((active, standby)) = active.zip(standby) else {
            let states: Vec<String> =
                namenodes.iter().map(|one| format!("{} is {}", one.name, one.state.word())).collect();
            let text = format!("no NameNode is standby, so no failover was attempted: {}", states.join(", "));
            return Err(Failure { errors: vec![text], ..Failure::default() }.for_good());
        };
        // POD.SERVICE.NAMESPACE.svc.DOMAIN, as components export it.
        let mut labels = active.address.split('.');
        let (Some(pod), Some(namespace)) = (labels.next(), labels.nth(1)) else {
            let text = format!("{} is not the name of a pod, so no failover was attempted", active.address);
            return Err(Failure { errors: vec![text], ..Failure::default() }.for_good());
        };
        (context.progress)(Progress::Note(format!("deleting pod {pod} of the active NameNode")));
        let object = ObjectRef::namespaced("v1", "Pod", namespace, pod);
        let before = self.cluster.get(&object).await.map_err(failed)?.unwrap_or_default();
        self.cluster.delete(&object).await.map_err(failed)?;
        let since = Instant::now();
        let seconds = |since: Instant| since.elapsed().as_secs_f64();
        let waits = |which, wanted| self.namenode_is(hdfs, which, wanted, context);
        waits(&standby.name, NameNodeState::Active).await?;
        let active_after = seconds(since);
        hdfs.probe(path, &context.cancel).await.map_err(failed)?;
        let written_after = seconds(since);
        // The old pod may still be there, and become standby before it ends.
        self.replaced(&object, &before["metadata"]["uid"], context).await?;
        waits(&active.name, NameNodeState::Standby).await?;
        let standby_after = seconds(since);
        // So that the next one to look finds it available.
        let owner = &before["metadata"]["ownerReferences"][0];
        if let (Some(kind), Some(name)) = (owner["kind"].as_str(), owner["name"].as_str()) {
            self.all_available(&ObjectRef::namespaced("apps/v1", kind, namespace, name), context).await?;
        }
        Ok(summary(format!(
            "{} is active after {active_after:.1}s, a file was written after {written_after:.1}s, {pod} is standby after {standby_after:.1}s",
            standby.name,
        )))
    }

    /// Waits until another pod of the same name is there.
    async fn replaced(&self, pod: &ObjectRef, uid: &serde_json::Value, context: &Context) -> Result<(), Failure> {
        let poll = || async move {
            let found = self.cluster.get(pod).await.map_err(failed)?;
            let new = found.is_some_and(|found| found["metadata"]["uid"] != *uid);
            Ok(if new { Ok(()) } else { Err(format!("{pod} is not replaced yet")) })
        };
        context.until("the new pod", PAUSE, poll).await
    }

    /// Waits until all pods of a workload have been ready for as long as they should.
    async fn all_available(&self, workload: &ObjectRef, context: &Context) -> Result<(), Failure> {
        let poll = || async move {
            let found = self.cluster.get(workload).await.map_err(failed)?.unwrap_or_default();
            let all = found["status"]["availableReplicas"] == found["spec"]["replicas"];
            Ok(if all { Ok(()) } else { Err(format!("not all pods of {workload} are available yet")) })
        };
        context.until("all pods", PAUSE, poll).await
    }

    /// Waits until a NameNode is in a state.
    async fn namenode_is(
        &self,
        hdfs: &Hdfs,
        name: &str,
        wanted: NameNodeState,
        context: &Context,
    ) -> Result<(), Failure> {
        let wanted = &wanted;
        let poll = || async move {
            let found = hdfs.health(HEALTH_TIMEOUT).await.namenodes.into_iter().find(|one| one.name == name);
            Ok(match found {
                Some(found) if found.state != *wanted => {
                    Err(format!("{name} is {}, not {} yet", found.state.word(), wanted.word()))
                }
                _ => Ok(()),
            })
        };
        context.until(wanted.word(), PAUSE, poll).await
    }

    async fn upload(
        &self,
        hdfs: &Hdfs,
        component: &str,
        action::Upload { from, to, mode, pattern }: &action::Upload,
        context: &Context,
    ) -> Result<Done, Failure> {
        let mode = octal(mode)?;
        // What was unpacked for this stays until it is sent.
        let opened = sources::open(from, pattern, &context.cancel).await.map_err(|error| failed(error).for_good())?;
        let files = opened.files.iter().cloned();
        let uploads = files.map(|(name, local)| Upload { local, remote: format!("{to}/{name}"), mode }).collect();
        let options = UploadOptions { alone: self.locked, ..UploadOptions::default() };
        let report = hdfs.upload(uploads, &options, &context.cancel).await.map_err(failed)?;
        let checksums = report.files.iter().map(|file| {
            let name = file.remote.rsplit_once('/').map_or(file.remote.as_str(), |(_, name)| name);
            (name.to_owned(), format!("{}:{}", file.checksum.algorithm(), file.checksum.hex()))
        });
        let mut uploads = self.uploads.lock().await;
        // Another upload of the component may have filled the same folder.
        uploads.entry(component.to_owned()).or_default().entry(to.to_owned()).or_default().extend(checksums);
        drop(uploads);
        Ok(summary(format!(
            "{} sent ({:.1} MB), {} unchanged",
            report.sent(),
            // Precision is lost past 2^52 bytes, in a text that shows one decimal.
            report.bytes_sent as f64 / 1e6,
            report.skipped()
        )))
    }
}
