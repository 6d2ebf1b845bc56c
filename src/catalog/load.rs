//! Files to a checked catalog: shapes, types, references, cycles. All mistakes at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::graph::{Part, circle, graph};
use super::question::{Profile, QuestionId, Rule};
use super::shapes::{COMPONENT, PLATFORM, PROFILE};
use super::{ActionSpec, Component, Files, Kind, Question, Reference, Text, references};
use crate::model::yaml::{self, Findings, Node, Pos};
use crate::model::{ChartFiles, is_selector};

/// All components, checked.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Questions that every component may read.
    pub platform: Vec<Question>,
    /// What they are called together.
    pub platform_title: Text,
    /// What must hold between their answers.
    pub platform_rules: Vec<Rule>,
    /// Components by id.
    pub components: BTreeMap<String, Component>,
    /// Profiles by id.
    pub profiles: BTreeMap<String, Profile>,
    /// All questions of each component, implicit ones included, and of `platform`.
    asked: BTreeMap<String, Vec<Question>>,
    /// The component that exports `webhdfs`.
    hdfs: Option<String>,
}

#[derive(Default, Deserialize)]
struct Platform {
    #[serde(default)]
    title: Text,
    questions: Vec<Question>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct ProfileHead {
    id: String,
    title: Text,
    #[serde(default)]
    help: Option<Text>,
}

impl Catalog {
    /// Checks and reads the files of a catalog. `origins` names the folder of components that were laid over.
    ///
    /// # Errors
    /// Every mistake, with file, line and column.
    pub fn from_files(files: &Files, origins: &BTreeMap<String, String>) -> Result<Self, Findings> {
        let mut findings = Findings::default();
        let mut trees = BTreeMap::new();
        let mut components = BTreeMap::new();
        let platform = read(files, "platform.yaml", &PLATFORM, &mut findings)
            .and_then(|(_, text)| typed::<Platform>("platform.yaml", &text, &mut findings));
        for path in files.keys().filter(|path| path.ends_with("/component.yaml")) {
            let Some((folder, "component.yaml")) = path.split_once('/') else { continue };
            let Some((tree, text)) = read(files, path, &COMPONENT, &mut findings) else { continue };
            let Some(mut component) = typed::<Component>(path, &text, &mut findings) else { continue };
            if component.id != folder {
                let pos = tree.get("id").map_or(tree.pos, |node| node.pos);
                findings.add(path, pos, format!("id `{}` is not the name of its folder", component.id));
            }
            attach(files, folder, path, &tree, &mut component, &mut findings);
            component.origin = origins.get(folder).cloned();
            trees.insert(component.id.clone(), tree);
            components.insert(component.id.clone(), component);
        }
        let Platform { title, questions, rules } = platform.unwrap_or_default();
        let profiles = files.keys().filter_map(|path| profile(files, path, &mut findings));
        let profiles = profiles.map(|profile| (profile.id.clone(), profile)).collect();
        let mut asked: BTreeMap<String, Vec<Question>> =
            components.iter().map(|(id, component)| (id.clone(), all_questions(component))).collect();
        asked.insert("platform".to_owned(), questions.clone());
        let hdfs = components.values().find(|component| component.exports.contains_key("webhdfs"));
        let hdfs = hdfs.map(|component| component.id.clone());
        let (platform, platform_title, platform_rules) = (questions, title, rules);
        let catalog = Self { platform, platform_title, platform_rules, components, profiles, asked, hdfs };
        if findings.0.is_empty() {
            Checker { catalog: &catalog, trees: &trees, findings: &mut findings }.run();
        }
        findings.into_result(catalog)
    }

    /// What people call a component, or `platform`.
    #[must_use]
    pub fn title(&self, component: &str) -> &Text {
        self.components.get(component).map_or(&self.platform_title, |component| &component.title)
    }

    /// The questions of a component, implicit ones included, or those of `platform`.
    #[must_use]
    pub fn questions(&self, component: &str) -> &[Question] {
        self.asked.get(component).map_or(&[], Vec::as_slice)
    }

    /// A question by its full name.
    #[must_use]
    pub fn question(&self, id: &QuestionId) -> Option<&Question> {
        self.questions(&id.component).iter().find(|question| question.id == id.question)
    }

    /// Whether a question is about where images come from.
    #[must_use]
    pub fn is_about_images(&self, id: &QuestionId) -> bool {
        match self.components.get(&id.component) {
            None => matches!(id.question.as_str(), "registry" | "pull_secret"),
            Some(component) => component.images.iter().any(|image| {
                let names = component.image_names(image);
                [names.repository, names.tag, names.digest].contains(&id.question)
            }),
        }
    }

    /// What must hold between the answers of a component, or of `platform`.
    #[must_use]
    pub fn rules(&self, component: &str) -> &[Rule] {
        match self.components.get(component) {
            Some(component) => &component.rules,
            None if component == "platform" => &self.platform_rules,
            None => &[],
        }
    }

    /// The component that exports `webhdfs`: the one that `hdfs.*` actions act on.
    #[must_use]
    pub fn hdfs_provider(&self) -> Option<&Component> {
        self.components.get(self.hdfs.as_ref()?)
    }
}

fn all_questions(component: &Component) -> Vec<Question> {
    let mut questions = component.questions.clone();
    questions.extend(implicit_questions(component));
    questions
}

/// The questions that every component with a chart has without naming them.
#[must_use]
pub fn implicit_questions(component: &Component) -> Vec<Question> {
    let text = |en: String, ru: String| Text::ByLanguage([("en".to_owned(), en), ("ru".to_owned(), ru)].into());
    let question = |id: &str, title: Text, kind, default: Option<&str>, optional| Question {
        id: id.to_owned(),
        title,
        kind,
        default: default.map(|text| serde_json::Value::String(text.to_owned())),
        optional,
        help: None,
        group: Some(text("Release".to_owned(), "Релиз".to_owned())),
        suggest: None,
        measures: None,
        choices: Vec::new(),
        min: None,
        max: None,
    };
    let mut questions = Vec::new();
    if let Some(release) = &component.release {
        let two = |en: &str, ru: &str| text(en.to_owned(), ru.to_owned());
        let title = two("Release name", "Имя релиза");
        questions.push(question("release", title, Kind::Hostname, Some(&release.name), false));
        let title = two("Namespace", "Пространство имён");
        questions.push(question("namespace", title, Kind::Hostname, Some(&release.namespace), false));
        let title = two("Folder of another chart to use", "Папка другого чарта");
        questions.push(question("chart", title, Kind::Path, None, true));
        let title = two("File of values laid over ours", "Файл значений поверх наших");
        questions.push(question("values_file", title, Kind::Path, None, true));
    }
    for image in &component.images {
        let names = component.image_names(image);
        let (repository, tag) = image.split();
        let title = text(format!("Image of {}", image.name), format!("Образ {}", image.name));
        questions.push(question(&names.repository, title, Kind::String, repository, false));
        let title = text(format!("Tag of {}", image.name), format!("Тег образа {}", image.name));
        questions.push(question(&names.tag, title, Kind::String, tag, false));
        if image.digest.is_some() {
            let title =
                text(format!("Digest of the image of {}", image.name), format!("Дайджест образа {}", image.name));
            let mut digest = question(&names.digest, title, Kind::Digest, None, true);
            digest.help = Some(text(
                "sha256:… of the image under that tag; then exactly this image is pulled, whatever becomes of the tag."
                    .to_owned(),
                "sha256:… образа с этим тегом; тогда загружается именно он, что бы ни стало с тегом.".to_owned(),
            ));
            questions.push(digest);
        }
    }
    questions
}

fn read(files: &Files, path: &str, shape: &yaml::Shape, findings: &mut Findings) -> Option<(Node, String)> {
    let start = Pos { line: 1, column: 1 };
    let Some(bytes) = files.get(path) else {
        findings.add(path, start, "the file is missing");
        return None;
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        findings.add(path, start, "not UTF-8");
        return None;
    };
    match yaml::parse(path, text) {
        Ok(node) => {
            let before = findings.0.len();
            yaml::check(path, &node, shape, findings);
            (findings.0.len() == before).then(|| (node, text.to_owned()))
        }
        Err(found) => {
            findings.0.extend(found.0);
            None
        }
    }
}

fn typed<T: serde::de::DeserializeOwned>(path: &str, text: &str, findings: &mut Findings) -> Option<T> {
    match yaml::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            findings.add(path, Pos { line: 1, column: 1 }, cause);
            None
        }
    }
}

/// The profile in a file of that name.
fn profile(files: &Files, path: &str, findings: &mut Findings) -> Option<Profile> {
    let name = path.strip_prefix("profiles/")?.strip_suffix(".yaml")?;
    let (tree, text) = read(files, path, &PROFILE, findings)?;
    let ProfileHead { id, title, help } = typed(path, &text, findings)?;
    let pos = tree.get("id").map_or(tree.pos, |node| node.pos);
    if id != name {
        findings.add(path, pos, format!("id `{id}` is not the name of its file"));
    }
    if !is_name(&id, '-') {
        findings.add(path, pos, format!("`{id}` cannot be a profile's id: use [a-z][a-z0-9-]*"));
    }
    let components = tree.get("answers").and_then(Node::map).unwrap_or_default();
    let answers = components.iter().flat_map(|(component, _, answers)| {
        let answers = answers.map().unwrap_or_default().iter();
        answers.map(move |(question, pos, node)| (QuestionId::new(component, question), *pos, node.clone()))
    });
    Some(Profile { id, title, help, file: path.to_owned(), answers: answers.collect() })
}

/// Puts chart and values template into the component.
fn attach(files: &Files, folder: &str, path: &str, tree: &Node, component: &mut Component, findings: &mut Findings) {
    if let Some(chart) = &component.chart {
        let prefix = format!("{folder}/{}/", chart.path.trim_matches('/'));
        let found: Vec<_> = files
            .iter()
            .filter_map(|(name, bytes)| Some((name.strip_prefix(&prefix)?.to_owned(), bytes.clone())))
            .collect();
        let pos = tree.get("chart").and_then(|node| node.get("path")).map_or(tree.pos, |node| node.pos);
        if !found.iter().any(|(name, _)| name == "Chart.yaml") {
            findings.add(path, pos, format!("no Chart.yaml in `{}`", chart.path));
        }
        component.chart_files = Some(ChartFiles::new(found));
        for (key, there) in [("release", component.release.is_some()), ("values", component.values.is_some())] {
            if !there {
                findings.add(path, tree.pos, format!("key `{key}` is missing: a component with a chart has it"));
            }
        }
    }
    if let Some(name) = &component.values {
        let pos = tree.get("values").map_or(tree.pos, |node| node.pos);
        match files.get(&format!("{folder}/{name}")).map(|bytes| String::from_utf8(bytes.clone())) {
            Some(Ok(text)) => component.values_template = Some(text),
            Some(Err(_)) => findings.add(path, pos, format!("`{name}` is not UTF-8")),
            None => findings.add(path, pos, format!("there is no file `{name}`")),
        }
    }
}

/// The checks across components.
struct Checker<'a> {
    catalog: &'a Catalog,
    trees: &'a BTreeMap<String, Node>,
    findings: &'a mut Findings,
}

impl Checker<'_> {
    fn run(&mut self) {
        let catalog = self.catalog;
        for question in &catalog.platform {
            let pos = Pos { line: 1, column: 1 };
            self.question("platform.yaml", pos, question);
            if question.generates() {
                let message =
                    format!("question `{}`: `default: generate` needs a component with a release", question.id);
                self.findings.add("platform.yaml", pos, message);
            }
        }
        self.rules("platform", &self.catalog.platform_rules);
        for profile in self.catalog.profiles.values() {
            for (id, pos, _) in &profile.answers {
                // A component that was laid over ours may ask something else than ours, which the profile knows.
                if self.catalog.components.get(&id.component).is_some_and(|component| component.origin.is_some()) {
                    continue;
                }
                if self.catalog.question(id).is_none() {
                    let message = format!("no question is called `{id}`");
                    let known = self.catalog.questions(&id.component).iter().map(|question| question.id.as_str());
                    self.findings.add_unknown(&profile.file, *pos, message, &id.question, known);
                }
            }
        }
        let registered: BTreeSet<&str> = self
            .catalog
            .components
            .values()
            .flat_map(Component::actions)
            .filter_map(|action| action.register.as_deref())
            .collect();
        for component in self.catalog.components.values() {
            self.component(component, &registered);
        }
        if self.findings.0.is_empty() {
            self.order();
        }
        let providers: Vec<_> =
            self.catalog.components.values().filter(|component| component.exports.contains_key("webhdfs")).collect();
        if let [_, second, ..] = providers.as_slice() {
            let pos = self.place(&second.id, &["exports"]);
            self.add(&second.id, pos, "two components export `webhdfs`: hdfs actions would not know which to use");
        }
    }

    fn component(&mut self, component: &Component, registered: &BTreeSet<&str>) {
        let id = &component.id;
        let pos = self.place(id, &["id"]);
        if !is_name(id, '-') || matches!(id.as_str(), "platform" | "components" | "profile") {
            self.add(id, pos, format!("`{id}` cannot be a component's id: use [a-z][a-z0-9-]*, not a reserved word"));
        }
        for (index, required) in component.requires.iter().enumerate() {
            if !self.catalog.components.contains_key(required) {
                let pos = self.item(id, "requires", index);
                let known = self.catalog.components.keys().map(String::as_str);
                let message = format!("unknown component `{required}`");
                self.findings.add_unknown(&file(id), pos, message, required, known);
            }
        }
        let mut seen = BTreeSet::new();
        let catalog = self.catalog;
        for (index, question) in catalog.questions(id).iter().enumerate() {
            let pos = self.item(id, "questions", index);
            if !seen.insert(question.id.as_str()) {
                self.add(id, pos, format!("question `{}` is there twice", question.id));
            }
            self.question(&file(id), pos, question);
            if question.kind == Kind::Secret && component.release.is_none() {
                self.add(id, pos, format!("question `{}` is a secret: that needs a `release`", question.id));
            }
            if let Some(serde_json::Value::String(text)) = &question.default {
                self.template(id, pos, text, &BTreeSet::new());
            }
        }
        self.rules(id, &component.rules);
        for (index, image) in component.images.iter().enumerate() {
            let pos = self.item(id, "images", index);
            if !image.reference.is_empty() && image.split().1.is_none_or(|tag| tag.contains('/')) {
                self.add(id, pos, format!("image `{}` has no tag", image.reference));
            }
            if !is_name(&image.name, '_') {
                self.add(id, pos, format!("`{}` cannot be an image's name: use [a-z][a-z0-9_]*", image.name));
            }
        }
        for (phase, actions) in
            [("before", &component.before), ("after", &component.after), ("verify", &component.verify)]
        {
            for (index, action) in actions.iter().enumerate() {
                let pos = self.item(id, phase, index);
                self.action(id, pos, action, registered);
            }
        }
        for (name, text) in &component.exports {
            let pos = self.place(id, &["exports", name]);
            if !is_name(name, '_') {
                self.add(id, pos, format!("`{name}` cannot be an export's name: use [a-z][a-z0-9_]*"));
            }
            self.template(id, pos, text, &BTreeSet::new());
        }
        for (index, connects) in component.connects.iter().enumerate() {
            let pos = self.item(id, "connects", index);
            if !self.catalog.components.contains_key(&connects.to) {
                let known = self.catalog.components.keys().map(String::as_str);
                let message = format!("unknown component `{}`", connects.to);
                self.findings.add_unknown(&file(id), pos, message, &connects.to, known);
            }
            if connects.pods.is_empty() {
                self.add(id, pos, "`pods` has no label: all pods of the namespace would be let in");
            }
            for (label, text) in &connects.pods {
                // Others are filled in before this component is chosen, or without it.
                match references(text) {
                    Ok(names) if names.is_empty() => {}
                    Ok(_) => {
                        self.add(id, pos, format!("label `{label}` may only use `self.release` and `self.namespace`"))
                    }
                    Err(message) => self.add(id, pos, format!("template: {message}")),
                }
            }
        }
        for (index, endpoint) in component.endpoints.iter().enumerate() {
            let pos = self.item(id, "endpoints", index);
            for text in endpoint.url.iter().chain(&endpoint.ingress) {
                self.template(id, pos, text, &BTreeSet::new());
            }
        }
        if let Some(release) = &component.release {
            let pos = self.place(id, &["release"]);
            self.template(id, pos, &release.pod_security, &BTreeSet::new());
        }
        for (index, leftover) in component.leftovers.iter().enumerate() {
            let pos = self.item(id, "leftovers", index);
            self.template(id, pos, &leftover.selector, &BTreeSet::new());
            if !is_template(&leftover.selector) && !is_selector(&leftover.selector) {
                self.add(id, pos, format!("`{}` selects no labels, such as spark-role or app=x", leftover.selector));
            }
            if component.chart.is_none() {
                self.add(id, pos, "leftovers are removed with a release, and this component has none");
            }
        }
        self.plain(component);
        if let Some(text) = &component.values_template {
            let pos = self.place(id, &["values"]);
            self.template(id, pos, text, &BTreeSet::new());
        }
    }

    /// Texts that are no templates: what looks like one would be taken as it stands, and fail much later.
    fn plain(&mut self, component: &Component) {
        let mut texts: Vec<(&str, &str)> = vec![("version", &component.version)];
        texts.extend(component.chart.iter().map(|chart| ("chart", chart.path.as_str())));
        texts.extend(component.values.iter().map(|name| ("values", name.as_str())));
        texts.extend(component.requires.iter().map(|id| ("requires", id.as_str())));
        for image in &component.images {
            let parts = [&image.reference, &image.repository, &image.tag];
            let parts = parts.into_iter().chain(&image.digest).chain(&image.build);
            texts.extend(parts.map(|text| ("images", text.as_str())));
        }
        let choices = component.questions.iter().flat_map(|question| &question.choices);
        texts.extend(choices.map(|choice| ("questions", choice.as_str())));
        for (key, text) in texts {
            if is_template(text) {
                let pos = self.place(&component.id, &[key]);
                self.add(&component.id, pos, format!("`{text}` is taken as it stands: `{key}` holds no templates"));
            }
        }
    }

    fn rules(&mut self, id: &str, rules: &[Rule]) {
        let catalog = self.catalog;
        let questions = catalog.questions(id);
        for (index, rule) in rules.iter().enumerate() {
            let pos = self.item(id, "rules", index);
            self.template(id, pos, &rule.template(), &BTreeSet::new());
            if rule.about.is_empty() {
                self.add(id, pos, "`about` names no question");
            }
            for name in &rule.about {
                if !questions.iter().any(|question| question.id == *name) {
                    let message = format!("no question of `{id}` is called `{name}`");
                    let known = questions.iter().map(|question| question.id.as_str());
                    self.findings.add_unknown(&file(id), pos, message, name, known);
                }
            }
        }
    }

    fn action(&mut self, id: &str, pos: Pos, action: &ActionSpec, registered: &BTreeSet<&str>) {
        for text in action.kind.templates() {
            self.template(id, pos, text, registered);
        }
        if action.kind.uses_hdfs() && self.catalog.hdfs_provider().is_none() {
            self.add(id, pos, "no component exports `webhdfs`, which this action needs");
        }
        if action.register.as_deref().is_some_and(|name| !is_name(name, '_')) {
            self.add(id, pos, "`register` must be [a-z][a-z0-9_]*");
        }
    }

    fn question(&mut self, file: &str, pos: Pos, question: &Question) {
        let id = &question.id;
        let mut add = |message: String| self.findings.add(file, pos, message);
        if !is_name(id, '_') {
            add(format!("`{id}` cannot be a question's id: use [a-z][a-z0-9_]*"));
        }
        match (question.kind, question.choices.is_empty()) {
            (Kind::Choice, true) => add(format!("question `{id}` is a choice without `choices`")),
            (Kind::Choice, false) | (_, true) => {}
            (_, false) => add(format!("question `{id}` has `choices` but is not a choice")),
        }
        if (question.min.is_some() || question.max.is_some()) && !matches!(question.kind, Kind::Integer | Kind::Port) {
            add(format!("question `{id}` has `min` or `max` but is not a number"));
        }
        if question.measures.is_some() && question.kind != Kind::Quantity {
            add(format!("question `{id}` has `measures` but is not a quantity"));
        }
        if let (Some(measure), Some(serde_json::Value::String(text))) = (question.measures, &question.default)
            && let Some(objection) = measure.objection(text)
        {
            add(format!("the default of question `{id}`: {objection}"));
        }
        if question.kind == Kind::Secret && question.default.is_some() && !question.generates() {
            add(format!("question `{id}` is a secret: its only default can be `generate`"));
        }
        if question.generates() && question.optional {
            add(format!("question `{id}` is generated where none is named: it cannot be optional"));
        }
        let fits = match (&question.default, question.kind) {
            (None | Some(serde_json::Value::Null), _) => true,
            (Some(serde_json::Value::Bool(_)), kind) => kind == Kind::Boolean,
            (Some(serde_json::Value::Number(_)), kind) => matches!(kind, Kind::Integer | Kind::Port),
            (Some(serde_json::Value::String(text)), Kind::Choice) => question.choices.contains(text),
            (Some(serde_json::Value::String(_)), kind) => !matches!(kind, Kind::Integer | Kind::Port | Kind::Boolean),
            (Some(_), _) => false,
        };
        if !fits {
            add(format!("the default of question `{id}` does not fit its type"));
        }
    }

    fn template(&mut self, id: &str, pos: Pos, text: &str, registered: &BTreeSet<&str>) {
        let names = match references(text) {
            Ok(names) => names,
            Err(message) => return self.add(id, pos, format!("template: {message}")),
        };
        for name in names {
            match name {
                Reference::Answer(component, question) => {
                    if self.catalog.question(&QuestionId::new(&component, &question)).is_none() {
                        let message = format!("unknown answer `{component}.{question}`");
                        let known = self.catalog.questions(&component).iter().map(|question| question.id.as_str());
                        self.findings.add_unknown(&file(id), pos, message, &question, known);
                    }
                }
                Reference::Export(component, export) => match self.catalog.components.get(&component) {
                    None => {
                        let known = self.catalog.components.keys().map(String::as_str);
                        let message = format!("unknown component `{component}` in exports");
                        self.findings.add_unknown(&file(id), pos, message, &component, known);
                    }
                    Some(other) if !other.exports.contains_key(&export) => {
                        let message = format!("component `{component}` does not export `{export}`");
                        let known = other.exports.keys().map(String::as_str);
                        self.findings.add_unknown(&file(id), pos, message, &export, known);
                    }
                    Some(_) => {}
                },
                Reference::Name(name) => {
                    if !registered.contains(name.as_str()) {
                        let known = registered.iter().copied().chain(["answers", "exports", "self"]);
                        let message = format!("unknown name `{name}` in a template");
                        self.findings.add_unknown(&file(id), pos, message, &name, known);
                    }
                }
            }
        }
    }

    /// What would have to wait for itself: a component, through `requires` or the exports in its values and exports, or a
    /// step. The graph is the one that plans are made of.
    fn order(&mut self) {
        let hdfs = self.catalog.hdfs_provider().map(|component| component.id.as_str());
        let parts: Vec<Part> = self.catalog.components.values().map(|component| Part::of(component, hdfs)).collect();
        let edges = parts.iter().map(|part| (part.id.clone(), part.requires.clone())).collect();
        let found = match circle(&edges) {
            Some(ids) => Some((ids.first().cloned(), format!("components wait for each other: {}", ids.join(" -> ")))),
            None => graph(&parts).err().map(|error| (Some(error.component().to_owned()), error.to_string())),
        };
        if let Some((id, message)) = found {
            let id = id.unwrap_or_default();
            let pos = self.place(&id, &["requires"]);
            self.add(&id, pos, message);
        }
    }

    fn add(&mut self, id: &str, pos: Pos, message: impl Into<String>) {
        self.findings.add(&file(id), pos, message);
    }

    fn place(&self, id: &str, keys: &[&str]) -> Pos {
        let Some(mut node) = self.trees.get(id) else { return Pos { line: 1, column: 1 } };
        for key in keys {
            match node.get(key) {
                Some(inner) => node = inner,
                None => break,
            }
        }
        node.pos
    }

    fn item(&self, id: &str, key: &str, index: usize) -> Pos {
        let items = self.trees.get(id).and_then(|tree| tree.get(key)).and_then(Node::list);
        items.and_then(|items| items.get(index)).map_or_else(|| self.place(id, &[key]), |node| node.pos)
    }
}

fn file(id: &str) -> String {
    if id == "platform" { "platform.yaml".to_owned() } else { format!("{id}/component.yaml") }
}

/// Whether a text holds something that templates would replace.
fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// `[a-z][a-z0-9<separator>]*`.
fn is_name(text: &str, separator: char) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == separator)
}
