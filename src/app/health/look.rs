//! Reads the state of each installed HDFS. That it does not answer is a state, too.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;

use crate::answers::hdfs_as_installed;
use crate::catalog::{Catalog, WEBHDFS};
use crate::driver::kube::{Cluster, Tunnels};
use crate::driver::reach;
use crate::model::cluster::{ManifestObject, PodState};
use crate::model::hdfs_health::{HdfsHealth, Quorum, Voters};
use crate::model::state::InstallState;
use crate::model::{HdfsAccess, causes};

/// The timeout for all NameNodes: people wait for `status`.
const NAMENODES: Duration = Duration::from_secs(4);

/// How long the API may take to list the pods of a quorum.
const PODS: Duration = Duration::from_secs(1);

/// The ports by which voters are recognized.
const PORTS: [(u64, Voters); 2] = [(8485, Voters::JournalNodes), (2181, Voters::ZooKeepers)];

/// The health of the installed components that provide HDFS, by their ids. An unfinished install is not asked.
pub(in crate::app) async fn hdfs_health(
    cluster: &Cluster,
    catalog: &Catalog,
    state: &InstallState,
    wanted: impl Fn(&String) -> bool,
) -> BTreeMap<String, HdfsHealth> {
    let ids = state.components.keys().filter(|id| wanted(id) && !state.begun.contains_key(*id));
    let catalog = catalog.with_instances(state.components.keys().map(String::as_str));
    let found: Vec<HdfsAccess> = ids.filter_map(|id| access(&catalog, state, id)).collect();
    if found.is_empty() {
        return BTreeMap::new();
    }
    let tunnels = match Tunnels::new(cluster) {
        Ok(tunnels) => tunnels,
        Err(error) => {
            tracing::debug!(error = causes(&error).join(": "), "the state of no HDFS was read");
            return BTreeMap::new();
        }
    };
    let asked = found.iter().map(|access| reach::hdfs_health(access, &tunnels, NAMENODES));
    let asked = found.iter().zip(join_all(asked).await).filter_map(|(access, health)| {
        let health = health.inspect_err(|error| tracing::debug!(%error, "the state of an HDFS was not read"));
        Some((access.component.clone(), health.ok()?))
    });
    asked.collect()
}

/// Where the HDFS of an installed component is, if it has one.
fn access(catalog: &Catalog, state: &InstallState, id: &str) -> Option<HdfsAccess> {
    let known = &state.components.get(id)?.record;
    catalog.components.get(id)?.exports.get(WEBHDFS)?;
    // Of several that export the same it was installed with one.
    let used = |other: &str| known.requires.contains(other);
    let catalog = catalog.with_providers(used);
    hdfs_as_installed(catalog.components.get(id)?, used, known.release.as_ref()?, &state.answers)
}

/// The same with what its pods show: which voters are ready, and the names of the JournalNodes. `objects` are those of
/// its release.
pub(in crate::app) async fn with_pods(
    cluster: &Cluster,
    mut health: HdfsHealth,
    namespace: &str,
    objects: &[ManifestObject],
) -> HdfsHealth {
    let voters: Vec<Workload> = objects.iter().filter_map(voters).collect();
    let pods = join_all(voters.iter().map(|workload| async {
        let listed = tokio::time::timeout(PODS, cluster.pods(namespace, &workload.selector)).await;
        // What may not be listed, or not in time, is omitted.
        listed.ok().and_then(Result::ok)
    }));
    for (workload, pods) in voters.iter().zip(pods.await) {
        let Some(pods) = pods else { continue };
        name(&mut health, &pods);
        health.quorums.push(Quorum {
            of: workload.of,
            workload: workload.name.clone(),
            ready: pods.iter().filter(|pod| pod.ready && !pod.terminating).count() as u64,
            replicas: workload.replicas,
        });
    }
    health
}

/// Names the JournalNodes whose addresses are those of pods.
fn name(health: &mut HdfsHealth, pods: &[PodState]) {
    let journalnodes = health.file_system.iter_mut().flat_map(|said| &mut said.journalnodes);
    for journalnode in journalnodes {
        let host = journalnode.address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']));
        let pod = pods.iter().find(|pod| host.is_some() && pod.ip.as_deref() == host);
        journalnode.name = pod.map(|pod| pod.name.clone()).or_else(|| journalnode.name.take());
    }
}

/// A StatefulSet whose pods vote.
#[derive(Debug, PartialEq, Eq)]
struct Workload {
    of: Voters,
    name: String,
    selector: String,
    replicas: u64,
}

fn voters(object: &ManifestObject) -> Option<Workload> {
    let spec = &object.body["spec"];
    let containers = spec["template"]["spec"]["containers"].as_array()?.iter();
    let ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    let (_, of) = ports
        .filter_map(|port| port["containerPort"].as_u64())
        .find_map(|port| PORTS.into_iter().find(|(known, _)| *known == port))?;
    let labels = spec["selector"]["matchLabels"].as_object()?;
    let labels: Vec<String> =
        labels.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
    let workload = Workload {
        of,
        name: object.object.name.clone(),
        selector: labels.join(","),
        replicas: spec["replicas"].as_u64().unwrap_or(1),
    };
    (object.object.kind == "StatefulSet" && !labels.is_empty()).then_some(workload)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::driver::state_store::tests::connected;
    use crate::model::cluster::ObjectRef;
    use crate::model::hdfs_health::{FileSystemHealth, HdfsMode, JournalNode, JournalState};

    fn object(kind: &str, name: &str, port: u64, labels: &serde_json::Value) -> ManifestObject {
        let containers =
            json!([{"name": "side"}, {"name": "main", "ports": [{"containerPort": 9}, {"containerPort": port}]}]);
        let spec = json!({"replicas": 3, "selector": {"matchLabels": labels}, "template": {"spec": {"containers": containers}}});
        ManifestObject { object: ObjectRef::namespaced("apps/v1", kind, "ns", name), body: json!({"spec": spec}) }
    }

    fn workload(kind: &str, port: u64, labels: serde_json::Value) -> Option<Workload> {
        voters(&object(kind, "x", port, &labels))
    }

    #[test]
    fn voters_are_known_by_what_they_speak() {
        let labels = json!({"a": "b", "c": "d"});
        let found = workload("StatefulSet", 2181, labels.clone()).unwrap();
        let selector = "a=b,c=d".to_owned();
        assert_eq!(found, Workload { of: Voters::ZooKeepers, name: "x".to_owned(), selector, replicas: 3 });
        assert_eq!(workload("StatefulSet", 8485, labels.clone()).unwrap().of, Voters::JournalNodes);
        assert_eq!(workload("StatefulSet", 8020, labels.clone()), None);
        assert_eq!(workload("Deployment", 2181, labels), None);
        assert_eq!(workload("StatefulSet", 2181, json!({})), None, "all pods are nobody's");
        let bare = ManifestObject { object: ObjectRef::namespaced("v1", "Service", "ns", "x"), body: json!(null) };
        assert_eq!(voters(&bare), None);
    }

    #[tokio::test]
    async fn voters_are_counted_and_journalnodes_named_by_their_pods() {
        let answer = |uri: axum::http::Uri| {
            let pod = |name: &str, ip: &str, ready: &str| {
                let conditions = json!([{"type": "Ready", "status": ready}]);
                json!({"metadata": {"name": name, "namespace": "ns"},
                    "status": {"phase": "Running", "podIP": ip, "conditions": conditions}})
            };
            let list =
                |items: serde_json::Value| json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items});
            let body = match (uri.path(), uri.query().unwrap_or_default()) {
                ("/version", _) => json!({"major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "",
                    "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "gc", "platform": "linux/amd64"}),
                ("/api/v1/namespaces/ns/pods", query) if query.contains("jn") => {
                    list(json!([pod("jn-0", "10.0.0.1", "True"), pod("jn-1", "fd00::1", "False")]))
                }
                ("/api/v1/namespaces/ns/pods", _) => list(json!([pod("zk-0", "10.0.0.9", "True")])),
                _ => list(json!([])),
            };
            std::future::ready(axum::Json(body))
        };
        let cluster = connected(axum::Router::new().fallback(answer)).await;
        let journalnodes = ["10.0.0.1:8485", "[fd00::1]:8485", "10.0.0.3:8485"].map(|address| JournalNode {
            name: None,
            address: address.to_owned(),
            state: JournalState::InSync,
            txns_behind: None,
            behind_ms: None,
        });
        let file_system = FileSystemHealth { journalnodes: journalnodes.to_vec(), ..FileSystemHealth::default() };
        let health = HdfsHealth {
            mode: HdfsMode::Ha,
            namenodes: Vec::new(),
            file_system: Some(file_system),
            quorums: Vec::new(),
        };
        let objects = [("jn", 8485), ("zk", 2181), ("nn", 8020)]
            .map(|(name, port)| object("StatefulSet", name, port, &json!({ "app": name })));
        let health = with_pods(&cluster, health, "ns", &objects).await;
        let names: Vec<_> =
            health.file_system.iter().flat_map(|said| &said.journalnodes).map(JournalNode::display_name).collect();
        assert_eq!(names, ["jn-0", "jn-1", "10.0.0.3:8485"]);
        let quorums: Vec<_> =
            health.quorums.iter().map(|one| (one.workload.as_str(), one.ready, one.replicas)).collect();
        assert_eq!(quorums, [("jn", 1, 3), ("zk", 1, 3)]);
    }
}
