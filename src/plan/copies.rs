//! Copies of a component's Secrets in its further namespaces.

use std::collections::BTreeSet;

use super::step::{secret_id, step};
use super::types::{Step, Work};
use crate::answers::{Resolved, ResolvedComponent, ResolvedCopy};
use crate::model::state::{ComponentRecord, InstallState};
use crate::model::{GeneratedSecret, SecretRef};

/// The step that fills a copy. No question and no namespace has a dot in its name.
pub(super) fn copy_id(component: &str, copy: &ResolvedCopy) -> String {
    format!("{}.{}", secret_id(component, &copy.id), copy.namespace)
}

/// That step, after the one that fills what is copied.
pub(super) fn copy_step(component: &ResolvedComponent, copy: &ResolvedCopy) -> Step {
    let ResolvedCopy { id, namespace, name, keys, kind, of: (from, original), filled } = copy;
    let work = Work::Secret {
        namespace: namespace.clone(),
        name: name.clone(),
        keys: keys.clone(),
        from: SecretRef::Secret(format!("{from}/{original}")),
        made: GeneratedSecret::default(),
        kind: kind.clone(),
    };
    let mut needs = vec![format!("namespace/{namespace}")];
    needs.extend(filled.then(|| secret_id(&component.id, id)));
    let title = format!("Secret {name} in {namespace}");
    Step { needs, ..step(&component.id, copy_id(&component.id, copy), title, work) }
}

/// Copies that were made for a component and are no longer wanted: namespace and name.
pub(super) fn old_copies(
    wanted: &Resolved,
    component: &ResolvedComponent,
    state: &InstallState,
    record: &ComponentRecord,
) -> Vec<(String, String)> {
    let own = record.release.as_ref().map(|key| key.namespace.as_str());
    let others = state.components.iter().filter(|(id, _)| **id != component.id).map(|(_, known)| &known.record);
    let others = others.chain(state.kept.iter().filter(|(id, _)| **id != component.id).map(|(_, kept)| &kept.record));
    let mut used: BTreeSet<(String, String)> = others.flat_map(ComponentRecord::secret_places).collect();
    for component in &wanted.components {
        let home = component.release.iter().map(|release| &release.namespace);
        let filled = home.flat_map(|home| component.secrets.iter().map(|secret| (home.clone(), secret.name.clone())));
        used.extend(filled.chain(component.copies.iter().map(ResolvedCopy::place)));
    }
    let made = record.secret_places().filter(|(namespace, _)| Some(namespace.as_str()) != own);
    made.filter(|place| !used.contains(place)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::answers::{Answers, from_flags, resolve};
    use crate::catalog::load;
    use crate::model::observed::{Comparison, Observed, Remains};
    use crate::model::state::ComponentState;
    use crate::plan::{Change, Plan, Removal, Staged, plan, rotate, uninstall};

    const CATALOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/derived");

    fn resolved(flags: &[&str]) -> Result<Resolved, String> {
        let catalog = load(&[CATALOG.into()]).unwrap();
        let flags: Vec<String> =
            ["ledger.token=secret:theirs"].iter().chain(flags).map(|&flag| flag.to_owned()).collect();
        let layer = from_flags(&flags).unwrap();
        let mut chosen = vec!["ledger".to_owned()];
        chosen.extend(flags.iter().any(|flag| flag.starts_with("ledger@two.")).then(|| "ledger@two".to_owned()));
        let answers = Answers::new(&catalog, &[layer], Some(&chosen)).map_err(|error| error.to_string())?;
        resolve(&catalog, &answers).map_err(|error| error.to_string())
    }

    fn record(plan: &Plan) -> ComponentRecord {
        plan.records().remove("ledger").unwrap()
    }

    /// A cluster in which all of it is installed.
    fn up_to_date(wanted: &Resolved) -> Observed {
        let made = plan(wanted, &Observed::default(), false);
        let known = ComponentState { record: record(&made), ..ComponentState::default() };
        let state = InstallState { components: [("ledger".to_owned(), known)].into(), ..InstallState::default() };
        let secrets = made.secrets().into_iter().map(|one| (one.namespace.to_owned(), one.name.to_owned()));
        let secrets: BTreeMap<_, _> = secrets.map(|place| (place, Comparison::Same)).collect();
        Observed { secrets, state: Some(state), ..Observed::default() }
    }

    #[test]
    fn what_is_declared_is_copied_after_its_original_and_before_the_release() {
        let wanted = resolved(&["ledger.jobs=jobs"]).unwrap();
        let made = plan(&wanted, &Observed::default(), false);
        let copies: Vec<&Step> = made.steps.iter().filter(|step| step.id.ends_with(".jobs")).collect();
        let ids: Vec<&str> = copies.iter().map(|step| step.id.as_str()).collect();
        // `extra` has no answer, and `theirs` is the site's.
        assert_eq!(ids, ["ledger/secret-password.jobs", "ledger/secret-connection.jobs", "ledger/secret-token.jobs"]);
        let from = |at: usize| match &copies[at].work {
            Work::Secret { namespace, name, keys, from, .. } => {
                assert_eq!(namespace, "jobs");
                format!("{name} {keys:?} {from}")
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(from(0), "my-ledger-password [\"password\"] Secret ledger/my-ledger-password");
        assert_eq!(
            from(1),
            "my-ledger-connection [\".pgpass\", \"htpasswd\", \"url\"] Secret ledger/my-ledger-connection"
        );
        assert_eq!(from(2), "theirs [\"token\"] Secret ledger/theirs");
        assert_eq!(copies[1].needs, ["namespace/jobs", "ledger/secret-connection"]);
        assert_eq!(copies[2].needs, ["namespace/jobs"]);
        let release = made.get("ledger/release").unwrap();
        assert!(ids.iter().all(|id| release.needs.contains(&(*id).to_owned())), "{:?}", release.needs);
        assert!(record(&made).secrets.contains("jobs/theirs") && record(&made).secrets.contains("my-ledger-password"));
    }

    #[test]
    fn two_keys_of_one_secret_of_the_site_are_one_copy() {
        let wanted = resolved(&["ledger.jobs=jobs", "ledger.extra=secret:theirs"]).unwrap();
        let ledger = wanted.components.iter().find(|one| one.id == "ledger").unwrap();
        let copies: Vec<_> = ledger.copies.iter().filter(|copy| copy.name == "theirs").collect();
        assert_eq!(copies.len(), 1);
        assert_eq!(
            (copies[0].id.as_str(), copies[0].keys.as_slice()),
            ("token", &["token".into(), "extra".into()][..])
        );
    }

    #[test]
    fn a_namespace_that_is_not_there_or_is_its_own_has_no_copies() {
        for flags in [&[][..], &["ledger.jobs=ledger"]] {
            let wanted = resolved(flags).unwrap();
            assert!(wanted.components.iter().all(|component| component.copies.is_empty()), "{flags:?}");
        }
    }

    #[test]
    fn a_copy_that_differs_or_is_gone_is_drift() {
        let wanted = resolved(&["ledger.jobs=jobs"]).unwrap();
        let mut observed = up_to_date(&wanted);
        let place = |name: &str| ("jobs".to_owned(), name.to_owned());
        let of = |observed: &Observed, id: &str| {
            let made = plan(&wanted, observed, false);
            let step = made.get(id).unwrap();
            (step.change, step.why.join("; "))
        };
        assert_eq!(of(&observed, "ledger/secret-password.jobs").0, Change::Nothing);
        observed.secrets.insert(place("my-ledger-password"), Comparison::Differs("another".to_owned()));
        observed.secrets.insert(place("theirs"), Comparison::Absent);
        assert_eq!(of(&observed, "ledger/secret-password.jobs"), (Change::Update, "another".to_owned()));
        assert_eq!(of(&observed, "ledger/secret-token.jobs"), (Change::Create, "it no longer exists".to_owned()));
    }

    #[test]
    fn copies_follow_a_rotation() {
        let wanted = resolved(&["ledger.jobs=jobs"]).unwrap();
        let mut observed = up_to_date(&wanted);
        let staged = rotate(&wanted, ("ledger", "password"), &observed, Staged::Pending, Vec::new());
        // The release itself is not there to be upgraded.
        assert!(staged.unwrap_err().to_string().contains("differs from the catalog"));
        let mut quiet = wanted.clone();
        quiet.components.iter_mut().filter_map(|component| component.release.as_mut()).for_each(|release| {
            release.values.change(|values| *values = serde_json::json!({}));
        });
        let made = rotate(&quiet, ("ledger", "password"), &observed, Staged::Nothing, Vec::new()).unwrap();
        let needs = |id: &str| made.get(id).map(|step| (step.change, step.needs.clone())).unwrap();
        let after = |id: &str| (Change::Update, vec![id.to_owned()]);
        assert_eq!(needs("ledger/secret-password.jobs"), after("ledger/switch-password"));
        assert_eq!(needs("ledger/secret-connection.jobs"), after("ledger/secret-connection"));
        assert!(made.get("ledger/secret-token.jobs").is_none(), "the site's does not change");
        let unstage = &made.get("ledger/unstage-password").unwrap().needs;
        assert!(unstage.contains(&"ledger/secret-connection.jobs".to_owned()), "{unstage:?}");
        // Resumed after the switch: what is a copy already stays.
        let place = ("jobs".to_owned(), "my-ledger-connection".to_owned());
        observed.secrets.insert(place, Comparison::Differs("it changes".to_owned()));
        let made = rotate(&quiet, ("ledger", "password"), &observed, Staged::Switched, Vec::new()).unwrap();
        assert_eq!(made.get("ledger/secret-password.jobs").unwrap().change, Change::Nothing);
        assert_eq!(made.get("ledger/secret-connection.jobs").unwrap().change, Change::Update);
    }

    #[test]
    fn copies_go_with_a_purge_and_with_their_namespace() {
        let wanted = resolved(&["ledger.jobs=jobs"]).unwrap();
        let observed = up_to_date(&wanted);
        let state = observed.state.clone().unwrap();
        let ids = |purge| -> Vec<String> {
            let removal = Removal { purge, ..Removal::default() };
            let plan = uninstall(&state, &Remains::default(), removal).unwrap();
            plan.steps.into_iter().filter(|one| one.change == Change::Delete).map(|one| one.id).collect()
        };
        let removed = |purge| -> Vec<String> { ids(purge).into_iter().filter(|id| id.contains("/secret-")).collect() };
        assert_eq!(removed(false), Vec::<String>::new());
        let all = [
            "ledger/secret-jobs.my-ledger-connection",
            "ledger/secret-jobs.my-ledger-password",
            "ledger/secret-jobs.theirs",
            "ledger/secret-my-ledger-connection",
            "ledger/secret-my-ledger-password",
        ];
        let mut found = removed(true);
        found.sort();
        // `tokens` is made of the others, too, and copied nowhere.
        found.retain(|id| !id.contains("tokens"));
        assert_eq!(found, all);
        // Another namespace by now: what is in the old one goes, before it is forgotten.
        let elsewhere = plan(&resolved(&["ledger.jobs=work"]).unwrap(), &observed, false);
        let old: Vec<&str> =
            elsewhere.steps.iter().filter(|step| step.id.contains("/old-secret-")).map(|one| one.id.as_str()).collect();
        let expected = ["my-ledger-connection", "my-ledger-password", "theirs"]
            .map(|name| format!("ledger/old-secret-jobs.{name}"));
        assert_eq!(old, expected);
        let needs = &elsewhere.get("ledger/record").unwrap().needs;
        assert!(expected.iter().all(|id| needs.contains(id)), "{needs:?}");
        assert!(elsewhere.get("ledger/secret-password.work").is_some());
    }

    #[test]
    fn two_that_would_fill_one_secret_are_refused() {
        let same =
            ["ledger.jobs=jobs", "ledger@two.token=secret:theirs", "ledger@two.jobs=jobs", "ledger@two.namespace=two"];
        let error = resolved(&same).unwrap_err();
        assert!(error.contains("both refer to Secret theirs in namespace jobs"), "{error}");
        assert!(error.contains("namespaces of ledger with the copy of secret token"), "{error}");
        // One Secret of the site for both.
        let shared = [
            "ledger.jobs=jobs",
            "ledger@two.token=secret:theirs",
            "ledger@two.jobs=jobs",
            "ledger@two.namespace=ledger",
            "ledger@two.prefix=two",
        ];
        resolved(&shared).unwrap();
        // The namespace of the jobs of one is where another has its own.
        let into =
            ["ledger.jobs=two", "ledger@two.namespace=two", "ledger@two.token=env:X", "ledger@two.release=my-ledger"];
        let error = resolved(&into).unwrap_err();
        assert!(error.contains("both refer to Secret my-ledger-password in namespace two"), "{error}");
    }

    #[test]
    fn unknown_names_are_refused_where_they_stand() {
        let dir = tempfile::tempdir().unwrap();
        let text = "id: gate\ntitle: Gate\nversion: \"1\"\nchart: {path: chart}\nrelease: {name: g, namespace: g}\n\
                    values: values.yaml.j2\nquestions:\n  - {id: password, title: P, type: secret, default: generate}\n\
                    namespaces:\n  - name: jobs\n    secrets: [password, pasword, title, password]\n";
        std::fs::create_dir_all(dir.path().join("gate/chart")).unwrap();
        std::fs::write(dir.path().join("gate/component.yaml"), text).unwrap();
        std::fs::write(dir.path().join("gate/values.yaml.j2"), "{}").unwrap();
        std::fs::write(dir.path().join("gate/chart/Chart.yaml"), "apiVersion: v2\nname: g\nversion: 1.0.0\n").unwrap();
        let error = load(&[dir.path().to_owned()]).unwrap_err().to_string();
        let wanted = [
            "gate/component.yaml:11:25: no secret of `gate` is called `pasword`: expected a question for one, or one of `secrets`; did you mean `password`?",
            "gate/component.yaml:11:34: no secret of `gate` is called `title`: expected a question for one, or one of `secrets`",
            "gate/component.yaml:11:41: `password` is listed twice",
        ];
        assert!(wanted.iter().all(|line| error.contains(line)), "{error}");
    }

    #[test]
    fn a_secret_that_is_another_components_comes_after_it_and_changes_with_it() {
        let mut files = crate::catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        for (id, question) in [
            ("peer", "default: generate"),
            (
                "app",
                "optional: true, default: \"{% if answers.peer %}secret:{{ answers.peer.namespace }}/{{ answers.peer.release }}-login{% endif %}\"",
            ),
        ] {
            let text = format!(
                "id: {id}\ntitle: {id}\nversion: '1'\nchart: {{path: chart}}\nvalues: v.j2\nrelease: {{name: my-{id}, namespace: of-{id}}}\n\
                 requires: [{}]\nquestions: [{{id: login, title: t, type: secret, {question}}}]\n",
                if id == "app" { "{id: peer, optional: true}" } else { "" }
            );
            files.insert(format!("{id}/component.yaml"), text.into_bytes());
            files.insert(format!("{id}/chart/Chart.yaml"), b"name: x\nversion: 1.0.0\n".to_vec());
            files.insert(format!("{id}/v.j2"), b"v: {{ self.secrets.login.version }}\n".to_vec());
        }
        let catalog = crate::catalog::Catalog::from_files(&files, &BTreeMap::new()).unwrap();
        let answers = Answers::new(&catalog, &[], None).unwrap();
        let wanted = resolve(&catalog, &answers).unwrap();
        let made = plan(&wanted, &Observed::default(), false);
        let needs = |plan: &Plan, id: &str| plan.steps.iter().find(|step| step.id == id).unwrap().needs.clone();
        assert!(needs(&made, "app/secret-login").contains(&"peer/secret-login".to_owned()));
        let place = |id: &str| (format!("of-{id}"), format!("my-{id}-login"));
        let rotated = crate::plan::rotated(&wanted, "peer", "login").unwrap();
        let changed = crate::plan::changed_with(&wanted, rotated);
        assert_eq!(changed.iter().map(|one| one.place()).collect::<Vec<_>>(), [place("peer"), place("app")]);
        let readers = crate::plan::readers(&wanted, &[place("app")].into());
        assert_eq!(readers.iter().map(|reader| reader.id.as_str()).collect::<Vec<_>>(), ["app"]);
    }
}
