//! Templates: minijinja, strict about undefined names.

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

use crate::model::Quantity;

/// A template could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("failed to render {place}{}: {what}", .line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub struct TemplateError {
    /// The component, and which of its texts.
    place: String,
    line: Option<usize>,
    what: String,
}

/// The environment that all templates share.
pub(super) struct Templates(Environment<'static>);

impl Templates {
    pub(super) fn new() -> Self {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        env.add_filter("quantity", quantity);
        env.add_filter("labels", labels);
        Self(env)
    }

    /// Whether an expression is true. `place` is for the message.
    pub(super) fn holds(&self, place: &str, expression: &str, context: &Value) -> Result<bool, TemplateError> {
        let value = self.0.compile_expression(expression).and_then(|expression| expression.eval(context.clone()));
        value.map(|value| value.is_true()).map_err(|error| TemplateError::new(place, None, &error))
    }

    /// Fills in one text. `place` is for the message.
    pub(super) fn render(&self, place: &str, text: &str, context: &Value) -> Result<String, TemplateError> {
        self.0.render_str(text, context.clone()).map_err(|error| {
            let line = error.line().filter(|_| text.contains('\n'));
            TemplateError::new(place, line, &error)
        })
    }
}

impl TemplateError {
    fn new(place: &str, line: Option<usize>, error: &minijinja::Error) -> Self {
        let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Self { place: place.to_owned(), line, what }
    }
}

/// `512Mi | quantity`: a number to compare with others, in bytes or cores.
fn quantity(text: &str) -> Result<f64, minijinja::Error> {
    Quantity::parse(text).map(Quantity::number).ok_or_else(|| {
        let what = format!("`{text}` is not a quantity such as 512Mi, 2Gi or 500m");
        minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, what)
    })
}

/// `disk=ssd,zone=a | labels`: a mapping.
fn labels(text: &str) -> std::collections::BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
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

/// Any data as a template's value.
pub(super) fn value(data: &impl Serialize) -> Value {
    Value::from(Serde(data))
}
