//! A component more than once: `bytewax@orders` is what `bytewax` is, with answers, a release and a state of its own.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::components::{Catalog, all_questions};
use super::identifier::is_name;
use super::{Component, Text};

/// The longest name of an instance: it becomes a part of the release's.
const LONGEST: usize = 20;

/// Definition and instance of an id such as `bytewax@orders`; none where it has no instance.
#[must_use]
pub fn instance_of(id: &str) -> Option<(&str, &str)> {
    let (base, instance) = id.split_once('@')?;
    (is_name(instance, '-') && instance.len() <= LONGEST && !instance.ends_with('-')).then_some((base, instance))
}

impl Catalog {
    /// With these instances, and those that they and other components require, among its components. Ids that are no
    /// instances, or of no component, are left to whoever looks them up.
    #[must_use]
    pub fn with_instances<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Cow<'_, Self> {
        // One that is optional is there only where somebody names it.
        let required = |component: &Component| component.ever_required().map(str::to_owned).collect::<Vec<_>>();
        let mut open: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        open.extend(self.components.values().flat_map(required));
        let mut seen = BTreeSet::new();
        let mut more = Cow::Borrowed(self);
        while let Some(id) = open.pop() {
            if !id.contains('@') || more.components.contains_key(&id) || !seen.insert(id.clone()) {
                continue;
            }
            let Some(component) = self.instance(&id) else { continue };
            open.extend(required(&component));
            more.to_mut().add(component);
        }
        more
    }

    fn instance(&self, id: &str) -> Option<Component> {
        let (base, instance) = instance_of(id)?;
        let mut component = self.components.get(base)?.clone();
        component.id = id.to_owned();
        base.clone_into(&mut component.base);
        let titled = |text: &str| format!("{text} ({instance})");
        component.title = match component.title {
            Text::One(text) => Text::One(titled(&text)),
            Text::ByLanguage(texts) => {
                Text::ByLanguage(texts.into_iter().map(|(language, text)| (language, titled(&text))).collect())
            }
        };
        if let Some(release) = &mut component.release {
            release.name = format!("{}-{instance}", release.name);
        }
        // Results of two instances are two.
        let own = format!("__{}", instance.replace('-', "_"));
        let acts = component.first.iter_mut().chain(&mut component.before).chain(&mut component.after);
        let acts = acts.chain(&mut component.verify);
        for name in acts.filter_map(|act| act.register.as_mut()) {
            component.results.insert(name.clone(), format!("{name}{own}"));
            name.push_str(&own);
        }
        Some(component)
    }

    fn add(&mut self, component: Component) {
        self.questions.insert(component.id.clone(), all_questions(&component));
        self.components.insert(component.id.clone(), component);
    }
}

/// What the names of components mean in the templates of one, where they do not mean themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateNames {
    /// Name to component.
    pub means: BTreeMap<String, String>,
    /// Those that could be there and are not: everything of them is empty.
    pub absent: BTreeSet<String>,
}

impl Component {
    /// What its templates see, where `has` tells which components are there.
    #[must_use]
    pub fn seen(&self, has: impl Fn(&str) -> bool) -> TemplateNames {
        let mut seen = TemplateNames::default();
        if self.base != self.id {
            seen.means.insert(self.base.clone(), self.id.clone());
        }
        for required in &self.requires {
            let there = !required.id.is_empty() && has(&required.id) && !required.off;
            match &required.export {
                Some(export) if there => drop(seen.means.insert(export.clone(), required.id.clone())),
                Some(export) if required.optional || required.off => drop(seen.absent.insert(export.clone())),
                None if (required.optional || required.off) && !there => drop(seen.absent.insert(required.id.clone())),
                _ => {}
            }
        }
        seen
    }

    /// The name of its instance; empty where it is the only one.
    #[must_use]
    pub fn instance(&self) -> &str {
        instance_of(&self.id).map_or("", |(_, instance)| instance)
    }

    /// The component that a name in its templates means: its definition's is its own, an export's that of whoever gives it.
    #[must_use]
    pub fn means<'a>(&'a self, name: &'a str) -> &'a str {
        let given = self.requires.iter().find(|required| required.export.as_deref() == Some(name));
        match given.filter(|given| !given.id.is_empty()) {
            Some(given) => &given.id,
            None if name == self.base => &self.id,
            None => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::load;

    #[test]
    fn names_of_instances() {
        assert_eq!(instance_of("bytewax@orders"), Some(("bytewax", "orders")));
        for none in [
            "bytewax",
            "bytewax@",
            "bytewax@Orders",
            "bytewax@a@b",
            "bytewax@a-",
            "bytewax@1",
            "a@bcdefghijklmnopqrstuvw",
        ] {
            assert_eq!(instance_of(none), None, "{none}");
        }
    }

    #[test]
    fn an_instance_is_what_its_definition_is_with_a_name_and_results_of_its_own() {
        // What others require is there without being named.
        let catalog = load(&[]).unwrap().with_instances([]).into_owned();
        assert!(catalog.components.keys().any(|id| id.contains('@')));
        assert!(matches!(catalog.with_instances(["hdfs", "nobody@x", "livy@Bad"]), Cow::Borrowed(_)));
        let more = catalog.with_instances(["livy@two"]);
        let (one, two) = (&more.components["livy"], &more.components["livy@two"]);
        assert_eq!(two.release.as_ref().unwrap().name, format!("{}-two", one.release.as_ref().unwrap().name));
        assert_eq!(two.title.en(), format!("{} (two)", one.title.en()));
        assert_eq!((two.means("livy"), two.means("hdfs"), one.means("livy")), ("livy@two", "hdfs", "livy"));
        let registered = |component: &Component| component.verify.iter().find_map(|act| act.register.clone());
        assert_eq!(registered(two).unwrap(), format!("{}__two", registered(one).unwrap()));
        assert_eq!(more.questions("livy@two").len(), more.questions("livy").len());
    }
}
