//! Templates: minijinja, strict about undefined names.

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

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
        Self(env)
    }

    /// Fills in one text. `place` is for the message.
    pub(super) fn render(&self, place: &str, text: &str, context: &Value) -> Result<String, TemplateError> {
        self.0.render_str(text, context.clone()).map_err(|error| TemplateError {
            place: place.to_owned(),
            line: error.line().filter(|_| text.contains('\n')),
            what: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
        })
    }
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
