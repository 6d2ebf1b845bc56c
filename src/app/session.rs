//! What a command needs before it starts: definitions, answers, the cluster, Helm, HDFS.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use crate::answers::{
    Answer, AnswerSources, Answers, AnswersError, Draft, Layer, LayerKind, Raw, from_environment, from_flags,
    parse_file,
};
use crate::catalog::{self, BUNDLED, CHART_VALUES, Catalog, Component, INSTALLED, QuestionId, WEBHDFS, members};
use crate::cli::{AnswerArgs, Global};
use crate::driver::helm::{FindError, FindHelm, Helm};
use crate::driver::kube::{Cluster, ConnectOptions, Tunnels};
use crate::driver::webhdfs::Hdfs;
use crate::driver::{reach, state_store};
use crate::model::state::InstallState;
use crate::model::yaml::Pos;
use crate::model::{ChartRef, HdfsAccess, SecretRef, bounded};
use crate::render::language;

/// Where `sandbox/up` leaves its files.
const SANDBOX: &str = "/var/lib/windlass/sandbox";

/// The folder of the sandbox, if it is the target.
pub(super) fn sandbox(global: &Global) -> Option<PathBuf> {
    global.sandbox.then(sandbox_folder)
}

/// The folder of the sandbox, whether it is there or not.
pub(super) fn sandbox_folder() -> PathBuf {
    let named = std::env::var_os("WINDLASS_SANDBOX_DIR").filter(|value| !value.is_empty());
    named.map_or_else(|| PathBuf::from(SANDBOX), PathBuf::from)
}

/// The definitions.
pub(super) fn load_catalog(global: &Global) -> Result<Catalog, Failed> {
    let catalog = catalog::load(&global.catalog).or_exit(Exit::BadInput)?;
    language::learn(catalog.texts().filter_map(|text| text.pair(language::current().code())));
    Ok(catalog)
}

/// The answers of all layers. `remembered` are those of the last install, for commands that only read.
pub(super) fn answers(
    global: &Global,
    args: &AnswerArgs,
    catalog: &Catalog,
    remembered: Option<&InstallState>,
) -> Result<Answers, Failed> {
    given(global, args, catalog, remembered)?.draft(catalog).and_then(Draft::finish).map_err(wrong)
}

/// The same at a terminal: asks for missing answers, and nothing else.
pub(super) fn answers_or_ask(
    global: &Global,
    args: &AnswerArgs,
    catalog: &Catalog,
    output: &Output,
) -> Result<Answers, Failed> {
    let mut given = given(global, args, catalog, None)?;
    let catalog = &*catalog.with_instances(given.components());
    given.layers.push(Layer { kind: LayerKind::Screen, name: "your answer".to_owned(), answers: Vec::new() });
    let lang = language::current().code();
    loop {
        let draft = given.draft(catalog).map_err(wrong)?;
        // With --yes nothing is asked.
        let asks = draft.problems.is_empty() && output.can_ask() && !global.yes;
        let missing = draft.missing.first().cloned().filter(|_| asks);
        let Some(missing) = missing else { return draft.finish().map_err(wrong) };
        let question = catalog.question(&missing.id);
        let title = question.map_or_else(|| missing.title.clone(), |question| question.title.of(lang).to_owned());
        let component = catalog.title(&missing.id.component).of(lang);
        let hint = missing.hint.as_ref().map(|hint| format!("\n  {hint}")).unwrap_or_default();
        let asked = format!("\n{component}: {title} ({}){hint}\n> ", missing.id);
        let Some(text) = output.ask_or_end(&asked)?.filter(|text| !text.is_empty()) else {
            return draft.finish().map_err(wrong);
        };
        let mut tried = given.clone();
        if let Some(layer) = tried.layers.last_mut() {
            layer.answers.push((missing.id.clone(), Pos::default(), Raw::Text(text)));
        }
        match tried.draft(catalog).map_err(wrong)?.problem(&missing.id) {
            Some(problem) => output.say(&format!("  {problem}\n"))?,
            None => given = tried,
        }
    }
}

/// The exit code of answers that cannot be used.
pub(super) fn wrong(error: AnswersError) -> Failed {
    let exit = match error {
        AnswersError::Missing(_) => Exit::Missing,
        AnswersError::NoProvider { .. } | AnswersError::TwoProviders { .. } => Exit::BadInput,
        AnswersError::Invalid(_) | AnswersError::UnknownComponent { .. } | AnswersError::UnknownProfile { .. } => {
            Exit::BadInput
        }
    };
    Failed::new(exit, error)
}

/// All layers of a command. `remembered` are the answers of the last install, for commands that only read.
pub(super) fn given(
    global: &Global,
    args: &AnswerArgs,
    catalog: &Catalog,
    remembered: Option<&InstallState>,
) -> Result<AnswerSources, Failed> {
    let mut given =
        AnswerSources { layers: Vec::new(), chosen: args.components.clone(), profile: args.profile.clone() };
    // Components and profile of the file take precedence over the sandbox's.
    match (&args.answers, remembered) {
        (Some(path), _) => take_file(&mut given, path, LayerKind::File)?,
        (None, Some(state)) => {
            given.layers.push(installed(state, catalog)?);
            given.chosen = given.chosen.or_else(|| Some(state.components.keys().cloned().collect()));
        }
        (None, None) => {}
    }
    if let Some(folder) = sandbox(global) {
        sandbox_answers(&mut given, &folder)?;
    }
    given.layers.push(from_flags(&args.set).or_exit(Exit::BadInput)?);
    let catalog = catalog.with_instances(given.components());
    let environment = from_environment(&catalog, std::env::vars_os()).or_exit(Exit::BadInput)?;
    given.layers.push(environment);
    Ok(given)
}

/// The answers of what is installed.
pub(super) fn installed(state: &InstallState, catalog: &Catalog) -> Result<Layer, Failed> {
    let catalog = &*catalog.with_instances(state.components.keys().map(String::as_str));
    let text = serde_json::to_string(&emptied(&state.answers, catalog)).or_exit(Exit::Unexpected)?;
    let file = parse_file("the last install", &text, LayerKind::Installed).or_exit(Exit::Unexpected)?;
    Ok(file.layer.known(catalog))
}

/// Adds the answers that `sandbox/up` wrote.
pub(super) fn sandbox_answers(given: &mut AnswerSources, folder: &Path) -> Result<(), Failed> {
    let file = folder.join("answers.yaml");
    if !file.exists() {
        let why = format!("the sandbox is not up ({} not found); `sandbox/up` starts one", file.display());
        return Err(anyhow::Error::msg(why)).or_exit(Exit::BadInput);
    }
    take_file(given, &file, LayerKind::Sandbox)
}

fn take_file(given: &mut AnswerSources, path: &Path, kind: LayerKind) -> Result<(), Failed> {
    let file = parse_file(&path.display().to_string(), &read(path)?, kind).or_exit(Exit::BadInput)?;
    given.take(file);
    Ok(())
}

/// The text of an answers file.
pub(super) fn read(path: &Path) -> Result<String, Failed> {
    bounded::text(path, bounded::ANSWERS)
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to read answers {}", path.display())))
        .or_exit(Exit::BadInput)
}

/// The options that name cluster, definitions and Helm, as they are written for another command: a space behind each.
pub(super) fn flags(global: &Global) -> String {
    let named = |option: &str, value: Option<&Path>| {
        let quoted = value.map(|value| value.display().to_string().replace('\'', "'\\''"));
        quoted.map(|value| format!("{option} '{value}' ")).unwrap_or_default()
    };
    let mut flags = if global.sandbox { "--sandbox ".to_owned() } else { String::new() };
    flags += &named("--kubeconfig", global.kubeconfig.as_deref());
    flags += &named("--context", global.context.as_ref().map(Path::new));
    flags.extend(global.catalog.iter().map(|folder| named("--catalog", Some(folder))));
    flags + &named("--helm", global.helm.as_deref())
}

/// Remembered answers without empty ones, except where an answer may be empty.
fn emptied(answers: &serde_json::Value, catalog: &Catalog) -> serde_json::Value {
    let mut answers = answers.clone();
    for (component, questions) in answers.as_object_mut().into_iter().flatten() {
        let Some(questions) = questions.as_object_mut() else { continue };
        let known = catalog.questions(component);
        let optional = |id: &str| known.iter().any(|question| question.id == id && question.optional);
        questions.retain(|id, answer| answer.as_str() != Some("") && (!answer.is_null() || optional(id)));
    }
    answers
}

/// The same answers with installed components that they do not name: optional ones that a chosen one uses, as they were
/// installed, and the places of instances, so that connections to them stay allowed. None where there are none.
pub(super) async fn with_installed(
    catalog: &Catalog,
    answers: &Answers,
    cluster: &Cluster,
) -> Result<Option<Answers>, Failed> {
    // What may not be read is reported where it is needed.
    let Some(state) = state_store::load(cluster).await.ok().flatten() else { return Ok(None) };
    let broken = answers.broken_by(catalog, &state);
    if !broken.0.is_empty() {
        return Err(wrong(AnswersError::Invalid(broken)));
    }
    one_provider(catalog, answers, &state)?;
    let used = with_optional_components(catalog, answers, &state)?;
    let (changed, answers) = (used.is_some(), &used.unwrap_or_else(|| answers.clone()));
    // The added ones may require or export something, too.
    if changed {
        one_provider(catalog, answers, &state)?;
    }
    let seeing = seeing_installed(catalog, answers, cluster, &state).await;
    let (changed, answers) = (changed || seeing.is_some(), &seeing.unwrap_or_else(|| answers.clone()));
    let more = |id: &&String| id.contains('@') && !answers.has(id);
    if !state.components.keys().any(|id| more(&id)) {
        return Ok(changed.then(|| answers.clone()));
    }
    let layer = installed(&state, catalog)?;
    let draft = AnswerSources { layers: vec![layer], ..AnswerSources::default() }.draft(catalog).map_err(wrong)?;
    let mut answers = answers.clone();
    let place = |id: &QuestionId| matches!(id.question.as_str(), "release" | "namespace");
    let known = draft.answers.values.into_iter().map(|(id, (answer, _))| (id, answer)).chain(draft.answers.others);
    answers.others.extend(known.filter(|(id, _)| place(id) && more(&&id.component)));
    Ok(Some(answers))
}

/// The same answers with the installed state that conditions of actions read, and that of Helm: after a failed run only
/// Helm has the latest.
pub(super) async fn seeing_installed(
    catalog: &Catalog,
    answers: &Answers,
    cluster: &Cluster,
    state: &InstallState,
) -> Option<Answers> {
    let mut seeing = answers.seeing_installed(catalog, state)?;
    let known = answers.catalog(catalog);
    for (id, installed) in &mut seeing.installed {
        let mut conditions = known.components.get(id).into_iter().flat_map(Component::actions);
        let asks = |when: &str| members(when, INSTALLED).iter().any(|(field, _)| field == CHART_VALUES);
        if !conditions.any(|action| action.when.as_deref().is_some_and(asks)) {
            continue;
        }
        let Some(key) = state.components.get(id).and_then(|known| known.record.release.clone()) else { continue };
        // What may not be read is reported where it is needed.
        let found = cluster.releases(std::slice::from_ref(&key)).await.unwrap_or_default();
        if let Some(release) = found.get(&key).filter(|release| release.config.is_object()) {
            installed[CHART_VALUES] = release.config.clone();
        }
    }
    Some(seeing)
}

/// Refuses a component with the same export as an installed one where only one is allowed: exports that a chosen component
/// requires, and the one of `hdfs.*` actions.
fn one_provider(catalog: &Catalog, answers: &Answers, state: &InstallState) -> Result<(), Failed> {
    let known = answers.catalog(catalog);
    let known = known.with_instances(state.components.keys().map(String::as_str));
    let installed = |id: &str| state.components.contains_key(id);
    let users = answers.components.iter().filter_map(|id| known.components.get(id));
    let required =
        users.flat_map(|user| user.requires.iter().filter_map(|it| Some((it.export.as_deref()?, &*user.id))));
    for (export, user) in required.chain([(WEBHDFS, "")]) {
        let givers = || known.providers(export).filter(|giver| giver.id != user);
        let pairs = givers().filter(|giver| answers.has(&giver.id)).flat_map(|new| {
            givers().filter(|there| installed(&there.id) && there.id != new.id).map(move |there| (there, new))
        });
        let mut pairs = pairs.filter(|(there, new)| export == WEBHDFS || there.base != new.base);
        let Some((there, new)) = pairs.next().map(|(there, new)| (&there.id, &new.id)) else { continue };
        let text = if installed(new) {
            format!(
                "{there} and {new} are installed and both export `{export}`, but only one is allowed: \
                 run `windlass uninstall --components {there}` first, or uninstall {new}"
            )
        } else {
            format!(
                "{there} is installed and exports `{export}`, as {new} does, but only one is allowed: \
                 run `windlass uninstall --components {there}` first, or omit {new}"
            )
        };
        return Err(Failed::text(Exit::BadInput, text));
    }
    Ok(())
}

/// The same answers with the installed components that a chosen one uses optionally: they stay as they were installed,
/// except for new answers. A chosen component takes precedence for its exports.
fn with_optional_components(
    catalog: &Catalog,
    answers: &Answers,
    state: &InstallState,
) -> Result<Option<Answers>, Failed> {
    let known = answers.catalog(catalog).with_instances(state.components.keys().map(String::as_str)).into_owned();
    let mut answers = answers.clone();
    let mut found = false;
    loop {
        let chosen = answers.components.iter().filter_map(|id| known.components.get(id));
        let there = |id: &String| state.components.contains_key(id) && !answers.has(id);
        let open = |component| known.optional_beside(component, |id| answers.has(id));
        let used: BTreeSet<String> = chosen.flat_map(open).filter(there).collect();
        if used.is_empty() {
            return Ok(found.then_some(answers));
        }
        found = true;
        let layers = vec![installed(state, catalog)?];
        let given = AnswerSources { layers, chosen: Some(used.into_iter().collect()), ..AnswerSources::default() };
        answers.add(given.draft(catalog).and_then(Draft::finish).map_err(wrong)?);
    }
}

/// Answers with absolute local paths: they are remembered, and the next command may run in another folder.
pub(super) fn anchored(catalog: &Catalog, answers: &Answers) -> Result<Answers, Failed> {
    let here = std::env::current_dir().or_exit(Exit::Unexpected)?;
    Ok(anchored_at(catalog, answers, &here))
}

fn anchored_at(catalog: &Catalog, answers: &Answers, here: &Path) -> Answers {
    // Without `.` components.
    let whole = |path: &Path| here.join(path).components().collect::<PathBuf>();
    let catalog = &*answers.catalog(catalog);
    let mut answers = answers.clone();
    for (id, (answer, _)) in &mut answers.values {
        match answer {
            Answer::Secret(SecretRef::File(path)) if path.is_relative() => *path = whole(path),
            Answer::Text(text)
                if !text.is_empty()
                    && Path::new(&*text).is_relative()
                    && !text.starts_with(BUNDLED)
                    && !ChartRef::is_remote(text)
                    && catalog.question(id).is_some_and(|question| question.kind.rules().is_local()) =>
            {
                *text = whole(Path::new(&*text)).display().to_string();
            }
            _ => {}
        }
    }
    answers
}

/// Connects to the cluster.
pub(super) async fn connect(global: &Global) -> Result<Cluster, Failed> {
    Cluster::connect(&target(global)?).await.or_exit(Exit::Unusable)
}

/// The options of the target cluster.
pub(super) fn target(global: &Global) -> Result<ConnectOptions, Failed> {
    Ok(match sandbox(global) {
        None => ConnectOptions {
            kubeconfig: global.kubeconfig.clone(),
            context: global.context.clone(),
            silent: global.silent,
            ..ConnectOptions::default()
        },
        Some(folder) => {
            let kubeconfig = folder.join("kubeconfig");
            if !kubeconfig.exists() {
                let text = format!("no sandbox found in {}: run sandbox/up first", folder.display());
                return Err(Failed::text(Exit::Unusable, text));
            }
            ConnectOptions { kubeconfig: Some(kubeconfig), ..ConnectOptions::default() }
        }
    })
}

/// Helm for that cluster.
pub(super) async fn helm(global: &Global, cluster: &Cluster) -> Result<Helm, Failed> {
    Ok(find_helm(global).await.or_exit(Exit::Unusable)?.for_target(cluster.helm_target()))
}

/// Helm, without a cluster.
pub(super) async fn find_helm(global: &Global) -> Result<Helm, FindError> {
    let sandbox = sandbox(global).map(|folder| folder.join("bin/helm"));
    let mut find = FindHelm::from_env(global.helm.clone(), sandbox);
    // Helm of an offline bundle takes precedence over one on this machine, but not over one that is named.
    if find.explicit.is_none() && find.env.is_none() {
        find.explicit.clone_from(&global.bundled_helm);
    }
    Helm::find(&find).await
}

/// Ways into the cluster, and HDFS in it.
pub(super) fn reach(cluster: &Cluster, access: Option<&HdfsAccess>) -> Result<(Tunnels, Option<Hdfs>), Failed> {
    let tunnels = Tunnels::new(cluster).or_exit(Exit::Unusable)?;
    let hdfs = access.map(|access| reach::hdfs(access, &tunnels)).transpose().or_exit(Exit::Unusable)?;
    Ok((tunnels, hdfs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::recorded;

    #[test]
    fn what_was_emptied_is_remembered_as_empty() {
        let catalog = catalog::load(&[]).unwrap();
        let platform = serde_json::json!({"registry": null, "cluster_domain": null, "external_domain": ""});
        let answers = serde_json::json!({"platform": platform, "gone": {"x": null}});
        let known = emptied(&answers, &catalog);
        assert_eq!(known, serde_json::json!({"platform": {"registry": null}, "gone": {}}), "a domain has to be there");
        let state = InstallState { answers, ..InstallState::default() };
        let layer = installed(&state, &catalog).unwrap();
        // It takes precedence over the sandbox.
        let sandbox = from_flags(&["platform.registry=r.site".to_owned()]).unwrap();
        let layers = vec![Layer { kind: LayerKind::Sandbox, ..sandbox }, layer];
        let draft = AnswerSources { layers, ..AnswerSources::default() }.draft(&catalog).unwrap();
        assert_eq!(draft.answers.get("platform", "registry").text(), None);
    }

    #[test]
    fn what_is_installed_and_of_use_comes_along_as_it_was_installed() {
        let mut files = catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        let definition = |id: &str, rest: &str| {
            let head = format!("id: {id}\ntitle: {id}\nversion: '1'\non_request: true\n{rest}\n");
            (format!("{id}/component.yaml"), head.into_bytes())
        };
        let asks =
            "questions: [{id: x, title: t, type: string, default: old}, {id: y, title: t, type: string, default: old}]";
        files.extend([
            definition("c", asks),
            definition("b", &format!("{asks}\nrequires: [{{id: c, optional: true}}]")),
            definition("a", "requires: [{id: b, optional: true}]"),
        ]);
        let catalog = Catalog::from_files(&files, &Default::default()).unwrap();
        let answers = |flags: &[&str]| {
            let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
            Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&["a".to_owned()])).unwrap()
        };
        let state = |ids: &[&str]| InstallState {
            components: ids.iter().map(|id| ((*id).to_owned(), Default::default())).collect(),
            answers: serde_json::json!({"b": {"x": "installed", "y": "installed"}, "c": {"x": "installed"}}),
            ..InstallState::default()
        };
        assert_eq!(
            with_optional_components(&catalog, &answers(&[]), &state(&["a", "c"])).unwrap(),
            None,
            "nobody uses c"
        );
        let found = with_optional_components(&catalog, &answers(&["b.y=new"]), &state(&["b", "c"])).unwrap().unwrap();
        assert_eq!(found.components, ["a", "b", "c"]);
        let text = |id: &str, question: &str| found.get(id, question).text().unwrap().to_owned();
        assert_eq!(
            [text("b", "x"), text("b", "y"), text("c", "x"), text("c", "y")],
            ["installed", "new", "installed", "old"]
        );
        assert!(found.others.is_empty());
    }

    #[test]
    fn what_is_installed_takes_the_place_that_there_is_one_of() {
        let mut files = catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        for id in ["one", "two"] {
            let text = format!("id: {id}\ntitle: {id}\nversion: '1'\nexports: {{webhdfs: x}}\n");
            files.insert(format!("{id}/component.yaml"), text.into_bytes());
        }
        let catalog = Catalog::from_files(&files, &Default::default()).unwrap();
        let answers = Answers::new(&catalog, &[], Some(&["two".to_owned()])).unwrap();
        let with = |id: &str| {
            let components = [(id.to_owned(), Default::default())].into();
            let state = InstallState { components, ..InstallState::default() };
            one_provider(&catalog, &answers, &state).err().map(|failed| failed.error.to_string()).unwrap_or_default()
        };
        assert_eq!((with("two"), with("other")), (String::new(), String::new()));
        let error = with("one");
        assert!(error.starts_with("one is installed and exports `webhdfs`, as two does"), "{error}");
        assert!(error.contains("`windlass uninstall --components one` first, or omit two"), "{error}");
    }

    #[test]
    fn what_is_installed_does_not_beat_what_was_chosen_for_an_export() {
        let mut files = catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        for (id, rest) in [
            ("kafka", "exports: {brokers: k}"),
            ("redpanda", "exports: {brokers: r}"),
            ("may", "requires: [{export: brokers, optional: true}]"),
            ("must", "requires: [{export: brokers}]"),
        ] {
            let text = format!("id: {id}\ntitle: {id}\nversion: '1'\non_request: true\n{rest}\n");
            files.insert(format!("{id}/component.yaml"), text.into_bytes());
        }
        let catalog = Catalog::from_files(&files, &Default::default()).unwrap();
        let with = |chosen: &[&str], there: &[&str]| {
            let chosen: Vec<String> = chosen.iter().map(|id| (*id).to_owned()).collect();
            let answers = Answers::new(&catalog, &[], Some(&chosen)).unwrap();
            let components = there.iter().map(|id| ((*id).to_owned(), Default::default())).collect();
            let state = InstallState { components, ..InstallState::default() };
            let used = with_optional_components(&catalog, &answers, &state).unwrap().unwrap_or(answers);
            let refused = one_provider(&catalog, &used, &state).err().map(|failed| failed.error.to_string());
            (used.components, refused.unwrap_or_default())
        };
        for user in ["may", "must"] {
            let (components, refused) = with(&[user, "redpanda"], &["kafka"]);
            assert_eq!(components, [user, "redpanda"], "{refused}");
            assert!(refused.starts_with("kafka is installed and exports `brokers`, as redpanda does"), "{refused}");
            assert_eq!(with(&[user, "redpanda"], &["redpanda"]).1, "");
            // An instance is no second one, and the one that was named is meant.
            assert_eq!(
                with(&[user, "kafka@b"], &["kafka"]),
                (vec!["kafka@b".to_owned(), user.to_owned()], String::new())
            );
        }
        assert_eq!(with(&["redpanda"], &["kafka"]).1, "", "nobody requires it");
        assert_eq!(with(&["may"], &["kafka"]), (vec!["kafka".to_owned(), "may".to_owned()], String::new()));
        let refused = with(&["may"], &["kafka", "redpanda"]).1;
        assert!(refused.starts_with("redpanda and kafka are installed and both export `brokers`"), "{refused}");
        // Of two definitions neither is meant.
        let meant = |there: &[&str]| catalog.provider("brokers", |id| there.contains(&id)).map(|one| one.id.clone());
        assert_eq!((meant(&["kafka", "redpanda"]), meant(&["redpanda"])), (None, Some("redpanda".to_owned())));
    }

    #[test]
    fn recorded_answers_mean_the_same_from_any_folder() {
        let catalog = catalog::load(&[]).unwrap();
        let mut text = "platform:\n  registry: r.site\n  pull_secret: {file: ./registry.json}\n".to_owned();
        let all = catalog.components.keys().filter(|id| {
            catalog
                .questions(id)
                .iter()
                .any(|question| question.id == "values_file" && question.kind == catalog::Kind::Path)
        });
        let mut files = 0;
        for id in all {
            text += &format!("{id}:\n  values_file: ./some/{id}.yaml\n");
            files += 1;
        }
        let mut given = AnswerSources::default();
        given.take(parse_file("site.yaml", &text, LayerKind::File).unwrap());
        given.chosen = Some(catalog.components.keys().cloned().collect());
        let answers = given.draft(&catalog).unwrap().answers;
        let text = recorded(&catalog, &anchored_at(&catalog, &answers, Path::new("/site/a"))).unwrap();
        assert!(text.contains("/site/a/registry.json") && !text.contains("./"), "{text}");
        assert_eq!((text.matches("/site/a/some/").count(), files > 1), (files, true), "{text}");
    }

    #[test]
    fn what_is_remembered_means_the_same_from_any_folder() {
        let catalog = catalog::load(&[]).unwrap();
        let mut given = AnswerSources::default();
        // A file that every folder of this test's has.
        given.take(parse_file("site.yaml", "platform:\n  registry: r.site\nlivy:\n  image: r.site/livy\n  image_tag: x\nhdfs:\n  values_file: Cargo.toml\n", LayerKind::File).unwrap());
        let answers = given.draft(&catalog).unwrap().answers;
        let whole = anchored(&catalog, &answers).unwrap();
        let here = std::env::current_dir().unwrap().join("Cargo.toml");
        assert_eq!(whole.remembered()["hdfs"]["values_file"], here.display().to_string());
        assert_eq!(anchored_at(&catalog, &whole, Path::new("/elsewhere")).remembered(), whole.remembered());
    }
}
