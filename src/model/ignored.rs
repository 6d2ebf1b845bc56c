//! Fields of objects that a component leaves to others: what differs there is not compared.

use super::cluster::ObjectRef;
use super::value_path::{PathRelation, ValuePath};

/// A field that is not compared, with all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredField {
    /// Kind of the objects.
    pub kind: String,
    /// The name of the only one that is meant; all of the kind without.
    pub name: Option<String>,
    /// Where.
    pub path: ValuePath,
}

/// What is not compared in the objects of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignored(pub Vec<IgnoredField>);

impl Ignored {
    /// What is not compared in one object.
    #[must_use]
    pub fn of(&self, object: &ObjectRef) -> IgnoredPaths<'_> {
        let meant = |field: &&IgnoredField| {
            field.kind == object.kind && field.name.as_ref().is_none_or(|name| *name == object.name)
        };
        IgnoredPaths(self.0.iter().filter(meant).map(|field| &field.path).collect())
    }
}

/// What is not compared in one object.
#[derive(Debug, Clone, Default)]
pub struct IgnoredPaths<'a>(Vec<&'a ValuePath>);

impl IgnoredPaths<'_> {
    /// Whether a field is not compared, by its path as differences have it.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.any(path, PathRelation::Within)
    }

    /// Whether something below a field is not compared.
    #[must_use]
    pub fn has_below(&self, path: &str) -> bool {
        self.any(path, PathRelation::Above)
    }

    fn any(&self, path: &str, relation: PathRelation) -> bool {
        if self.0.is_empty() {
            return false;
        }
        path.parse().is_ok_and(|path| self.0.iter().any(|ignored| ignored.relation_to(&path) == relation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_and_name_say_which_objects_are_meant() {
        let field = |kind: &str, name: Option<&str>, path: &str| IgnoredField {
            kind: kind.to_owned(),
            name: name.map(str::to_owned),
            path: path.parse().unwrap(),
        };
        let ignored =
            Ignored(vec![field("Deployment", Some("a"), "spec.replicas"), field("Secret", None, "data.password")]);
        let of =
            |kind: &str, name: &str, path: &str| ignored.of(&ObjectRef::namespaced("v1", kind, "ns", name)).has(path);
        assert!(of("Deployment", "a", "spec.replicas") && of("Secret", "any", "data.password"));
        assert!(!of("Deployment", "b", "spec.replicas") && !of("StatefulSet", "a", "spec.replicas"));
        assert!(!of("Secret", "any", "data.user") && !of("Secret", "any", "data") && !of("Secret", "any", ""));
        let paths = Ignored(vec![field("X", None, "a.b.c")]);
        let paths = paths.of(&ObjectRef::namespaced("v1", "X", "ns", "x"));
        assert!(paths.has_below("a") && paths.has_below("a.b") && !paths.has_below("a.b.c") && !paths.has_below("b"));
    }
}
