//! Plans of invented catalogs: what `catalog check` takes can be planned, no edge is lost, and what it refuses could not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;

use super::plan;
use crate::answers::{Answers, ResolveError, resolve};
use crate::catalog::Catalog;
use crate::model::observed::Observed;
use crate::processor_seconds;

/// An action: the component whose export it uses, the result that it uses, and the one that it registers.
type Action = (Option<usize>, Option<usize>, Option<usize>);

#[derive(Debug, Clone)]
struct GeneratedComponent {
    /// With the phase of the first step that waits for it, by its place in [`BY`].
    requires: BTreeMap<usize, usize>,
    export_of: Option<usize>,
    chart: bool,
    before: Vec<Action>,
    after: Vec<Action>,
    /// How many of `after` are late, at most.
    late: usize,
    verify: Vec<Action>,
}

const MOST: usize = 5;

/// The phases from which on a component can wait for another one, in their order.
const BY: [&str; 4] = ["release", "after", "late", "verify"];

impl GeneratedComponent {
    /// Its steps that others need: name, phase, and its action if it is one.
    fn steps(&self, at: usize) -> Vec<(String, usize, Option<Action>)> {
        let late = self.after.len() - self.late.min(self.after.len());
        let before = self.before.iter().enumerate().map(|(n, act)| (format!("before-{}", n + 1), 0, Some(*act)));
        let release = ["release", "ready"].into_iter().filter(|_| self.chart).map(|step| (step.to_owned(), 0, None));
        let after = self.after.iter().enumerate();
        let after = after.map(|(n, act)| (format!("after-{}", n + 1), if n < late { 1 } else { 2 }, Some(*act)));
        let verify = self.verify.iter().enumerate().map(|(n, act)| (format!("verify-{}", n + 1), 3, Some(*act)));
        let all = before.chain(release).chain(after).chain(verify);
        all.map(|(step, phase, act)| (format!("c{at}/{step}"), phase, act)).collect()
    }

    /// The components that it requires, with the phase that waits for them.
    fn required(&self) -> BTreeMap<usize, usize> {
        self.export_of.map(|other| (other, 0)).into_iter().chain(self.requires.clone()).collect()
    }
}

fn action() -> impl Strategy<Value = Action> {
    let rarely = |most: usize| prop_oneof![3 => Just(None), 1 => (0..most).prop_map(Some)];
    (rarely(MOST), rarely(4), rarely(4))
}

fn invented() -> impl Strategy<Value = Vec<GeneratedComponent>> {
    let actions = || proptest::collection::vec(action(), 0..3);
    let requires = proptest::collection::btree_map(0..MOST, 0..BY.len(), 0..2);
    let export = prop_oneof![4 => Just(None), 1 => (0..MOST).prop_map(Some)];
    let one = (requires, export, any::<bool>(), actions(), actions(), 0..3_usize, actions());
    let one = one.prop_map(|(requires, export_of, chart, before, after, late, verify)| GeneratedComponent {
        requires,
        export_of,
        chart,
        before,
        after,
        late,
        verify,
    });
    proptest::collection::vec(one, 2..=MOST)
}

/// Removes what would name nothing: other tests are about that.
fn tidy(all: &mut [GeneratedComponent]) {
    let count = all.len();
    let given: BTreeSet<usize> = all
        .iter()
        .flat_map(|one| one.before.iter().chain(&one.after).chain(&one.verify))
        .filter_map(|(_, _, register)| *register)
        .collect();
    for (at, one) in all.iter_mut().enumerate() {
        one.requires.retain(|other, _| *other < count && *other != at);
        one.export_of = one.export_of.filter(|other| *other < count && *other != at);
        for (export, result, _) in one.before.iter_mut().chain(&mut one.after).chain(&mut one.verify) {
            *export = export.filter(|other| *other < count);
            *result = result.filter(|name| given.contains(name));
        }
    }
}

fn catalog(all: &[GeneratedComponent]) -> Result<Catalog, String> {
    let mut files: crate::catalog::Files = [("platform.yaml".to_owned(), b"questions: []".to_vec())].into();
    for (at, one) in all.iter().enumerate() {
        let requires = one.requires.iter().map(|(other, by)| format!("{{id: c{other}, by: {}}}", BY[*by]));
        let requires: Vec<String> = requires.collect();
        let late: BTreeSet<String> =
            one.steps(at).into_iter().filter(|(_, phase, _)| *phase == 2).map(|(step, ..)| step).collect();
        let export = one.export_of.map_or_else(|| "x".to_owned(), |other| format!("{{{{ exports['c{other}'].e }}}}"));
        let mut text = format!(
            "id: c{at}\ntitle: t\nversion: '1'\nrequires: [{}]\nexports: {{e: \"{export}\"}}\n",
            requires.join(", ")
        );
        if one.chart {
            text.push_str("chart: {path: chart}\nvalues: v.j2\n");
            let _ = writeln!(text, "release: {{name: r{at}, namespace: n}}");
            files.insert(format!("c{at}/chart/Chart.yaml"), b"name: x\nversion: 1.0.0\n".to_vec());
            files.insert(format!("c{at}/v.j2"), b"a: 1\n".to_vec());
        }
        for (phase, actions) in [("before", &one.before), ("after", &one.after), ("verify", &one.verify)] {
            let _ = writeln!(text, "{phase}:{}", if actions.is_empty() { " []" } else { "" });
            for (n, (export, result, register)) in actions.iter().enumerate() {
                let late = if late.contains(&format!("c{at}/{phase}-{}", n + 1)) { ", late: true" } else { "" };
                let export = export.map(|other| format!("/{{{{ exports['c{other}'].e }}}}")).unwrap_or_default();
                let result = result.map(|name| format!("/{{{{ r{name}.id }}}}")).unwrap_or_default();
                let register = register.map(|name| format!(", register: r{name}")).unwrap_or_default();
                let _ = writeln!(
                    text,
                    "  - {{action: http.wait, service: s, path: \"/{export}{result}\"{register}{late}}}"
                );
            }
        }
        files.insert(format!("c{at}/component.yaml"), text.into_bytes());
    }
    Catalog::from_files(&files, &BTreeMap::new()).map_err(|findings| findings.to_string())
}

/// The order computed in another way: for each step all that must come before it; `None` where there is no order.
/// Nothing follows from steps that are skipped.
fn before(all: &[GeneratedComponent], skipped: &BTreeSet<&str>) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let mut givers: BTreeMap<usize, (String, bool)> = BTreeMap::new();
    for (step, phase, act) in all.iter().enumerate().flat_map(|(at, one)| one.steps(at)) {
        if let Some((_, _, Some(name))) = act
            && givers.insert(name, (step, phase == 3)).is_some()
        {
            return None;
        }
    }
    let mut whole: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (at, one) in all.iter().enumerate() {
        whole.extend(one.required().into_keys().map(|other| (other, at)));
    }
    for _ in 0..all.len() {
        let more: Vec<_> = whole
            .iter()
            .flat_map(|(a, b)| whole.iter().filter(move |(c, _)| b == c).map(move |(_, d)| (*a, *d)))
            .collect();
        whole.extend(more);
    }
    if whole.iter().any(|(a, b)| a == b) {
        return None;
    }
    // Its steps that others wait for, or its late ones; those of a component that nobody waits for are of what it requires.
    let done = |at: usize, late: bool| {
        let (mut found, mut todo) = (Vec::new(), vec![at]);
        while let Some(at) = todo.pop() {
            let steps = all[at].steps(at);
            if !steps.iter().any(|(_, phase, _)| *phase < 2) {
                todo.extend(all[at].required().into_keys());
            }
            let steps = steps.into_iter().filter(|(_, phase, _)| if late { *phase == 2 } else { *phase < 2 });
            found.extend(steps.map(|(step, ..)| step));
        }
        found
    };
    let mut edges: BTreeSet<(String, String)> = BTreeSet::new();
    for (at, one) in all.iter().enumerate() {
        let own = one.steps(at);
        for (index, (step, phase, act)) in own.iter().enumerate() {
            edges.extend(own[..index].iter().map(|(earlier, ..)| (earlier.clone(), step.clone())));
            for (other, _) in one.required().into_iter().filter(|(_, by)| by <= phase) {
                let late = if *phase == 3 { done(other, true) } else { Vec::new() };
                edges.extend(done(other, false).into_iter().chain(late).map(|first| (first, step.clone())));
            }
            let Some((export, result, _)) = act else { continue };
            if let Some(other) = export.filter(|other| *other != at) {
                edges.extend(done(other, false).into_iter().map(|first| (first, step.clone())));
            }
            if let Some((giver, by_check)) = result.and_then(|name| givers.get(&name)) {
                if *by_check && *phase < 3 {
                    return None;
                }
                edges.insert((giver.clone(), step.clone()));
            }
        }
    }
    edges.retain(|(first, then)| !skipped.contains(first.as_str()) && !skipped.contains(then.as_str()));
    let mut all_before: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    edges.into_iter().for_each(|(first, then)| all_before.entry(then).or_default().extend([first]));
    loop {
        let more: Vec<(String, String)> = all_before
            .iter()
            .flat_map(|(step, first)| {
                let farther = first.iter().filter_map(|first| all_before.get(first)).flatten();
                farther.filter(|farther| !first.contains(*farther)).map(|farther| (step.clone(), farther.clone()))
            })
            .collect();
        if more.is_empty() {
            break;
        }
        more.into_iter().for_each(|(step, first)| all_before.entry(step).or_default().extend([first]));
    }
    all_before.iter().all(|(step, first)| !first.contains(step)).then_some(all_before)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_check_takes_is_planned_without_losing_an_edge(mut all in invented(), chosen in any::<u8>()) {
        tidy(&mut all);
        let expected = before(&all, &BTreeSet::new());
        let catalog = match catalog(&all) {
            Ok(catalog) => catalog,
            Err(error) => {
                prop_assert!(expected.is_none(), "refused without need: {error}");
                return Ok(());
            }
        };
        prop_assert!(expected.is_some(), "taken, and has no order");
        let some: Vec<String> = (0..all.len()).filter(|at| chosen & 1 << at != 0).map(|at| format!("c{at}")).collect();
        let answers = Answers::new(&catalog, &[], Some(&some)).unwrap();
        let resolved = match resolve(&catalog, &answers) {
            Ok(resolved) => resolved,
            Err(ResolveError::Absent { .. }) | Err(ResolveError::Template(_)) if some.len() < all.len() => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        let skipped = resolved.skipped.iter().map(|check| check.id.as_str()).collect();
        let expected = before(&all, &skipped).unwrap();
        for verify in [true, false] {
            let plan = plan(&resolved, &Observed::default(), verify);
            // What each step comes after, by its needs.
            let mut after: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for step in &plan.steps {
                let mut all = BTreeSet::new();
                for need in &step.needs {
                    let farther = after.get(need.as_str());
                    prop_assert!(farther.is_some(), "{} needs {need}, which is nowhere before it", step.id);
                    all.insert(need.as_str());
                    all.extend(farther.into_iter().flatten());
                }
                after.insert(&step.id, all);
            }
            for (step, first) in &expected {
                let Some(found) = after.get(step.as_str()) else { continue };
                for first in first.iter().filter(|first| after.contains_key(first.as_str())) {
                    prop_assert!(found.contains(first.as_str()), "{step} lost its edge to {first}");
                }
            }
        }
    }
}

/// A catalog of so many components, each of ten questions and seven actions, each after the one before it.
fn large(count: usize) -> Catalog {
    let mut files: crate::catalog::Files = [(
        "platform.yaml".to_owned(),
        b"questions: [{id: domain, title: t, type: hostname, default: x.local}]".to_vec(),
    )]
    .into();
    for at in 0..count {
        let id = format!("c{at:03}");
        let before = at.checked_sub(1).map(|at| format!("c{at:03}"));
        let requires = before.clone().unwrap_or_default();
        let url = before.map_or_else(|| "x".to_owned(), |before| format!("{{{{ exports['{before}'].url }}}}"));
        let mut text = format!(
            "id: {id}\ntitle: t\nversion: '1'\nrequires: [{requires}]\nchart: {{path: chart}}\nvalues: v.j2\n\
             release: {{name: {id}, namespace: n{at}}}\nexports: {{url: \"http://{{{{ self.release }}}}\"}}\nquestions:\n"
        );
        for number in 0..10 {
            let default = "\"{{ answers.platform.domain }}\"";
            let _ = writeln!(text, "  - {{id: q{number}, title: t, help: h, type: hostname, default: {default}}}");
        }
        text.push_str("after:\n");
        for number in 0..7 {
            let _ =
                writeln!(text, "  - {{action: http.wait, service: s, path: \"/{{{{ answers.{id}.q{number} }}}}\"}}");
        }
        files.insert(format!("{id}/component.yaml"), text.into_bytes());
        files.insert(format!("{id}/chart/Chart.yaml"), b"name: x\nversion: 1.0.0\n".to_vec());
        files.insert(format!("{id}/v.j2"), format!("a: {url}\n").into_bytes());
    }
    Catalog::from_files(&files, &BTreeMap::new()).unwrap()
}

#[test]
#[ignore = "measures the processor's time: for a quiet machine"]
fn a_plan_grows_with_the_catalog_and_not_with_its_square() {
    let cost = |count: usize| {
        let begin = processor_seconds();
        let catalog = large(count);
        let checked = processor_seconds();
        crate::answers::example(&catalog, None, None, "en").unwrap();
        let written = processor_seconds();
        let answers = Answers::new(&catalog, &[], None).unwrap();
        let resolved = resolve(&catalog, &answers).unwrap();
        let plan = plan(&resolved, &Observed::default(), true);
        assert_eq!(plan.steps.len(), count * 11);
        [checked - begin, written - checked, processor_seconds() - written]
    };
    cost(5);
    let (few, many) = (cost(40), cost(240));
    for (what, (few, many)) in ["check", "answers init", "plan"].iter().zip(few.into_iter().zip(many)) {
        // Six times as much, and half as much again for caches and a busy machine; the square would be 36.
        assert!(many / few < 15.0, "{what}: {few:.3} s for 40 components, {many:.3} s for 240");
    }
}
