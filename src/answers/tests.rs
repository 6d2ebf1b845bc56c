//! The embedded catalog, answered.

use super::*;
use crate::catalog::load;
use crate::model::ReleaseValues;

fn resolved(flags: &[&str]) -> Resolved {
    let catalog = load(&[]).unwrap();
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], None).unwrap();
    resolve(&catalog, &answers).unwrap()
}

const IMAGE: [&str; 2] = ["livy.image=registry.site/livy", "livy.image_tag=1"];

#[test]
fn an_image_without_a_public_one_is_missing_and_the_way_to_build_it_is_shown() {
    let catalog = load(&[]).unwrap();
    let AnswersError::Missing(missing) = Answers::new(&catalog, &[], None).unwrap_err() else { panic!() };
    let ids: Vec<_> = missing.iter().map(|missing| missing.id.to_string()).collect();
    assert_eq!(ids, ["livy.image", "livy.image_tag"]);
    assert!(missing[0].to_string().contains("Containerfile"), "{}", missing[0]);
}

#[test]
fn components_come_in_an_order_that_works() {
    let resolved = resolved(&IMAGE);
    let ids: Vec<_> = resolved.components.iter().map(|component| component.id.as_str()).collect();
    let at = |id: &str| ids.iter().position(|other| *other == id).unwrap();
    assert!(at("hdfs") < at("shared-libraries") && at("shared-libraries") < at("livy"), "{ids:?}");
}

#[test]
fn release_namespace_and_domain_reach_the_exports() {
    let flags = [&IMAGE[..], &["hdfs.release=x", "hdfs.namespace=y", "platform.cluster_domain=z.local"]].concat();
    let resolved = resolved(&flags);
    let hdfs = resolved.hdfs.unwrap();
    assert_eq!(hdfs.namenodes, ["http://x-namenode-0.x-namenode.y.svc.z.local:9870"]);
}

#[test]
fn images_move_to_the_sites_registry_unless_they_were_named() {
    let resolved = resolved(&[&IMAGE[..], &["platform.registry=harbor.site:5000/platform"]].concat());
    let find = |id: &str| resolved.components.iter().find(|component| component.id == id).unwrap();
    let hdfs = &find("hdfs").release.as_ref().unwrap().values;
    assert_eq!(hdfs["image"]["repository"], "harbor.site:5000/platform/apache/hadoop");
    let livy = &find("livy").release.as_ref().unwrap().values;
    assert_eq!(livy["image"]["repository"], "registry.site/livy");
    assert_eq!(livy["spark"]["image"]["repository"], "harbor.site:5000/platform/apache/spark");
}

#[test]
fn a_digest_is_an_answer_that_reaches_the_values_and_the_references() {
    let digest = format!("sha256:{}", "a1".repeat(32));
    let resolved = resolved(&[&IMAGE[..], &[&format!("livy.spark_digest={digest}")]].concat());
    let find = |id: &str| resolved.components.iter().find(|component| component.id == id).unwrap();
    let livy = &find("livy").release.as_ref().unwrap().values;
    assert_eq!((&livy["spark"]["image"]["digest"], &livy["image"]["digest"]), (&digest.as_str().into(), &"".into()));
    let unpinned: Vec<_> = resolved.unpinned.iter().map(|(question, _)| question.as_str()).collect();
    let all = [
        "hdfs",
        "postgresql@airflow",
        "postgresql@datagram",
        "redis@airflow",
        "spark-history-server",
        "livy",
        "datagram",
        "airflow",
    ];
    assert_eq!(unpinned, all.map(|id| format!("{id}.image_digest")));
    let catalog = load(&[]).unwrap();
    let flags = [IMAGE[0].to_owned(), IMAGE[1].to_owned(), format!("livy.spark_digest={digest}")];
    let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], None).unwrap();
    assert!(image_references(&catalog, &answers).contains(&format!("docker.io/apache/spark:3.5.6@{digest}")));
    let wrong = from_flags(&["livy.image_digest=sha256:12".to_owned()]).unwrap();
    let error = Answers::new(&catalog, &[wrong], None).unwrap_err().to_string();
    assert!(error.contains("livy.image_digest") && error.contains("is not a digest"), "{error}");
}

#[test]
fn who_connects_is_known_to_whom_they_connect_wherever_they_are_and_whether_they_were_chosen() {
    let catalog = load(&[]).unwrap();
    let flags =
        [&IMAGE[..], &["livy.namespace=jobs", "livy.release=l", "platform.allow_from=airflow,10.1.0.0/16"]].concat();
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let layer = from_flags(&flags).unwrap();
    let policy = |chosen: Option<&[String]>| {
        let answers = Answers::new(&catalog, std::slice::from_ref(&layer), chosen).unwrap();
        let resolved = resolve(&catalog, &answers).unwrap();
        let hdfs = resolved.components.into_iter().find(|component| component.id == "hdfs").unwrap();
        hdfs.release.unwrap().values["networkPolicy"].clone()
    };
    let all = policy(None);
    let peers = all["clients"].as_array().unwrap();
    let is_in = |peer: &serde_json::Value, name: &str| {
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == name
    };
    assert!(
        peers
            .iter()
            .any(|peer| is_in(peer, "jobs") && peer["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "l"),
        "{all}"
    );
    assert!(peers.iter().all(|peer| !peer["podSelector"]["matchLabels"].as_object().unwrap().is_empty()), "{all}");
    assert_eq!(policy(Some(&["hdfs".to_owned()])), all);
    let given = all["allowFrom"].as_array().unwrap();
    assert!(is_in(&given[0], "airflow") && given[1]["ipBlock"]["cidr"] == "10.1.0.0/16", "{all}");
}

#[test]
fn results_of_later_actions_stay_in_place() {
    let resolved = resolved(&IMAGE);
    let uses: Vec<_> = resolved
        .components
        .iter()
        .flat_map(|component| &component.verify)
        .filter(|action| action.results.contains("pi"))
        .collect();
    assert!(!uses.is_empty());
    for action in uses {
        assert!(action.kind.templates().iter().any(|text| text.contains("{{ pi.app_id }}")), "{action:?}");
    }
}

#[test]
fn an_unknown_answer_is_refused_with_a_suggestion() {
    let catalog = load(&[]).unwrap();
    let layer = from_flags(&["livy.driver_memori=1Gi".to_owned()]).unwrap();
    let error = Answers::new(&catalog, &[layer], None).unwrap_err().to_string();
    assert!(error.contains("did you mean `livy.driver_memory`"), "{error}");
}

#[test]
fn recorded_answers_give_the_same_answers_again() {
    let catalog = load(&[]).unwrap();
    let flags: Vec<String> = IMAGE.iter().map(|flag| (*flag).to_owned()).collect();
    let secret = "platform.pull_secret=env:AUTH".to_owned();
    let layer = from_flags(&[flags, vec![secret]].concat()).unwrap();
    let first = Answers::new(&catalog, &[layer], None).unwrap();
    let text = recorded(&catalog, &first).unwrap();
    let file = parse_file("answers.yaml", &text, LayerKind::File).unwrap();
    let second = Answers::new(&catalog, &[file.layer], file.components.as_deref()).unwrap();
    assert_eq!(first.json(), second.json());
}

#[test]
fn recorded_answers_give_the_same_values_again() {
    // The published images move to the site's registry, though the record names them.
    let catalog = load(&[]).unwrap();
    let flags: Vec<String> = [&IMAGE[..], &["platform.registry=harbor.site:5000/platform"]]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let first = Answers::new(&catalog, &[from_flags(&flags).unwrap()], None).unwrap();
    let file = parse_file("answers.yaml", &recorded(&catalog, &first).unwrap(), LayerKind::File).unwrap();
    let second = Answers::new(&catalog, &[file.layer], file.components.as_deref()).unwrap();
    let values = |answers: &Answers| -> Vec<ReleaseValues> {
        let resolved = resolve(&catalog, answers).unwrap();
        resolved.components.into_iter().filter_map(|component| Some(component.release?.values)).collect()
    };
    assert_eq!(values(&first), values(&second));
}

#[test]
fn secrets_of_a_component_reach_its_values_by_name() {
    let catalog = load(&[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/components").into()]).unwrap();
    let chosen = ["sample".to_owned()];
    let values = |flags: &[&str]| {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&chosen)).unwrap();
        let mut resolved = resolve(&catalog, &answers).unwrap();
        let sample = resolved.components.remove(resolved.components.len() - 1);
        (sample.release.unwrap().values, sample.secrets)
    };
    let (made, secrets) = values(&[]);
    assert_eq!(made["passwordSecret"], serde_json::json!({"name": "my-sample-db-password", "key": "db_password"}));
    assert_eq!(made["tokenSecret"], serde_json::json!({"name": "", "key": ""}));
    let version = made["podAnnotations"]["sample/password"].as_str();
    assert_eq!(version, Some("version_of_sample_my-sample-db-password_now"), "known once it is filled");
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0].from(), Some(&crate::model::SecretRef::Generate));
    let (named, secrets) = values(&["sample.db_password=secret:theirs", "sample.token=secret:vault/token"]);
    assert_eq!(named["passwordSecret"]["name"], "theirs", "one of the component's namespace is used as it is");
    let filled: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
    assert_eq!(filled, ["my-sample-token"], "one of another namespace is copied");
}

#[test]
fn a_chosen_profile_counts_over_what_is_there_and_less_than_a_file() {
    let catalog = load(&[]).unwrap();
    let layer = |kind, flag: &str| Layer { kind, ..from_flags(&[flag.to_owned()]).unwrap() };
    let given = |layers| AnswerSources { layers, profile: Some("standard".to_owned()), ..AnswerSources::default() };
    let copies = |given: AnswerSources| given.draft(&catalog).unwrap().answers.get("hdfs", "replication").json();
    let there =
        vec![layer(LayerKind::Sandbox, "hdfs.replication=1"), layer(LayerKind::Installed, "hdfs.replication=2")];
    assert_eq!(copies(given(there)), 3);
    assert_eq!(copies(given(vec![layer(LayerKind::File, "hdfs.replication=2")])), 2);
}

#[test]
fn wrong_answers_of_what_is_not_wanted_count_unless_that_was_decided_on_a_screen() {
    let catalog = load(&[]).unwrap();
    let problems = |kind, flag: &str| {
        let wrong = Layer { kind: LayerKind::File, ..from_flags(&[flag.to_owned()]).unwrap() };
        let other = Layer { kind, name: String::new(), answers: Vec::new() };
        let chosen = Some(vec!["hdfs".to_owned()]);
        AnswerSources { layers: vec![wrong, other], chosen, ..AnswerSources::default() }
            .draft(&catalog)
            .unwrap()
            .problems
            .len()
    };
    assert_eq!(problems(LayerKind::Flag, "livy.executor_instances=many"), 1);
    assert_eq!(problems(LayerKind::Screen, "livy.executor_instances=many"), 0);
    assert_eq!(problems(LayerKind::Screen, "livi.executor_instances=1"), 1, "a name that does not exist is a mistake");
}

/// A catalog of components written here, by id.
pub(super) fn catalog_of(components: &[(&str, &str)]) -> Result<crate::catalog::Catalog, String> {
    catalog_with(components, "a: 1\n")
}

pub(super) fn catalog_with(components: &[(&str, &str)], values: &str) -> Result<crate::catalog::Catalog, String> {
    let platform = "questions: [{id: pull_secret, title: t, type: secret, optional: true}, \
                    {id: registry, title: t, type: string, optional: true}]";
    let mut files: crate::catalog::Files = [("platform.yaml".to_owned(), platform.as_bytes().to_vec())].into();
    for (id, rest) in components {
        let has_chart = rest.contains("chart:");
        files.insert(
            format!("{id}/component.yaml"),
            format!("id: {id}\ntitle: {id}\nversion: '1'\n{rest}\n").into_bytes(),
        );
        if has_chart {
            files.insert(format!("{id}/chart/Chart.yaml"), b"name: x\nversion: 1.0.0\n".to_vec());
            files.insert(format!("{id}/v.j2"), values.as_bytes().to_vec());
        }
    }
    crate::catalog::Catalog::from_files(&files, &Default::default()).map_err(|findings| findings.to_string())
}

pub(super) fn chart(name: &str, namespace: &str) -> String {
    format!("chart: {{path: chart}}\nvalues: v.j2\nrelease: {{name: {name}, namespace: {namespace}}}\n")
}

#[test]
fn a_check_whose_input_nothing_gives_is_skipped_and_reported() {
    let catalog = load(&[]).unwrap();
    let chosen = ["spark-history-server".to_owned()];
    let answers = Answers::new(&catalog, &[], Some(&chosen)).unwrap();
    let resolved = resolve(&catalog, &answers).unwrap();
    let left: Vec<_> = resolved.skipped.iter().map(|check| (check.id.as_str(), check.why.as_str())).collect();
    let why = "the result `pi` of livy";
    assert_eq!(left, [("spark-history-server/verify-1", why), ("spark-history-server/verify-2", why)]);
    // What uses a result of a check that is skipped is skipped, too; what can do without stays.
    let catalog = catalog_of(&[
        ("a", "verify: [{action: http.wait, service: s, path: /x, register: first}]"),
        ("b", "verify:\n  - {action: http.wait, service: s, path: \"/{{ first.id }}\", register: second}\n  - {action: http.wait, service: s, path: \"/{{ second.id }}\"}\n  - {action: http.wait, service: s, path: \"/{{ first.id if first is defined else 'x' }}\"}"),
    ])
    .unwrap();
    let answers = Answers::new(&catalog, &[], Some(&["b".to_owned()])).unwrap();
    let resolved = resolve(&catalog, &answers).unwrap();
    let left: Vec<_> = resolved.skipped.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(left, ["b/verify-1", "b/verify-2"]);
    assert_eq!(resolved.components[0].verify[0].id, "b/verify-3", "a step keeps its name");
}

#[test]
fn a_step_that_cannot_do_without_what_was_not_chosen_says_whose_it_is() {
    let catalog = catalog_of(&[
        ("a", "exports: {x: y}"),
        ("b", "after: [{action: http.wait, service: s, path: \"/{{ exports['a'].x }}\"}]"),
    ])
    .unwrap();
    let answers = Answers::new(&catalog, &[], Some(&["b".to_owned()])).unwrap();
    let error = resolve(&catalog, &answers).unwrap_err().to_string();
    assert!(error.starts_with("b/after-1 needs component a: choose it too"), "{error}");
}

#[test]
fn two_of_what_there_can_be_one_of_are_refused_by_name() {
    let catalog = load(&[]).unwrap();
    let resolved = |flags: &[&str]| {
        let flags: Vec<String> = IMAGE.iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], None).unwrap();
        resolve(&catalog, &answers).map(drop).map_err(|error| error.to_string())
    };
    let error = resolved(&["spark-history-server.release=my-livy"]).unwrap_err();
    assert!(error.contains("spark-history-server.release and livy.release both refer to release my-livy"), "{error}");
    assert_eq!(resolved(&["spark-history-server.release=my-livy", "spark-history-server.namespace=other"]), Ok(()));
    let error = resolved(&["livy.namespace=windlass-system"]).unwrap_err();
    assert!(error.starts_with("livy.namespace: namespace windlass-system is reserved for windlass"), "{error}");

    // `a-b` with the question `c`, and `a` with `b_c`.
    let secret = |id: &str| format!("questions: [{{id: {id}, title: t, type: secret, default: generate}}]\n");
    let resolved = |first: &str, second: &str, flags: &[&str]| {
        let catalog = catalog_of(&[("one", first), ("two", second)]).unwrap();
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], None).unwrap();
        resolve(&catalog, &answers).map(drop).map_err(|error| error.to_string())
    };
    let (first, second) = (chart("a-b", "n") + &secret("c"), chart("a", "n") + &secret("b_c"));
    let error = resolved(&first, &second, &[]).unwrap_err();
    assert!(error.contains("both refer to Secret a-b-c in namespace n"), "{error}");
    let registry = chart("windlass", "n") + &secret("registry");
    assert_eq!(resolved(&registry, &chart("x", "n"), &[]), Ok(()));
    let error = resolved(&registry, &chart("x", "n"), &["platform.pull_secret=env:AUTH"]).unwrap_err();
    assert!(error.contains("platform.pull_secret") && error.contains("Secret windlass-registry"), "{error}");
}

#[test]
fn an_answer_that_hdfs_would_refuse_is_named() {
    let catalog = load(&[]).unwrap();
    for (path, why) in
        [("/tmp/a:b", "colon"), ("/a//b", "slash"), ("/a/.snapshot", ".snapshot"), ("tmp", "start with /")]
    {
        let flags: Vec<String> =
            IMAGE.iter().map(|flag| (*flag).to_owned()).chain([format!("livy.upload_path={path}")]).collect();
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], None).unwrap();
        let error = resolve(&catalog, &answers).unwrap_err().to_string();
        assert!(error.contains("see the answer livy.upload_path") && error.contains(why), "{error}");
    }
}

#[test]
fn leftovers_are_selected_by_what_their_template_says() {
    let with = |selector: &str| chart("my-a", "n") + &format!("leftovers: [{{kind: Pod, selector: \"{selector}\"}}]");
    let catalog = catalog_of(&[("a", &with("app={{ self.release }}"))]).unwrap();
    let answers = Answers::new(&catalog, &[], None).unwrap();
    assert_eq!(resolve(&catalog, &answers).unwrap().components[0].leftovers[0].selector, "app=my-a");
    let answers = Answers::new(&catalog, &[from_flags(&["a.release=x".to_owned()]).unwrap()], None).unwrap();
    assert_eq!(resolve(&catalog, &answers).unwrap().components[0].leftovers[0].selector, "app=x");
    for bad in ["", "a b", "{{ self.relase", "{{ nothing }}"] {
        assert!(catalog_of(&[("a", &with(bad))]).is_err(), "{bad:?}");
    }
    let catalog = catalog_of(&[("a", &with("{{ '' }}"))]).unwrap();
    let answers = Answers::new(&catalog, &[], None).unwrap();
    let error = resolve(&catalog, &answers).unwrap_err().to_string();
    assert!(error.contains("selects no labels"), "everything would be selected: {error}");
    let without = catalog_of(&[("a", "leftovers: [{kind: Pod, selector: x}]")]).unwrap_err();
    assert!(without.contains("this component has none"), "{without}");
    let error = catalog_of(&[("a", "images: [{name: a, ref: 'x/{{ y }}:1', repository: r, tag: t}]")]).unwrap_err();
    assert!(error.contains("does not support templates"), "{error}");
}

#[test]
fn a_values_file_of_nothing_changes_nothing_and_what_is_no_mapping_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.yaml");
    let catalog = load(&[]).unwrap();
    let values = |text: Option<&str>| {
        let mut flags: Vec<String> = IMAGE.iter().map(|flag| (*flag).to_owned()).collect();
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
            flags.push(format!("hdfs.values_file={}", file.display()));
        }
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], None).unwrap();
        let mut resolved = resolve(&catalog, &answers).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("{error}: {cause}")
        })?;
        Ok::<_, String>(resolved.components.remove(0).release.unwrap().values)
    };
    let ours = values(None).unwrap();
    for nothing in ["", "# nothing yet\n", "---\n", "{}", "~", "null\n", "\n\n", "---\n# a\n---\n"] {
        assert_eq!(values(Some(nothing)).unwrap(), ours, "{nothing:?}");
    }
    for wrong in ["- a\n", "text", "12", "true", "a: 1\n---\n- b\n", "a: [\n"] {
        let error = values(Some(wrong)).unwrap_err();
        assert!(error.contains("the answer to hdfs.values_file") && error.contains("line "), "{wrong:?}: {error}");
    }
    let found =
        values(Some("base: &b {memory: 2Gi}\nnamenode: {<<: *b, on: yes, mode: 0644}\n---\nreplication: 3\n")).unwrap();
    assert_eq!((&found["namenode"]["memory"], &found["namenode"]["true"]), (&"2Gi".into(), &true.into()));
    assert_eq!((&found["namenode"]["mode"], &found["replication"]), (&420.into(), &3.into()));
    assert_eq!(found["datanode"], ours["datanode"]);
}

/// Every way in which charts have their images: `values` of the template, what `images` says of it, what comes out.
#[test]
fn images_are_written_as_charts_split_them() {
    let digest = format!("sha256:{}", "a1".repeat(32));
    let long = format!("quay.io/strimzi/operator:1@{digest}");
    let moved = "10.98.92.2:5000/mirror";
    let values = |image: &str, values: &str, flags: &[&str]| {
        let component = chart("my-a", "n") + &format!("images: [{{name: a, {image}}}]\n");
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let catalog = catalog_with(&[("a", &component)], values).unwrap();
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], None).unwrap();
        resolve(&catalog, &answers).map(|mut resolved| {
            (resolved.components.remove(0).release.unwrap().values.clone(), resolved.images.remove(0).reference)
        })
    };
    let registry = format!("platform.registry={moved}");
    for (image, template, flags, expected) in [
        // Registry and repository, which the chart joins: nothing is there twice.
        (
            "ref: 'ghcr.io/kubeflow/x:v1', registry: image.registry, repository: image.repository, tag: image.tag",
            "",
            vec![registry.as_str()],
            serde_json::json!({"image": {"registry": "10.98.92.2:5000", "repository": "mirror/kubeflow/x", "tag": "v1"}}),
        ),
        // The registry alone: the chart keeps the path to itself.
        (
            "ref: 'ghcr.io/kubeflow/x:v1', registry: [global.imageRegistry, image.registry]",
            "",
            vec![registry.as_str()],
            serde_json::json!({"global": {"imageRegistry": moved}, "image": {"registry": moved}}),
        ),
        // The last part apart, and the digest.
        (
            &format!("ref: '{long}', registry: r, repository: p, basename: n, tag: t, digest: d"),
            "",
            vec![],
            serde_json::json!({"r": "quay.io", "p": "strimzi", "n": "operator", "t": "1", "d": digest}),
        ),
        (
            &format!("ref: '{long}', repository: p, basename: n, tag: t, digest: d"),
            "",
            vec![registry.as_str(), "a.image_tag=2"],
            serde_json::json!({"p": "10.98.92.2:5000/mirror/strimzi", "n": "operator", "t": "2", "d": ""}),
        ),
        // The whole of it, in elements of lists.
        (
            &format!("ref: '{long}', reference: ['containers[0].image', 'containers[name=b].image']"),
            "containers: [{name: a}, {name: b, image: old}]",
            vec![],
            serde_json::json!({"containers": [{"name": "a", "image": long}, {"name": "b", "image": long}]}),
        ),
        // At run time only.
        (
            "ref: 'busybox:1'",
            "image: {{ self.images.a.ref | tojson }}",
            vec![registry.as_str()],
            serde_json::json!({"image": "10.98.92.2:5000/mirror/library/busybox:1"}),
        ),
        (
            "ref: 'busybox:1', repository: r, tag: t",
            "",
            vec!["a.image=r.site:5000/own"],
            serde_json::json!({"r": "r.site:5000/own", "t": "1"}),
        ),
    ] {
        assert_eq!(*values(image, template, &flags).unwrap().0, expected, "{image}");
    }
    assert_eq!(values(&format!("ref: '{long}', digest: d"), "", &[]).unwrap().1, long);
    let error = values("ref: 'x:1', reference: 'list[1].image'", "list: [{image: x}]", &[]).unwrap_err().to_string();
    assert!(error.contains("image `a` of a: list[1] not found in the values"), "{error}");
    let check = |image: &str| catalog_of(&[("a", &(chart("my-a", "n") + &format!("images: [{{name: a, {image}}}]")))]);
    for (image, why) in [
        ("ref: 'x'", "has no tag"),
        ("ref: 'UPPER:1'", "is not an image name"),
        ("ref: 'x:1', tag: 'a..b'", "a path into values"),
        (&format!("ref: 'x@{digest}', repository: r, tag: t"), "is not used in the values"),
    ] {
        let error = check(image).unwrap_err();
        assert!(error.contains(why), "{image}: {error}");
    }
}

#[test]
fn a_question_that_is_not_asked_has_its_default_and_is_not_required() {
    let questions = "questions:\n  - {id: mode, title: m, type: choice, choices: [one, two], default: one}\n  \
        - {id: peers, title: p, type: integer, when: \"answers.a.mode == 'two'\"}\n  \
        - {id: port, title: q, type: port, default: 80, when: \"answers.a.mode == 'two'\"}\n  \
        - {id: deep, title: d, type: string, when: answers.a.port == 81}\n";
    let catalog = catalog_of(&[("a", questions)]).unwrap();
    let draft = |flags: &[&str]| {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Draft::new(&catalog, &[from_flags(&flags).unwrap()], None, None).unwrap()
    };
    let missing = |draft: &Draft| draft.missing.iter().map(|it| it.id.question.clone()).collect::<Vec<_>>();
    let off = draft(&["a.port=81", "a.peers=many"]);
    assert_eq!((missing(&off), off.problems.len(), off.unasked.len()), (vec![], 0, 3));
    assert_eq!(off.answers.get("a", "port").json(), 80, "whatever was answered");
    assert_eq!(off.answers.get("a", "peers").json(), "");
    assert_eq!(missing(&draft(&["a.mode=two"])), ["peers"]);
    assert_eq!(missing(&draft(&["a.mode=two", "a.port=81", "a.peers=1"])), ["deep"], "one may depend on another");
    let error = catalog_of(&[("a", "questions: [{id: x, title: x, type: string, when: answers.a.nothing}]")]);
    assert!(error.unwrap_err().contains("unknown answer `a.nothing`"));
}
