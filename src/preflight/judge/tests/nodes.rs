//! Which nodes a pod may go to, and whether it fits there.

use super::*;

#[test]
fn labels_of_nodes() {
    let mut needs = needs();
    needs.pods[0].node_selector.insert("disk".to_owned(), "ssd".to_owned());
    let finding = only(&needs, &facts());
    assert_eq!((finding.id, finding.place.as_str()), ("node-labels", "StatefulSet ns/db"));
    assert_eq!(finding.fix, "kubectl label node one disk=ssd");
    let mut facts = facts();
    let labelled = Node { labels: BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]), ..node("two", "4", "8Gi") };
    facts.nodes = Ok(vec![node("one", "4", "8Gi"), labelled]);
    assert_eq!(found(&needs, &facts), []);
}

#[test]
fn node_affinity_by_its_operators() {
    let term = |operator: &str, values: Value| json!({"matchExpressions": [{"key": "size", "operator": operator, "values": values}]});
    let labelled = Node { labels: BTreeMap::from([("size".to_owned(), "8".to_owned())]), ..node("one", "4", "8Gi") };
    let mut facts = facts();
    facts.nodes = Ok(vec![labelled]);
    for (terms, fits) in [
        (vec![term("In", json!(["7", "8"]))], true),
        (vec![term("In", json!(["7"]))], false),
        (vec![term("NotIn", json!(["8"]))], false),
        (vec![term("Exists", json!(null))], true),
        (vec![term("DoesNotExist", json!(null))], false),
        (vec![term("Gt", json!(["7"]))], true),
        (vec![term("Lt", json!(["7"]))], false),
        (vec![term("Lt", json!(["7"])), term("Gt", json!(["7"]))], true),
        (vec![json!({})], false),
        (vec![json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["one"]}]})], true),
    ] {
        let mut needs = needs();
        needs.pods[0].node_terms.clone_from(&terms);
        let expected: &[&str] = if fits { &[] } else { &["node-labels"] };
        assert_eq!(ids(&needs, &facts), expected, "{terms:?}");
    }
}

#[test]
fn taints_and_tolerations() {
    let taint = Taint { key: "own".to_owned(), value: "them".to_owned(), effect: "NoSchedule".to_owned() };
    let mut facts = facts();
    facts.nodes = Ok(vec![Node { taints: vec![taint], ..node("one", "4", "8Gi") }]);
    let finding = only(&needs(), &facts);
    assert_eq!(finding.id, "node-taints");
    assert_eq!(finding.fix, "kubectl taint node one own:NoSchedule-");
    assert!(finding.what.contains("one has own=them:NoSchedule"), "{}", finding.what);
    for (toleration, fits) in [
        (json!({"operator": "Exists"}), true),
        (json!({"key": "own", "operator": "Exists", "effect": "NoSchedule"}), true),
        (json!({"key": "own", "value": "them"}), true),
        (json!({"key": "own", "value": "others"}), false),
        (json!({"key": "own", "operator": "Exists", "effect": "NoExecute"}), false),
        (json!({"key": "else", "operator": "Exists"}), false),
    ] {
        let mut needs = needs();
        needs.pods[0].tolerations = vec![toleration.clone()];
        assert_eq!(ids(&needs, &facts).is_empty(), fits, "{toleration}");
    }
    if let Ok(nodes) = &mut facts.nodes {
        nodes[0].taints[0].effect = "PreferNoSchedule".to_owned();
    }
    assert_eq!(found(&needs(), &facts), []);
}

#[test]
fn nodes_that_take_no_pods() {
    let mut facts = facts();
    facts.nodes = Ok(vec![Node { ready: false, ..node("one", "4", "8Gi") }]);
    assert_eq!(only(&needs(), &facts).what, "none of 1 nodes is ready to take pods");
}

#[test]
fn nodes_that_a_daemon_set_does_without() {
    let mut facts = facts();
    facts.nodes = Ok(vec![node("one", "4", "8Gi"), Node { ready: false, ..node("two", "4", "8Gi") }]);
    assert_eq!(found(&needs(), &facts), [], "others are put elsewhere");
    let mut needs = needs();
    needs.pods[0].replicas = Replicas::EveryNode;
    let finding = only(&needs, &facts);
    assert_eq!((finding.id, finding.what.as_str()), ("nodes-down", "1 of 2 are not ready or cordoned: two"));
}

#[test]
fn a_pod_that_fits_on_no_node() {
    let mut facts = facts();
    facts.nodes = Ok(vec![node("one", "4", "2Gi"), node("two", "4", "3Gi")]);
    facts.pods = Ok(vec![taken("other", "two", "2500Mi"), taken("another", "one", "1536Mi")]);
    let finding = only(&needs(), &facts);
    assert_eq!((finding.id, finding.place.as_str()), ("resources", "StatefulSet ns/db"));
    assert_eq!(
        finding.what,
        "a pod requests 500m of cpu and 1Gi of memory, but at most 572Mi of memory is left on node two"
    );
    // What is ours is deleted when the new pod is created.
    if let Ok(pods) = &mut facts.pods {
        pods[0].instance = Some("rel".to_owned());
    }
    assert_eq!(found(&needs(), &facts), []);
}

#[test]
fn pods_that_do_not_fit_together() {
    let mut needs = needs();
    needs.pods = vec![pod("db", 3, "500m", "3Gi")];
    let finding = only(&needs, &facts());
    assert_eq!((finding.id, finding.place.as_str()), ("resources", "the cluster"));
    assert_eq!(finding.what, "all pods together request 9Gi of memory, and 8Gi is left on 1 node");
    // In sum there is room, but not side by side.
    let mut facts = facts();
    facts.nodes = Ok(vec![node("one", "4", "5Gi"), node("two", "4", "5Gi")]);
    let finding = only(&needs, &facts);
    assert_eq!((finding.severity, finding.id), (Severity::Warning, "resources-tight"));
}

#[test]
fn a_daemon_set_must_fit_on_each_of_its_nodes() {
    let mut needs = needs();
    needs.pods[0].replicas = Replicas::EveryNode;
    let mut facts = facts();
    facts.nodes = Ok(vec![node("one", "4", "8Gi"), node("two", "4", "512Mi")]);
    let finding = only(&needs, &facts);
    assert!(finding.what.contains("512Mi of memory is left on node two"), "{}", finding.what);
    let own = Taint {
        key: "node.kubernetes.io/disk-pressure".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    facts.nodes = Ok(vec![Node { taints: vec![own], ..node("one", "4", "8Gi") }]);
    assert_eq!(found(&needs, &facts), [], "its pods tolerate that by themselves");
}
