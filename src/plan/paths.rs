//! What of a plan waits for what: the edges that say something, and the path that takes longest.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{Change, Step};

/// For each step the places of those that it waits for directly: what it needs by way of another need is omitted.
#[must_use]
pub fn direct_needs(steps: &[Step]) -> Vec<Vec<usize>> {
    let places = places(steps.iter().map(|step| step.id.as_str()));
    // All that comes before each step, a bit for each; a step stands after its needs.
    let words = steps.len().div_ceil(64);
    let mut before: Vec<Vec<u64>> = Vec::with_capacity(steps.len());
    let mut direct = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        let mut needs: Vec<usize> = earlier(&places, at, &step.needs).collect();
        needs.sort_unstable();
        needs.dedup();
        let mut all = vec![0_u64; words];
        for need in &needs {
            all.iter_mut().zip(&before[*need]).for_each(|(all, more)| *all |= more);
        }
        let by_way_of_another = |need: &usize| all[need / 64] & (1 << (need % 64)) != 0;
        direct.push(needs.iter().copied().filter(|need| !by_way_of_another(need)).collect());
        needs.iter().for_each(|need| all[need / 64] |= 1 << (need % 64));
        before.push(all);
    }
    direct
}

/// A step, as far as the longest path goes by it.
#[derive(Debug, Clone, Copy)]
pub struct PathStep<'a> {
    /// Its id.
    pub id: &'a str,
    /// Ids of those that it waits for; they stand before it.
    pub needs: &'a [String],
    /// Whether it has something to do. What has not takes no time.
    pub works: bool,
}

impl<'a> From<&'a Step> for PathStep<'a> {
    fn from(step: &'a Step) -> Self {
        Self { id: &step.id, needs: &step.needs, works: step.change != Change::Nothing }
    }
}

/// The steps that decide how long all of them take, however much is done at the same time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CriticalPath {
    /// Those of them that have something to do, in order, with their seconds; without, where these are not known.
    pub steps: Vec<(String, Option<f64>)>,
    /// What they come to.
    pub seconds: f64,
    /// What all steps come to, one after the other.
    pub in_turn: f64,
    /// The steps with something to do whose time is not known; they are counted as none.
    pub unknown: Vec<String>,
}

/// The longest path by these times; `None` where none of a step that has something to do is known. Of two that are equally
/// long, the one whose steps stand first.
#[must_use]
pub fn critical_path<'a>(
    steps: impl IntoIterator<Item = PathStep<'a>>,
    seconds: &BTreeMap<String, f64>,
) -> Option<CriticalPath> {
    let steps: Vec<PathStep<'a>> = steps.into_iter().collect();
    let places = places(steps.iter().map(|step| step.id));
    let known = |step: &PathStep<'_>| seconds.get(step.id).copied().filter(|took| took.is_finite() && *took >= 0.0);
    let (mut ends, mut from): (Vec<f64>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
    let (mut in_turn, mut unknown, mut any) = (0.0, Vec::new(), false);
    for (at, step) in steps.iter().enumerate() {
        let last = longest(&ends, earlier(&places, at, step.needs));
        let took = match (step.works, known(step)) {
            (false, _) => 0.0,
            (true, Some(took)) => {
                any = true;
                took
            }
            (true, None) => {
                unknown.push(step.id.to_owned());
                0.0
            }
        };
        in_turn += took;
        ends.push(last.map_or(0.0, |last| ends[last]) + took);
        from.push(last);
    }
    let end = longest(&ends, 0..steps.len()).filter(|_| any)?;
    let way = std::iter::successors(Some(end), |at| from[*at]);
    let mut path: Vec<_> =
        way.map(|at| &steps[at]).filter(|step| step.works).map(|step| (step.id.to_owned(), known(step))).collect();
    path.reverse();
    Some(CriticalPath { steps: path, seconds: ends[end], in_turn, unknown })
}

/// Which of these ends last; the first of several.
fn longest(ends: &[f64], places: impl Iterator<Item = usize>) -> Option<usize> {
    places.min_by(|a, b| ends[*b].total_cmp(&ends[*a]).then(a.cmp(b)))
}

fn places<'a>(ids: impl Iterator<Item = &'a str>) -> HashMap<&'a str, usize> {
    ids.enumerate().map(|(at, id)| (id, at)).collect()
}

/// Where those stand that are needed, as far as they are there and come before.
fn earlier(places: &HashMap<&str, usize>, at: usize, needs: &[String]) -> impl Iterator<Item = usize> {
    needs.iter().filter_map(|id| places.get(id.as_str()).copied()).filter(move |need| *need < at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Work;

    /// Steps `0`, `1`, … with these needs.
    fn steps(needs: &[Vec<usize>]) -> Vec<Step> {
        let step = |(at, needs): (usize, &Vec<usize>)| Step {
            id: at.to_string(),
            component: "c".to_owned(),
            title: String::new(),
            change: Change::Create,
            why: Vec::new(),
            needs: needs.iter().map(ToString::to_string).collect(),
            deadline_seconds: 1,
            retries: 0,
            register: None,
            verify: false,
            fix: None,
            work: Work::Forget { kept: None },
        };
        needs.iter().enumerate().map(step).collect()
    }

    fn times(seconds: &[(usize, f64)]) -> BTreeMap<String, f64> {
        seconds.iter().map(|(at, took)| (at.to_string(), *took)).collect()
    }

    fn path(steps: &[Step], seconds: &BTreeMap<String, f64>) -> Option<CriticalPath> {
        critical_path(steps.iter().map(PathStep::from), seconds)
    }

    #[test]
    fn edges_that_others_imply_are_omitted() {
        let made = steps(&[vec![], vec![0], vec![0, 1, 1], vec![0, 2], vec![1, 0], vec![9]]);
        assert_eq!(direct_needs(&made), [vec![], vec![0], vec![1], vec![2], vec![1], vec![]]);
    }

    #[test]
    fn the_longest_path_is_named_with_what_is_not_known() {
        let mut made = steps(&[vec![], vec![0], vec![0], vec![1, 2], vec![]]);
        made[1].change = Change::Nothing;
        let seconds = times(&[(0, 2.0), (1, 50.0), (2, 3.0), (4, 4.0)]);
        let found = path(&made, &seconds).unwrap();
        let steps = [("0", Some(2.0)), ("2", Some(3.0))];
        assert_eq!(found.steps, steps.map(|(id, took)| (id.to_owned(), took)));
        assert_eq!((found.seconds, found.in_turn, found.unknown), (5.0, 9.0, vec!["3".to_owned()]));
        assert_eq!(path(&made, &times(&[(1, 5.0), (9, 1.0)])), None, "of what has something to do none is known");
        assert_eq!(path(&[], &seconds), None);
        let odd = times(&[(0, f64::NAN), (2, -1.0), (4, 1.0)]);
        assert_eq!(path(&made, &odd).unwrap().unknown, ["0", "2", "3"]);
    }

    /// Every way through these steps, by brute force.
    fn longest_of_all(needs: &[Vec<usize>], took: &[u32], at: usize) -> u32 {
        needs[at].iter().map(|need| longest_of_all(needs, took, *need)).max().unwrap_or(0) + took[at]
    }

    fn reaches(needs: &[Vec<usize>], from: usize, to: usize) -> bool {
        needs[from].iter().any(|need| *need == to || reaches(needs, *need, to))
    }

    fn graphs() -> impl Strategy<Value = (Vec<Vec<usize>>, Vec<u32>)> {
        (1_usize..9).prop_flat_map(|count| {
            let needs = proptest::collection::vec(proptest::collection::vec(any::<bool>(), count), count);
            let needs = needs.prop_map(|rows| {
                let row = |(at, row): (usize, Vec<bool>)| (0..at).filter(|need| row[*need]).collect();
                rows.into_iter().enumerate().map(row).collect::<Vec<Vec<usize>>>()
            });
            (needs, proptest::collection::vec(0_u32..50, count))
        })
    }

    proptest! {
        #[test]
        fn the_path_is_as_long_as_the_longest_of_all((needs, took) in graphs()) {
            let made = steps(&needs);
            let seconds: Vec<(usize, f64)> = took.iter().copied().map(f64::from).enumerate().collect();
            let found = path(&made, &times(&seconds)).unwrap();
            let longest = (0..needs.len()).map(|at| longest_of_all(&needs, &took, at)).max().unwrap();
            prop_assert_eq!(found.seconds, f64::from(longest));
            prop_assert_eq!(found.in_turn, f64::from(took.iter().sum::<u32>()));
            // It is a way through the graph, and comes to what it says.
            let steps: Vec<usize> = found.steps.iter().map(|(id, _)| id.parse().unwrap()).collect();
            prop_assert!(steps.windows(2).all(|pair| needs[pair[1]].contains(&pair[0])));
            prop_assert_eq!(steps.iter().map(|at| took[*at]).sum::<u32>(), longest);
        }

        #[test]
        fn the_edges_that_are_left_reach_the_same_and_none_is_too_many((needs, _) in graphs()) {
            let direct = direct_needs(&steps(&needs));
            for (at, left) in direct.iter().enumerate() {
                for other in 0..at {
                    prop_assert_eq!(reaches(&needs, at, other), reaches(&direct, at, other));
                }
                for need in left {
                    prop_assert!(!left.iter().any(|other| reaches(&direct, *other, *need)));
                }
            }
        }
    }
}
