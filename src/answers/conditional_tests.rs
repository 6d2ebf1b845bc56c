//! What hangs on answers: requirements, what they answer, actions, and which step waits.

use super::tests::{catalog_of, chart};
use super::*;
use crate::catalog::Catalog;
use crate::model::SecretRef;

/// An application with a database and, for some answers, a queue; and a neighbour whose login it takes over.
fn catalog() -> Catalog {
    let db = "on_request: true\nquestions: [{id: user, title: t, type: string, default: app}, {id: size, title: t, type: quantity, default: 1Gi}]\n\
        exports: {user: \"{{ answers.db.user }}\"}\nafter: [{action: http.wait, service: \"s:1\", path: /}]\n"
        .to_owned()
        + &chart("my-db", "db");
    let queue = "on_request: true\nexports: {url: q}\n".to_owned() + &chart("my-queue", "queue");
    let peer = "questions: [{id: login, title: t, type: secret, default: generate}]\nexports: {at: p}\n".to_owned()
        + &chart("my-peer", "there");
    let app = r#"
requires:
  - {id: db@app, by: after, answers: {release: "{{ self.release }}-db", namespace: "{{ self.namespace }}", user: "{{ answers.app.name }}", size: 2Gi}}
  - {id: queue@app, when: "answers.app.mode == 'many'", answers: {namespace: "{{ self.namespace }}"}}
  - {id: peer, optional: true, by: verify}
questions:
  - {id: mode, title: t, type: choice, choices: [one, many], default: one}
  - {id: name, title: t, type: string, default: "{{ answers.platform.registry }}er"}
  - {id: login, title: t, type: secret, optional: true, default: "{% if answers.peer %}secret:{{ answers.peer.namespace }}/{{ answers.peer.release }}-login{% endif %}"}
first:
  - {action: http.wait, service: "s.elsewhere:1", path: "/{{ exports['db@app'].user }}"}
before:
  - {action: http.wait, service: "s:1", path: /a, when: "exports['queue@app']"}
  - {action: http.wait, service: "s:1", path: /b}
after: [{action: http.wait, service: "s:1", path: /c}]
verify: [{action: http.wait, service: "s:1", path: "/{{ exports.peer.at }}", when: exports.peer}]
"#
        .to_owned()
        + &chart("my-app", "apps");
    catalog_of(&[("db", &db), ("queue", &queue), ("peer", &peer), ("app", &app)]).unwrap()
}

fn resolved(chosen: &[&str], flags: &[&str]) -> Resolved {
    let chosen: Vec<String> = chosen.iter().map(|id| (*id).to_owned()).collect();
    let flags: Vec<String> = ["platform.registry=us"].iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
    let answers = Answers::new(&catalog(), &[from_flags(&flags).unwrap()], Some(&chosen)).unwrap();
    resolve(&catalog(), &answers).unwrap()
}

fn one<'a>(resolved: &'a Resolved, id: &str) -> &'a ResolvedComponent {
    resolved.components.iter().find(|component| component.id == id).unwrap()
}

fn steps(actions: &[ResolvedAction]) -> Vec<&str> {
    actions.iter().map(|action| action.id.as_str()).collect()
}

#[test]
fn who_requires_an_instance_answers_its_questions_and_whoever_answers_them_counts() {
    let of = |flags: &[&str]| {
        let resolved = resolved(&["app"], flags);
        let release = one(&resolved, "db@app").release.clone().unwrap();
        (release.name, release.namespace, resolved.answers["db@app"].clone())
    };
    let (name, namespace, answers) = of(&["app.namespace=site"]);
    assert_eq!((name.as_str(), namespace.as_str()), ("my-app-db", "site"));
    assert_eq!((answers["user"].as_str(), answers["size"].as_str()), (Some("user"), Some("2Gi")));
    let (name, _, answers) = of(&["db@app.user=me", "db@app.release=mine"]);
    assert_eq!((name.as_str(), answers["user"].as_str()), ("mine", Some("me")));
}

#[test]
fn a_requirement_is_there_where_its_condition_holds() {
    let few = resolved(&["app"], &[]);
    assert!(!few.components.iter().any(|component| component.id == "queue@app"));
    assert_eq!(steps(&one(&few, "app").before), ["app/before-2"]);
    let many = resolved(&["app"], &["app.mode=many"]);
    assert_eq!(one(&many, "queue@app").release.as_ref().unwrap().namespace, "apps");
    assert_eq!(steps(&one(&many, "app").before), ["app/before-1", "app/before-2"]);
    assert!(one(&many, "app").needs.contains("queue@app") && !one(&few, "app").needs.contains("queue@app"));
    // It is not used where it is there and the condition does not hold.
    let beside = resolved(&["app", "queue@app"], &[]);
    assert_eq!(steps(&one(&beside, "app").before), ["app/before-2"]);
    assert!(!one(&beside, "app").needs.contains("queue@app"));
}

#[test]
fn a_step_waits_for_what_it_needs() {
    let resolved = resolved(&["app", "peer"], &["app.mode=many"]);
    let needs = |step: &str| resolved.graph.needs(step);
    assert_eq!(needs("app/first-1"), Vec::<String>::new());
    for begins in ["db@app/release", "queue@app/release", "peer/release"] {
        assert_eq!(needs(begins), ["app/first-1"], "nothing is installed before");
    }
    assert_eq!(needs("app/before-1"), ["app/first-1", "queue@app/ready"]);
    assert_eq!(needs("app/release"), ["app/before-2"]);
    assert_eq!(needs("app/after-1"), ["app/ready", "db@app/after-1"]);
    assert_eq!(needs("app/verify-1"), ["app/after-1", "peer/ready"]);
}

#[test]
fn a_secret_may_be_a_copy_of_what_another_component_fills() {
    let from = |chosen: &[&str]| {
        let resolved = resolved(chosen, &[]);
        one(&resolved, "app").secrets.iter().map(|secret| secret.from().cloned()).collect::<Vec<_>>()
    };
    assert_eq!(from(&["app"]), []);
    assert_eq!(from(&["app", "peer"]), [Some(SecretRef::Secret("there/my-peer-login".to_owned()))]);
}

#[test]
fn what_a_requirement_says_is_checked() {
    let told = |requires: &str| {
        let app = format!("requires: [{requires}]\nquestions: [{{id: q, title: t, type: string, default: d}}]\n");
        let db = "on_request: true\n".to_owned() + &chart("my-db", "db");
        catalog_of(&[("db", &db), ("app", &(app + &chart("a", "n")))]).err().unwrap_or_default()
    };
    for (requires, wanted) in [
        ("{id: db@x, answers: {nobody: 1}}", "no question of `db` is called `nobody`"),
        ("{id: db, answers: {release: x}}", "`answers` are for an instance"),
        ("{id: db@x, when: \"answers.db.release\"}", "not about `db`"),
        ("{id: db@x, when: \"answers.app.no\"}", "unknown answer `app.no`"),
        ("{id: db@x, when: \"1 +\"}", "template:"),
        ("{id: db@x, by: never}", "expected one of release, after, late, verify"),
    ] {
        let said = told(requires);
        assert!(said.contains(wanted), "{requires}: {said}");
    }
    assert_eq!(told("{id: db@x, when: \"answers.app.q == 'd'\", by: verify, answers: {release: r}}"), "");
}
