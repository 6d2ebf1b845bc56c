//! Layouts beside another source: what a layout names comes from it alone, and nobody else is asked for it.

use futures::future::BoxFuture;

use super::local::Layouts;
use crate::driver::image_source::{BlobReader, ImageSource, Reference, SourceError};
use crate::model::oci::{Descriptor, Digest, OciManifest};

/// Layouts, and where all else comes from.
pub struct LayoutsWithFallback<S> {
    layouts: Layouts,
    others: S,
}

impl<S: ImageSource> LayoutsWithFallback<S> {
    /// Of both.
    #[must_use]
    pub const fn new(layouts: Layouts, others: S) -> Self {
        Self { layouts, others }
    }

    /// Who has a repository. One that was made here is often in no registry yet, or in one that cannot be reached from here.
    fn of(&self, repository: &str) -> &dyn ImageSource {
        let is_it = |name: &str| {
            name.strip_prefix(repository).is_some_and(|rest| rest.starts_with([':', '@']) && !rest.contains('/'))
        };
        if self.layouts.names().any(is_it) { &self.layouts } else { &self.others }
    }
}

impl<S: ImageSource> ImageSource for LayoutsWithFallback<S> {
    fn manifest<'a>(
        &'a self,
        repository: &'a str,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Option<OciManifest>, SourceError>> {
        self.of(repository).manifest(repository, reference)
    }

    fn blob<'a>(
        &'a self,
        repository: &'a str,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<BlobReader, SourceError>> {
        self.of(repository).blob(repository, blob, offset)
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a str,
        subject: Digest,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, SourceError>> {
        self.of(repository).referrers(repository, subject)
    }
}
