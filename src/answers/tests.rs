//! The embedded catalog, answered.

use super::*;
use crate::catalog::load;

fn resolved(flags: &[&str]) -> Resolved {
    let catalog = load(&[]).unwrap();
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], None).unwrap();
    resolve(&catalog, &answers).unwrap()
}

const IMAGE: [&str; 2] = ["livy.image=registry.site/livy", "livy.image_tag=1"];

#[test]
fn an_image_without_a_public_one_is_missing_and_the_way_to_build_it_is_said() {
    let catalog = load(&[]).unwrap();
    let AnswersError::Missing(missing) = Answers::new(&catalog, &[], None).unwrap_err() else { panic!() };
    let ids: Vec<_> = missing.iter().map(|missing| missing.id.to_string()).collect();
    assert_eq!(ids, ["livy.image", "livy.image_tag"]);
    assert!(missing[0].to_string().contains("Containerfile"), "{}", missing[0]);
}

#[test]
fn components_come_in_an_order_that_works() {
    let resolved = resolved(&IMAGE);
    let ids: Vec<_> = resolved.components.iter().map(|component| component.id.as_str()).collect();
    let at = |id: &str| ids.iter().position(|other| *other == id).unwrap();
    assert!(at("hdfs") < at("shared-libraries") && at("shared-libraries") < at("livy"), "{ids:?}");
}

#[test]
fn release_namespace_and_domain_reach_the_exports() {
    let flags = [&IMAGE[..], &["hdfs.release=x", "hdfs.namespace=y", "platform.cluster_domain=z.local"]].concat();
    let resolved = resolved(&flags);
    let hdfs = resolved.hdfs.unwrap();
    assert_eq!(hdfs.namenodes, ["http://x-namenode-0.x-namenode.y.svc.z.local:9870"]);
}

#[test]
fn images_move_to_the_sites_registry_unless_they_were_named() {
    let resolved = resolved(&[&IMAGE[..], &["platform.registry=harbor.site:5000/platform"]].concat());
    let find = |id: &str| resolved.components.iter().find(|component| component.id == id).unwrap();
    let hdfs = &find("hdfs").release.as_ref().unwrap().values;
    assert_eq!(hdfs["image"]["repository"], "harbor.site:5000/platform/apache/hadoop");
    let livy = &find("livy").release.as_ref().unwrap().values;
    assert_eq!(livy["image"]["repository"], "registry.site/livy");
    assert_eq!(livy["spark"]["image"]["repository"], "harbor.site:5000/platform/apache/spark");
}

#[test]
fn results_of_later_actions_stay_in_place() {
    let resolved = resolved(&IMAGE);
    let uses: Vec<_> = resolved
        .components
        .iter()
        .flat_map(|component| &component.verify)
        .filter(|action| action.results.contains("pi"))
        .collect();
    assert!(!uses.is_empty());
    for action in uses {
        assert!(action.kind.templates().iter().any(|text| text.contains("{{ pi.app_id }}")), "{action:?}");
    }
}

#[test]
fn an_unknown_answer_is_refused_with_a_suggestion() {
    let catalog = load(&[]).unwrap();
    let layer = from_flags(&["livy.driver_memori=1Gi".to_owned()]).unwrap();
    let error = Answers::new(&catalog, &[layer], None).unwrap_err().to_string();
    assert!(error.contains("did you mean `livy.driver_memory`"), "{error}");
}

#[test]
fn recorded_answers_give_the_same_answers_again() {
    let catalog = load(&[]).unwrap();
    let flags: Vec<String> = IMAGE.iter().map(|flag| (*flag).to_owned()).collect();
    let secret = "platform.pull_secret=env:AUTH".to_owned();
    let layer = from_flags(&[flags, vec![secret]].concat()).unwrap();
    let first = Answers::new(&catalog, &[layer], None).unwrap();
    let text = recorded(&catalog, &first).unwrap();
    let file = parse_file("answers.yaml", &text, LayerKind::File).unwrap();
    let second = Answers::new(&catalog, &[file.layer], file.components.as_deref()).unwrap();
    assert_eq!(first.json(), second.json());
}

#[test]
fn recorded_answers_give_the_same_values_again() {
    // The published images move to the site's registry, though the record names them.
    let catalog = load(&[]).unwrap();
    let flags: Vec<String> = [&IMAGE[..], &["platform.registry=harbor.site:5000/platform"]]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let first = Answers::new(&catalog, &[from_flags(&flags).unwrap()], None).unwrap();
    let file = parse_file("answers.yaml", &recorded(&catalog, &first).unwrap(), LayerKind::File).unwrap();
    let second = Answers::new(&catalog, &[file.layer], file.components.as_deref()).unwrap();
    let values = |answers: &Answers| -> Vec<serde_json::Value> {
        let resolved = resolve(&catalog, answers).unwrap();
        resolved.components.into_iter().filter_map(|component| Some(component.release?.values)).collect()
    };
    assert_eq!(values(&first), values(&second));
}

#[test]
fn secrets_of_a_component_reach_its_values_by_name() {
    let catalog = load(&[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/components").into()]).unwrap();
    let chosen = ["sample".to_owned()];
    let values = |flags: &[&str]| {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&chosen)).unwrap();
        let mut resolved = resolve(&catalog, &answers).unwrap();
        let sample = resolved.components.remove(resolved.components.len() - 1);
        (sample.release.unwrap().values, sample.secrets)
    };
    let (made, secrets) = values(&[]);
    assert_eq!(made["passwordSecret"], serde_json::json!({"name": "my-sample-db-password", "key": "db_password"}));
    assert_eq!(made["tokenSecret"], serde_json::json!({"name": "", "key": ""}));
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0].from, crate::model::SecretRef::Generate);
    let (named, secrets) = values(&["sample.db_password=secret:theirs", "sample.token=secret:vault/token"]);
    assert_eq!(named["passwordSecret"]["name"], "theirs", "one of the component's namespace is used as it is");
    let filled: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
    assert_eq!(filled, ["my-sample-token"], "one of another namespace is copied");
}

#[test]
fn a_chosen_profile_counts_over_what_is_there_and_less_than_a_file() {
    let catalog = load(&[]).unwrap();
    let layer = |kind, flag: &str| Layer { kind, ..from_flags(&[flag.to_owned()]).unwrap() };
    let given = |layers| Given { layers, profile: Some("standard".to_owned()), ..Given::default() };
    let copies = |given: Given| given.draft(&catalog).unwrap().answers.get("hdfs", "replication").json();
    let there =
        vec![layer(LayerKind::Sandbox, "hdfs.replication=1"), layer(LayerKind::Installed, "hdfs.replication=2")];
    assert_eq!(copies(given(there)), 3);
    assert_eq!(copies(given(vec![layer(LayerKind::File, "hdfs.replication=2")])), 2);
}

#[test]
fn wrong_answers_of_what_is_not_wanted_count_unless_that_was_decided_on_a_screen() {
    let catalog = load(&[]).unwrap();
    let problems = |kind, flag: &str| {
        let wrong = Layer { kind: LayerKind::File, ..from_flags(&[flag.to_owned()]).unwrap() };
        let other = Layer { kind, name: String::new(), answers: Vec::new() };
        let chosen = Some(vec!["hdfs".to_owned()]);
        Given { layers: vec![wrong, other], chosen, ..Given::default() }.draft(&catalog).unwrap().problems.len()
    };
    assert_eq!(problems(LayerKind::Flag, "livy.executor_instances=many"), 1);
    assert_eq!(problems(LayerKind::Screen, "livy.executor_instances=many"), 0);
    assert_eq!(problems(LayerKind::Screen, "livi.executor_instances=1"), 1, "a name that does not exist is a mistake");
}
