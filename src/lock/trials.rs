//! Which renderings show every image of a catalog. Sizes bring none, so not all answers are tried: each component with those
//! that it may be installed with, in each profile; and, without a profile, with each answer to the questions that conditions
//! of images and requirements name (all of them together), and that the template of its values names (one at a time).

use std::collections::{BTreeMap, BTreeSet};

use crate::answers::{Answer, AnswerSources, AnswersError, Draft, Layer, LayerKind, Raw};
use crate::catalog::{Catalog, Component, Kind, Question, QuestionId, Reference, Requirement, references};
use crate::model::yaml::Pos;

/// The name for no profile where profiles are listed.
pub const DEFAULT_PROFILE: &str = "default";

/// The registry of images that nobody publishes, as long as no site has named its own: a name that no DNS ever has.
pub const UNPUBLISHED_REGISTRY: &str = "windlass.invalid";

/// What stands for an answer that others make necessary.
const ADDRESS: &str = "https://windlass.invalid/unanswered";

/// The most combinations of answers that are tried of one component; past it each is tried by itself.
const COMBINATIONS: usize = 64;

/// The most choices that are looked at for one set of companions.
const CHOICES: usize = 64;

/// One rendering: a component, what is chosen with it, and how it is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The component.
    pub component: String,
    /// The profile, or the answers that are tried: `hdfs.mode=ha`.
    pub label: String,
    /// Whether the answers are of the trial and not of a profile: they may contradict one another.
    pub varied: bool,
    /// The answers.
    pub given: AnswerSources,
}

impl Trial {
    /// The same with something in the place of what was left open and has to be answered with these answers, such as the
    /// address of a git where DAGs come from one; `None` where that is not what is wrong.
    #[must_use]
    pub fn answered(&self, catalog: &Catalog, draft: &Draft) -> Option<Self> {
        let open = draft
            .problems
            .iter()
            .filter(|(id, _)| draft.answers.values.get(id).is_none_or(|(answer, _)| *answer == Answer::Empty));
        let answers: Vec<_> = open
            .filter_map(|(id, _)| match catalog.question(id)?.kind.rules().stand_in(catalog.question(id)?) {
                // What must not be left open is mostly an address, and any text does where it is none.
                Answer::Text(_) => Some((id.clone(), Pos::default(), Raw::Text(ADDRESS.to_owned()))),
                _ => None,
            })
            .collect();
        if answers.is_empty() {
            return None;
        }
        let mut trial = self.clone();
        trial.given.layers.push(Layer { kind: LayerKind::Flag, name: "a trial".to_owned(), answers });
        Some(trial)
    }
}

/// Answers that put a stand-in where nobody publishes an image, so that charts render which refuse to without.
#[must_use]
pub fn unpublished_layer(catalog: &Catalog) -> Layer {
    let mut answers = Vec::new();
    let all = catalog.components.values();
    for (component, image) in all.flat_map(|component| component.images.iter().map(move |image| (component, image))) {
        if image.split().is_some() {
            continue;
        }
        let names = component.image_names(image);
        let repository = format!("{UNPUBLISHED_REGISTRY}/{}/{}", component.base, image.name.replace('_', "-"));
        for (question, text) in [(names.repository, repository), (names.tag, "unpublished".to_owned())] {
            answers.push((QuestionId::new(&component.id, &question), Pos::default(), Raw::Text(text)));
        }
    }
    // Weaker than what a site answers.
    Layer { kind: LayerKind::Sandbox, name: "images that are not published".to_owned(), answers }
}

/// All trials of a catalog.
///
/// # Errors
/// A component cannot be chosen at all.
pub fn trials(catalog: &Catalog) -> Result<Vec<Trial>, AnswersError> {
    let mut found = Vec::new();
    let profiles: Vec<Option<&str>> =
        std::iter::once(None).chain(catalog.profiles.keys().map(|id| Some(id.as_str()))).collect();
    for component in catalog.components.values().filter(|component| component.id == component.base) {
        let with: Vec<Vec<String>> = companions(catalog, component)?.into_iter().map(|(with, _)| with).collect();
        let trial = |with: &[String], profile: Option<&str>, set: &[(&QuestionId, &str)]| {
            let chosen = std::iter::once(component.id.clone()).chain(with.iter().cloned()).collect();
            let answers = set.iter().map(|(id, text)| ((*id).clone(), Pos::default(), Raw::Text((*text).to_owned())));
            let flags = Layer { kind: LayerKind::Flag, name: "a trial".to_owned(), answers: answers.collect() };
            let label = match set {
                [] => profile.unwrap_or(DEFAULT_PROFILE).to_owned(),
                set => set.iter().map(|(id, text)| format!("{id}={text}")).collect::<Vec<_>>().join(" "),
            };
            let given = AnswerSources {
                layers: vec![unpublished_layer(catalog), flags],
                chosen: Some(chosen),
                profile: profile.map(str::to_owned),
            };
            Trial { component: component.id.clone(), label, varied: !set.is_empty(), given }
        };
        for profile in &profiles {
            found.extend(with.iter().map(|with| trial(with, *profile, &[])));
        }
        let switches = Switches::of(catalog, component);
        let ends: BTreeSet<&Vec<String>> = with.first().into_iter().chain(with.last()).collect();
        for set in switches.sets() {
            found.extend(ends.iter().map(|with| trial(with, None, &set)));
        }
    }
    Ok(found)
}

/// Questions whose answers may bring images.
struct Switches {
    /// Those that conditions of images and requirements name.
    conditions: BTreeMap<QuestionId, Vec<String>>,
    /// Those that the template of the values names.
    values: BTreeMap<QuestionId, Vec<String>>,
}

impl Switches {
    fn of(catalog: &Catalog, component: &Component) -> Self {
        let images = component.images.iter().filter_map(|image| image.when.as_deref());
        let requires = component.requires.iter().filter_map(|required| required.when.as_deref());
        let mut conditions = BTreeMap::new();
        for when in images.chain(requires) {
            let named = named(catalog, component, &format!("{{{{ {when} }}}}"));
            conditions.extend(named.into_iter().filter_map(|(id, question)| {
                let answers = answers(question).or_else(|| stand_in(question))?;
                Some((id, answers))
            }));
        }
        let template = component.values_template.as_deref().unwrap_or_default();
        let values = named(catalog, component, template).into_iter();
        let values = values.filter_map(|(id, question)| Some((id, answers(question)?)));
        let values = values.filter(|(id, _)| !conditions.contains_key(id)).collect();
        Self { conditions, values }
    }

    /// Every combination of the one, and each of the other by itself.
    fn sets(&self) -> Vec<Vec<(&QuestionId, &str)>> {
        // What is left as it is counts as one answer more.
        let count = self.conditions.values().try_fold(1_usize, |count, texts| count.checked_mul(texts.len() + 1));
        let mut sets: Vec<Vec<(&QuestionId, &str)>> = vec![Vec::new()];
        if count.is_some_and(|count| count <= COMBINATIONS) {
            for (id, texts) in &self.conditions {
                let more: Vec<_> = sets
                    .iter()
                    .flat_map(|set| texts.iter().map(move |text| [set.as_slice(), &[(id, text.as_str())]].concat()))
                    .collect();
                sets.extend(more);
            }
        } else {
            for (id, texts) in &self.conditions {
                sets.extend(texts.iter().map(|text| vec![(id, text.as_str())]));
            }
        }
        for (id, texts) in &self.values {
            sets.extend(texts.iter().map(|text| vec![(id, text.as_str())]));
        }
        sets.retain(|set| !set.is_empty());
        sets
    }
}

/// The questions that a template names, with what each is.
fn named<'c>(catalog: &'c Catalog, component: &Component, template: &str) -> BTreeMap<QuestionId, &'c Question> {
    let found = references(template).unwrap_or_default().into_iter();
    let ids = found.filter_map(|reference| match reference {
        Reference::Answer(of, question) => Some(QuestionId::new(component.means(&of), &question)),
        _ => None,
    });
    ids.filter_map(|id| catalog.question(&id).map(|question| (id, question))).collect()
}

/// All answers to a question that has few.
fn answers(question: &Question) -> Option<Vec<String>> {
    match question.kind {
        Kind::Boolean => Some(vec!["true".to_owned(), "false".to_owned()]),
        Kind::Choice => Some(question.choices.clone()),
        _ => None,
    }
}

/// Some answer to a question that is usually left open.
fn stand_in(question: &Question) -> Option<Vec<String>> {
    match question.kind.rules().stand_in(question) {
        Answer::Text(text) if question.optional => Some(vec![text]),
        _ => None,
    }
}

/// With which other components one is tried out, and what is said of a trial that fails.
///
/// # Errors
/// What is wrong with the component where it cannot be chosen at all.
pub fn companions(catalog: &Catalog, component: &Component) -> Result<Vec<(Vec<String>, String)>, AnswersError> {
    let providers = |required: &Requirement| -> Vec<String> {
        let Some(export) = &required.export else { return vec![required.id.clone()] };
        let all = catalog.providers(export).filter(|other| other.id != component.id);
        all.map(|other| other.id.clone()).collect()
    };
    let of = |optional: bool| -> Vec<String> {
        let all = component.requires.iter().filter(|it| it.optional == optional);
        all.filter(|it| optional || it.export.is_some()).flat_map(providers).collect()
    };
    let (required, optional) = (of(false), of(true));
    let first = completed(catalog, component, &[])?;
    // Without what is optional, then with each by itself, and with as much of it as goes together.
    let mut trials = vec![first.clone()];
    let mut all = Vec::new();
    for one in required.iter().chain(&optional) {
        trials.extend(completed(catalog, component, std::slice::from_ref(one)).ok());
    }
    for one in optional.iter().cloned() {
        let more = [all.as_slice(), &[one]].concat();
        if completed(catalog, component, &more).is_ok() {
            all = more;
        }
    }
    trials.extend(completed(catalog, component, &all).ok());
    let mut seen = BTreeSet::new();
    trials.retain(|trial| seen.insert(trial.iter().cloned().collect::<BTreeSet<_>>()));
    let how = |trial: &[String]| match trial {
        [] if optional.is_empty() => String::new(),
        [] => " (without optional `requires`)".to_owned(),
        with => format!(" (with {})", with.join(", ")),
    };
    Ok(trials.into_iter().map(|trial| (trial.clone(), how(&trial))).collect())
}

/// What has to be chosen with a component and these others: of those that export what one needs the first with which it can
/// be.
///
/// # Errors
/// Why it cannot be at all.
fn completed(catalog: &Catalog, component: &Component, with: &[String]) -> Result<Vec<String>, AnswersError> {
    let mut open = vec![with.to_vec()];
    let mut first = None;
    for _ in 0..CHOICES {
        let Some(with) = open.pop() else { break };
        let chosen = std::iter::once(&component.id).chain(&with).cloned().collect();
        let error = match (AnswerSources { chosen: Some(chosen), ..AnswerSources::default() }).draft(catalog) {
            Ok(_) => return Ok(with),
            Err(error) => error,
        };
        if let AnswersError::NoProvider { known, .. } = &error {
            open.extend(known.iter().rev().map(|one| [with.as_slice(), std::slice::from_ref(one)].concat()));
        }
        first.get_or_insert(error);
    }
    // It is set, since at least one choice was tried.
    first.map_or_else(|| Ok(with.to_vec()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn every_profile_and_every_answer_that_may_bring_an_image_is_tried() {
        let catalog = catalog::load(&[]).unwrap();
        let trials = trials(&catalog).unwrap();
        let labels = |component: &str| -> BTreeSet<&str> {
            let own = trials.iter().filter(|trial| trial.component == component);
            own.map(|trial| trial.label.as_str()).collect()
        };
        for component in catalog.components.keys() {
            let labels = labels(component);
            for profile in catalog.profiles.keys().map(String::as_str).chain([DEFAULT_PROFILE]) {
                assert!(labels.contains(profile), "{component} is not tried in {profile}: {labels:?}");
            }
        }
        let hdfs = labels("hdfs");
        for label in ["hdfs.mode=ha", "hdfs.mode=ha hdfs.zookeeper_quorum=unanswered", "hdfs.datanode_kind=daemonset"] {
            assert!(hdfs.contains(label), "{label}: {hdfs:?}");
        }
        let airflow = labels("airflow");
        for label in ["airflow.dags_source=git airflow.executor=KubernetesExecutor", "platform.ingress_enabled=true"] {
            assert!(airflow.contains(label), "{label}: {airflow:?}");
        }
        assert!(!hdfs.iter().any(|label| label.contains("memory")), "sizes bring no images: {hdfs:?}");
        assert!(trials.len() < 500, "{}", trials.len());
        let with: BTreeSet<_> = trials
            .iter()
            .filter(|trial| trial.component == "airflow")
            .map(|trial| trial.given.chosen.clone())
            .collect();
        assert!(with.len() > 1, "alone and with what it uses: {with:?}");
    }

    #[test]
    fn what_an_answer_makes_necessary_is_answered_too() {
        let catalog = catalog::load(&[]).unwrap();
        let trials = trials(&catalog).unwrap();
        let git = trials.iter().find(|trial| trial.label == "airflow.dags_source=git").unwrap();
        let draft = git.given.draft(&catalog).unwrap();
        assert!(!draft.problems.is_empty());
        let answered = git.answered(&catalog, &draft).unwrap().given.draft(&catalog).unwrap();
        assert!(answered.problems.is_empty(), "{:?}", answered.problems);
        assert_eq!(answered.answers.get("airflow", "dags_repo").text(), Some(ADDRESS));
        assert_eq!(git.answered(&catalog, &answered), None);
    }

    #[test]
    fn images_that_nobody_publishes_have_a_stand_in() {
        let catalog = catalog::load(&[]).unwrap();
        let layer = unpublished_layer(&catalog);
        let answers: Vec<(String, Raw)> =
            layer.answers.iter().map(|(id, _, raw)| (id.to_string(), raw.clone())).collect();
        assert!(
            answers.contains(&("livy.image".to_owned(), Raw::Text("windlass.invalid/livy/livy".to_owned()))),
            "{answers:?}"
        );
        let unpublished =
            catalog.components.values().flat_map(|component| &component.images).filter(|image| image.split().is_none());
        assert_eq!(answers.len(), 2 * unpublished.count());
    }

    #[test]
    fn answers_are_combined_as_long_as_there_are_few() {
        let id = |n: usize| QuestionId::new("a", &format!("q{n}"));
        let texts = || vec!["x".to_owned(), "y".to_owned()];
        let switches = |conditions: usize, values: usize| Switches {
            conditions: (0..conditions).map(|n| (id(n), texts())).collect(),
            values: (10..10 + values).map(|n| (id(n), texts())).collect(),
        };
        assert_eq!(switches(0, 0).sets().len(), 0);
        assert_eq!(switches(2, 0).sets().len(), 3 * 3 - 1);
        assert_eq!(switches(2, 3).sets().len(), 3 * 3 - 1 + 6);
        assert_eq!(switches(3, 0).sets().len(), 27 - 1);
        assert_eq!(switches(4, 0).sets().len(), 8, "each by itself");
    }
}
