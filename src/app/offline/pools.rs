//! Which nodes are asked whether they can pull: one of each pool, of each platform at least one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::driver::kube::NodeRuntime;
use crate::model::offline::{NodePool, SkippedPools};
use crate::model::site::{Node, Taint};

/// Labels with the pool of a node.
const LABELS: [&str; 7] = [
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
    "kops.k8s.io/instancegroup",
    "node.kubernetes.io/instancegroup",
    "node.cluster.x-k8s.io/pool",
];

/// The most pools with a pull test.
const MOST: usize = 16;

/// The pools that pods of the platform may run on, and how many others there are. `tolerations` are those that releases give
/// their pods, `smallest` gives the image to pull for a platform, or for any.
pub(super) fn pools(
    nodes: &[Node],
    tolerations: &[Value],
    mut smallest: impl FnMut(Option<&str>) -> Option<String>,
) -> (Vec<NodePool>, SkippedPools) {
    let hard = |taint: &&Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
    let keeps = |taint: &Taint| !tolerations.iter().any(|toleration| taint.is_tolerated(toleration));
    let is_open = |node: &&Node| !node.taints.iter().filter(hard).any(keeps);
    let ready: Vec<&Node> = nodes.iter().filter(|node| node.ready).collect();
    let (open, tainted): (Vec<&Node>, Vec<&Node>) = ready.iter().copied().partition(is_open);
    // Where all are tainted nothing is known of who may run where.
    let (asked, tainted) = if open.is_empty() { (ready, Vec::new()) } else { (open, tainted) };
    let mut found: BTreeMap<(String, NodeRuntime), NodePool> = BTreeMap::new();
    let mut platforms: BTreeMap<(String, NodeRuntime), &str> = BTreeMap::new();
    let mut images: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for node in asked {
        // Manifests are read for it: once, and not for each of a thousand nodes.
        let image = images.entry(&node.platform).or_insert_with(|| smallest(Some(&node.platform)));
        let Some(image) = image.clone() else { continue };
        let key = key(node);
        let pool =
            NodePool { name: key.0.clone(), node: Some(node.name.clone()), runtime: node.runtime.clone(), image };
        platforms.entry(key.clone()).or_insert(&node.platform);
        found.entry(key).or_insert(pool);
    }
    let closed: BTreeSet<_> = tainted.into_iter().map(key).filter(|key| !found.contains_key(key)).collect();
    let mut skipped = SkippedPools { tainted: closed.len(), more: 0 };
    if found.is_empty() {
        let any = smallest(None);
        let pool = |image| NodePool { name: "the cluster".to_owned(), node: None, runtime: Default::default(), image };
        return (any.map(pool).into_iter().collect(), skipped);
    }
    // One of each platform first: another architecture pulls other bytes.
    let mut seen = BTreeSet::new();
    let is_first = |(key, _): &(_, NodePool)| platforms.get(key).is_some_and(|platform| seen.insert(*platform));
    let (mut chosen, others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_first);
    let most = MOST.max(chosen.len());
    chosen.extend(others);
    skipped.more = chosen.len().saturating_sub(most);
    (chosen.into_iter().map(|(_, pool)| pool).take(most).collect(), skipped)
}

/// Nodes that pull in the same way. Versions do not count: during a rolling upgrade a pool has two of them.
fn key(node: &Node) -> (String, NodeRuntime) {
    let label = LABELS.iter().find_map(|label| node.labels.get(*label));
    let name = label.map_or_else(|| node.platform.clone(), |pool| format!("{pool} ({})", node.platform));
    (name, NodeRuntime::of(&node.runtime.0, &node.runtime.1))
}

/// The tolerations in the values of releases, at whichever place.
pub(super) fn tolerations<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    fn collect(value: &Value, found: &mut Vec<Value>) {
        match value {
            Value::Object(fields) => {
                let given = fields.get("tolerations").and_then(Value::as_array);
                found.extend(given.into_iter().flatten().filter(|one| one.is_object()).cloned());
                fields.values().for_each(|value| collect(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    values.for_each(|values| collect(values, &mut found));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, pool: &str, platform: &str) -> Node {
        Node {
            name: name.to_owned(),
            labels: [(LABELS[0].to_owned(), pool.to_owned())].into(),
            ready: true,
            platform: platform.to_owned(),
            runtime: ("containerd://2.0.1".to_owned(), "v1.34.1".to_owned()),
            ..Node::default()
        }
    }

    fn tainted(mut node: Node, key: &str) -> Node {
        node.taints = vec![Taint { key: key.to_owned(), value: String::new(), effect: "NoSchedule".to_owned() }];
        node
    }

    fn names(nodes: &[Node], tolerations: &[Value]) -> (Vec<String>, SkippedPools) {
        let image = |platform: Option<&str>| Some(format!("image for {}", platform.unwrap_or("any")));
        let (pools, skipped) = pools(nodes, tolerations, image);
        (pools.into_iter().map(|pool| pool.name).collect(), skipped)
    }

    #[test]
    fn each_platform_has_a_test_however_many_pools_there_are() {
        let mut nodes: Vec<Node> =
            (10..30).map(|at| node(&format!("n{at}"), &format!("a{at}"), "linux/amd64")).collect();
        nodes.push(node("arm", "z", "linux/arm64"));
        let (found, skipped) = names(&nodes, &[]);
        assert_eq!(
            (found.len(), &found[0], &found[1]),
            (16, &"a10 (linux/amd64)".to_owned(), &"z (linux/arm64)".to_owned())
        );
        assert_eq!(skipped, SkippedPools { tainted: 0, more: 5 });
    }

    #[test]
    fn a_pool_that_is_being_upgraded_is_one_pool() {
        let mut newer = node("b", "a", "linux/amd64");
        newer.runtime = ("containerd://2.1.0".to_owned(), "v1.35.0".to_owned());
        let mut other = node("c", "a", "linux/amd64");
        other.runtime.0 = "cri-o://1.34".to_owned();
        assert_eq!(names(&[node("a", "a", "linux/amd64"), newer, other], &[]).0.len(), 2, "CRI-O pulls in its own way");
    }

    #[test]
    fn pools_with_taints_are_asked_where_pods_tolerate_them() {
        let nodes = [
            node("a", "free", "linux/amd64"),
            tainted(node("b", "gpu", "linux/amd64"), "gpu"),
            tainted(node("c", "head", "linux/amd64"), "node-role.kubernetes.io/control-plane"),
        ];
        assert_eq!(names(&nodes, &[]), (vec!["free (linux/amd64)".into()], SkippedPools { tainted: 2, more: 0 }));
        let values = json!({"workers": [{"tolerations": [{"key": "gpu", "operator": "Exists"}]}], "tolerations": []});
        let (found, skipped) = names(&nodes, &tolerations(std::iter::once(&values)));
        assert_eq!((found, skipped.tainted), (vec!["free (linux/amd64)".into(), "gpu (linux/amd64)".into()], 1));
        // Where all are tainted all are asked.
        assert_eq!(names(&nodes[1..], &[]).0.len(), 2);
        assert_eq!(names(&[], &[]).0, ["the cluster"]);
    }
}
