//! A chart as bytes, and its digest.

use sha2::{Digest as _, Sha256};

/// The files of a chart, by path within its folder, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartFiles(Vec<(String, Vec<u8>)>);

impl ChartFiles {
    /// Sorts the files.
    #[must_use]
    pub fn new(mut files: Vec<(String, Vec<u8>)>) -> Self {
        files.sort();
        Self(files)
    }

    /// Path and content of each file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// `sha256:…` over paths, lengths and contents: equal charts have equal digests on every machine.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, bytes) in &self.0 {
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
        let one = ChartFiles::new(vec![a.clone(), b.clone()]);
        assert_eq!(one.digest(), ChartFiles::new(vec![b, a]).digest());
        let moved = ChartFiles::new(vec![("a1".into(), vec![]), ("b".into(), b"2".to_vec())]);
        assert_ne!(one.digest(), moved.digest());
    }
}
