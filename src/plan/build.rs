//! Wanted and observed to steps and edges.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::copies::{copy_id, copy_step, old_copies};
use super::diff;
use super::levels::{pod_security, relabelled};
use super::offline::extend;
use super::order::sort;
use super::step::{secret_id, step};
use super::types::{Change, PLAN_SCHEMA, Plan, Step, Work};
use crate::answers::{Resolved, ResolvedAction, ResolvedComponent, ResolvedRelease, ResolvedSecret, SecretContent};
use crate::catalog::action::{ActionEffect, Mkdir, Upload};
use crate::model::cluster::{ManifestObject, ReleaseKey};
use crate::model::observed::{CrdComparison, Observed};
use crate::model::state::ComponentRecord;
use crate::model::{GeneratedSecret, PULL_SECRET, SecretRef};

/// Makes the plan. `verify` says whether checks are wanted at the end.
#[must_use]
pub fn plan(wanted: &Resolved, observed: &Observed, verify: bool) -> Plan {
    let wanted = &*wanted.with_versions(&observed.versions);
    let answers = Arc::new(wanted.answers.clone());
    let mut builder = Builder { wanted, observed, answers, steps: Vec::new(), crd_owners: BTreeMap::new() };
    builder.namespaces();
    for component in &wanted.components {
        builder.component(component);
    }
    if verify && builder.wants_verify() {
        wanted.components.iter().for_each(|component| builder.verify(component, false));
        // After all other checks.
        wanted.components.iter().filter(|_| wanted.disrupts).for_each(|component| builder.verify(component, true));
    }
    extend(&mut builder.steps, wanted, observed);
    let overlaid = wanted
        .components
        .iter()
        .filter_map(|component| component.origin.as_ref().map(|origin| (component.id.clone(), origin.clone())));
    let mut plan = Plan {
        schema: PLAN_SCHEMA,
        hdfs: wanted.hdfs.clone(),
        overlaid: overlaid.collect(),
        skipped: wanted.skipped.iter().filter(|one| verify || !one.is_check()).cloned().collect(),
        steps: builder.steps,
    };
    sort(&mut plan.steps);
    plan
}

struct Builder<'a> {
    wanted: &'a Resolved,
    observed: &'a Observed,
    /// What is to be remembered: once for all records.
    answers: Arc<serde_json::Value>,
    steps: Vec<Step>,
    /// Which component applies each definition.
    crd_owners: BTreeMap<String, String>,
}

impl Builder<'_> {
    /// Namespaces and pull secrets come first and may serve several components.
    fn namespaces(&mut self) {
        let mut seen = BTreeSet::new();
        let levels = pod_security(self.wanted);
        let relabelled = relabelled(self.wanted, self.observed);
        let wanted = self.wanted;
        for name in wanted.components.iter().flat_map(ResolvedComponent::places).map(|(name, _)| name.to_owned()) {
            let name = &name;
            if !seen.insert(name.clone()) {
                continue;
            }
            let pod_security = levels.get(name.as_str()).copied().unwrap_or("restricted").to_owned();
            let other = relabelled.get(name);
            let (change, why) = match (self.observed.namespaces.contains(name), other) {
                (false, _) => (Change::Create, Vec::new()),
                (true, None) => (Change::Nothing, Vec::new()),
                (true, Some(level)) => {
                    (Change::Update, vec![format!("pod security {level} instead of {pod_security}")])
                }
            };
            self.steps.push(Step {
                change,
                why,
                ..step(
                    "platform",
                    format!("namespace/{name}"),
                    format!("namespace {name}"),
                    Work::Namespace { name: name.clone(), pod_security },
                )
            });
            if let Some(from) = self.made_pull_secret() {
                let (change, why) = diff::secret(self.observed.pull_secrets.get(name));
                let title = format!("registry credentials in {name}");
                let work = Work::PullSecret { namespace: name.clone(), name: PULL_SECRET.to_owned(), from };
                self.steps.push(Step {
                    change,
                    why,
                    needs: vec![format!("namespace/{name}")],
                    ..step("platform", format!("pull-secret/{name}"), title, work)
                });
            }
        }
    }

    /// Where the credentials are, unless the site keeps such a Secret in every namespace by itself.
    fn made_pull_secret(&self) -> Option<SecretRef> {
        self.wanted.pull_secret.clone().filter(|from| !from.is_in_place())
    }

    fn component(&mut self, component: &ResolvedComponent) {
        let begin = self.steps.len();
        for act in component.first.iter().chain(&component.before) {
            self.act(component, act);
        }
        if let Some(release) = &component.release {
            self.secrets(component, release);
            self.files(component, release);
            self.crds(component, release);
            self.release(component, release);
            let changed = self.changed(&component.id, begin);
            self.old_files(component, release, changed);
            self.old_copies(component);
        }
        let changed = self.changed(&component.id, begin);
        for act in &component.after {
            self.act(component, act);
            let last = self.steps.last_mut().filter(|_| act.kind.leaves().is_none() && !changed);
            if let Some(last) = last.filter(|last| last.change == Change::Check) {
                // What it checks has not changed.
                last.change = Change::Nothing;
            }
        }
        self.join_uploads(begin);
        self.record(component, begin);
    }

    /// Uploads of one component into one folder are done together: what is remembered of the folder is what they all sent.
    fn join_uploads(&mut self, begin: usize) {
        let folder = |step: &Step| match &step.work {
            Work::Act { action, .. } => match action.leaves() {
                Some(ActionEffect::Files(Upload { to, from, .. })) if !from.is_empty() => Some(to.clone()),
                _ => None,
            },
            _ => None,
        };
        let steps = &mut self.steps[begin..];
        let busy = steps.iter().filter(|step| step.change != Change::Nothing).filter_map(folder);
        let busy: BTreeSet<String> = busy.collect();
        for step in steps.iter_mut().filter(|step| step.change == Change::Nothing) {
            if folder(step).is_some_and(|folder| busy.contains(&folder)) {
                step.change = Change::Check;
            }
        }
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
                why.push(lost_secret(secret.from()));
            }
            let mut needs = vec![format!("namespace/{}", release.namespace)];
            needs.extend(sources(component, secret));
            needs.extend(secret.from().and_then(SecretRef::original).and_then(|place| self.fills(&place)));
            self.steps.push(Step { change, why, needs, ..secret_step(component, release, secret) });
        }
        for copy in &component.copies {
            let lost = known.is_some_and(|record| record.secret_places().any(|place| place == copy.place()));
            let (change, mut why) = diff::secret(self.observed.secrets.get(&copy.place()));
            if lost && change == Change::Create {
                why.push("it no longer exists".to_owned());
            }
            self.steps.push(Step { change, why, ..copy_step(component, copy) });
        }
    }

    /// The step that fills a Secret of which another component's is a copy.
    fn fills(&self, (namespace, name): &(String, String)) -> Option<String> {
        let mut all = self.wanted.components.iter().filter_map(|one| Some((one, one.release.as_ref()?)));
        all.find_map(|(one, release)| {
            let secret = one.secrets.iter().find(|secret| secret.name == *name && release.namespace == *namespace)?;
            Some(secret_id(&one.id, &secret.id))
        })
    }

    /// Removes copies that are no longer wanted, once nothing reads them.
    fn old_copies(&mut self, component: &ResolvedComponent) {
        let Some(state) = &self.observed.state else { return };
        let Some(known) = state.components.get(&component.id) else { return };
        for (namespace, name) in old_copies(self.wanted, component, state, &known.record) {
            let title = format!("remove Secret {name} from {namespace}");
            let id = format!("{}/old-secret-{namespace}.{name}", component.id);
            let work = Work::RemoveSecret { namespace, name };
            let (change, needs) = (Change::Delete, vec![format!("{}/ready", component.id)]);
            self.steps.push(Step { change, needs, ..step(&component.id, id, title, work) });
        }
    }

    /// The steps without which no pod of a component can start.
    fn pod_needs(&self, component: &ResolvedComponent, release: &ResolvedRelease) -> Vec<String> {
        let mut needs = vec![format!("namespace/{}", release.namespace)];
        needs.extend(self.made_pull_secret().map(|_| format!("pull-secret/{}", release.namespace)));
        for (name, _) in &component.namespaces {
            needs.push(format!("namespace/{name}"));
            needs.extend(self.made_pull_secret().map(|_| format!("pull-secret/{name}")));
        }
        needs.extend(component.secrets.iter().map(|secret| secret_id(&component.id, &secret.id)));
        needs.extend(component.copies.iter().map(|copy| copy_id(&component.id, copy)));
        needs.extend(component.config_maps.iter().map(|files| files_id(&component.id, &files.question)));
        let crd_owners: BTreeSet<&String> =
            release.crds.iter().filter_map(|crd| self.crd_owners.get(crd.object.name.as_str())).collect();
        needs.extend(crd_owners.into_iter().map(|id| crds_id(id)));
        needs
    }

    fn files(&mut self, component: &ResolvedComponent, release: &ResolvedRelease) {
        for files in &component.config_maps {
            let (namespace, name) = (release.namespace.clone(), files.name.clone());
            let (change, why) = diff::secret(self.observed.config_maps.get(&(namespace.clone(), name.clone())));
            let title = format!("ConfigMap {name} in {namespace}");
            self.steps.push(Step {
                change,
                why,
                needs: vec![format!("namespace/{namespace}")],
                ..step(
                    &component.id,
                    files_id(&component.id, &files.question),
                    title,
                    Work::Files { namespace, name, digest: files.digest.clone(), release: release.name.clone() },
                )
            });
        }
    }

    /// What the chart has in `crds/`, before its release and with no need of anything: Helm would not upgrade it. Of two
    /// components that bring one, the first counts, and the other waits for it.
    fn crds(&mut self, component: &ResolvedComponent, release: &ResolvedRelease) {
        let id = &component.id;
        let first =
            |crd: &&ManifestObject| self.crd_owners.entry(crd.object.name.clone()).or_insert_with(|| id.clone()) == id;
        let crds: Vec<&ManifestObject> = release.crds.iter().filter(first).collect();
        if crds.is_empty() {
            return;
        }
        let (mut names, mut new, mut why) = (Vec::new(), 0, Vec::new());
        for crd in &crds {
            match self.observed.crds.get(&crd.object.name) {
                Some(CrdComparison::Same) => continue,
                Some(CrdComparison::Newer(how)) => {
                    why.push(how.clone());
                    continue;
                }
                Some(CrdComparison::Differs(how)) => why.push(how.clone()),
                Some(CrdComparison::Absent) | None => new += 1,
            }
            names.push(crd.object.name.clone());
        }
        let change = match (names.len(), new) {
            (0, _) => Change::Nothing,
            (all, new) if new == all && new == crds.len() => Change::Create,
            _ => Change::Update,
        };
        if change == Change::Update && new > 0 {
            why.push(format!("{new} of {} are missing", crds.len()));
        }
        let title = match crds.as_slice() {
            [one] => format!("{} {}", one.object.kind, one.object.name),
            all => format!("{} CustomResourceDefinitions", all.len()),
        };
        let work = Work::Crds { chart: release.chart_digest.clone(), names };
        self.steps.push(Step { change, why, ..step(id, crds_id(id), title, work) });
    }

    /// ConfigMaps of files that neither this install nor the last one that was verified uses. They are removed only
    /// when something else changes.
    fn old_files(&mut self, component: &ResolvedComponent, release: &ResolvedRelease, changed: bool) {
        let key = ReleaseKey::new(&release.namespace, &release.name);
        let Some(found) = self.observed.files.get(&key).filter(|_| changed) else { return };
        let known = self.observed.state.as_ref().and_then(|state| state.components.get(&component.id));
        let good = known.and_then(|known| known.good.as_ref()).map(|good| &good.record);
        let records = known.map(|known| &known.record).into_iter().chain(good);
        let mut used: BTreeSet<&str> = records.flat_map(|record| &record.config_maps).map(String::as_str).collect();
        used.extend(component.config_maps.iter().map(|files| files.name.as_str()));
        for name in found.iter().filter(|name| !used.contains(name.as_str())) {
            let work = Work::RemoveFiles { namespace: release.namespace.clone(), name: name.clone() };
            let title = format!("remove ConfigMap {name} from {}", release.namespace);
            self.steps.push(Step {
                change: Change::Delete,
                needs: vec![format!("{}/ready", component.id)],
                ..step(&component.id, format!("{}/old-files-{name}", component.id), title, work)
            });
        }
    }

    fn release(&mut self, component: &ResolvedComponent, release: &ResolvedRelease) {
        let key = ReleaseKey::new(&release.namespace, &release.name);
        let found = self.observed.releases.get(&key);
        let (change, why) = diff::release(release, found);
        let name = format!("{}/release", component.id);
        let mut needs = self.wanted.graph.needs(&name);
        needs.extend(self.pod_needs(component, release));
        let work =
            Work::Release { key: key.clone(), chart: release.chart_digest.clone(), values: release.values.clone() };
        let title = format!("release {} in {}", release.name, release.namespace);
        self.steps.push(Step { change, why, needs, ..step(&component.id, name, title, work) });
        let unready: Vec<String> =
            found.map(|found| found.unready.iter().map(ToString::to_string).collect()).unwrap_or_default();
        let wait = change != Change::Nothing || !unready.is_empty();
        let ready = format!("{}/ready", component.id);
        let needs = self.wanted.graph.needs(&ready);
        self.steps.push(Step {
            change: if wait { Change::Check } else { Change::Nothing },
            why: if change == Change::Nothing { unready } else { Vec::new() },
            needs,
            ..step(&component.id, ready, format!("{} is ready", component.title), Work::Ready { key })
        });
    }

    fn act(&mut self, component: &ResolvedComponent, act: &ResolvedAction) {
        let (change, why) = match act.kind.leaves() {
            Some(ActionEffect::Folder(Mkdir { path, mode })) => diff::folder(path, mode, &self.observed.hdfs),
            Some(ActionEffect::Files(Upload { from, .. })) if from.is_empty() => {
                (Change::Nothing, vec!["no files to upload were given".to_owned()])
            }
            Some(ActionEffect::Files(Upload { to, .. })) => match diff::upload(&act.id, to, &self.observed.hdfs) {
                // They are there, but a check for drift would not know of them.
                (Change::Nothing, _) if !self.knows_upload(&component.id, to) => {
                    (Change::Update, vec![format!("the content of {to} is not recorded")])
                }
                found => found,
            },
            Some(ActionEffect::Entry(ensure)) => {
                let stored = ensure.version.as_deref().map(|text| (text, self.observed.done(&component.id, &act.id)));
                diff::entry(&act.title, self.observed.entries.get(&act.id), stored)
            }
            Some(ActionEffect::Done(text)) => diff::done(act, text, self.observed.done(&component.id, &act.id)),
            None if act.kind.kind().changes() || component.prepares(act) => {
                (Change::Update, act.agree.iter().map(|agree| agree.en().to_owned()).collect())
            }
            None => (Change::Check, Vec::new()),
        };
        let mut made = Step {
            change,
            why,
            needs: self.wanted.graph.needs(&act.id),
            register: act.register.clone(),
            ..of_act(component, act)
        };
        if let (Some(_), Some(release)) = (act.kind.jobs(), &component.release) {
            made.needs.extend(self.pod_needs(component, release));
        }
        self.steps.push(made);
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
    fn changed(&self, id: &str, begin: usize) -> bool {
        let of_release =
            |step: &Step| matches!(step.work, Work::Release { .. } | Work::Ready { .. } | Work::Crds { .. });
        self.steps[begin..].iter().any(|step| of_release(step) && step.change != Change::Nothing)
            || !self.observed.state.as_ref().is_some_and(|state| state.components.contains_key(id))
    }

    fn record(&mut self, component: &ResolvedComponent, begin: usize) {
        let record = self.component_record(component);
        let known = self.observed.state.as_ref().and_then(|state| state.components.get(&component.id));
        let mut touched = self.steps[begin..].iter();
        let touched = touched.any(|step| !matches!(step.change, Change::Nothing | Change::Check));
        let change = match known {
            None => Change::Create,
            // `verify` and `status --drift` go by what is remembered, so other answers are a change of their own.
            Some(known) if known.record == record && !touched && self.knows_answers(&component.id) => Change::Nothing,
            Some(_) => Change::Update,
        };
        let work = Work::Record { record, answers: Arc::clone(&self.answers) };
        let title = format!("record {}", component.title);
        let name = format!("{}/record", component.id);
        let mut needs = self.wanted.graph.needs(&name);
        // What could not be removed has to be remembered.
        let removals = self.steps[begin..].iter().filter(|step| matches!(step.work, Work::RemoveSecret { .. }));
        needs.extend(removals.map(|step| step.id.clone()));
        self.steps.push(Step { change, needs, ..step(&component.id, name, title, work) });
    }

    fn component_record(&self, component: &ResolvedComponent) -> ComponentRecord {
        let release = component.release.as_ref();
        ComponentRecord {
            title: component.title.clone(),
            version: component.version.clone(),
            origin: component.origin.clone(),
            release: release.map(|release| ReleaseKey::new(&release.namespace, &release.name)),
            chart: release.map(|release| release.chart_digest.clone()),
            values: release.map(|release| release.values_digest.clone()),
            requires: component.needs.clone(),
            leftovers: component
                .leftovers
                .iter()
                .map(|leftover| (leftover.kind.clone(), leftover.selector.clone()))
                .collect(),
            pull_secret: release.and(self.made_pull_secret()).map(|_| PULL_SECRET.to_owned()),
            secrets: component
                .secrets
                .iter()
                .map(|secret| secret.name.clone())
                .chain(component.copies.iter().map(|copy| format!("{}/{}", copy.namespace, copy.name)))
                .collect(),
            config_maps: component.config_maps.iter().map(|files| files.name.clone()).collect(),
            namespaces: component.namespaces.iter().map(|(name, _)| name.clone()).collect(),
            crds: release.iter().flat_map(|release| &release.crds).map(|crd| crd.object.name.clone()).collect(),
            endpoints: component
                .endpoints
                .iter()
                .map(|endpoint| (endpoint.title.clone(), endpoint.url.clone(), endpoint.ingress.clone()))
                .collect(),
        }
    }

    /// Checks are wanted after a change, and while the last ones are missing or failed.
    fn wants_verify(&self) -> bool {
        let verified = |id: &str| {
            self.observed
                .state
                .as_ref()
                .and_then(|state| state.components.get(id))
                .and_then(|component| component.verified.as_ref())
                .is_some_and(|verified| verified.passed)
        };
        self.steps.iter().any(|step| step.change != Change::Nothing)
            || self.wanted.components.iter().any(|component| !component.verify.is_empty() && !verified(&component.id))
    }

    fn verify(&mut self, component: &ResolvedComponent, disrupting: bool) {
        for act in component.verify.iter().filter(|act| act.kind.kind().disrupts() == disrupting) {
            let before = self.steps.iter().filter(|step| disrupting && step.verify);
            let before: Vec<String> = before.map(|step| step.id.clone()).collect();
            self.act(component, act);
            if let Some(last) = self.steps.last_mut() {
                last.verify = true;
                last.needs.extend(before);
            }
        }
    }
}

fn crds_id(component: &str) -> String {
    format!("{component}/crds")
}

fn files_id(component: &str, question: &str) -> String {
    format!("{component}/files-{question}")
}

/// The steps that fill what a Secret is made of.
fn sources(component: &ResolvedComponent, secret: &ResolvedSecret) -> Vec<String> {
    let SecretContent::Derived(derived) = &secret.content else { return Vec::new() };
    let sources = derived.sources();
    let filled = component.secrets.iter().filter(|other| sources.contains(&other.name));
    filled.map(|other| secret_id(&component.id, &other.id)).collect()
}

/// The step that fills a Secret of a component.
pub(super) fn secret_step(component: &ResolvedComponent, release: &ResolvedRelease, secret: &ResolvedSecret) -> Step {
    let (namespace, name, kind) = (release.namespace.clone(), secret.name.clone(), secret.kind.clone());
    let title = format!("Secret {name} in {namespace}");
    let keys = secret.keys();
    let work = match &secret.content {
        SecretContent::Answer { from, made, .. } => {
            // What is named is not made.
            let made = if *from == SecretRef::Generate { made.clone() } else { GeneratedSecret::default() };
            Work::Secret { namespace, name, keys, from: from.clone(), made, kind }
        }
        SecretContent::Derived(derived) => Work::DerivedSecret { namespace, name, keys, of: derived.sources(), kind },
    };
    step(&component.id, secret_id(&component.id, &secret.id), title, work)
}

/// The reason for a Secret that an earlier install filled and that no longer exists.
fn lost_secret(from: Option<&SecretRef>) -> String {
    match from {
        Some(SecretRef::Generate) => {
            "it no longer exists and its content cannot be restored: a new one cannot unlock data created with the old one"
        }
        _ => "it no longer exists",
    }
    .to_owned()
}

/// The step of a component's action.
pub(super) fn of_act(component: &ResolvedComponent, act: &ResolvedAction) -> Step {
    // One that waits has a namespace of its own: both would have the same key.
    let namespace = component.namespace.clone().filter(|_| act.kind.waits_for().is_none());
    let work = Work::Act { namespace, action: act.kind.clone() };
    let made = step(&component.id, act.id.clone(), act.title.clone(), work);
    Step {
        deadline_seconds: act.deadline.map_or(made.deadline_seconds, |deadline| deadline.as_secs()),
        retries: act.retries.unwrap_or(made.retries),
        fix: act.fix.clone(),
        ..made
    }
}
