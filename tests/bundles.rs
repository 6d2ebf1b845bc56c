//! What the components of `bundles/` make of answers, where that is a matter of trust or of what a site has to have.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass::answers::{Answers, Resolved, SecretContent, from_flags, image_references, resolve};
use windlass::catalog;
use windlass::model::Secret;
use windlass::model::cluster::{ManifestObject, ObjectRef, ReleaseKey};
use windlass::model::observed::Observed;
use windlass::model::state::{ComponentRecord, ComponentState, InstallState};
use windlass::plan::{Change, plan};
use windlass::preflight::{Rendered, Site, needs};

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
            state.components.insert("hdfs".to_owned(), of_version("3.4.1"));
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
    let older = json!({"mode": "simple", "image_tag": "3.4.0"});
    assert!(with(&[ha], Some(older)).1.contains("come by themselves"));
}

/// A component that was installed of this version.
fn of_version(version: &str) -> ComponentState {
    let record = ComponentRecord { version: version.to_owned(), ..ComponentRecord::default() };
    ComponentState { record, ..ComponentState::default() }
}

#[test]
fn another_hdfs_is_prepared_before_and_final_by_request_once() {
    let catalog = catalog::load(&[]).unwrap();
    let with = |flag: &str, was: Option<(&str, &str)>, finalized: &str| {
        let answers =
            Answers::new(&catalog, &[from_flags(&[flag.to_owned()]).unwrap()], Some(&["hdfs".to_owned()])).unwrap();
        let mut state = InstallState::default();
        if let Some((version, tag)) = was {
            state.components.insert("hdfs".to_owned(), of_version(version));
            state.answers =
                json!({"hdfs": {"image_tag": tag, "finalize": finalized, "replication": 1, "mode": "simple"}});
        }
        let broken = answers.broken_by(&catalog, &state).to_string();
        let answers = answers.seeing_installed(&catalog, &state).unwrap_or(answers);
        let resolved = resolve(&catalog, &answers).unwrap();
        let observed = Observed { state: Some(state), ..Observed::default() };
        let jobs = plan(&resolved, &observed, false).steps.into_iter().filter(|step| step.title.contains("upgrade"));
        (jobs.map(|step| (step.id, step.change, step.why)).collect::<Vec<_>>(), broken)
    };
    let (plain, fine) = ("hdfs.replication=1", String::new());
    let prepared = vec![("hdfs/before-6".to_owned(), Change::Update, Vec::new())];
    assert_eq!(with(plain, None, ""), (vec![], fine.clone()));
    assert_eq!(with(plain, Some(("3.4.1", "3.4.1")), ""), (vec![], fine.clone()));
    assert_eq!(with(plain, Some(("3.4.0", "3.4.0")), ""), (prepared.clone(), fine.clone()));
    assert_eq!(with("hdfs.image_tag=3.4.1-site", Some(("3.4.1", "3.4.1")), ""), (prepared.clone(), fine.clone()));
    let agree = "the upgrade becomes final, and there is no way back to the version before".to_owned();
    let last = vec![("hdfs/before-7".to_owned(), Change::Update, vec![agree])];
    let (finalize, same) = ("hdfs.finalize=3.4.1", Some(("3.4.1", "3.4.1")));
    assert_eq!(with(finalize, None, "").0, []);
    assert_eq!(with(finalize, same, ""), (last, fine.clone()));
    assert_eq!(with(finalize, same, "3.4.1"), (vec![], fine));
    // An upgrade begins open, so that the answer is a new one when it is to be final.
    let (jobs, broken) = with(finalize, Some(("3.4.0", "3.4.0")), "3.4.0");
    assert_eq!(jobs, prepared);
    assert!(broken.contains("an upgrade begins open"), "{broken}");
    assert!(with("hdfs.finalize=3.4.0", same, "").1.contains("that is not the version that is installed"));
    // What wants a NameNode that serves comes not with what takes it away.
    for (flag, was) in [("hdfs.mode=ha", "3.4.0"), ("hdfs.namenode_storage=20Gi", "3.4.0")] {
        let broken = with(flag, Some((was, was)), "").1;
        assert_eq!(broken.contains("come by themselves"), flag == "hdfs.mode=ha", "{flag}: {broken}");
    }
}

/// DataNodes leave in order also where only Helm knows that there are more: a run failed before it could be remembered.
#[test]
fn fewer_datanodes_are_counted_from_what_helm_has() {
    let catalog = catalog::load(&[]).unwrap();
    let leave = |recorded: u32, made: Option<u32>, wanted: u32| {
        let flags = [format!("hdfs.datanode_replicas={wanted}")];
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&["hdfs".to_owned()])).unwrap();
        let mut state = InstallState::default();
        state.components.insert("hdfs".to_owned(), of_version("3.4.1"));
        state.answers = json!({"hdfs": {"datanode_replicas": recorded, "image_tag": "3.4.1"}});
        let mut answers = answers.seeing_installed(&catalog, &state).unwrap();
        if let Some(made) = made {
            let values = json!({"datanode": {"replicas": made}});
            answers.installed.get_mut("hdfs").unwrap()["chart_values"] = values;
        }
        let resolved = resolve(&catalog, &answers).unwrap();
        let hdfs = resolved.components.iter().find(|component| component.id == "hdfs").unwrap();
        let listed = hdfs.before.iter().find(|act| act.title == "which DataNodes leave");
        let text = listed.map(|act| act.kind.templates().last().unwrap().to_string());
        let names = text.unwrap_or_default();
        names.lines().map(|name| name.split('.').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(leave(3, None, 3), [""; 0]);
    assert_eq!(leave(3, Some(3), 2), ["my-hdfs-datanode-2"]);
    assert_eq!(leave(3, Some(5), 3), ["my-hdfs-datanode-3", "my-hdfs-datanode-4"]);
    assert_eq!(leave(3, Some(2), 2), ["my-hdfs-datanode-2"], "Helm is done, and the record is not");
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
        let checks = plan.steps.into_iter().filter(|step| step.verify);
        checks.map(|step| (step.title, step.id, step.needs)).collect::<Vec<_>>()
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

/// These answers, where a component was installed with some.
fn again(component: &str, flags: &[&str], was: &Value) -> Resolved {
    let catalog = catalog::load(&[]).unwrap();
    let always = ["airflow.image=x.example/airflow", "airflow.dags_repo=https://git.example/dags.git"];
    let flags: Vec<String> = always.iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
    let chosen = ["airflow", "datagram", "hdfs"].map(str::to_owned);
    let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&chosen)).unwrap();
    let mut state = InstallState { answers: json!({component: was}), ..InstallState::default() };
    state.components.insert(component.to_owned(), Default::default());
    let answers = answers.seeing_installed(&catalog, &state).unwrap_or(answers);
    resolve(&catalog, &answers).unwrap()
}

/// The volumes that a component asks for, where it was installed with some answers.
fn grown(component: &str, flags: &[&str], was: &Value) -> Vec<String> {
    let resolved = again(component, flags, was);
    let component = resolved.components.iter().find(|known| known.id == component).unwrap();
    let grown = component.before.iter().filter_map(|act| act.kind.grows());
    grown.map(|grow| format!("{} {} {}", grow.claim, grow.name, grow.storage)).collect()
}

#[test]
fn another_size_of_volumes_is_a_step_of_its_own_and_the_same_in_other_words_is_none() {
    let none: [&str; 0] = [];
    let sizes = json!({"namenode_storage": "10Gi", "datanode_storage": "50Gi", "journalnode_storage": "5Gi",
        "zookeeper_storage": "1Gi", "mode": "ha", "nameservice": "hdfs-k8s"});
    let ha = "hdfs.mode=ha";
    let all = [
        "hdfs.namenode_storage=11Gi",
        "hdfs.datanode_storage=51Gi",
        "hdfs.journalnode_storage=6Gi",
        "hdfs.zookeeper_storage=2Gi",
        ha,
    ];
    let named =
        ["data my-hdfs-datanode 51Gi", "data my-hdfs-journal 6Gi", "data my-hdfs-zk 2Gi", "data my-hdfs-namenode 11Gi"];
    assert_eq!(grown("hdfs", &all, &sizes), named);
    assert_eq!(grown("hdfs", &[ha, "hdfs.datanode_storage=40Gi"], &sizes), ["data my-hdfs-datanode 40Gi"]);
    assert_eq!(grown("hdfs", &[ha, "hdfs.datanode_storage=51200Mi"], &sizes), none);
    // What is not there has no volumes; what was installed before there was the question has those of then.
    let daemons = [&all[..], &["hdfs.datanode_kind=daemonset", "hdfs.zookeeper_quorum=zk.example:2181"]].concat();
    assert_eq!(grown("hdfs", &daemons, &sizes), [named[1], named[3]]);
    for was in [json!({}), json!({"namenode_storage": "", "datanode_storage": null})] {
        assert_eq!(grown("hdfs", &["hdfs.datanode_storage=51Gi"], &was), none);
    }
    let long = "a".repeat(53);
    let release = format!("hdfs.release={long}");
    let found = grown("hdfs", &[&release, "hdfs.namenode_storage=11Gi"], &json!({"namenode_storage": "10Gi"}));
    assert_eq!(found, [format!("data {}-namenode 11Gi", &long[..43])]);
    let sizes = json!({"storage": "1Gi"});
    assert_eq!(grown("postgresql@airflow", &[], &sizes), ["data my-airflow-postgresql 8Gi"]);
    let own = ["postgresql@airflow.host=db.example", "postgresql@airflow.password=env:X"];
    assert_eq!(grown("postgresql@airflow", &own, &sizes), none);
    let sizes = json!({"mspace_storage": "8192Mi", "gitflow_storage": "4Gi", "maven_storage": "500Mi"});
    assert_eq!(grown("datagram", &[], &sizes), ["gitflow my-datagram 8Gi", "maven my-datagram 1Gi"]);
    let sizes = json!({"logs_storage": "1Gi"});
    assert_eq!(grown("airflow", &["airflow.executor=LocalExecutor"], &sizes), ["logs my-airflow-scheduler 5Gi"]);
    let celery = grown("airflow", &["airflow.executor=CeleryExecutor"], &sizes);
    assert_eq!(celery, ["logs my-airflow-scheduler 5Gi", "logs my-airflow-worker 5Gi"]);
}

#[test]
fn preflight_knows_which_field_of_a_stateful_set_is_given_way_to() {
    let resolved = again("datagram", &[], &json!({"maven_storage": "500Mi"}));
    let key = ReleaseKey::new("neoflex-datagram", "my-datagram");
    let rendered = |names: &[&str]| {
        let template =
            |name: &&str| json!({"metadata": {"name": name}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}});
        let templates: Vec<Value> = names.iter().map(template).collect();
        let object = ManifestObject {
            object: ObjectRef::namespaced("apps/v1", "StatefulSet", &key.namespace, &key.name),
            body: json!({"spec": {"volumeClaimTemplates": templates}}),
        };
        Rendered {
            key: key.clone(),
            incompatible: None,
            objects: Ok(vec![object]),
            hooks: Vec::new(),
            stored: 0,
            unread: Vec::new(),
            defines: Vec::new(),
        }
    };
    let path = |names: &[&str]| {
        let [grow] = needs(&resolved, &[rendered(names)], &Site::default()).grows.try_into().unwrap();
        assert_eq!(
            (grow.set.to_string(), grow.claim),
            ("StatefulSet neoflex-datagram/my-datagram".to_owned(), "maven".to_owned())
        );
        grow.path
    };
    let field = "spec.volumeClaimTemplates[2].spec.resources.requests.storage";
    assert_eq!(path(&["mspace", "gitflow", "maven"]).as_deref(), Some(field));
    assert_eq!(path(&["mspace"]), None, "another chart's");
}

/// A JSON value in which no object has a key twice.
struct Unique;

impl<'de> serde::Deserialize<'de> for Unique {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Unique;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
                Ok(Unique)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
                Ok(Unique)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
                Ok(Unique)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
                Ok(Unique)
            }

            fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
                Ok(Unique)
            }

            fn visit_unit<E>(self) -> Result<Unique, E> {
                Ok(Unique)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
                while items.next_element::<Unique>()?.is_some() {}
                Ok(Unique)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut entries: A) -> Result<Unique, A::Error> {
                let mut seen = std::collections::BTreeSet::new();
                while let Some((key, Unique)) = entries.next_entry::<String, Unique>()? {
                    if !seen.insert(key.clone()) {
                        return Err(serde::de::Error::custom(format!("`{key}` is there twice")));
                    }
                }
                Ok(Unique)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[test]
fn no_object_of_a_plan_has_a_key_twice() {
    let folder = tempfile::tempdir().unwrap();
    let files = catalog::embedded();
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("redis/") || path.starts_with("library/")) {
        let to = folder.path().join(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, bytes).unwrap();
    }
    let definition = folder.path().join("redis/component.yaml");
    let waits = "after:\n  - {action: k8s.wait, api_version: v1, kind: Pod, name: a, condition: Ready}\n  - {action: k8s.wait, \
                 api_version: v1, kind: Pod, name: a, namespace: elsewhere, condition: Ready}\n";
    let text = std::fs::read_to_string(&definition).unwrap();
    std::fs::write(&definition, text + waits).unwrap();
    let catalog = catalog::load(&[folder.path().to_owned()]).unwrap();
    let all: Vec<String> = catalog.components.keys().cloned().collect();
    let flags = ["livy.image=r.example/livy", "livy.image_tag=1", "airflow.image=r.example/airflow"];
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    for chosen in [&["redis".to_owned()][..], &all] {
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(chosen)).unwrap();
        let plan = plan(&resolve(&catalog, &answers).unwrap(), &Observed::default(), true);
        let text = serde_json::to_string(&plan).unwrap();
        let wrong = serde_json::from_str::<Unique>(&text).err().map(|error| error.to_string());
        assert_eq!(wrong, None, "{text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        let waits = value["steps"].as_array().unwrap().iter().map(|one| &one["work"]);
        let waits = waits.filter(|work| work["action"] == "k8s.wait");
        let places: Vec<&str> = waits.map(|work| work["namespace"].as_str().unwrap()).collect();
        assert!(places.contains(&"redis") && places.contains(&"elsewhere") && !places.contains(&""), "{places:?}");
    }
}
