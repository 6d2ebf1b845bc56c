//! The kinds of action, by family. A new kind is a type in its family's file and what the compiler then asks for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::hdfs::{HdfsAction, Mkdir, Upload};
use super::http::{Ensure, HttpAction};
use super::job::{JobAction, Run};
use super::k8s::{Await, Grow, K8sAction};
use super::kind::{Kind, Names};
use super::livy::LivyAction;
use crate::catalog::question::{Text, WORDS};
use crate::catalog::refs::as_template;
use crate::model::yaml::{Field, Shape};

/// What an action leaves behind.
#[derive(Debug, Clone, Copy)]
pub enum ActionEffect<'a> {
    /// A folder in HDFS with a mode.
    Folder(&'a Mkdir),
    /// Files in a folder of HDFS.
    Files(&'a Upload),
    /// Something in a service.
    Entry(&'a Ensure),
    /// Something that was done for what this text says; it cannot be seen, and is remembered.
    Done(&'a str),
}

/// The kinds of action. Texts are templates until they are filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ActionKind {
    /// On HDFS.
    Hdfs(HdfsAction),
    /// On a service that speaks HTTP.
    Http(Box<HttpAction>),
    /// Through Livy.
    Livy(LivyAction),
    /// In the cluster.
    Job(Box<JobAction>),
    /// On objects of the cluster.
    K8s(K8sAction),
}

/// Does the same with whichever family it is.
macro_rules! each {
    ($self:ident, $action:ident => $do:expr) => {
        match $self {
            ActionKind::Hdfs($action) => $do,
            ActionKind::Http($action) => $do,
            ActionKind::Livy($action) => $do,
            ActionKind::Job($action) => $do,
            ActionKind::K8s($action) => $do,
        }
    };
}

impl<'de> Deserialize<'de> for ActionKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let fields = serde_json::Map::deserialize(deserializer)?;
        let name = fields.get("action").and_then(|name| name.as_str()).unwrap_or_default().to_owned();
        let has = |kinds: &[(&str, Shape)]| kinds.iter().any(|(kind, _)| *kind == name);
        let mut value = serde_json::Value::Object(fields);
        let shape = Self::FAMILIES.iter().copied().flatten().find(|(kind, _)| *kind == name);
        as_texts(&mut value, shape.map(|(_, shape)| shape));
        let read = if has(HdfsAction::KINDS) {
            serde_json::from_value(value).map(Self::Hdfs)
        } else if has(HttpAction::KINDS) {
            serde_json::from_value(value).map(Self::Http)
        } else if has(LivyAction::KINDS) {
            serde_json::from_value(value).map(Self::Livy)
        } else if has(JobAction::KINDS) {
            serde_json::from_value(value).map(Self::Job)
        } else if has(K8sAction::KINDS) {
            serde_json::from_value(value).map(Self::K8s)
        } else {
            return Err(D::Error::custom(format!("unknown action `{name}`")));
        };
        read.map_err(|error| D::Error::custom(format!("{name}: {error}")))
    }
}

impl ActionKind {
    /// Names and shapes of all kinds, by family.
    pub(in crate::catalog) const FAMILIES: &'static [&'static [(&'static str, Shape)]] =
        &[HdfsAction::KINDS, HttpAction::KINDS, LivyAction::KINDS, JobAction::KINDS, K8sAction::KINDS];

    /// What it says of itself.
    #[must_use]
    pub fn kind(&self) -> &dyn Kind {
        each!(self, action => action.kind())
    }

    /// What it leaves behind. It is observed, is part of plan and drift, and nothing is done where it is there; an action
    /// that leaves nothing looks again when something else has changed.
    #[must_use]
    pub fn leaves(&self) -> Option<ActionEffect<'_>> {
        match self {
            Self::Hdfs(HdfsAction::Mkdir(folder)) => Some(ActionEffect::Folder(folder)),
            Self::Hdfs(HdfsAction::Upload(files)) => Some(ActionEffect::Files(files)),
            Self::Http(action) => match &**action {
                HttpAction::Ensure(entry) => Some(ActionEffect::Entry(entry)),
                _ => None,
            },
            Self::Job(_) => self.jobs()?.unless.as_deref().map(ActionEffect::Done),
            _ => None,
        }
    }

    /// The Job that it runs.
    #[must_use]
    pub fn jobs(&self) -> Option<&Run> {
        let Self::Job(action) = self else { return None };
        let JobAction::Run(run) = &**action;
        Some(run)
    }

    /// The objects whose state it waits for.
    #[must_use]
    pub const fn waits_for(&self) -> Option<&Await> {
        if let Self::K8s(K8sAction::Await(wait)) = self { Some(wait) } else { None }
    }

    /// The volumes that it makes larger.
    #[must_use]
    pub const fn grows(&self) -> Option<&Grow> {
        if let Self::K8s(K8sAction::Grow(grow)) = self { Some(grow) } else { None }
    }

    /// Every template in it, in a fixed order.
    #[must_use]
    pub fn templates(&self) -> Vec<&str> {
        let mut found = Vec::new();
        each!(self, action => action.texts(&mut found));
        found
    }

    /// The same action with every template replaced.
    ///
    /// # Errors
    /// The first error of `fill`.
    pub fn map<E>(&self, mut fill: impl FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
        let fill = &mut fill;
        Ok(match self {
            Self::Hdfs(action) => Self::Hdfs(action.fill(fill)?),
            Self::Http(action) => Self::Http(Box::new(action.fill(fill)?)),
            Self::Livy(action) => Self::Livy(action.fill(fill)?),
            Self::Job(action) => Self::Job(Box::new(action.fill(fill)?)),
            Self::K8s(action) => Self::K8s(action.fill(fill)?),
        })
    }

    /// Whether it uses results of other actions: answers and what is installed are filled in already.
    #[must_use]
    pub fn needs_results(&self) -> bool {
        self.templates().iter().any(|text| text.contains("{{"))
    }

    /// Puts what its names mean in their places.
    ///
    /// # Errors
    /// A name that means nothing.
    pub fn bind(&mut self, names: &dyn Names) -> Result<(), String> {
        each!(self, action => action.kind_mut().bind(names))
    }

    /// Whether it talks to HDFS.
    #[must_use]
    pub const fn uses_hdfs(&self) -> bool {
        matches!(self, Self::Hdfs(_))
    }
}

/// Makes texts of numbers and booleans where a text is wanted, such as `processes: 3`.
fn as_texts(value: &mut serde_json::Value, shape: Option<&Shape>) {
    use serde_json::Value;
    match (value, shape) {
        (value @ (Value::Number(_) | Value::Bool(_)), Some(Shape::Text)) => *value = Value::String(value.to_string()),
        (Value::Array(items), Some(Shape::List(shape))) => {
            items.iter_mut().for_each(|item| as_texts(item, Some(shape)))
        }
        (Value::Object(entries), Some(Shape::MapOf(shape))) => {
            entries.values_mut().for_each(|value| as_texts(value, Some(shape)));
        }
        (Value::Object(entries), Some(Shape::Map(fields))) => {
            for (key, value) in entries {
                as_texts(value, fields.iter().find(|field| field.name == key).map(|field| &field.shape));
            }
        }
        _ => {}
    }
}

/// An action and when to give up on it.
#[derive(Debug, Clone)]
pub struct ActionSpec {
    /// What to do.
    pub kind: ActionKind,
    /// What people read; made from the kind where absent.
    pub title: Option<Text>,
    /// How long it may take in all.
    pub deadline: Option<Duration>,
    /// How often it is retried.
    pub retries: Option<u32>,
    /// The name under which its results can be used by later actions.
    pub register: Option<String>,
    /// An expression: where it is not true, the action is skipped.
    pub when: Option<String>,
    /// A template: what fixes it where it fails.
    pub fix: Option<Text>,
    /// Of the actions once the release is ready: other components do not wait for it, only their checks do.
    pub late: bool,
    /// What it means to those who use the component: nothing starts before the user has agreed.
    pub agree: Option<Text>,
}

impl ActionSpec {
    /// Its condition as a template, in which names can be looked up.
    #[must_use]
    pub fn when_template(&self) -> Option<String> {
        self.when.as_deref().map(as_template)
    }
}

/// What every kind of action may have besides its own.
#[derive(Deserialize)]
struct Common {
    #[serde(default)]
    title: Option<Text>,
    #[serde(default)]
    deadline: Option<String>,
    #[serde(default)]
    retries: Option<u32>,
    #[serde(default)]
    register: Option<String>,
    #[serde(default)]
    when: Option<String>,
    #[serde(default)]
    fix: Option<Text>,
    #[serde(default)]
    late: bool,
    #[serde(default)]
    agree: Option<Text>,
}

const DURATION: Shape = Shape::That("a duration such as 30s, 5m or 1h", |text| parse_duration(text).is_some());

/// The keys of [`Common`].
const COMMON: &[Field] = &[
    Field::optional("title", WORDS),
    Field::optional("deadline", DURATION),
    Field::optional("retries", Shape::Int),
    Field::optional("register", Shape::Text),
    Field::optional("when", Shape::Text),
    Field::optional("fix", WORDS),
    Field::optional("late", Shape::Bool),
    Field::optional("agree", WORDS),
];

/// The shape of an action.
pub(in crate::catalog) const ACTION: Shape = Shape::Tagged("action", ActionKind::FAMILIES, COMMON);

impl<'de> Deserialize<'de> for ActionSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let mut own = serde_json::Map::deserialize(deserializer)?;
        let common: serde_json::Map<_, _> = COMMON.iter().filter_map(|field| own.remove_entry(field.name)).collect();
        let common: Common = serde_json::from_value(common.into()).map_err(D::Error::custom)?;
        let kind = serde_json::from_value(own.into()).map_err(D::Error::custom)?;
        let deadline = common.deadline.as_deref().and_then(parse_duration);
        let Common { title, retries, register, when, fix, late, agree, .. } = common;
        Ok(Self { kind, title, deadline, retries, register, when, fix, late, agree })
    }
}

/// Reads `30s`, `5m`, `1h`.
fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("5m"), Some(Duration::from_secs(300)));
        for bad in ["", "5", "m", "5x", "-1s", "1.5m"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
