//! Fields of objects: how their places are written, and what names the elements of lists.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::value_path::{KEY_IN_BRACKETS, escaped};

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
        format!("{}={}", self.0[0], escaped(&value.unwrap_or_default(), &['\\', ']']))
    }

    fn same(self, one: &Value, other: &Value) -> bool {
        self.0.iter().all(|part| match (one.get(part), other.get(part)) {
            (Some(one), Some(other)) => same_scalar(one, other),
            // Omitted in a manifest, defaulted by the API: TCP.
            (None, other) => other.is_none_or(|other| other == "TCP" || *part != "protocol"),
            (Some(one), None) => one == "TCP",
        })
    }
}

/// The path of a field below another, as [`ValuePath`](super::ValuePath) reads it.
#[must_use]
pub fn join(path: &str, name: &str) -> String {
    // Names with dots (annotations) would make the path ambiguous.
    match (path.is_empty(), name.contains(KEY_IN_BRACKETS)) {
        (true, _) => escaped(name, &['\\', '.', '[', ']']),
        (false, false) => format!("{path}.{}", escaped(name, &['\\', '[', ']'])),
        (false, true) => format!("{path}[{}]", escaped(name, &['\\', '=', ']'])),
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

/// `stringData` is only for writing: the API answers with `data`, which is how a Secret is compared.
pub fn fold_string_data(fields: &mut Map<String, Value>) {
    let Some(Value::Object(plain)) = fields.remove("stringData") else { return };
    let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    if let Value::Object(data) = data {
        for (key, value) in plain {
            let text = value.as_str().unwrap_or_default();
            data.insert(key, Value::String(STANDARD.encode(text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::ValuePath;

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

    proptest::proptest! {
        #[test]
        fn what_is_shown_can_be_read_again(names in proptest::collection::vec("[a-z0-9.\\[\\]=/*\\\\-]{1,8}", 1..5), value in "[^\u{0}]{1,6}") {
            let mut object = json!({"list": [{"name": value.clone(), "at": 1}]});
            let list = object["list"].as_array().unwrap();
            let mut shown = format!("list[{}].at", ListKey::of(&[list]).unwrap().shown(&list[0]));
            proptest::prop_assert_eq!(shown.parse::<ValuePath>().unwrap().get(&object), [&json!(1)]);
            object = json!(2);
            shown.clear();
            for name in names.iter().rev() {
                object = json!({name.as_str(): object});
            }
            for name in &names {
                shown = join(&shown, name);
            }
            proptest::prop_assert_eq!(shown.parse::<ValuePath>().unwrap().get(&object), [&json!(2)], "{}", shown);
        }
    }

    #[test]
    fn paths_are_readable() {
        assert_eq!(join("", "spec"), "spec");
        assert_eq!(join("spec", "replicas"), "spec.replicas");
        assert_eq!(join("metadata.annotations", "a.b/c"), "metadata.annotations[a.b/c]");
    }
}
