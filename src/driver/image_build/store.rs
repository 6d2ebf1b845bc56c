//! Where an image goes that was made: a new OCI layout, or what a push reads from.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::base::Base;
use super::error::BuildError;
use super::made::{BuiltImage, LayerPlace};
use crate::driver::bundle::{LayoutFolder, LayoutWriteError, Parts, RangeReader, format};
use crate::driver::image_source::{BlobReader, ImageSource, Reference, SourceError};
use crate::driver::registry::push::BlobStore;
use crate::model::oci::{Descriptor, Digest, OciManifest};

/// So often a blob is asked for again without a byte more than before.
const ATTEMPTS: u32 = 4;

/// What is read at once.
const CHUNK: usize = 1 << 20;

impl LayerPlace for LayoutFolder {
    fn begin(&self) -> PathBuf {
        self.nameless()
    }

    fn end(&self, digest: Digest) -> PathBuf {
        self.blob(digest)
    }

    fn error(&self, path: &Path, error: io::Error) -> BuildError {
        LayoutWriteError::io("write", path, error).into()
    }
}

/// A folder for layers that are pushed and not kept.
#[derive(Debug)]
pub struct ScratchFolder(tempfile::TempDir);

impl ScratchFolder {
    /// One in the folder for temporary files. It is gone when this is dropped.
    ///
    /// # Errors
    /// The disk.
    pub fn new() -> Result<Self, BuildError> {
        let folder = std::env::temp_dir();
        let made = tempfile::Builder::new().prefix("windlass-image-").tempdir_in(&folder);
        made.map(Self).map_err(|error| BuildError::scratch(&folder, error))
    }
}

impl LayerPlace for ScratchFolder {
    fn begin(&self) -> PathBuf {
        self.0.path().join("new")
    }

    fn end(&self, digest: Digest) -> PathBuf {
        self.0.path().join(digest.hex())
    }

    fn error(&self, path: &Path, error: io::Error) -> BuildError {
        BuildError::scratch(path, error)
    }
}

impl BuiltImage {
    /// The manifests and configs: what is small.
    fn small(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.images.iter().flat_map(|image| [&image.manifest, &image.config]).chain(&self.index)
    }

    /// The layers of the bases that are handed on, each once.
    fn layers(&self) -> impl Iterator<Item = (&Base, &Descriptor)> {
        let mut seen = BTreeSet::new();
        let all = self.images.iter().flat_map(|image| image.base.own_layers().map(|layer| (&image.base, layer)));
        all.filter(move |(_, layer)| seen.insert(layer.digest))
    }

    /// How many bytes are read of the bases, where all of it is.
    #[must_use]
    pub fn base_bytes(bases: &[Base]) -> u64 {
        let mut seen = BTreeSet::new();
        let layers = bases.iter().flat_map(Base::own_layers).filter(|layer| seen.insert(layer.digest));
        layers.map(|layer| layer.size).sum()
    }

    /// Puts it into the layout that its layers were written to, under these names, and gives that its own name.
    ///
    /// # Errors
    /// A layer of the base does not come, or not as its digest says; the disk fails.
    pub async fn write_layout(
        &self,
        source: &dyn ImageSource,
        folder: LayoutFolder,
        names: &[String],
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), BuildError> {
        for (base, layer) in self.layers() {
            fetch(source, base, layer, &folder.blob(layer.digest), progress).await?;
        }
        for bytes in self.small() {
            let path = folder.blob(Digest::of(bytes));
            std::fs::write(&path, bytes).map_err(|error| LayoutWriteError::io("write", &path, error))?;
        }
        let named = |name: &String| Descriptor { annotations: format::named(name), ..self.top.clone() };
        let mut tops: Vec<Descriptor> = names.iter().map(named).collect();
        if tops.is_empty() {
            tops.push(self.top.clone());
        }
        folder.finish(&format::index_of(tops, BTreeMap::new())?)?;
        Ok(())
    }

    /// It as what is pushed.
    #[must_use]
    pub const fn store<'a>(&'a self, source: &'a dyn ImageSource) -> BuiltStore<'a> {
        BuiltStore { made: self, source }
    }
}

/// Fetches a layer of the base into a file; what was cut off continues where it was.
async fn fetch(
    source: &dyn ImageSource,
    base: &Base,
    layer: &Descriptor,
    path: &Path,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<(), BuildError> {
    let written = |error| LayoutWriteError::io("write", path, error);
    let failed = |source| BuildError::Fetch { image: base.image.clone(), digest: layer.digest, source };
    let mut file = tokio::fs::File::create(path).await.map_err(written)?;
    let (mut hash, mut done, mut attempts) = (Sha256::new(), 0_u64, 0);
    let mut buffer = vec![0; CHUNK];
    'again: while done < layer.size {
        let before = done;
        // Whoever asks registries repeats that by itself.
        let mut reader = source.blob(&base.repository, layer, done).await?;
        let last = loop {
            match reader.read(&mut buffer).await {
                Ok(0) if done >= layer.size => break 'again,
                Ok(0) => break failed(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) if done + read as u64 > layer.size => {
                    let text = format!("longer than its {} bytes", layer.size);
                    return Err(failed(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                Ok(read) => {
                    hash.update(&buffer[..read]);
                    file.write_all(&buffer[..read]).await.map_err(written)?;
                    done += read as u64;
                    progress(read as u64);
                }
                Err(error) => break failed(error),
            }
        };
        attempts = if done > before { 1 } else { attempts + 1 };
        if attempts > ATTEMPTS {
            return Err(last);
        }
        tokio::time::sleep(Duration::from_millis(250 << attempts)).await;
    }
    file.flush().await.map_err(written)?;
    match Digest::finish(hash) {
        found if found == layer.digest => Ok(()),
        found => Err(failed(io::Error::new(io::ErrorKind::InvalidData, format!("digest mismatch: found {found}")))),
    }
}

/// An image that was made, as what is pushed: its own blobs from this machine, those of the base from where that is.
pub struct BuiltStore<'a> {
    made: &'a BuiltImage,
    source: &'a dyn ImageSource,
}

impl BuiltStore<'_> {
    fn held(&self, digest: Digest) -> Option<&Vec<u8>> {
        self.made.small().find(|bytes| Digest::of(bytes) == digest)
    }

    /// Manifests of the bases: to find out what the registry has of them, they are read and not written.
    fn base(&self, digest: Digest) -> Option<&Base> {
        self.made.images.iter().map(|image| &image.base).find(|base| base.manifest.digest == digest)
    }
}

impl BlobStore for BuiltStore<'_> {
    fn holds(&self, digest: Digest) -> bool {
        self.held(digest).is_some()
            || self.base(digest).is_some()
            || self.made.files.contains_key(&digest)
            || self.made.layers().any(|(_, layer)| layer.digest == digest)
            || self.made.images.iter().any(|image| image.base.manifest.blobs().any(|blob| blob.digest == digest))
    }

    fn open(&self, digest: Digest, offset: u64) -> BoxFuture<'_, io::Result<BlobReader>> {
        Box::pin(async move {
            if let Some(bytes) = self.held(digest) {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                return Ok(Box::new(io::Cursor::new(bytes[from..].to_vec())) as BlobReader);
            }
            if let Some(path) = self.made.files.get(&digest) {
                let parts = Parts::open(std::slice::from_ref(path)).map_err(|(_, error)| error)?;
                let size = parts.total();
                return Ok(Box::new(RangeReader::new(Arc::new(parts), offset.min(size), size)) as BlobReader);
            }
            let found = self.made.images.iter().find_map(|image| {
                let blob = image.base.manifest.blobs().find(|blob| blob.digest == digest)?;
                Some((&image.base, blob))
            });
            let (base, blob) = found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            self.source.blob(&base.repository, blob, offset).await.map_err(|error: SourceError| io::Error::other(error))
        })
    }

    fn manifest(&self, digest: Digest) -> BoxFuture<'_, io::Result<Vec<u8>>> {
        let found = self.held(digest).cloned();
        let found = found.or_else(|| self.base(digest).map(|base| base.manifest.bytes.clone()));
        Box::pin(async move { found.ok_or_else(|| io::ErrorKind::NotFound.into()) })
    }
}

/// As a source its one image has every name: who makes an offline bundle of it says which.
impl ImageSource for BuiltStore<'_> {
    fn manifest<'a>(
        &'a self,
        repository: &'a str,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Option<OciManifest>, SourceError>> {
        let digest = match reference {
            Reference::Tag(_) => self.made.top.digest,
            Reference::Digest(digest) => *digest,
        };
        let read = self.held(digest).map(|bytes| OciManifest::parse(bytes.clone(), None)).transpose();
        Box::pin(async move { read.map_err(|error| unread(reference.of(repository), error)) })
    }

    fn blob<'a>(
        &'a self,
        _repository: &'a str,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<BlobReader, SourceError>> {
        let opened = self.open(blob.digest, offset);
        Box::pin(async move { opened.await.map_err(|error| unread(format!("blob {}", blob.digest), error)) })
    }

    fn referrers<'a>(&'a self, _: &'a str, _: Digest) -> BoxFuture<'a, Result<Vec<Descriptor>, SourceError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn unread(what: String, error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    SourceError { what, source_name: "the image that was made".to_owned(), source: Box::new(error) }
}
