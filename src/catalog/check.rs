//! The checks across components: names, references, templates, order.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{ActionSpec, Names, Run};
use super::identifier::is_name;
use super::kind::objections;
use super::question::{QuestionId, Rule};
use super::refs::{as_template, first_members};
use super::{
    BUNDLED, Catalog, Component, INSTALLED, Kind, Question, Reference, Requirement, WEBHDFS, code_lines, definition,
    is_about_installed, references,
};
use crate::model::yaml::{Findings, Node, Pos};
use crate::model::{ImageName, is_selector};

/// Of an action for which nobody else waits.
pub(super) const NOT_LATE: &str = "only an action in `after` can be `late`";

/// What templates that are filled in after the install know of their component.
const LATER_SELF: [&str; 4] = ["id", "instance", "release", "namespace"];

/// The checks across components.
pub(super) struct Checker<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) trees: &'a BTreeMap<String, Node>,
    pub(super) findings: &'a mut Findings,
}

impl Checker<'_> {
    pub(super) fn run(&mut self) {
        let catalog = self.catalog;
        for question in &catalog.platform {
            let pos = Pos { line: 1, column: 1 };
            self.question("platform.yaml", pos, question);
            if let Some(when) = &question.when {
                self.condition("platform", pos, when);
            }
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
    }

    fn component(&mut self, component: &Component, registered: &BTreeSet<&str>) {
        let id = &component.id;
        let pos = self.place(id, &["id"]);
        // Instances are what their definitions are.
        if !is_name(id, '-') || matches!(id.as_str(), "platform" | "components" | "profile") {
            self.add(id, pos, format!("`{id}` cannot be a component's id: use [a-z][a-z0-9-]*, not a reserved word"));
        }
        for (index, required) in component.requires.iter().enumerate() {
            let pos = self.item(id, "requires", index);
            let before = &component.requires[..index];
            if let Some(again) =
                before.iter().find(|other| (&other.id, &other.export) == (&required.id, &required.export))
            {
                let name = again.export.as_ref().unwrap_or(&again.id);
                self.add(id, pos, format!("`{name}` is listed twice"));
            }
            match &required.export {
                Some(_) if !required.id.is_empty() => {
                    self.add(id, pos, "use either `id` or `export`, not both");
                    continue;
                }
                Some(export) => {
                    self.export(id, pos, export);
                    continue;
                }
                None if required.id.is_empty() => {
                    self.add(id, pos, "key `id` or `export` is missing");
                    continue;
                }
                None => {}
            }
            if let Some(when) = required.when_template() {
                self.template(id, pos, &when, &BTreeSet::new());
                let others = references(&when).unwrap_or_default().into_iter().filter_map(|name| match name {
                    Reference::Answer(of, _) if of == *id || of == "platform" => None,
                    Reference::Answer(of, _) | Reference::Export(of, _) | Reference::Name(of) => Some(of),
                });
                for other in others.collect::<BTreeSet<_>>() {
                    let message = format!("`when` can only use answers of `{id}` and `platform`, not of `{other}`");
                    self.add(id, pos, message);
                }
            }
            self.instance_answers(id, pos, required);
            let required = &required.id;
            if definition(required) == id {
                self.add(id, pos, format!("`{required}` is this component itself, which cannot be required"));
            }
            if !self.catalog.components.contains_key(definition(required)) {
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
                self.add(id, pos, format!("duplicate question `{}`", question.id));
            }
            self.question(&file(id), pos, question);
            if question.kind == Kind::Secret && component.release.is_none() {
                self.add(id, pos, format!("question `{}` is a secret, which requires a `release`", question.id));
            }
            let default = question.default.as_ref().and_then(|default| default.as_str());
            if let Some(path) = default.and_then(|text| text.strip_prefix(BUNDLED))
                && question.kind == Kind::Files
                && component.files.below(path).is_none()
            {
                self.add(id, pos, format!("question `{}`: `{path}` not found beside component.yaml", question.id));
            }
            if question.kind == Kind::Files && component.release.is_none() {
                self.add(id, pos, format!("question `{}` is for files, which requires a `release`", question.id));
            }
            // For the questions of an image it is reported at the image.
            if let Some(when) = question.when.as_ref().filter(|_| index < component.questions.len()) {
                self.condition(id, pos, when);
            }
            if let Some(serde_json::Value::String(text)) = &question.default {
                self.template(id, pos, text, &BTreeSet::new());
            }
        }
        self.rules(id, &component.rules);
        for (index, image) in component.images.iter().enumerate() {
            let pos = self.item(id, "images", index);
            match ImageName::parse(&image.reference) {
                _ if image.reference.is_empty() || is_template(&image.reference) => {}
                Err(why) => self.add(id, pos, format!("`{}` is not an image name: {why}", image.reference)),
                Ok(name) if name.tag.is_none() && name.digest.is_none() => {
                    self.add(id, pos, format!("image `{}` has no tag", image.reference));
                }
                Ok(name) if name.digest.is_some() && !image.takes_digest() => {
                    let message = "the digest of `ref` is not used in the values: set `digest` or `reference`";
                    self.add(id, pos, message);
                }
                Ok(_) => {}
            }
            if !is_name(&image.name, '_') {
                self.add(id, pos, format!("`{}` cannot be an image's name: use [a-z][a-z0-9_]*", image.name));
            }
            if let Some(when) = &image.when {
                self.condition(id, pos, when);
            }
        }
        let mut jobs = BTreeSet::new();
        for (phase, actions) in [
            ("first", &component.first),
            ("before", &component.before),
            ("after", &component.after),
            ("verify", &component.verify),
        ] {
            for (index, action) in actions.iter().enumerate() {
                let pos = self.item(id, phase, index);
                self.action(id, pos, action, registered, None);
                match phase {
                    "after" if !action.late && actions[..index].iter().any(|before| before.late) => {
                        self.add(id, pos, "actions that are `late` must come last, and this one follows one");
                    }
                    "after" => {}
                    _ if action.late => self.add(id, pos, NOT_LATE),
                    _ => {}
                }
                let Some(run) = action.kind.jobs() else { continue };
                // What is installed changes with the install, and the condition with it.
                let once = run.unless.is_some() || action.when_template().is_some_and(|when| is_about_installed(&when));
                if matches!(phase, "first" | "before") && !once {
                    self.add(id, pos, format!("without `unless` a Job in `{phase}` would run at every install"));
                }
                self.job(id, pos, run, &mut jobs);
            }
        }
        self.secrets(component);
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
                self.add(id, pos, "`pods` has no label: all pods of the namespace would be allowed");
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
            if let Some(login) = &endpoint.login {
                self.login(component, index, login);
            }
        }
        if let Some(release) = &component.release {
            let pos = self.place(id, &["release"]);
            self.template(id, pos, &release.pod_security, &BTreeSet::new());
        }
        for (index, namespace) in component.namespaces.iter().enumerate() {
            let pos = self.item(id, "namespaces", index);
            self.template(id, pos, &namespace.name, &BTreeSet::new());
            self.template(id, pos, &namespace.pod_security, &BTreeSet::new());
            if component.release.is_none() {
                self.add(id, pos, "a namespace is created for a release, and this component has none");
            }
            self.copied(component, index, &namespace.secrets);
        }
        for (index, leftover) in component.leftovers.iter().enumerate() {
            let pos = self.item(id, "leftovers", index);
            self.template(id, pos, &leftover.selector, &BTreeSet::new());
            if !is_template(&leftover.selector) && !is_selector(&leftover.selector) {
                let message = format!("`{}` is not a label selector such as app=x", leftover.selector);
                self.add(id, pos, message);
            }
            if component.chart.is_none() {
                self.add(id, pos, "leftovers are removed with a release, and this component has none");
            }
        }
        for ignore in &component.ignore {
            if component.chart.is_none() {
                self.add(id, ignore.pos, "`ignore` requires a chart, but this component has none");
            }
            // A name is filled in wherever drift is looked for, from what is known everywhere.
            let name = ignore.name.as_deref().unwrap_or_default();
            self.known_later(id, ignore.pos, name, "the name of an object to ignore");
        }
        if component.chart.is_none() && !component.adopts.is_empty() {
            self.add(id, self.place(id, &["adopts"]), "`adopts` requires a release, but this component has none");
        }
        self.literals(component);
        if let Some(text) = &component.values_template {
            let pos = self.place(id, &["values"]);
            self.template(id, pos, text, &BTreeSet::new());
        }
    }

    /// A condition that is looked at while answers are given: nothing else is known then.
    fn condition(&mut self, id: &str, pos: Pos, when: &str) {
        self.template(id, pos, &as_template(when), &BTreeSet::new());
        for root in ["exports", "self"].into_iter().filter(|root| first_members(when, root).next().is_some()) {
            self.add(id, pos, format!("`when` can only use answers here, not `{root}`"));
        }
    }

    /// A template that is filled in long after the install, from what is remembered of it.
    pub(super) fn known_later(&mut self, id: &str, pos: Pos, text: &str, what: &str) {
        self.template(id, pos, text, &BTreeSet::new());
        let export = |name: &Reference| matches!(name, Reference::Export(..));
        if references(text).is_ok_and(|names| names.iter().any(export)) {
            self.add(id, pos, format!("{what} can only use `answers` and `self`"));
        }
        let own = code_lines(text).into_iter().flat_map(|(_, code)| first_members(code, "self"));
        for (field, _) in own.filter(|(field, _)| !LATER_SELF.contains(field)) {
            let message = format!("unknown `self.{field}`: expected one of {}", LATER_SELF.join(", "));
            self.findings.add_unknown(&file(id), pos, message, field, LATER_SELF);
        }
    }

    /// What a Job may be called.
    pub(super) fn job<'b>(&mut self, id: &str, pos: Pos, run: &'b Run, jobs: &mut BTreeSet<&'b str>) {
        if !is_name(&run.name, '-') || run.name.len() > 20 || run.name.ends_with('-') {
            let message = format!("`{}` cannot be a Job's name: use [a-z][a-z0-9-]*, at most 20 letters", run.name);
            self.add(id, pos, message);
        }
        if !jobs.insert(run.name.as_str()) {
            self.add(id, pos, format!("two Jobs of this component are called `{}`", run.name));
        }
    }

    /// Texts that are not templates: what looks like one would be used literally, and fail much later.
    fn literals(&mut self, component: &Component) {
        let mut texts: Vec<(&str, &str)> = vec![("version", &component.version)];
        texts.extend(component.chart.iter().flat_map(|chart| chart.texts()).map(|text| ("chart", text)));
        texts.extend(component.values.iter().map(|name| ("values", name.as_str())));
        texts.extend(component.secrets.iter().map(|secret| ("secrets", secret.kind.as_str())));
        texts.extend(component.requires.iter().map(|other| ("requires", other.export.as_deref().unwrap_or(&other.id))));
        for image in &component.images {
            texts.extend([&image.reference].into_iter().chain(&image.build).map(|text| ("images", text.as_str())));
            texts.extend(image.places().map(|path| ("images", path.text())));
        }
        texts.extend(component.ignore.iter().flat_map(|it| [("ignore", it.kind.as_str()), ("ignore", it.path.text())]));
        let known = component.adopts.iter().flat_map(|it| [Some(&it.chart), it.version.as_ref(), it.image.as_ref()]);
        texts.extend(known.flatten().map(|text| ("adopts", text.as_str())));
        let choices = component.questions.iter().flat_map(|question| &question.choices);
        texts.extend(choices.map(|choice| ("questions", choice.as_str())));
        for (key, text) in texts {
            if is_template(text) {
                let pos = self.place(&component.id, &[key]);
                self.add(&component.id, pos, format!("`{text}` is used literally: `{key}` does not support templates"));
            }
        }
    }

    fn rules(&mut self, id: &str, rules: &[Rule]) {
        let catalog = self.catalog;
        let questions = catalog.questions(id);
        for (index, rule) in rules.iter().enumerate() {
            let pos = self.item(id, "rules", index);
            self.template(id, pos, &rule.template(), &[INSTALLED].into());
            if rule.about.is_empty() {
                self.add(id, pos, "`about` must name a question");
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

    /// `rotated` is the question whose new content the action makes count.
    pub(super) fn action(
        &mut self,
        id: &str,
        pos: Pos,
        action: &ActionSpec,
        registered: &BTreeSet<&str>,
        rotated: Option<&str>,
    ) {
        let and_installed = &registered.iter().copied().chain([INSTALLED]).collect();
        let when = action.when_template();
        if let Some(when) = &when {
            self.template(id, pos, when, and_installed);
        }
        // Whose condition is about it is done only where there is such.
        let known = if when.as_deref().is_some_and(is_about_installed) { and_installed } else { registered };
        for text in action.kind.templates() {
            self.template(id, pos, text, known);
        }
        // It is filled in before anything runs.
        if let Some(fix) = &action.fix {
            self.template(id, pos, fix.en(), &BTreeSet::new());
        }
        if action.kind.uses_hdfs() && self.catalog.providers(WEBHDFS).next().is_none() {
            self.add(id, pos, "no component exports `webhdfs`, which this action needs");
        }
        if let Some(component) = self.catalog.components.get(id) {
            if let Err(message) = action.kind.clone().bind(&DefinitionNames { component, rotated }) {
                self.add(id, pos, message);
            }
            if let Some(run) = action.kind.jobs() {
                if component.release.is_none() {
                    self.add(id, pos, "a Job runs in the namespace of a `release`, and this component has none");
                }
                let image = component.images.iter().find(|image| image.name == run.image);
                if action.when.is_none() && image.is_some_and(|image| image.when.is_some()) {
                    let message =
                        format!("image `{}` is not always used, so a Job that runs it needs a `when`", run.image);
                    self.add(id, pos, message);
                }
            }
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
        for objection in objections(question) {
            add(format!("question `{id}` {objection}"));
        }
    }

    pub(super) fn template(&mut self, id: &str, pos: Pos, text: &str, registered: &BTreeSet<&str>) {
        let names = match references(text) {
            Ok(names) => names,
            Err(message) => return self.add(id, pos, format!("template: {message}")),
        };
        for name in names {
            match name {
                Reference::Answer(component, question) => {
                    let catalog = self.catalog;
                    let known = |of: &&&str| catalog.question(&QuestionId::new(of, &question)).is_none();
                    let Some(of) = self.candidates(id, &component).iter().find(known).map(|of| (*of).to_owned()) else {
                        continue;
                    };
                    let message = format!("unknown answer `{component}.{question}`{}", through(&component, &of));
                    let known = catalog.questions(&of).iter().map(|question| question.id.as_str());
                    self.findings.add_unknown(&file(id), pos, message, &question, known);
                }
                Reference::Export(component, export) => {
                    let catalog = self.catalog;
                    let all: Vec<String> = self.candidates(id, &component).into_iter().map(str::to_owned).collect();
                    for of in all {
                        match catalog.components.get(&of) {
                            None => {
                                let known = catalog.components.keys().map(String::as_str);
                                let message = format!("unknown component `{component}` in exports");
                                self.findings.add_unknown(&file(id), pos, message, &component, known);
                            }
                            Some(other) if !other.exports.contains_key(&export) => {
                                let via = through(&component, &of);
                                let message = format!("component `{component}` does not export `{export}`{via}");
                                let known = other.exports.keys().map(String::as_str);
                                self.findings.add_unknown(&file(id), pos, message, &export, known);
                            }
                            Some(_) => {}
                        }
                    }
                }
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

    /// What a component answers for one that it requires: only an instance is made for it.
    fn instance_answers(&mut self, id: &str, pos: Pos, required: &Requirement) {
        if required.answers.is_empty() {
            return;
        }
        if !required.id.contains('@') {
            self.add(
                id,
                pos,
                "`answers` is only allowed for an instance, such as postgresql@app: other components may also require this component",
            );
        }
        for (question, answer) in &required.answers {
            let of = definition(&required.id);
            if self.catalog.question(&QuestionId::new(of, question)).is_none() {
                let catalog = self.catalog;
                let known = catalog.questions(of).iter().map(|question| question.id.as_str());
                let message = format!("no question of `{of}` is called `{question}`");
                self.findings.add_unknown(&file(id), pos, message, question, known);
            }
            if let serde_json::Value::String(text) = answer {
                self.template(id, pos, text, &BTreeSet::new());
            }
        }
    }

    /// An export that a component requires by its name.
    fn export(&mut self, id: &str, pos: Pos, export: &str) {
        let catalog = self.catalog;
        if catalog.components.contains_key(export) {
            let message = format!("`{export}` is also a component, which is ambiguous in templates");
            self.add(id, pos, message);
        }
        if !catalog.providers(export).any(|provider| provider.id != id) {
            let known =
                catalog.components.values().filter(|other| other.id != id).flat_map(|other| other.exports.keys());
            let message = format!("no other component exports `{export}`");
            self.findings.add_unknown(&file(id), pos, message, export, known.map(String::as_str));
        }
    }

    /// The components that a name in a template may mean, in that of a component.
    fn candidates<'b>(&'b self, id: &str, name: &'b str) -> Vec<&'b str> {
        let requires =
            self.catalog.components.get(id).map(|component| component.requires.as_slice()).unwrap_or_default();
        if requires.iter().any(|required| required.export.as_deref() == Some(name)) {
            let others = self.catalog.providers(name).filter(|provider| provider.id != id);
            return others.map(|provider| provider.id.as_str()).collect();
        }
        vec![definition(name)]
    }

    pub(super) fn add(&mut self, id: &str, pos: Pos, message: impl Into<String>) {
        self.findings.add(&file(id), pos, message);
    }

    pub(super) fn place(&self, id: &str, keys: &[&str]) -> Pos {
        let Some(mut node) = self.trees.get(id) else { return Pos { line: 1, column: 1 } };
        for key in keys {
            match node.get(key) {
                Some(inner) => node = inner,
                None => break,
            }
        }
        node.pos
    }

    pub(super) fn item(&self, id: &str, key: &str, index: usize) -> Pos {
        let items = self.trees.get(id).and_then(|tree| tree.get(key)).and_then(Node::list);
        items.and_then(|items| items.get(index)).map_or_else(|| self.place(id, &[key]), |node| node.pos)
    }
}

/// What the names in a component's actions mean before there are answers.
struct DefinitionNames<'a> {
    component: &'a Component,
    rotated: Option<&'a str>,
}

impl Names for DefinitionNames<'_> {
    fn release(&self) -> &str {
        &self.component.id
    }

    fn namespace(&self) -> &str {
        &self.component.id
    }

    fn image(&self, name: &str) -> Result<String, String> {
        let known = self.component.images.iter().find(|image| image.name == name);
        known.map(|image| image.reference.clone()).ok_or_else(|| format!("`{name}` is not an image of this component"))
    }

    fn secret(&self, question: &str) -> Result<Option<(String, String)>, String> {
        let mut secrets = self.component.questions.iter().filter(|question| question.kind == Kind::Secret);
        // What is to take its place.
        let next = question.strip_suffix(".next");
        if let Some(next) = next.filter(|next| self.rotated != Some(next)) {
            return Err(format!("`{question}` is only available in actions of `rotate: {{{next}: …}}`"));
        }
        let question = next.unwrap_or(question);
        let known = secrets.any(|known| known.id == question);
        known.then_some(None).ok_or_else(|| format!("`{question}` is not a question of this component for a secret"))
    }

    fn files(&self, path: &str) -> Result<String, String> {
        let found = is_template(path) || self.component.files.below(path).is_some();
        found.then(String::new).ok_or_else(|| format!("file or folder `{path}` not found beside component.yaml"))
    }
}

/// Which of several components is the one, where a name means an export.
fn through(name: &str, of: &str) -> String {
    if definition(name) == of { String::new() } else { format!(" when that is `{of}`") }
}

pub(super) fn file(id: &str) -> String {
    if id == "platform" { "platform.yaml".to_owned() } else { format!("{id}/component.yaml") }
}

/// Whether a text holds something that templates would replace.
fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}
