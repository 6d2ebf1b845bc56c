//! Whether the pods fit on the nodes: labels, taints, and what is left of cpu and memory.

use std::collections::BTreeMap;

use serde_json::Value;

use super::found::Judge;
use super::limits::{limits_of, pod_takes};
use crate::model::Quantity;
use crate::model::site::{Amounts, Node, PodUse, Taint};
use crate::preflight::needs::{PodNeed, Replicas};
use crate::preflight::table::{NO_NODES, NODE_LABELS, NODE_TAINTS, NODES_DOWN, RESOURCES, RESOURCES_TIGHT};

/// What pods compete for. Volumes and what else a node has is not counted by requests alone.
const COUNTED: [&str; 3] = ["cpu", "memory", "pods"];

/// More nodes than this are only counted.
const NODES_SHOWN: usize = 5;

/// A pod, what it takes, and the places in `free` of the nodes that it may go to.
type Placement<'a> = (&'a PodNeed, Amounts, Vec<usize>);

impl Judge<'_> {
    pub(super) fn room(&mut self) {
        let checks = [NO_NODES.id, NODE_LABELS.id, NODE_TAINTS.id, RESOURCES.id, RESOURCES_TIGHT.id];
        let Some(nodes) = self.seen(&self.facts.nodes, &checks) else { return };
        let ready: Vec<&Node> = nodes.iter().filter(|node| node.ready).collect();
        if ready.is_empty() {
            let what = format!("none of {} nodes is ready to take pods", nodes.len());
            self.found.push(NO_NODES.found("the cluster", what, "kubectl get nodes"));
            return;
        }
        let down: Vec<&str> = nodes.iter().filter(|node| !node.ready).map(|node| node.name.as_str()).collect();
        if !down.is_empty() && self.needs.pods.iter().any(|pod| pod.replicas == Replicas::EveryNode) {
            let more = down.len().saturating_sub(NODES_SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let names = down.iter().take(NODES_SHOWN).copied().collect::<Vec<_>>().join(", ");
            let what = format!("{} of {} are not ready or cordoned: {names}{more}", down.len(), nodes.len());
            self.found.push(NODES_DOWN.found("the nodes", what, "kubectl get nodes"));
        }
        let mut placeable: Vec<(&PodNeed, Vec<usize>)> = Vec::new();
        for pod in &self.needs.pods {
            let labelled: Vec<usize> = (0..ready.len()).filter(|&index| has_labels(pod, ready[index])).collect();
            if labelled.is_empty() {
                let (what, label) = label_needs(pod);
                let fix = format!("kubectl label node {} {label}", ready[0].name);
                self.found.push(NODE_LABELS.found(pod.owner.to_string(), what, fix));
                continue;
            }
            let open: Vec<usize> =
                labelled.iter().copied().filter(|&index| blocks(pod, ready[index]).is_none()).collect();
            if open.is_empty() {
                let taints: Vec<String> = labelled
                    .iter()
                    .filter_map(|&index| Some(format!("{} has {}", ready[index].name, blocks(pod, ready[index])?)))
                    .collect();
                let what = format!("its pods do not tolerate the taints of any node: {}", taints.join(", "));
                let first = labelled.first().and_then(|&index| Some((ready[index], blocks(pod, ready[index])?)));
                let fix = first.map_or_else(String::new, |(node, taint)| {
                    format!("kubectl taint node {} {}:{}-", node.name, taint.key, taint.effect)
                });
                self.found.push(NODE_TAINTS.found(pod.owner.to_string(), what, fix));
                continue;
            }
            placeable.push((pod, open));
        }
        let Some(pods) = self.seen(&self.facts.pods, &[RESOURCES.id, RESOURCES_TIGHT.id]) else { return };
        let mut free: Vec<Amounts> = ready.iter().map(|node| left(node, pods, |pod| self.is_ours(pod))).collect();
        let mut placements: Vec<Placement<'_>> = placeable
            .into_iter()
            .map(|(pod, open)| {
                let limits = limits_of(self.facts, pod.owner.namespace.as_deref().unwrap_or_default());
                let mut takes = pod_takes(pod, limits, false);
                takes.insert("pods".to_owned(), Quantity::whole(1));
                takes.retain(|name, _| COUNTED.contains(&name.as_str()));
                (pod, takes, open)
            })
            .collect();
        let before = self.found.len();
        placements.retain(|(pod, takes, open)| {
            let fits = |index: &usize| fits(takes, &free[*index]);
            let every = pod.replicas == Replicas::EveryNode;
            let short: Vec<usize> = open.iter().copied().filter(|index| !fits(index)).collect();
            let lost = if every { !short.is_empty() } else { short.len() == open.len() };
            if lost {
                let what = too_large(takes, &short, &ready, &free);
                self.found.push(RESOURCES.found(pod.owner.to_string(), what, fix(&pod.owner.kind)));
            }
            !lost
        });
        if self.found.len() == before {
            self.together(placements, &ready, &mut free);
        }
    }

    /// All pods at once: the sum against the sum, then side by side, the largest first.
    fn together(&mut self, mut placements: Vec<Placement<'_>>, ready: &[&Node], free: &mut [Amounts]) {
        let mut short = Vec::new();
        for resource in COUNTED {
            let amount = |amounts: &Amounts| amounts.get(resource).copied().unwrap_or_default();
            let wanted = placements.iter().fold(Quantity::default(), |sum, (pod, takes, open)| {
                let count = match pod.replicas {
                    Replicas::Count(count) => count,
                    Replicas::EveryNode => open.len() as u64,
                };
                sum.plus(amount(takes).times(count))
            });
            let there = free.iter().fold(Quantity::default(), |sum, free| sum.plus(amount(free)));
            if wanted > there {
                short.push(format!("{} of {resource}, and {} is left", wanted.of(resource), there.of(resource)));
            }
        }
        let nodes = if ready.len() == 1 { "1 node".to_owned() } else { format!("{} nodes", ready.len()) };
        if !short.is_empty() {
            let what = format!("all pods together request {} on {nodes}", short.join(", "));
            self.found.push(RESOURCES.found("the cluster", what, fix("node")));
            return;
        }
        placements.sort_by_key(|(pod, takes, _)| {
            let every = pod.replicas == Replicas::EveryNode;
            std::cmp::Reverse((every, takes.get("memory").copied(), takes.get("cpu").copied()))
        });
        for (pod, takes, open) in placements {
            let targets: Vec<Option<usize>> = match pod.replicas {
                Replicas::EveryNode => open.iter().copied().map(Some).collect(),
                // More would not be seen to fit either, and a number from a chart has no bound.
                Replicas::Count(count) => vec![None; usize::try_from(count.min(10_000)).unwrap_or(10_000)],
            };
            for target in targets {
                let place = match target {
                    Some(index) => fits(&takes, &free[index]).then_some(index),
                    None => open.iter().copied().find(|&index| fits(&takes, &free[index])),
                };
                let Some(index) = place else {
                    let what = format!(
                        "a pod that requests {} does not fit on any of {nodes} together with the other pods, although it would fit alone",
                        words(&takes)
                    );
                    self.found.push(RESOURCES_TIGHT.found(pod.owner.to_string(), what, fix(&pod.owner.kind)));
                    return;
                };
                for (name, amount) in &takes {
                    let left = free[index].entry(name.clone()).or_default();
                    *left = left.minus(*amount);
                }
            }
        }
    }

    /// The ready nodes that a pod may go to; `None` if nodes are not known.
    pub(super) fn eligible_nodes(&self, pod: &PodNeed) -> Option<Vec<&Node>> {
        let nodes = self.facts.nodes.as_ref().ok()?;
        Some(nodes.iter().filter(|node| node.ready && has_labels(pod, node) && blocks(pod, node).is_none()).collect())
    }

    /// Whether a pod belongs to a release of ours: it is deleted when the new one is created.
    pub(super) fn is_ours(&self, pod: &PodUse) -> bool {
        pod.instance
            .as_ref()
            .is_some_and(|instance| self.needs.releases.contains(&(pod.namespace.clone(), instance.clone())))
    }
}

/// What is left of a node without the pods of ours.
fn left(node: &Node, pods: &[PodUse], ours: impl Fn(&PodUse) -> bool) -> Amounts {
    let mut left = node.allocatable.clone();
    left.retain(|name, _| COUNTED.contains(&name.as_str()));
    for pod in pods.iter().filter(|pod| pod.node.as_ref() == Some(&node.name) && !ours(pod)) {
        let one = ("pods".to_owned(), Quantity::whole(1 + pod.others));
        for (name, amount) in pod.requests.clone().into_iter().chain([one]) {
            if let Some(left) = left.get_mut(&name) {
                *left = left.minus(amount);
            }
        }
    }
    left
}

/// A node that does not say how much it has of something has enough.
fn fits(takes: &Amounts, free: &Amounts) -> bool {
    takes.iter().all(|(name, amount)| free.get(name).is_none_or(|free| amount <= free))
}

fn words(takes: &Amounts) -> String {
    let amounts = takes.iter().filter(|(name, _)| *name != "pods");
    let amounts: Vec<String> = amounts.map(|(name, amount)| format!("{} of {name}", amount.of(name))).collect();
    if amounts.is_empty() { "nothing".to_owned() } else { amounts.join(" and ") }
}

fn too_large(takes: &Amounts, short: &[usize], ready: &[&Node], free: &[Amounts]) -> String {
    let mut most: BTreeMap<&str, (Quantity, &str)> = BTreeMap::new();
    for &index in short {
        for (name, amount) in takes {
            if let Some(free) = free[index].get(name).filter(|free| amount > free) {
                let entry = most.entry(name).or_insert((*free, &ready[index].name));
                if *free > entry.0 {
                    *entry = (*free, &ready[index].name);
                }
            }
        }
    }
    let left: Vec<String> = most
        .iter()
        .map(|(name, (free, node))| {
            format!("{} of {name} is left on node {node}", (*free).max(Quantity::default()).of(name))
        })
        .collect();
    format!("a pod requests {}, but at most {}", words(takes), left.join(", "))
}

fn fix(kind: &str) -> String {
    let what = if kind == "node" { "the plan" } else { "it" };
    format!("kubectl describe nodes (shows what is used); then request less for {what} with --set, or add a node")
}

/// Whether a node has the labels that a pod requires.
fn has_labels(pod: &PodNeed, node: &Node) -> bool {
    let selected = pod.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
    selected && (pod.node_terms.is_empty() || pod.node_terms.iter().any(|term| term_fits(term, node)))
}

fn term_fits(term: &Value, node: &Node) -> bool {
    let list = |key: &str| term[key].as_array().cloned().unwrap_or_default();
    let (expressions, fields) = (list("matchExpressions"), list("matchFields"));
    // A term without anything fits no node.
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    expressions.iter().all(|one| fits_expression(one, |key| node.labels.get(key)))
        && fields.iter().all(|one| fits_expression(one, |key| (key == "metadata.name").then_some(&node.name)))
}

fn fits_expression<'a>(expression: &Value, label: impl Fn(&str) -> Option<&'a String>) -> bool {
    let found = label(expression["key"].as_str().unwrap_or_default());
    let values: Vec<&str> = expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let compare = |fits: fn(i64, i64) -> bool| {
        let (found, wanted) =
            (found.and_then(|found| found.parse().ok()), values.first().and_then(|one| one.parse().ok()));
        found.zip(wanted).is_some_and(|(found, wanted)| fits(found, wanted))
    };
    match expression["operator"].as_str().unwrap_or_default() {
        "In" => found.is_some_and(|found| values.contains(&found.as_str())),
        "NotIn" => found.is_none_or(|found| !values.contains(&found.as_str())),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => compare(|found, wanted| found > wanted),
        "Lt" => compare(|found, wanted| found < wanted),
        _ => true,
    }
}

/// The taint that keeps a pod off a node, if there is one.
fn blocks<'a>(pod: &PodNeed, node: &'a Node) -> Option<&'a Taint> {
    let hard = node.taints.iter().filter(|taint| taint.effect != "PreferNoSchedule");
    // Pods of DaemonSets tolerate the taints of node conditions.
    let own = |taint: &Taint| pod.replicas == Replicas::EveryNode && taint.key.starts_with("node.kubernetes.io/");
    let mut hard = hard.filter(|taint| !own(taint));
    hard.find(|taint| !pod.tolerations.iter().any(|toleration| taint.is_tolerated(toleration)))
}

/// What a pod requires of a node's labels, and the label that would satisfy it.
fn label_needs(pod: &PodNeed) -> (String, String) {
    let mut asked: Vec<String> = pod.node_selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut label = asked.join(" ");
    if !pod.node_terms.is_empty() {
        let terms = pod.node_terms.iter().flat_map(|term| term["matchExpressions"].as_array().into_iter().flatten());
        for one in terms {
            let (key, operator) =
                (one["key"].as_str().unwrap_or_default(), one["operator"].as_str().unwrap_or_default());
            let values: Vec<&str> = one["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let values_text = if values.is_empty() { String::new() } else { format!(" {}", values.join("|")) };
            asked.push(format!("{key} {operator}{values_text}"));
            match operator {
                "DoesNotExist" => label = format!("{label} {key}-"),
                "In" | "Exists" => label = format!("{label} {key}={}", values.first().unwrap_or(&"")),
                _ => {}
            }
        }
    }
    (format!("no ready node has the labels that its pods require: {}", asked.join(", ")), label.trim().to_owned())
}
