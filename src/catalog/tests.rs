//! What is wrong with a component.yaml, and where.

use super::{Catalog, Files};

/// Components by id with the text that follows `id`, `title` and `version`; those with a chart have one beside them.
pub(super) fn catalog(components: &[(&str, &str)]) -> Result<Catalog, String> {
    let mut files: Files =
        [("platform.yaml".to_owned(), b"questions: [{id: x, title: t, type: string}]".to_vec())].into();
    for (id, rest) in components {
        let text = format!("id: {id}\ntitle: {id}\nversion: '1'\n{rest}\n");
        files.insert(format!("{id}/component.yaml"), text.into_bytes());
        if rest.contains("chart:") {
            files.insert(format!("{id}/chart/Chart.yaml"), b"name: x\nversion: 1.0.0\n".to_vec());
            files.insert(format!("{id}/v.j2"), b"a: 1\n".to_vec());
        }
    }
    Catalog::from_files(&files, &Default::default()).map_err(|findings| findings.to_string())
}

/// Lines 4 to 6 of a component.yaml.
const CHART: &str = "chart: {path: chart}\nvalues: v.j2\nrelease: {name: a, namespace: n}\n";

/// Each text below a chart, and the findings expected for it.
fn mistakes(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        let error = catalog(&[("a", &format!("{CHART}{text}"))]).map(drop).err().unwrap_or_default();
        let findings: Vec<&str> = error.lines().map(str::trim).collect();
        assert_eq!(findings.len(), expected.len(), "{text}\n{findings:#?}");
        for (finding, expected) in findings.iter().zip(*expected) {
            assert!(finding.starts_with(expected), "{text}\n{finding}\n{expected}");
        }
    }
}

#[test]
fn conditions_of_actions_see_what_is_installed_and_only_workloads_are_scaled() {
    let scale = |kind: &str, more: &str| {
        format!("before: [{{action: k8s.scale, kind: {kind}, name: n, from: 1, replicas: 0{more}}}]")
    };
    let seen = ", when: \"installed and installed.version == 'x'\", agree: {en: away, ru: нет}";
    let job = |when: &str| {
        let run = format!("{{action: job.run, name: j, image: one{when}}}");
        format!("images: [{{name: one, ref: 'x:1', tag: image.tag}}]\nbefore: [{run}]")
    };
    mistakes(&[
        (&scale("StatefulSet", seen), &[]),
        (&scale("Deployment", ""), &[]),
        (&job(", when: \"installed and installed.version != self.version\""), &[]),
        (&job(", when: self.release"), &["a/component.yaml:8:10: without `unless` a Job in `before` would run"]),
        (
            &scale("DaemonSet", ""),
            &["a/component.yaml:7:10: k8s.scale: a DaemonSet is neither a StatefulSet nor a Deployment"],
        ),
        (
            "questions: [{id: q, title: t, type: string, optional: true, when: installed}]",
            &["a/component.yaml:7:13: unknown name `installed` in a template"],
        ),
    ]);
}

#[test]
fn volumes_grow_to_a_size_that_is_one() {
    let grow = |more: &str| format!("before: [{{action: k8s.grow, name: n{more}}}]");
    mistakes(&[
        (&grow(", storage: \"{{ 1 }}Gi\""), &[]),
        (&grow(", storage: 2Gi, claim: logs"), &[]),
        (&grow(""), &["a/component.yaml:7:10: key `storage` is missing"]),
        (&grow(", storage: 2Gi, class: x"), &["a/component.yaml:7:52: unknown key `class`; did you mean `claim`?"]),
    ]);
}

#[test]
fn late_is_what_comes_last_after_a_release() {
    let wait = |late: &str| format!("{{action: http.wait, service: s, path: /{late}}}");
    let (soon, late) = (wait(""), wait(", late: true"));
    let a = "a/component.yaml";
    let (only, last) = ("only an action in `after` can be `late`", "actions that are `late` must come last");
    mistakes(&[
        (&format!("after: [{soon}, {late}, {late}]"), &[]),
        (&format!("after: [{late}, {soon}]"), &[&format!("{a}:7:{}: {last}", 11 + late.len())]),
        (
            &format!("first: [{late}]\nbefore: [{soon}, {late}]\nverify: [{late}]"),
            &[&format!("{a}:7:9: {only}"), &format!("{a}:8:{}: {only}", 12 + soon.len()), &format!("{a}:9:10: {only}")],
        ),
        (
            &format!("questions: [{{id: p, title: t, type: secret, default: generate}}]\nrotate:\n  p: [{late}]"),
            &[&format!("{a}:9:7: {only}")],
        ),
        (
            "after: [{action: http.wait, service: s, path: /, late: yes please}]",
            &[&format!("{a}:7:56: expected true or false")],
        ),
    ]);
    let error = catalog(&[("a", CHART), ("b", "requires: [{id: a, by: later}]")]).unwrap_err();
    assert!(error.contains("b/component.yaml:4:24: "), "{error}");
}

#[test]
fn what_is_ignored_has_a_kind_and_a_path_as_drift_reports_it() {
    let entry = |entry: &str| format!("ignore:\n  - {entry}");
    mistakes(&[
        (&entry("{kind: Deployment, path: spec.replicas}"), &[]),
        (&entry("{kind: Secret, name: \"{{ self.release }}-{{ answers.platform.x }}\", path: \"data[tls.crt]\"}"), &[]),
        (&entry("{kind: X, path: \"webhooks[name=a.b/c].clientConfig.caBundle\"}"), &[]),
        (
            &entry("{kind: X, path: \"a[\"}"),
            &["a/component.yaml:8:21: expected a path as reported by drift, such as spec.replicas"],
        ),
        (&entry("{path: a}"), &["a/component.yaml:8:5: key `kind` is missing"]),
        (&entry("{kind: X}"), &["a/component.yaml:8:5: key `path` is missing"]),
        (&entry("{kind: X, path: a, nmae: b}"), &["a/component.yaml:8:24: unknown key `nmae`; did you mean `name`?"]),
        (
            &entry("{kind: X, path: a}\n  - {kind: X, name: \"{{ answers.platform.y }}\", path: a}"),
            &["a/component.yaml:9:5: unknown answer `platform.y`"],
        ),
        (
            &entry("{kind: X, name: \"{{ exports['a'].e }}\", path: a}\nexports: {e: x}"),
            &["a/component.yaml:8:5: the name of an object to ignore can only use `answers` and `self`"],
        ),
        (
            &entry("{kind: X, path: a}\n  - {kind: X, name: \"{{ self.images.x.ref }}\", path: a}"),
            &["a/component.yaml:9:5: unknown `self.images`: expected one of id, instance, release, namespace"],
        ),
        (
            &entry("{kind: \"{{ x }}\", path: a}"),
            &["a/component.yaml:8:3: `{{ x }}` is used literally: `ignore` does not support templates"],
        ),
    ]);
    let error = catalog(&[("a", "ignore: [{kind: X, path: a}]")]).unwrap_err();
    assert!(error.contains("a/component.yaml:4:10: `ignore` requires a chart"), "{error}");
}

#[test]
fn what_is_required_is_there_and_known_once() {
    mistakes(&[
        ("requires: [{optional: true}]", &["a/component.yaml:7:12: key `id` or `export` is missing"]),
        ("requires: [[a]]", &["a/component.yaml:7:12: expected a string or a mapping, found a list"]),
        ("requires: [{id: a, optional: maybe}]", &["a/component.yaml:7:30: expected true or false"]),
        ("requires: [{id: b, optional: true}]", &["a/component.yaml:7:12: unknown component `b`"]),
        ("requires: [{id: b@x, optional: true}]", &["a/component.yaml:7:12: unknown component `b@x`"]),
        ("requires:\n  - {id: 5}", &["a/component.yaml:8:5: unknown component `5`"]),
        ("requires: [{id: a, optional: true}]", &["a/component.yaml:7:12: `a` is this component itself"]),
        ("requires: [a@b]", &["a/component.yaml:7:12: `a@b` is this component itself"]),
    ]);
    let two = |a: &str, b: &str| catalog(&[("a", a), ("b", b)]).map(drop).err().unwrap_or_default();
    assert_eq!(two("requires: [{id: b, optional: true}]", ""), "");
    let error = two("requires: [b, {id: b, optional: true}]", "");
    assert!(error.contains("a/component.yaml:4:15: `b` is listed twice"), "{error}");
    let error = two("requires: [{id: b, optional: true}]", "requires: [a]");
    assert!(error.contains("components wait for each other: a -> b -> a"), "{error}");
    let error =
        two("requires: [{id: b@x, optional: true}]\nexports: {e: \"{{ exports['b@x'].nono }}\"}", "exports: {none: x}");
    assert!(error.contains("component `b@x` does not export `nono`; did you mean `none`?"), "{error}");
    assert_eq!(two("requires: [b@x]\nexports: {e: \"{{ exports['b@x'].e }}\"}", "exports: {e: x}"), "");
}

#[test]
fn the_condition_of_an_image_is_about_answers_and_counts_for_jobs_too() {
    let two = |rest: &str| {
        let one = "{name: one, ref: 'x:1', when: \"answers.a.release == 'r' and not answers.platform.x\"}";
        format!("images:\n  - {one}\n  - {{name: two, ref: 'x:1', {rest}\n")
    };
    let at = "a/component.yaml:9:5";
    let about = "`when` can only use answers here, not";
    let run = |when: &str| format!("{{action: job.run, name: j, image: one, unless: u{when}}}");
    let needs = "image `one` is not always used, so a Job that runs it needs a `when`";
    mistakes(&[
        (&two("tag: image.tag}"), &[]),
        (&two("when: answers.a.relaese}"), &[&format!("{at}: unknown answer `a.relaese`; did you mean `release`?")]),
        (&two("when: answers.b.x}"), &[&format!("{at}: unknown answer `b.x`")]),
        (&two("when: \"answers.a.release ==\"}"), &[&format!("{at}: template: ")]),
        (&two("when: there}"), &[&format!("{at}: unknown name `there` in a template")]),
        (
            &(two("when: pi.id}") + "after: [{action: http.wait, service: s, path: /, register: pi}]"),
            &[&format!("{at}: unknown name `pi` in a template")],
        ),
        (&(two("when: exports.a.e}") + "exports: {e: x}"), &[&format!("{at}: {about} `exports`")]),
        (&two("when: self.release}"), &[&format!("{at}: {about} `self`")]),
        (&two("when: [a]}"), &["a/component.yaml:9:35: expected a string"]),
        // As of questions.
        (
            "questions: [{id: q, title: t, type: string, optional: true, when: exports.a.e}]\nexports: {e: x}",
            &[&format!("a/component.yaml:7:13: {about} `exports`")],
        ),
        (&(two("tag: t}") + &format!("before: [{}]", run(", when: answers.a.release"))), &[]),
        (&(two("tag: t}") + &format!("before: [{}]", run(""))), &[&format!("a/component.yaml:10:10: {needs}")]),
        (
            &(two("tag: t}")
                + "questions: [{id: p, title: t, type: secret, default: generate}]\n"
                + &format!("rotate:\n  p:\n    - {}", run(""))),
            &[&format!("a/component.yaml:13:7: {needs}")],
        ),
    ]);
}

#[test]
fn an_export_that_is_required_is_somebodys_and_all_of_them_have_what_is_used() {
    let error = |user: &str, one: &str, two: &str| {
        catalog(&[("one", one), ("two", two), ("user", user)]).map(drop).err().unwrap_or_default()
    };
    let uses = |text: &str| format!("requires: [{{export: fs}}]\nexports: {{x: \"{text}\"}}");
    let (one, two) = ("exports: {fs: a, more: b}", "exports: {fs: a}");
    assert_eq!(error(&uses("{{ exports.fs.fs }}"), one, two), "");
    let found = error(&uses("{{ exports.fs.more }}"), one, two);
    assert!(
        found.contains("user/component.yaml:5:14: component `fs` does not export `more` when that is `two`"),
        "{found}"
    );
    let found =
        error(&uses("{{ answers.fs.size }}"), "exports: {fs: a}\nquestions: [{id: size, title: t, type: port}]", two);
    assert!(found.contains("unknown answer `fs.size` when that is `two`"), "{found}");
    for (requires, what) in [
        ("[{export: fss}]", "user/component.yaml:4:12: no other component exports `fss`; did you mean `fs`?"),
        ("[{export: x}]\nexports: {x: y}", "no other component exports `x`"),
        ("[{export: fs, id: one}]", "use either `id` or `export`, not both"),
        ("[{optional: true}]", "user/component.yaml:4:12: key `id` or `export` is missing"),
        ("[{export: fs}, {export: fs, optional: true}]", "user/component.yaml:4:26: `fs` is listed twice"),
        ("[{export: one}]", "`one` is also a component"),
        ("[{export: \"{{ x }}\"}]", "`requires` does not support templates"),
    ] {
        let found = error(&format!("requires: {requires}"), one, two);
        assert!(found.contains(what), "{requires}\n{found}");
    }
    // Whichever it is, nobody may wait for himself.
    let found = error(&uses("x"), one, "exports: {fs: a}\nrequires: [user]");
    assert!(found.contains("components wait for each other: two -> user -> two"), "{found}");
}

/// A question for a secret that is generated, one for any, and one for a certificate: lines 7 to 10.
const SECRETS: &str = "questions:\n  - {id: password, title: t, type: secret, default: generate}\n  \
                       - {id: given, title: t, type: secret, optional: true}\n  \
                       - {id: cert, title: t, type: secret, default: generate, format: tls, names: [a]}\n";

fn of_secrets(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        mistakes(&[(&format!("{SECRETS}{text}"), expected)]);
    }
}

#[test]
fn logins_name_a_secret_question() {
    let login = |login: &str| format!("endpoints:\n  - title: t\n    login: {{{login}}}\n");
    let a = "a/component.yaml";
    of_secrets(&[
        (&login("user: \"{{ answers.a.release }}-{{ self.namespace }}\", password: password"), &[]),
        (&login("password: given"), &[]),
        (
            &login("password: pasword"),
            &[&format!("{a}:13:23: no question of `a` for a secret is called `pasword`; did you mean `password`?")],
        ),
        (&login("password: release"), &[&format!("{a}:13:23: no question of `a` for a secret is called `release`")]),
        (&login("password: cert"), &[&format!("{a}:13:23: `cert` is a certificate, which cannot be used to log in")]),
        (&login("user: x"), &[&format!("{a}:13:12: key `password` is missing")]),
        (
            &login("user: \"{{ self.secrets }}\", password: password"),
            &[&format!("{a}:13:19: unknown `self.secrets`: expected one of id, instance, release, namespace")],
        ),
        (&login("user: \"{{ answers.a.no }}\", password: password"), &[&format!("{a}:13:19: unknown answer `a.no`")]),
    ]);
}

#[test]
fn secrets_that_are_made_of_others() {
    let keys = |keys: &str| format!("secrets:\n  - name: conn\n    keys:\n      {keys}\n");
    let (a, of) = ("a/component.yaml", "no question of `a` for a secret is called");
    of_secrets(&[
        (
            &keys(
                "url: \"x:{{ secret.password | urlencode }}@{{ self.release }}/{{ answers.platform.x }}\"\n      .pgpass: \"{{ secret['given'] }}\"",
            ),
            &[],
        ),
        (&keys("url: \"{{ secret.pasword }}\""), &[&format!("{a}:14:12: {of} `pasword`; did you mean `password`?")]),
        (&keys("a: x\n      url: \"{{ secret['nobody'] }}\""), &[&format!("{a}:15:12: {of} `nobody`")]),
        (&keys("url: \"{{ secret.cert }}\""), &[&format!("{a}:14:12: `secret.cert` is a certificate")]),
        (&keys("url: \"{{ answers.a.nono }}\""), &[&format!("{a}:14:12: unknown answer `a.nono`")]),
        (&keys("url: \"{{ exports.b.x }}\""), &[&format!("{a}:14:12: unknown component `b` in exports")]),
        (
            &keys("url: \"{{ secrets.password }}\""),
            &[&format!("{a}:14:12: unknown name `secrets` in a template; did you mean `secret`?")],
        ),
        (&keys("url: \"{{ secret.password \""), &[&format!("{a}:14:12: template: ")]),
        (&keys("a/b: x"), &[&format!("{a}:14:12: `a/b` cannot be a key of a Secret")]),
        (&keys("..data: x"), &[&format!("{a}:14:15: `..data` cannot be a key of a Secret")]),
        (&keys(&format!("{}: x", "k".repeat(254))), &[&format!("{a}:14:263: `kkk")]),
        ("secrets: [{name: conn, keys: {}}]", &[&format!("{a}:11:11: Secret `conn` has no keys")]),
        ("secrets: [{name: Conn, keys: {a: x}}]", &[&format!("{a}:11:11: `Conn` cannot be a Secret's name")]),
        ("secrets: [{name: conn-, keys: {a: x}}]", &[&format!("{a}:11:11: `conn-` cannot be a Secret's name")]),
        ("secrets: [{name: password, keys: {a: x}}]", &[&format!("{a}:11:11: duplicate secret `password`")]),
        ("secrets: [{name: a, keys: {a: x}}, {name: a, keys: {a: x}}]", &[&format!("{a}:11:36: duplicate secret `a`")]),
        (
            "secrets: [{name: a, keys: {a: x}, secret_name: \"{{ answers.a.no }}\"}]",
            &[&format!("{a}:11:11: unknown answer `a.no`")],
        ),
        (
            "secrets: [{name: a, keys: {a: x}, secret_name: \"{{ secret.password }}\"}]",
            &[&format!("{a}:11:11: unknown name `secret`")],
        ),
        (
            "secrets: [{name: a, keys: {tls.crt: x}, type: kubernetes.io/tls}]",
            &[&format!("{a}:11:11: Secret `a`: type kubernetes.io/tls requires the key `tls.key`")],
        ),
        (
            "secrets: [{name: a, keys: {x: x}, type: kubernetes.io/basic-auth}]",
            &[&format!("{a}:11:11: Secret `a`: type kubernetes.io/basic-auth requires")],
        ),
        ("secrets: [{name: a, keys: {.dockerconfigjson: x}, type: kubernetes.io/dockerconfigjson}]", &[]),
        (
            "secrets: [{name: a, keys: {x: x}, type: \"{{ x }}\"}]",
            &[&format!("{a}:11:10: `{{{{ x }}}}` is used literally: `secrets` does not support templates")],
        ),
        ("secrets: [{name: a}]", &[&format!("{a}:11:11: key `keys` is missing")]),
        (
            "secrets: [{name: a, keys: {a: x}, kyes: b}]",
            &[&format!("{a}:11:35: unknown key `kyes`; did you mean `keys`?")],
        ),
        // Contents are seen nowhere else.
        ("exports: {x: \"{{ secret.password }}\"}", &[&format!("{a}:11:14: unknown name `secret`")]),
        (
            "after: [{action: http.wait, service: s, path: \"/{{ secret.password }}\"}]",
            &[&format!("{a}:11:9: unknown name `secret`")],
        ),
    ]);
    let error = catalog(&[("a", "secrets: [{name: a, keys: {a: x}}]")]).unwrap_err();
    assert!(
        error.contains("a/component.yaml:4:11: a Secret is created for a release, and this component has none"),
        "{error}"
    );
    mistakes(&[(
        "questions: [{id: c, title: t, type: secret, default: generate, format: tls, names: [\"{{ answers.a.no }}\"]}]",
        &["a/component.yaml:7:13: unknown answer `a.no`"],
    )]);
}

#[test]
fn what_makes_a_new_secret_count() {
    let job = "action: job.run, name: r, image: i, command: [x]";
    let with = |rotate: &str| format!("images: [{{name: i, ref: \"r/i:1\"}}]\nrotate:\n  {rotate}\n");
    let of = |secrets: &str| with(&format!("password:\n    - {{{job}, secrets: {secrets}}}"));
    let a = "a/component.yaml";
    of_secrets(&[
        (&of("{OLD: password, NEW: password.next, MORE: given}"), &[]),
        (
            &of("{NEW: given.next}"),
            &[&format!("{a}:14:7: `given.next` is only available in actions of `rotate: {{given: …}}`")],
        ),
        (&of("{NEW: pasword}"), &[&format!("{a}:14:7: `pasword` is not a question of this component for a secret")]),
        (
            &with("pasword: []"),
            &[&format!(
                "{a}:13:12: `pasword` is not a question of `a` for a generated secret; did you mean `password`?"
            )],
        ),
        (&with("given: []"), &[&format!("{a}:13:10: `given` is not a question of `a` for a generated secret")]),
        (
            &with("conn: []\nsecrets: [{name: conn, keys: {a: x}}]"),
            &[&format!("{a}:13:9: `conn` is not a question of `a` for a generated secret")],
        ),
        (
            &with(&format!("password: [{{{job}, register: x}}]")),
            &[&format!("{a}:13:14: `register` cannot be used in `rotate`")],
        ),
        (
            &with(&format!("password: [{{{job}}}, {{{job}}}]")),
            &[&format!("{a}:13:{}: two Jobs of this component are called `r`", 14 + job.len() + 4)],
        ),
        (
            &with("password: [{action: http.wait, service: s, path: \"/{{ answers.a.no }}\"}]"),
            &[&format!("{a}:13:14: unknown answer `a.no`")],
        ),
        (
            &with("password: []\nsecrets: [{name: password-next, keys: {a: x}}]"),
            &[&format!("{a}:13:13: the secret name `password-next` is reserved for the staged")],
        ),
        // What is staged is there for a rotation alone.
        (
            &format!("images: [{{name: i, ref: \"r/i:1\"}}]\nafter:\n  - {{{job}, secrets: {{X: password.next}}}}"),
            &[&format!("{a}:13:5: `password.next` is only available in actions of `rotate: {{password: …}}`")],
        ),
        (
            "after: [{action: http.request, service: \"s:1\", path: /, login: {token: password.next}}]",
            &[&format!("{a}:11:9: `password.next` is only available")],
        ),
    ]);
}
