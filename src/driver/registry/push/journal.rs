//! What an interrupted push left: where half-sent blobs wait. The registry is the truth about all else, and about these: an
//! address that no longer works is forgotten.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::model::bounded;
use crate::model::oci::Digest;

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    registry: String,
    repository: String,
    digest: Digest,
    /// Where its upload waits; omitted once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload: Option<String>,
}

type Key = (String, String, Digest);

/// The journal of pushes: a line for each upload that began or ended. With the address of an upload anybody can resume it,
/// so only the user may read the file; addresses on other hosts than the registry are not written.
#[derive(Debug, Default)]
pub struct Journal(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    waiting: HashMap<Key, Url>,
}

impl Journal {
    /// One that is forgotten with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Reads a journal, or begins one. A last line that was cut off by a kill is passed over.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let text = match bounded::text(path, bounded::JOURNAL) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut waiting = HashMap::new();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            let key = (line.registry, line.repository, line.digest);
            match line.upload.and_then(|url| Url::parse(&url).ok()) {
                Some(url) => _ = waiting.insert(key, url),
                None => _ = waiting.remove(&key),
            }
        }
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n")?;
        }
        Ok(Self(Mutex::new(State { file: Some(file), waiting })))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a blob's upload waits.
    pub(super) fn waiting(&self, registry: &str, repository: &str, digest: Digest) -> Option<Url> {
        self.state().waiting.get(&(registry.to_owned(), repository.to_owned(), digest)).cloned()
    }

    /// An upload waits there from now on; with `None` it has ended.
    pub(super) fn note(&self, registry: &str, repository: &str, digest: Digest, upload: Option<Url>) -> io::Result<()> {
        let mut state = self.state();
        let key = (registry.to_owned(), repository.to_owned(), digest);
        match &upload {
            Some(url) => _ = state.waiting.insert(key, url.clone()),
            None => _ = state.waiting.remove(&key),
        }
        let Some(file) = &mut state.file else { return Ok(()) };
        let upload = upload.map(String::from);
        let line = Line { registry: registry.to_owned(), repository: repository.to_owned(), digest, upload };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        // In one piece, so that a kill leaves whole lines but for the last.
        file.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn uploads_that_wait_are_found_again_and_ended_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("push.jsonl");
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let url = Url::parse("http://r.site/v2/a/blobs/uploads/1?_state=x").unwrap();
        let journal = Journal::open(&path).unwrap();
        journal.note("r.site", "a", one, Some(url.clone())).unwrap();
        journal.note("r.site", "a", two, Some(url.clone())).unwrap();
        journal.note("r.site", "a", two, None).unwrap();
        drop(journal);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"registry\":\"r.si");
        std::fs::write(&path, text).unwrap();
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.waiting("r.site", "a", one), Some(url.clone()));
        assert_eq!(journal.waiting("r.site", "a", two), None);
        assert_eq!(journal.waiting("r.site", "b", one), None);
        journal.note("r.site", "a", two, Some(url.clone())).unwrap();
        assert_eq!(Journal::open(&path).unwrap().waiting("r.site", "a", two), Some(url), "after a torn line, too");
    }
}
