//! Actions on any object of the cluster.

use super::kind::{Kind, Limits, Names};
use super::part::{family, parts};
use crate::model::{Quantity, is_selector};

family! {
    /// What can be done with an object of the cluster.
    K8sAction {
        Await = "k8s.wait",
        Scale = "k8s.scale",
        SetText = "k8s.config_map",
        Grow = "k8s.grow",
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

    /// Gives a workload of the component's release another number of pods, and waits until there are as many. One that
    /// has neither this nor the number it should have before is left alone, and so is one that is not there: what this
    /// comes before was done already, by a run that was killed behind it.
    Scale {
        /// `StatefulSet` or `Deployment`.
        kind: String,
        /// Its name.
        name: String,
        /// How many pods it has until then.
        from: u32,
        /// How many pods it gets.
        replicas: u32,
    }

    /// Puts a text into a ConfigMap of the component's release, in place of the one that its chart has there, until Helm
    /// changes the release the next time.
    SetText {
        /// Its name.
        name: String,
        /// A key that it has.
        key: String,
        /// The text.
        text: String,
    }

    /// Gives the pods of a StatefulSet of the component's release larger volumes: its claims grow, and then it gives way,
    /// with its pods left alone, to the one that Helm makes in its place, whose template asks for as much. One that is not
    /// there has given way already, to a run that was killed behind that.
    Grow {
        /// Its name.
        name: String,
        /// The name of its claim template.
        claim: String = "data",
        /// How large, as a quantity.
        storage: String,
    }
}

/// What claim templates are called where nothing else is said.
fn data() -> String {
    "data".to_owned()
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
                Some(format!("k8s.wait: `{selector}` is not a label selector such as app=x"))
            }
            (_, Some(path)) if !path.starts_with('/') => {
                Some(format!("k8s.wait: `{path}` is not a path into an object such as /status/phase"))
            }
            _ => None,
        }
    }

    fn bind(&mut self, names: &dyn Names) -> Result<(), String> {
        if self.namespace.is_none() && !names.namespace().is_empty() {
            self.namespace = Some(names.namespace().to_owned());
        }
        if self.name.is_some() == self.selector.is_some() {
            return Err("k8s.wait requires one of `name` and `selector`".to_owned());
        }
        if self.condition.is_some() == self.path.is_some() {
            return Err("k8s.wait requires one of `condition` and `path`".to_owned());
        }
        // The value at the path is shown while it waits.
        if self.kind == "Secret" {
            return Err("k8s.wait cannot be used with a Secret".to_owned());
        }
        Ok(())
    }
}

impl Kind for Scale {
    fn limits(&self) -> Limits {
        Limits { seconds: 300, retries: 0 }
    }

    fn title(&self) -> String {
        format!("{} {} has {} pods", self.kind, self.name, self.replicas)
    }

    fn bind(&mut self, _: &dyn Names) -> Result<(), String> {
        if ["StatefulSet", "Deployment"].contains(&self.kind.as_str()) {
            return Ok(());
        }
        Err(format!("k8s.scale: a {} is neither a StatefulSet nor a Deployment", self.kind))
    }

    fn changes(&self) -> bool {
        true
    }
}

impl Kind for SetText {
    fn limits(&self) -> Limits {
        Limits { seconds: 60, retries: 3 }
    }

    fn title(&self) -> String {
        format!("{} of ConfigMap {}", self.key, self.name)
    }

    fn changes(&self) -> bool {
        true
    }
}

impl Kind for Grow {
    fn limits(&self) -> Limits {
        Limits { seconds: 900, retries: 0 }
    }

    fn title(&self) -> String {
        format!("{} volumes of StatefulSet {} have {}", self.claim, self.name, self.storage)
    }

    fn problem(&self) -> Option<String> {
        let size = Quantity::parse(&self.storage);
        size.is_none().then(|| format!("k8s.grow: `{}` is not a volume size such as 20Gi", self.storage))
    }

    fn changes(&self) -> bool {
        true
    }
}
