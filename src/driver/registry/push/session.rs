//! The registry's side of an upload: it begins, takes bytes, says how far it is, and is ended or cancelled.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::TryStreamExt as _;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Body, Method, Response, StatusCode, Url};
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;
use tokio_util::io::ReaderStream;

use super::progress::BlobProgress;
use crate::driver::image_source::BlobReader;
use crate::driver::registry::auth::{self, Scopes};
use crate::driver::registry::{Registry, RegistryError, retry};
use crate::model::oci::Digest;

/// How much of a blob is in memory at a time, for each that is on its way.
const PIECE: usize = 256 << 10;

/// An upload that the registry has begun.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Where the next request goes.
    pub(super) url: Url,
    /// How many bytes it has.
    pub(super) at: u64,
    /// The least that a chunk may have.
    pub(super) least: u64,
}

/// What came of beginning.
pub(super) enum UploadStart {
    /// The blob is there, from another repository.
    Mounted,
    /// Bytes are wanted.
    Session(Session),
    /// Neither.
    Refused(Response),
}

/// How a request with bytes ended.
pub(super) enum Sent {
    /// With an answer; `all` says whether every byte was on its way before it.
    Answer { answer: Response, sent: u64, elapsed: Duration, all: bool },
    /// Without one.
    Cut { sent: u64, elapsed: Duration, all: bool, why: String },
    /// The registry has all bytes, and did not answer within the time that it has for that.
    NoCommit,
    /// The bytes could not be read.
    Unreadable(io::Error),
}

/// Bytes to send.
pub(super) struct Piece {
    pub(super) reader: BlobReader,
    /// Where in the blob it begins.
    pub(super) from: u64,
    pub(super) len: u64,
    /// How far the blob is.
    pub(super) progress: BlobProgress,
}

impl Registry {
    /// Begins an upload, or mounts.
    pub(super) async fn begin_upload(
        &self,
        repository: &str,
        mount: Option<(Digest, &str)>,
    ) -> Result<UploadStart, RegistryError> {
        let uploads = format!("{repository}/blobs/uploads/");
        let (path, scopes) = match mount {
            // A repository's name needs no escaping.
            Some((digest, from)) => (format!("{uploads}?mount={digest}&from={from}"), auth::mount(repository, from)),
            None => (uploads.clone(), auth::push(repository)),
        };
        let mut request = self.request(Method::POST, &path, scopes).await?;
        if mount.is_some() {
            (request.deadline, request.tries) = (self.limits().mount, 1);
        }
        let answer = self.send(&request).await?;
        match answer.status() {
            StatusCode::CREATED if mount.is_some() => Ok(UploadStart::Mounted),
            StatusCode::ACCEPTED | StatusCode::CREATED => {
                let url = self.location(&request.url, answer.headers(), &uploads)?;
                let least = answer.headers().get("oci-chunk-min-length").and_then(|least| least.to_str().ok());
                let least = least.and_then(|least| least.parse().ok()).unwrap_or_default();
                Ok(UploadStart::Session(Session { url, at: 0, least }))
            }
            _ => Ok(UploadStart::Refused(answer)),
        }
    }

    /// Asks how far an upload is, and where it continues; `None` where it is no longer there, or cannot be continued.
    pub(super) async fn upload_status(
        &self,
        repository: &str,
        session: &Session,
    ) -> Result<Option<Session>, RegistryError> {
        let mut request =
            self.request(Method::GET, &format!("{repository}/blobs/uploads/"), auth::push(repository)).await?;
        request.url = session.url.clone();
        let answer = self.send(&request).await?;
        if !answer.status().is_success() {
            return Ok(None);
        }
        let Some(at) = received(answer.headers()) else { return Ok(None) };
        let url = self.location(&session.url, answer.headers(), &request.what).unwrap_or_else(|_| session.url.clone());
        Ok(Some(Session { url, at, least: session.least }))
    }

    /// Cancels an upload. Whether that works is of no importance: registries clean up by themselves, if later.
    pub(super) async fn cancel_upload(&self, repository: &str, session: &Session) {
        let request =
            self.request(Method::DELETE, &format!("{repository}/blobs/uploads/"), auth::push(repository)).await;
        if let Ok(mut request) = request {
            request.url = session.url.clone();
            request.tries = 1;
            let _ = self.send(&request).await;
        }
    }

    /// Sends bytes once. It may take as long as bytes move.
    pub(super) async fn send_piece(
        &self,
        method: Method,
        url: Url,
        scopes: &Scopes,
        piece: Piece,
    ) -> Result<Sent, RegistryError> {
        let limits = *self.limits();
        let Piece { reader, from, len, progress } = piece;
        let count = Arc::new(AtomicU64::new(0));
        let unreadable: Arc<Mutex<Option<io::Error>>> = Arc::default();
        let stream = {
            let (count, failed) = (count.clone(), unreadable.clone());
            ReaderStream::with_capacity(reader.take(len), PIECE)
                .inspect_ok(move |bytes| {
                    let bytes = bytes.len() as u64;
                    let sent = count.fetch_add(bytes, Ordering::AcqRel) + bytes;
                    progress.sent(bytes);
                    progress.reached(from + sent);
                })
                .map_err(move |error| {
                    let text = io::Error::new(error.kind(), "failed to read the blob");
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    text
                })
        };
        let mut request = self
            .client()
            .request(method.clone(), url.clone())
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, len);
        if method == Method::PATCH {
            request = request.header(CONTENT_RANGE, format!("{from}-{}", (from + len).saturating_sub(1)));
        }
        // Somebody else, to whom the registry sends us, has nothing to do with our login.
        let header = if self.is_own(&url) { self.auth().header(scopes).await? } else { None };
        if let Some(header) = &header {
            request = request.header(AUTHORIZATION, header.clone());
        }
        let body = if len == 0 { Body::from(Vec::new()) } else { Body::wrap_stream(stream) };
        let start = Instant::now();
        let sending = request.body(body).send();
        tokio::pin!(sending);
        let (mut last, mut moved) = (0, start);
        let tick = (limits.stall.min(limits.commit) / 10).clamp(Duration::from_millis(5), Duration::from_secs(1));
        let result = loop {
            tokio::select! {
                result = &mut sending => break result,
                () = tokio::time::sleep(tick) => {
                    let sent = count.load(Ordering::Acquire);
                    if sent != last {
                        (last, moved) = (sent, Instant::now());
                    }
                    let all = sent >= len;
                    if all && moved.elapsed() > limits.commit {
                        return Ok(Sent::NoCommit);
                    }
                    if !all && moved.elapsed() > limits.stall {
                        let why = format!("no data transferred for {}s", limits.stall.as_secs());
                        return Ok(Sent::Cut { sent, elapsed: start.elapsed(), all, why });
                    }
                }
            }
        };
        if let Some(error) = unreadable.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(Sent::Unreadable(error));
        }
        let sent = count.load(Ordering::Acquire);
        let (elapsed, all) = (start.elapsed(), sent >= len);
        match result {
            Ok(answer) => {
                if answer.status() == StatusCode::UNAUTHORIZED && self.is_own(&url) {
                    self.auth().learn(answer.headers());
                    self.auth().refused(scopes, header.as_ref()).await;
                }
                Ok(Sent::Answer { answer, sent, elapsed, all })
            }
            Err(error) if !retry::may_pass(&error) => Err(self.unreachable(error)),
            Err(error) => {
                let why = retry::causes(&error.without_url());
                Ok(Sent::Cut { sent, elapsed, all, why })
            }
        }
    }
}

/// How many bytes a registry has, by its `Range: 0-N`, which is the same for none and for one: one is sent again.
pub(super) fn received(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RANGE).map(HeaderValue::to_str)?.ok()?.trim();
    let text = text.strip_prefix("bytes=").or_else(|| text.strip_prefix("bytes ")).unwrap_or(text);
    let (from, to) = text.split_once('-')?;
    let to: u64 = to.trim().parse().ok()?;
    match (from.trim(), to) {
        ("0", 0) => Some(0),
        ("0", to) => to.checked_add(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_has_is_read_from_its_range() {
        let of = |text: &'static str| received(&HeaderMap::from_iter([(RANGE, HeaderValue::from_static(text))]));
        assert_eq!(of("0-0"), Some(0));
        assert_eq!(of("0-16777215"), Some(16 << 20));
        assert_eq!(of("bytes=0-9"), Some(10));
        for bad in ["", "5-9", "0", "-", "0-x", "0-18446744073709551615"] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!(received(&HeaderMap::new()), None);
    }
}
