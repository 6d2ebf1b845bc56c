//! Orders of removal that are preferred, but must not make a circle.

use std::collections::HashMap;

use crate::plan::types::{Step, Work};

/// Which steps should wait for which.
#[derive(Default)]
pub(super) struct Waits {
    /// What is required goes after what requires it: its first step, and the other's last. Records of different catalogs
    /// may require each other.
    pub(super) components: Vec<(String, String)>,
    /// Objects go after the releases of others that hold them: their step, and the other component. One that brought
    /// the same kind removes them as well, and is not waited for.
    pub(super) holders: Vec<(String, String)>,
    /// Definitions go after the objects that others remove: their steps.
    pub(super) definitions: Vec<(String, String)>,
}

impl Waits {
    /// Adds each that closes no circle with what there is.
    pub(super) fn add_to(self, steps: &mut [Step]) {
        let index = steps.iter().enumerate().map(|(at, step)| (step.id.clone(), at));
        let index: HashMap<String, usize> = index.collect();
        let holders = self.holders.into_iter().filter(|(waiter, holder)| {
            let own = index.get(&format!("{holder}/objects")).map(|at| &steps[*at].work);
            !index.get(waiter).is_some_and(|at| own.is_some_and(|own| share(&steps[*at].work, own)))
        });
        let holders: Vec<_> = holders.map(|(waiter, holder)| (waiter, format!("{holder}/uninstall"))).collect();
        for (waiter, other) in self.components.into_iter().chain(holders).chain(self.definitions) {
            let (Some(&from), Some(&to)) = (index.get(&other), index.get(&waiter)) else { continue };
            // Also one that is waited for already.
            if !steps[to].needs.contains(&other) && !reaches(steps, &index, from, to) {
                steps[to].needs.push(other);
            }
        }
    }
}

/// Whether two steps remove the same object.
fn share(one: &Work, other: &Work) -> bool {
    match (one, other) {
        (Work::RemoveObjects { objects: one }, Work::RemoveObjects { objects: other }) => {
            one.iter().any(|object| other.contains(object))
        }
        _ => false,
    }
}

/// Whether a step needs another, itself or through others.
fn reaches(steps: &[Step], index: &HashMap<String, usize>, from: usize, to: usize) -> bool {
    let (mut seen, mut open) = (vec![false; steps.len()], vec![from]);
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if !std::mem::replace(&mut seen[at], true) {
            open.extend(steps[at].needs.iter().filter_map(|need| index.get(need)));
        }
    }
    false
}
