//! Plans of the embedded catalog against invented clusters.

use super::*;
use crate::answers::{Answers, Resolved, from_flags, resolve};
use crate::catalog::action::{ActionKind, HdfsAction, Mkdir};
use crate::catalog::load;
use crate::model::CHART_DIGEST;
use crate::model::cluster::{
    Drift, DriftKind, FieldDrift, ManifestObject, ObjectRef, ReleaseKey, ReleaseState, ReleaseStatus,
};
use crate::model::data::DataPlaces;
use crate::model::observed::{
    Comparison, CrdComparison, Folder, NamespaceRemains, Observed, ObservedHdfs, ObservedRelease, ObservedUpload,
    ReleaseRemains, Remains,
};
use crate::model::state::{ComponentState, InstallState, STATE_SCHEMA, Verified};

/// Components without Secrets of their own, of which nothing has to be invented.
const PLAIN: [&str; 4] = ["hdfs", "livy", "shared-libraries", "spark-history-server"];

fn wanted(flags: &[&str]) -> Resolved {
    let catalog = load(&[]).unwrap();
    let flags = [&["livy.image=r/livy", "livy.image_tag=1"], flags].concat();
    let flags: Vec<String> = flags.into_iter().map(str::to_owned).collect();
    let chosen = PLAIN.map(str::to_owned);
    let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&chosen)).unwrap();
    resolve(&catalog, &answers).unwrap()
}

#[test]
fn checks_that_are_skipped_are_in_no_step_and_are_reported() {
    let catalog = load(&[]).unwrap();
    let answers = Answers::new(&catalog, &[], Some(&["spark-history-server".to_owned()])).unwrap();
    let resolved = resolve(&catalog, &answers).unwrap();
    let plan = plan(&resolved, &Observed::default(), true);
    assert!(!plan.skipped.is_empty());
    assert_eq!(plan.skipped, resolved.skipped);
    assert!(plan.get("spark-history-server/verify-1").is_none() && plan.get("hdfs/verify-1").is_some());
}

/// A cluster in which everything is as wanted.
fn up_to_date(wanted: &Resolved) -> Observed {
    let empty = plan(wanted, &Observed::default(), false);
    let mut observed = Observed::default();
    let answers = wanted.answers.clone();
    let mut state = InstallState { schema: STATE_SCHEMA, answers, ..InstallState::default() };
    let mut folders = std::collections::BTreeMap::new();
    for step in &empty.steps {
        match &step.work {
            Work::Namespace { name, .. } => {
                observed.namespaces.insert(name.clone());
            }
            Work::Secret { namespace, name, .. } => {
                observed.secrets.insert((namespace.clone(), name.clone()), Comparison::Same);
            }
            Work::Record { record, .. } => {
                let verified = Some(Verified { at: "now".into(), passed: true, why: None });
                let known = ComponentState {
                    record: record.clone(),
                    installed: "now".into(),
                    verified,
                    ..ComponentState::default()
                };
                state.components.insert(step.component.clone(), known);
            }
            Work::Act { action: ActionKind::Hdfs(HdfsAction::Mkdir(Mkdir { path, mode })), .. } => {
                folders.insert(path.clone(), Folder::Mode(u16::from_str_radix(mode, 8).unwrap()));
            }
            Work::Release { key, chart, values } => {
                let state = ReleaseState {
                    key: key.clone(),
                    revision: 1,
                    status: ReleaseStatus::Deployed,
                    chart_name: "x".into(),
                    chart_version: "1".into(),
                    chart_annotations: [(CHART_DIGEST.to_owned(), chart.clone())].into(),
                    config: (**values).clone(),
                    manifest: vec![],
                    unread: Vec::new(),
                    description: String::new(),
                    updated: String::new(),
                    history: vec![],
                };
                let found = ObservedRelease { state, drift: vec![], ignored: vec![], unready: vec![] };
                observed.releases.insert(key.clone(), found);
            }
            _ => {}
        }
    }
    observed.hdfs = ObservedHdfs::Reached { folders, uploads: Default::default() };
    observed.state = Some(state);
    observed
}

fn changed(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().filter(|step| step.change != Change::Nothing).map(|step| step.id.as_str()).collect()
}

#[test]
fn an_empty_cluster_gets_everything_in_order() {
    let plan = plan(&wanted(&[]), &Observed::default(), true);
    let at = |id: &str| plan.steps.iter().position(|step| step.id == id).unwrap_or_else(|| panic!("{id}"));
    for (first, second) in [
        ("namespace/apache-hdfs", "hdfs/release"),
        ("hdfs/ready", "livy/before-1"),
        ("livy/before-1", "livy/release"),
        ("shared-libraries/after-2", "livy/release"),
        ("livy/verify-1", "spark-history-server/verify-1"),
    ] {
        assert!(at(first) < at(second), "{first} before {second}");
    }
    for step in &plan.steps {
        for need in &step.needs {
            assert!(plan.get(need).is_some(), "{} needs {need}, which is not in the plan", step.id);
        }
    }
    // The history server's check waits for the application that Livy's check ran.
    let needs = &plan.get("spark-history-server/verify-1").unwrap().needs;
    assert!(needs.contains(&"livy/verify-1".to_owned()), "{needs:?}");
    // Its release does not wait for Livy.
    let needs = &plan.get("spark-history-server/release").unwrap().needs;
    assert!(needs.iter().all(|need| !need.starts_with("livy/")), "{needs:?}");
}

#[test]
fn an_up_to_date_cluster_needs_nothing() {
    let wanted = wanted(&[]);
    let plan = plan(&wanted, &up_to_date(&wanted), true);
    assert_eq!(changed(&plan), Vec::<&str>::new());
    assert!(!plan.has_work());
}

/// Each `helm template` of some charts is another: what is recorded and what runs decide, and not what they render now.
#[test]
fn a_chart_that_makes_something_random_is_not_installed_again() {
    let wanted = wanted(&[]);
    let mut observed = up_to_date(&wanted);
    let random = |text: &str| {
        let body = serde_json::json!({"kind": "Secret", "data": {"password": text}});
        ManifestObject { object: ObjectRef::namespaced("v1", "Secret", "apache-livy", "x"), body }
    };
    let release = observed.releases.values_mut().next().unwrap();
    release.state.manifest.push(random("YQ=="));
    assert_eq!(changed(&plan(&wanted, &observed, true)), Vec::<&str>::new());
    // Drift that is ignored is none; other drift is put back.
    let release = observed.releases.values_mut().next().unwrap();
    let field = FieldDrift { path: "spec.replicas".into(), expected: "1".into(), found: "3".into() };
    let drift = Drift { object: random("").object, what: DriftKind::Changed(vec![field]) };
    release.ignored.push(drift.clone());
    assert_eq!(changed(&plan(&wanted, &observed, true)), Vec::<&str>::new());
    let release = observed.releases.values_mut().next().unwrap();
    release.drift.push(drift);
    assert!(changed(&plan(&wanted, &observed, false)).iter().any(|id| id.ends_with("/release")));
}

#[test]
fn equal_inputs_give_equal_bytes() {
    let bytes = || serde_json::to_string(&plan(&wanted(&[]), &Observed::default(), true)).unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_changed_answer_changes_its_release_and_is_shown() {
    let before = up_to_date(&wanted(&[]));
    let plan = plan(&wanted(&["spark-history-server.memory=2Gi"]), &before, false);
    assert_eq!(
        changed(&plan),
        [
            "spark-history-server/release",
            "spark-history-server/ready",
            "spark-history-server/after-1",
            "spark-history-server/record"
        ]
    );
    let why = &plan.get("spark-history-server/release").unwrap().why;
    assert!(why.iter().any(|why| why.contains("becomes") && why.contains("2Gi")), "{why:?}");
}

#[test]
fn a_mode_and_a_missing_file_are_all_that_is_fixed() {
    let wanted = wanted(&["shared-libraries.source=/jars"]);
    let mut observed = up_to_date(&wanted);
    let ObservedHdfs::Reached { folders, uploads } = &mut observed.hdfs else { panic!() };
    folders.insert("/shared/spark-logs".into(), Folder::Mode(0o755));
    let files = [("a.jar".to_owned(), Comparison::Absent), ("b.jar".to_owned(), Comparison::Same)];
    let found = ObservedUpload { files: files.into(), abandoned: Vec::new() };
    uploads.insert("shared-libraries/after-2".into(), found);
    let plan = plan(&wanted, &observed, false);
    let ids: Vec<_> = changed(&plan).into_iter().filter(|id| !id.ends_with("/record")).collect();
    assert_eq!(ids, ["hdfs/after-3", "shared-libraries/after-2"]);
    let upload = plan.get("shared-libraries/after-2").unwrap();
    assert_eq!(upload.why, ["/datagram/sharedlibs/a.jar not found"]);
    assert_eq!(upload.change, Change::Update);
}

#[test]
fn answers_whose_effects_are_there_are_remembered() {
    let now = wanted(&["shared-libraries.source=/jars"]);
    let mut observed = up_to_date(&now);
    let ObservedHdfs::Reached { uploads, .. } = &mut observed.hdfs else { panic!() };
    let files = [("a.jar".to_owned(), Comparison::Same)].into();
    uploads.insert("shared-libraries/after-2".into(), ObservedUpload { files, abandoned: Vec::new() });
    // The files are there, but what was uploaded last went elsewhere.
    let found = plan(&now, &observed, false);
    assert_eq!(changed(&found), ["shared-libraries/after-2", "shared-libraries/record"]);
    assert_eq!(
        found.get("shared-libraries/after-2").unwrap().why,
        ["the content of /datagram/sharedlibs is not recorded"]
    );
    let component = observed.state.as_mut().unwrap().components.get_mut("shared-libraries").unwrap();
    component.uploads.insert("/datagram/sharedlibs".to_owned(), [("a.jar".to_owned(), "x".to_owned())].into());
    assert_eq!(changed(&plan(&now, &observed, false)), Vec::<&str>::new());
    // Another folder of this machine with the same files.
    let elsewhere = plan(&wanted(&["shared-libraries.source=/elsewhere"]), &observed, false);
    assert_eq!(changed(&elsewhere), ["shared-libraries/record"]);
}

#[test]
fn a_check_that_failed_runs_again() {
    let wanted = wanted(&[]);
    let mut observed = up_to_date(&wanted);
    if let Some(known) = observed.state.as_mut().unwrap().components.get_mut("livy") {
        known.verified = Some(Verified { at: "now".into(), passed: false, why: Some("bad".into()) });
    }
    assert!(changed(&plan(&wanted, &observed, true)).contains(&"livy/verify-1"));
    assert_eq!(changed(&plan(&wanted, &observed, false)), Vec::<&str>::new());
}

/// A NameNode's claim, and namespaces with nothing else in them.
fn remains() -> Remains {
    let mut remains = Remains::default();
    let series = [("apache-hdfs".to_owned(), "data-my-hdfs-namenode".to_owned())].into();
    let release = ReleaseRemains { data: DataPlaces { series, ..DataPlaces::default() }, ..ReleaseRemains::default() };
    remains.releases.insert(ReleaseKey::new("apache-hdfs", "my-hdfs"), release);
    remains.claims.insert(("apache-hdfs".to_owned(), "data-my-hdfs-namenode-0".to_owned()));
    remains.namespaces = ["apache-hdfs", "sample"].map(|name| (name.to_owned(), NamespaceRemains::default())).into();
    remains
}

fn removal(chosen: Option<&[String]>, purge: bool) -> Removal<'_> {
    Removal { chosen, purge, ..Removal::default() }
}

#[test]
fn uninstall_goes_in_reverse_and_refuses_what_is_needed() {
    let state = up_to_date(&wanted(&[])).state.unwrap();
    let error = uninstall(&state, &remains(), removal(Some(&["hdfs".to_owned()]), false)).unwrap_err().to_string();
    assert!(error.contains("livy") && error.contains("--components hdfs,"), "{error}");
    let plan = uninstall(&state, &remains(), removal(None, false)).unwrap();
    let at = |id: &str| plan.steps.iter().position(|step| step.id == id).unwrap();
    assert!(at("livy/uninstall") < at("hdfs/uninstall"));
    assert!(!plan.steps.iter().any(|step| matches!(step.work, Work::PurgeClaim { .. })));
    let purge = uninstall(&state, &remains(), removal(None, true)).unwrap();
    assert!(purge.get("hdfs/claim-apache-hdfs.data-my-hdfs-namenode-0").is_some());
}

/// The sample component's plan, and a cluster in which it is installed.
#[test]
fn what_others_can_do_without_is_removed_and_that_they_stay_is_reported() {
    let state = up_to_date(&wanted(&[])).state.unwrap();
    let chosen = ["shared-libraries".to_owned()];
    let by: Vec<String> = state
        .components
        .iter()
        .filter(|(_, component)| component.record.requires.contains(&chosen[0]))
        .map(|(id, _)| id.clone())
        .collect();
    assert!(!by.is_empty());
    let mut optional = std::collections::BTreeMap::new();
    let remove = |optional: &std::collections::BTreeMap<String, std::collections::BTreeSet<String>>| {
        uninstall(&state, &remains(), Removal { optional: Some(optional), ..removal(Some(&chosen), false) })
    };
    assert!(matches!(remove(&optional), Err(UninstallError::Required { .. })));
    optional.extend(by.iter().map(|id| (id.clone(), [chosen[0].clone()].into())));
    let plan = remove(&optional).unwrap();
    let why: Vec<&String> = plan.steps.iter().flat_map(|step| &step.why).collect();
    for id in &by {
        assert_eq!(why.iter().filter(|why| why.starts_with(&format!("{id} remains configured"))).count(), 1, "{why:?}");
    }
    // Both together go as ever: whoever uses it first.
    let both: Vec<String> = by.iter().cloned().chain(chosen.clone()).collect();
    let plan = uninstall(&state, &remains(), removal(Some(&both), false)).unwrap();
    assert!(
        plan.steps
            .iter()
            .all(|step| step.why.iter().all(|why| !why.contains("remains configured to use this component")))
    );
}

fn sample() -> (Resolved, Observed) {
    let catalog = load(&[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/components").into()]).unwrap();
    let answers = Answers::new(&catalog, &[], Some(&["sample".to_owned()])).unwrap();
    let wanted = resolve(&catalog, &answers).unwrap();
    let mut observed = up_to_date(&wanted);
    observed.secrets.insert(("sample".to_owned(), "my-sample-db-password".to_owned()), Comparison::Same);
    (wanted, observed)
}

#[test]
fn a_generated_secret_is_made_once_before_its_release() {
    let (wanted, mut observed) = sample();
    let empty = plan(&wanted, &Observed::default(), false);
    let secret = empty.steps.iter().find(|step| step.id == "sample/secret-db_password").unwrap();
    assert_eq!((secret.change, secret.why.len()), (Change::Create, 0));
    assert_eq!(secret.needs, ["namespace/sample"]);
    let release = empty.steps.iter().find(|step| step.id == "sample/release").unwrap();
    assert!(release.needs.contains(&secret.id), "{release:?}");

    assert_eq!(changed(&plan(&wanted, &observed, true)), Vec::<&str>::new());
    observed.secrets.clear();
    let lost = plan(&wanted, &observed, false);
    assert_eq!(changed(&lost), ["sample/secret-db_password", "sample/record"]);
    let why = &lost.steps.iter().find(|step| step.id == "sample/secret-db_password").unwrap().why;
    assert!(why[0].contains("cannot be restored"), "{why:?}");
}

#[test]
fn a_secret_stays_with_the_data_and_goes_with_it() {
    let (_, observed) = sample();
    let state = observed.state.unwrap();
    let ids = |purge| -> Vec<String> {
        let chosen = ["sample".to_owned()];
        uninstall(&state, &remains(), removal(Some(&chosen), purge))
            .unwrap()
            .steps
            .into_iter()
            .map(|step| step.id)
            .collect()
    };
    assert_eq!(ids(false), ["sample/uninstall", "sample/forget"]);
    assert_eq!(ids(true), ["sample/uninstall", "sample/secret-my-sample-db-password", "sample/forget"]);
}

#[test]
fn what_was_agreed_to_covers_less_and_never_more() {
    let (wanted, mut observed) = sample();
    let everything = plan(&wanted, &Observed::default(), true);
    let nothing = plan(&wanted, &observed, true);
    assert_eq!(unconfirmed(&nothing, &everything, false), None, "less is left to do");
    assert_eq!(unconfirmed(&everything, &everything, false), None);
    assert_eq!(unconfirmed(&everything, &nothing, false).map(|step| step.change), Some(Change::Create));
    observed.secrets.values_mut().for_each(|found| *found = Comparison::Differs("another".into()));
    let other = plan(&wanted, &observed, true);
    let more = unconfirmed(&other, &everything, false).map(|step| step.id.as_str());
    assert_eq!(more, Some("sample/secret-db_password"), "an update is not the creation that was agreed to");
    assert_eq!(unconfirmed(&other, &everything, true), None, "but it may be what is left of it");
    assert!(unconfirmed(&other, &nothing, true).is_some(), "what was not to be changed is not");
}

#[test]
fn what_was_only_begun_can_be_taken_away() {
    let (wanted, observed) = sample();
    let record = plan(&wanted, &Observed::default(), false).records().remove("hdfs").unwrap();
    let begun = InstallState {
        begun: [("hdfs".to_owned(), record)].into(),
        namespaces: ["apache-hdfs", "sample"].map(|name| (name.to_owned(), "uid".to_owned())).into(),
        ..InstallState::default()
    };
    let ids = |state: &InstallState, purge| -> Vec<String> {
        uninstall(state, &remains(), removal(None, purge)).unwrap().steps.into_iter().map(|step| step.id).collect()
    };
    assert_eq!(ids(&begun, false), ["hdfs/uninstall", "hdfs/forget"]);
    let purged = ids(&begun, true);
    assert!(purged.ends_with(&["namespace/apache-hdfs".to_owned(), "namespace/sample".to_owned()]), "{purged:?}");
    // Of what is installed only the record of that counts.
    let state = observed.state.unwrap();
    let both = InstallState { begun: begun.begun.clone(), ..state.clone() };
    assert_eq!(both.with_unfinished().components, state.components);
}

#[test]
fn hdfs_that_does_not_answer_never_counts_as_unchanged() {
    let wanted = wanted(&["shared-libraries.source=/jars"]);
    let mut observed = up_to_date(&wanted);
    observed.hdfs = ObservedHdfs::Unreachable("nobody there".into());
    let found = plan(&wanted, &observed, false);
    for id in ["hdfs/after-2", "hdfs/after-3", "livy/before-1", "shared-libraries/after-1", "shared-libraries/after-2"]
    {
        let step = found.get(id).unwrap();
        assert_eq!((step.change, step.why.len()), (Change::Check, 1), "{id}");
    }
    assert_eq!(found.get("hdfs/after-1").unwrap().change, Change::Nothing, "it only checks what has not changed");
}

#[test]
fn uploads_are_distinguished_by_step_and_done_together_by_folder() {
    let mut wanted = wanted(&["shared-libraries.source=/jars"]);
    let libraries = wanted.components.iter_mut().find(|component| component.id == "shared-libraries").unwrap();
    let mut second = libraries.after[1].clone();
    second.id = "shared-libraries/after-3".to_owned();
    libraries.after.push(second);
    let mut observed = up_to_date(&wanted);
    let ObservedHdfs::Reached { uploads, .. } = &mut observed.hdfs else { panic!() };
    let found = |name: &str, found| ObservedUpload { files: [(name.to_owned(), found)].into(), abandoned: Vec::new() };
    uploads.insert("shared-libraries/after-2".into(), found("a.jar", Comparison::Same));
    uploads.insert("shared-libraries/after-3".into(), found("b.jar", Comparison::Absent));
    let known = observed.state.as_mut().unwrap().components.get_mut("shared-libraries").unwrap();
    known.uploads.insert("/datagram/sharedlibs".to_owned(), Default::default());
    let plan = plan(&wanted, &observed, false);
    let change = |id: &str| plan.get(id).unwrap().change;
    assert_eq!(change("shared-libraries/after-3"), Change::Create);
    assert_eq!(change("shared-libraries/after-2"), Change::Check, "what is remembered of the folder is what both sent");
}

#[test]
fn another_place_for_a_release_is_found() {
    let now = wanted(&["livy.namespace=elsewhere", "spark-history-server.release=my-livy-history"]);
    let mut state = up_to_date(&wanted(&[])).state.unwrap();
    assert_eq!(moved(&wanted(&[]), Some(&state)), []);
    assert_eq!(moved(&now, None), []);
    let claim = ("apache-livy".to_owned(), "my-livy-state".to_owned());
    let data = DataPlaces { claims: [claim].into(), ..DataPlaces::default() };
    state.components.get_mut("livy").unwrap().data = Some(data.clone());
    let mut found = moved(&now, Some(&state));
    found.sort_by(|a, b| a.id.cmp(&b.id));
    let ids: Vec<&str> = found.iter().map(|moved| moved.id.as_str()).collect();
    assert_eq!(ids, ["livy", "spark-history-server"]);
    let text = found[0].to_string();
    for part in
        ["apache-livy/my-livy", "elsewhere/my-livy", "claim apache-livy/my-livy-state", "uninstall --components"]
    {
        assert!(text.contains(part), "{text}");
    }
    // Its data alone is as bad to lose, and so is an install that was only begun.
    state.forget("livy", Some(&data));
    let of_livy = |state: &InstallState| moved(&now, Some(state)).into_iter().find(|moved| moved.id == "livy");
    let kept = of_livy(&state).unwrap();
    assert_eq!(kept.status, InstallStatus::RetainedComponent);
    assert!(kept.to_string().contains("my-livy-state"));
    state.kept.get_mut("livy").unwrap().data = Some(DataPlaces::default());
    assert_eq!(of_livy(&state), None, "nothing of Livy is left anywhere");
    let record = state.kept.remove("livy").unwrap().record;
    state.begun.insert("livy".to_owned(), record);
    assert_eq!(of_livy(&state).unwrap().status, InstallStatus::Unfinished);
}

/// The component of tests/public, and a cluster in which it is installed.
fn operated() -> (Resolved, Observed) {
    let catalog = load(&[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/public").into()]).unwrap();
    let answers = Answers::new(&catalog, &[], Some(&["operated".to_owned()])).unwrap();
    let wanted = resolve(&catalog, &answers).unwrap();
    let mut observed = up_to_date(&wanted);
    let names = ["widgets.windlass.test", "gadgets.windlass.test"];
    observed.crds.extend(names.map(|name| (name.to_owned(), CrdComparison::Same)));
    (wanted, observed)
}

#[test]
fn definitions_of_kinds_are_a_step_before_their_release() {
    let (wanted, mut observed) = operated();
    let empty = plan(&wanted, &Observed::default(), false);
    let crds = empty.get("operated/crds").unwrap();
    assert_eq!((crds.change, crds.title.as_str()), (Change::Create, "2 CustomResourceDefinitions"));
    assert!(empty.get("operated/release").unwrap().needs.contains(&crds.id));
    assert_eq!(changed(&plan(&wanted, &observed, true)), Vec::<&str>::new());
    // Changed, or removed by hand.
    let differs = CrdComparison::Differs("CustomResourceDefinition widgets.windlass.test differs".to_owned());
    observed.crds.insert("widgets.windlass.test".to_owned(), differs);
    observed.crds.insert("gadgets.windlass.test".to_owned(), CrdComparison::Absent);
    let again = plan(&wanted, &observed, false);
    let crds = again.get("operated/crds").unwrap();
    let why = ["CustomResourceDefinition widgets.windlass.test differs", "1 of 2 are missing"];
    assert_eq!((crds.change, crds.why.as_slice()), (Change::Update, why.map(str::to_owned).as_slice()));
    let Work::Crds { names, .. } = &crds.work else { panic!() };
    assert_eq!(names.len(), 2);
    observed.crds.insert("widgets.windlass.test".to_owned(), CrdComparison::Same);
    let Work::Crds { names, .. } = &plan(&wanted, &observed, false).get("operated/crds").unwrap().work.clone() else {
        panic!()
    };
    assert_eq!(*names, ["gadgets.windlass.test"], "what is right is not sent");
    // A newer one is left and reported.
    let newer = CrdComparison::Newer("it stays as it is".to_owned());
    observed.crds.insert("widgets.windlass.test".to_owned(), newer);
    observed.crds.insert("gadgets.windlass.test".to_owned(), CrdComparison::Same);
    let left = plan(&wanted, &observed, false);
    let crds = left.get("operated/crds").unwrap();
    assert_eq!((crds.change, crds.why.as_slice()), (Change::Nothing, ["it stays as it is".to_owned()].as_slice()));
}

#[test]
fn a_definition_that_two_bring_is_applied_once_and_both_wait_for_it() {
    let catalog = load(&[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/public").into()]).unwrap();
    let both = ["operated@a", "operated@b"].map(str::to_owned);
    let lean = from_flags(&["operated@a.extra=false".to_owned()]).unwrap();
    let answers = Answers::new(&catalog, &[lean], Some(&both)).unwrap();
    let plan = plan(&resolve(&catalog, &answers).unwrap(), &Observed::default(), false);
    let names = |id: &str| match &plan.get(id).unwrap().work {
        Work::Crds { names, .. } => names.clone(),
        other => panic!("{other:?}"),
    };
    // What the first does not switch on, the second brings.
    assert_eq!(names("operated@a/crds"), ["widgets.windlass.test"]);
    assert_eq!(names("operated@b/crds"), ["gadgets.windlass.test"]);
    let waits = |id: &str, other: &str| plan.get(id).unwrap().needs.contains(&other.to_owned());
    assert!(waits("operated@a/release", "operated@a/crds") && !waits("operated@a/release", "operated@b/crds"));
    assert!(waits("operated@b/release", "operated@a/crds") && waits("operated@b/release", "operated@b/crds"));
    let Work::Record { record, .. } = &plan.get("operated@b/record").unwrap().work else { panic!() };
    assert_eq!(record.crds.len(), 2, "it stays while either does");
}

#[test]
fn namespaces_beside_the_releases_own_are_made_and_removed_like_it() {
    let (mut wanted, _) = operated();
    let component = wanted.components.iter_mut().find(|component| component.id == "operated").unwrap();
    component.namespaces = vec![("jobs".to_owned(), "baseline".to_owned())];
    let made = plan(&wanted, &Observed::default(), false);
    let Work::Namespace { pod_security, .. } = &made.get("namespace/jobs").unwrap().work else { panic!() };
    assert_eq!(pod_security, "baseline");
    assert!(made.get("operated/release").unwrap().needs.contains(&"namespace/jobs".to_owned()));
    let Work::Record { record, .. } = &made.get("operated/record").unwrap().work else { panic!() };
    assert!(record.namespaces.contains("jobs"));
    // The level of one that windlass made follows; what others made is in no such list.
    let mut observed = up_to_date(&wanted);
    observed.crds.extend(operated().1.crds);
    observed.levels.insert("jobs".to_owned(), "restricted".to_owned());
    observed.levels.insert("operated".to_owned(), "restricted".to_owned());
    let again = plan(&wanted, &observed, false);
    let jobs = again.get("namespace/jobs").unwrap();
    assert_eq!(
        (jobs.change, jobs.why.as_slice()),
        (Change::Update, &["pod security restricted instead of baseline".to_owned()][..])
    );
    assert_eq!(changed(&again), ["namespace/jobs"]);
    let mut state = observed.state.unwrap();
    state.namespaces = ["jobs", "operated"].map(|name| (name.to_owned(), "uid".to_owned())).into();
    let there = ["jobs", "operated"].map(|name| (name.to_owned(), NamespaceRemains::default())).into();
    let gone = uninstall(&state, &Remains { namespaces: there, ..Remains::default() }, removal(None, true)).unwrap();
    let Work::RemoveNamespace { releases, .. } = &gone.get("namespace/jobs").unwrap().work else { panic!() };
    assert_eq!(releases.iter().collect::<Vec<_>>(), ["my-operated"]);
}
