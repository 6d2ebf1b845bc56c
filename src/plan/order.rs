//! The order of a plan's actions.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::types::Action;

/// Puts each action behind those that it needs, otherwise in the order given.
pub(super) fn sort(actions: &mut Vec<Action>) {
    let index: HashMap<&str, usize> = actions.iter().enumerate().map(|(at, action)| (action.id.as_str(), at)).collect();
    let mut left = vec![0_usize; actions.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); actions.len()];
    for (at, action) in actions.iter().enumerate() {
        for need in action.needs.iter().filter_map(|need| index.get(need.as_str())) {
            left[at] += 1;
            users[*need].push(at);
        }
    }
    let mut free: BinaryHeap<Reverse<usize>> = (0..left.len()).filter(|at| left[*at] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(left.len());
    while let Some(Reverse(at)) = free.pop() {
        order.push(at);
        for user in &users[at] {
            left[*user] -= 1;
            if left[*user] == 0 {
                free.push(Reverse(*user));
            }
        }
    }
    // A circle is ruled out by the graph; what waits in one stays in its order all the same.
    order.extend((0..left.len()).filter(|at| left[*at] > 0));
    let mut open: Vec<Option<Action>> = std::mem::take(actions).into_iter().map(Some).collect();
    actions.extend(order.into_iter().filter_map(|at| open[at].take()));
}
