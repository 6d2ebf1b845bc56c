//! Actions on any object of the cluster.

use super::kind::{Kind, Limits, Names};
use super::part::{family, parts};
use crate::model::is_selector;

family! {
    /// What can be done with an object of the cluster.
    K8sAction {
        Await = "k8s.wait",
    }
}

parts! {
    /// Waits until an object, or all that a selector finds, is in a state.
    Await {
        /// Group and version, such as `kafka.strimzi.io/v1beta2`.
        api_version: String,
        /// The kind.
        kind: String,
        /// Name of the object.
        name: Option<String> = "Default::default",
        /// Labels of the objects; there has to be one at least.
        selector: Option<String> = "Default::default",
        /// Where, if not in the component's namespace.
        namespace: Option<String> = "Default::default",
        /// A condition of its status.
        condition: Option<String> = "Default::default",
        /// A place in it, such as `/status/phase`.
        path: Option<String> = "Default::default",
        /// What the condition or the place has to be: `True` for a condition, anything for a place.
        equals: Option<String> = "Default::default",
    }
}

impl Await {
    /// What it waits for, in words.
    #[must_use]
    pub fn wanted(&self) -> String {
        let equals = self.equals.as_deref();
        match (&self.condition, &self.path) {
            (Some(condition), _) if equals.is_none_or(|equals| equals == "True") => condition.clone(),
            (Some(condition), _) => format!("{condition} {}", equals.unwrap_or_default()),
            (None, path) => {
                let path = path.as_deref().unwrap_or_default();
                equals.map_or_else(|| path.to_owned(), |equals| format!("{path} {equals}"))
            }
        }
    }
}

impl Kind for Await {
    fn limits(&self) -> Limits {
        Limits { seconds: 600, retries: 0 }
    }

    fn title(&self) -> String {
        let name = self.name.as_deref().or(self.selector.as_deref()).unwrap_or_default();
        format!("{} {name} is {}", self.kind, self.wanted())
    }

    fn problem(&self) -> Option<String> {
        match (&self.selector, &self.path) {
            (Some(selector), _) if !is_selector(selector) => {
                Some(format!("k8s.wait: `{selector}` selects no labels, such as app=x"))
            }
            (_, Some(path)) if !path.starts_with('/') => {
                Some(format!("k8s.wait: `{path}` is no path into an object, such as /status/phase"))
            }
            _ => None,
        }
    }

    fn bind(&mut self, _: &dyn Names) -> Result<(), String> {
        if self.name.is_some() == self.selector.is_some() {
            return Err("k8s.wait has one of `name` and `selector`".to_owned());
        }
        if self.condition.is_some() == self.path.is_some() {
            return Err("k8s.wait has one of `condition` and `path`".to_owned());
        }
        // What is at the path is told while it is waited for.
        if self.kind == "Secret" {
            return Err("k8s.wait looks into no Secret".to_owned());
        }
        Ok(())
    }

    fn waits_for(&self) -> Option<&Await> {
        Some(self)
    }
}
