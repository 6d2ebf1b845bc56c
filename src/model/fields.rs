//! Fields of objects: how their places are written, and what names the elements of lists.

use serde_json::Value;

/// What names an element of a list, first match wins; an element without any of them is matched by its place.
const KEYS: &[&[&str]] = &[
    &["name"],
    &["mountPath"],
    &["containerPort", "protocol"],
    &["port", "protocol"],
    &["key"],
    &["ip"],
    &["topologyKey", "whenUnsatisfiable"],
    &["type"],
    &["uid"],
];

/// The fields that name the elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListKey(&'static [&'static str]);

impl ListKey {
    /// What names each element of all these lists, and no two of one list alike. `None`: only their places do.
    #[must_use]
    pub fn of(lists: &[&[Value]]) -> Option<Self> {
        KEYS.iter().map(|key| Self(key)).find(|key| {
            let named = |value: &Value| value.get(key.0[0]).is_some();
            let unique = |list: &[Value]| {
                list.iter().enumerate().all(|(at, value)| !list[..at].iter().any(|other| key.same(value, other)))
            };
            lists.iter().all(|list| list.iter().all(named) && unique(list))
        })
    }

    /// Where in a list the element is that has the same name.
    #[must_use]
    pub fn find(self, element: &Value, list: &[Value]) -> Option<usize> {
        list.iter().position(|candidate| self.same(element, candidate))
    }

    /// An element's name as it is shown: `name=main`.
    #[must_use]
    pub fn shown(self, element: &Value) -> String {
        let value = element.get(self.0[0]);
        let value = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        format!("{}={}", self.0[0], value.unwrap_or_default())
    }

    fn same(self, one: &Value, other: &Value) -> bool {
        self.0.iter().all(|part| match (one.get(part), other.get(part)) {
            (Some(one), Some(other)) => same_scalar(one, other),
            // Left out in a manifest, defaulted by the API: TCP.
            (None, other) => other.is_none_or(|other| other == "TCP" || *part != "protocol"),
            (Some(one), None) => one == "TCP",
        })
    }
}

/// The path of a field below another.
#[must_use]
pub fn join(path: &str, name: &str) -> String {
    // Names with dots (annotations) would make the path ambiguous.
    match (path.is_empty(), name.contains(['.', '/'])) {
        (true, _) => name.to_owned(),
        (false, false) => format!("{path}.{name}"),
        (false, true) => format!("{path}[{name}]"),
    }
}

/// Whether two values are the same, 1 and 1.0 among them.
#[must_use]
pub fn same_scalar(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(lists: &[Value]) -> Option<&'static str> {
        let lists: Vec<&[Value]> = lists.iter().map(|list| list.as_array().unwrap().as_slice()).collect();
        ListKey::of(&lists).map(|key| key.0[0])
    }

    #[test]
    fn elements_are_named_by_what_all_have_and_none_share() {
        assert_eq!(key(&[json!([{"name": "a"}, {"name": "b"}]), json!([{"name": "a"}])]), Some("name"));
        let mounts = json!([{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]);
        assert_eq!(key(&[mounts, json!([])]), Some("mountPath"));
        let ports = json!([{"port": 53, "protocol": "UDP"}, {"port": 53}]);
        assert_eq!(key(&[ports.clone(), json!([{"port": 53, "protocol": "TCP"}])]), Some("port"));
        assert_eq!(key(&[ports, json!([{"port": 53}, {"port": 53, "protocol": "TCP"}])]), None, "the same twice");
        assert_eq!(key(&[json!([{"metadata": {}}]), json!([{"name": "a"}])]), None);
    }

    #[test]
    fn paths_are_readable() {
        assert_eq!(join("", "spec"), "spec");
        assert_eq!(join("spec", "replicas"), "spec.replicas");
        assert_eq!(join("metadata.annotations", "a.b/c"), "metadata.annotations[a.b/c]");
    }
}
