//! A run for machines: one JSON object per line, each an event as it is in `events.jsonl`.

use std::io::{self, Write};

use super::text::fit_json;
use crate::event::Envelope;

/// Writes events as JSON lines. The first carries the schema's version.
pub struct Json {
    out: Box<dyn Write + Send>,
}

impl std::fmt::Debug for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Json").finish_non_exhaustive()
    }
}

impl Json {
    /// Writes to `out`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out }
    }

    /// Writes one event and flushes it: a reader acts on each line as it comes.
    ///
    /// # Errors
    /// What the writer says, such as a closed pipe or a full disk.
    pub fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        let mut line = fit_json(&serde_json::to_string(envelope)?);
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }
}
