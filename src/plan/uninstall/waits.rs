//! Orders of removal that are preferred, but must not make a circle.

use std::collections::HashMap;

use crate::plan::types::{Action, Step};

/// Which steps should wait for which.
#[derive(Default)]
pub(super) struct Waits {
    /// What is required goes after what requires it: its first action, and the other's last. Records of different catalogs
    /// may require each other.
    pub(super) components: Vec<(String, String)>,
    /// Objects go after the releases of others that hold them: their action, and the other component. One that brought
    /// the same kind removes them as well, and is not waited for.
    pub(super) holders: Vec<(String, String)>,
    /// Definitions go after the objects that others remove: their actions.
    pub(super) definitions: Vec<(String, String)>,
}

impl Waits {
    /// Adds each that closes no circle with what there is.
    pub(super) fn add_to(self, actions: &mut [Action]) {
        let index = actions.iter().enumerate().map(|(at, action)| (action.id.clone(), at));
        let index: HashMap<String, usize> = index.collect();
        let holders = self.holders.into_iter().filter(|(waiter, holder)| {
            let own = index.get(&format!("{holder}/objects")).map(|at| &actions[*at].step);
            !index.get(waiter).is_some_and(|at| own.is_some_and(|own| share(&actions[*at].step, own)))
        });
        let holders: Vec<_> = holders.map(|(waiter, holder)| (waiter, format!("{holder}/uninstall"))).collect();
        for (waiter, other) in self.components.into_iter().chain(holders).chain(self.definitions) {
            let (Some(&from), Some(&to)) = (index.get(&other), index.get(&waiter)) else { continue };
            // Also one that is waited for already.
            if !actions[to].needs.contains(&other) && !reaches(actions, &index, from, to) {
                actions[to].needs.push(other);
            }
        }
    }
}

/// Whether two steps remove the same object.
fn share(one: &Step, other: &Step) -> bool {
    match (one, other) {
        (Step::RemoveObjects { objects: one }, Step::RemoveObjects { objects: other }) => {
            one.iter().any(|object| other.contains(object))
        }
        _ => false,
    }
}

/// Whether an action needs another, itself or through others.
fn reaches(actions: &[Action], index: &HashMap<String, usize>, from: usize, to: usize) -> bool {
    let (mut seen, mut open) = (vec![false; actions.len()], vec![from]);
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if !std::mem::replace(&mut seen[at], true) {
            open.extend(actions[at].needs.iter().filter_map(|need| index.get(need)));
        }
    }
    false
}
