//! An install from an offline bundle: its images are in the registry, and nodes can pull them, before anything needs them.

use super::action::action;
use super::types::{Action, Change, Step};
use crate::answers::{Resolved, ResolvedRelease};
use crate::model::observed::Observed;
use crate::model::offline::{ObservedOffline, OfflineRecord};
use crate::model::state::InstallState;

/// The push.
const PUSH: &str = "platform/push";

/// Adds the steps that only an install from an offline bundle has.
pub(super) fn extend(actions: &mut Vec<Action>, wanted: &Resolved, observed: &Observed) {
    let Some(offline) = &observed.offline else { return };
    let releases: Vec<&ResolvedRelease> =
        wanted.components.iter().filter_map(|component| component.release.as_ref()).collect();
    let namespaces: Vec<&str> = releases.iter().map(|release| release.namespace.as_str()).collect();
    let verifies = actions.iter().any(|action| action.verify);
    let record = before_pods(actions, offline, &namespaces, observed.state.as_ref());
    if verifies {
        let of = releases.iter().map(|release| (release.namespace.clone(), release.name.clone())).collect();
        let ready = actions.iter().filter(|action| matches!(action.step, Step::Ready { .. }));
        let needs = ready.map(|action| action.id.clone()).collect();
        actions.push(running_images(&record, of, needs));
    }
}

/// Puts push and pull tests before everything that starts pods. `namespaces` are those of the install, `state` is what is
/// remembered. Gives what is to be.
fn before_pods(
    actions: &mut Vec<Action>,
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
    let push = Action {
        change: if why.is_empty() { Change::Nothing } else { Change::Update },
        why,
        ..action(
            "platform",
            PUSH.to_owned(),
            format!("push {} to {}", counted(offline.images), record.registry),
            Step::Push {
                registry: record.registry.clone(),
                lock_digest: record.lock_digest.clone(),
                record: wanted.clone(),
            },
        )
    };
    let starts = |action: &Action| match &action.step {
        Step::Release { .. } => true,
        Step::Act { action, .. } => action.jobs().is_some(),
        _ => false,
    };
    let begins = |action: &Action| starts(action) && action.change != Change::Nothing && !action.verify;
    let tested = push.change != Change::Nothing || actions.iter().any(begins);
    // One namespace is enough: the same Secret lets all of them pull.
    let tests: Vec<Action> = namespaces.first().map_or_else(Vec::new, |namespace| {
        let pools = offline.pools.iter().enumerate();
        let test = pools.map(|(at, pool)| {
            let step = Step::PullTest { namespace: (*namespace).to_owned(), pool: pool.clone() };
            let title = format!("nodes of {} pull from {}", pool.name, record.registry);
            let needs = [PUSH.to_owned(), format!("namespace/{namespace}"), format!("pull-secret/{namespace}")];
            let there = |need: &String| need == PUSH || actions.iter().any(|action| action.id == *need);
            Action {
                change: if tested { Change::Check } else { Change::Nothing },
                needs: needs.into_iter().filter(there).collect(),
                ..action("platform", format!("platform/pull-test-{}", at + 1), title, step)
            }
        });
        test.collect()
    });
    let before: Vec<String> = std::iter::once(&push).chain(&tests).map(|action| action.id.clone()).collect();
    for action in actions.iter_mut().filter(|action| starts(action)) {
        action.needs.extend(before.iter().cloned());
    }
    let rest = std::mem::take(actions);
    actions.push(push);
    actions.extend(tests);
    actions.extend(rest);
    wanted
}

/// The check that pods run what the offline bundle brought: of these releases, by namespace and name.
#[must_use]
pub fn running_images(record: &OfflineRecord, releases: Vec<(String, String)>, needs: Vec<String>) -> Action {
    let title = format!("pods run the images of the offline bundle, from {}", record.registry);
    Action {
        verify: true,
        needs,
        ..action("platform", "platform/images".to_owned(), title, Step::Images { releases, record: record.clone() })
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
        ObservedOffline { record, images: 2, upload_bytes, pools: vec![pool("a"), pool("b")], ..Default::default() }
    }

    fn planned(offline: &ObservedOffline, release: Change, state: Option<&InstallState>) -> Vec<Action> {
        let key = crate::model::cluster::ReleaseKey::new("ns", "r");
        let step = Step::Release { key: key.clone(), chart: String::new(), values: Default::default() };
        let mut actions = vec![
            action(
                "platform",
                "namespace/ns".into(),
                "n".into(),
                Step::Namespace { name: "ns".into(), pod_security: "restricted".into() },
            ),
            Action { change: release, ..action("x", "x/release".into(), "r".into(), step) },
            action("x", "x/ready".into(), "r".into(), Step::Ready { key }),
        ];
        before_pods(&mut actions, offline, &["ns"], state);
        actions
    }

    #[test]
    fn nothing_starts_before_images_are_there_and_nodes_have_pulled_one() {
        let actions = planned(&observed(5 << 20), Change::Create, None);
        let ids: Vec<&str> = actions.iter().map(|action| action.id.as_str()).collect();
        assert_eq!(
            ids,
            ["platform/push", "platform/pull-test-1", "platform/pull-test-2", "namespace/ns", "x/release", "x/ready"]
        );
        assert_eq!(actions[0].change, Change::Update);
        assert_eq!(actions[0].why, ["5.0 MiB to upload, nothing to mount", "its content is not recorded"]);
        assert_eq!(actions[1].needs, ["platform/push", "namespace/ns"]);
        assert_eq!(actions[4].needs, ["platform/push", "platform/pull-test-1", "platform/pull-test-2"]);
        assert!(actions[5].needs.is_empty());
    }

    #[test]
    fn what_is_there_and_recorded_is_nothing_to_do() {
        let offline = observed(0);
        let state = InstallState { offline: Some(offline.record.clone()), ..InstallState::default() };
        let actions = planned(&offline, Change::Nothing, Some(&state));
        assert!(actions[..3].iter().all(|action| action.change == Change::Nothing), "{actions:#?}");
        let actions = planned(&offline, Change::Update, Some(&state));
        assert_eq!((actions[0].change, actions[1].change), (Change::Nothing, Change::Check), "pods will start");
    }
}
