//! What differs between wanted and observed, in words.

use std::collections::BTreeSet;

use serde_json::Value;

use super::equal::equal;
use super::fields::value_changes;
use super::types::Change;
use crate::answers::{Resolved, ResolvedAction, ResolvedRelease};
use crate::model::CHART_DIGEST;
use crate::model::cluster::{ReleaseKey, ReleaseState, ReleaseStatus};
use crate::model::observed::{Comparison, Folder, Observed, ObservedHdfs, ObservedRelease, ObservedUpload};

/// How many differing values are named one by one.
const NAMED: usize = 6;

/// What a Secret that windlass fills needs.
pub(super) fn secret(found: Option<&Comparison>) -> (Change, Vec<String>) {
    match found {
        None | Some(Comparison::Absent) => (Change::Create, Vec::new()),
        Some(Comparison::Same) => (Change::Nothing, Vec::new()),
        Some(Comparison::Differs(how)) => (Change::Update, vec![how.clone()]),
    }
}

/// What a release needs.
pub(super) fn release(wanted: &ResolvedRelease, found: Option<&ObservedRelease>) -> (Change, Vec<String>) {
    let Some(found) = found else { return (Change::Create, Vec::new()) };
    let mut why = Vec::new();
    if found.state.status != ReleaseStatus::Deployed {
        why.push(format!("the last revision, {}, is {}", found.state.revision, found.state.status));
    }
    let digest = found.state.chart_annotations.get(CHART_DIGEST);
    match digest {
        Some(digest) if *digest == wanted.chart_digest => {}
        Some(_) => why.push("the chart has changed".to_owned()),
        None => why.push(super::adopt::adopt_reason(wanted, &found.state)),
    }
    let changes = value_changes(&found.state.config, &wanted.values);
    let more = changes.len().saturating_sub(NAMED);
    why.extend(changes.iter().take(NAMED).map(|change| format!("value {change}")));
    if more > 0 {
        why.push(format!("{more} more values differ"));
    }
    why.extend(found.drift.iter().map(ToString::to_string));
    let change = if why.is_empty() { Change::Nothing } else { Change::Update };
    (change, why)
}

/// The releases that are there and that an install would update.
#[must_use]
pub fn updates(wanted: &Resolved, observed: &Observed) -> BTreeSet<ReleaseKey> {
    let wanted = &*wanted.with_versions(&observed.versions);
    let releases = wanted.components.iter().filter_map(|component| component.release.as_ref());
    let keyed = releases.map(|wanted| (ReleaseKey::new(&wanted.namespace, &wanted.name), wanted));
    let updated = keyed.filter(|(key, wanted)| release(wanted, observed.releases.get(key)).0 == Change::Update);
    updated.map(|(key, _)| key).collect()
}

/// Whether a release that Helm recorded as deployed was made from this chart with these values.
#[must_use]
pub fn same_release(chart: &str, values: &Value, found: &ReleaseState) -> bool {
    found.status == ReleaseStatus::Deployed
        && found.chart_annotations.get(CHART_DIGEST).is_some_and(|digest| digest == chart)
        && equal(values, &found.config)
}

/// What something in a service needs.
///
/// `stored` is what is to be recorded of values that the service does not show, and what is recorded.
pub(super) fn entry(
    title: &str,
    found: Option<&Result<Comparison, String>>,
    stored: Option<(&str, Option<&str>)>,
) -> (Change, Vec<String>) {
    match found {
        // Its service is not there yet.
        None => (Change::Create, Vec::new()),
        Some(Ok(Comparison::Absent)) => (Change::Create, vec![format!("{title} not found")]),
        Some(Ok(Comparison::Same)) => match stored {
            Some((wanted, known)) if known != Some(wanted) => {
                (Change::Update, vec![format!("values that {title} does not return may be older than its Secret")])
            }
            _ => (Change::Nothing, Vec::new()),
        },
        Some(Ok(Comparison::Differs(why))) => (Change::Update, vec![why.clone()]),
        Some(Err(why)) => (Change::Check, vec![why.clone()]),
    }
}

/// What an action that is done once for a text needs.
pub(super) fn done(act: &ResolvedAction, text: &str, before: Option<&str>) -> (Change, Vec<String>) {
    let agree = act.agree.as_ref().map(|agree| agree.en().to_owned());
    match before {
        None => (Change::Create, agree.into_iter().collect()),
        Some(before) if before == text => (Change::Nothing, Vec::new()),
        Some(before) => {
            let again = format!("it last ran for `{before}`, and the value is now `{text}`");
            (Change::Update, [Some(again), agree].into_iter().flatten().collect())
        }
    }
}

/// What an HDFS folder needs.
pub(super) fn folder(path: &str, mode: &str, hdfs: &ObservedHdfs) -> (Change, Vec<String>) {
    let wanted = u16::from_str_radix(mode, 8).unwrap_or_default();
    match hdfs {
        ObservedHdfs::Absent => (Change::Create, Vec::new()),
        ObservedHdfs::Unreachable(why) => (Change::Check, vec![format!("HDFS did not answer: {why}")]),
        ObservedHdfs::Reached { folders, .. } => match folders.get(path) {
            None | Some(Folder::Absent) => (Change::Create, vec![format!("{path} not found")]),
            Some(Folder::IsFile) => (Change::Update, vec![format!("{path} is a file and should be a folder")]),
            Some(Folder::Mode(found)) if *found == wanted => (Change::Nothing, Vec::new()),
            Some(Folder::Mode(found)) => {
                (Change::Update, vec![format!("mode of {path}: {found:04o} becomes {wanted:04o}")])
            }
        },
    }
}

/// What an upload needs.
pub(super) fn upload(step: &str, to: &str, hdfs: &ObservedHdfs) -> (Change, Vec<String>) {
    match hdfs {
        ObservedHdfs::Absent => (Change::Create, Vec::new()),
        ObservedHdfs::Unreachable(why) => (Change::Check, vec![format!("HDFS did not answer: {why}")]),
        ObservedHdfs::Reached { uploads, .. } => {
            let Some(found) = uploads.get(step) else { return (Change::Create, Vec::new()) };
            let ObservedUpload { files, abandoned } = found;
            let mut why: Vec<String> = files
                .iter()
                .filter_map(|(name, found)| match found {
                    Comparison::Same => None,
                    Comparison::Absent => Some(format!("{to}/{name} not found")),
                    Comparison::Differs(how) => Some(format!("{to}/{name} {how}")),
                })
                .collect();
            why.extend(abandoned.iter().map(|path| format!("{path} is an incomplete upload")));
            let all_absent = !files.is_empty() && files.values().all(|found| *found == Comparison::Absent);
            let more = why.len().saturating_sub(NAMED);
            why.truncate(NAMED);
            if more > 0 {
                why.push(format!("{more} more files"));
            }
            let change = match (why.is_empty(), all_absent) {
                (true, _) => Change::Nothing,
                (false, true) => Change::Create,
                (false, false) => Change::Update,
            };
            (change, why)
        }
    }
}
