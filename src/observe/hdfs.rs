//! HDFS: folders, modes, files and their checksums.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::ObserveError;
use crate::answers::{Resolved, ResolvedAction, ResolvedComponent};
use crate::catalog::action::{self, ActionEffect, Mkdir};
use crate::driver::sources::{self, FilesError, Opened};
use crate::driver::webhdfs::{self, Difference, Error, Hdfs, Upload, UploadOptions};
use crate::model::cluster::ReleaseKey;
use crate::model::observed::{Comparison, Folder, ObservedHdfs, ObservedRelease, ObservedUpload};
use crate::model::state;

/// How long an HDFS that should be there may take to answer before the plan is made without it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The files of one upload.
pub(super) struct LocalFiles {
    /// The step that uploads them: two may fill one folder.
    step: String,
    /// Where they come from, for errors.
    origin: Origin,
    uploads: Vec<(String, Upload)>,
    /// What was unpacked for them stays for as long.
    _opened: Opened,
}

/// Whose files they are.
#[derive(Clone)]
struct Origin {
    component: String,
    answer: Option<String>,
}

impl Origin {
    fn error(self, source: FilesError) -> ObserveError {
        ObserveError::Files { component: self.component, answer: self.answer, source }
    }
}

/// The answer of a component that is this text.
fn answer(wanted: &Resolved, component: &str, text: &str) -> Option<String> {
    let answers = wanted.answers.get(component)?.as_object()?;
    let (question, _) = answers.iter().find(|(_, answer)| answer.as_str() == Some(text))?;
    Some(format!("{component}.{question}"))
}

fn actions(component: &ResolvedComponent) -> impl Iterator<Item = &ResolvedAction> {
    component.installs()
}

/// What there is to upload. Opened before anything is asked of the cluster: a wrong source is bad input.
pub(super) async fn local_files(wanted: &Resolved) -> Result<Vec<LocalFiles>, ObserveError> {
    let mut found = Vec::new();
    let mut taken: BTreeMap<String, PathBuf> = BTreeMap::new();
    for component in &wanted.components {
        let begin = found.len();
        for action in actions(component) {
            let Some(ActionEffect::Files(upload)) = action.kind.leaves() else { continue };
            let action::Upload { from, to, mode, pattern } = upload;
            if from.is_empty() {
                continue;
            }
            let origin = Origin { component: component.id.clone(), answer: answer(wanted, &component.id, from) };
            // Dropping this future stops it.
            let opened = sources::open(from, pattern, &CancellationToken::new()).await;
            let opened = opened.map_err(|source| origin.clone().error(source))?;
            let mode = u16::from_str_radix(mode, 8).unwrap_or(0o644);
            let mut uploads = Vec::with_capacity(opened.files.len());
            for (name, local) in opened.files.iter().cloned() {
                let remote = format!("{}/{name}", to.trim_end_matches('/'));
                if let Some(first) = taken.insert(remote.clone(), local.clone()) {
                    return Err(origin.error(FilesError::Clash { first, second: local, place: remote }));
                }
                uploads.push((name, Upload { local, remote, mode }));
            }
            found.push(LocalFiles { step: action.id.clone(), origin, uploads, _opened: opened });
        }
        // Reported before the first byte is sent: what cannot be recorded would be uploaded again with each run.
        let names =
            || found[begin..].iter().flat_map(|files: &LocalFiles| files.uploads.iter().map(|(name, _)| name.as_str()));
        let count = names().count();
        if let Some(first) = found.get(begin) {
            state::uploads_fit(names())
                .map_err(|bytes| first.origin.clone().error(FilesError::TooMany { files: count, bytes }))?;
        }
    }
    Ok(found)
}

/// Observes HDFS, unless it is not installed or not ready: then the plan says so.
pub(super) async fn observe(
    wanted: &Resolved,
    releases: &BTreeMap<ReleaseKey, ObservedRelease>,
    hdfs: Option<&Hdfs>,
    files: Vec<LocalFiles>,
) -> Result<ObservedHdfs, ObserveError> {
    let (Some(hdfs), Some(access)) = (hdfs, &wanted.hdfs) else { return Ok(ObservedHdfs::Absent) };
    let provider = wanted.components.iter().find(|component| component.id == access.component);
    if let Some(release) = provider.and_then(|component| component.release.as_ref()) {
        match releases.get(&ReleaseKey::new(&release.namespace, &release.name)) {
            None => return Ok(ObservedHdfs::Absent),
            Some(found) => {
                if let Some(finding) = found.unready.first() {
                    return Ok(ObservedHdfs::Unreachable(finding.to_string()));
                }
                if let Some(drift) = found.drift.iter().find(|drift| drift.object.kind.ends_with("Set")) {
                    return Ok(ObservedHdfs::Unreachable(drift.to_string()));
                }
            }
        }
    }
    match ask(wanted, &hdfs.with_deadline(TIMEOUT), files).await {
        Ok(found) => Ok(found),
        Err(NotCompared::Local(error)) => Err(error),
        Err(NotCompared::Hdfs(error)) => Ok(ObservedHdfs::Unreachable(error.to_string())),
    }
}

/// Why HDFS was not compared with what is wanted.
enum NotCompared {
    /// HDFS failed.
    Hdfs(Error),
    /// A file of this machine cannot be read.
    Local(ObserveError),
}

impl From<Error> for NotCompared {
    fn from(error: Error) -> Self {
        Self::Hdfs(error)
    }
}

/// An error of comparing files: of HDFS, or of a local file.
fn compared(error: Error, origin: Origin) -> NotCompared {
    NotCompared::Local(origin.error(match error {
        Error::Local { path, source } => FilesError::Read { path, source },
        Error::NotAFile(path) => FilesError::Special(path),
        error => return NotCompared::Hdfs(error),
    }))
}

async fn ask(wanted: &Resolved, hdfs: &Hdfs, files: Vec<LocalFiles>) -> Result<ObservedHdfs, NotCompared> {
    let mut folders = BTreeMap::new();
    for action in wanted.components.iter().flat_map(actions) {
        if let Some(ActionEffect::Folder(Mkdir { path, .. })) = action.kind.leaves()
            && !folders.contains_key(path)
        {
            let folder = match hdfs.status(path).await? {
                None => Folder::Absent,
                Some(status) if status.is_dir => Folder::Mode(status.mode),
                Some(_) => Folder::IsFile,
            };
            folders.insert(path.clone(), folder);
        }
    }
    let mut uploads = BTreeMap::new();
    for LocalFiles { step, origin, uploads: files, _opened: opened } in files {
        let (names, files): (Vec<String>, Vec<Upload>) = files.into_iter().unzip();
        // Under the lock nobody else uploads, and without it nothing is planned that is not planned again under it.
        let options = UploadOptions { alone: true, ..UploadOptions::default() };
        let found = hdfs.compare(files, &options).await.map_err(|error| compared(error, origin))?;
        drop(opened);
        let files = names.into_iter().zip(found.files.into_iter().map(words)).collect();
        uploads.insert(step, ObservedUpload { files, abandoned: found.abandoned });
    }
    Ok(ObservedHdfs::Reached { folders, uploads })
}

fn words(comparison: webhdfs::Comparison) -> Comparison {
    match comparison {
        webhdfs::Comparison::Same => Comparison::Same,
        webhdfs::Comparison::Missing => Comparison::Absent,
        webhdfs::Comparison::Differs(difference) => Comparison::Differs(match difference {
            Difference::Folder => "is a folder".to_owned(),
            Difference::Length { have, want } => format!("has {have} bytes instead of {want}"),
            Difference::Content => "has different content".to_owned(),
            Difference::Mode { have, want } => format!("has mode {have:04o} instead of {want:04o}"),
        }),
    }
}
