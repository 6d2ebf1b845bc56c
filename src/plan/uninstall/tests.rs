//! What an uninstall touches, and never touches.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;
use crate::model::observed::{CrdRemains, NamespaceRemains, ReleaseRemains};
use crate::model::state::{ComponentState, RetainedComponent};

fn place(namespace: &str, name: &str) -> Place {
    (namespace.to_owned(), name.to_owned())
}

fn record(namespace: &str, release: &str) -> ComponentRecord {
    let release = Some(ReleaseKey::new(namespace, release));
    ComponentRecord { title: "X".into(), release, ..ComponentRecord::default() }
}

fn installed(record: ComponentRecord, data: Option<DataPlaces>) -> ComponentState {
    ComponentState { record, data, ..ComponentState::default() }
}

fn claims(of: &[(&str, &str)]) -> BTreeSet<Place> {
    of.iter().map(|(namespace, name)| place(namespace, name)).collect()
}

fn data(of: &[(&str, &str)]) -> DataPlaces {
    DataPlaces { claims: claims(of), ..DataPlaces::default() }
}

fn made(names: &[&str]) -> BTreeMap<String, String> {
    names.iter().map(|name| ((*name).to_owned(), format!("uid-{name}"))).collect()
}

fn there(names: &[&str]) -> BTreeMap<String, NamespaceRemains> {
    names.iter().map(|name| ((*name).to_owned(), NamespaceRemains::default())).collect()
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

fn purge<'a>(chosen: Option<&'a [String]>) -> Removal<'a> {
    Removal { chosen, purge: true, ..Removal::default() }
}

/// Livy's chart had a claim while its tag was another one; the revision that is installed does not have it.
#[test]
fn a_claim_that_an_earlier_revision_made_goes_with_a_purge() {
    let of_livy = claims(&[("apache-livy", "my-livy-state")]);
    let key = ReleaseKey::new("apache-livy", "my-livy");
    for data in [None, Some(DataPlaces::default())] {
        let state = InstallState {
            components: [("livy".to_owned(), installed(record("apache-livy", "my-livy"), data))].into(),
            namespaces: made(&["apache-livy"]),
            ..InstallState::default()
        };
        let remains = Remains {
            releases: [(key.clone(), ReleaseRemains::default())].into(),
            claims: of_livy.clone(),
            made: [(key.clone(), of_livy.clone())].into(),
            namespaces: there(&["apache-livy"]),
            ..Remains::default()
        };
        let expected =
            ["livy/uninstall", "livy/claim-apache-livy.my-livy-state", "livy/forget", "namespace/apache-livy"];
        assert_eq!(ids(&uninstall(&state, &remains, purge(None)).unwrap()), expected);
        let plan = uninstall(&state, &remains, Removal::default()).unwrap();
        assert_eq!(ids(&plan), ["livy/uninstall", "livy/forget"]);
        let kept = Some(DataPlaces { claims: of_livy.clone(), ..DataPlaces::default() });
        assert_eq!(plan.steps[1].work, Work::Forget { kept }, "what is kept is remembered");
    }
}

/// Livy was kept, and the history server shares its namespace.
#[test]
fn a_partial_purge_leaves_the_namespace_of_what_was_kept() {
    let kept = RetainedComponent {
        record: record("apache-livy", "my-livy"),
        data: Some(data(&[("apache-livy", "my-livy-state")])),
    };
    let mut state = InstallState {
        components: [("shs".to_owned(), installed(record("apache-livy", "my-shs"), Some(DataPlaces::default())))]
            .into(),
        namespaces: made(&["apache-livy"]),
        kept: [("livy".to_owned(), kept)].into(),
        ..InstallState::default()
    };
    let remains = Remains {
        claims: claims(&[("apache-livy", "my-livy-state")]),
        namespaces: there(&["apache-livy"]),
        ..Remains::default()
    };
    let chosen = ["shs".to_owned()];
    let plan = uninstall(&state, &remains, purge(Some(&chosen))).unwrap();
    assert_eq!(ids(&plan), ["shs/uninstall", "shs/forget"]);
    // Without a record of where the data is the label counts.
    state.kept.get_mut("livy").unwrap().data = None;
    let labelled =
        BTreeMap::from([(ReleaseKey::new("apache-livy", "my-livy"), BTreeSet::from(["my-livy-state".to_owned()]))]);
    let remains = Remains { labelled, ..remains };
    assert_eq!(ids(&uninstall(&state, &remains, purge(Some(&chosen))).unwrap()), ["shs/uninstall", "shs/forget"]);
    let all = uninstall(&state, &remains, purge(None)).unwrap();
    let expected =
        ["shs/uninstall", "shs/forget", "livy/claim-apache-livy.my-livy-state", "livy/forget", "namespace/apache-livy"];
    assert_eq!(ids(&all), expected);
    // What was kept can be purged by its name.
    let kept = ["livy".to_owned()];
    let plan = uninstall(&state, &remains, purge(Some(&kept))).unwrap();
    assert_eq!(ids(&plan), ["livy/claim-apache-livy.my-livy-state", "livy/forget"]);
    let error = uninstall(&state, &remains, Removal { chosen: Some(&kept), ..Removal::default() });
    assert_eq!(error, Err(UninstallError::OnlyKept("livy".into())));
}

#[test]
fn a_namespace_that_is_not_the_one_that_was_made_is_left_alone() {
    let state = InstallState { namespaces: made(&["old", "system", "windlass-system"]), ..InstallState::default() };
    // `remains` knows those only that are the same still: with nothing left there is nothing to do.
    assert!(!uninstall(&state, &Remains::default(), purge(None)).unwrap().has_work());
    let remains = Remains { namespaces: there(&["old", "windlass-system"]), ..Remains::default() };
    assert_eq!(ids(&uninstall(&state, &remains, purge(None)).unwrap()), ["namespace/old"]);
}

#[test]
fn what_others_put_into_ours_keeps_it_unless_confirmed() {
    let state = InstallState { namespaces: made(&["ours"]), ..InstallState::default() };
    let others = vec!["Deployment ours/theirs".to_owned(), "PersistentVolumeClaim ours/theirs".to_owned()];
    let namespaces = [("ours".to_owned(), NamespaceRemains { others: others.clone() })].into();
    let remains = Remains { namespaces, ..Remains::default() };
    let plan = uninstall(&state, &remains, purge(None)).unwrap();
    assert!(!plan.has_work());
    let why = plan.steps[0].why.join("\n");
    assert!(others.iter().all(|other| why.contains(other)) && why.contains("--purge-shared"), "{why}");
    let plan = uninstall(&state, &remains, Removal { shared: true, ..purge(None) }).unwrap();
    assert_eq!(plan.steps[0].change, Change::Delete);
    assert!(plan.steps[0].why[0].contains("is deleted with it"), "{:?}", plan.steps[0].why);
    let Work::RemoveNamespace { others: agreed, .. } = &plan.steps[0].work else { panic!() };
    assert_eq!(*agreed, others);
}

#[test]
fn claims_go_one_by_one_and_only_with_a_purge() {
    let key = ReleaseKey::new("ns", "db");
    let series = DataPlaces { series: claims(&[("ns", "data-db")]), ..DataPlaces::default() };
    let claim = ObjectRef::namespaced("v1", "PersistentVolumeClaim", "ns", "own");
    let crd = ObjectRef::cluster_wide("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.x");
    let rendered = DataPlaces {
        claims: claims(&[("ns", "own")]),
        folders: ["/hdfs-data".to_owned()].into(),
        ..DataPlaces::default()
    };
    let taken = vec![claim.clone(), crd.clone()];
    let with = ComponentRecord {
        leftovers: vec![("PersistentVolumeClaim".into(), "job".into()), ("Pod".into(), "job".into())],
        ..record("ns", "db")
    };
    let state = InstallState {
        components: [("db".to_owned(), installed(with, Some(series)))].into(),
        ..InstallState::default()
    };
    let selected =
        (("PersistentVolumeClaim".to_owned(), "ns".to_owned(), "job".to_owned()), ["made".to_owned()].into());
    let remains = Remains {
        releases: [(key, ReleaseRemains { data: rendered, taken, ..ReleaseRemains::default() })].into(),
        claims: claims(&[("ns", "data-db-0"), ("ns", "data-db-7"), ("ns", "made"), ("ns", "other"), ("ns", "own")]),
        selected: [selected].into(),
        ..Remains::default()
    };
    let plan = uninstall(&state, &remains, Removal::default()).unwrap();
    assert_eq!(ids(&plan), ["db/uninstall", "db/leftover-2", "db/forget"]);
    let Work::Uninstall { keep, .. } = &plan.steps[0].work else { panic!() };
    assert_eq!(*keep, [claim, crd.clone()]);
    let why = plan.steps[0].why.join("\n");
    assert!(why.contains("PersistentVolumeClaim ns/own is kept") && why.contains("things.x is kept"), "{why}");
    let why = plan.get("db/forget").unwrap().why.join("\n");
    assert!(
        why.contains("claim ns/data-db-7 is kept") && why.contains("folder /hdfs-data stays on the nodes"),
        "{why}"
    );

    let plan = uninstall(&state, &remains, purge(None)).unwrap();
    let expected = ["db/claim-ns.data-db-0", "db/claim-ns.data-db-7", "db/claim-ns.made", "db/claim-ns.own"];
    let found: Vec<&str> = ids(&plan).into_iter().filter(|id| id.contains("claim")).collect();
    assert_eq!(found, expected);
    let why = plan.get("db/forget").unwrap().why.join("\n");
    assert!(why.contains("folder /hdfs-data stays on the nodes"), "{why}");
    let keeps = |plan: &Plan| {
        let Work::Uninstall { keep, .. } = &plan.steps[0].work else { panic!() };
        keep.contains(&crd)
    };
    assert!(keeps(&plan), "others may have made things of that kind");
    assert!(!keeps(&uninstall(&state, &remains, Removal { shared: true, ..purge(None) }).unwrap()));
}

const NAMESPACES: [&str; 3] = ["n1", "n2", "n3"];
const CLAIMS: [&str; 5] = ["c1", "c2", "set-0", "set-12", "set-x"];
const SECRETS: [&str; 3] = ["s1", "s2", "pull"];
/// Definitions, each of its kind.
const DEFINITIONS: [&str; 3] = ["as.x.io", "bs.x.io", "cs.x.io"];

/// An object of a definition's kind, as a release holds it.
fn custom(definition: &str) -> ObjectRef {
    ObjectRef::namespaced("x.io/v1", &definition[..1].to_uppercase(), "n1", "o")
}

fn one_of(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(names).prop_map(str::to_owned)
}

fn places() -> impl Strategy<Value = BTreeSet<Place>> {
    btree_set((one_of(&NAMESPACES), one_of(&CLAIMS)), 0..4)
}

fn data_places() -> impl Strategy<Value = DataPlaces> {
    let series = btree_set((one_of(&NAMESPACES), Just("set".to_owned())), 0..2);
    (places(), series).prop_map(|(claims, series)| DataPlaces { claims, series, ..DataPlaces::default() })
}

prop_compose! {
    fn records()(
        namespace in one_of(&NAMESPACES),
        secrets in btree_set(one_of(&SECRETS[..2]), 0..3),
        pull in proptest::option::of(one_of(&SECRETS)),
        leftovers in btree_set(proptest::sample::select(&["PersistentVolumeClaim", "Secret", "Pod"][..]), 0..4),
        data in proptest::option::of(data_places()),
        requires in btree_set(one_of(&["c0", "c1", "c2", "c3"]), 0..2),
        crds in btree_set(one_of(&DEFINITIONS), 0..3),
        release in proptest::bool::weighted(0.9),
    ) -> (ComponentRecord, Option<DataPlaces>) {
        let leftovers = leftovers.into_iter().map(|kind| (kind.to_owned(), "x".to_owned())).collect();
        let release = release.then(|| ReleaseKey::new(&namespace, "r"));
        (ComponentRecord { release, secrets, pull_secret: pull, leftovers, requires, crds, ..ComponentRecord::default() }, data)
    }
}

prop_compose! {
    fn states()(
        components in vec(proptest::option::of(records()), 4),
        begun in vec(proptest::option::weighted(0.2, records()), 4),
        kept in vec(proptest::option::of(records()), 4),
        made in btree_set(one_of(&NAMESPACES), 0..4),
    ) -> InstallState {
        let mut state = InstallState::default();
        for (index, ((installed, begun), kept)) in components.into_iter().zip(begun).zip(kept).enumerate() {
            let id = format!("c{index}");
            let own = |(mut record, data): (ComponentRecord, Option<DataPlaces>), of: &str| {
                // Releases are unique.
                if let Some(key) = &mut record.release { key.name = format!("{of}{index}"); }
                record.requires.remove(&format!("c{index}"));
                (record, data)
            };
            if let Some((record, data)) = installed.map(|known| own(known, "r")) {
                state.components.insert(id.clone(), ComponentState { record, data, ..ComponentState::default() });
            }
            if let Some((record, _)) = begun.map(|known| own(known, "b")) {
                state.begun.insert(id.clone(), record);
            }
            if let Some((record, data)) = kept.map(|known| own(known, "k")) {
                state.kept.insert(id, RetainedComponent { record, data });
            }
        }
        state.namespaces = made.into_iter().map(|name| (name, "uid".to_owned())).collect();
        state
    }
}

prop_compose! {
    fn cluster()(
        claims in places(),
        rendered in vec(proptest::option::of((data_places(), btree_set(one_of(&DEFINITIONS), 0..3))), 12),
        labelled in vec(btree_set(one_of(&CLAIMS), 0..3), 12),
        selected in vec(btree_set(one_of(&["c1", "set-0", "s1", "s2", "pull"]), 0..3), 9),
        there in btree_set(one_of(&NAMESPACES), 0..4),
        others in proptest::bool::ANY,
    ) -> Remains {
        let mut remains = Remains { claims, ..Remains::default() };
        let names = ["r", "b", "k"].into_iter().flat_map(|of| (0..4).map(move |index| format!("{of}{index}")));
        for ((release, rendered), labelled) in names.zip(rendered).zip(labelled) {
            for namespace in NAMESPACES {
                let key = ReleaseKey::new(namespace, &release);
                if let Some((data, kinds)) = &rendered {
                    let custom = kinds.iter().map(|kind| custom(kind)).collect();
                    let release = ReleaseRemains { data: data.clone(), custom, ..ReleaseRemains::default() };
                    remains.releases.insert(key.clone(), release);
                }
                remains.labelled.insert(key, labelled.clone());
            }
        }
        let kinds = ["PersistentVolumeClaim", "Secret", "Pod"].into_iter().flat_map(|kind| NAMESPACES.map(|name| (kind, name)));
        for ((kind, namespace), names) in kinds.zip(selected) {
            remains.selected.insert((kind.to_owned(), namespace.to_owned(), "x".to_owned()), names);
        }
        let others = if others { vec!["Pod theirs".to_owned()] } else { Vec::new() };
        remains.crds = DEFINITIONS.into_iter().map(|name| {
            let kind = CrdRemains { group: "x.io".to_owned(), kind: name[..1].to_uppercase(), count: Some(0), names: Vec::new() };
            (name.to_owned(), kind)
        }).collect();
        remains.namespaces = there.into_iter().map(|name| (name, NamespaceRemains { others: others.clone() })).collect();
        remains
    }
}

/// The claims that a record's data is known to be in.
fn known(record: &ComponentRecord, data: Option<&DataPlaces>, remains: &Remains) -> impl Fn(&Place) -> bool {
    let key = record.release.clone();
    let rendered = key.as_ref().and_then(|key| remains.releases.get(key)).map(|release| release.data.clone());
    let labelled =
        key.as_ref().filter(|_| data.is_none() && rendered.is_none()).and_then(|key| remains.labelled.get(key));
    let labelled = labelled.cloned().unwrap_or_default();
    let data = data.cloned();
    move |claim| {
        data.as_ref().is_some_and(|data| data.holds(claim))
            || rendered.as_ref().is_some_and(|data| data.holds(claim))
            || key.as_ref().is_some_and(|key| key.namespace == claim.0 && labelled.contains(&claim.1))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Whatever is installed, begun and kept, and whatever of it is to go: no step touches a namespace, claim or Secret of
    /// anything that stays.
    #[test]
    fn what_stays_is_not_touched(
        state in states(),
        remains in cluster(),
        chosen in proptest::option::of(btree_set(one_of(&["c0", "c1", "c2", "c3"]), 1..4)),
        purge in proptest::bool::ANY,
        shared in proptest::bool::ANY,
    ) {
        let chosen: Option<Vec<String>> = chosen.map(|chosen| chosen.into_iter().collect());
        let removal = Removal { chosen: chosen.as_deref(), purge, shared, optional: None };
        let Ok(plan) = uninstall(&state, &remains, removal) else { return Ok(()) };
        let goes = |id: &String| chosen.as_ref().is_none_or(|chosen| chosen.contains(id));
        let with_unfinished = state.clone().with_unfinished();
        let installed = with_unfinished.components.iter().map(|(id, known)| (id, &known.record, known.data.as_ref(), false));
        let kept = state.kept.iter().map(|(id, kept)| (id, &kept.record, kept.data.as_ref(), true));
        let all: Vec<_> = installed.chain(kept).collect();
        let mut seen = BTreeSet::new();
        for step in &plan.steps {
            // Behind all that it needs: whoever requires whom, and brings and holds which kinds, it can be done.
            prop_assert!(step.needs.iter().all(|need| seen.contains(need)), "{:?}", step);
            prop_assert!(seen.insert(&step.id), "{} twice", step.id);
        }
        for step in plan.steps.iter().filter(|step| step.change != Change::Nothing) {
            if let Work::Uninstall { key, .. } = &step.work {
                let brought = with_unfinished.components.get(&step.component).map(|component| &component.record.crds);
                let releases = with_unfinished.components.iter().filter(|(id, _)| goes(id));
                let releases = releases.filter_map(|(_, other)| remains.releases.get(other.record.release.as_ref()?));
                let held: BTreeSet<&ObjectRef> = releases.flat_map(|release| &release.custom).collect();
                let before = plan.get(&format!("{}/objects", step.component)).map(|step| &step.work);
                for object in brought.into_iter().flatten().map(|name| custom(name)).filter(|object| held.contains(object)) {
                    let removed = matches!(before, Some(Work::RemoveObjects { objects }) if objects.contains(&object));
                    prop_assert!(removed, "{} goes before {object}", key.name);
                }
            }
            for (id, record, data, is_kept) in &all {
                let data_stays = !purge || !goes(id);
                let component_stays = !goes(id) && !is_kept;
                let home = record.release.as_ref().map(|key| key.namespace.as_str());
                match &step.work {
                    Work::RemoveNamespace { name, others, .. } => {
                        prop_assert!(purge && state.namespaces.contains_key(name) && remains.namespaces.contains_key(name));
                        prop_assert!(shared || others.is_empty());
                        prop_assert!(!data_stays || home != Some(name.as_str()), "{name} holds {id}");
                        let holds = data.is_some_and(|data| data.namespaces().any(|place| place == name));
                        prop_assert!(!data_stays || !holds, "{name} holds data of {id}");
                    }
                    Work::PurgeClaim { namespace, name } => {
                        let claim = place(namespace, name);
                        prop_assert!(purge);
                        prop_assert!(!data_stays || !known(record, *data, &remains)(&claim), "{claim:?} is of {id}");
                    }
                    Work::RemoveSecret { namespace, name } => {
                        let here = home == Some(namespace.as_str());
                        let filled = record.secret_places().any(|filled| filled == place(namespace, name));
                        prop_assert!(!(data_stays && filled), "{name} is of {id}");
                        let pull = record.pull_secret.as_ref() == Some(name);
                        prop_assert!(!(component_stays && here && pull), "{name} is pulled with by {id}");
                        prop_assert!(!(*is_kept && data_stays && here && pull), "{name} is of {id}");
                    }
                    _ => {}
                }
            }
        }
    }
}

/// `operator` brings a kind, of which its own release and that of `user` hold an object each.
fn with_kinds() -> (InstallState, Remains) {
    let crds = || ["things.x.io".to_owned()].into();
    let operator = ComponentRecord { crds: crds(), ..record("ops", "operator") };
    let components = [("operator", operator), ("user", record("apps", "user"))];
    let components = components.map(|(id, record)| (id.to_owned(), installed(record, Some(DataPlaces::default()))));
    let thing = |namespace: &str| ReleaseRemains {
        custom: vec![
            ObjectRef::namespaced("x.io/v1", "Thing", namespace, "t"),
            ObjectRef::namespaced("other.io/v1", "Thing", namespace, "t"),
        ],
        ..ReleaseRemains::default()
    };
    let releases = [("ops", "operator"), ("apps", "user")];
    let kind = CrdRemains {
        group: "x.io".to_owned(),
        kind: "Thing".to_owned(),
        count: Some(3),
        names: vec!["ops/t".to_owned(), "apps/t".to_owned()],
    };
    let remains = Remains {
        releases: releases.map(|(namespace, name)| (ReleaseKey::new(namespace, name), thing(namespace))).into(),
        crds: [("things.x.io".to_owned(), kind)].into(),
        ..Remains::default()
    };
    (InstallState { components: components.into(), ..InstallState::default() }, remains)
}

#[test]
fn an_operator_goes_after_the_objects_of_its_kinds() {
    let (state, remains) = with_kinds();
    let plan = uninstall(&state, &remains, Removal::default()).unwrap();
    let objects = plan.get("operator/objects").unwrap();
    assert_eq!(objects.needs, ["user/uninstall"]);
    assert_eq!(objects.why, ["Thing apps/t", "Thing ops/t"]);
    assert_eq!(plan.get("operator/uninstall").unwrap().needs, ["operator/objects"]);
    let why = plan.get("operator/forget").unwrap().why.join("\n");
    let expected = "CustomResourceDefinition things.x.io is kept, with 3 Thing: ops/t, apps/t and 1 more";
    assert!(why.contains(expected) && why.contains("--purge-shared"), "{why}");
    assert!(plan.get("operator/crd-things.x.io").is_none());
    // Alone: what the other release holds stays.
    let chosen = ["operator".to_owned()];
    let plan = uninstall(&state, &remains, Removal { chosen: Some(&chosen), ..Removal::default() }).unwrap();
    assert_eq!(plan.get("operator/objects").unwrap().why, ["Thing ops/t"]);
}

#[test]
fn those_that_brought_one_kind_do_not_wait_for_each_other() {
    let (mut state, remains) = with_kinds();
    state.components.get_mut("user").unwrap().record.crds.insert("things.x.io".to_owned());
    let plan = uninstall(&state, &remains, Removal::default()).unwrap();
    for id in ["operator", "user"] {
        assert_eq!(plan.get(&format!("{id}/objects")).unwrap().needs, [""; 0]);
        assert_eq!(plan.get(&format!("{id}/uninstall")).unwrap().needs, [format!("{id}/objects")]);
    }
    // The kind goes once, after the objects that either removes.
    let shared = uninstall(&state, &remains, Removal { shared: true, ..purge(None) }).unwrap();
    assert_eq!(shared.get("operator/crd-things.x.io").unwrap().needs, ["operator/objects", "user/objects"]);
    assert!(shared.get("user/crd-things.x.io").is_none());
}

#[test]
fn definitions_go_with_an_option_of_their_own_while_their_operator_runs() {
    let (mut state, remains) = with_kinds();
    let shared = |state: &InstallState| uninstall(state, &remains, Removal { shared: true, ..purge(None) }).unwrap();
    let plan = shared(&state);
    let crd = plan.get("operator/crd-things.x.io").unwrap();
    assert_eq!(crd.needs, ["operator/objects"]);
    assert_eq!(plan.get("operator/uninstall").unwrap().needs, std::slice::from_ref(&crd.id));
    assert!(uninstall(&state, &remains, purge(None)).unwrap().get(&crd.id).is_none(), "--purge-data is not enough");
    // Somebody who stays has brought it as well.
    state.components.get_mut("user").unwrap().record.crds.insert("things.x.io".to_owned());
    let chosen = ["operator".to_owned()];
    let removal = Removal { shared: true, ..purge(Some(&chosen)) };
    assert!(uninstall(&state, &remains, removal).unwrap().get("operator/crd-things.x.io").is_none());
    // What was kept goes later.
    state.components.remove("user");
    let mut kept = state.clone();
    kept.forget("operator", Some(&DataPlaces { crds: ["things.x.io".to_owned()].into(), ..DataPlaces::default() }));
    assert_eq!(ids(&shared(&kept)), ["operator/crd-things.x.io", "operator/forget"]);
}
