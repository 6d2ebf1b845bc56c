//! Wanted and observed to actions and edges.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::diff;
use super::types::{Action, Change, PLAN_SCHEMA, Plan, Step};
use crate::answers::{Resolved, ResolvedAction, ResolvedComponent, ResolvedRelease};
use crate::catalog::ActionKind;
use crate::model::cluster::ReleaseKey;
use crate::model::observed::Observed;
use crate::model::state::ComponentRecord;
use crate::model::{PULL_SECRET, SecretRef, digest};

/// Makes the plan. `verify` says whether proof is wanted at the end.
#[must_use]
pub fn plan(wanted: &Resolved, observed: &Observed, verify: bool) -> Plan {
    let mut builder =
        Builder { wanted, observed, actions: Vec::new(), done: BTreeMap::new(), results: BTreeMap::new() };
    builder.register();
    builder.namespaces();
    for component in &wanted.components {
        builder.component(component);
    }
    if verify && builder.wants_verify() {
        for component in &wanted.components {
            builder.verify(component);
        }
    }
    let overlaid = wanted
        .components
        .iter()
        .filter_map(|component| component.origin.as_ref().map(|origin| (component.id.clone(), origin.clone())));
    let mut plan =
        Plan { schema: PLAN_SCHEMA, hdfs: wanted.hdfs.clone(), overlaid: overlaid.collect(), actions: builder.actions };
    sort(&mut plan.actions);
    plan
}

struct Builder<'a> {
    wanted: &'a Resolved,
    observed: &'a Observed,
    actions: Vec<Action>,
    /// Component to the action after which it is ready.
    done: BTreeMap<String, String>,
    /// Registered name to the action that gives it.
    results: BTreeMap<String, String>,
}

impl Builder<'_> {
    /// Who gives which result is known before edges are drawn: a user of a result may come first in the catalog.
    fn register(&mut self) {
        for component in &self.wanted.components {
            let phases = [("before", &component.before), ("after", &component.after), ("verify", &component.verify)];
            for (phase, actions) in phases {
                for (index, act) in actions.iter().enumerate() {
                    if let Some(name) = &act.register {
                        self.results.insert(name.clone(), format!("{}/{phase}-{}", component.id, index + 1));
                    }
                }
            }
        }
    }

    /// Namespaces and pull secrets come first and may serve several components.
    fn namespaces(&mut self) {
        let mut seen = BTreeSet::new();
        let releases = self.wanted.components.iter().filter_map(|component| component.release.as_ref());
        for release in releases.collect::<Vec<_>>() {
            let name = &release.namespace;
            if !seen.insert(name.clone()) {
                continue;
            }
            let there = self.observed.namespaces.contains(name);
            self.actions.push(Action {
                change: if there { Change::Nothing } else { Change::Create },
                ..action(
                    "platform",
                    format!("namespace/{name}"),
                    format!("namespace {name}"),
                    Step::Namespace { name: name.clone(), pod_security: self.pod_security(name) },
                )
            });
            if let Some(from) = self.made_pull_secret() {
                let (change, why) = diff::secret(self.observed.pull_secrets.get(name));
                let title = format!("registry credentials in {name}");
                let step = Step::PullSecret { namespace: name.clone(), name: PULL_SECRET.to_owned(), from };
                self.actions.push(Action {
                    change,
                    why,
                    needs: vec![format!("namespace/{name}")],
                    ..action("platform", format!("pull-secret/{name}"), title, step)
                });
            }
        }
    }

    /// The weakest level that a component of the namespace needs.
    fn pod_security(&self, namespace: &str) -> String {
        let rank = |level: &str| match level {
            "privileged" => 2,
            "baseline" => 1,
            _ => 0,
        };
        self.releases()
            .filter(|release| release.namespace == namespace)
            .map(|release| release.pod_security.trim().to_owned())
            .max_by_key(|level| rank(level))
            .unwrap_or_else(|| "restricted".to_owned())
    }

    fn releases(&self) -> impl Iterator<Item = &ResolvedRelease> {
        self.wanted.components.iter().filter_map(|component| component.release.as_ref())
    }

    /// Where the credentials are, unless the site keeps such a Secret in every namespace by itself.
    fn made_pull_secret(&self) -> Option<SecretRef> {
        self.wanted.pull_secret.clone().filter(|from| !from.is_in_place())
    }

    fn component(&mut self, component: &ResolvedComponent) {
        let id = &component.id;
        let mut chain: Vec<String> = component.needs.iter().filter_map(|id| self.done.get(id).cloned()).collect();
        for (index, act) in component.before.iter().enumerate() {
            chain = vec![self.act(component, act, format!("{id}/before-{}", index + 1), chain)];
        }
        if let Some(release) = &component.release {
            self.secrets(component, release);
            chain = vec![self.release(component, release, chain)];
        }
        let changed = self.changed(id);
        for (index, act) in component.after.iter().enumerate() {
            let name = self.act(component, act, format!("{id}/after-{}", index + 1), chain);
            if let Some(last) = self.actions.last_mut().filter(|last| last.change == Change::Check && !changed) {
                // It only looks, and what it looks at has not changed.
                last.change = Change::Nothing;
            }
            chain = vec![name];
        }
        if let [last] = chain.as_slice() {
            self.done.insert(id.clone(), last.clone());
        }
        self.record(component, chain);
    }

    fn secrets(&mut self, component: &ResolvedComponent, release: &ResolvedRelease) {
        let known = self.observed.state.as_ref().and_then(|state| {
            let installed = state.components.get(&component.id).map(|known| &known.record);
            installed.or_else(|| state.kept.get(&component.id).map(|kept| &kept.record))
        });
        for secret in &component.secrets {
            let lost = known.is_some_and(|record| record.secrets.contains(&secret.name));
            let place = (release.namespace.clone(), secret.name.clone());
            let (change, mut why) = diff::secret(self.observed.secrets.get(&place));
            if lost && change == Change::Create {
                why.push(lost_secret(&secret.from));
            }
            let (namespace, name) = place;
            let title = format!("Secret {name} in {namespace}");
            let step = Step::Secret { namespace, name, key: secret.key.clone(), from: secret.from.clone() };
            self.actions.push(Action {
                change,
                why,
                needs: vec![format!("namespace/{}", release.namespace)],
                ..action(&component.id, secret_id(&component.id, &secret.key), title, step)
            });
        }
    }

    fn release(&mut self, component: &ResolvedComponent, release: &ResolvedRelease, mut needs: Vec<String>) -> String {
        let key = ReleaseKey::new(&release.namespace, &release.name);
        let found = self.observed.releases.get(&key);
        let (change, why) = diff::release(release, found);
        needs.push(format!("namespace/{}", release.namespace));
        if self.made_pull_secret().is_some() {
            needs.push(format!("pull-secret/{}", release.namespace));
        }
        needs.extend(component.secrets.iter().map(|secret| secret_id(&component.id, &secret.key)));
        let step =
            Step::Release { key: key.clone(), chart: release.chart_digest.clone(), values: release.values.clone() };
        let name = format!("{}/release", component.id);
        let title = format!("release {} in {}", release.name, release.namespace);
        self.actions.push(Action { change, why, needs, ..action(&component.id, name.clone(), title, step) });
        let unready: Vec<String> =
            found.map(|found| found.unready.iter().map(ToString::to_string).collect()).unwrap_or_default();
        let wait = change != Change::Nothing || !unready.is_empty();
        let ready = format!("{}/ready", component.id);
        self.actions.push(Action {
            change: if wait { Change::Check } else { Change::Nothing },
            why: if change == Change::Nothing { unready } else { Vec::new() },
            needs: vec![name],
            ..action(&component.id, ready.clone(), format!("{} is ready", component.title), Step::Ready { key })
        });
        ready
    }

    fn act(&mut self, component: &ResolvedComponent, act: &ResolvedAction, id: String, needs: Vec<String>) -> String {
        let (change, why) = match &act.kind {
            ActionKind::HdfsMkdir { path, mode } => diff::folder(path, mode, &self.observed.hdfs),
            ActionKind::HdfsUpload { from, .. } if from.is_empty() => {
                (Change::Nothing, vec!["no folder to upload was named".to_owned()])
            }
            ActionKind::HdfsUpload { to, pattern, .. } => match diff::upload(to, pattern, &self.observed.hdfs) {
                // They are there, but whoever looks for drift would not know of them.
                (Change::Nothing, _) if !self.knows_upload(&component.id, to) => {
                    (Change::Update, vec![format!("what is in {to} is not recorded")])
                }
                found => found,
            },
            _ => (Change::Check, Vec::new()),
        };
        let mut needs = needs;
        needs.extend(act.needs.iter().filter_map(|id| self.done.get(id).cloned()));
        needs.extend(act.results.iter().filter_map(|name| self.results.get(name).cloned()));
        needs.sort();
        needs.dedup();
        let step = Step::Act { namespace: component.namespace.clone(), action: act.kind.clone() };
        let mut made = Action {
            change,
            why,
            needs,
            register: act.register.clone(),
            ..action(&component.id, id.clone(), act.title.clone(), step)
        };
        if let Some(deadline) = act.deadline {
            made.deadline_seconds = deadline.as_secs();
        }
        if let Some(retries) = act.retries {
            made.retries = retries;
        }
        self.actions.push(made);
        id
    }

    fn knows_upload(&self, component: &str, folder: &str) -> bool {
        let known = self.observed.state.as_ref().and_then(|state| state.components.get(component));
        known.is_some_and(|known| known.knows_upload(folder))
    }

    /// Whether the answers that are remembered of a component are those that are wanted.
    fn knows_answers(&self, component: &str) -> bool {
        self.observed
            .state
            .as_ref()
            .is_some_and(|state| state.answers.get(component) == self.wanted.answers.get(component))
    }

    /// Whether anything of a component, HDFS folders and files apart, is about to change.
    fn changed(&self, id: &str) -> bool {
        let names = [format!("{id}/release"), format!("{id}/ready")];
        self.actions.iter().any(|action| names.contains(&action.id) && action.change != Change::Nothing)
            || !self.observed.state.as_ref().is_some_and(|state| state.components.contains_key(id))
    }

    fn record(&mut self, component: &ResolvedComponent, needs: Vec<String>) {
        let record = self.component_record(component);
        let known = self.observed.state.as_ref().and_then(|state| state.components.get(&component.id));
        let touched = self.actions.iter().any(|action| {
            action.component == component.id && !matches!(action.change, Change::Nothing | Change::Check)
        });
        let change = match known {
            None => Change::Create,
            // `verify` and `status --drift` go by what is remembered, so other answers are a change of their own.
            Some(known) if known.record == record && !touched && self.knows_answers(&component.id) => Change::Nothing,
            Some(_) => Change::Update,
        };
        let step = Step::Record { record, answers: self.wanted.answers.clone() };
        let title = format!("record {}", component.title);
        self.actions.push(Action {
            change,
            needs,
            ..action(&component.id, format!("{}/record", component.id), title, step)
        });
    }

    fn component_record(&self, component: &ResolvedComponent) -> ComponentRecord {
        let release = component.release.as_ref();
        ComponentRecord {
            title: component.title.clone(),
            version: component.version.clone(),
            origin: component.origin.clone(),
            release: release.map(|release| ReleaseKey::new(&release.namespace, &release.name)),
            chart: release.map(|release| release.chart_digest.clone()),
            values: release.map(|release| digest(release.values.to_string().as_bytes())),
            requires: component.needs.clone(),
            leftovers: component
                .leftovers
                .iter()
                .map(|leftover| (leftover.kind.clone(), leftover.selector.clone()))
                .collect(),
            pull_secret: release.and(self.made_pull_secret()).map(|_| PULL_SECRET.to_owned()),
            secrets: component.secrets.iter().map(|secret| secret.name.clone()).collect(),
            endpoints: component
                .endpoints
                .iter()
                .map(|endpoint| (endpoint.title.clone(), endpoint.url.clone(), endpoint.ingress.clone()))
                .collect(),
        }
    }

    /// Proof is wanted after a change, and while the last proof is missing or failed.
    fn wants_verify(&self) -> bool {
        let proven = |id: &str| {
            self.observed
                .state
                .as_ref()
                .and_then(|state| state.components.get(id))
                .and_then(|component| component.verified.as_ref())
                .is_some_and(|verified| verified.passed)
        };
        self.actions.iter().any(|action| action.change != Change::Nothing)
            || self.wanted.components.iter().any(|component| !component.verify.is_empty() && !proven(&component.id))
    }

    fn verify(&mut self, component: &ResolvedComponent) {
        let mut chain: Vec<String> = self.done.get(&component.id).cloned().into_iter().collect();
        for (index, act) in component.verify.iter().enumerate() {
            chain = vec![self.act(component, act, format!("{}/verify-{}", component.id, index + 1), chain)];
            if let Some(last) = self.actions.last_mut() {
                last.verify = true;
            }
        }
    }
}

fn secret_id(component: &str, question: &str) -> String {
    format!("{component}/secret-{question}")
}

/// What is said of a Secret that an earlier install filled and that is gone.
fn lost_secret(from: &SecretRef) -> String {
    match from {
        SecretRef::Generate => {
            "it is gone, and what it held cannot be restored: a new one is made, which does not open what the old one did"
        }
        _ => "it is gone",
    }
    .to_owned()
}

/// An action with the deadline and retries that its kind has by default.
pub(super) fn action(component: &str, id: String, title: String, step: Step) -> Action {
    let (deadline, retries) = limits(&step);
    Action {
        id,
        component: component.to_owned(),
        title,
        change: Change::Check,
        why: Vec::new(),
        needs: Vec::new(),
        deadline_seconds: deadline.as_secs(),
        retries,
        register: None,
        verify: false,
        step,
    }
}

/// Deadline and retries by kind of step, for those that say nothing themselves.
const fn limits(step: &Step) -> (Duration, u32) {
    let (seconds, retries) = match step {
        Step::Namespace { .. }
        | Step::PullSecret { .. }
        | Step::Secret { .. }
        | Step::Record { .. }
        | Step::Forget { .. } => (60, 3),
        Step::RemoveSecret { .. } | Step::RemoveByLabel { .. } => (120, 3),
        // A release that a Helm out of sight works on is waited for that long, too.
        Step::Release { .. } | Step::Rollback { .. } | Step::Uninstall { .. } => (660, 4),
        Step::Ready { .. } => (900, 0),
        Step::PurgeClaims { .. } | Step::RemoveNamespace { .. } => (300, 3),
        Step::Act { action, .. } => match action {
            ActionKind::HdfsUpload { .. } => (3600, 2),
            ActionKind::HdfsMkdir { .. } | ActionKind::HdfsExists { .. } => (120, 3),
            ActionKind::HdfsProbe { .. } => (120, 1),
            ActionKind::HdfsWait { .. } | ActionKind::HttpWait { .. } => (300, 0),
            ActionKind::LivyBatch { .. } | ActionKind::LivySession { .. } => (600, 0),
        },
    };
    (Duration::from_secs(seconds), retries)
}

/// Puts each action behind those that it needs, otherwise in the order given.
pub(super) fn sort(actions: &mut Vec<Action>) {
    let mut sorted: Vec<Action> = Vec::with_capacity(actions.len());
    let mut open = std::mem::take(actions);
    while !open.is_empty() {
        let next =
            open.iter().position(|action| action.needs.iter().all(|need| !open.iter().any(|other| other.id == *need)));
        // Without such an action there is a circle, which the catalog's check rules out; keep the order then.
        sorted.push(open.remove(next.unwrap_or(0)));
    }
    *actions = sorted;
}
