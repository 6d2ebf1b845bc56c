//! Which names a template uses, read from its text: edges and "unknown name" errors come from here, before anything
//! is rendered.

/// What rules, conditions of actions, and the texts of actions with such a condition call the component as it was installed.
pub const INSTALLED: &str = "installed";

/// What it calls the values that Helm has of the component.
pub const CHART_VALUES: &str = "chart_values";

/// A name that a template uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// `answers.<component>.<question>`.
    Answer(String, String),
    /// `exports['<component>'].<name>`.
    Export(String, String),
    /// Anything else at the root, such as a registered result.
    Name(String),
}

/// The names in `{{ … }}` and `{% … %}` of a template, each once, in order of the alphabet.
///
/// # Errors
/// The template's syntax error, in minijinja's words with its line.
pub fn references(template: &str) -> Result<Vec<Reference>, String> {
    if !["{{", "{%", "{#"].iter().any(|mark| template.contains(mark)) {
        return Ok(Vec::new());
    }
    let mut env = minijinja::Environment::new();
    env.add_template("template", template).map_err(|error| describe(&error))?;
    let roots = env.get_template("template").map_err(|error| describe(&error))?.undeclared_variables(false);
    let mut found: Vec<Reference> = roots
        .into_iter()
        .filter(|name| !matches!(name.as_str(), "answers" | "exports" | "self" | "range" | "namespace" | "dict"))
        .map(Reference::Name)
        .collect();
    for code in code_spans(template) {
        for (component, name) in members(code, "answers") {
            found.push(Reference::Answer(component, name));
        }
        for (component, name) in members(code, "exports") {
            found.push(Reference::Export(component, name));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether a rule or a condition, as a template, is about what is installed.
#[must_use]
pub fn is_about_installed(template: &str) -> bool {
    let names = references(template).unwrap_or_default();
    names.iter().any(|name| matches!(name, Reference::Name(name) if name == INSTALLED))
}

/// An expression as a template, which says what it names.
pub(super) fn as_template(expression: &str) -> String {
    format!("{{{{ {expression} }}}}")
}

/// The components whose answers a template names, be it only in a condition, with repetitions.
pub fn answering(template: &str) -> impl Iterator<Item = &str> {
    code_spans(template).into_iter().flat_map(|code| first_members(code, "answers")).map(|(component, _)| component)
}

/// The names below `secret` in a template, each once.
#[must_use]
pub fn secrets_in(template: &str) -> Vec<String> {
    let mut found = Vec::new();
    for code in code_spans(template) {
        for (at, root) in code.match_indices("secret") {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.') {
                continue;
            }
            found.extend(member(&code[at + root.len()..]).map(|(name, _)| name.to_owned()));
        }
    }
    found.sort();
    found.dedup();
    found
}

fn describe(error: &minijinja::Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("{what} (line {line} of the template)"),
        None => what,
    }
}

/// The parts of a template that are code.
fn code_spans(template: &str) -> Vec<&str> {
    let mut spans = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let close = if rest[start..].starts_with("{{") { "}}" } else { "%}" };
        let Some(end) = rest[start..].find(close) else { break };
        spans.push(&rest[start + 2..start + end]);
        rest = &rest[start + end + 2..];
    }
    spans
}

/// The parts of a template that are code, each with the line in which it begins.
#[must_use]
pub fn code_lines(template: &str) -> Vec<(usize, &str)> {
    let line = |code: &str| {
        // A span is a slice of the template.
        let at = code.as_ptr() as usize - template.as_ptr() as usize;
        template[..at].matches('\n').count() + 1
    };
    code_spans(template).into_iter().map(|code| (line(code), code)).collect()
}

/// `root.a.b`, `root['a'].b` and `root["a"].b` in a piece of code.
#[must_use]
pub fn members(code: &str, root: &str) -> Vec<(String, String)> {
    let pairs =
        first_members(code, root).filter_map(|(first, rest)| Some((first.to_owned(), member(rest)?.0.to_owned())));
    pairs.collect()
}

/// `root.a` and `root['a']` in a piece of code: the `a`s, each with what follows it.
pub(super) fn first_members<'t>(code: &'t str, root: &str) -> impl Iterator<Item = (&'t str, &'t str)> {
    code.match_indices(root).filter_map(|(at, root)| {
        let before = code[..at].chars().next_back();
        let is_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.');
        if is_name { None } else { member(&code[at + root.len()..]) }
    })
}

/// One `.name` or `['name']` and what follows it.
fn member(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        return (end > 0).then(|| rest.split_at(end));
    }
    let rest = text.strip_prefix('[')?;
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let rest = &rest[1..];
    let end = rest.find(quote)?;
    Some((&rest[..end], rest[end + 1..].strip_prefix(']')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_of_naming_are_found() {
        let text = "{{ exports['hdfs'].default_fs }} {% if answers.livy.x and answers[\"a-b\"].y %}{{ pi.app_id }}{% endif %} answers.no.no";
        assert_eq!(
            references(text).unwrap(),
            [
                Reference::Answer("a-b".into(), "y".into()),
                Reference::Answer("livy".into(), "x".into()),
                Reference::Export("hdfs".into(), "default_fs".into()),
                Reference::Name("pi".into()),
            ]
        );
    }

    #[test]
    fn a_syntax_error_says_where() {
        assert!(references("a\n{{ x ").unwrap_err().contains("line 2"));
    }
}
