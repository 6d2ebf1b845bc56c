//! Questions for files of the operator, which become a ConfigMap.

use serde_json::Value;

use super::answer::Answer;
use super::rules::{QuestionType, full_path, line};
use crate::catalog::Question;

/// What stands before the path of files that a component brings itself.
pub const BUNDLED: &str = "bundled:";

/// A file or folder of the operator's machine, or `bundled:PATH`, which the component brings.
pub(super) struct Files;

impl QuestionType for Files {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        line(full_path(text)?)
    }

    fn takes(&self, _: &Question, default: &Value) -> bool {
        default.as_str().is_some_and(|text| text.is_empty() || text.starts_with(BUNDLED))
    }

    fn words(&self, _: &Question) -> String {
        "file or folder of this machine, at most 1,000,000 bytes".to_owned()
    }

    fn is_local(&self) -> bool {
        true
    }
}
