//! Blobs as they are read: whether one is there, and its bytes, resumed where the connection breaks.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::time::error::Elapsed;
use tokio_util::io::StreamReader;

use super::auth::{self, Scopes};
use super::client::Registry;
use super::error::RegistryError;
use super::retry;
use crate::driver::image_source::BlobReader;
use crate::model::oci::{Descriptor, Digest};

impl Registry {
    /// Whether a repository has a blob.
    ///
    /// # Errors
    /// Anything but yes and no.
    pub async fn has_blob(&self, repository: &str, digest: Digest) -> Result<bool, RegistryError> {
        self.has_blob_as(repository, digest, auth::pull(repository)).await
    }

    /// As [`Self::has_blob`], with the token of whoever is about to write there: one for all that follows.
    pub(super) async fn has_blob_as(
        &self,
        repository: &str,
        digest: Digest,
        scopes: Scopes,
    ) -> Result<bool, RegistryError> {
        let path = format!("{repository}/blobs/{digest}");
        let answer = self.send(&self.request(Method::HEAD, &path, scopes).await?).await?;
        match answer.status() {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.unexpected(answer, &path).await),
        }
    }

    /// The bytes of a blob from `offset` on, as they come. They resume there when the connection breaks or stalls.
    ///
    /// # Errors
    /// The registry does not have it, or gives none of it.
    pub async fn blob(&self, repository: &str, blob: &Descriptor, offset: u64) -> Result<BlobReader, RegistryError> {
        let mut reading = BlobDownload {
            registry: self.clone(),
            repository: repository.to_owned(),
            digest: blob.digest,
            size: blob.size,
            at: offset,
            answer: None,
            failures: 0,
            last: String::new(),
        };
        if offset < blob.size {
            reading.begin().await?;
        }
        let pieces = stream::try_unfold(reading, |mut reading| async move {
            Ok::<_, io::Error>(reading.next().await?.map(|piece| (piece, reading)))
        });
        Ok(Box::new(StreamReader::new(Box::pin(pieces))))
    }
}

/// A blob that is being read.
struct BlobDownload {
    registry: Registry,
    repository: String,
    digest: Digest,
    size: u64,
    at: u64,
    answer: Option<Response>,
    /// In a row, without a byte between them.
    failures: u32,
    /// Why the last answer ended.
    last: String,
}

impl BlobDownload {
    /// Asks for what is left.
    async fn begin(&mut self) -> Result<(), RegistryError> {
        let path = format!("{}/blobs/{}", self.repository, self.digest);
        let mut request = self.registry.request(Method::GET, &path, auth::pull(&self.repository)).await?;
        if self.at > 0
            && let Ok(range) = format!("bytes={}-", self.at).parse()
        {
            request.headers.insert(RANGE, range);
        }
        let mut answer = self.registry.send(&request).await?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => {
                let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
                if range.is_some_and(|range| !range.starts_with(&format!("bytes {}-", self.at))) {
                    return Err(self.registry.unexpected(answer, &path).await);
                }
            }
            // Not every store knows ranges: what is there already is passed over.
            StatusCode::OK => {
                let mut left = self.at;
                while left > 0 {
                    let stall = self.registry.limits().stall;
                    let mut piece = match tokio::time::timeout(stall, answer.chunk()).await {
                        Ok(Ok(Some(piece))) => piece,
                        // It broke off before there was anything new, which counts as any other break.
                        broken => {
                            self.broke(broken, stall);
                            return Ok(());
                        }
                    };
                    let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                    left -= skipped as u64;
                    let rest = piece.split_off(skipped);
                    if left == 0 && !rest.is_empty() {
                        self.keep(answer, rest);
                        return Ok(());
                    }
                }
            }
            _ => return Err(self.registry.unexpected(answer, &path).await),
        }
        self.answer = Some(answer);
        Ok(())
    }

    /// Puts a piece back before the rest of an answer.
    fn keep(&mut self, answer: Response, first: Bytes) {
        use futures::StreamExt as _;
        let rest = stream::once(async { Ok(first) }).chain(answer.bytes_stream());
        self.answer = Some(http::Response::new(reqwest::Body::wrap_stream(rest)).into());
    }

    /// Notes why an answer brings no more.
    fn broke(&mut self, how: Result<reqwest::Result<Option<Bytes>>, Elapsed>, stall: Duration) {
        self.answer = None;
        self.last = match how {
            Ok(Err(error)) => retry::causes(&error.without_url()),
            Ok(Ok(_)) => "the connection ended".to_owned(),
            Err(_) => format!("no byte for {}s", stall.as_secs()),
        };
    }

    /// The next piece; `None` at the end.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let limits = *self.registry.limits();
        loop {
            if self.at >= self.size && self.answer.is_none() {
                return Ok(None);
            }
            let Some(answer) = &mut self.answer else {
                self.failures += 1;
                if self.failures >= limits.tries {
                    let Self { repository, digest, at, size, failures, last, .. } = self;
                    let host = self.registry.host();
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        format!(
                            "registry {host}: {digest} of {repository} stopped at {at} of {size} bytes, {failures} times in a row; the last time: {last}"
                        ),
                    ));
                }
                self.registry.pauses().pause(self.failures, None, &self.last).await;
                self.begin().await.map_err(io::Error::other)?;
                continue;
            };
            match tokio::time::timeout(limits.stall, answer.chunk()).await {
                Ok(Ok(Some(piece))) if piece.is_empty() => {}
                Ok(Ok(Some(piece))) => {
                    self.at += piece.len() as u64;
                    if self.at > self.size {
                        let text = format!("{} is longer than the expected {} bytes", self.digest, self.size);
                        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                    }
                    self.failures = 0;
                    return Ok(Some(piece));
                }
                broken => self.broke(broken, limits.stall),
            }
        }
    }
}
