//! What the components of `bundles/` make of answers, where that is a matter of trust or of what a site has to have.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass::answers::{Answers, Resolved, SecretContent, from_flags, image_references, resolve};
use windlass::catalog;
use windlass::model::Secret;
use windlass::model::observed::Observed;
use windlass::model::state::InstallState;
use windlass::plan::plan;

/// The login that Airflow's pods and Jobs have for the git of their DAGs, with these answers more: user and password.
fn git_login(flags: &[&str]) -> (String, String) {
    let catalog = catalog::load(&[]).unwrap();
    let always = ["airflow.dags_repo=https://git.example/dags.git", "airflow.image=x.example/airflow"];
    let flags: Vec<String> = always.iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
    let chosen = ["airflow", "datagram"].map(str::to_owned);
    let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&chosen)).unwrap();
    let resolved = resolve(&catalog, &answers).unwrap();
    let airflow = resolved.components.iter().find(|component| component.id == "airflow").unwrap();
    let secret = airflow.secrets.iter().find(|secret| secret.id == "chart-git").unwrap();
    let derived = match &secret.content {
        SecretContent::Derived(derived) => Some(derived),
        SecretContent::Answer { .. } => None,
    };
    let derived = derived.unwrap();
    let found = derived.sources().into_iter().map(|name| {
        let keys =
            ["admin_password", "dags_password"].map(|key| (key.to_owned(), Secret::new(format!("{name}/{key}"))));
        (name, BTreeMap::from(keys))
    });
    let mut filled = derived.fill("apache-airflow", &found.collect(), "key").unwrap();
    let mut take = |key: &str| filled.remove(key).unwrap().expose().to_owned();
    (take("GITSYNC_USERNAME"), take("GITSYNC_PASSWORD"))
}

#[test]
fn the_password_of_one_git_server_is_sent_to_no_other() {
    let (user, password) = git_login(&["airflow.dags_source=datagram"]);
    assert_eq!((user.as_str(), password.as_str()), ("admin", "my-airflow-datagram-password/admin_password"));
    let own = ["airflow.dags_source=git", "airflow.dags_user=kim"];
    assert_eq!(git_login(&own), ("kim".to_owned(), String::new()), "none was named");
    assert_eq!(git_login(&own[..1]), (String::new(), String::new()));
    let named = [&own[..], &["airflow.dags_password=env:TOKEN"]].concat();
    assert_eq!(git_login(&named), ("kim".to_owned(), "my-airflow-dags-password/dags_password".to_owned()));
}

#[test]
fn a_site_without_dags_from_git_needs_no_image_that_fetches_them() {
    let catalog = catalog::load(&[]).unwrap();
    let git = |chosen: &[&str], flags: &[&str]| {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let chosen: Vec<String> = chosen.iter().map(|id| (*id).to_owned()).collect();
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&chosen)).unwrap();
        let resolved = resolve(&catalog, &answers).unwrap();
        let named = image_references(&catalog, &answers).iter().any(|image| image.contains("git-sync"));
        assert_eq!(resolved.images.iter().any(|image| image.name == "git_sync"), named);
        let airflow = resolved.components.iter().find(|component| component.id == "airflow").unwrap();
        let values = airflow.release.as_ref().unwrap().values.to_string();
        let plan = serde_json::to_string(&plan(&resolved, &Observed::default(), true)).unwrap();
        assert_eq!(plan.contains("git-sync") || values.contains("git-sync"), named, "{plan}{values}");
        named
    };
    assert!(!git(&["airflow"], &[]));
    assert!(!git(&["airflow"], &["airflow.git_sync_image=site.example/git-sync"]), "whatever was answered");
    assert!(!git(&["airflow", "datagram"], &["airflow.dags_source=none"]));
    assert!(git(&["airflow", "datagram"], &[]));
    assert!(git(&["airflow"], &["airflow.dags_source=git", "airflow.dags_repo=https://git.example/dags.git"]));
}

#[test]
fn hdfs_gets_a_second_namenode_by_agreement_once_and_keeps_it() {
    let catalog = catalog::load(&[]).unwrap();
    let with = |flags: &[&str], was: Option<Value>| {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let answers =
            Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&["spark-history-server".to_owned()])).unwrap();
        let mut state = InstallState { answers: json!({"hdfs": was}), ..InstallState::default() };
        if was.is_some() {
            state.components.insert("hdfs".to_owned(), Default::default());
        }
        let broken = answers.broken_by(&catalog, &state).to_string();
        let answers = answers.seeing_installed(&catalog, &state).unwrap_or(answers);
        let resolved = resolve(&catalog, &answers).unwrap();
        let component = |id: &str| resolved.components.iter().find(|component| component.id == id).unwrap();
        let hdfs = component("hdfs");
        let stops = hdfs.before.iter().map(|act| (act.title.clone(), act.agree.is_some())).collect::<Vec<_>>();
        let images: Vec<&str> = resolved.images.iter().map(|image| image.name.as_str()).collect();
        let client = component("spark-history-server").release.as_ref().unwrap().values["hdfs"].clone();
        let namenodes = resolved.hdfs.as_ref().unwrap().namenodes.len();
        (stops, broken, images.contains(&"zookeeper"), namenodes, client)
    };
    let (ha, quorum) = ("hdfs.mode=ha", "hdfs.zookeeper_quorum=zk.example.com:2181");
    let stop = vec![("stop the NameNode".to_owned(), true)];
    // What was installed before there was a choice had one NameNode.
    for one in [json!({}), json!({"mode": "simple"})] {
        assert_eq!(with(&[ha], Some(one.clone())).0, stop);
        assert_eq!(with(&[], Some(one)).0, []);
    }
    let two = Some(json!({"mode": "ha", "nameservice": "hdfs-k8s"}));
    for was in [None, two.clone()] {
        let (stops, broken, zookeeper, namenodes, client) = with(&[ha], was);
        assert_eq!((stops, broken.as_str(), zookeeper, namenodes), (vec![], "", true, 2));
        assert_eq!(client["defaultFs"], "hdfs://hdfs-k8s");
        assert_eq!(client["properties"]["dfs.ha.namenodes.hdfs-k8s"], "nn0,nn1");
        assert_eq!(client["properties"].as_object().unwrap().len(), 9, "{client}");
    }
    // Nobody needs the image of what the site has.
    assert!(!with(&[ha, quorum], None).2);
    let (_, _, zookeeper, namenodes, client) = with(&[], None);
    assert_eq!((zookeeper, namenodes, &client["properties"]), (false, 1, &json!({})));
    assert!(with(&[], two.clone()).1.contains("one alone would lose the edits"));
    assert!(with(&[ha, "hdfs.nameservice=lake"], two).1.contains("it cannot be changed"));
}

#[test]
fn a_namenode_is_taken_away_by_request_alone_and_when_all_else_is_proven() {
    let catalog = catalog::load(&[]).unwrap();
    let checks = |mode: &str, disrupts: bool| {
        let answers = Answers::new(
            &catalog,
            &[from_flags(&[format!("hdfs.mode={mode}")]).unwrap()],
            Some(&["spark-history-server".to_owned()]),
        );
        let resolved = Resolved { disrupts, ..resolve(&catalog, &answers.unwrap()).unwrap() };
        let plan = plan(&resolved, &Observed::default(), true);
        let checks = plan.actions.into_iter().filter(|action| action.verify);
        checks.map(|action| (action.title, action.id, action.needs)).collect::<Vec<_>>()
    };
    let failover = "the other NameNode takes over";
    for (mode, asked) in [("ha", false), ("simple", false), ("simple", true)] {
        assert!(checks(mode, asked).iter().all(|(title, ..)| title != failover), "{mode} {asked}");
    }
    let all = checks("ha", true);
    let (_, _, needs) = all.iter().find(|(title, ..)| title == failover).unwrap();
    let others = all.iter().filter(|(title, ..)| title != failover);
    assert!(all.len() > 2 && others.clone().all(|(_, id, _)| needs.contains(id)), "{needs:?}");
}
