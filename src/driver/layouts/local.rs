//! Layouts and archives as one source of images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use super::archive::Archive;
use super::docker;
use super::files::{Files, Folder, LayoutError, Place, descriptor};
use crate::driver::bundle::{Parts, RangeReader};
use crate::driver::image_source::{BlobReader, ImageSource, Reference, SourceError};
use crate::model::ImageName;
use crate::model::oci::{Descriptor, Digest, INDEXES, MANIFEST_LIMIT, MANIFESTS, OciManifest};

/// The most bytes of an `index.json`.
const INDEX_LIMIT: u64 = 16 << 20;

/// The annotations that may hold an image's name, the surest first.
const NAMES: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/// Layouts and archives as one source.
#[derive(Debug, Default)]
pub struct Layouts {
    /// Where blobs may be: folders with `blobs/sha256`, and what archives hold.
    folders: Vec<PathBuf>,
    places: BTreeMap<Digest, Place>,
    /// Manifests by whole names.
    names: BTreeMap<String, Descriptor>,
    /// Every manifest that an `index.json` lists, named or not.
    listed: Vec<Descriptor>,
    /// What could not be kept.
    notes: Vec<String>,
    shown: Vec<String>,
}

#[derive(Deserialize)]
struct IndexFile {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

impl Layouts {
    /// Adds a layout or an archive. `name` is the image that it holds, where it does not say so itself.
    ///
    /// # Errors
    /// It cannot be read, is no source of images, or does not say which image it holds.
    pub fn add(&mut self, path: &Path, name: Option<&str>) -> Result<(), LayoutError> {
        let name = name.map(whole).transpose()?;
        self.shown.push(path.display().to_string());
        if path.is_dir() {
            let files = Folder(path.to_owned());
            self.folders.push(path.to_owned());
            return self.layout(path, &files, name);
        }
        let archive = Archive::open(path)?;
        // Docker writes both since its version 25, and an OCI layout keeps digests.
        if archive.has("index.json") && archive.has("oci-layout") {
            self.places.extend(archive.blobs());
            return self.layout(path, &archive, name);
        }
        if !archive.has("manifest.json") {
            return Err(LayoutError::Kind {
                path: path.to_owned(),
                problem: "neither index.json nor manifest.json found",
            });
        }
        let made = docker::images(path, &archive)?;
        self.places.extend(made.places);
        for (image, manifest) in made.images {
            let names = name.iter().cloned().chain(image.iter().filter_map(|tag| whole(tag).ok()));
            let descriptor = descriptor(MANIFESTS[0], &manifest);
            for name in names {
                self.names.insert(name, descriptor.clone());
            }
            self.places.insert(descriptor.digest, Place::Memory(Arc::new(manifest)));
        }
        self.notes.push(format!(
            "{} is a `docker save` archive: it has neither the digests nor the compressed layers of a registry, nor \
             signatures and other platforms; its images have new digests",
            path.display()
        ));
        Ok(())
    }

    /// What could not be kept, for people.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The whole names of the images that it holds.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    fn layout(&mut self, path: &Path, files: &dyn Files, name: Option<String>) -> Result<(), LayoutError> {
        let kind = |problem| LayoutError::Kind { path: path.to_owned(), problem };
        if files.read("oci-layout", 64 << 10)?.is_none() {
            return Err(kind("oci-layout not found"));
        }
        let bytes = files.read("index.json", INDEX_LIMIT)?.ok_or_else(|| kind("index.json not found"))?;
        let json = |source| LayoutError::Json { path: path.to_owned(), what: "index.json".to_owned(), source };
        let index: IndexFile = serde_json::from_slice(&bytes).map_err(json)?;
        self.listed.extend(index.manifests.iter().cloned());
        for descriptor in &index.manifests {
            let names = NAMES.iter().filter_map(|key| descriptor.annotations.get(*key));
            // The reference's annotation may hold a tag alone, which is no name.
            let names = names.filter(|text| text.contains('/')).filter_map(|text| whole(text).ok());
            for name in names {
                self.names.insert(name, descriptor.clone());
            }
        }
        let Some(name) = name else { return Ok(()) };
        if self.names.contains_key(&name) {
            return Ok(());
        }
        let tag = name.rsplit_once(':').map(|(_, tag)| tag.to_owned());
        let tagged: Vec<_> = index
            .manifests
            .iter()
            .filter(|one| one.annotations.get(NAMES[1]) == tag.as_ref() && tag.is_some())
            .collect();
        let platforms = index.manifests.iter().all(|one| one.platform.is_some());
        match (tagged.as_slice(), index.manifests.as_slice()) {
            ([one], _) => drop(self.names.insert(name, (*one).clone())),
            (_, [one]) => drop(self.names.insert(name, one.clone())),
            // One image for several platforms, whose index is the layout's own.
            (_, [_, ..]) if platforms => {
                let found = descriptor(INDEXES[0], &bytes);
                self.places.insert(found.digest, Place::Memory(Arc::new(bytes)));
                self.names.insert(name, found);
            }
            (_, all) => {
                return Err(LayoutError::Ambiguous { path: path.to_owned(), name, count: all.len() });
            }
        }
        Ok(())
    }

    fn place(&self, digest: Digest) -> Option<Place> {
        let file = || {
            let paths = self.folders.iter().map(|folder| folder.join("blobs/sha256").join(digest.hex()));
            paths.into_iter().find(|path| path.is_file()).map(Place::File)
        };
        self.places.get(&digest).cloned().or_else(file)
    }

    async fn get(&self, digest: Digest, offset: u64) -> Result<Option<BlobReader>, std::io::Error> {
        let Some(place) = self.place(digest) else { return Ok(None) };
        let (parts, at, size) = match place {
            Place::Memory(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                return Ok(Some(Box::new(std::io::Cursor::new(bytes[from..].to_vec()))));
            }
            Place::File(path) => {
                let parts = Parts::open(&[path]).map_err(|(_, error)| error)?;
                let size = parts.total();
                (Arc::new(parts), 0, size)
            }
            Place::Range(parts, at, size) => (parts, at, size),
        };
        Ok(Some(Box::new(RangeReader::new(parts, at + offset.min(size), at + size))))
    }

    fn failed(&self, what: String, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SourceError {
        SourceError { what, source_name: self.shown.join(", "), source: source.into() }
    }
}

/// It is in none of the layouts.
#[derive(Debug, thiserror::Error)]
#[error("not found")]
struct NotFound;

impl ImageSource for Layouts {
    fn manifest<'a>(
        &'a self,
        repository: &'a str,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Option<OciManifest>, SourceError>> {
        Box::pin(async move {
            let (digest, kind) = match reference {
                Reference::Tag(tag) => match self.names.get(&format!("{repository}:{tag}")) {
                    Some(found) => (found.digest, Some(found.media_type.as_str())),
                    None => return Ok(None),
                },
                Reference::Digest(digest) => {
                    let named = self.names.values().find(|named| named.digest == *digest);
                    (*digest, named.map(|named| named.media_type.as_str()))
                }
            };
            let shown = || format!("{repository}, manifest {digest}");
            let found = self.get(digest, 0).await.map_err(|error| self.failed(shown(), error))?;
            let Some(reader) = found else { return Ok(None) };
            let mut bytes = Vec::new();
            let read = reader.take(MANIFEST_LIMIT as u64 + 1).read_to_end(&mut bytes).await;
            read.map_err(|error| self.failed(shown(), error))?;
            let manifest = OciManifest::parse(bytes, kind).map_err(|error| self.failed(shown(), error))?;
            if manifest.digest != digest {
                let error = std::io::Error::new(
                    std::io::ErrorKind::InvalidData,
                    format!("digest mismatch: found {}", manifest.digest),
                );
                return Err(self.failed(shown(), error));
            }
            Ok(Some(manifest))
        })
    }

    fn blob<'a>(
        &'a self,
        _repository: &'a str,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<BlobReader, SourceError>> {
        Box::pin(async move {
            let what = || format!("blob {}", blob.digest);
            let found = self.get(blob.digest, offset).await.map_err(|error| self.failed(what(), error))?;
            found.ok_or_else(|| self.failed(what(), NotFound))
        })
    }

    fn referrers<'a>(
        &'a self,
        _repository: &'a str,
        subject: Digest,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, SourceError>> {
        Box::pin(async move {
            // What belongs to an image lies beside it, among the layout's own manifests.
            let mut found: Vec<Descriptor> = Vec::new();
            for descriptor in &self.listed {
                if found.iter().any(|known| known.digest == descriptor.digest) {
                    continue;
                }
                let Some(manifest) = self.manifest("", &Reference::Digest(descriptor.digest)).await? else { continue };
                if manifest.subject.as_ref().is_some_and(|about| about.digest == subject) {
                    found.push(Descriptor { artifact_type: manifest.artifact_type, ..descriptor.clone() });
                }
            }
            Ok(found)
        })
    }
}

fn whole(name: &str) -> Result<String, LayoutError> {
    ImageName::parse(name).map(|name| name.whole()).map_err(|_| LayoutError::Name(name.chars().take(200).collect()))
}

#[cfg(test)]
mod tests;
