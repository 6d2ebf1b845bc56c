//! What was answered, before it is checked.

use super::{AnswersError, AnswersFile, Draft, Layer};
use crate::catalog::Catalog;

/// Layers of answers, and the chosen components.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AnswerSources {
    /// The layers, the catalog's defaults and the profile apart.
    pub layers: Vec<Layer>,
    /// The chosen components, if somebody chose.
    pub chosen: Option<Vec<String>>,
    /// The profile, if there is one.
    pub profile: Option<String>,
}

impl AnswerSources {
    /// Adds a file. What was chosen before it stays chosen.
    pub fn take(&mut self, file: AnswersFile) {
        self.chosen = self.chosen.take().or(file.components);
        self.profile = self.profile.take().or(file.profile);
        self.layers.push(file.layer);
    }

    /// The components that it names.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        let answered = self.layers.iter().flat_map(Layer::components);
        self.chosen.iter().flatten().map(String::as_str).chain(answered)
    }

    /// The answers, as far as there are any.
    ///
    /// # Errors
    /// A component or profile that does not exist.
    pub fn draft(&self, catalog: &Catalog) -> Result<Draft, AnswersError> {
        Draft::new(catalog, &self.layers, self.chosen.as_deref(), self.profile.as_deref())
    }
}
