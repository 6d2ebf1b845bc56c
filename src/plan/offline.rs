//! An install from an offline bundle: its images are in the registry, and nodes can pull them, before anything needs them.

use super::step::step;
use super::types::{Change, Step, Work};
use crate::answers::{Resolved, ResolvedRelease};
use crate::model::observed::Observed;
use crate::model::offline::{ObservedOffline, OfflineRecord, SkippedPools};
use crate::model::state::InstallState;

/// The push.
const PUSH: &str = "platform/push";

/// Adds the steps that only an install from an offline bundle has.
pub(super) fn extend(steps: &mut Vec<Step>, wanted: &Resolved, observed: &Observed) {
    let Some(offline) = &observed.offline else { return };
    let releases: Vec<&ResolvedRelease> =
        wanted.components.iter().filter_map(|component| component.release.as_ref()).collect();
    let namespaces: Vec<&str> = releases.iter().map(|release| release.namespace.as_str()).collect();
    let verifies = steps.iter().any(|step| step.verify);
    let record = before_pods(steps, offline, &namespaces, observed.state.as_ref());
    if verifies {
        let of = releases.iter().map(|release| (release.namespace.clone(), release.name.clone())).collect();
        let ready = steps.iter().filter(|step| matches!(step.work, Work::Ready { .. }));
        let needs = ready.map(|step| step.id.clone()).collect();
        steps.push(running_images(&record, of, needs));
    }
}

/// Puts push and pull tests before everything that starts pods. `namespaces` are those of the install, `state` is what is
/// remembered. Gives what is to be.
fn before_pods(
    steps: &mut Vec<Step>,
    offline: &ObservedOffline,
    namespaces: &[&str],
    state: Option<&InstallState>,
) -> OfflineRecord {
    let record = &offline.record;
    let mut why = Vec::new();
    if offline.upload_bytes + offline.mount_bytes > 0 || offline.writes > 0 {
        let (sent, mounted) = (amount(offline.upload_bytes), amount(offline.mount_bytes));
        why.push(format!("{sent} to upload, {mounted} to mount"));
    }
    let known = state.and_then(|state| state.offline.as_ref());
    let wanted = record.clone().after(known);
    if known != Some(&wanted) {
        why.push("its content is not recorded".to_owned());
    }
    // A receipt alone starts no pods.
    let pushes = !why.is_empty();
    if offline.receipt {
        why.push("a receipt is asked for".to_owned());
    }
    let push = Step {
        change: if why.is_empty() { Change::Nothing } else { Change::Update },
        why,
        ..step(
            "platform",
            PUSH.to_owned(),
            format!("push {} to {}", counted(offline.images), offline.target),
            Work::Push {
                registry: offline.target.clone(),
                lock_digest: record.lock_digest.clone(),
                record: wanted.clone(),
            },
        )
    };
    let starts = |step: &Step| match &step.work {
        Work::Release { .. } => true,
        Work::Act { action, .. } => action.jobs().is_some(),
        _ => false,
    };
    let begins = |step: &Step| starts(step) && step.change != Change::Nothing && !step.verify;
    let tested = pushes || steps.iter().any(begins);
    // One namespace is enough: the same Secret lets all of them pull.
    let tests: Vec<Step> = namespaces.first().map_or_else(Vec::new, |namespace| {
        let pools = offline.pools.iter().enumerate();
        let test = pools.map(|(at, pool)| {
            let work = Work::PullTest { namespace: (*namespace).to_owned(), pool: pool.clone() };
            let title = format!("nodes of {} pull from {}", pool.name, record.registry);
            let needs = [PUSH.to_owned(), format!("namespace/{namespace}"), format!("pull-secret/{namespace}")];
            let there = |need: &String| need == PUSH || steps.iter().any(|step| step.id == *need);
            Step {
                change: if tested { Change::Check } else { Change::Nothing },
                why: if tested && at == 0 { untested(offline.skipped_pools) } else { Vec::new() },
                needs: needs.into_iter().filter(there).collect(),
                ..step("platform", format!("platform/pull-test-{}", at + 1), title, work)
            }
        });
        test.collect()
    });
    let before: Vec<String> = std::iter::once(&push).chain(&tests).map(|step| step.id.clone()).collect();
    for step in steps.iter_mut().filter(|step| starts(step)) {
        step.needs.extend(before.iter().cloned());
    }
    let rest = std::mem::take(steps);
    steps.push(push);
    steps.extend(tests);
    steps.extend(rest);
    wanted
}

/// How many pools have no test, and why.
fn untested(skipped: SkippedPools) -> Vec<String> {
    let SkippedPools { tainted, more } = skipped;
    let tainted =
        (tainted > 0).then(|| format!("pools not tested, since no release tolerates their taints: {tainted}"));
    let more = (more > 0).then(|| format!("pools not tested, since there are too many: {more}"));
    tainted.into_iter().chain(more).collect()
}

/// The check that pods run what the offline bundle brought: of these releases, by namespace and name.
#[must_use]
pub fn running_images(record: &OfflineRecord, releases: Vec<(String, String)>, needs: Vec<String>) -> Step {
    let title = format!("pods run the images of the offline bundle, from {}", record.registry);
    Step {
        verify: true,
        needs,
        ..step("platform", "platform/images".to_owned(), title, Work::Images { releases, record: record.clone() })
    }
}

fn counted(images: usize) -> String {
    if images == 1 { "1 image".to_owned() } else { format!("{images} images") }
}

/// Bytes for people; plans are pure, so they are written here.
fn amount(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let mib = bytes as f64 / f64::from(1 << 20);
    if bytes == 0 { "nothing".to_owned() } else { format!("{mib:.1} MiB") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::offline::NodePool;

    fn observed(upload_bytes: u64) -> ObservedOffline {
        let pool = |name: &str| NodePool {
            name: name.to_owned(),
            node: Some(format!("node-{name}")),
            runtime: Default::default(),
            image: "r.site/a@sha256:1".to_owned(),
        };
        let record = OfflineRecord { registry: "r.site".to_owned(), ..OfflineRecord::default() };
        let target = "r.dmz:8443/mirror".to_owned();
        let pools = vec![pool("a"), pool("b")];
        ObservedOffline { record, target, images: 2, upload_bytes, pools, ..Default::default() }
    }

    fn planned(offline: &ObservedOffline, release: Change, state: Option<&InstallState>) -> Vec<Step> {
        let key = crate::model::cluster::ReleaseKey::new("ns", "r");
        let work = Work::Release { key: key.clone(), chart: String::new(), values: Default::default() };
        let mut steps = vec![
            step(
                "platform",
                "namespace/ns".into(),
                "n".into(),
                Work::Namespace { name: "ns".into(), pod_security: "restricted".into() },
            ),
            Step { change: release, ..step("x", "x/release".into(), "r".into(), work) },
            step("x", "x/ready".into(), "r".into(), Work::Ready { key }),
        ];
        before_pods(&mut steps, offline, &["ns"], state);
        steps
    }

    #[test]
    fn nothing_starts_before_images_are_there_and_nodes_have_pulled_one() {
        let steps = planned(&observed(5 << 20), Change::Create, None);
        let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(
            ids,
            ["platform/push", "platform/pull-test-1", "platform/pull-test-2", "namespace/ns", "x/release", "x/ready"]
        );
        assert_eq!(steps[0].change, Change::Update);
        assert_eq!(steps[0].title, "push 2 images to r.dmz:8443/mirror");
        assert_eq!(steps[1].title, "nodes of a pull from r.site");
        assert_eq!(steps[0].why, ["5.0 MiB to upload, nothing to mount", "its content is not recorded"]);
        assert_eq!(steps[1].needs, ["platform/push", "namespace/ns"]);
        assert_eq!(steps[4].needs, ["platform/push", "platform/pull-test-1", "platform/pull-test-2"]);
        assert!(steps[5].needs.is_empty());
    }

    #[test]
    fn how_many_pools_are_not_tested_is_in_the_plan() {
        let offline = ObservedOffline { skipped_pools: SkippedPools { tainted: 2, more: 0 }, ..observed(1) };
        let steps = planned(&offline, Change::Create, None);
        assert_eq!(steps[1].why, ["pools not tested, since no release tolerates their taints: 2"]);
        assert!(steps[2].why.is_empty());
        let ids: Vec<String> =
            planned(&offline.without_pull_tests(), Change::Create, None).into_iter().map(|step| step.id).collect();
        assert_eq!(ids, ["platform/push", "namespace/ns", "x/release", "x/ready"]);
    }

    #[test]
    fn a_receipt_is_written_of_what_is_there_as_well() {
        let offline = ObservedOffline { receipt: true, ..observed(0) };
        let state = InstallState { offline: Some(offline.record.clone()), ..InstallState::default() };
        let steps = planned(&offline, Change::Nothing, Some(&state));
        assert_eq!((steps[0].change, &steps[0].why), (Change::Update, &vec!["a receipt is asked for".to_owned()]));
        assert_eq!(steps[1].change, Change::Nothing, "nothing will start");
    }

    #[test]
    fn what_is_there_and_recorded_is_nothing_to_do() {
        let offline = observed(0);
        let state = InstallState { offline: Some(offline.record.clone()), ..InstallState::default() };
        let steps = planned(&offline, Change::Nothing, Some(&state));
        assert!(steps[..3].iter().all(|step| step.change == Change::Nothing), "{steps:#?}");
        let steps = planned(&offline, Change::Update, Some(&state));
        assert_eq!((steps[0].change, steps[1].change), (Change::Nothing, Change::Check), "pods will start");
    }
}
