//! Actions on HDFS.

use super::World;
use crate::catalog::action::{self, Exists, HdfsAction, Mkdir, Probe, WaitOperational};
use crate::driver::sources;
use crate::driver::webhdfs::{Ensured, Hdfs, Upload, UploadOptions};
use crate::engine::perform::{Context, Done, Failure};

fn failed(error: impl std::error::Error + 'static) -> Failure {
    Failure::of(&error)
}

fn octal(text: &str) -> Result<u16, Failure> {
    u16::from_str_radix(text, 8)
        .map_err(|_| Failure { errors: vec![format!("`{text}` is not an octal mode")], ..Failure::default() })
}

fn summary(text: impl Into<String>) -> Done {
    Done { summary: Some(text.into()), ..Done::default() }
}

impl World {
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
                    Ensured::Unchanged => "was there".to_owned(),
                    Ensured::Created => "made".to_owned(),
                    Ensured::ModeChanged { from } => format!("mode was {from:04o}"),
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
                    errors: vec![format!("{path} is not in HDFS")],
                    may_pass: true,
                    ..Failure::default()
                }),
            },
            HdfsAction::Upload(upload) => self.upload(hdfs, component, upload, context).await,
        }
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
            "{} sent ({:.1} MB), {} were there",
            report.sent(),
            // Precision is lost past 2^52 bytes, in a text that shows one decimal.
            report.bytes_sent as f64 / 1e6,
            report.skipped()
        )))
    }
}
