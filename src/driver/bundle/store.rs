//! An offline bundle as what is pushed: blobs in place, and never the whole of one that is damaged.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;

use super::error::BlobProblem;
use super::hash::hash_prefix;
use super::read::Bundle;
use super::stream::Checked;
use crate::driver::image_source::BlobReader;
use crate::driver::registry::push::BlobStore;
use crate::model::oci::{Digest, MANIFEST_LIMIT};

/// The blobs of an offline bundle. One that is read from its beginning is checked on its way, and its last bytes are not handed
/// out if it is wrong; one that is read from elsewhere is read as a whole before, once.
#[derive(Debug)]
pub struct BundleStore<'a> {
    bundle: &'a Bundle,
    sound: Mutex<BTreeSet<Digest>>,
}

impl<'a> BundleStore<'a> {
    /// Those of this one.
    #[must_use]
    pub fn new(bundle: &'a Bundle) -> Self {
        Self { bundle, sound: Mutex::default() }
    }

    /// Reads all of a blob, unless that was done before.
    async fn check(&self, digest: Digest, (at, size): (u64, u64)) -> io::Result<()> {
        if self.sound.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest) {
            return Ok(());
        }
        let parts = Arc::clone(self.bundle.parts());
        let hashed = tokio::task::spawn_blocking(move || hash_prefix(&parts, at, size)).await;
        match Digest::finish(hashed.map_err(io::Error::other)??) {
            found if found == digest => {
                self.sound.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
                Ok(())
            }
            found => Err(io::Error::new(io::ErrorKind::InvalidData, BlobProblem::Digest(found))),
        }
    }
}

impl BlobStore for BundleStore<'_> {
    fn holds(&self, digest: Digest) -> bool {
        self.bundle.layout().blobs.contains_key(&digest)
    }

    fn open(&self, digest: Digest, offset: u64) -> BoxFuture<'_, io::Result<BlobReader>> {
        Box::pin(async move {
            let place = self.bundle.place(digest).map_err(io::Error::other)?;
            if offset > 0 {
                self.check(digest, place).await?;
            }
            let stream = self.bundle.stream(digest, offset).map_err(io::Error::other)?;
            Ok(match offset {
                0 => Box::new(Checked::new(stream, digest, place.1)) as BlobReader,
                _ => Box::new(stream),
            })
        })
    }

    fn manifest(&self, digest: Digest) -> BoxFuture<'_, io::Result<Vec<u8>>> {
        let read = self.bundle.small(digest, MANIFEST_LIMIT as u64);
        Box::pin(async move { read.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)) })
    }
}
