//! Fills in every template of the catalog.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Object;

use super::acts::Bound;
use super::answered::Answers;
use super::images;
use super::local_files::answered_files;
use super::scope::{HDFS_USER, Resolver, hdfs_access, known};
use super::template::{Known, TemplateError, Templates, namespace_peer, value};
use super::{
    Charts, OpenComponent, ResolveError, Resolved, ResolvedAction, ResolvedComponent, ResolvedCopy, ResolvedEndpoint,
    ResolvedRelease, SkippedAction,
};
use crate::catalog::action::ActionSpec;
use crate::catalog::{Act, Answer, Catalog, Component, INSTALLED, Leftover, Part, QuestionId, WEBHDFS, graph};
use crate::model::yaml::{self, lay_over};
use crate::model::{
    FileTree, PULL_SECRET, ReleaseValues, STATE_NAMESPACE, SecretRef, bounded, crds, digest, is_selector,
};

/// Stands for the results of an action at planning time: `{{ pi.app_id }}` renders to itself.
#[derive(Debug)]
struct PendingResult(String);

impl Object for PendingResult {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Value::from(format!("{{{{ {}.{key} }}}}", self.0)))
    }
}

/// Fills in the catalog, where all charts lie in it. Reads only the files that answers name, such as `values_file`s.
///
/// # Errors
/// As [`resolve_with`].
pub fn resolve(catalog: &Catalog, answers: &Answers) -> Result<Resolved, ResolveError> {
    resolve_with(catalog, answers, &Charts::default())
}

/// Fills in the catalog, with charts from elsewhere.
///
/// # Errors
/// A template fails, values are not YAML, a file that an answer names cannot be read, or a chart was not fetched.
pub fn resolve_with(catalog: &Catalog, answers: &Answers, charts: &Charts) -> Result<Resolved, ResolveError> {
    let catalog = &*answers.catalog(catalog);
    let chosen: Vec<&Component> = answers.components.iter().filter_map(|id| catalog.components.get(id)).collect();
    let hdfs_provider = catalog.hdfs_provider(|id| answers.has(id));
    let provider = hdfs_provider.map(|component| component.id.as_str());
    let mut parts: Vec<Part> = chosen.iter().map(|component| Part::of(component, provider)).collect();
    let sorted = order(&parts);
    let (files, answers_value) = answered_files(answers, &chosen)?;
    let mut resolver = Resolver {
        templates: Templates::new(),
        answers,
        charts,
        answers_value: known(&answers_value),
        files,
        exports: Known::default(),
        later: parts
            .iter()
            .flat_map(Part::acts)
            .filter_map(|act| act.register.clone())
            .map(|name| (name.clone(), Value::from_object(PendingResult(name))))
            .collect(),
        clients: BTreeMap::new(),
        secret_names: BTreeMap::new(),
    };
    for component in &chosen {
        resolver.name_secrets(component)?;
    }
    resolver.clients = resolver.clients(catalog)?;
    for at in &sorted {
        resolver.export(chosen[*at])?;
    }
    let skipped = resolver.skip_actions(catalog, &chosen, &mut parts)?;
    let graph = graph(&parts)?;
    let mut components = Vec::with_capacity(sorted.len());
    for at in sorted {
        components.push(resolver.component(chosen[at], &parts[at])?);
    }
    shared(&components, answers)?;
    let hdfs = hdfs_provider.filter(|component| answers.has(&component.id)).and_then(|component| {
        let export = |name: &str| resolver.exports.text(&component.id, name);
        Some(hdfs_access(&component.id, resolver.name(component, "namespace"), &export(WEBHDFS)?, export(HDFS_USER)))
    });
    let pull_secret = match answers.get("platform", "pull_secret") {
        Answer::Secret(reference) => Some(reference.clone()),
        _ => None,
    };
    let pull_secret_name = resolver.pull_secret();
    let unpinned = images::unpinned(catalog, answers, &components);
    let in_place = chosen.iter().flat_map(|component| resolver.in_place(component)).collect();
    let images = chosen.iter().flat_map(|component| images::declared(answers, component)).collect();
    let open = open(catalog, &components);
    Ok(Resolved {
        components,
        hdfs,
        pull_secret,
        pull_secret_name,
        open,
        unpinned,
        images,
        in_place,
        answers: answers.remembered(),
        graph,
        skipped,
        disrupts: false,
    })
}

/// The components that ask for no login.
fn open(catalog: &Catalog, components: &[ResolvedComponent]) -> Vec<OpenComponent> {
    let all = components.iter().filter_map(|component| {
        let (release, known) = (component.release.as_ref()?, catalog.components.get(&component.id)?);
        let release = (release.namespace.clone(), release.name.clone());
        Some(OpenComponent { title: known.title.clone(), release, said: known.open.clone()? })
    });
    all.collect()
}

/// Refuses two of what there can be one of.
fn shared(components: &[ResolvedComponent], answers: &Answers) -> Result<(), ResolveError> {
    let mut releases: BTreeMap<(&str, &str), String> = BTreeMap::new();
    let mut secrets: BTreeMap<(&str, &str), String> = BTreeMap::new();
    if matches!(answers.get("platform", "pull_secret"), Answer::Secret(from) if !from.is_in_place()) {
        let namespaces = components.iter().flat_map(ResolvedComponent::places).map(|(name, _)| name);
        secrets.extend(namespaces.map(|namespace| ((namespace, PULL_SECRET), "platform.pull_secret".to_owned())));
    }
    for component in components {
        let Some(release) = &component.release else { continue };
        let answer = format!("{}.release", component.id);
        if release.namespace == STATE_NAMESPACE {
            return Err(ResolveError::OwnNamespace { answer: format!("{}.namespace", component.id) });
        }
        if let Some(first) = releases.insert((&release.namespace, &release.name), answer.clone()) {
            let what = format!("release {} in namespace {}", release.name, release.namespace);
            return Err(ResolveError::Shared { first, second: answer, what });
        }
        for secret in &component.secrets {
            let question = format!("{} with the secret {}", answer, secret.id);
            if let Some(first) = secrets.insert((&release.namespace, &secret.name), question.clone()) {
                let what = format!("Secret {} in namespace {}", secret.name, release.namespace);
                return Err(ResolveError::Shared { first, second: question, what });
            }
        }
    }
    // One Secret of the site may be copied for several components.
    let mut copies: BTreeMap<(&str, &str), &ResolvedCopy> = BTreeMap::new();
    for (component, copy) in components.iter().flat_map(|one| one.copies.iter().map(move |copy| (one, copy))) {
        let place = (copy.namespace.as_str(), copy.name.as_str());
        let same = copies.insert(place, copy).is_some_and(|known| known.of == copy.of && known.keys == copy.keys);
        let second = format!("namespaces of {} with the copy of secret {}", component.id, copy.id);
        if let Some(first) = secrets.insert(place, second.clone()).filter(|_| !same) {
            let what = format!("Secret {} in namespace {}", copy.name, copy.namespace);
            return Err(ResolveError::Shared { first, second, what });
        }
    }
    Ok(())
}

impl Resolver<'_> {
    fn hdfs_provider<'c>(&self, catalog: &'c Catalog) -> Option<&'c Component> {
        catalog.hdfs_provider(|id| self.answers.has(id))
    }

    /// The name of the Secret that lets a namespace pull, empty where pulling needs none.
    fn pull_secret(&self) -> String {
        match self.answers.get("platform", "pull_secret") {
            Answer::Secret(from @ SecretRef::Secret(name)) if from.is_in_place() => name.clone(),
            Answer::Secret(_) => PULL_SECRET.to_owned(),
            _ => String::new(),
        }
    }

    /// The Secrets that are used as they are: namespace and name.
    fn in_place(&self, component: &Component) -> Vec<(String, String)> {
        let named = self.secrets(component).filter(|(_, from, _)| from.is_in_place());
        named.map(|(_, _, name)| (self.name(component, "namespace"), name)).collect()
    }

    /// Who connects to whom, as components declare it. All components of the catalog count, chosen or not: one that is
    /// installed stays let in when another is installed without it.
    fn clients(&self, catalog: &Catalog) -> Result<BTreeMap<String, Vec<serde_json::Value>>, TemplateError> {
        let mut clients: BTreeMap<String, Vec<_>> = catalog.components.keys().map(|id| (id.clone(), vec![])).collect();
        for component in catalog.components.values() {
            let (Some(release), place) = (&component.release, format!("{}/component.yaml", component.id)) else {
                continue;
            };
            let name = |question: &str, default: &str| {
                let id = QuestionId::new(&component.id, question);
                let given = self.answers.get(&component.id, question).text();
                given.or_else(|| self.answers.others.get(&id)?.text()).unwrap_or(default).to_owned()
            };
            let (release, namespace) = (name("release", &release.name), name("namespace", &release.namespace));
            let context = value(&serde_json::json!({"self": {"release": release, "namespace": namespace}}));
            for connects in &component.connects {
                let labels = connects.pods.iter().map(|(label, text)| {
                    self.templates.render(&place, text, &context).map(|text| (label.as_str(), text))
                });
                let mut peer = namespace_peer(&namespace);
                peer["podSelector"] =
                    serde_json::json!({"matchLabels": labels.collect::<Result<BTreeMap<_, _>, _>>()?});
                clients.entry(connects.to.clone()).or_default().push(peer);
            }
        }
        Ok(clients)
    }

    fn context(&self, component: &Component) -> Value {
        self.context_with(component, true)
    }

    /// What templates see that a Secret is filled with: a version in it would never come to rest.
    pub(super) fn context_of_secrets(&self, component: &Component) -> Value {
        self.context_with(component, false)
    }

    fn context_with(&self, component: &Component, versions: bool) -> Value {
        let this = value(&serde_json::json!({
            "id": component.id,
            "instance": component.instance(),
            "version": component.version,
            "release": self.name(component, "release"),
            "namespace": self.name(component, "namespace"),
            "pull_secret": self.pull_secret(),
            "images": images::for_templates(self.answers, component),
            "secrets": self.secret_values(component, versions),
            "clients": self.clients.get(&component.id),
        }));
        let fixed = [
            ("answers".to_owned(), self.answers_value.seen_by(self.seen(component))),
            ("exports".to_owned(), self.exports.seen_by(self.seen(component))),
            ("self".to_owned(), this),
            (INSTALLED.to_owned(), super::installed::seen(self.answers.installed.get(&component.id))),
        ];
        // What an instance calls a result is one of its own.
        let own = component.results.iter().filter_map(|(name, of)| Some((name.clone(), self.later.get(of)?.clone())));
        Value::from_pairs(fixed.into_iter().chain(self.later.clone()).chain(own))
    }

    fn export(&self, component: &Component) -> Result<(), TemplateError> {
        let context = self.context(component);
        let own = component.exports.iter().map(|(name, text)| {
            let place = format!("{}/component.yaml, export {name}", component.id);
            Ok((name.clone(), Value::from(self.templates.render(&place, text, &context)?)))
        });
        self.exports.insert(&component.id, own.collect::<Result<_, TemplateError>>()?);
        Ok(())
    }

    /// Removes from the parts the checks whose input nothing gives, and from the other actions what they do not need: a
    /// name behind a condition, of a component that was not chosen.
    fn skip_actions(
        &mut self,
        catalog: &Catalog,
        chosen: &[&Component],
        parts: &mut [Part],
    ) -> Result<Vec<SkippedAction>, ResolveError> {
        let mut found = Vec::new();
        self.skip_by_condition(chosen, parts)?;
        let absent = self.hdfs_provider(catalog).is_none_or(|provider| !self.answers.has(&provider.id));
        if absent {
            for (component, part) in chosen.iter().zip(parts.iter_mut()) {
                let could = catalog.optional_of(component);
                if let Some(hdfs) = catalog.providers(WEBHDFS).find(|provider| could.contains(&provider.id)) {
                    self.skip_hdfs(component, part, &hdfs.id, &mut found);
                }
            }
        }
        loop {
            let before = found.len();
            for (component, part) in chosen.iter().zip(parts.iter_mut()) {
                let lacking: Vec<(usize, String)> = part
                    .verify
                    .iter()
                    .enumerate()
                    .filter_map(|(at, act)| Some((at, self.lacks(catalog, component, component.spec(&act.id)?, act)?)))
                    .collect();
                for (at, why) in lacking.into_iter().rev() {
                    let act = part.verify.remove(at);
                    let Some(spec) = component.spec(&act.id) else { continue };
                    let title =
                        spec.title.as_ref().map_or_else(|| spec.kind.kind().title(), |text| text.en().to_owned());
                    // Who uses its results lacks them now.
                    act.register.iter().for_each(|name| drop(self.later.remove(name)));
                    found.push(SkippedAction { component: component.id.clone(), id: act.id, title, why });
                }
            }
            if found.len() == before {
                break;
            }
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        for (component, part) in chosen.iter().zip(parts) {
            part.requires.retain(|id| self.answers.has(id));
            for act in part.phases().into_iter().flatten() {
                if let Some(what) = component.spec(&act.id).and_then(|spec| self.lacks(catalog, component, spec, act)) {
                    return Err(ResolveError::Absent { step: act.id.clone(), what });
                }
                act.needs.retain(|id| self.answers.has(id));
                act.results.retain(|name| self.later.contains_key(name));
            }
        }
        Ok(found)
    }

    /// Removes the actions whose condition does not hold; they are not reported.
    fn skip_by_condition(&mut self, chosen: &[&Component], parts: &mut [Part]) -> Result<(), ResolveError> {
        for (component, part) in chosen.iter().zip(parts.iter_mut()) {
            let context = self.context(component);
            for acts in part.phases() {
                let mut kept = Vec::with_capacity(acts.len());
                for act in std::mem::take(acts) {
                    let when = component.spec(&act.id).and_then(|spec| spec.when.as_deref());
                    if when.map_or(Ok(true), |when| self.templates.holds(&act.id, when, &context))? {
                        kept.push(act);
                    } else {
                        act.register.iter().for_each(|name| drop(self.later.remove(name)));
                    }
                }
                *acts = kept;
            }
        }
        Ok(())
    }

    /// Removes what acts on an HDFS that a component can do without.
    fn skip_hdfs(&mut self, component: &Component, part: &mut Part, hdfs: &str, found: &mut Vec<SkippedAction>) {
        for acts in part.phases() {
            acts.retain(|act| {
                let Some(spec) = component.spec(&act.id).filter(|spec| spec.kind.uses_hdfs()) else { return true };
                let title = spec.title.as_ref().map_or_else(|| spec.kind.kind().title(), |text| text.en().to_owned());
                act.register.iter().for_each(|name| drop(self.later.remove(name)));
                let why = format!("component {hdfs}, which is optional");
                found.push(SkippedAction { component: component.id.clone(), id: act.id.clone(), title, why });
                false
            });
        }
    }

    /// What an action needs and nothing gives, with who would; nothing where it can do without.
    fn lacks(&self, catalog: &Catalog, component: &Component, spec: &ActionSpec, act: &Act) -> Option<String> {
        let absent = act.needs.iter().find(|id| !self.answers.has(id));
        let result = act.results.iter().find(|name| !self.later.contains_key(*name));
        let answer = act.answers.iter().find(|id| *id != "platform" && !self.answers.has(id));
        let what = match (result, absent, answer) {
            (Some(name), ..) => {
                let mut all = catalog.components.values();
                let giver = all.find(|other| other.actions().any(|action| action.register.as_ref() == Some(name)));
                let of = giver.map(|giver| format!(" of {}", giver.id)).unwrap_or_default();
                format!("the result `{name}`{of}")
            }
            (None, Some(id), _) => format!("component {id}"),
            (None, None, Some(id)) => format!("an answer of component {id}"),
            (None, None, None) => return None,
        };
        // HDFS is needed whatever the texts say.
        let acts =
            spec.kind.uses_hdfs() && self.hdfs_provider(catalog).is_none_or(|provider| !self.answers.has(&provider.id));
        let context = self.context(component);
        let fails = || spec.kind.map(|text| self.templates.render(&act.id, text, &context)).is_err();
        (acts || fails()).then_some(what)
    }

    fn component(&self, component: &Component, part: &Part) -> Result<ResolvedComponent, ResolveError> {
        let context = self.context(component);
        let place = format!("{}/component.yaml", component.id);
        let fill = |text: &str| self.templates.render(&place, text, &context);
        let names = Bound::new(self, component);
        let actions = |acts: &[Act]| -> Result<Vec<ResolvedAction>, ResolveError> {
            let actions = acts.iter().filter_map(|act| Some((act, component.spec(&act.id)?)));
            let actions = actions.map(|(act, spec)| {
                let made = names.action(act.id.clone(), spec, &fill)?;
                Ok(ResolvedAction { needs: act.needs.clone(), results: act.results.clone(), ..made })
            });
            actions.collect()
        };
        let own_files = || self.files.get(&component.id).into_iter().flatten();
        let (first, before) = (actions(&part.first)?, actions(&part.before)?);
        let (after, verify) = (actions(&part.after)?, actions(&part.verify)?);
        let rotate = self.rotations(component, &names, &context, &fill)?;
        let release = self.release(component, &context)?;
        let endpoints = component.endpoints.iter().map(|endpoint| {
            Ok::<_, TemplateError>(ResolvedEndpoint {
                title: endpoint.title.en().to_owned(),
                url: endpoint.url.as_deref().map(fill).transpose()?,
                ingress: endpoint.ingress.as_deref().map(fill).transpose()?,
            })
        });
        let leftovers = component.leftovers.iter().map(|leftover| {
            let selector = fill(&leftover.selector)?;
            if !is_selector(&selector) {
                return Err(ResolveError::Selector { component: component.id.clone(), selector });
            }
            Ok(Leftover { kind: leftover.kind.clone(), selector })
        });
        let secrets = self.filled_secrets(component)?;
        Ok(ResolvedComponent {
            id: component.id.clone(),
            title: component.title.en().to_owned(),
            version: component.version.clone(),
            origin: component.origin.clone(),
            namespace: release.as_ref().map(|release| release.namespace.clone()),
            release,
            needs: part.requires.clone(),
            first,
            before,
            after,
            verify,
            endpoints: endpoints.collect::<Result<_, _>>()?,
            leftovers: leftovers.collect::<Result<_, ResolveError>>()?,
            copies: self.copies(component, &secrets, &fill)?,
            secrets,
            rotate,
            namespaces: self.namespaces(component, &fill)?,
            config_maps: own_files().map(|(files, _)| files.clone()).collect(),
            files: own_files()
                .map(|(files, content)| (files.digest.clone(), content.clone()))
                .chain(names.files.into_inner())
                .collect(),
        })
    }

    /// The namespaces beside the release's own; windlass's is nobody's.
    fn namespaces(
        &self,
        component: &Component,
        fill: &dyn Fn(&str) -> Result<String, TemplateError>,
    ) -> Result<Vec<(String, String)>, ResolveError> {
        let own = self.name(component, "namespace");
        let mut found: Vec<(String, String)> = Vec::new();
        for spec in &component.namespaces {
            let (name, level) = (fill(&spec.name)?.trim().to_owned(), fill(&spec.pod_security)?.trim().to_owned());
            if name == STATE_NAMESPACE {
                return Err(ResolveError::OwnNamespace { answer: format!("{}, namespaces", component.id) });
            }
            if !is_label(&name) && !name.is_empty() {
                let what = format!("`{name}` is not a valid namespace name");
                return Err(ResolveError::Action { component: component.id.clone(), what });
            }
            if !name.is_empty() && name != own && found.iter().all(|(known, _)| *known != name) {
                found.push((name, level));
            }
        }
        Ok(found)
    }

    fn release(&self, component: &Component, context: &Value) -> Result<Option<ResolvedRelease>, ResolveError> {
        let (Some(spec), Some(_), Some(template)) = (&component.release, &component.chart, &component.values_template)
        else {
            return Ok(None);
        };
        let id = &component.id;
        let is_own = self.answers.get(id, "chart").text().is_none();
        let own = component.chart_files.as_ref().filter(|_| is_own);
        let chart = match self.charts.found.get(id).or(own) {
            Some(chart) => chart.clone(),
            None if self.charts.unneeded => FileTree::default(),
            None => return Err(ResolveError::Chart { component: id.clone() }),
        };
        let place = format!("{id}/{}", component.values.as_deref().unwrap_or("values"));
        let text = self.templates.render(&place, template, context)?;
        let not_yaml = |source| ResolveError::Values { component: id.clone(), source };
        let mut values = serde_json::Value::Object(yaml::helm_values(&text).map_err(not_yaml)?);
        images::write(self.answers, component, &mut values)?;
        let mut given = serde_json::Value::Null;
        if let Some(file) = self.answers.get(id, "values_file").text() {
            let path = PathBuf::from(file);
            let named = |source| ResolveError::ValuesFile { component: id.clone(), path: path.clone(), source };
            let text = bounded::text(&path, bounded::VALUES).map_err(named)?;
            let above = yaml::helm_values(&text).map_err(|source| ResolveError::ValuesText {
                component: id.clone(),
                path: path.clone(),
                source,
            })?;
            if !above.is_empty() {
                given = serde_json::Value::Object(above.clone());
            }
            if let serde_json::Value::Object(below) = &mut values {
                lay_over(below, above);
            }
        }
        Ok(Some(ResolvedRelease {
            name: self.name(component, "release"),
            namespace: self.name(component, "namespace"),
            pod_security: self.templates.render(&format!("{id}/component.yaml"), &spec.pod_security, context)?,
            chart_digest: chart.digest(),
            crds: crds(&chart, &values),
            ignored: self.ignored(component)?,
            adopts: if is_own { component.adopts.clone() } else { Vec::new() },
            chart,
            values_digest: digest(values.to_string().as_bytes()),
            values: ReleaseValues::new(values, given),
        }))
    }
}

/// Whether a namespace can be called so.
fn is_label(name: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 63 && name.starts_with(word) && name.ends_with(word) && name.chars().all(|c| word(c) || c == '-')
}

/// Each component after those whose exports it uses or that it requires; of several that may come, in the order given.
fn order(parts: &[Part]) -> Vec<usize> {
    let index: BTreeMap<&str, usize> = parts.iter().enumerate().map(|(at, part)| (part.id.as_str(), at)).collect();
    let needs = |at: usize| parts[at].requires.iter().filter_map(|id| index.get(id.as_str()).copied());
    let mut left: Vec<usize> = (0..parts.len()).map(|at| needs(at).count()).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
    (0..parts.len()).for_each(|at| needs(at).for_each(|need| users[need].push(at)));
    let mut sorted = Vec::with_capacity(parts.len());
    let mut round: Vec<usize> = (0..parts.len()).filter(|at| left[*at] == 0).collect();
    while !round.is_empty() {
        let mut next = Vec::new();
        for user in round.iter().flat_map(|at| &users[*at]) {
            left[*user] -= 1;
            if left[*user] == 0 {
                next.push(*user);
            }
        }
        next.sort_unstable();
        sorted.append(&mut round);
        round = next;
    }
    sorted
}
