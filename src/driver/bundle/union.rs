//! Several sources as one: the first that has something gives it.

use futures::future::BoxFuture;

use crate::driver::image_source::{BlobReader, ImageSource, Reference, SourceError};
use crate::model::oci::{Descriptor, Digest, OciManifest};

/// Sources in the order in which they are asked.
pub struct Union<'s>(Vec<&'s dyn ImageSource>);

/// None of them has it.
#[derive(Debug, thiserror::Error)]
#[error("not found in any source")]
struct NotFound;

impl<'s> Union<'s> {
    /// Of these.
    #[must_use]
    pub const fn new(sources: Vec<&'s dyn ImageSource>) -> Self {
        Self(sources)
    }
}

impl ImageSource for Union<'_> {
    fn manifest<'a>(
        &'a self,
        repository: &'a str,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Option<OciManifest>, SourceError>> {
        Box::pin(async move {
            let mut first = None;
            for source in &self.0 {
                match source.manifest(repository, reference).await {
                    Ok(Some(manifest)) => return Ok(Some(manifest)),
                    Ok(None) => {}
                    // A later one may have it; if none has, this is why.
                    Err(error) => first = first.or(Some(error)),
                }
            }
            first.map_or(Ok(None), Err)
        })
    }

    fn blob<'a>(
        &'a self,
        repository: &'a str,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<BlobReader, SourceError>> {
        Box::pin(async move {
            let mut first = None;
            for source in &self.0 {
                match source.blob(repository, blob, offset).await {
                    Ok(reader) => return Ok(reader),
                    Err(error) => first = first.or(Some(error)),
                }
            }
            Err(first.unwrap_or_else(|| SourceError {
                what: Reference::Digest(blob.digest).of(repository),
                source_name: "no source".to_owned(),
                source: Box::new(NotFound),
            }))
        })
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a str,
        subject: Digest,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, SourceError>> {
        Box::pin(async move {
            let mut all: Vec<Descriptor> = Vec::new();
            for source in &self.0 {
                for found in source.referrers(repository, subject).await? {
                    if all.iter().all(|known| known.digest != found.digest) {
                        all.push(found);
                    }
                }
            }
            Ok(all)
        })
    }
}
