//! How a generated secret gets a new content, and how pull Secrets are refreshed.
//!
//! The new content is kept beside the old one until all that reads it has it. So a run that is killed at any moment is
//! resumed: what is staged says that there is something to resume, and what the Secret holds says how far it came.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{of_act, secret_step};
use super::copies::copy_step;
use super::diff::{self, same_release};
use super::order::sort;
use super::step::{secret_id, step};
use super::types::{Change, PLAN_SCHEMA, Plan, Step, Work};
use crate::answers::{Resolved, ResolvedAction, ResolvedComponent, ResolvedRelease, ResolvedSecret, SecretContent};
use crate::catalog::action::{ActionEffect, Ensure};
use crate::model::cluster::ReleaseKey;
use crate::model::observed::{Comparison, Observed};
use crate::model::{PULL_SECRET, SecretRef, next_secret, versions_in, versions_in_value};

/// How far an earlier rotation of the same secret came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staged {
    /// There was none, or it finished.
    Nothing,
    /// The new content is there and does not count yet.
    Pending,
    /// It is what the Secret holds.
    Switched,
}

/// Why nothing is rotated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    /// The component is not installed.
    #[error("`{0}` is not installed; `windlass status` shows what is")]
    NotInstalled(String),
    /// It has no such secret that windlass fills.
    #[error("`{id}` has no secret `{question}` that windlass fills; `windlass secrets list` shows those that exist")]
    Unknown {
        /// The component.
        id: String,
        /// What was asked for.
        question: String,
    },
    /// It comes from somewhere else.
    #[error("{id}.{question} is not generated, its source is: {from}; change it there, then run `windlass install`")]
    Named {
        /// The component.
        id: String,
        /// The question.
        question: String,
        /// Where it comes from.
        from: SecretRef,
    },
    /// The upgrade that restarts the readers would do more than that.
    #[error("release {release} differs from the catalog and the last answers: run `windlass install` first")]
    OtherChanges {
        /// Which release.
        release: ReleaseKey,
    },
}

/// The secret that is meant.
///
/// # Errors
/// There is none, or it is not generated.
pub fn rotated<'a>(
    wanted: &'a Resolved,
    id: &str,
    question: &str,
) -> Result<(&'a ResolvedComponent, &'a ResolvedRelease, &'a ResolvedSecret), RotateError> {
    let component = wanted.components.iter().find(|component| component.id == id);
    let component = component.ok_or_else(|| RotateError::NotInstalled(id.to_owned()))?;
    let unknown = || RotateError::Unknown { id: id.to_owned(), question: question.to_owned() };
    let secret = component.secrets.iter().find(|secret| secret.id == question).ok_or_else(unknown)?;
    let (release, from) = (component.release.as_ref().ok_or_else(unknown)?, secret.from().ok_or_else(unknown)?);
    match from {
        SecretRef::Generate => Ok((component, release, secret)),
        from => Err(RotateError::Named { id: id.to_owned(), question: question.to_owned(), from: from.clone() }),
    }
}

/// The components whose releases read what changes with a secret, by the versions in their values.
#[must_use]
pub fn readers<'a>(wanted: &'a Resolved, places: &BTreeSet<(String, String)>) -> Vec<&'a ResolvedComponent> {
    let reads = |component: &&ResolvedComponent| {
        let mut found = BTreeSet::new();
        component.release.iter().for_each(|release| versions_in_value(&release.values, &mut found));
        !found.is_disjoint(places)
    };
    wanted.components.iter().filter(reads).collect()
}

/// A Secret that changes with another one.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'a> {
    /// Whose it is.
    pub component: &'a ResolvedComponent,
    /// Its release.
    pub release: &'a ResolvedRelease,
    /// The Secret.
    pub secret: &'a ResolvedSecret,
    /// What it is made of, or a copy of: the number of that among those that change; none of the first.
    from: Option<usize>,
}

impl Changed<'_> {
    /// Namespace and name.
    #[must_use]
    pub fn place(&self) -> (String, String) {
        (self.release.namespace.clone(), self.secret.name.clone())
    }
}

/// The Secrets that change with one: itself first, then those that are made of it or copies of it, and so on.
#[must_use]
pub fn changed_with<'a>(
    wanted: &'a Resolved,
    (component, release, secret): (&'a ResolvedComponent, &'a ResolvedRelease, &'a ResolvedSecret),
) -> Vec<Changed<'a>> {
    let mut found = vec![Changed { component, release, secret, from: None }];
    let mut at = 0;
    while let Some(one) = found.get(at).copied() {
        let all = wanted.components.iter().filter_map(|other| Some((other, other.release.as_ref()?)));
        for (component, release) in all {
            let follows = |other: &&ResolvedSecret| match &other.content {
                SecretContent::Derived(derived) => {
                    component.id == one.component.id && derived.sources().contains(&one.secret.name)
                }
                SecretContent::Answer { from, .. } => from.original() == Some(one.place()),
            };
            let new = component.secrets.iter().filter(follows);
            let new = new.map(|secret| Changed { component, release, secret, from: Some(at) });
            let known = |new: &Changed<'_>| found.iter().any(|known| known.place() == new.place());
            let new: Vec<_> = new.filter(|new| !known(new)).collect();
            found.extend(new);
        }
        at += 1;
    }
    found
}

/// The plan that gives a secret a new content. `observed` knows its component and those that read it.
///
/// # Errors
/// It cannot be rotated.
pub fn rotate(
    wanted: &Resolved,
    (id, question): (&str, &str),
    observed: &Observed,
    staged: Staged,
    checks: Vec<Step>,
) -> Result<Plan, RotateError> {
    let (component, release, secret) = rotated(wanted, id, question)?;
    let SecretContent::Answer { keys, made, .. } = &secret.content else {
        return Err(RotateError::Unknown { id: id.to_owned(), question: question.to_owned() });
    };
    let mut plan = Plan {
        schema: PLAN_SCHEMA,
        hdfs: wanted.hdfs.clone(),
        overlaid: Vec::new(),
        skipped: Vec::new(),
        steps: Vec::new(),
    };
    let (namespace, name, next) = (release.namespace.clone(), secret.name.clone(), next_secret(&secret.name));
    let switched = staged == Staged::Switched;
    let mut last = format!("{id}/stage-{question}");
    let resumed = (staged != Staged::Nothing).then(|| "resumes an earlier rotation that did not finish".to_owned());
    plan.steps.push(Step {
        change: if staged == Staged::Nothing { Change::Create } else { Change::Nothing },
        why: resumed.into_iter().collect(),
        ..step(
            id,
            last.clone(),
            format!("new content for {id}.{question}, in Secret {next}"),
            Work::StageSecret {
                namespace: namespace.clone(),
                name: next.clone(),
                keys: keys.clone(),
                made: made.clone(),
            },
        )
    });
    for act in component.rotate.get(question).into_iter().flatten() {
        plan.steps.push(Step {
            change: if switched { Change::Nothing } else { Change::Check },
            needs: vec![std::mem::replace(&mut last, act.id.clone())],
            ..of_act(component, act)
        });
    }
    let switch = format!("{id}/switch-{question}");
    let work = Work::SwitchSecret {
        namespace: namespace.clone(),
        name: name.clone(),
        next: next.clone(),
        kind: secret.kind.clone(),
    };
    let title = format!("put the new content into Secret {name} in {namespace}");
    plan.steps.push(Step {
        change: if switched { Change::Nothing } else { Change::Update },
        needs: vec![last],
        ..step(id, switch.clone(), title, work)
    });
    let changed = changed_with(wanted, (component, release, secret));
    // The step after which each has its new content.
    let steps: Vec<String> = changed
        .iter()
        .map(|one| one.from.map_or_else(|| switch.clone(), |_| secret_id(&one.component.id, &one.secret.id)))
        .collect();
    let mut done = vec![switch.clone()];
    for one in &changed {
        let Some((of, after)) = one.from.and_then(|at| Some((changed.get(at)?, steps.get(at)?))) else { continue };
        let (change, why) = match switched {
            true => diff::secret(observed.secrets.get(&one.place())),
            false => (Change::Update, vec![format!("it is created from Secret {}", of.secret.name)]),
        };
        let made = secret_step(one.component, one.release, one.secret);
        done.push(made.id.clone());
        plan.steps.push(Step { change, why, needs: vec![after.clone()], ..made });
    }
    let copies = changed.iter().zip(&steps).flat_map(|(one, after)| {
        let copies = one.component.copies.iter().filter(|copy| copy.of == one.place());
        copies.map(move |copy| (one.component, copy, after))
    });
    for (component, copy, after) in copies {
        let (change, why) = match switched {
            true => diff::secret(observed.secrets.get(&copy.place())),
            false => (Change::Update, vec![format!("it is a copy of Secret {}/{}", copy.of.0, copy.of.1)]),
        };
        let copied = copy_step(component, copy);
        done.push(copied.id.clone());
        plan.steps.push(Step { change, why, needs: vec![after.clone()], ..copied });
    }
    let places: BTreeSet<(String, String)> = changed.iter().map(Changed::place).collect();
    let restarts = restart(&mut plan, wanted, observed, &places, (switched, &done))?;
    // Only an install has results.
    let (later, now): (Vec<_>, Vec<_>) = entries(wanted, &places).partition(|(_, act)| act.kind.needs_results());
    if let Some(step) = plan.steps.iter_mut().find(|step| step.id == switch) {
        if restarts.is_empty() {
            let by_hand = "no chart has the Secret's version in an annotation: restart the pods that use it manually";
            step.why.push(by_hand.to_owned());
        }
        let stale =
            later.iter().map(|(_, act)| format!("{} also contains it; run `windlass install` to update it", act.title));
        step.why.extend(stale);
    }
    done.extend(restarts);
    let entries: Vec<Step> = now
        .into_iter()
        .map(|(component, act)| Step {
            change: Change::Update,
            why: vec!["it contains a Secret that changes".to_owned()],
            needs: done.clone(),
            ..of_act(component, act)
        })
        .collect();
    done.extend(entries.iter().map(|entry| entry.id.clone()));
    plan.steps.extend(entries);
    let work = Work::RemoveSecret { namespace, name: next.clone() };
    let title = format!("remove Secret {next}");
    let remove = format!("{id}/unstage-{question}");
    plan.steps.push(Step { change: Change::Delete, needs: done.clone(), ..step(id, remove, title, work) });
    plan.steps.extend(checks.into_iter().map(|mut step| {
        if step.needs.is_empty() {
            step.needs.clone_from(&done);
        }
        step
    }));
    sort(&mut plan.steps);
    Ok(plan)
}

/// The entries in services that hold something of these Secrets and do not show it.
fn entries<'a>(
    wanted: &'a Resolved,
    places: &BTreeSet<(String, String)>,
) -> impl Iterator<Item = (&'a ResolvedComponent, &'a ResolvedAction)> {
    let holds = |act: &ResolvedAction| match act.kind.leaves() {
        Some(ActionEffect::Entry(Ensure { version: Some(text), .. })) => !versions_in(text).is_disjoint(places),
        _ => false,
    };
    let all = wanted.components.iter().flat_map(|component| component.installs().map(move |act| (component, act)));
    all.filter(move |(_, act)| holds(act))
}

/// The upgrades that restart what reads these Secrets; gives the steps that end them.
fn restart(
    plan: &mut Plan,
    wanted: &Resolved,
    observed: &Observed,
    places: &BTreeSet<(String, String)>,
    (switched, after): (bool, &[String]),
) -> Result<Vec<String>, RotateError> {
    let filled = wanted.with_versions(&observed.versions);
    let mut ends = Vec::new();
    for reader in readers(wanted, places) {
        let Some(marked) = &reader.release else { continue };
        let known = filled.components.iter().find(|component| component.id == reader.id);
        let Some(known) = known.and_then(|component| component.release.as_ref()) else { continue };
        let key = ReleaseKey::new(&known.namespace, &known.name);
        let found = observed.releases.get(&key);
        let same = found.is_some_and(|found| same_release(&known.chart_digest, &known.values, &found.state));
        if !switched && !same {
            return Err(RotateError::OtherChanges { release: key });
        }
        let others = observed.versions.iter().filter(|(place, _)| !places.contains(*place));
        let others = others.map(|(place, version)| (place.clone(), version.clone())).collect();
        let values = if switched {
            known.values.clone()
        } else {
            // The versions of these are known once they hold what they are to hold.
            let mut values = marked.values.clone();
            values.change(|values| crate::model::fill_versions(values, &others));
            values
        };
        let upgrade = format!("{}/release", reader.id);
        let title = format!("release {} in {}", known.name, known.namespace);
        let work = Work::Release { key: key.clone(), chart: known.chart_digest.clone(), values };
        plan.steps.push(Step {
            change: if same && switched { Change::Nothing } else { Change::Update },
            why: vec!["its pods use a Secret that changes".to_owned()],
            needs: after.to_vec(),
            ..step(&reader.id, upgrade.clone(), title, work)
        });
        let ready = format!("{}/ready", reader.id);
        let title = format!("{} is ready", reader.title);
        plan.steps.push(Step { needs: vec![upgrade], ..step(&reader.id, ready.clone(), title, Work::Ready { key }) });
        ends.push(ready);
    }
    Ok(ends)
}

/// The plan that writes pull Secrets again, from the source of their content.
#[must_use]
pub fn refresh(from: &SecretRef, found: &BTreeMap<String, Comparison>) -> Plan {
    let steps = found.iter().map(|(namespace, compared)| {
        let (change, why) = diff::secret(Some(compared));
        let title = format!("registry credentials in {namespace}");
        let work = Work::PullSecret { namespace: namespace.clone(), name: PULL_SECRET.to_owned(), from: from.clone() };
        Step { change, why, ..step("platform", format!("pull-secret/{namespace}"), title, work) }
    });
    let steps = steps.collect();
    Plan { schema: PLAN_SCHEMA, hdfs: None, overlaid: Vec::new(), skipped: Vec::new(), steps }
}
