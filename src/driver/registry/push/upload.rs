//! One blob on its way into one repository, through all that can happen to it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode, Url};
use tokio::time::Instant;

use super::error::PushError;
use super::image::BlobStore;
use super::journal::Journal;
use super::preflight;
use super::progress::BlobProgress;
use super::session::{Piece, Sent, Session, UploadStart, received};
use super::sizing::Sizing;
use crate::driver::registry::Registry;
use crate::driver::registry::auth::{self, Scopes};
use crate::driver::registry::retry::{self, Asked};
use crate::model::oci::Digest;

/// Who sends blobs.
pub(super) struct Uploader<'a> {
    pub(super) registry: &'a Registry,
    pub(super) store: &'a dyn BlobStore,
    pub(super) journal: &'a Journal,
}

/// What is sent where.
#[derive(Clone)]
pub(super) struct Transfer {
    pub(super) repository: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) progress: Arc<BlobProgress>,
}

/// How a blob got there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransferKind {
    Sent,
    Mounted,
}

/// What one request came to.
enum Step {
    /// The blob is there.
    Done,
    /// The registry has taken what was sent, and has so much now.
    Moved(Session),
    /// The answer to the last byte was lost: it may be there.
    Unconfirmed(String),
    /// The registry is asked how far it is, after a while; with what was cut off, if it was.
    QueryStatus { why: String, asked: Option<Asked>, cut: Option<(u64, Duration)> },
    /// The upload is no longer there.
    Gone(String),
    /// It was too much at a time; a smaller piece is next.
    TooLarge,
    /// The registry found other bytes.
    Differs,
}

impl Uploader<'_> {
    fn host(&self) -> &str {
        self.registry.host()
    }

    /// Mounts a blob, or sends it where that is refused.
    pub(super) async fn mount(&self, transfer: &Transfer, from: &str) -> Result<TransferKind, PushError> {
        let started = self.registry.begin_upload(&transfer.repository, Some((transfer.digest, from))).await;
        let session = match started {
            Ok(UploadStart::Mounted) => {
                transfer.progress.finished();
                return Ok(TransferKind::Mounted);
            }
            Ok(UploadStart::Session(session)) => Some(session),
            // Whatever the reason is, an upload will either do or say it better.
            Ok(UploadStart::Refused(_)) | Err(_) => None,
        };
        self.upload(transfer, session).await.map(|()| TransferKind::Sent)
    }

    /// Sends a blob, into an upload that has begun or that an earlier run has left, or into a new one.
    pub(super) async fn upload(&self, transfer: &Transfer, started: Option<Session>) -> Result<(), PushError> {
        let limits = *self.registry.limits();
        let scopes = auth::push(&transfer.repository);
        let mut sizing = Sizing::new(&limits);
        let mut session = match started {
            Some(session) => Some(session),
            None => self.left(transfer).await,
        };
        let (mut failures, mut best, mut differed) = (0, 0, false);
        loop {
            let current = match session.take() {
                Some(session) => session,
                None => self.begin(transfer).await?,
            };
            sizing.at_least(current.least);
            self.note(transfer, Some(&current.url))?;
            let step = self.step(transfer, &current, &mut sizing, &scopes).await;
            let step = match step {
                Ok(step) => step,
                Err(error) => {
                    self.cancel(transfer, &current).await;
                    return Err(error);
                }
            };
            let (why, waited) = match step {
                Step::Done => return self.finish(transfer),
                Step::Moved(next) => {
                    if next.at > best {
                        (best, failures) = (next.at, 0);
                    }
                    let further = next.at > current.at;
                    session = Some(next);
                    if further {
                        continue;
                    }
                    ("no progress after a chunk".to_owned(), false)
                }
                Step::Unconfirmed(why) => {
                    if self.appears(transfer).await {
                        return self.finish(transfer);
                    }
                    // Who is not there at all has nothing cancelled: the journal knows where the next run resumes.
                    session = self.registry.upload_status(&transfer.repository, &current).await?;
                    if session.is_none() {
                        self.cancel(transfer, &current).await;
                    }
                    (why, false)
                }
                Step::QueryStatus { why, asked, cut } => {
                    self.registry.pauses().pause(failures + 1, asked, &why).await;
                    session = self.registry.upload_status(&transfer.repository, &current).await?;
                    if let Some((sent, elapsed)) = cut {
                        let kept = session.as_ref().is_some_and(|session| session.at > current.at);
                        sizing.cut(sent, elapsed, kept);
                    }
                    match &session {
                        Some(session) if session.at > best => (best, failures) = (session.at, 0),
                        Some(_) => {}
                        None => self.cancel(transfer, &current).await,
                    }
                    (why, true)
                }
                Step::Gone(why) => {
                    self.cancel(transfer, &current).await;
                    (why, false)
                }
                // No failure: it ends where pieces get no smaller.
                Step::TooLarge => {
                    self.cancel(transfer, &current).await;
                    continue;
                }
                Step::Differs => {
                    self.cancel(transfer, &current).await;
                    if differed {
                        return Err(PushError::Digest { host: self.host().to_owned(), digest: transfer.digest });
                    }
                    differed = true;
                    ("digest mismatch".to_owned(), false)
                }
            };
            failures += 1;
            if failures >= limits.tries {
                if let Some(session) = session.filter(|session| session.at == 0) {
                    self.cancel(transfer, &session).await;
                }
                return Err(PushError::GaveUp {
                    host: self.host().to_owned(),
                    repository: transfer.repository.clone(),
                    digest: transfer.digest,
                    tries: failures,
                    at: best,
                    size: transfer.size,
                    last: why,
                });
            }
            // Who was asked after a while has been waited for already.
            if !waited {
                self.registry.pauses().pause(failures, None, &why).await;
            }
        }
    }

    /// An upload of an earlier run, as far as it is.
    async fn left(&self, transfer: &Transfer) -> Option<Session> {
        let url = self.journal.waiting(self.host(), &transfer.repository, transfer.digest)?;
        // The journal is a file: it sends nobody anywhere.
        self.registry.url("").await.ok()?;
        if !self.registry.is_own(&url) {
            return None;
        }
        let session = Session { url, at: 0, least: 0 };
        let found = self.registry.upload_status(&transfer.repository, &session).await.ok().flatten();
        let found = found.filter(|found| found.at <= transfer.size);
        let kept = found.as_ref().map_or(0, |found| found.at);
        transfer.progress.half_sent(&transfer.repository, transfer.digest, kept);
        if found.is_none() {
            self.cancel(transfer, &session).await;
        }
        found
    }

    async fn begin(&self, transfer: &Transfer) -> Result<Session, PushError> {
        match self.registry.begin_upload(&transfer.repository, None).await? {
            UploadStart::Session(session) => Ok(session),
            UploadStart::Mounted => Ok(Session { url: self.registry.url("").await?, at: 0, least: 0 }),
            UploadStart::Refused(answer) => {
                let what = format!("an upload to {}", transfer.repository);
                let headers = answer.headers().clone();
                let source = self.registry.unexpected(answer, &what).await;
                Err(preflight::no_push(self.host(), &transfer.repository, &headers, source))
            }
        }
    }

    fn note(&self, transfer: &Transfer, url: Option<&Url>) -> Result<(), PushError> {
        let url = url.filter(|url| self.registry.is_own(url)).cloned();
        self.journal.note(self.host(), &transfer.repository, transfer.digest, url).map_err(PushError::Journal)
    }

    fn finish(&self, transfer: &Transfer) -> Result<(), PushError> {
        transfer.progress.finished();
        self.note(transfer, None)
    }

    async fn cancel(&self, transfer: &Transfer, session: &Session) {
        self.registry.cancel_upload(&transfer.repository, session).await;
        // A line too much in the journal costs one question.
        let _ = self.note(transfer, None);
    }

    /// One request of an upload: all that is left, a chunk, or the end.
    async fn step(
        &self,
        transfer: &Transfer,
        session: &Session,
        sizing: &mut Sizing,
        scopes: &Scopes,
    ) -> Result<Step, PushError> {
        let left = transfer.size.saturating_sub(session.at);
        // Small ones are never cut up for the sake of it, and what has begun is ended by a request of its own.
        let whole = session.at == 0 && sizing.next(left) == left && sizing.is_whole();
        let ends = whole || left == 0;
        let len = if whole { left } else { sizing.next(left) };
        let read = |source| PushError::Store { what: format!("blob {}", transfer.digest), source };
        let reader = self.store.open(transfer.digest, session.at).await.map_err(read)?;
        let piece = Piece { reader, from: session.at, len, progress: (*transfer.progress).clone() };
        let mut url = session.url.clone();
        let method = if ends {
            url.query_pairs_mut().append_pair("digest", &transfer.digest.to_string());
            Method::PUT
        } else {
            Method::PATCH
        };
        match self.registry.send_piece(method, url, scopes, piece).await? {
            Sent::Unreadable(source) => Err(read(source)),
            Sent::NoCommit if !ends => {
                Ok(Step::QueryStatus { why: "no response after a chunk".to_owned(), asked: None, cut: None })
            }
            Sent::NoCommit => match self.appears(transfer).await {
                true => Ok(Step::Done),
                false => Err(PushError::Commit {
                    host: self.host().to_owned(),
                    digest: transfer.digest,
                    after: self.registry.limits().commit,
                }),
            },
            Sent::Cut { all: true, why, .. } if ends => Ok(Step::Unconfirmed(why)),
            Sent::Cut { sent, elapsed, why, .. } => {
                Ok(Step::QueryStatus { why, asked: None, cut: Some((sent, elapsed)) })
            }
            Sent::Answer { answer, sent, elapsed, all } => {
                let step = self.judge(transfer, session, sizing, (answer, len), (ends, all)).await?;
                Ok(match step {
                    // A proxy that gave up in the middle is like a connection that did.
                    Step::QueryStatus { why, asked: None, .. } if !all => {
                        Step::QueryStatus { why, asked: None, cut: Some((sent, elapsed)) }
                    }
                    step => step,
                })
            }
        }
    }

    /// What an answer means to a request with `len` bytes: whether it was to end the upload, and was sent as a whole.
    async fn judge(
        &self,
        transfer: &Transfer,
        session: &Session,
        sizing: &mut Sizing,
        (answer, len): (Response, u64),
        (ends, all): (bool, bool),
    ) -> Result<Step, PushError> {
        let status = answer.status();
        let text = format!("returned {status}");
        match status {
            StatusCode::CREATED | StatusCode::OK | StatusCode::NO_CONTENT if ends => Ok(Step::Done),
            StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT | StatusCode::OK if all => {
                let url = self
                    .registry
                    .location(&session.url, answer.headers(), &transfer.repository)
                    .unwrap_or_else(|_| session.url.clone());
                let sent = session.at + len;
                // Its own count is the one that counts; some give none.
                let at = received(answer.headers()).filter(|at| *at > 0 && *at <= transfer.size).unwrap_or(sent);
                Ok(Step::Moved(Session { url, at, least: session.least }))
            }
            // It has answered before it had everything: only it knows how much it took.
            status if status.is_success() => Ok(Step::QueryStatus { why: text, asked: None, cut: None }),
            StatusCode::PAYLOAD_TOO_LARGE => {
                if sizing.too_large(len) {
                    return Ok(Step::TooLarge);
                }
                Err(PushError::TooLarge { host: self.host().to_owned(), size: len })
            }
            // The token is another one when it is asked the next time.
            StatusCode::UNAUTHORIZED if self.registry.is_own(&session.url) => {
                Ok(Step::QueryStatus { why: text, asked: Some(Asked { after: Duration::ZERO, status }), cut: None })
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Step::Gone(text)),
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(Step::QueryStatus { why: text, asked: None, cut: None }),
            status if status.is_redirection() => Ok(Step::Gone(text)),
            status if retry::status_may_pass(status) => {
                if ends && all && status != StatusCode::TOO_MANY_REQUESTS {
                    return Ok(Step::Unconfirmed(text));
                }
                Ok(Step::QueryStatus { why: text, asked: Asked::by(&answer), cut: None })
            }
            // Signed addresses of others run out.
            StatusCode::FORBIDDEN if !self.registry.is_own(&session.url) => Ok(Step::Gone(text)),
            _ => {
                let headers = answer.headers().clone();
                let source = self
                    .registry
                    .unexpected(answer, &format!("blob {} of {}", transfer.digest, transfer.repository))
                    .await;
                let said = source.to_string();
                if said.contains("DIGEST_INVALID") {
                    return Ok(Step::Differs);
                }
                if said.contains("BLOB_UPLOAD_INVALID") || said.contains("BLOB_UPLOAD_UNKNOWN") {
                    return Ok(Step::Gone(said));
                }
                if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                    return Err(preflight::no_push(self.host(), &transfer.repository, &headers, source));
                }
                Err(source.into())
            }
        }
    }

    /// Whether a blob turns up after its last byte was sent. A registry may take a while to copy it where it belongs.
    async fn appears(&self, transfer: &Transfer) -> bool {
        let limits = self.registry.limits();
        let start = Instant::now();
        let mut asked = 0;
        loop {
            let scopes = auth::push(&transfer.repository);
            if matches!(self.registry.has_blob_as(&transfer.repository, transfer.digest, scopes).await, Ok(true)) {
                return true;
            }
            asked += 1;
            let left = limits.commit_poll.saturating_sub(start.elapsed());
            if left.is_zero() {
                return false;
            }
            let why = format!("{} not found yet", transfer.digest);
            self.registry.pauses().pause_at_most(left, asked, None, &why).await;
        }
    }
}
