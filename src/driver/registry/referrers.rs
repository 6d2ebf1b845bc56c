//! What belongs to a manifest: by the OCI's own question, and where a registry does not know it by the tag that stands in.

use reqwest::header::{CONTENT_TYPE, LINK};
use reqwest::{Method, StatusCode};

use super::auth;
use super::client::Registry;
use super::error::RegistryError;
use super::manifests::next_page;
use crate::driver::body;
use crate::driver::image_source::Reference;
use crate::model::oci::{Descriptor, Digest, INDEXES, MANIFEST_LIMIT, ManifestContent, OciManifest};

/// The most manifests that may belong to one.
const MOST: usize = 10_000;

/// What a registry lists for a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Referrers {
    /// By its own list.
    Listed(Vec<Descriptor>),
    /// By the tag that stands in for it; with the index there, if there is one.
    Tagged(Option<Box<OciManifest>>),
}

impl Referrers {
    /// The manifests.
    pub(super) fn descriptors(&self) -> &[Descriptor] {
        match self {
            Self::Listed(found) => found,
            Self::Tagged(index) => index.as_ref().map(|index| index.children()).unwrap_or_default(),
        }
    }
}

impl Registry {
    /// What belongs to a manifest; empty where there is nothing.
    ///
    /// # Errors
    /// Anything but a list, and "there is none".
    pub async fn referrers(&self, repository: &str, subject: Digest) -> Result<Vec<Descriptor>, RegistryError> {
        Ok(self.find_referrers(repository, subject).await?.descriptors().to_vec())
    }

    pub(super) async fn find_referrers(&self, repository: &str, subject: Digest) -> Result<Referrers, RegistryError> {
        let path = format!("{repository}/referrers/{subject}");
        let mut request = self.request(Method::GET, &path, auth::pull(repository)).await?;
        let mut found = Vec::new();
        loop {
            let answer = self.send(&request).await?;
            match answer.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND if found.is_empty() => break,
                _ => return Err(self.unexpected(answer, &path).await),
            }
            let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            // Some answer every unknown address with a page.
            if !kind.starts_with(INDEXES[0]) && !kind.starts_with("application/json") {
                break;
            }
            let next = next_page(answer.headers().get(LINK));
            let no = |source| RegistryError::Body { host: self.host().to_owned(), what: path.clone(), source };
            let bytes = body::read(answer, MANIFEST_LIMIT).await.map_err(no)?;
            let no = |source| RegistryError::Manifest { host: self.host().to_owned(), what: path.clone(), source };
            let page = OciManifest::parse(bytes, Some(INDEXES[0])).map_err(no)?;
            let before = found.len();
            found.extend_from_slice(page.children());
            let next = next.and_then(|next| request.url.join(&next).ok()).filter(|next| self.is_own(next));
            match next {
                Some(next) if found.len() > before && found.len() <= MOST => request.url = next,
                _ => return Ok(Referrers::Listed(found)),
            }
        }
        let tag = Reference::Tag(subject.fallback_tag(""));
        let Some((bytes, kind)) = self.manifest_bytes(repository, &tag).await? else {
            return Ok(Referrers::Tagged(None));
        };
        Ok(Referrers::Tagged(stand_in(bytes, kind.as_deref(), subject).map(Box::new)))
    }
}

/// The index that stands in for a list, if it is one: GitLab answers with the subject itself, and anybody may tag anything.
fn stand_in(bytes: Vec<u8>, kind: Option<&str>, subject: Digest) -> Option<OciManifest> {
    let found = OciManifest::parse(bytes, kind).ok()?;
    let list = matches!(found.content, ManifestContent::Index(_)) && found.media_type == INDEXES[0];
    (found.digest != subject && list).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_index_that_is_not_the_subject_stands_in() {
        let index = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        let other = Digest::of(b"subject");
        assert!(stand_in(index.to_vec(), None, other).is_some());
        assert!(stand_in(index.to_vec(), None, Digest::of(index)).is_none(), "the image itself");
        let docker = String::from_utf8_lossy(index).replace(INDEXES[0], INDEXES[1]);
        assert!(stand_in(docker.into_bytes(), None, other).is_none());
        assert!(stand_in(b"{}".to_vec(), None, other).is_none());
    }
}
