//! What depends on answers: requirements, what they answer, actions, and which step waits.

use super::tests::{catalog_of, catalog_with, chart};
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

/// A service with a server beside it, unless the site has one: of that no public image exists, and a Job runs it.
fn with_server(job: &str) -> Catalog {
    let text = r#"
questions:
  - {id: host, title: t, type: string, optional: true}
  - {id: password, title: t, type: secret, default: generate}
images:
  - {name: main, ref: "r.io/main:1", repository: image.repository, tag: image.tag, digest: image.digest}
  - {name: server, ref: "", reference: "parts[name=server].image", when: "not answers.svc.host"}
after: [{action: job.run, name: tidy, image: server, when: JOB}]
rotate: {password: [{action: job.run, name: turn, image: server, when: "not answers.svc.host"}]}
"#;
    let values = "{% if not answers.svc.host %}parts: [{name: server}]{% endif %}\nserver: {{ self.images.server.ref | tojson }}\n";
    catalog_with(&[("svc", &(text.replace("JOB", job) + &chart("my-svc", "svc")))], values).unwrap()
}

/// What the answers of a file about it give.
fn served(job: &str, file: &str) -> Draft {
    let file = parse_file("site.yaml", file, LayerKind::File).unwrap();
    Draft::new(&with_server(job), &[file.layer], file.components.as_deref(), None).unwrap()
}

const ALIKE: &str = "\"not answers.svc.host\"";

#[test]
fn an_image_whose_condition_does_not_hold_is_in_no_list_and_nobody_is_asked_for_it() {
    let found = |file: &str| {
        let draft = served(ALIKE, file);
        let unasked: Vec<String> = draft.unasked.iter().map(ToString::to_string).collect();
        let answers = draft.finish().unwrap();
        let resolved = resolve(&with_server(ALIKE), &answers).unwrap();
        let images: Vec<String> = resolved.images.iter().map(|image| image.reference.clone()).collect();
        assert_eq!(images, image_references(&with_server(ALIKE), &answers));
        let unpinned: Vec<String> = resolved.unpinned.iter().map(|(question, _)| question.clone()).collect();
        (unasked, images, unpinned, resolved.components[0].clone())
    };
    let missing = served(ALIKE, "svc: {}").missing;
    assert_eq!(missing.iter().map(|it| it.id.question.as_str()).collect::<Vec<_>>(), ["server_image", "server_tag"]);
    let named = "server_image: r.io/server, server_tag: '2'";

    let (unasked, images, unpinned, svc) = found(&format!("svc: {{{named}}}"));
    assert_eq!(unasked, Vec::<String>::new());
    assert_eq!(images, ["r.io/main:1", "r.io/server:2"]);
    assert_eq!(unpinned, ["svc.main_digest", "svc.server_digest"]);
    assert_eq!(svc.release.as_ref().unwrap().values["parts"][0]["image"], "r.io/server:2");
    assert_eq!((steps(&svc.after), svc.rotate["password"].len()), (vec!["svc/after-1"], 1));

    // What the file says of it is no mistake, and counts for nothing.
    for more in ["", named, "server_digest: sha256:1"] {
        let (unasked, images, unpinned, svc) = found(&format!("svc: {{host: there, {more}}}"));
        assert_eq!(unasked, ["svc.server_digest", "svc.server_image", "svc.server_tag"]);
        assert_eq!(images, ["r.io/main:1"]);
        assert_eq!(unpinned, ["svc.main_digest"]);
        let image = serde_json::json!({"repository": "r.io/main", "tag": "1", "digest": ""});
        let values = serde_json::json!({"image": image, "server": ""});
        assert_eq!(*svc.release.unwrap().values, values, "its places are not there, and templates see its name");
        assert_eq!((steps(&svc.after), svc.rotate["password"].len()), (vec![], 0));
    }
    let problems = served(ALIKE, "svc: {host: there, server_imaeg: x}").problems;
    assert!(problems[0].1.to_string().contains("did you mean `svc.server_image`"), "{problems:?}");
}

#[test]
fn each_instance_uses_its_own_images() {
    let of = |file: &str| {
        let catalog = with_server(ALIKE);
        let images = image_references(&catalog, &served(ALIKE, file).finish().unwrap());
        images.into_iter().filter(|image| image.contains("server")).collect::<Vec<_>>()
    };
    let two = "components: [svc@a, svc@b]\nsvc@a: {server_image: r.io/server-a, server_tag: '1'}\n";
    assert_eq!(of(&format!("{two}svc@b: {{host: there}}")), ["r.io/server-a:1"]);
    let both = of(&format!("{two}svc@b: {{server_image: r.io/server-b, server_tag: '1'}}"));
    assert_eq!(both, ["r.io/server-a:1", "r.io/server-b:1"]);
}

#[test]
fn a_job_that_runs_an_image_that_is_not_used_is_an_error_before_anything_runs() {
    let answers = served("answers.svc.host", "svc: {host: there}").finish().unwrap();
    let error = resolve(&with_server("answers.svc.host"), &answers).unwrap_err().to_string();
    assert_eq!(
        error,
        "svc: a Job runs image `server`, which is not used with these answers: check `when` of the Job and of the image"
    );
}

#[test]
fn what_a_requirement_says_is_checked() {
    let errors = |requires: &str| {
        let app = format!("requires: [{requires}]\nquestions: [{{id: q, title: t, type: string, default: d}}]\n");
        let db = "on_request: true\n".to_owned() + &chart("my-db", "db");
        catalog_of(&[("db", &db), ("app", &(app + &chart("a", "n")))]).err().unwrap_or_default()
    };
    for (requires, wanted) in [
        ("{id: db@x, answers: {nobody: 1}}", "no question of `db` is called `nobody`"),
        ("{id: db, answers: {release: x}}", "`answers` is only allowed for an instance"),
        ("{id: db@x, when: \"answers.db.release\"}", "not of `db`"),
        ("{id: db@x, when: \"answers.app.no\"}", "unknown answer `app.no`"),
        ("{id: db@x, when: \"1 +\"}", "template:"),
        ("{id: db@x, by: never}", "expected one of release, after, late, verify"),
    ] {
        let said = errors(requires);
        assert!(said.contains(wanted), "{requires}: {said}");
    }
    assert_eq!(errors("{id: db@x, when: \"answers.app.q == 'd'\", by: verify, answers: {release: r}}"), "");
}
