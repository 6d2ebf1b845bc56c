//! Which step waits for which: the one place that knows. `catalog check` asks it of all components, a plan of those that
//! are wanted, so that the one says what the other does. Every step has its id before the first edge is drawn, so none
//! is lost because of the order in which components come.

use std::collections::{BTreeMap, BTreeSet};

use super::action::ActionSpec;
use super::component::WaitPhase;
use super::{Component, INSTALLED, Reference, references};

/// What a component brings into the graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The component.
    pub id: String,
    /// Components that must be ready before its first step.
    pub requires: BTreeSet<String>,
    /// Of these, those that only its later steps wait for.
    pub by: BTreeMap<String, WaitPhase>,
    /// Whether it has a release, and so a step that makes it and one that waits until it is ready.
    pub has_release: bool,
    /// Its actions before anything of the plan is installed.
    pub first: Vec<Act>,
    /// Its actions before the release.
    pub before: Vec<Act>,
    /// Its actions once that is ready; the late ones come last.
    pub after: Vec<Act>,
    /// Its checks.
    pub verify: Vec<Act>,
}

/// What an action brings into the graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Act {
    /// Its step, by [`step_id`].
    pub id: String,
    /// Components that it needs ready.
    pub needs: BTreeSet<String>,
    /// Results of other actions that it uses.
    pub results: BTreeSet<String>,
    /// The name of its own results.
    pub register: Option<String>,
    /// Components whose answers it uses.
    pub answers: BTreeSet<String>,
    /// Only checks of other components wait for it.
    pub late: bool,
}

impl Part {
    /// What the templates of a component name. `hdfs` is the component that actions on HDFS act on.
    #[must_use]
    pub fn of(component: &Component, hdfs: Option<&str>) -> Self {
        let mut requires: BTreeSet<String> =
            component.required().chain(component.optional()).map(str::to_owned).collect();
        let made = component.secrets.iter().flat_map(|secret| secret.keys.values());
        let texts = component.values_template.iter().chain(component.exports.values()).chain(made);
        for name in texts.flat_map(|text| names(text)) {
            if let Reference::Export(other, _) = name {
                requires.insert(component.means(&other).to_owned());
            }
        }
        requires.remove(&component.id);
        // What is not there as things stand is nothing to wait for, whatever the texts say of it.
        let off = component.requires.iter().filter(|required| required.off);
        off.for_each(|required| {
            requires.remove(&required.id);
        });
        let by =
            component.requires.iter().filter(|required| required.by != WaitPhase::Release && !required.id.is_empty());
        let acts = |phase, specs: &[ActionSpec]| {
            let acts = specs.iter().enumerate().map(|(index, spec)| Act::of(component, phase, index, spec, hdfs));
            acts.collect::<Vec<_>>()
        };
        Self {
            id: component.id.clone(),
            requires,
            by: by.map(|required| (required.id.clone(), required.by)).collect(),
            has_release: component.release.is_some() && component.chart.is_some(),
            first: acts(Phase::First, &component.first),
            before: acts(Phase::Before, &component.before),
            after: acts(Phase::After, &component.after),
            verify: acts(Phase::Verify, &component.verify),
        }
    }

    /// Its actions, in the order first, before, after, verify.
    pub fn acts(&self) -> impl Iterator<Item = &Act> {
        self.first.iter().chain(&self.before).chain(&self.after).chain(&self.verify)
    }

    /// The same, by phase, to take some out.
    pub fn phases(&mut self) -> [&mut Vec<Act>; 4] {
        [&mut self.first, &mut self.before, &mut self.after, &mut self.verify]
    }

    /// The components for which its steps wait from a phase on.
    fn waits(&self, by: WaitPhase) -> impl Iterator<Item = &String> {
        self.requires.iter().filter(move |id| self.by.get(*id).copied().unwrap_or_default() == by)
    }
}

impl Act {
    fn of(component: &Component, phase: Phase, index: usize, spec: &ActionSpec, hdfs: Option<&str>) -> Self {
        let id = step_id(&component.id, phase, index);
        let mut act = Self { id, register: spec.register.clone(), late: spec.late, ..Self::default() };
        for name in spec.kind.templates().into_iter().flat_map(names) {
            match name {
                Reference::Export(other, _) => drop(act.needs.insert(component.means(&other).to_owned())),
                Reference::Answer(other, _) => drop(act.answers.insert(component.means(&other).to_owned())),
                Reference::Name(name) if name == INSTALLED => {}
                Reference::Name(name) => {
                    let of = component.results.get(&name).cloned();
                    act.results.insert(of.unwrap_or(name));
                }
            }
        }
        if spec.kind.uses_hdfs() {
            act.needs.extend(hdfs.map(str::to_owned));
        }
        act.needs.remove(&component.id);
        if phase == Phase::First {
            // It comes before all that is installed: what others export is known without them.
            act.needs.clear();
        }
        act
    }
}

/// A template that cannot be parsed names nothing; the error is reported elsewhere.
fn names(text: &str) -> Vec<Reference> {
    references(text).unwrap_or_default()
}

/// When an action comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before anything is installed.
    First,
    /// Before the release.
    Before,
    /// Once the release is ready.
    After,
    /// As a check.
    Verify,
}

/// The id of an action's step: `livy/before-1`. `index` counts from 0.
#[must_use]
pub fn step_id(component: &str, phase: Phase, index: usize) -> String {
    let phase = match phase {
        Phase::First => "first",
        Phase::Before => "before",
        Phase::After => "after",
        Phase::Verify => "verify",
    };
    format!("{component}/{phase}-{}", index + 1)
}

/// The steps and what each waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// What a step waits for; nothing where there is no such step.
    #[must_use]
    pub fn needs(&self, step: &str) -> Vec<String> {
        self.needs.get(step).into_iter().flatten().cloned().collect()
    }

    /// Every step.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.needs.keys().map(String::as_str)
    }
}

/// Why there is no order in which all steps could be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A component needs one that is not there.
    #[error("{step} needs `{component}`, which is not a component of this plan")]
    NoComponent {
        /// The step, or the component.
        step: String,
        /// What it needs.
        component: String,
    },
    /// An action uses a result that nothing before it gives.
    #[error("{step} uses the result `{name}`, which {}", if *.by_check { "only a check registers: it comes after everything else" } else { "no action registers" })]
    NoResult {
        /// The step.
        step: String,
        /// The result.
        name: String,
        /// Whether a check would give it.
        by_check: bool,
    },
    /// Two actions give results of one name.
    #[error("{second} registers `{name}`, and so does {first}")]
    Twice {
        /// The name.
        name: String,
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// Each waits for the next, and the last for the first.
    #[error("steps wait for each other: {}", .0.join(" -> "))]
    Circle(Vec<String>),
}

impl GraphError {
    /// The component to look at first.
    #[must_use]
    pub fn component(&self) -> &str {
        let step = match self {
            Self::NoComponent { step, .. } | Self::NoResult { step, .. } | Self::Twice { second: step, .. } => step,
            Self::Circle(steps) => steps.first().map_or("", String::as_str),
        };
        step.split('/').next().unwrap_or(step)
    }
}

/// Draws the edges between the steps of these components.
///
/// # Errors
/// A need that leads nowhere, or steps that wait for each other.
pub fn graph(parts: &[Part]) -> Result<Graph, GraphError> {
    let done = done(parts)?;
    let results = results(parts)?;
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let first: BTreeSet<String> = parts.iter().flat_map(|part| &part.first).map(|act| act.id.clone()).collect();
    for part in parts {
        let ready_by = |by: WaitPhase| {
            let all = part.waits(by).map(|other| ready_of(&done, other, &part.id));
            Ok::<_, GraphError>(all.collect::<Result<Vec<_>, _>>()?.into_iter().flatten())
        };
        let mut chain: BTreeSet<String> = first.iter().cloned().chain(ready_by(WaitPhase::Release)?).collect();
        let edges = |act: &Act, chain: &BTreeSet<String>, is_check: bool| {
            let mut edges = chain.clone();
            for other in &act.needs {
                edges.extend(ready_of(&done, other, &act.id)?);
            }
            for name in &act.results {
                match results.get(name.as_str()) {
                    Some((giver, by_check)) if is_check || !by_check => drop(edges.insert((*giver).to_owned())),
                    found => {
                        let by_check = found.is_some();
                        return Err(GraphError::NoResult { step: act.id.clone(), name: name.clone(), by_check });
                    }
                }
            }
            Ok(edges)
        };
        let mut own = BTreeSet::new();
        for act in &part.first {
            needs.insert(act.id.clone(), edges(act, &own, false)?);
            own = [act.id.clone()].into();
        }
        for act in &part.before {
            needs.insert(act.id.clone(), edges(act, &chain, false)?);
            chain = [act.id.clone()].into();
        }
        if part.has_release {
            let (release, ready) = (format!("{}/release", part.id), format!("{}/ready", part.id));
            needs.insert(release.clone(), chain);
            needs.insert(ready.clone(), [release].into());
            chain = [ready].into();
        }
        chain.extend(ready_by(WaitPhase::After)?);
        for act in part.after.iter().filter(|act| !act.late) {
            needs.insert(act.id.clone(), edges(act, &chain, false)?);
            chain = [act.id.clone()].into();
        }
        chain.extend(ready_by(WaitPhase::Late)?);
        for act in part.after.iter().filter(|act| act.late) {
            needs.insert(act.id.clone(), edges(act, &chain, false)?);
            chain = [act.id.clone()].into();
        }
        needs.insert(format!("{}/record", part.id), chain.clone());
        chain.extend(ready_by(WaitPhase::Verify)?);
        let required = part.requires.iter().filter_map(|other| done.get(other.as_str()));
        chain.extend(required.flat_map(|done| done.late.iter().cloned()));
        for act in &part.verify {
            needs.insert(act.id.clone(), edges(act, &chain, true)?);
            chain = [act.id.clone()].into();
        }
    }
    match circle(&needs) {
        None => Ok(Graph { needs }),
        Some(steps) => Err(GraphError::Circle(steps)),
    }
}

fn ready_of(done: &BTreeMap<&str, Done>, component: &str, step: &str) -> Result<BTreeSet<String>, GraphError> {
    let missing = || GraphError::NoComponent { step: step.to_owned(), component: component.to_owned() };
    done.get(component).map(|done| done.ready.clone()).ok_or_else(missing)
}

/// The last steps of a component, or where it has none those of what it requires.
struct Done {
    /// After these it is ready, and others begin.
    ready: BTreeSet<String>,
    /// After these what is late is done, too.
    late: BTreeSet<String>,
}

/// The last steps of each component.
fn done(parts: &[Part]) -> Result<BTreeMap<&str, Done>, GraphError> {
    let mut found: BTreeMap<&str, Done> = BTreeMap::new();
    let mut stepless: Vec<&Part> = Vec::new();
    for part in parts {
        let (late, soon): (Vec<&Act>, Vec<&Act>) = part.after.iter().partition(|act| act.late);
        let ready = match (soon.last(), part.has_release, part.before.last()) {
            (Some(act), _, _) => act.id.clone(),
            (None, true, _) => format!("{}/ready", part.id),
            (None, false, Some(act)) => act.id.clone(),
            (None, false, None) => {
                stepless.push(part);
                continue;
            }
        };
        let late = late.last().map(|act| act.id.clone()).into_iter().collect();
        found.insert(&part.id, Done { ready: [ready].into(), late });
    }
    let known: BTreeSet<&str> = parts.iter().map(|part| part.id.as_str()).collect();
    while !stepless.is_empty() {
        let before = stepless.len();
        let mut waiting = Vec::new();
        for part in stepless {
            if let Some(component) = part.requires.iter().find(|id| !known.contains(id.as_str())) {
                return Err(GraphError::NoComponent { step: part.id.clone(), component: component.clone() });
            }
            let required: Option<Vec<&Done>> = part.requires.iter().map(|id| found.get(id.as_str())).collect();
            let Some(required) = required else {
                waiting.push(part);
                continue;
            };
            let ready = required.iter().flat_map(|done| done.ready.iter().cloned()).collect();
            let late = required.iter().flat_map(|done| done.late.iter().cloned());
            let late = late.chain(part.after.last().map(|act| act.id.clone())).collect();
            found.insert(&part.id, Done { ready, late });
        }
        if waiting.len() == before {
            return Err(GraphError::Circle(waiting.into_iter().map(|part| part.id.clone()).collect()));
        }
        stepless = waiting;
    }
    Ok(found)
}

/// Each result with the step that gives it, and whether that is a check.
fn results(parts: &[Part]) -> Result<BTreeMap<&str, (&str, bool)>, GraphError> {
    let mut found: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    for part in parts {
        let acts = part.first.iter().chain(&part.before).chain(&part.after).map(|act| (act, false));
        for (act, by_check) in acts.chain(part.verify.iter().map(|act| (act, true))) {
            let Some(name) = &act.register else { continue };
            if let Some((first, _)) = found.insert(name, (&act.id, by_check)) {
                let (name, first, second) = (name.clone(), first.to_owned(), act.id.clone());
                return Err(GraphError::Twice { name, first, second });
            }
        }
    }
    Ok(found)
}

/// A circle of steps, if there is one, begun and ended with the same.
pub(super) fn circle(needs: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut left: BTreeMap<&str, usize> = needs.iter().map(|(step, needs)| (step.as_str(), needs.len())).collect();
    let mut after: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (step, needs) in needs {
        needs.iter().for_each(|need| after.entry(need).or_default().push(step));
    }
    let mut free: Vec<&str> = left.iter().filter(|(_, count)| **count == 0).map(|(step, _)| *step).collect();
    while let Some(step) = free.pop() {
        left.remove(step);
        for next in after.get(step).into_iter().flatten() {
            if let Some(count) = left.get_mut(next) {
                *count -= 1;
                if *count == 0 {
                    free.push(next);
                }
            }
        }
    }
    // What is left is a circle or waits for one: going from need to need ends in it.
    let mut path: Vec<&str> = vec![left.keys().next()?];
    loop {
        let here = path.last()?;
        let next = needs.get(*here)?.iter().find(|need| left.contains_key(need.as_str()))?;
        if let Some(begin) = path.iter().position(|step| step == next) {
            let mut circle: Vec<String> = path[begin..].iter().map(|step| (*step).to_owned()).collect();
            circle.push(next.clone());
            return Some(circle);
        }
        path.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(id: &str, needs: &[&str], results: &[&str], register: Option<&str>) -> Act {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let register = register.map(str::to_owned);
        Act { id: id.into(), needs: set(needs), results: set(results), register, ..Act::default() }
    }

    fn part(id: &str, requires: &[&str]) -> Part {
        let requires = requires.iter().map(|name| (*name).to_owned()).collect();
        Part { id: id.into(), requires, ..Part::default() }
    }

    #[test]
    fn a_check_that_names_what_requires_it_loses_no_edge() {
        let aaa = Part { before: vec![act("aaa/before-1", &[], &[], None)], ..part("aaa", &["zzz"]) };
        let zzz =
            Part { has_release: true, verify: vec![act("zzz/verify-1", &["aaa"], &[], None)], ..part("zzz", &[]) };
        let found = graph(&[aaa, zzz]).unwrap();
        assert_eq!(found.needs("aaa/before-1"), ["zzz/ready"]);
        assert_eq!(found.needs("zzz/verify-1"), ["aaa/before-1", "zzz/ready"]);
    }

    #[test]
    fn only_checks_wait_for_what_is_late() {
        let late = Act { late: true, ..act("a/after-2", &[], &[], None) };
        let after = vec![act("a/after-1", &[], &[], None), late];
        let by = [("c".to_owned(), WaitPhase::Late)].into();
        let a =
            Part { has_release: true, after, by, verify: vec![act("a/verify-1", &[], &[], None)], ..part("a", &["c"]) };
        let b = Part { has_release: true, verify: vec![act("b/verify-1", &[], &[], None)], ..part("b", &["a"]) };
        let found = graph(&[a, b, Part { has_release: true, ..part("c", &[]) }]).unwrap();
        let needs: Vec<(&str, Vec<String>)> = found.steps().map(|step| (step, found.needs(step))).collect();
        let wanted: [(&str, &[&str]); 13] = [
            ("a/after-1", &["a/ready"]),
            ("a/after-2", &["a/after-1", "c/ready"]),
            ("a/ready", &["a/release"]),
            ("a/record", &["a/after-2"]),
            ("a/release", &[]),
            ("a/verify-1", &["a/after-2"]),
            ("b/ready", &["b/release"]),
            ("b/record", &["b/ready"]),
            ("b/release", &["a/after-1"]),
            ("b/verify-1", &["a/after-2", "b/ready"]),
            ("c/ready", &["c/release"]),
            ("c/record", &["c/ready"]),
            ("c/release", &[]),
        ];
        assert_eq!(needs, wanted.map(|(step, needs)| (step, needs.iter().map(|need| (*need).to_owned()).collect())));
    }

    #[test]
    fn what_has_no_step_hands_on_what_it_requires() {
        let a = Part { has_release: true, ..part("a", &[]) };
        let found = graph(&[Part { has_release: true, ..part("c", &["b"]) }, part("b", &["a"]), a]).unwrap();
        assert_eq!(found.needs("c/release"), ["a/ready"]);
        assert_eq!(found.needs("b/record"), ["a/ready"]);
    }

    #[test]
    fn what_leads_nowhere_or_to_itself_is_an_error() {
        let error = |parts: &[Part]| graph(parts).unwrap_err().to_string();
        assert!(error(&[part("a", &["gone"])]).contains("`gone`, which is not a component"));
        let a = |act: Act| Part { before: vec![act], ..part("a", &[]) };
        assert!(error(&[a(act("a/before-1", &["gone"], &[], None))]).contains("`gone`"));
        assert!(error(&[a(act("a/before-1", &[], &["pi"], None))]).contains("no action registers"));
        let check = Part { verify: vec![act("b/verify-1", &[], &[], Some("pi"))], ..part("b", &[]) };
        let early = error(&[a(act("a/before-1", &[], &["pi"], None)), check.clone()]);
        assert!(early.contains("only a check registers"), "{early}");
        let twice = Part { verify: vec![act("c/verify-1", &[], &[], Some("pi"))], ..part("c", &[]) };
        assert_eq!(error(&[check, twice]), "c/verify-1 registers `pi`, and so does b/verify-1");
        let own = error(&[a(act("a/before-1", &[], &["x"], Some("x")))]);
        assert_eq!(own, "steps wait for each other: a/before-1 -> a/before-1");
        let b = Part { after: vec![act("b/after-1", &["a"], &[], None)], ..part("b", &[]) };
        let circle = error(&[a(act("a/before-1", &["b"], &[], None)), b]);
        assert_eq!(circle, "steps wait for each other: a/before-1 -> b/after-1 -> a/before-1");
        assert!(graph(&[part("x", &["y"]), part("y", &["x"])]).is_err(), "without a step between them");
    }
}
