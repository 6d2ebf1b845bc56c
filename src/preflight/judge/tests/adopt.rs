//! What somebody has to agree to.

use super::*;
use crate::catalog::Text;
use crate::plan::{Adoptable, Adoption};

#[test]
fn releases_that_are_not_ours_are_adopted_by_leave_or_not_at_all() {
    let judged = |verdict| {
        let adoption = Adoption {
            component: "any".to_owned(),
            key: ReleaseKey::new("ns", "rel"),
            revision: 3,
            chart: "any 1.0.0".to_owned(),
            verdict,
        };
        let needs = Needs { adoptions: vec![adoption], ..needs() };
        let observed =
            Observed { releases: BTreeMap::from([released(ReleaseStatus::Deployed, false)]), ..Observed::default() };
        let mut found = judge(&needs, &facts(), &observed);
        assert_eq!(found.len(), 1, "{found:?}");
        found.pop().unwrap()
    };
    let as_is = judged(Adoptable::AsIs);
    assert_eq!((as_is.id, as_is.adopt.as_deref()), ("release-foreign", Some("any")));
    let made = "revision 3 is of chart any 1.0.0 and was not created by windlass";
    assert_eq!(as_is.what, format!("{made}; it can be adopted as it is: chart and values match"));
    assert!(as_is.fix.starts_with("--adopt any ") && as_is.fix.contains("--set any.release=NAME"), "{}", as_is.fix);
    let others = judged(Adoptable::OtherValues(vec!["a.b".to_owned(), "c".to_owned()]));
    assert_eq!(others.what, format!("{made}; it can be adopted; these values change: a.b, c"));
    let say = |text: &str| Text::One(text.to_owned());
    assert_eq!(judged(Adoptable::Known(say("x"))).what, format!("{made}; it can be adopted: x"));
    let never = judged(Adoptable::Never(say("its volumes differ")));
    assert_eq!((never.id, never.adopt), ("release-not-adoptable", None));
    assert_eq!(never.what, format!("{made}; it cannot be adopted: its volumes differ"));
    assert!(never.fix.ends_with("helm -n ns uninstall rel"), "{}", never.fix);
    assert_eq!(judged(Adoptable::OtherChart("ours".to_owned())).id, "release-not-adoptable");
}

#[test]
fn what_others_notice_is_agreed_to_by_name() {
    let agreement = Agreement {
        component: "any".to_owned(),
        step: "any/after-1".to_owned(),
        title: "stop it".to_owned(),
        says: "it is away meanwhile".to_owned(),
        done: None,
    };
    let agreements = vec![agreement.clone()];
    let found = judge(&Needs { agreements, ..needs() }, &facts(), &Observed::default());
    let findings: Vec<_> = found.iter().map(|one| (one.id, one.place.as_str(), one.what.as_str())).collect();
    assert_eq!(findings, [("agreement", "any", "stop it: it is away meanwhile")]);
    assert!(found[0].fix.starts_with("--waive agreement"), "{}", found[0].fix);
    // What was done for the same before is not done again.
    let agreements = vec![Agreement { done: Some("2".to_owned()), ..agreement }];
    let asked = Needs { agreements, ..needs() };
    for (before, count) in [(None, 1), (Some("1"), 1), (Some("2"), 0)] {
        let done = before.map(|before| ("any/after-1".to_owned(), before.to_owned())).into_iter().collect();
        let state = InstallState { done: [("any".to_owned(), done)].into(), ..InstallState::default() };
        let observed = Observed { state: Some(state), ..Observed::default() };
        assert_eq!(judge(&asked, &facts(), &observed).len(), count, "{before:?}");
    }
}
