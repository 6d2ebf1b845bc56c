//! The JSON Schema of an answers file, for editors.

use serde_json::{Map, Value, json};

use crate::catalog::{Catalog, Question};

/// The name of an instance, as in `bytewax@orders`.
const INSTANCE: &str = "[a-z][a-z0-9-]*";

/// A schema (draft 2020-12) of the answers files that fit this catalog, texts in this language.
#[must_use]
pub fn schema(catalog: &Catalog, language: &str) -> Value {
    let ids: Vec<&str> = catalog.components.keys().map(String::as_str).collect();
    let mut properties = Map::new();
    properties.insert(
        "components".to_owned(),
        json!({
            "description": "only these components, and what they require",
            "type": "array", "uniqueItems": true, "items": {"anyOf": [{"enum": ids}, {"type": "string", "pattern": format!("^({})@{INSTANCE}$", ids.join("|"))}]},
        }),
    );
    let profiles: Vec<&str> = catalog.profiles.keys().map(String::as_str).collect();
    properties.insert("profile".to_owned(), json!({"description": "a named set of answers", "enum": profiles}));
    let (mut dotted, mut instances) = (Map::new(), Map::new());
    for id in std::iter::once("platform").chain(ids) {
        let mut answers = Map::new();
        for question in catalog.questions(id) {
            let schema = answer(question, language);
            dotted.insert(format!("{id}.{}", question.id), schema.clone());
            if id != "platform" {
                instances.insert(format!("^{id}@{INSTANCE}\\.{}$", question.id), schema.clone());
            }
            answers.insert(question.id.clone(), schema);
        }
        let title = catalog.components.get(id).map(|component| component.title.of(language));
        let section =
            json!({"title": title, "type": ["object", "null"], "additionalProperties": false, "properties": answers});
        if id != "platform" {
            instances.insert(format!("^{id}@{INSTANCE}$"), section.clone());
        }
        properties.insert(id.to_owned(), section);
    }
    // `livy.memory: 1Gi` is as good as `livy: {memory: 1Gi}`.
    properties.extend(dotted);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Answers for windlass",
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": properties,
        "patternProperties": instances,
    })
}

fn answer(question: &Question, language: &str) -> Value {
    let mut schema = Map::new();
    let mut set = |key: &str, value: Value| schema.insert(key.to_owned(), value);
    let words = question.title.of(language);
    let help = question.help.as_ref().map(|help| help.of(language));
    set("description", json!(help.map_or_else(|| words.to_owned(), |help| format!("{words}. {help}"))));
    question.kind.rules().schema(question, &mut schema);
    if let Some(default) =
        question.default.as_ref().filter(|default| !default.as_str().is_some_and(|text| text.contains('{')))
    {
        schema.insert("default".to_owned(), default.clone());
    }
    if question.optional {
        return json!({"anyOf": [Value::Object(schema), {"type": "null"}]});
    }
    Value::Object(schema)
}
