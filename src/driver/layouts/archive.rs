//! A tar whose files are read where they lie.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{Files, LayoutError, Place};
use crate::driver::bundle::Parts;
use crate::model::oci::Digest;

/// The most entries of an archive.
const ENTRIES: usize = 200_000;

/// The entries of a tar, by path.
pub(super) struct Archive {
    path: PathBuf,
    parts: Arc<Parts>,
    entries: BTreeMap<String, (u64, u64)>,
    links: BTreeMap<String, String>,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, LayoutError> {
        let io = |error| LayoutError::Io(path.to_owned(), error);
        let parts = Parts::open(&[path.to_owned()]).map_err(|(path, error)| LayoutError::Io(path, error))?;
        let mut head = [0; 4];
        if parts.read_exact_at(0, &mut head).is_ok()
            && (head.starts_with(&[0x1f, 0x8b]) || head == [0x28, 0xb5, 0x2f, 0xfd])
        {
            return Err(LayoutError::Compressed(path.to_owned()));
        }
        let mut archive = tar::Archive::new(BufReader::new(std::fs::File::open(path).map_err(io)?));
        let (mut entries, mut links) = (BTreeMap::new(), BTreeMap::new());
        for (count, entry) in archive.entries_with_seek().map_err(io)?.enumerate() {
            let mut entry = entry.map_err(io)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            let wrong = |problem| LayoutError::Entry {
                path: path.to_owned(),
                entry: name.chars().take(200).collect::<String>().escape_debug().to_string(),
                problem,
            };
            if count >= ENTRIES {
                return Err(wrong("exceeds the limit of entries"));
            }
            let kind = entry.header().entry_type();
            if kind.is_dir() {
                continue;
            }
            if name.starts_with('/') || name.split('/').any(|part| part == "..") {
                return Err(wrong("leads outside the archive"));
            }
            if kind.is_symlink() || kind.is_hard_link() {
                // Docker's older ones link equal layers. A link is only ever a name of another entry.
                let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
                links.extend(link.and_then(|link| Some((name.clone(), joined(&name, &link, kind.is_hard_link())?))));
                continue;
            }
            if !kind.is_file() {
                return Err(wrong("is not a file"));
            }
            // A sparse file's bytes are elsewhere.
            if kind == tar::EntryType::GNUSparse {
                return Err(wrong("is a sparse file"));
            }
            let place = (entry.raw_file_position(), entry.size());
            if place.0.checked_add(place.1).is_none_or(|end| end > parts.total()) {
                return Err(wrong("is truncated"));
            }
            if entries.insert(name.clone(), place).is_some() {
                return Err(wrong("is a duplicate"));
            }
            // Nothing of its content is read here.
            let _ = entry.read(&mut []);
        }
        Ok(Self { path: path.to_owned(), parts: Arc::new(parts), entries, links })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// The blobs of an OCI layout.
    pub(super) fn blobs(&self) -> impl Iterator<Item = (Digest, Place)> {
        self.entries.iter().filter_map(|(name, (at, size))| {
            let digest = format!("sha256:{}", name.strip_prefix("blobs/sha256/")?).parse().ok()?;
            Some((digest, Place::Range(Arc::clone(&self.parts), *at, *size)))
        })
    }

    /// Where an entry, or the one that it links to, lies.
    pub(super) fn place(&self, name: &str) -> Option<(u64, u64)> {
        let direct = self.entries.get(name);
        direct.or_else(|| self.entries.get(self.links.get(name)?)).copied()
    }

    pub(super) fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }
}

impl Files for Archive {
    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, LayoutError> {
        let Some((at, size)) = self.place(name) else { return Ok(None) };
        if size > limit {
            let (path, entry) = (self.path.clone(), name.to_owned());
            return Err(LayoutError::Entry { path, entry, problem: "is too large" });
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        let read = self.parts.read_exact_at(at, &mut bytes);
        read.map_err(|error| LayoutError::Io(self.path.clone(), error))?;
        Ok(Some(bytes))
    }
}

/// What a link means, within the archive; `None` where it leads outside the archive.
fn joined(name: &str, link: &str, hard: bool) -> Option<String> {
    if link.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = if hard { Vec::new() } else { name.split('/').collect() };
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_within_the_archive() {
        assert_eq!(joined("a/layer.tar", "../b/layer.tar", false).as_deref(), Some("b/layer.tar"));
        assert_eq!(joined("a/layer.tar", "b/layer.tar", true).as_deref(), Some("b/layer.tar"));
        assert_eq!(joined("a/layer.tar", "../../etc/passwd", false), None);
        assert_eq!(joined("a/layer.tar", "/etc/passwd", false), None);
    }
}
