//! Templates: minijinja, strict about undefined names.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use minijinja::value::{Enumerator, Object, Serde};
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

use super::filters;
use crate::catalog::{Peer, TemplateNames, code_lines, members, peer};
use crate::model::{Quantity, bounded};

/// A template could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("failed to render {place}{}: {what}", .line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub struct TemplateError {
    /// The component, and which of its texts.
    place: String,
    line: Option<usize>,
    what: String,
}

/// Steps of one template: a thousand times what the longest of ours takes, and a second at most.
const FUEL: u64 = 2_000_000;

/// The most that one template may write: what Helm has no room for anyway.
const MAX_OUTPUT: usize = 8 << 20;

/// The environment that all templates share.
pub(super) struct Templates {
    env: Environment<'static>,
    /// It fills in secrets, and errors may contain them.
    silent: bool,
}

impl Templates {
    pub(super) fn new() -> Self {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        env.add_filter("quantity", quantity);
        env.add_filter("labels", labels);
        env.add_filter("peers", peers);
        filters::add(&mut env);
        Self { env, silent: false }
    }

    /// The environment of templates that see secrets. `key` is what the salt of hashes is made with, so that the same
    /// password gives the same hash, and `learn` gets all that is made of secrets; without a key they see placeholders
    /// for secrets, and errors are shown in full.
    pub(super) fn of_secrets(key: Option<&str>, learn: fn(&str)) -> Self {
        let mut templates = Self::new();
        filters::add_hashes(&mut templates.env, key, learn);
        Self { silent: key.is_some(), ..templates }
    }

    /// Whether an expression is true. `place` is for the message.
    pub(super) fn holds(&self, place: &str, expression: &str, context: &Value) -> Result<bool, TemplateError> {
        let value = self.env.compile_expression(expression).and_then(|expression| expression.eval(context.clone()));
        value.map(|value| value.is_true()).map_err(|error| TemplateError::new(place, None, &error))
    }

    /// Fills in one text. `place` is for the message.
    pub(super) fn render(&self, place: &str, text: &str, context: &Value) -> Result<String, TemplateError> {
        let mut output = Output { bytes: Vec::new(), full: false };
        let template = self.env.template_from_str(text);
        let rendered =
            template.and_then(|template| template.render_captured_to(context.clone(), &mut output).map(drop));
        if output.full {
            let what = format!("output exceeds {}", bounded::size(MAX_OUTPUT as u64));
            return Err(TemplateError { place: place.to_owned(), line: None, what });
        }
        rendered.map_err(|error| {
            let line = error.line().filter(|_| text.contains('\n'));
            let mut error = TemplateError::new(place, line, &error);
            if self.silent && !error.what.starts_with(filters::HTPASSWD) {
                // It may repeat what it could not use.
                error.what = "cannot be rendered with the content of its secrets".to_owned();
            }
            error
        })?;
        // It was put together from texts.
        Ok(String::from_utf8_lossy(&output.bytes).into_owned())
    }
}

/// What a template wrote, up to a bound.
struct Output {
    bytes: Vec<u8>,
    full: bool,
}

impl std::io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT {
            self.full = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl TemplateError {
    /// The same, reported at a line of its file.
    pub(super) fn at_line(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The Secret whose template it is, if it is one that is made of others.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        self.place.split(", ").find_map(|part| part.strip_prefix("secret "))
    }

    /// The file in the catalog, and the line where it is known; `component` is whose text it is if nothing says so.
    #[must_use]
    pub fn file(&self, component: &str) -> (String, Option<usize>) {
        let file = self.place.split(", ").next().unwrap_or_default();
        let folder = file.split('/').next().unwrap_or(component);
        // A step is named by its id.
        let is_file = file.rsplit('/').next().is_some_and(|name| name.contains('.'));
        if is_file { (file.to_owned(), self.line) } else { (format!("{folder}/component.yaml"), None) }
    }

    fn new(place: &str, line: Option<usize>, error: &minijinja::Error) -> Self {
        if error.kind() == minijinja::ErrorKind::OutOfFuel {
            let what = format!("more than {FUEL} steps: endless loop?");
            return Self { place: place.to_owned(), line, what };
        }
        let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Self { place: place.to_owned(), line, what }
    }
}

/// What a template names that does not exist, in any branch: images and secrets of its component, and filters. Line,
/// what is wrong, the name, and those that it could be.
#[must_use]
pub fn unknown_in<'a>(
    text: &str,
    images: &[&'a str],
    secrets: &[&'a str],
) -> Vec<(usize, String, String, Vec<&'a str>)> {
    let templates = Templates::new();
    let mut found = Vec::new();
    for (line, code) in code_lines(text) {
        for (of, name) in members(code, "self") {
            let (what, known) = match of.as_str() {
                "images" => ("an image", images),
                "secrets" => ("a secret", secrets),
                _ => continue,
            };
            if !known.contains(&name.as_str()) {
                let what = format!("`self.{of}.{name}` is not {what} of this component");
                found.push((line, what, name, known.to_vec()));
            }
        }
        for name in filters(code) {
            let asked = templates.env.render_str(&format!("{{{{ '' | {name} }}}}"), ());
            if asked.is_err_and(|error| error.kind() == minijinja::ErrorKind::UnknownFilter) {
                found.push((line, format!("unknown filter `{name}`"), name, Vec::new()));
            }
        }
    }
    found
}

/// The names behind each `|`, outside of texts in quotes.
fn filters(code: &str) -> Vec<String> {
    let (mut found, mut quote, mut rest) = (Vec::new(), None, code.char_indices());
    while let Some((at, c)) = rest.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(rest.next()),
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '|') => {
                let name = code[at + 1..].trim_start();
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                found.extend((end > 0).then(|| name[..end].to_owned()));
            }
            _ => {}
        }
    }
    found
}

/// `512Mi | quantity`: a number to compare with others, in bytes or cores.
fn quantity(text: &str) -> Result<f64, minijinja::Error> {
    Quantity::parse(text).map(Quantity::number).ok_or_else(|| {
        let what = format!("`{text}` is not a quantity such as 512Mi, 2Gi or 500m");
        minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, what)
    })
}

/// `disk=ssd,zone=a | labels`: a mapping.
fn labels(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// `airflow,10.0.0.0/8 | peers`: the peers of a NetworkPolicy.
fn peers(text: &str) -> Result<Value, minijinja::Error> {
    let given = text.split(',').map(str::trim).filter(|one| !one.is_empty());
    let peers = given.map(|one| match peer(one) {
        Ok(Peer::Namespace(name)) => Ok(namespace_peer(&name)),
        Ok(Peer::Network(cidr)) => Ok(serde_json::json!({"ipBlock": {"cidr": cidr}})),
        Err(what) => Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, what)),
    });
    peers.collect::<Result<Vec<_>, _>>().map(|peers| value(&peers))
}

/// All pods of a namespace, as a peer of a NetworkPolicy.
pub(super) fn namespace_peer(name: &str) -> serde_json::Value {
    serde_json::json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}})
}

/// Fills in what only a run knows: the registered results of earlier actions. Planning left those names in place.
///
/// # Errors
/// A result that no action gave.
pub fn render_results(place: &str, text: &str, results: &impl Serialize) -> Result<String, TemplateError> {
    if !text.contains("{{") {
        return Ok(text.to_owned());
    }
    Templates::new().render(place, text, &value(results))
}

/// Values by two names, such as exports by component: a template sees what is there when it asks, and nothing is copied
/// for each template.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<RwLock<BTreeMap<String, Names>>>);

/// The values below a first name.
type Names = BTreeMap<String, Value>;

impl Known {
    /// Puts all values below a first name.
    pub(super) fn insert(&self, first: &str, values: Names) {
        self.write().insert(first.to_owned(), values);
    }

    /// Puts one value there.
    pub(super) fn add(&self, first: &str, second: &str, value: Value) {
        self.write().entry(first.to_owned()).or_default().insert(second.to_owned(), value);
    }

    /// The text of a value.
    pub(super) fn text(&self, first: &str, second: &str) -> Option<String> {
        self.read().get(first)?.get(second).map(ToString::to_string)
    }

    /// All of it, for templates.
    pub(super) fn value(&self) -> Value {
        Value::from_object(self.clone())
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Names>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Names>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Object for Known {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let first = key.as_str()?;
        self.read()
            .contains_key(first)
            .then(|| Value::from_object(Below { known: (**self).clone(), first: first.to_owned() }))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.read().keys().map(|name| Value::from(name.as_str())).collect())
    }
}

/// The same as one component sees it: a first name may mean another, and what is not there may be empty.
#[derive(Debug)]
pub(super) struct View {
    known: Known,
    seen: TemplateNames,
}

impl Known {
    /// What a component sees.
    pub(super) fn seen_by(&self, seen: TemplateNames) -> Value {
        if seen == TemplateNames::default() {
            return self.value();
        }
        Value::from_object(View { known: self.clone(), seen })
    }
}

impl Object for View {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        if self.seen.absent.contains(name) {
            return Some(Value::from_object(Absent));
        }
        let known = Arc::new(self.known.clone());
        match self.seen.means.get(name) {
            Some(means) => known.get_value(&Value::from(means.as_str())),
            None => known.get_value(key),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Arc::new(self.known.clone()).enumerate()
    }
}

/// What could be there and is not: false in a condition, and everything below it is empty.
#[derive(Debug)]
struct Absent;

impl Object for Absent {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from(""))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }
}

/// What is below a first name.
#[derive(Debug)]
struct Below {
    known: Known,
    first: String,
}

impl Object for Below {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.known.read().get(&self.first)?.get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let known = self.known.read();
        let names = known.get(&self.first).into_iter().flat_map(BTreeMap::keys);
        Enumerator::Values(names.map(|name| Value::from(name.as_str())).collect())
    }
}

/// Any data as a template's value.
pub(super) fn value(data: &impl Serialize) -> Value {
    Value::from(Serde(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_template_spins_or_writes_for_ever() {
        let render = |text: &str| Templates::new().render("c/values", text, &Value::UNDEFINED);
        assert_eq!(render("a\n{{ 1 + 1 }}\n").unwrap(), "a\n2");
        let spins = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
        let error = render(spins).unwrap_err().to_string();
        assert_eq!(error, "failed to render c/values: more than 2000000 steps: endless loop?");
        let recursive = "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}";
        assert!(render(recursive).is_err());
        let writes = "{% for a in range(10000) %}{{ 'x' * 10000 }}{% endfor %}";
        let error = render(writes).unwrap_err().to_string();
        assert_eq!(error, "failed to render c/values: output exceeds 8 MiB");
        assert!(Templates::new().holds("c", "range(99999)|map('string')|join|length > 1", &Value::UNDEFINED).is_ok());
    }
}
