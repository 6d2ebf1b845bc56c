//! Registries as one source of images.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use super::client::{Registries, Registry};
use super::error::RegistryError;
use crate::driver::image_source::{BlobReader, ImageSource, Reference, SourceError};
use crate::model::ImageName;
use crate::model::oci::{Descriptor, Digest, OciManifest};

/// Images by their names, from whichever registry those name; or all of them from one that mirrors the others.
pub struct RegistrySource {
    registries: Registries,
    /// `harbor.site/mirror`.
    from: Option<String>,
    /// No registry is asked more at a time than it bears.
    questions: Arc<Semaphore>,
}

impl RegistrySource {
    /// From each image's own registry.
    #[must_use]
    pub fn new(registries: Registries) -> Self {
        Self { registries, from: None, questions: Arc::new(Semaphore::new(16)) }
    }

    /// All from one registry, which may have a path: `docker.io/apache/spark` is `harbor.site/mirror/apache/spark` there.
    #[must_use]
    pub fn mirrored(mut self, from: &str) -> Self {
        self.from = Some(from.to_owned());
        self
    }

    /// The registry of a repository, and its path there.
    async fn find(&self, repository: &str) -> Result<(Registry, String), RegistryError> {
        let bad = || RegistryError::Name(repository.to_owned());
        let mut name = ImageName::parse(repository).map_err(|_| bad())?;
        if let Some(from) = &self.from {
            name = ImageName::parse(&name.moved(from)).map_err(|_| bad())?;
        }
        let path = name.path();
        Ok((self.registries.registry_for(name.registry(), &path).await?, path))
    }

    fn error(&self, repository: &str, what: String, source: RegistryError) -> SourceError {
        let host = self.from.as_deref().unwrap_or(repository).split('/').next().unwrap_or_default().to_owned();
        SourceError { what, source_name: host, source: Box::new(source) }
    }
}

impl ImageSource for RegistrySource {
    fn manifest<'a>(
        &'a self,
        repository: &'a str,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Option<OciManifest>, SourceError>> {
        async move {
            let _turn = self.questions.acquire().await;
            let found = async {
                let (registry, path) = self.find(repository).await?;
                registry.manifest(&path, reference).await
            };
            found.await.map_err(|error| self.error(repository, reference.of(repository), error))
        }
        .boxed()
    }

    fn blob<'a>(
        &'a self,
        repository: &'a str,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<BlobReader, SourceError>> {
        async move {
            let found = async {
                let (registry, path) = self.find(repository).await?;
                registry.blob(&path, blob, offset).await
            };
            found.await.map_err(|error| self.error(repository, format!("blob {} of {repository}", blob.digest), error))
        }
        .boxed()
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a str,
        subject: Digest,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, SourceError>> {
        async move {
            let _turn = self.questions.acquire().await;
            let found = async {
                let (registry, path) = self.find(repository).await?;
                registry.referrers(&path, subject).await
            };
            found.await.map_err(|error| self.error(repository, format!("the referrers of {subject}"), error))
        }
        .boxed()
    }
}
