//! Manifests: asked for, read and written as the bytes that they are. And the names of tags.

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LINK};
use reqwest::{Method, StatusCode};

use super::auth::{self, Scopes};
use super::client::Registry;
use super::error::RegistryError;
use crate::driver::body;
use crate::driver::image_source::Reference;
use crate::model::ImageName;
use crate::model::oci::{Digest, MANIFEST_LIMIT, OciManifest};

/// Every form that a manifest can have; who names none gets the oldest.
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                        application/vnd.docker.distribution.manifest.list.v2+json, \
                        application/vnd.docker.distribution.manifest.v2+json";

/// The most of one page of tags, and the most tags of a repository.
const TAG_PAGE: usize = 8 << 20;
const TAGS: usize = 100_000;

/// Host, repository and tag of an image; in place of the tag the digest, if it has one.
#[must_use]
pub fn parts(image: &str) -> Option<(String, String, String)> {
    let name = ImageName::parse(image).ok().filter(ImageName::names_registry)?;
    let version = name.digest.clone().or_else(|| name.tag.clone())?;
    Some((name.registry().to_owned(), name.path(), version))
}

/// A reference as it stands in an address.
pub(super) fn text(reference: &Reference) -> String {
    match reference {
        Reference::Tag(tag) => tag.clone(),
        Reference::Digest(digest) => digest.to_string(),
    }
}

/// What a registry made of a manifest that it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    /// It has read which manifest this one is about, and will list it there by itself.
    pub(super) lists_subject: bool,
}

impl Registry {
    /// Whether the registry has an image (`docker.io/apache/spark:3.5.6`), which must be one of its own.
    ///
    /// # Errors
    /// It cannot be reached, refuses, or answers what no registry should.
    pub async fn has(&self, image: &str) -> Result<bool, RegistryError> {
        let Some((_, repository, version)) = parts(image).filter(|(host, ..)| host == self.host()) else {
            return Err(RegistryError::Name(image.to_owned()));
        };
        let mut request =
            self.request(Method::HEAD, &format!("{repository}/manifests/{version}"), auth::pull(&repository)).await?;
        request.headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        image.clone_into(&mut request.what);
        let answer = self.send(&request).await?;
        match answer.status() {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.unexpected(answer, image).await),
        }
    }

    /// The digest that the registry has under a name, or `None`. Where it does not say, the manifest is read.
    ///
    /// # Errors
    /// Anything but "there is none".
    pub async fn digest(&self, repository: &str, reference: &Reference) -> Result<Option<Digest>, RegistryError> {
        self.digest_as(repository, reference, auth::pull(repository)).await
    }

    /// As [`Self::digest`], with the token of whoever is about to write there: one for all that follows.
    pub(super) async fn digest_as(
        &self,
        repository: &str,
        reference: &Reference,
        scopes: Scopes,
    ) -> Result<Option<Digest>, RegistryError> {
        let path = format!("{repository}/manifests/{}", text(reference));
        let mut request = self.request(Method::HEAD, &path, scopes).await?;
        request.headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        let answer = self.send(&request).await?;
        match answer.status() {
            status if status.is_success() => {
                let said = answer.headers().get("docker-content-digest").and_then(|value| value.to_str().ok());
                match (said.and_then(|said| said.parse::<Digest>().ok()), reference) {
                    (Some(said), _) => Ok(Some(said)),
                    (None, Reference::Digest(digest)) => Ok(Some(*digest)),
                    (None, Reference::Tag(_)) => {
                        Ok(self.manifest_bytes(repository, reference).await?.map(|(bytes, _)| Digest::of(&bytes)))
                    }
                }
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.unexpected(answer, &path).await),
        }
    }

    /// A manifest, checked against the digest that it was asked by; `None` where there is none.
    ///
    /// # Errors
    /// Anything but "there is none".
    pub async fn manifest(
        &self,
        repository: &str,
        reference: &Reference,
    ) -> Result<Option<OciManifest>, RegistryError> {
        let what = format!("{repository}/manifests/{}", text(reference));
        let Some((bytes, kind)) = self.manifest_bytes(repository, reference).await? else { return Ok(None) };
        let found = Digest::of(&bytes);
        if matches!(reference, Reference::Digest(wanted) if *wanted != found) {
            return Err(RegistryError::Digest { host: self.host().to_owned(), what, found });
        }
        let no = |source| RegistryError::Manifest { host: self.host().to_owned(), what, source };
        OciManifest::parse(bytes, kind.as_deref()).map(Some).map_err(no)
    }

    /// Bytes and type of a manifest, whatever they are.
    pub(super) async fn manifest_bytes(
        &self,
        repository: &str,
        reference: &Reference,
    ) -> Result<Option<(Vec<u8>, Option<String>)>, RegistryError> {
        let path = format!("{repository}/manifests/{}", text(reference));
        let mut request = self.request(Method::GET, &path, auth::pull(repository)).await?;
        request.headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        let mut failures = 0;
        loop {
            let answer = self.send(&request).await?;
            match answer.status() {
                status if status.is_success() => {
                    let kind =
                        answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
                    match body::read(answer, MANIFEST_LIMIT).await {
                        Ok(bytes) => return Ok(Some((bytes, kind))),
                        Err(error @ body::BodyError::Broken(_)) if failures + 1 < self.limits().tries => {
                            failures += 1;
                            self.pauses().pause(failures, None, &super::retry::causes(&error)).await;
                        }
                        Err(source) => {
                            return Err(RegistryError::Body { host: self.host().to_owned(), what: path, source });
                        }
                    }
                }
                StatusCode::NOT_FOUND => return Ok(None),
                _ => return Err(self.unexpected(answer, &path).await),
            }
        }
    }

    /// Writes a manifest, byte for byte.
    pub(super) async fn put_manifest(
        &self,
        repository: &str,
        reference: &Reference,
        bytes: &[u8],
        media_type: &str,
    ) -> Result<Stored, RegistryError> {
        let path = format!("{repository}/manifests/{}", text(reference));
        let mut request = self.request(Method::PUT, &path, auth::push(repository)).await?;
        request
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_str(media_type).map_err(|_| RegistryError::Name(path.clone()))?);
        request.body = Bytes::copy_from_slice(bytes);
        let answer = self.send(&request).await?;
        if !answer.status().is_success() {
            return Err(self.unexpected(answer, &path).await);
        }
        let lists_subject = answer.headers().contains_key("oci-subject");
        let said = answer.headers().get("docker-content-digest").and_then(|value| value.to_str().ok());
        let found = said.and_then(|said| said.parse::<Digest>().ok());
        match found.filter(|found| *found != Digest::of(bytes)) {
            Some(found) => Err(RegistryError::Digest { host: self.host().to_owned(), what: path, found }),
            None => Ok(Stored { lists_subject }),
        }
    }

    /// The tags of a repository, sorted; empty where there is no such repository.
    ///
    /// # Errors
    /// Anything but "there is none"; more tags than anybody has.
    pub async fn tags(&self, repository: &str) -> Result<Vec<String>, RegistryError> {
        let path = format!("{repository}/tags/list");
        let mut request = self.request(Method::GET, &format!("{path}?n=1000"), auth::pull(repository)).await?;
        let mut found = Vec::new();
        loop {
            let answer = self.send(&request).await?;
            match answer.status() {
                status if status.is_success() => {}
                StatusCode::NOT_FOUND => return Ok(Vec::new()),
                _ => return Err(self.unexpected(answer, &path).await),
            }
            let next = next_page(answer.headers().get(LINK));
            let no = |source| RegistryError::Body { host: self.host().to_owned(), what: path.clone(), source };
            let bytes = body::read(answer, TAG_PAGE).await.map_err(no)?;
            let page: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let tags = page["tags"].as_array().into_iter().flatten();
            let before = found.len();
            found.extend(tags.filter_map(|tag| tag.as_str()).map(str::to_owned));
            let next = next.and_then(|next| request.url.join(&next).ok()).filter(|next| self.is_own(next));
            match next {
                // A page without any is the last, or it would never end.
                Some(next) if found.len() > before && found.len() <= TAGS => request.url = next,
                _ => break,
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// Where the next page is: `</v2/…>; rel="next"`.
pub(super) fn next_page(link: Option<&HeaderValue>) -> Option<String> {
    let text = link?.to_str().ok()?;
    let (address, rest) = text.trim().strip_prefix('<')?.split_once('>')?;
    rest.replace(['"', ' '], "").contains("rel=next").then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_host_path_and_tag() {
        let found = |image: &str| parts(image).map(|(host, path, version)| format!("{host} {path} {version}"));
        assert_eq!(found("r.site:5000/a/b:1").as_deref(), Some("r.site:5000 a/b 1"));
        let digest = format!("sha256:{}", "a".repeat(64));
        for image in [format!("r.site/a@{digest}"), format!("r.site/a:1@{digest}")] {
            assert_eq!(found(&image), Some(format!("r.site a {digest}")), "the digest decides");
        }
        for bad in ["apache/spark:3", "r.site/a", "r.site/:1", "r.site:5000", "", "r.site/a:b/c"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_next_page_is_where_the_link_says() {
        let of = |text: &'static str| next_page(Some(&HeaderValue::from_static(text)));
        assert_eq!(of("</v2/a/tags/list?last=b&n=2>; rel=\"next\"").as_deref(), Some("/v2/a/tags/list?last=b&n=2"));
        assert_eq!(of("</v2/a>; rel=prev"), None);
        assert_eq!(of("nonsense"), None);
    }
}
