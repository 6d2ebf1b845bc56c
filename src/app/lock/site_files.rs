//! What a site uploads: its files by their content, however large they are.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::driver::sources::open;
use crate::model::oci::Digest;

/// How much of a file is in memory.
const CHUNK: usize = 1 << 20;

/// The digest of a source's files: over names, lengths and contents, as that of every folder of files is made.
pub(in crate::app) async fn digest_of(question: &str, from: &str) -> Result<String, Failed> {
    let failed = |error: anyhow::Error| {
        Failed::new(Exit::BadInput, error.context(format!("the files of {question} cannot be locked")))
    };
    let opened = open(from, "*", &CancellationToken::new()).await.map_err(|error| failed(error.into()))?;
    let files = opened.files.clone();
    let hashed = tokio::task::spawn_blocking(move || hash(files)).await.or_exit(Exit::Unexpected)?;
    // The unpacked files are removed only now.
    drop(opened);
    Ok(hashed.map_err(failed)?.to_string())
}

fn hash(mut files: Vec<(String, PathBuf)>) -> Result<Digest, anyhow::Error> {
    files.sort();
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    for (name, path) in files {
        let failed =
            |error: std::io::Error| anyhow::Error::new(error).context(format!("failed to read {}", path.display()));
        let mut file = File::open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name.as_bytes());
        hash.update(length.to_be_bytes());
        let mut left = length;
        loop {
            let read = file.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                break;
            }
            left = left
                .checked_sub(read as u64)
                .ok_or_else(|| anyhow::anyhow!("{} grew while it was read", path.display()))?;
            hash.update(&buffer[..read]);
        }
        anyhow::ensure!(left == 0, "{} shrank while it was read", path.display());
    }
    Ok(Digest::finish(hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FileTree;

    #[tokio::test]
    async fn files_have_the_digest_of_their_tree() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b.jar"), "two").unwrap();
        std::fs::write(folder.path().join("a.jar"), vec![7; CHUNK + 1]).unwrap();
        let tree = FileTree::new(vec![("b.jar".into(), b"two".to_vec()), ("a.jar".into(), vec![7; CHUNK + 1])]);
        assert_eq!(digest_of("a.source", &folder.path().display().to_string()).await.unwrap(), tree.digest());
        let error = digest_of("a.source", "/no/such/folder").await.unwrap_err();
        assert!(error.chain()[0].contains("the files of a.source"), "{:?}", error.chain());
    }
}
