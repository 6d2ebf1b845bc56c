//! What a text must look like, as data, and the check that finds every deviation at once.

use super::{Findings, Node, Scalar, Yaml};

/// The shape of a value.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any text; numbers and booleans count, as their text.
    Text,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// Any scalar.
    Scalar,
    /// Anything.
    Any,
    /// A text that fits: what is wanted in words, and the test.
    That(&'static str, fn(&str) -> bool),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A text, or a mapping from one of these names to text, the first of which has to be there.
    Words(&'static [&'static str]),
    /// A text, or a mapping with these keys and no others.
    TextOr(&'static [Field]),
    /// A list of such values.
    List(&'static Shape),
    /// One, or a list of them.
    OneOrMany(&'static Shape),
    /// A mapping with free keys.
    MapOf(&'static Shape),
    /// A mapping with these keys and no others.
    Map(&'static [Field]),
    /// A mapping whose keys depend on what the entry `tag` says: names and mappings, in groups, and what all may have.
    Tagged(&'static str, &'static [&'static [(&'static str, Self)]], &'static [Field]),
}

/// A key of a mapping.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What is under it.
    pub shape: Shape,
}

impl Field {
    /// A key that must be there.
    #[must_use]
    pub const fn required(name: &'static str, shape: Shape) -> Self {
        Self { name, required: true, shape }
    }

    /// A key that may be there.
    #[must_use]
    pub const fn optional(name: &'static str, shape: Shape) -> Self {
        Self { name, required: false, shape }
    }
}

/// Adds every deviation of `node` from `shape` to `findings`.
pub fn check(file: &str, node: &Node, shape: &Shape, findings: &mut Findings) {
    let wrong = |findings: &mut Findings, wanted: &str| {
        findings.add(file, node.pos, format!("expected {wanted}, found {}", node.kind()));
    };
    match (shape, &node.yaml) {
        (Shape::Any, _) => {}
        (Shape::Text | Shape::Scalar, Yaml::Scalar(scalar)) if *scalar != Scalar::Null => {}
        (Shape::Int, Yaml::Scalar(Scalar::Int(_))) | (Shape::Bool, Yaml::Scalar(Scalar::Bool(_))) => {}
        (Shape::That(_, fits), Yaml::Scalar(Scalar::Text(text))) if fits(text) => {}
        (Shape::That(wanted, _), Yaml::Scalar(Scalar::Text(text))) => {
            findings.add(file, node.pos, format!("expected {wanted}, found `{text}`"));
        }
        (Shape::OneOf(known), Yaml::Scalar(Scalar::Text(text))) if known.contains(&text.as_str()) => {}
        (Shape::OneOf(known), Yaml::Scalar(Scalar::Text(text))) => {
            let message = format!("expected one of {}, found `{text}`", known.join(", "));
            findings.add_unknown(file, node.pos, message, text, known.iter().copied());
        }
        (Shape::Words(_) | Shape::TextOr(_), Yaml::Scalar(Scalar::Text(_))) => {}
        (Shape::TextOr(fields), Yaml::Map(_)) => check_fields(file, node, fields, &[], findings),
        (Shape::Words(languages), Yaml::Map(entries)) => {
            for (language, pos, value) in entries {
                if !languages.contains(&language.as_str()) {
                    let message = format!("unknown language `{language}`");
                    findings.add_unknown(file, *pos, message, language, languages.iter().copied());
                }
                check(file, value, &Shape::Text, findings);
            }
            if let Some(first) = languages.first().filter(|first| node.get(first).is_none()) {
                findings.add(file, node.pos, format!("the text in `{first}` is missing"));
            }
        }
        (Shape::List(inner), Yaml::List(items)) => {
            for item in items {
                check(file, item, inner, findings);
            }
        }
        (Shape::OneOrMany(inner), Yaml::List(items)) => {
            items.iter().for_each(|item| check(file, item, inner, findings))
        }
        (Shape::OneOrMany(inner), _) => check(file, node, inner, findings),
        (Shape::MapOf(inner), Yaml::Map(entries)) => {
            for (_, _, value) in entries {
                check(file, value, inner, findings);
            }
        }
        (Shape::Map(fields), Yaml::Map(_)) => check_fields(file, node, fields, &[], findings),
        (Shape::Tagged(tag, kinds, common), Yaml::Map(_)) => {
            let kinds: Vec<_> = kinds.iter().copied().flatten().collect();
            check_tagged(file, node, tag, &kinds, common, findings);
        }
        (Shape::Text, _) => wrong(findings, "a string"),
        (Shape::That(wanted, _), _) => wrong(findings, wanted),
        (Shape::OneOf(known), _) => wrong(findings, &format!("one of {}", known.join(", "))),
        (Shape::Scalar, _) => wrong(findings, "a value"),
        (Shape::Int, _) => wrong(findings, "a whole number"),
        (Shape::Bool, _) => wrong(findings, "true or false"),
        (Shape::Words(_), _) => wrong(findings, "a string, or strings by language"),
        (Shape::TextOr(_), _) => wrong(findings, "a string or a mapping"),
        (Shape::List(_), _) => wrong(findings, "a list"),
        (Shape::MapOf(_) | Shape::Map(_) | Shape::Tagged(..), _) => wrong(findings, "a mapping"),
    }
}

fn check_tagged(
    file: &str,
    node: &Node,
    tag: &'static str,
    kinds: &[&(&'static str, Shape)],
    common: &'static [Field],
    findings: &mut Findings,
) {
    let names = || kinds.iter().map(|(name, _)| *name);
    let Some(kind) = node.get(tag) else {
        findings.add(file, node.pos, format!("key `{tag}` is missing"));
        return;
    };
    let found = kind.text().and_then(|name| kinds.iter().find(|(known, _)| *known == name));
    match found {
        Some((_, shape)) => {
            let own = if let Shape::Map(fields) = shape { *fields } else { &[] };
            let tag = Field::required(tag, Shape::Text);
            check_fields(file, node, own, &[&[tag], common].concat(), findings);
        }
        None => {
            let name = kind.text().unwrap_or_default();
            let message = format!("unknown {tag} `{name}`, expected one of {}", names().collect::<Vec<_>>().join(", "));
            findings.add_unknown(file, kind.pos, message, name, names());
        }
    }
}

/// Against the fields of a mapping, and those that it has in common with others.
fn check_fields(file: &str, node: &Node, own: &[Field], common: &[Field], findings: &mut Findings) {
    let fields = || own.iter().chain(common);
    for (key, pos, value) in node.map().unwrap_or_default() {
        match fields().find(|field| field.name == key) {
            Some(field) => check(file, value, &field.shape, findings),
            None => {
                let known = fields().map(|field| field.name);
                findings.add_unknown(file, *pos, format!("unknown key `{key}`"), key, known);
            }
        }
    }
    for field in fields().filter(|field| field.required && node.get(field.name).is_none()) {
        findings.add(file, node.pos, format!("key `{}` is missing", field.name));
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const SHAPE: Shape = Shape::Map(&[
        Field::required("id", Shape::Text),
        Field::optional("count", Shape::Int),
        Field::optional("title", Shape::Words(&["en", "ru"])),
    ]);

    fn findings(text: &str) -> Vec<String> {
        let node = parse("c.yaml", text).unwrap();
        let mut findings = Findings::default();
        check("c.yaml", &node, &SHAPE, &mut findings);
        findings.into_result(()).map_or_else(|found| found.0.iter().map(ToString::to_string).collect(), |()| vec![])
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        assert_eq!(
            findings("cuont: 1\ncount: many\ntitle: {de: x}\n"),
            [
                "c.yaml:1:1: key `id` is missing",
                "c.yaml:1:1: unknown key `cuont`; did you mean `count`?",
                "c.yaml:2:8: expected a whole number, found a string",
                "c.yaml:3:8: the text in `en` is missing",
                "c.yaml:3:9: unknown language `de`",
            ]
        );
    }

    #[test]
    fn a_good_text_has_none() {
        assert!(findings("id: a\ncount: 2\ntitle: {en: x, ru: y}\n").is_empty());
    }
}
