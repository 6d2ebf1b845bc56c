//! What a run leaves on this machine: a folder with its answers, its plan and its events.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::event::Envelope;
use crate::model::bounded;

/// How many runs are kept.
const KEPT: usize = 20;

/// A new run's id: UTC time and six hex digits, so that ids sort by time and do not collide.
///
/// # Errors
/// The machine gives no random bytes.
pub(super) fn new_id() -> io::Result<String> {
    let mut random = [0_u8; 3];
    getrandom::fill(&mut random).map_err(io::Error::from)?;
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{time}-{hex}"))
}

/// Where runs are kept: `${XDG_STATE_HOME:-~/.local/state}/windlass/runs`.
pub(super) fn root() -> io::Result<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = state.or_else(|| std::env::home_dir().map(|home| home.join(".local/state")));
    let state = state.ok_or_else(|| io::Error::other("neither XDG_STATE_HOME nor HOME is set"))?;
    Ok(state.join("windlass/runs"))
}

/// The folder of one run.
pub(super) struct Journal {
    /// Where it is.
    pub folder: PathBuf,
    events: File,
}

impl Journal {
    /// Creates the folder and writes the plan and, if there are any, the answers. Removes runs beyond the last twenty.
    ///
    /// # Errors
    /// A folder or file cannot be written.
    pub(super) fn new(id: &str, plan: &str, answers: Option<&str>) -> io::Result<Self> {
        let root = root()?;
        let folder = root.join(id);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| io::Error::new(error.kind(), format!("failed to create {}: {error}", folder.display())))?;
        write(&folder.join("plan.json"), plan)?;
        if let Some(answers) = answers {
            write(&folder.join("answers.yaml"), answers)?;
        }
        let events = OpenOptions::new().create_new(true).append(true).mode(0o600).open(folder.join("events.jsonl"))?;
        prune(&root, id);
        Ok(Self { folder, events })
    }

    /// Adds an event.
    ///
    /// # Errors
    /// The disk is full, or the like.
    pub(super) fn event(&mut self, envelope: &Envelope) -> io::Result<()> {
        let mut line = serde_json::to_vec(envelope)?;
        line.push(b'\n');
        self.events.write_all(&line)
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// The ids of the runs, oldest first.
///
/// # Errors
/// The folder cannot be read; a missing folder is not an error.
pub(super) fn list() -> io::Result<Vec<String>> {
    let root = root()?;
    let entries = match std::fs::read_dir(&root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| named(&root, error))?,
    };
    let mut ids = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| named(&root, error))?.file_name().to_string_lossy().into_owned();
        if is_id(&name) {
            ids.push(name);
        }
    }
    ids.sort();
    Ok(ids)
}

/// Whether a folder's name is a run's id: nothing else is ever removed.
fn is_id(name: &str) -> bool {
    name.split_once("Z-")
        .is_some_and(|(time, hex)| time.len() == 15 && hex.len() == 6 && hex.chars().all(|c| c.is_ascii_hexdigit()))
}

/// Removes all but the last runs. What cannot be removed is retried by the next run.
fn prune(root: &Path, current: &str) {
    let mut ids = list().unwrap_or_default();
    ids.retain(|id| id != current);
    let surplus = (ids.len() + 1).saturating_sub(KEPT);
    for id in ids.into_iter().take(surplus) {
        let _ = std::fs::remove_dir_all(root.join(id));
    }
}

/// The events of a run of this machine.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn read(id: &str) -> io::Result<Vec<Envelope>> {
    read_file(&root()?.join(id).join("events.jsonl"))
}

/// The events of a journal. A line that was cut, even inside a character, is skipped, and so is anything else.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn read_file(path: &Path) -> io::Result<Vec<Envelope>> {
    Ok(events(&bounded::bytes(path, bounded::JOURNAL).map_err(|error| named(path, error))?))
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("failed to read {}: {error}", path.display()))
}

fn events(bytes: &[u8]) -> Vec<Envelope> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_wherever_it_was_cut() {
        let event = crate::event::Event::Note { id: "a".to_owned(), text: "задание готово".to_owned() };
        let envelope = Envelope { seq: 1, at: jiff::Timestamp::UNIX_EPOCH, event };
        let line = serde_json::to_vec(&envelope).unwrap();
        for cut in 0..line.len() {
            let bytes = [line.as_slice(), b"\n", &line[..cut]].concat();
            assert_eq!(events(&bytes).len(), 1, "cut at {cut}");
            let bytes = [&line[..cut], b"\n\xff\n", line.as_slice(), b"\n"].concat();
            assert_eq!(events(&bytes).len(), 1, "cut at {cut}, and continued");
        }
    }

    #[test]
    fn ids_are_recognised() {
        assert!(is_id(&new_id().unwrap()));
        for other in ["", "latest", "20260101T000000Z-", "20260101T000000Z-zzzzzz"] {
            assert!(!is_id(other), "{other}");
        }
    }
}
