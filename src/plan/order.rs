//! The order of a plan's steps.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::types::Step;

/// Puts each step behind those that it needs, otherwise in the order given.
pub(super) fn sort(steps: &mut Vec<Step>) {
    let index: HashMap<&str, usize> = steps.iter().enumerate().map(|(at, step)| (step.id.as_str(), at)).collect();
    let mut left = vec![0_usize; steps.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (at, step) in steps.iter().enumerate() {
        for need in step.needs.iter().filter_map(|need| index.get(need.as_str())) {
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
    let mut open: Vec<Option<Step>> = std::mem::take(steps).into_iter().map(Some).collect();
    steps.extend(order.into_iter().filter_map(|at| open[at].take()));
}
