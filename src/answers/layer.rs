//! Where answers come from. A later layer wins over an earlier one.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::catalog::{Catalog, Profile, QuestionId};
use crate::model::yaml::{Findings, Node, Pos, Scalar, Yaml, parse};

/// The layers in the order in which they win, weakest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerKind {
    /// The default in the catalog.
    Catalog,
    /// What an offline bundle brought.
    Bundle,
    /// What `sandbox/up` wrote.
    Sandbox,
    /// What is installed.
    Installed,
    /// The profile, which somebody has chosen.
    Profile,
    /// An answers file.
    File,
    /// `WINDLASS_ANSWER_…`.
    Environment,
    /// `--set`.
    Flag,
    /// The guided install.
    Screen,
}

/// A raw answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// As text.
    Text(String),
    /// As a node of a file.
    Node(Node),
}

/// One layer of answers, not checked yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Which layer it is.
    pub kind: LayerKind,
    /// The file, variable or flag, for messages; entries say the place in it.
    pub name: String,
    /// The answers and where each stands.
    pub answers: Vec<(QuestionId, Pos, Raw)>,
}

impl Layer {
    /// The components that its answers are about.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.answers.iter().map(|(id, ..)| id.component.as_str())
    }

    /// Without answers to questions that do not exist: what is remembered may be of an older catalog, and what a profile
    /// says of a component may be about one that was replaced.
    #[must_use]
    pub fn known(mut self, catalog: &Catalog) -> Self {
        self.answers.retain(|(id, ..)| catalog.question(id).is_some());
        self
    }
}

/// An answers file.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswersFile {
    /// Its answers.
    pub layer: Layer,
    /// The components that it chooses, if it does.
    pub components: Option<Vec<String>>,
    /// The profile that it builds on, if any.
    pub profile: Option<String>,
    /// Where it names these: each component, and the profile.
    pub names: Vec<(String, Pos)>,
}

impl AnswersFile {
    /// Removes components and profiles that do not exist, and reports them.
    pub fn known(&mut self, catalog: &Catalog) -> Findings {
        let mut findings = Findings::default();
        let place =
            |name: &str| self.names.iter().find(|(known, _)| known == name).map_or(Pos::default(), |(_, pos)| *pos);
        for id in self.components.iter().flatten().filter(|id| !catalog.components.contains_key(*id)) {
            let known = catalog.components.keys().map(String::as_str);
            findings.add_unknown(&self.layer.name, place(id), format!("unknown component `{id}`"), id, known);
        }
        for name in self.profile.iter().filter(|name| !catalog.profiles.contains_key(*name)) {
            let known = catalog.profiles.keys().map(String::as_str);
            findings.add_unknown(&self.layer.name, place(name), format!("unknown profile `{name}`"), name, known);
        }
        if let Some(ids) = &mut self.components {
            ids.retain(|id| catalog.components.contains_key(id));
        }
        self.profile = self.profile.take().filter(|name| catalog.profiles.contains_key(name));
        findings
    }
}

/// Reads the text of an answers file: `component: {question: answer}`, or `component.question: answer`, and
/// `components: [id, …]` and `profile: id`.
///
/// # Errors
/// Every mistake in its form; whether questions exist is checked with the catalog, later.
pub fn parse_file(name: &str, text: &str, kind: LayerKind) -> Result<AnswersFile, Findings> {
    let (file, findings) = scan_file(name, text, kind)?;
    findings.into_result(file)
}

/// The same, with the valid part and the findings: for those that report all findings at once.
///
/// # Errors
/// It is not YAML.
pub fn scan_file(name: &str, text: &str, kind: LayerKind) -> Result<(AnswersFile, Findings), Findings> {
    let root = parse(name, text)?;
    let mut findings = Findings::default();
    let mut answers = Vec::new();
    let (mut components, mut profile, mut names) = (None, None, Vec::new());
    let Some(entries) = root.map() else {
        // A file in which nothing is answered yet is one, too.
        if root.yaml != Yaml::Scalar(Scalar::Null) {
            findings.add(name, root.pos, "expected a mapping from component to answers");
        }
        let layer = Layer { kind, name: name.to_owned(), answers };
        return Ok((AnswersFile { layer, components, profile, names }, findings));
    };
    for (key, pos, node) in entries {
        if key == "components" {
            match node.list().map(|items| items.iter().map(Node::text).collect::<Option<Vec<_>>>()) {
                Some(Some(ids)) => {
                    let places = node.list().into_iter().flatten().map(|item| item.pos);
                    names.extend(ids.iter().map(|id| (*id).to_owned()).zip(places));
                    components = Some(ids.into_iter().map(str::to_owned).collect());
                }
                _ => findings.add(name, node.pos, "expected a list of component ids"),
            }
        } else if key == "profile" {
            match node.text() {
                Some(text) => {
                    names.push((text.to_owned(), node.pos));
                    profile = Some(text.to_owned());
                }
                None => findings.add(name, node.pos, "expected the name of a profile"),
            }
        } else if let Ok(id) = key.parse::<QuestionId>() {
            answers.push((id, *pos, Raw::Node(node.clone())));
        } else if let Some(inner) = node.map() {
            for (question, pos, value) in inner {
                answers.push((QuestionId::new(key, question), *pos, Raw::Node(value.clone())));
            }
        } else if node.yaml != Yaml::Scalar(Scalar::Null) {
            findings.add(name, *pos, format!("expected answers below `{key}`, such as `{key}: {{question: answer}}`"));
        }
    }
    let layer = Layer { kind, name: name.to_owned(), answers };
    Ok((AnswersFile { layer, components, profile, names }, findings))
}

/// The layer of a profile.
#[must_use]
pub fn from_profile(profile: &Profile) -> Layer {
    let answers = profile.answers.iter().map(|(id, pos, node)| (id.clone(), *pos, Raw::Node(node.clone())));
    Layer { kind: LayerKind::Profile, name: profile.file.clone(), answers: answers.collect() }
}

/// The layer of `--set component.question=answer` flags.
///
/// # Errors
/// A flag that is not of that form.
pub fn from_flags(flags: &[String]) -> Result<Layer, Findings> {
    let mut findings = Findings::default();
    let mut answers: BTreeMap<QuestionId, (Pos, Raw)> = BTreeMap::new();
    for flag in flags {
        let pos = Pos::default();
        match flag.split_once('=').map(|(id, value)| (id.parse::<QuestionId>(), value)) {
            Some((Ok(id), value)) => {
                answers.insert(id, (pos, Raw::Text(value.to_owned())));
            }
            _ => findings.add("--set", pos, format!("expected component.question=answer, found `{flag}`")),
        }
    }
    let answers = answers.into_iter().map(|(id, (pos, raw))| (id, pos, raw)).collect();
    findings.into_result(Layer { kind: LayerKind::Flag, name: "--set".to_owned(), answers })
}

/// The layer of `WINDLASS_ANSWER_…` variables.
///
/// # Errors
/// A variable with that prefix that belongs to no question.
pub fn from_environment(
    catalog: &Catalog,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Layer, Findings> {
    const PREFIX: &str = "WINDLASS_ANSWER_";
    let mut known = BTreeMap::new();
    for component in catalog.components.keys().map(String::as_str).chain(["platform"]) {
        for question in catalog.questions(component) {
            let id = QuestionId::new(component, &question.id);
            known.insert(id.variable(), id);
        }
    }
    let mut findings = Findings::default();
    let mut answers = Vec::new();
    // What is in other variables is none of our business, whatever bytes it is made of.
    let ours = |name: &OsString| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
    let mut given: Vec<_> = variables.into_iter().filter(|(name, _)| ours(name)).collect();
    given.sort();
    for (name, value) in given {
        let pos = Pos::default();
        let name = name.to_string_lossy().into_owned();
        match known.get(&name) {
            Some(id) => match value.into_string() {
                Ok(value) => answers.push((id.clone(), pos, Raw::Text(value))),
                Err(_) => findings.add("environment", pos, format!("the value of `{name}` is not UTF-8")),
            },
            None => {
                let message = format!("no question has the variable `{name}`");
                findings.add_unknown("environment", pos, message, &name, known.keys().map(String::as_str));
            }
        }
    }
    findings.into_result(Layer { kind: LayerKind::Environment, name: "environment".to_owned(), answers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_and_the_component_list() {
        let text = "components: [hdfs]\nhdfs:\n  replication: 2\nlivy.memory: 1Gi\n";
        let file = parse_file("a.yaml", text, LayerKind::File).unwrap();
        assert_eq!(file.components, Some(vec!["hdfs".to_owned()]));
        let ids: Vec<_> = file.layer.answers.iter().map(|(id, pos, _)| (id.to_string(), pos.line)).collect();
        assert_eq!(ids, [("hdfs.replication".to_owned(), 3), ("livy.memory".to_owned(), 4)]);
    }

    #[test]
    fn bytes_of_other_variables_do_not_matter_and_ours_are_named() {
        use std::os::unix::ffi::OsStringExt as _;
        let catalog = crate::catalog::load(&[]).unwrap();
        let bad = || OsString::from_vec(vec![0xa3]);
        let foreign = [("BAD".into(), bad()), (bad(), "x".into()), (bad(), bad())];
        assert_eq!(from_environment(&catalog, foreign).unwrap().answers, []);
        let ours = [("WINDLASS_ANSWER_PLATFORM__REGISTRY".into(), bad())];
        let said = from_environment(&catalog, ours).unwrap_err().to_string();
        assert_eq!(said, "environment: the value of `WINDLASS_ANSWER_PLATFORM__REGISTRY` is not UTF-8");
        let mut name = b"WINDLASS_ANSWER_".to_vec();
        name.push(0xff);
        let said = from_environment(&catalog, [(OsString::from_vec(name), "x".into())]).unwrap_err().to_string();
        assert!(said.contains("no question has the variable `WINDLASS_ANSWER_\u{fffd}`"), "{said}");
    }

    #[test]
    fn the_last_flag_wins_and_a_bad_one_is_named() {
        let layer = from_flags(&["a.b=1".into(), "a.b=2".into()]).unwrap();
        assert_eq!(layer.answers[0].2, Raw::Text("2".into()));
        assert!(from_flags(&["a=1".into()]).is_err());
    }
}
