//! Differences from what the last install left: for `windlass status --drift`, which only reads.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::exit::{Exit, Failed, OrExit as _};
use super::held::with_installed_files;
use super::output::say_stderr;
use super::{charts, session};
use crate::answers::{Resolved, ResolvedAction};
use crate::catalog::action::{ActionEffect, ActionKind, HdfsAction};
use crate::cli::{AnswerArgs, Global};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::driver::webhdfs::{Comparison, Difference, Hdfs};
use crate::model::cluster::{Drift, ManifestObject, ObjectRef};
use crate::model::crd_ref;
use crate::model::observed::{Comparison as Compared, CrdComparison, ObservedHdfs};
use crate::model::state::InstallState;
use crate::observe::{NEEDS_RUN_RESULTS, observe};
use crate::plan::{self, Change, Work};

/// What differs by component, without the objects of releases, which `status` always compares.
#[derive(Debug, Default)]
pub(super) struct Drifted {
    /// As text.
    pub(super) found: BTreeMap<String, Vec<String>>,
    /// What differs in fields that are others' to set.
    pub(super) ignored: BTreeMap<String, Vec<Drift>>,
}

/// Finds the drift.
pub(super) async fn drift(global: &Global, cluster: &Cluster, state: &InstallState) -> Result<Drifted, Failed> {
    let mut drifted = Drifted::default();
    if state.components.is_empty() {
        return Ok(drifted);
    }
    let found = &mut drifted.found;
    let catalog = session::load_catalog(global)?;
    let answers = session::answers(global, &AnswerArgs::default(), &catalog, Some(state))?;
    let answers = with_installed_files(answers, &catalog, cluster, state).await?;
    let mut resolved = charts::resolved_with_charts_at_hand(global, &catalog, &answers)?;
    // What counts is what was uploaded, not what is in a folder of this machine now.
    let modes = without_sources(&mut resolved);
    // Compared with what was installed, and not with what would be.
    let mut kinds = without_kinds(&mut resolved);
    let (tunnels, hdfs) = session::reach(cluster, resolved.hdfs.as_ref())?;
    let observed = observe(&resolved, cluster, Some(&tunnels), hdfs.as_ref()).await.or_exit(Exit::Unusable)?;
    for step in plan::plan(&resolved, &observed, false).steps {
        let compares = matches!(
            step.work,
            Work::Namespace { .. }
                | Work::PullSecret { .. }
                | Work::Secret { .. }
                | Work::Files { .. }
                | Work::DerivedSecret { .. }
                | Work::Act { .. }
        );
        if step.change == Change::Check && is_entry(&step.work) {
            // A service with an unexpected answer: whether its content is right is unknown.
            let why = step.why.iter().filter(|why| *why != NEEDS_RUN_RESULTS);
            let unchecked = why.map(|why| format!("{} was not checked: {why}", step.title));
            found.entry(step.component).or_default().extend(unchecked);
            continue;
        }
        if !compares || matches!(step.change, Change::Nothing | Change::Check) {
            // HDFS that does not answer is not drift; that it is not ready, or gone, is reported already.
            continue;
        }
        // An entry that is right and not recorded: the next install records it, and nothing has drifted.
        let same = matches!(observed.entries.get(&step.id), Some(Ok(Compared::Same)));
        if same && is_entry(&step.work) && observed.done(&step.component, &step.id).is_none() {
            continue;
        }
        // A service that is not ready is not asked; that it is not ready is reported already.
        if step.why.is_empty() && is_entry(&step.work) {
            continue;
        }
        let why = if step.why.is_empty() { vec![format!("{} is gone", step.title)] } else { step.why };
        found.entry(step.component).or_default().extend(why);
    }
    drifted.ignored = definitions(cluster, state, &resolved, &mut kinds, found).await?;
    if let (Some(hdfs), ObservedHdfs::Reached { .. }) = (&hdfs, &observed.hdfs) {
        for (id, component) in &state.components {
            for (folder, recorded) in state_store::uploads(cluster, component).await.or_exit(Exit::Unusable)? {
                let mode = modes.get(&folder).copied();
                found.entry(id.clone()).or_default().extend(uploads(hdfs, &folder, &recorded, mode).await?);
            }
        }
    }
    found.retain(|_, what| !what.is_empty());
    Ok(drifted)
}

/// CRDs that are gone, or that differ from those of the chart that was installed, where that is available. Of components
/// that share one, the first reports it. Returns what differs in ignored fields.
async fn definitions(
    cluster: &Cluster,
    state: &InstallState,
    resolved: &Resolved,
    kinds: &mut BTreeMap<String, Vec<ManifestObject>>,
    found: &mut BTreeMap<String, Vec<String>>,
) -> Result<BTreeMap<String, Vec<Drift>>, Failed> {
    let (mut seen, mut all_ignored) = (BTreeSet::new(), BTreeMap::new());
    for component in &resolved.components {
        let Some(known) = state.components.get(&component.id) else { continue };
        let release = component.release.as_ref();
        let release = release.filter(|release| known.record.chart.as_ref() == Some(&release.chart_digest));
        let ignored = release.map(|release| release.ignored.clone()).unwrap_or_default();
        let names = known.record.crds.iter().filter(|name| seen.insert((*name).clone()));
        let here = kinds.remove(&component.id).filter(|_| release.is_some()).unwrap_or_default();
        let wanted = |name: &String| here.iter().find(|crd| crd.object.name == *name).cloned();
        let bodies: Vec<ManifestObject> =
            names.map(|name| wanted(name).unwrap_or_else(|| bare(crd_ref(name)))).collect();
        if bodies.is_empty() {
            continue;
        }
        if release.is_none() {
            let title = &component.title;
            say_stderr(&format!(
                "note: the installed chart of {title} is not available here, so its CRDs were not compared"
            ));
        }
        let (compared, ignored) = cluster.definitions(&bodies, &ignored).await.or_exit(Exit::Unusable)?;
        all_ignored.insert(component.id.clone(), ignored);
        found.entry(component.id.clone()).or_default().extend(compared.into_iter().filter_map(
            |(name, how)| match how {
                CrdComparison::Absent => Some(format!("{} is gone", crd_ref(&name))),
                CrdComparison::Differs(how) => Some(how),
                CrdComparison::Same | CrdComparison::Newer(_) => None,
            },
        ));
    }
    Ok(all_ignored)
}

/// An object without fields: only its existence is compared.
fn bare(object: ObjectRef) -> ManifestObject {
    let body = json!({"apiVersion": object.api_version, "kind": object.kind, "metadata": {"name": object.name}});
    ManifestObject { object, body }
}

/// Whether a step manages an entry in a service.
fn is_entry(work: &Work) -> bool {
    matches!(work, Work::Act { action, .. } if matches!(action.leaves(), Some(ActionEffect::Entry(_))))
}

/// Takes the CRDs out of all releases, so that they are read once; by component.
fn without_kinds(resolved: &mut Resolved) -> BTreeMap<String, Vec<ManifestObject>> {
    let components = resolved.components.iter_mut();
    let taken = components
        .filter_map(|component| Some((component.id.clone(), std::mem::take(&mut component.release.as_mut()?.crds))));
    taken.collect()
}

/// Empties the sources of uploads; returns the mode of the files in each target folder.
fn without_sources(resolved: &mut Resolved) -> BTreeMap<String, u16> {
    let mut modes = BTreeMap::new();
    let actions = |action: &mut ResolvedAction| {
        if let ActionKind::Hdfs(HdfsAction::Upload(upload)) = &mut action.kind {
            upload.from.clear();
            modes.extend(u16::from_str_radix(&upload.mode, 8).ok().map(|mode| (upload.to.clone(), mode)));
        }
    };
    resolved
        .components
        .iter_mut()
        .flat_map(|component| component.before.iter_mut().chain(&mut component.after))
        .for_each(actions);
    modes
}

async fn uploads(
    hdfs: &Hdfs,
    folder: &str,
    recorded: &BTreeMap<String, String>,
    mode: Option<u16>,
) -> Result<Vec<String>, Failed> {
    let compared = hdfs.compare_recorded(folder, recorded, mode).await.or_exit(Exit::Unusable)?;
    let differences = compared.into_iter().filter_map(|(name, comparison)| {
        let path = format!("{folder}/{name}");
        match comparison {
            Comparison::Same => None,
            Comparison::Missing => Some(format!("{path} is gone")),
            Comparison::Differs(Difference::Folder) => Some(format!("{path} is a folder")),
            Comparison::Differs(Difference::Mode { have, want }) => {
                Some(format!("mode of {path}: {have:04o} instead of {want:04o}"))
            }
            Comparison::Differs(_) => Some(format!("{path} has different content")),
        }
    });
    Ok(differences.collect())
}
