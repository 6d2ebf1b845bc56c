//! Files as bytes, and their digest.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// The files of a chart, or of another folder, by path within it, sorted. They are shared: a catalog is cloned with its
/// charts wherever something is added to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileTree(Arc<Vec<(String, Vec<u8>)>>);

impl FileTree {
    /// Sorts the files.
    #[must_use]
    pub fn new(mut files: Vec<(String, Vec<u8>)>) -> Self {
        files.sort();
        Self(Arc::new(files))
    }

    /// The file of this path, under its name, or the files below a folder of it; `None` where there are none.
    #[must_use]
    pub fn below(&self, path: &str) -> Option<Self> {
        let path = path.trim_matches('/');
        let name = path.rsplit('/').next().unwrap_or(path);
        let found: Vec<_> = self
            .0
            .iter()
            .filter_map(|(file, bytes)| match file.strip_prefix(path)? {
                "" => Some((name.to_owned(), bytes.clone())),
                below => Some((below.strip_prefix('/')?.to_owned(), bytes.clone())),
            })
            .collect();
        (!found.is_empty()).then(|| Self::new(found))
    }

    /// How many bytes its files have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Path and content of each file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// `sha256:…` over paths, lengths and contents: equal trees have equal digests on every machine.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, bytes) in self.0.iter() {
            for part in [path.as_bytes(), bytes] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        format!("sha256:{}", hex(&hash.finalize()))
    }
}

/// `sha256:…` of bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_boundaries_do() {
        let a = ("a".to_owned(), b"1".to_vec());
        let b = ("b".to_owned(), b"2".to_vec());
        let one = FileTree::new(vec![a.clone(), b.clone()]);
        assert_eq!(one.digest(), FileTree::new(vec![b, a]).digest());
        let moved = FileTree::new(vec![("a1".into(), vec![]), ("b".into(), b"2".to_vec())]);
        assert_ne!(one.digest(), moved.digest());
    }
}
