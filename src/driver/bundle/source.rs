//! An offline bundle as a source of images.

use futures::future::BoxFuture;

use super::closure;
use super::error::BundleError;
use super::read::Bundle;
use crate::driver::image_source::{BlobReader, ImageSource, Reference, SourceError};
use crate::model::images_lock::{Attached, ImagesLock};
use crate::model::oci::{Descriptor, Digest, OciManifest};

impl ImageSource for Bundle {
    fn manifest<'a>(
        &'a self,
        repository: &'a str,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Option<OciManifest>, SourceError>> {
        Box::pin(async move {
            let digest = match reference {
                Reference::Tag(tag) => tagged(self.lock(), repository, tag),
                Reference::Digest(digest) => self.manifests().contains_key(digest).then_some(*digest),
            };
            // A manifest of the base of a difference is not here; asked for by tag, that is an error.
            let Some(digest) = digest else { return Ok(None) };
            match self.manifest(digest) {
                Ok(manifest) => Ok(Some(manifest)),
                Err(BundleError::InBase { .. }) if matches!(reference, Reference::Digest(_)) => Ok(None),
                Err(error) => Err(failed(self, reference.of(repository), error)),
            }
        })
    }

    fn blob<'a>(
        &'a self,
        _repository: &'a str,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<BlobReader, SourceError>> {
        Box::pin(async move {
            let stream = self.stream(blob.digest, offset);
            let stream = stream.map_err(|error| failed(self, format!("blob {}", blob.digest), error))?;
            Ok(Box::new(stream) as BlobReader)
        })
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a str,
        subject: Digest,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, SourceError>> {
        Box::pin(async move {
            let found = about(self.lock(), repository, subject);
            Ok(found.filter_map(|attached| descriptor(self, attached)).collect())
        })
    }
}

/// The digest that a tag stands for: of an image, or of what belongs to one.
fn tagged(lock: &ImagesLock, repository: &str, tag: &str) -> Option<Digest> {
    let image = closure::resolved(lock).find(|(name, _)| {
        let rest = name.strip_prefix(repository).and_then(|rest| rest.strip_prefix(':'));
        rest.map(|rest| rest.split('@').next().unwrap_or(rest)) == Some(tag)
    });
    image.map(|(_, image)| image.digest).or_else(|| {
        let of = closure::resolved(lock).filter(|(name, _)| closure::repository(name) == repository);
        let mut attached = of.flat_map(|(_, image)| &image.attached);
        attached.find(|attached| attached.tag.as_deref() == Some(tag)).map(|attached| attached.digest)
    })
}

fn about<'a>(lock: &'a ImagesLock, repository: &'a str, subject: Digest) -> impl Iterator<Item = &'a Attached> {
    let of = closure::resolved(lock).filter(move |(name, _)| closure::repository(name) == repository);
    of.flat_map(|(_, image)| &image.attached)
        .filter(move |attached| attached.subject == subject && attached.tag.is_none())
}

fn descriptor(bundle: &Bundle, attached: &Attached) -> Option<Descriptor> {
    let size = bundle.about().blobs.get(&attached.digest).copied()?;
    let found = Descriptor::new(bundle.manifests().get(&attached.digest)?, attached.digest, size);
    Some(Descriptor { artifact_type: attached.artifact_type.clone(), ..found })
}

fn failed(bundle: &Bundle, what: String, error: BundleError) -> SourceError {
    SourceError { what, source_name: bundle.files().name.clone(), source: Box::new(error) }
}
