//! What is answered to a request.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use reqwest::Url;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio_util::io::ReaderStream;

use super::shelf::{Repository, ServedBundle};
use crate::driver::bundle::stream::Checked;
use crate::model::oci::{Digest, INDEXES, OciManifest};

/// How much of a blob is in memory at a time.
const PIECE: usize = 256 << 10;

/// The most names on a page.
const PAGE: usize = 1000;

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Why there is no better answer: the OCI's code, and words.
struct Refusal(StatusCode, &'static str, &'static str);

const UNKNOWN_NAME: Refusal =
    Refusal(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "repository not found in the offline bundle");
const UNKNOWN_MANIFEST: Refusal =
    Refusal(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest not found in the offline bundle");
const UNKNOWN_BLOB: Refusal = Refusal(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob not found in the offline bundle");
const INVALID_NAME: Refusal = Refusal(StatusCode::BAD_REQUEST, "NAME_INVALID", "invalid repository name");
const INVALID_DIGEST: Refusal = Refusal(StatusCode::BAD_REQUEST, "DIGEST_INVALID", "invalid sha256 digest");
const READ_ONLY: Refusal = Refusal(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "the offline bundle is read-only");
const NOTHING: Refusal = Refusal(StatusCode::NOT_FOUND, "UNSUPPORTED", "not found");
const DAMAGED: Refusal = Refusal(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "the offline bundle is damaged");

/// What a request asks for.
struct Question<'a> {
    path: &'a str,
    query: Vec<(String, String)>,
    range: Option<&'a HeaderValue>,
}

impl Question<'_> {
    fn said(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// Answers one request.
pub(super) fn answer(served: &ServedBundle, method: &Method, uri: &Uri, headers: &HeaderMap) -> Response<Body> {
    let head = *method == Method::HEAD;
    let mut response = if head || *method == Method::GET {
        let query = Url::parse(&format!("http://x/?{}", uri.query().unwrap_or_default()));
        let query = query.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default();
        let question = Question { path: uri.path(), query, range: headers.get(header::RANGE) };
        found(served, &question).unwrap_or_else(refused)
    } else {
        let mut refused = refused(READ_ONLY);
        refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        refused
    };
    let version = HeaderName::from_static("docker-distribution-api-version");
    response.headers_mut().insert(version, HeaderValue::from_static("registry/2.0"));
    if head {
        *response.body_mut() = full(Vec::new());
    }
    response
}

fn found(served: &ServedBundle, question: &Question<'_>) -> Result<Response<Body>, Refusal> {
    let rest = match question.path {
        "/v2" | "/v2/" => return Ok(json_of(json!({}), "application/json")),
        path => path.strip_prefix("/v2/").ok_or(NOTHING)?,
    };
    if rest == "_catalog" {
        return Ok(page(question, served.names(), |names| json!({"repositories": names})));
    }
    if let Some(name) = rest.strip_suffix("/tags/list") {
        let repository = repository(served, question, name)?;
        return Ok(page(question, repository.tags(), |tags| json!({"name": name, "tags": tags})));
    }
    if let Some((name, reference)) = rest.rsplit_once("/manifests/") {
        let repository = repository(served, question, name)?;
        let digest = match reference.contains(':') {
            true => reference.parse().map_err(|_| INVALID_DIGEST)?,
            false => repository.digest(reference).ok_or(UNKNOWN_MANIFEST)?,
        };
        return manifest(served, digest);
    }
    if let Some((name, digest)) = rest.rsplit_once("/blobs/") {
        repository(served, question, name)?;
        return blob(served, digest.parse().map_err(|_| INVALID_DIGEST)?, question.range);
    }
    if let Some((name, subject)) = rest.rsplit_once("/referrers/") {
        let repository = repository(served, question, name)?;
        let subject: Digest = subject.parse().map_err(|_| INVALID_DIGEST)?;
        return Ok(referrers(served, repository, subject, question.said("artifactType")));
    }
    Err(NOTHING)
}

/// A repository by its name, which is looked up and never a path of anything.
fn repository<'a>(served: &'a ServedBundle, question: &Question<'_>, name: &str) -> Result<&'a Repository, Refusal> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | ':');
    let part = |part: &str| part.chars().all(plain) && part.starts_with(|c: char| c.is_ascii_alphanumeric());
    if name.len() > 512 || !name.split('/').all(part) {
        return Err(INVALID_NAME);
    }
    served.repository(name, question.said("ns")).ok_or(UNKNOWN_NAME)
}

fn manifest(served: &ServedBundle, digest: Digest) -> Result<Response<Body>, Refusal> {
    let kind = served.bundle.manifests().get(&digest).ok_or(UNKNOWN_MANIFEST)?;
    if !served.bundle.layout().blobs.contains_key(&digest) {
        return Err(UNKNOWN_MANIFEST);
    }
    let read = served.bundle.manifest(digest).inspect_err(|error| served.notices.blob(digest, error));
    let bytes = read.map_err(|_| DAMAGED)?.bytes;
    let mut response = bytes_of(bytes, kind);
    set(&mut response, "docker-content-digest", &digest.to_string());
    Ok(response)
}

fn blob(served: &ServedBundle, digest: Digest, range: Option<&HeaderValue>) -> Result<Response<Body>, Refusal> {
    let (_, size) = served.bundle.place(digest).map_err(|_| UNKNOWN_BLOB)?;
    let (status, from, to) = match range.and_then(|range| wanted(range, size)) {
        None => (StatusCode::OK, 0, size),
        Some(Some((from, to))) => (StatusCode::PARTIAL_CONTENT, from, to),
        Some(None) => {
            let mut response =
                refused(Refusal(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UNKNOWN", "range not satisfiable"));
            set(&mut response, "content-range", &format!("bytes */{size}"));
            return Ok(response);
        }
    };
    let stream = served.bundle.stream(digest, from).map_err(|_| UNKNOWN_BLOB)?;
    // The whole of a blob that is damaged is handed to nobody.
    let body = match status {
        StatusCode::OK => streamed(served, digest, Checked::new(stream, digest, size)),
        _ => streamed(served, digest, stream.take(to - from)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, "content-type", "application/octet-stream");
    set(&mut response, "content-length", &(to - from).to_string());
    set(&mut response, "accept-ranges", "bytes");
    set(&mut response, "docker-content-digest", &digest.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        set(&mut response, "content-range", &format!("bytes {from}-{}/{size}", to - 1));
    }
    Ok(response)
}

/// One range of bytes, from and before; within, `None` where there are none of these. Several, and what is no range, are passed over.
fn wanted(range: &HeaderValue, size: u64) -> Option<Option<(u64, u64)>> {
    let (from, to) = range.to_str().ok()?.trim().strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (from, to) = match (from.trim(), to.trim()) {
        ("", last) => (size.saturating_sub(number(last).filter(|last| *last > 0)?), size),
        (from, "") => (number(from)?, size),
        (from, to) => (number(from)?, number(to)?.saturating_add(1).min(size)),
    };
    Some((from < to && from < size).then_some((from, to)))
}

fn referrers(served: &ServedBundle, repository: &Repository, subject: Digest, kind: Option<&str>) -> Response<Body> {
    let attached = repository.referrers.get(&subject).into_iter().flatten();
    let mut listed = Vec::new();
    for one in attached {
        let Ok(OciManifest { bytes, media_type, artifact_type, .. }) = served.bundle.manifest(one.digest) else {
            continue;
        };
        let artifact_type = artifact_type.or_else(|| one.artifact_type.clone());
        if kind.is_some_and(|kind| artifact_type.as_deref() != Some(kind)) {
            continue;
        }
        let said: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let mut descriptor = json!({"mediaType": media_type, "digest": one.digest, "size": bytes.len()});
        if let Some(artifact_type) = artifact_type {
            descriptor["artifactType"] = json!(artifact_type);
        }
        if said["annotations"].is_object() {
            descriptor["annotations"] = said["annotations"].clone();
        }
        listed.push(descriptor);
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": listed});
    let mut response = json_of(index, INDEXES[0]);
    if kind.is_some() {
        set(&mut response, "oci-filters-applied", "artifactType");
    }
    response
}

/// A page of names: at most `n`, after `last`, and where the next one is.
fn page<'a>(
    question: &Question<'_>,
    names: impl Iterator<Item = &'a str>,
    json: impl Fn(&[&str]) -> serde_json::Value,
) -> Response<Body> {
    let most = question.said("n").and_then(|n| n.parse::<usize>().ok()).unwrap_or(PAGE).min(PAGE);
    let last = question.said("last").unwrap_or_default();
    let rest: Vec<&str> = names.filter(|name| last.is_empty() || *name > last).take(most + 1).collect();
    let shown = &rest[..rest.len().min(most)];
    let mut response = json_of(json(shown), "application/json");
    if let Some(end) = shown.last().filter(|_| rest.len() > most) {
        set(&mut response, "link", &format!("<{}?n={most}&last={end}>; rel=\"next\"", question.path));
    }
    response
}

fn refused(Refusal(status, code, message): Refusal) -> Response<Body> {
    let mut response = json_of(json!({"errors": [{"code": code, "message": message}]}), "application/json");
    *response.status_mut() = status;
    response
}

fn json_of(value: serde_json::Value, kind: &str) -> Response<Body> {
    bytes_of(value.to_string().into_bytes(), kind)
}

fn bytes_of(bytes: Vec<u8>, kind: &str) -> Response<Body> {
    let length = bytes.len().to_string();
    let mut response = Response::new(full(bytes));
    set(&mut response, "content-type", kind);
    set(&mut response, "content-length", &length);
    response
}

/// Sets a header. A value that cannot be one is skipped.
fn set(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

fn full(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
}

fn streamed(served: &ServedBundle, digest: Digest, reader: impl AsyncRead + Send + 'static) -> Body {
    let notices = Arc::clone(&served.notices);
    let pieces = ReaderStream::with_capacity(reader, PIECE).inspect_err(move |error| notices.blob(digest, error));
    StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood_and_all_else_is_the_whole() {
        let of = |text: &str| wanted(&HeaderValue::from_str(text).unwrap(), 10);
        assert_eq!(of("bytes=0-0"), Some(Some((0, 1))));
        assert_eq!(of("bytes=3-"), Some(Some((3, 10))));
        assert_eq!(of("bytes=3-99"), Some(Some((3, 10))));
        assert_eq!(of("bytes=-4"), Some(Some((6, 10))));
        assert_eq!(of("bytes=-99"), Some(Some((0, 10))));
        for none in ["bytes=10-", "bytes=10-12", "bytes=5-4"] {
            assert_eq!(of(none), Some(None), "{none}");
        }
        for whole in [
            "",
            "bytes=",
            "bytes=-",
            "bytes=-0",
            "lines=0-1",
            "bytes=0-1,3-4",
            "bytes=a-b",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(of(whole), None, "{whole}");
        }
    }
}
