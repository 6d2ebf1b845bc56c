//! What a component requires: others that may be missing, and whoever exports something.

use super::tests::{catalog_of, catalog_with, chart};
use super::*;
use crate::catalog::Catalog;

/// A component that uses another where it is there; with what it makes of it.
fn optional(of: &str) -> String {
    let values = "questions: [{id: x, title: t, type: string, default: d}, {id: w, title: t, type: string, optional: true, when: answers.kafka}]\n";
    let text = format!(
        "requires: [{{id: {of}, optional: true}}]\n{values}exports: {{u: \"{{{{ exports['{of}'].url if exports['{of}'] else 'none' }}}}\"}}\n"
    );
    text + &chart("user", "n")
}

#[test]
fn an_optional_component_comes_first_where_it_is_and_is_empty_where_it_is_not() {
    let kafka =
        "exports: {url: \"k:{{ answers.kafka.port }}\"}\nquestions: [{id: port, title: t, type: port, default: 9092}]\n"
            .to_owned() + &chart("kafka", "k");
    let values = "url: {{ exports.kafka.url | tojson }}\nport: {{ answers.kafka.port | tojson }}\n\
                  there: {{ (true if exports.kafka else false) | tojson }}\nanswered: {{ (true if answers.kafka else false) | tojson }}\n";
    let catalog = catalog_with(&[("kafka", &kafka), ("a", &optional("kafka"))], "VALUES").unwrap();
    let mut catalog = catalog;
    for (id, text) in [("kafka", "a: 1\n"), ("a", values)] {
        catalog.components.get_mut(id).unwrap().values_template = Some(text.to_owned());
    }
    let resolved = |chosen: &[&str], flags: &[&str]| {
        let chosen: Vec<String> = chosen.iter().map(|id| (*id).to_owned()).collect();
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let draft = Draft::new(&catalog, &[from_flags(&flags).unwrap()], Some(&chosen), None).unwrap();
        let asked = !draft.unasked.contains(&crate::catalog::QuestionId::new("a", "w"));
        (resolve(&catalog, &draft.finish().unwrap()).unwrap(), asked)
    };
    let (alone, asked) = resolved(&["a"], &["kafka.port=1"]);
    assert_eq!(alone.components.len(), 1, "nobody chose it");
    assert!(alone.components[0].needs.is_empty() && !asked);
    let own = |resolved: &Resolved| {
        let release = resolved.components.iter().find(|one| one.id == "a").unwrap().release.clone().unwrap();
        (*release.values).clone()
    };
    assert_eq!(own(&alone), serde_json::json!({"url": "", "port": "", "there": false, "answered": false}));
    let (both, asked) = resolved(&["a", "kafka"], &["kafka.port=1"]);
    let order: Vec<&str> = both.components.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(order, ["kafka", "a"]);
    assert!(both.components[1].needs.contains("kafka") && asked);
    assert!(both.graph.needs("a/release").contains(&"kafka/ready".to_owned()));
    assert_eq!(own(&both), serde_json::json!({"url": "k:1", "port": 1, "there": true, "answered": true}));
    // Who does not say that it can do without has to name what is there.
    catalog.components.get_mut("a").unwrap().requires.clear();
    let answers = Answers::new(&catalog, &[], Some(&["a".to_owned()])).unwrap();
    assert!(resolve(&catalog, &answers).is_err());
}

#[test]
fn an_optional_instance_is_there_where_it_is_named() {
    let catalog = catalog_of(&[
        ("kafka", &("exports: {url: k}\n".to_owned() + &chart("kafka", "k"))),
        ("a", &optional("kafka@own")),
    ]);
    let catalog = catalog.unwrap();
    let export = |chosen: &[&str]| {
        let chosen: Vec<String> = chosen.iter().map(|id| (*id).to_owned()).collect();
        let answers = Answers::new(&catalog, &[], Some(&chosen)).unwrap();
        let resolved = resolve(&catalog, &answers).unwrap();
        resolved.components.iter().map(|one| one.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(export(&["a"]), ["a"]);
    assert_eq!(export(&["a", "kafka"]), ["a", "kafka"]);
    assert_eq!(export(&["a", "kafka@own"]), ["kafka@own", "a"]);
    let usual = Answers::new(&catalog, &[], None).unwrap();
    assert_eq!(usual.components, ["a", "kafka"]);
}

#[test]
fn what_acts_on_an_hdfs_that_is_optional_is_skipped_without_it() {
    let hdfs = "exports: {webhdfs: \"http://x\", hdfs_user: h}\n".to_owned() + &chart("h", "h");
    let before = "requires: [{id: h, optional: true}]\nbefore: [{action: hdfs.mkdir, path: /a, mode: \"755\"}, {action: http.wait, service: \"s:1\", path: /}]\n";
    let catalog = catalog_of(&[("h", &hdfs), ("a", &(before.to_owned() + &chart("a", "n")))]).unwrap();
    let steps = |chosen: &[&str]| {
        let chosen: Vec<String> = chosen.iter().map(|id| (*id).to_owned()).collect();
        let resolved = resolve(&catalog, &Answers::new(&catalog, &[], Some(&chosen)).unwrap()).unwrap();
        let own = resolved.components.into_iter().find(|one| one.id == "a").unwrap();
        let steps: Vec<String> = own.before.into_iter().map(|act| act.id).collect();
        (steps, resolved.skipped)
    };
    assert_eq!(steps(&["a", "h"]), (vec!["a/before-1".to_owned(), "a/before-2".to_owned()], vec![]));
    let (left, skipped) = steps(&["a"]);
    assert_eq!(left, ["a/before-2"], "a step keeps its name");
    assert_eq!((skipped[0].id.as_str(), skipped[0].why.as_str()), ("a/before-1", "component h, which is optional"));
    assert!(!skipped[0].is_check());
}

/// Two that export the same, and a component that needs either.
fn either() -> Catalog {
    let gives = |id: &str| {
        format!("on_request: true\nexports: {{webhdfs: \"http://{id}:9870\", fs: \"{id}://\"}}\n") + &chart(id, id)
    };
    let uses = "requires: [{export: webhdfs}]\nexports: {fs: \"{{ exports.webhdfs.fs }}\", at: \"{{ answers.webhdfs.namespace }}\"}\n\
                before: [{action: hdfs.mkdir, path: /a, mode: \"755\"}]\n"
        .to_owned();
    let (one, two) = (gives("one"), gives("two"));
    catalog_of(&[("one", &one), ("two", &two), ("user", &(uses + &chart("user", "n"))), ("hard", "requires: [two]")])
        .unwrap()
}

fn chosen(catalog: &Catalog, ids: &[&str]) -> Result<Answers, String> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    Answers::new(catalog, &[], Some(&ids)).map_err(|error| error.to_string())
}

#[test]
fn of_two_that_export_the_same_the_chosen_one_is_meant() {
    let catalog = either();
    for (ids, other) in [(&["user", "one"][..], "one"), (&["user", "two"], "two"), (&["user", "hard"], "two")] {
        let answers = chosen(&catalog, ids).unwrap();
        let resolved = resolve(&catalog, &answers).unwrap();
        let user = resolved.components.iter().find(|one| one.id == "user").unwrap();
        assert_eq!(user.needs, [other.to_owned()].into(), "{ids:?}");
        assert!(resolved.graph.needs("user/before-1").contains(&format!("{other}/ready")));
        let hdfs = resolved.hdfs.as_ref().unwrap();
        assert_eq!(
            (hdfs.component.as_str(), hdfs.namenodes[0].as_str()),
            (other, format!("http://{other}:9870").as_str())
        );
        let place = |id: &str| resolved.components.iter().position(|one| one.id == id).unwrap();
        assert!(place(other) < place("user"));
    }
}

#[test]
fn both_at_once_and_none_of_several_are_reported_by_name() {
    let catalog = either();
    let error = chosen(&catalog, &["one", "two"]).unwrap_err();
    assert!(
        error.starts_with("one and two both export `webhdfs`, but only one component can: choose one of them"),
        "{error}"
    );
    assert_eq!(chosen(&catalog, &["user", "one", "hard"]).unwrap_err(), error);
    let error = chosen(&catalog, &["user"]).unwrap_err();
    assert_eq!(error, "user needs a component that exports `webhdfs`: choose one or two");
    // Each alone is fine, and so is nobody.
    assert!(chosen(&catalog, &["one"]).is_ok() && chosen(&catalog, &["hard"]).is_ok());
    // Where only one could be meant, it comes along; a component and its instance are no two.
    let gives = "exports: {webhdfs: x}\n".to_owned() + &chart("one", "o");
    let uses = "requires: [{export: webhdfs}]\nexports: {x: \"{{ exports.webhdfs.webhdfs }}\"}";
    let single = catalog_of(&[("one", &gives), ("user", uses)]).unwrap();
    assert_eq!(chosen(&single, &["user"]).unwrap().components, ["one", "user"]);
    assert_eq!(chosen(&single, &["user", "one@b"]).unwrap().components, ["one@b", "user"]);
    // Of HDFS, on which steps act, there is one, and no instance beside it.
    let error = chosen(&single, &["user", "one", "one@b"]).unwrap_err();
    assert!(error.starts_with("one and one@b both export `webhdfs`, but only one component can"), "{error}");
    let other = |text: &str| text.replace("webhdfs", "brokers");
    let single = catalog_of(&[("one", &other(&gives)), ("user", &other(uses))]).unwrap();
    let answers = chosen(&single, &["user", "one", "one@b"]).unwrap();
    let resolved = resolve(&single, &answers).unwrap();
    assert_eq!(resolved.components.iter().find(|one| one.id == "user").unwrap().needs, ["one".to_owned()].into());
}

#[test]
fn an_export_can_be_done_without_too() {
    let gives = |id: &str| format!("exports: {{brokers: {id}}}\n") + &chart(id, id);
    let uses =
        "requires: [{export: brokers, optional: true}]\nexports: {x: \"{{ exports.brokers.brokers or 'none' }}\"}\n";
    let url = "after: [{action: http.wait, service: \"s:1\", path: \"/{{ exports.user.x }}\"}]";
    let (one, two) = (gives("one"), gives("two"));
    let user = format!("{uses}{url}");
    let catalog = catalog_of(&[("one", &one), ("two", &two), ("user", &user)]).unwrap();
    let path = |ids: &[&str]| {
        let resolved = resolve(&catalog, &chosen(&catalog, ids).unwrap()).unwrap();
        let user = resolved.components.iter().find(|one| one.id == "user").unwrap();
        let texts: Vec<String> = user.after[0].kind.templates().into_iter().map(str::to_owned).collect();
        texts.into_iter().find(|text| text.starts_with('/')).unwrap()
    };
    assert_eq!([path(&["user"]), path(&["user", "one"]), path(&["user", "two"])], ["/none", "/one", "/two"]);
    assert!(chosen(&catalog, &["user", "one", "two"]).unwrap_err().starts_with("one and two both export `brokers`"));
    assert!(chosen(&catalog, &["one", "two"]).is_ok(), "where nobody means either of them, both may be");
}
