//! Volumes that are to become larger.

use super::*;
use crate::model::cluster::Refusal;
use crate::preflight::needs::GrowNeed;
use crate::preflight::trials::TrialResult;

const PATH: &str = "spec.volumeClaimTemplates[0].spec.resources.requests.storage";

/// The volumes of db, which have 10Gi, are to have this size.
fn growing(size: &str) -> (Needs, Facts) {
    let set = ObjectRef::namespaced("apps/v1", "StatefulSet", "ns", "db");
    let size = Quantity::parse(size).unwrap();
    let need = GrowNeed { set, claim: "data".to_owned(), size, path: Some(PATH.to_owned()) };
    let mut facts = facts();
    facts.grows = vec![(need.clone(), Ok(Quantity::parse("10Gi")))];
    let claims = ["data-db-0", "data-db-1", "logs-db-0", "data-db"].map(|name| claim(name, "10Gi"));
    facts.claims.insert("ns".to_owned(), Ok(claims.to_vec()));
    (Needs { grows: vec![need], ..needs() }, facts)
}

fn fixed(facts: &mut Facts) {
    let class = StorageClass { name: "fast".to_owned(), default: true, waits_for_pod: true, expands: false };
    facts.storage_classes = Ok(vec![class]);
}

fn unseen(what: Query) -> FailedQuery {
    FailedQuery { what, why: QueryFailure::NotAllowed }
}

/// The API refuses a change of these fields of db.
fn refused(paths: &[&str]) -> TrialResult {
    let refusal = Refusal {
        code: 422,
        message: "spec: Forbidden: no".to_owned(),
        fields: vec!["spec".to_owned()],
        in_itself: false,
    };
    TrialResult {
        release: ReleaseKey::new("ns", "rel"),
        object: ObjectRef::namespaced("apps/v1", "StatefulSet", "ns", "db"),
        changed: paths.iter().map(|path| ((*path).to_owned(), format!("{path} differs"))).collect(),
        refused: Ok(Some(refusal)),
    }
}

#[test]
fn volumes_that_can_grow_are_no_finding_and_neither_is_the_template() {
    let (needs, mut facts) = growing("20Gi");
    facts.trials = vec![refused(&[PATH])];
    assert_eq!(found(&needs, &facts), []);
    // Nothing else of it changes by that.
    facts.trials = vec![refused(&[PATH, "spec.serviceName"])];
    assert_eq!(only(&needs, &facts).id, "field-immutable");
    facts.trials = vec![refused(&[])];
    assert_eq!(only(&needs, &facts).id, "field-immutable", "nobody knows which field it is");
    facts.trials = vec![refused(&["spec.volumeClaimTemplates[1].spec.resources.requests.storage"])];
    assert_eq!(only(&needs, &facts).id, "field-immutable", "another template");
    facts.trials = vec![refused(&[PATH])];
    assert_eq!(only(&Needs { grows: Vec::new(), ..needs }, &facts).id, "field-immutable");
}

#[test]
fn volumes_that_cannot_grow_are_reported_by_their_class_with_both_ways() {
    let (needs, mut facts) = growing("20Gi");
    fixed(&mut facts);
    let finding = only(&needs, &facts);
    assert_eq!((finding.id, finding.place.as_str()), ("volume-not-expandable", "StatefulSet ns/db"));
    let what =
        "data-db-0 of 10Gi, data-db-1 of 10Gi cannot grow to 20Gi: StorageClass fast does not allow volume expansion";
    assert_eq!(finding.what, what);
    let fix = "kubectl patch storageclass fast -p '{\"allowVolumeExpansion\":true}' (if its provisioner supports it), or keep the current size: 10Gi";
    assert_eq!(finding.fix, fix);
    // Those that are as large already need not grow.
    facts.claims.insert("ns".to_owned(), Ok(vec![claim("data-db-0", "20Gi"), claim("data-db-1", "30Gi")]));
    assert_eq!(found(&needs, &facts), []);
    // So it is when the StatefulSet is away.
    facts.claims.insert("ns".to_owned(), Ok(vec![claim("data-db-0", "20Gi"), claim("data-db-1", "10Gi")]));
    facts.grows[0].1 = Ok(None);
    assert!(only(&needs, &facts).what.starts_with("data-db-1 of 10Gi cannot grow to 20Gi"));
}

#[test]
fn each_reason_is_reported_once() {
    let (needs, mut facts) = growing("20Gi");
    let pending = ClaimState { phase: "Pending".to_owned(), ..claim("data-db-2", "10Gi") };
    let by_hand = ClaimState { storage_class: None, ..claim("data-db-3", "10Gi") };
    facts.claims.insert("ns".to_owned(), Ok(vec![claim("data-db-0", "10Gi"), pending, by_hand]));
    let mut findings = found(&needs, &facts);
    findings.sort();
    let reasons: Vec<&str> = findings.iter().map(|finding| finding.what.as_str()).collect();
    let expected = [
        "data-db-2 of 10Gi cannot grow to 20Gi: it has no volume (Pending)",
        "data-db-3 of 10Gi cannot grow to 20Gi: it has no StorageClass",
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn volumes_become_no_smaller() {
    let (needs, mut facts) = growing("5Gi");
    facts.trials = vec![refused(&[PATH])];
    let finding = only(&needs, &facts);
    assert_eq!((finding.id, finding.place.as_str()), ("volume-smaller", "StatefulSet ns/db"));
    assert_eq!(finding.what, "its data volumes have 10Gi, but 5Gi is requested");
    assert_eq!(finding.fix, "keep the current size: 10Gi");
}

#[test]
fn what_may_not_be_read_is_reported() {
    let (needs, mut facts) = growing("20Gi");
    fixed(&mut facts);
    facts.storage_classes = Err(unseen(Query::List("storageclasses")));
    let finding = only(&needs, &facts);
    assert_eq!(finding.id, "not-checked");
    assert!(finding.what.contains("volume-not-expandable"), "{finding:?}");
    // Whatever the claims are, one of them is not there for all that is known.
    let (needs, mut facts) = growing("20Gi");
    facts.claims.insert("ns".to_owned(), Err(unseen(Query::ListIn("persistentvolumeclaims", "ns".to_owned()))));
    facts.grows[0].1 = Err(unseen(Query::Get(ObjectRef::namespaced("apps/v1", "StatefulSet", "ns", "db"))));
    let findings = found(&needs, &facts);
    assert!(findings.iter().all(|finding| finding.id == "not-checked"), "{findings:?}");
    let reasons: Vec<&str> = findings.iter().map(|finding| finding.what.as_str()).collect();
    assert!(reasons.iter().any(|what| what.contains("volume-not-expandable")), "{reasons:?}");
    assert!(reasons.iter().any(|what| what.contains("volume-smaller")), "{reasons:?}");
}

#[test]
fn what_volumes_grow_by_counts_against_a_quota() {
    let (needs, mut facts) = growing("20Gi");
    let quota = |hard: &str| Quota {
        name: "q".to_owned(),
        scoped: false,
        hard: amounts(&[("requests.storage", hard)]),
        used: amounts(&[("requests.storage", "20Gi")]),
    };
    facts.quotas.insert("ns".to_owned(), Ok(vec![quota("40Gi")]));
    assert_eq!(found(&needs, &facts), []);
    facts.quotas.insert("ns".to_owned(), Ok(vec![quota("39Gi")]));
    let finding = only(&needs, &facts);
    assert_eq!(finding.id, "quota");
    assert!(finding.what.contains("the plan needs 20Gi of requests.storage, and 19Gi of 39Gi is left"), "{finding:?}");
}
