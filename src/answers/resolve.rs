//! Layers to answers: the strongest layer wins, everything is checked, and all that is wrong or missing is listed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use minijinja::Value;

use super::answered::Answers;
use super::conditions::{self, Conditions};
use super::layer::{Layer, LayerKind, Raw, from_profile};
use super::template::Templates;
use crate::catalog::{Answer, Catalog, QuestionId, Reference, Text, WEBHDFS, from_node, from_text, references};
use crate::model::yaml::{Finding, Findings, Pos};

/// Answers as far as there are any: what screens show while they are being given.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What there is, defaults included.
    pub answers: Answers,
    /// The answer of each question if no layer gave one; `None` where it would be missing.
    pub defaults: BTreeMap<QuestionId, Answer>,
    /// What is wrong, each with the question that it is about.
    pub problems: Vec<(QuestionId, Finding)>,
    /// Required questions without an answer.
    pub missing: Vec<Missing>,
    /// What the broken rules say, by the question at which that is reported.
    pub broken: BTreeMap<QuestionId, Text>,
    /// Questions that are not asked, since others were answered as they were.
    pub unasked: BTreeSet<QuestionId>,
}

/// A question that has no answer and needs one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// Which question.
    pub id: QuestionId,
    /// What it asks.
    pub title: String,
    /// How to come by an answer, if there is more to say.
    pub hint: Option<String>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.title)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

/// Why there are no answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswersError {
    /// Answers that are wrong, or questions that do not exist.
    #[error("invalid answers\n{0}")]
    Invalid(Findings),
    /// Required questions without an answer.
    #[error("answers are missing\n{}", list(.0))]
    Missing(Vec<Missing>),
    /// A profile that does not exist.
    #[error("unknown profile `{name}`, expected one of {}{}", .known.join(", "), .nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownProfile {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// The nearest of them.
        nearest: Option<String>,
    },
    /// Several components export what one requires, and none of them was chosen.
    #[error("{component} needs a component that exports `{export}`: choose {}", .known.join(" or "))]
    NoProvider {
        /// Who needs it.
        component: String,
        /// What.
        export: String,
        /// Who has it.
        known: Vec<String>,
    },
    /// Two components export what there can be one of.
    #[error(
        "{first} and {second} both export `{export}`, but only one component can: choose one of them (--components, `components:`)"
    )]
    TwoProviders {
        /// What.
        export: String,
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// A component that does not exist.
    #[error("unknown component `{name}`, expected one of {}{}", .known.join(", "), .nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownComponent {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// The nearest of them.
        nearest: Option<String>,
    },
}

fn list(missing: &[Missing]) -> String {
    missing.iter().map(|missing| format!("  {missing}")).collect::<Vec<_>>().join("\n")
}

/// How many misspelt names get a guess at what was meant.
const GUESSED: usize = 100;

impl Draft {
    /// Answers in which something stands for what is still missing.
    #[must_use]
    pub fn filled(self, catalog: &Catalog) -> Answers {
        let mut answers = self.answers.clone();
        let catalog = &*self.answers.catalog(catalog);
        for Missing { id, .. } in self.missing {
            let question = catalog.question(&id);
            let answer = question.map_or(Answer::Empty, |question| question.kind.rules().stand_in(question));
            answers.values.insert(id, (answer, LayerKind::Catalog));
        }
        answers
    }

    /// Puts the layers over the catalog's defaults and the profile's answers. `chosen` limits the components; what they
    /// require comes along.
    ///
    /// # Errors
    /// A component or profile that does not exist; all else is part of the draft.
    pub fn new(
        catalog: &Catalog,
        layers: &[Layer],
        chosen: Option<&[String]>,
        profile: Option<&str>,
    ) -> Result<Self, AnswersError> {
        let named = layers.iter().flat_map(Layer::components);
        let catalog = &*catalog.with_instances(chosen.into_iter().flatten().map(String::as_str).chain(named));
        // What is required may depend on answers, and more of it brings more of them.
        let mut on = BTreeSet::new();
        let mut draft = Self::with(catalog, layers, chosen, profile)?;
        for _ in 0..conditions::count(catalog) {
            let now = conditions::holding(catalog, &draft.answers);
            if now == on {
                break;
            }
            draft = Self::with(&conditions::with(Cow::Borrowed(catalog), &now), layers, chosen, profile)?;
            on = now;
        }
        Ok(draft)
    }

    /// The same for requirements as they stand.
    fn with(
        catalog: &Catalog,
        layers: &[Layer],
        chosen: Option<&[String]>,
        profile: Option<&str>,
    ) -> Result<Self, AnswersError> {
        let components = closure(catalog, chosen)?;
        let catalog =
            &*catalog.with_providers(|id| components.binary_search_by(|known| known.as_str().cmp(id)).is_ok());
        let profile_layer = profile.map(|name| profile_layer(catalog, name)).transpose()?;
        let answers = Answers {
            values: BTreeMap::new(),
            components,
            profile: profile.map(str::to_owned),
            others: BTreeMap::new(),
            held: BTreeMap::new(),
            installed: BTreeMap::new(),
        };
        let mut draft = Self {
            answers,
            defaults: BTreeMap::new(),
            problems: Vec::new(),
            missing: Vec::new(),
            broken: BTreeMap::new(),
            unasked: BTreeSet::new(),
        };
        let mut sorted: Vec<&Layer> = profile_layer.iter().chain(layers).collect();
        sorted.sort_by_key(|layer| layer.kind.clone());
        let mut places = BTreeMap::new();
        for layer in sorted {
            draft.layer(catalog, layer, &mut places);
        }
        let chosen = &draft.answers.components;
        let counts = |id: &QuestionId| is_wanted(chosen, id);
        let (values, others) = std::mem::take(&mut draft.answers.values).into_iter().partition(|(id, _)| counts(id));
        draft.answers.values = values;
        draft.answers.others = BTreeMap::into_iter(others).map(|(id, (answer, _))| (id, answer)).collect();
        if layers.iter().any(|layer| layer.kind == LayerKind::Screen) {
            // Whoever took a component away on a screen cannot fix there what a file says of it.
            draft.problems.retain(|(id, _)| counts(id) || catalog.question(id).is_none());
        }
        draft.fill_defaults(catalog);
        draft.skip_unasked(catalog);
        draft.rules(catalog, &places);
        draft.made_secrets(catalog, &places);
        Ok(draft)
    }

    /// The answers, if they are complete and valid.
    ///
    /// # Errors
    /// All wrong answers, or else all missing ones.
    pub fn finish(self) -> Result<Answers, AnswersError> {
        if !self.problems.is_empty() {
            let findings = self.problems.into_iter().map(|(_, finding)| finding).collect();
            return Err(AnswersError::Invalid(Findings(findings)));
        }
        if self.missing.is_empty() { Ok(self.answers) } else { Err(AnswersError::Missing(self.missing)) }
    }

    /// What is wrong with the answer to a question, or that it is missing.
    #[must_use]
    pub fn problem(&self, id: &QuestionId) -> Option<&str> {
        self.problems.iter().find(|(about, _)| about == id).map(|(_, finding)| finding.message.as_str())
    }

    fn layer(&mut self, catalog: &Catalog, layer: &Layer, places: &mut BTreeMap<QuestionId, (String, Pos)>) {
        for (id, pos, raw) in &layer.answers {
            if layer.kind == LayerKind::Screen && !is_wanted(&self.answers.components, id) {
                // Its component was chosen before and is no longer: not an error.
                continue;
            }
            let mut findings = Findings::default();
            match catalog.question(id) {
                Some(question) => {
                    let answer = match raw {
                        Raw::Text(text) => from_text(question, text),
                        Raw::Node(node) => from_node(question, node),
                    };
                    places.insert(id.clone(), (layer.name.clone(), *pos));
                    match answer {
                        Ok(answer) => {
                            // On a screen a mistake of a file is fixed.
                            if layer.kind == LayerKind::Screen {
                                self.problems.retain(|(about, _)| about != id);
                            }
                            self.answers.values.insert(id.clone(), (answer, layer.kind.clone()));
                        }
                        Err(message) => findings.add(&layer.name, *pos, format!("`{id}`: {message}")),
                    }
                }
                None => {
                    let message = format!("no question is called `{id}`");
                    // A guess for each of many thousands would take long, and nobody reads them.
                    let known = if self.problems.len() < GUESSED { names(catalog) } else { Vec::new() };
                    let known = known.iter().map(String::as_str);
                    findings.add_unknown(&layer.name, *pos, message, &id.to_string(), known);
                }
            }
            self.problems.extend(findings.0.into_iter().map(|finding| (id.clone(), finding)));
        }
    }

    /// Gives questions that are not asked their defaults, whatever was answered. One may depend on another, and no
    /// chain is longer than there are such questions.
    fn skip_unasked(&mut self, catalog: &Catalog) {
        let ids = std::iter::once("platform".to_owned()).chain(self.answers.components.clone());
        let conditions: Vec<(QuestionId, &str)> = ids
            .flat_map(|component| {
                let questions = catalog.questions(&component).iter();
                let conditions = questions.filter_map(|question| Some((question, question.when.as_deref()?)));
                conditions.map(|(question, when)| (QuestionId::new(&component, &question.id), when)).collect::<Vec<_>>()
            })
            .collect();
        for _ in 0..conditions.len() {
            let now = Conditions::new(&self.answers);
            // Where it is not known whether it holds, it is asked.
            let off = |(id, when): &&(QuestionId, &str)| {
                let seen = || self.answers.seen(catalog, &id.component);
                !self.unasked.contains(id) && now.hold(&id.component, seen(), when) == Some(false)
            };
            let off: Vec<QuestionId> = conditions.iter().filter(off).map(|(id, _)| id.clone()).collect();
            if off.is_empty() {
                break;
            }
            for id in off {
                let default = self.defaults.get(&id).cloned().unwrap_or(Answer::Empty);
                self.answers.values.insert(id.clone(), (default, LayerKind::Catalog));
                self.missing.retain(|missing| missing.id != id);
                self.problems.retain(|(about, _)| *about != id);
                self.unasked.insert(id);
            }
        }
    }

    /// What must hold between answers, where all of them are there and good.
    fn rules(&mut self, catalog: &Catalog, places: &BTreeMap<QuestionId, (String, Pos)>) {
        let templates = Templates::new();
        let known = self.answers.known();
        let components: Vec<&str> =
            std::iter::once("platform").chain(self.answers.components.iter().map(String::as_str)).collect();
        let mut broken = Vec::new();
        for component in components {
            let base = catalog.components.get(component).map_or(component, |of| of.base.as_str());
            let seen = self.answers.seen(catalog, component);
            let absent = seen.absent.clone();
            let context = Value::from_pairs([("answers", known.seen_by(seen))]);
            for rule in catalog.rules(component) {
                let names = references(&rule.template()).unwrap_or_default();
                let all_known = names.iter().all(|name| match name {
                    Reference::Answer(named, question) => {
                        let id = QuestionId::new(if named == base { component } else { named }, question);
                        absent.contains(named) || self.answers.values.contains_key(&id) && self.problem(&id).is_none()
                    }
                    _ => false,
                });
                let Some(id) = rule.about.first().map(|question| QuestionId::new(component, question)) else {
                    continue;
                };
                let message = match all_known.then(|| templates.holds(component, &rule.that, &context)) {
                    None | Some(Ok(true)) => continue,
                    Some(Ok(false)) => format!("`{id}`: {}", rule.say.en()),
                    Some(Err(error)) => format!("`{id}`: {error}"),
                };
                let said = rule.about.iter().find_map(|question| places.get(&QuestionId::new(component, question)));
                let (file, pos) = said.cloned().unwrap_or_else(|| ("answers".to_owned(), Pos::default()));
                self.broken.insert(id.clone(), rule.say.clone());
                let mut findings = Findings::default();
                findings.add(&file, pos, message);
                broken.extend(findings.0.into_iter().map(|finding| (id.clone(), finding)));
            }
        }
        self.problems.extend(broken);
    }
}

impl Answers {
    /// Puts the layers over the catalog's defaults. `chosen` limits the components; what they require comes along.
    ///
    /// # Errors
    /// All wrong answers, or else all missing ones.
    pub fn new(catalog: &Catalog, layers: &[Layer], chosen: Option<&[String]>) -> Result<Self, AnswersError> {
        Draft::new(catalog, layers, chosen, None)?.finish()
    }

    /// A catalog with the instances that these are about.
    #[must_use]
    pub fn catalog<'a>(&self, catalog: &'a Catalog) -> Cow<'a, Catalog> {
        let others = self.others.keys().map(|id| id.component.as_str());
        let more = catalog.with_instances(self.components.iter().map(String::as_str).chain(others));
        let on = conditions::holding(&more, self);
        match conditions::with(more, &on) {
            Cow::Borrowed(same) => same.with_providers(|id| self.has(id)),
            Cow::Owned(more) => Cow::Owned(more.with_providers(|id| self.has(id)).into_owned()),
        }
    }
}

/// The chosen components and what they require.
fn closure(catalog: &Catalog, chosen: Option<&[String]>) -> Result<Vec<String>, AnswersError> {
    let chosen = chosen.map_or_else(|| catalog.default_components().map(str::to_owned).collect(), <[String]>::to_vec);
    let mut found = BTreeSet::new();
    let mut open = chosen;
    while let Some(id) = open.pop() {
        let Some(component) = catalog.components.get(&id) else {
            let known: Vec<String> = catalog.components.keys().cloned().collect();
            let nearest = nearest(&id, &known);
            return Err(AnswersError::UnknownComponent { name: id, known, nearest });
        };
        if found.insert(id) {
            open.extend(
                component
                    .requires
                    .iter()
                    .filter(|it| !it.optional && !it.off && it.export.is_none())
                    .map(|it| it.id.clone()),
            );
        }
        if open.is_empty() {
            open.extend(provider(catalog, &found)?);
        }
    }
    Ok(found.into_iter().collect())
}

/// The next component that comes along since another requires what it exports.
fn provider(catalog: &Catalog, found: &BTreeSet<String>) -> Result<Option<String>, AnswersError> {
    let has = |id: &str| found.contains(id);
    let chosen = found.iter().filter_map(|id| catalog.components.get(id));
    let wanted = chosen.flat_map(|component| component.requires.iter().map(move |required| (component, required)));
    let mut wanted: Vec<_> = wanted
        .filter_map(|(component, required)| Some((&component.id, required.export.as_deref()?, required)))
        .collect();
    // Whoever acts on HDFS acts on one.
    let both = catalog.two_providers(WEBHDFS, has).map(|both| (WEBHDFS, both));
    let named = wanted.iter().find_map(|(id, export, _)| {
        Some((*export, catalog.two_providers(export, |other| other != id.as_str() && has(other))?))
    });
    if let Some((export, (first, second))) = both.or(named) {
        let (export, first, second) = (export.to_owned(), first.id.clone(), second.id.clone());
        return Err(AnswersError::TwoProviders { export, first, second });
    }
    wanted.retain(|(id, export, required)| {
        !required.optional
            && !required.off
            && !catalog.providers(export).any(|other| other.id != **id && has(&other.id))
    });
    let Some((component, export, _)) = wanted.first() else { return Ok(None) };
    let known = catalog.providers(export).filter(|other| other.id != **component && other.id == other.base);
    let mut known: Vec<String> = known.map(|other| other.id.clone()).collect();
    match known.len() {
        1 => Ok(known.pop()),
        _ => {
            let (component, export) = ((*component).clone(), (*export).to_owned());
            Err(AnswersError::NoProvider { component, export, known })
        }
    }
}

fn nearest(name: &str, known: &[String]) -> Option<String> {
    let mut findings = Findings::default();
    findings.add_unknown("", Pos::default(), "", name, known.iter().map(String::as_str));
    findings.0.pop().and_then(|finding| finding.suggestion)
}

fn is_wanted(components: &[String], id: &QuestionId) -> bool {
    // They are sorted.
    id.component == "platform" || components.binary_search(&id.component).is_ok()
}

fn profile_layer(catalog: &Catalog, name: &str) -> Result<Layer, AnswersError> {
    catalog.profiles.get(name).map(|profile| from_profile(profile).known(catalog)).ok_or_else(|| {
        let known: Vec<String> = catalog.profiles.keys().cloned().collect();
        AnswersError::UnknownProfile { name: name.to_owned(), nearest: nearest(name, &known), known }
    })
}

/// The full names of all questions.
fn names(catalog: &Catalog) -> Vec<String> {
    let ids = catalog.components.keys().map(String::as_str).chain(["platform"]);
    ids.flat_map(|component| {
        catalog.questions(component).iter().map(move |question| format!("{component}.{}", question.id))
    })
    .collect()
}
