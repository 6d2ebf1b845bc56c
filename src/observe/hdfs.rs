//! HDFS: folders, modes, files and their checksums.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ObserveError;
use crate::answers::{Resolved, ResolvedAction, ResolvedComponent};
use crate::catalog::ActionKind;
use crate::driver::files::{FilesError, matching};
use crate::driver::webhdfs::{self, Difference, Error, Hdfs, Upload, UploadOptions};
use crate::model::cluster::ReleaseKey;
use crate::model::observed::{Comparison, Folder, ObservedHdfs, ObservedRelease, ObservedUpload};
use crate::model::state;

/// How long an HDFS that should be there may take to answer before the plan goes on without it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The files of one upload.
pub(super) struct LocalFiles {
    /// `target/pattern`, the name that plans know it by.
    key: String,
    uploads: Vec<(String, Upload)>,
}

fn actions(component: &ResolvedComponent) -> impl Iterator<Item = &ResolvedAction> {
    component.before.iter().chain(&component.after)
}

/// What there is to upload. Read before anything is asked of the cluster: a wrong folder is bad input.
pub(super) fn local_files(wanted: &Resolved) -> Result<Vec<LocalFiles>, ObserveError> {
    let mut found = Vec::new();
    for component in &wanted.components {
        let failed = |source| ObserveError::Files { component: component.id.clone(), source };
        let begin = found.len();
        for action in actions(component) {
            let ActionKind::HdfsUpload { from, to, mode, pattern } = &action.kind else { continue };
            if from.is_empty() {
                continue;
            }
            let files = matching(Path::new(from), pattern).map_err(failed)?;
            let mode = u16::from_str_radix(mode, 8).unwrap_or(0o644);
            let upload = |(name, local): (String, PathBuf)| {
                let remote = format!("{to}/{name}");
                (name, Upload { local, remote, mode })
            };
            found.push(LocalFiles { key: format!("{to}/{pattern}"), uploads: files.into_iter().map(upload).collect() });
        }
        // Told before the first byte is sent: what was uploaded and cannot be remembered would be sent for ever.
        let names =
            || found[begin..].iter().flat_map(|files: &LocalFiles| files.uploads.iter().map(|(name, _)| name.as_str()));
        state::uploads_fit(names()).map_err(|bytes| failed(FilesError::TooMany { files: names().count(), bytes }))?;
    }
    Ok(found)
}

/// Looks at HDFS, unless it is not installed or not ready: then the plan says so and the actions will see.
pub(super) async fn look(
    wanted: &Resolved,
    releases: &BTreeMap<ReleaseKey, ObservedRelease>,
    hdfs: Option<&Hdfs>,
    files: Vec<LocalFiles>,
) -> ObservedHdfs {
    let (Some(hdfs), Some(access)) = (hdfs, &wanted.hdfs) else { return ObservedHdfs::Absent };
    let provider = wanted.components.iter().find(|component| component.id == access.component);
    if let Some(release) = provider.and_then(|component| component.release.as_ref()) {
        match releases.get(&ReleaseKey::new(&release.namespace, &release.name)) {
            None => return ObservedHdfs::Absent,
            Some(found) => {
                if let Some(finding) = found.unready.first() {
                    return ObservedHdfs::Unreachable(finding.to_string());
                }
                if let Some(drift) = found.drift.iter().find(|drift| drift.object.kind.ends_with("Set")) {
                    return ObservedHdfs::Unreachable(drift.to_string());
                }
            }
        }
    }
    ask(wanted, &hdfs.with_deadline(PATIENCE), files)
        .await
        .unwrap_or_else(|error| ObservedHdfs::Unreachable(error.to_string()))
}

async fn ask(wanted: &Resolved, hdfs: &Hdfs, files: Vec<LocalFiles>) -> Result<ObservedHdfs, Error> {
    let mut folders = BTreeMap::new();
    for action in wanted.components.iter().flat_map(actions) {
        if let ActionKind::HdfsMkdir { path, .. } = &action.kind
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
    for LocalFiles { key, uploads: files } in files {
        let (names, files): (Vec<String>, Vec<Upload>) = files.into_iter().unzip();
        // Under the lock nobody else uploads, and without it nothing is planned that is not planned again under it.
        let options = UploadOptions { alone: true, ..UploadOptions::default() };
        let compared = hdfs.compare(files, &options).await?;
        let files = names.into_iter().zip(compared.files.into_iter().map(words)).collect();
        uploads.insert(key, ObservedUpload { files, abandoned: compared.abandoned });
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
            Difference::Content => "has other content".to_owned(),
            Difference::Mode { have, want } => format!("has mode {have:04o} instead of {want:04o}"),
        }),
    }
}
