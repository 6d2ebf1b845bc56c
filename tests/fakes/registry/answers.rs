//! What the registry answers, and what goes wrong on the way.

use std::io;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use hyper::header::{HeaderMap, HeaderName};
use hyper::{Request, Response};
use windlass::model::oci::Digest;

use super::{FakeRegistry, Location, Refuses, State, Upload};

type Answer = Result<Response<Body>, io::Error>;

fn reply(status: u16, headers: &[(&str, String)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name.parse::<HeaderName>().unwrap(), value);
    }
    response.body(body.into()).unwrap()
}

fn error(status: u16, code: &str, message: &str) -> Response<Body> {
    reply(status, &[], format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#))
}

fn query(request: &Request<Body>, name: &str) -> Option<String> {
    request.uri().query()?.split('&').find_map(|pair| {
        let (known, value) = pair.split_once('=')?;
        let value = value.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",");
        (known == name).then_some(value)
    })
}

pub(super) async fn answer(fake: &FakeRegistry, request: Request<Body>, index: usize) -> Answer {
    let path = request.uri().path().to_owned();
    if let Some(project) = path.strip_prefix("/api/v2.0/projects/").and_then(|rest| rest.strip_suffix("/summary")) {
        return Ok(fake.with(|state| summary(state, project, header(request.headers(), "authorization"))));
    }
    if path == "/token" || path == "/service/token" {
        let authorization = header(request.headers(), "authorization");
        let query = request.uri().query().unwrap_or_default().to_owned();
        return Ok(token(fake, authorization, &query).await);
    }
    if let Some(id) = path.strip_prefix("/elsewhere/") {
        let id = id.to_owned();
        return upload(fake, request, "", &id, index).await;
    }
    let Some(rest) = path.strip_prefix("/v2/") else { return Ok(error(404, "NOT_FOUND", "no such page")) };
    if let Some(refused) = fake.with(|state| authorize(state, &request)) {
        return Ok(refused);
    }
    let hit = fake.with(|state| {
        let faults = &mut state.faults;
        if rest.is_empty() {
            return None;
        }
        if let Some((count, after)) = &mut faults.limited
            && *count > 0
        {
            *count -= 1;
            return Some(Ok(reply(429, &[("retry-after", (*after).to_owned())], "")));
        }
        if faults.broken > 0 {
            faults.broken -= 1;
            return Some(Ok(error(500, "UNKNOWN", "oops")));
        }
        if faults.silent > 0 {
            faults.silent -= 1;
            return Some(Err(io::Error::other("silent")));
        }
        None
    });
    if let Some(answer) = hit {
        return answer;
    }
    if rest.is_empty() {
        return Ok(reply(200, &[], "{}"));
    }
    if let Some((repository, id)) = rest.split_once("/blobs/uploads/") {
        let (repository, id) = (repository.to_owned(), id.to_owned());
        if id.is_empty() {
            return Ok(fake.with(|state| begin(&fake.host, state, &request, &repository)));
        }
        return upload(fake, request, &repository, &id, index).await;
    }
    if let Some((repository, digest)) = rest.split_once("/blobs/") {
        if request.method() == "GET" && fake.with(|state| state.faults.hangs) == digest.parse().ok() {
            std::future::pending::<()>().await;
        }
        return Ok(fake.with(|state| blob(state, &request, repository, digest)));
    }
    if let Some((repository, reference)) = rest.split_once("/manifests/") {
        let (repository, reference) = (repository.to_owned(), reference.to_owned());
        if reference.ends_with(".sig") && fake.with(|state| state.faults.no_signatures) {
            return Ok(error(403, "DENIED", "denied"));
        }
        let method = request.method().to_string();
        let kind = header(request.headers(), "content-type").unwrap_or_default();
        let body = axum::body::to_bytes(request.into_body(), 8 << 20).await.map_err(io::Error::other)?;
        return Ok(fake.with(|state| manifest(state, &method, &repository, &reference, kind, body)));
    }
    if let Some((repository, subject)) = rest.split_once("/referrers/") {
        return Ok(fake.with(|state| referrers(state, repository, subject)));
    }
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        let last = query(&request, "last");
        return Ok(fake.with(|state| tags(state, repository, last.as_deref())));
    }
    Ok(error(404, "NOT_FOUND", "no such page"))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// What Harbor says of a project to whoever may push there. It takes the login itself here, and no token.
fn summary(state: &State, project: &str, authorization: Option<String>) -> Response<Body> {
    if authorization.is_none_or(|login| !login.starts_with("Basic ")) {
        return error(401, "UNAUTHORIZED", "unauthorized");
    }
    let Some(left) = state.quotas.get(project) else { return error(403, "FORBIDDEN", "forbidden") };
    let used = 5_000_000;
    let hard = if *left < 0 { -1 } else { left + used };
    let text = format!(r#"{{"repo_count":1,"quota":{{"hard":{{"storage":{hard}}},"used":{{"storage":{used}}}}}}}"#);
    reply(200, &[], text)
}

/// Gives a token, if the login is right.
async fn token(fake: &FakeRegistry, authorization: Option<String>, query: &str) -> Response<Body> {
    let scopes = query.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",");
    fake.with(|state| {
        let Some(tokens) = &mut state.tokens else { return };
        tokens.asked += 1;
        tokens.at_once += 1;
        tokens.most_at_once = tokens.most_at_once.max(tokens.at_once);
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    fake.with(|state| {
        let Some(tokens) = &mut state.tokens else { return error(404, "NOT_FOUND", "no tokens here") };
        tokens.at_once -= 1;
        if tokens.login.is_some() && tokens.login != authorization {
            return error(401, "UNAUTHORIZED", "wrong login");
        }
        let token = format!("t{}", tokens.asked);
        let life = tokens.life;
        tokens.given.insert(token.clone(), (scopes, Instant::now() + life));
        reply(200, &[], format!(r#"{{"token":"{token}","expires_in":{}}}"#, life.as_secs().max(1)))
    })
}

/// The answer to who does not bring what is wanted.
fn authorize(state: &State, request: &Request<Body>) -> Option<Response<Body>> {
    let brought = header(request.headers(), "authorization");
    if let Some(wanted) = &state.basic {
        let wrong = brought.as_ref() != Some(wanted);
        return wrong.then(|| reply(401, &[("www-authenticate", "Basic realm=\"fake\"".to_owned())], ""));
    }
    let tokens = state.tokens.as_ref()?;
    let token = brought.as_deref().and_then(|brought| brought.strip_prefix("Bearer "));
    let path = request.uri().path();
    let good = token.and_then(|token| tokens.given.get(token)).is_some_and(|(scopes, until)| {
        let rest = path.trim_start_matches("/v2/");
        let repository = ["/blobs/", "/manifests/", "/referrers/", "/tags/"]
            .iter()
            .find_map(|part| rest.split_once(part))
            .map(|(repository, _)| format!("repository:{repository}:"));
        Instant::now() < *until && repository.is_none_or(|repository| scopes.contains(&repository))
    });
    let challenge = format!("Bearer realm=\"{}\",service=\"fake\"", tokens.realm);
    (!good).then(|| reply(401, &[("www-authenticate", challenge)], r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#))
}

fn refuse(kind: Refuses) -> Response<Body> {
    match kind {
        Refuses::GitLab => reply(
            401,
            &[("gitlab-container-registry-version", "v4".to_owned())],
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
        ),
        Refuses::OpenShift => reply(
            401,
            &[("x-registry-supports-signatures", "1".to_owned())],
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#,
        ),
        Refuses::Harbor => error(404, "NOT_FOUND", "project mirror not found"),
        Refuses::Ecr => error(404, "NAME_UNKNOWN", "The repository with name 'a' does not exist in the registry"),
    }
}

/// POST: an upload begins, or a blob is mounted.
fn begin(host: &str, state: &mut State, request: &Request<Body>, repository: &str) -> Response<Body> {
    if request.method() != "POST" {
        return error(405, "UNSUPPORTED", "POST begins an upload");
    }
    if let Some(kind) = state.faults.refuses {
        return refuse(kind);
    }
    if let (Some(digest), Some(from)) = (query(request, "mount"), query(request, "from")) {
        match state.faults.mount {
            None => {
                let digest: Digest = digest.parse().unwrap();
                if state.has_blob(&from, digest) {
                    state.repository(repository).blobs.insert(digest);
                    return reply(201, &[("location", format!("/v2/{repository}/blobs/{digest}"))], "");
                }
            }
            Some(202) => {}
            Some(status) => return error(status, "DENIED", "no mount"),
        }
    }
    state.next_upload += 1;
    let id = format!("u{}", state.next_upload);
    state.uploads.insert(id.clone(), Upload { repository: repository.to_owned(), bytes: Vec::new() });
    let mut headers = vec![("location", location(host, state, repository, &id)), ("range", "0-0".to_owned())];
    headers.extend(state.faults.least_chunk.map(|least| ("oci-chunk-min-length", least.to_string())));
    reply(202, &headers, "")
}

fn location(host: &str, state: &State, repository: &str, id: &str) -> String {
    match &state.faults.location {
        Location::Absolute => format!("http://{host}/v2/{repository}/blobs/uploads/{id}?_state=s"),
        Location::Relative => format!("/v2/{repository}/blobs/uploads/{id}?_state=s"),
        Location::Foreign(other) => format!("http://{other}/elsewhere/{id}?signature=s"),
    }
}

/// Everything that happens to an upload that has begun.
async fn upload(fake: &FakeRegistry, request: Request<Body>, repository: &str, id: &str, index: usize) -> Answer {
    let unknown = || Ok(error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload"));
    let known = fake.with(|state| state.uploads.get(id).map(|upload| (upload.repository.clone(), upload.bytes.len())));
    let Some((owner, at)) = known else { return unknown() };
    let repository = if repository.is_empty() { owner } else { repository.to_owned() };
    let range = |at: usize| format!("0-{}", at.saturating_sub(1));
    match request.method().as_str() {
        "GET" => {
            let place = fake.with(|state| location(&fake.host, state, &repository, id));
            Ok(reply(204, &[("location", place), ("range", range(at))], ""))
        }
        "DELETE" => {
            fake.with(|state| state.uploads.remove(id));
            Ok(reply(204, &[], ""))
        }
        method @ ("PATCH" | "PUT") => {
            let length: u64 = header(request.headers(), "content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
            if fake.with(|state| state.faults.limit.is_some_and(|limit| length > limit)) {
                return Ok(reply(413, &[], "<html>413 Request Entity Too Large</html>"));
            }
            if let Some(from) = header(request.headers(), "content-range")
                .and_then(|range| range.split('-').next().and_then(|from| from.parse::<usize>().ok()))
                && from != at
            {
                return Ok(reply(416, &[("range", range(at))], ""));
            }
            let (method, digest) = (method.to_owned(), query(&request, "digest"));
            let mut arrived = Vec::new();
            let result = read(fake, request.into_body(), index, &mut arrived).await;
            let place = fake.with(|state| {
                let keeps = result.is_ok() || state.faults.keeps_partial;
                if let Some(upload) = state.uploads.get_mut(id).filter(|_| keeps) {
                    upload.bytes.extend_from_slice(&arrived);
                } else {
                    // As distribution does: what was cut off ends the upload.
                    state.uploads.remove(id);
                }
                location(&fake.host, state, &repository, id)
            });
            result?;
            if method == "PATCH" {
                let at = fake.with(|state| state.uploads.get(id).map_or(0, |upload| upload.bytes.len()));
                return Ok(reply(202, &[("location", place), ("range", range(at))], ""));
            }
            commit(fake, &repository, id, &digest.unwrap_or_default()).await
        }
        _ => Ok(error(405, "UNSUPPORTED", "no such method")),
    }
}

/// Reads a body, as far as nothing goes wrong.
async fn read(fake: &FakeRegistry, body: Body, index: usize, arrived: &mut Vec<u8>) -> io::Result<()> {
    let (cut_after, rate, reset, still) = fake.with(|state| {
        state.reading += 1;
        state.most_reading = state.most_reading.max(state.reading);
        let faults = &mut state.faults;
        let take = |fault: &mut Option<(u64, u32)>| {
            let (at, count) = fault.as_mut()?;
            *count = count.checked_sub(1)?;
            Some(*at)
        };
        (faults.cut_after, faults.rate, take(&mut faults.reset), take(&mut faults.stands_still))
    });
    let begun = Instant::now();
    let mut stream = body.into_data_stream();
    let result = loop {
        let Some(piece) = stream.next().await else { break Ok(()) };
        let Ok(piece) = piece else { break Err(io::Error::other("cut off")) };
        arrived.extend_from_slice(&piece);
        fake.with(|state| {
            state.body_bytes += piece.len() as u64;
            state.seen[index].bytes += piece.len() as u64;
        });
        if let Some(rate) = rate {
            let due = Duration::from_secs_f64(arrived.len() as f64 / rate as f64);
            tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        }
        if cut_after.is_some_and(|after| begun.elapsed() > after) {
            break Err(io::Error::other("cut off after its time"));
        }
        if reset.is_some_and(|at| arrived.len() as u64 >= at) {
            break Err(io::Error::other("reset"));
        }
        if still.is_some_and(|at| arrived.len() as u64 >= at) {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    };
    fake.with(|state| state.reading -= 1);
    result
}

/// The end of an upload.
async fn commit(fake: &FakeRegistry, repository: &str, id: &str, digest: &str) -> Answer {
    let digest: Digest = digest.parse().unwrap();
    let (stored, hold, after) = fake.with(|state| {
        let Some(upload) = state.uploads.remove(id) else { return (None, None, None) };
        let good = Digest::of(&upload.bytes) == digest;
        if good {
            state.blobs.insert(digest, upload.bytes);
            state.repository(repository).blobs.insert(digest);
        }
        let after = state.faults.after_last.as_mut().and_then(|(status, count)| {
            *count = count.checked_sub(1)?;
            Some(*status)
        });
        (Some(good), state.faults.hold, after)
    });
    if let Some(hold) = hold {
        tokio::time::sleep(hold).await;
    }
    match (stored, after) {
        (None, _) => Ok(error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")),
        (Some(false), _) => Ok(error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")),
        (Some(true), Some(0)) => Err(io::Error::other("cut after the last byte")),
        (Some(true), Some(status)) => Ok(reply(status, &[], "<html>gateway</html>")),
        (Some(true), None) => Ok(reply(201, &[("docker-content-digest", digest.to_string())], "")),
    }
}

fn blob(state: &mut State, request: &Request<Body>, repository: &str, digest: &str) -> Response<Body> {
    let digest: Digest = digest.parse().unwrap();
    if !state.has_blob(repository, digest) {
        return error(404, "BLOB_UNKNOWN", "blob unknown to registry");
    }
    let bytes = state.blobs[&digest].clone();
    if request.method() == "HEAD" {
        return reply(200, &[("content-length", bytes.len().to_string())], "");
    }
    if let Some(other) = &state.faults.blobs_at
        && header(request.headers(), "host").as_ref() != Some(other)
    {
        let to = format!("http://{other}/v2/{repository}/blobs/{digest}");
        return reply(307, &[("location", to)], "");
    }
    let from = header(request.headers(), "range")
        .filter(|_| !state.faults.no_ranges)
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let rest = Bytes::from(bytes).slice(from.unwrap_or(0)..);
    let mut headers = vec![("content-length", rest.len().to_string())];
    headers.extend(
        from.map(|from| ("content-range", format!("bytes {from}-{}/{}", from + rest.len() - 1, from + rest.len()))),
    );
    let status = if from.is_some() { 206 } else { 200 };
    if state.faults.cut_downloads.is_empty() {
        return reply(status, &headers, rest);
    }
    let cut = state.faults.cut_downloads.remove(0) as usize;
    let pieces = [Ok(rest.slice(..cut.min(rest.len()))), Err(io::Error::other("cut"))];
    // What came before is on its way when the connection breaks.
    let pieces = futures::stream::iter(pieces).then(async |piece| {
        if piece.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        piece
    });
    reply(status, &headers, Body::from_stream(pieces))
}

fn manifest(
    state: &mut State,
    method: &str,
    repository: &str,
    reference: &str,
    kind: String,
    body: Bytes,
) -> Response<Body> {
    if method == "PUT" {
        let digest = Digest::of(&body);
        let tag = reference.parse::<Digest>().is_err();
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let needs = |list: &str| -> Vec<String> {
            json[list]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|one| one["digest"].as_str().map(str::to_owned))
                .collect()
        };
        let known = state.repositories.get(repository);
        let config = json["config"]["digest"].as_str().map(str::to_owned);
        let blobs = needs("layers").into_iter().chain(config);
        let lacks_blob = blobs
            .map(|digest| digest.parse::<Digest>().unwrap())
            .find(|digest| !known.is_some_and(|known| known.blobs.contains(digest)));
        // The list of what belongs to a manifest may come before what it lists; real ones take that, too.
        let lacks_child = needs("manifests")
            .into_iter()
            .map(|digest| digest.parse::<Digest>().unwrap())
            .find(|digest| !known.is_some_and(|known| known.manifests.contains_key(digest)));
        if let Some(lacks) = lacks_blob.or(lacks_child) {
            return error(404, "MANIFEST_BLOB_UNKNOWN", &format!("blob unknown to registry: {lacks}"));
        }
        if let Some(old) = known.and_then(|known| known.tags.get(reference))
            && state.faults.immutable
            && *old != digest
        {
            return error(412, "PRECONDITION", "configured as immutable tag, cannot be updated");
        }
        let lists = !state.faults.no_referrers && json["subject"].is_object();
        let one = state.repository(repository);
        one.manifests.insert(digest, (kind, body.to_vec()));
        if tag {
            one.tags.insert(reference.to_owned(), digest);
        }
        let mut headers = vec![("docker-content-digest", digest.to_string())];
        if lists {
            headers.push(("oci-subject", json["subject"]["digest"].as_str().unwrap_or_default().to_owned()));
        }
        return reply(201, &headers, "");
    }
    let unknown = || error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    let fallback = reference.strip_prefix("sha256-").filter(|_| state.faults.gitlab_fallback);
    let Some(known) = state.repositories.get(repository) else {
        return error(404, "NAME_UNKNOWN", "no such repository");
    };
    let digest = match (reference.parse::<Digest>(), fallback) {
        (Ok(digest), _) => Some(digest),
        (Err(_), Some(hex)) => known.tags.get(reference).copied().or(format!("sha256:{hex}").parse().ok()),
        (Err(_), None) => known.tags.get(reference).copied(),
    };
    let Some((digest, (kind, bytes))) = digest.and_then(|digest| Some((digest, known.manifests.get(&digest)?))) else {
        return unknown();
    };
    let headers = [("docker-content-digest", digest.to_string()), ("content-type", kind.clone())];
    reply(200, &headers, if method == "HEAD" { Vec::new() } else { bytes.clone() })
}

fn referrers(state: &State, repository: &str, subject: &str) -> Response<Body> {
    if state.faults.no_referrers {
        return error(404, "NOT_FOUND", "no such page");
    }
    let manifests = state.repositories.get(repository).map(|one| &one.manifests).into_iter().flatten();
    let found: Vec<serde_json::Value> = manifests
        .filter_map(|(digest, (kind, bytes))| {
            let json: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            (json["subject"]["digest"] == subject).then(|| {
                serde_json::json!({"mediaType": kind, "digest": digest.to_string(), "size": bytes.len(),
                                   "artifactType": json["artifactType"]})
            })
        })
        .collect();
    let kind = "application/vnd.oci.image.index.v1+json";
    let body = serde_json::json!({"schemaVersion": 2, "mediaType": kind, "manifests": found});
    reply(200, &[("content-type", kind.to_owned())], body.to_string())
}

/// Two tags a page.
fn tags(state: &State, repository: &str, last: Option<&str>) -> Response<Body> {
    let Some(known) = state.repositories.get(repository) else {
        return error(404, "NAME_UNKNOWN", "no such repository");
    };
    let rest: Vec<&String> = known.tags.keys().filter(|tag| last.is_none_or(|last| tag.as_str() > last)).collect();
    let page: Vec<&String> = rest.iter().take(2).copied().collect();
    let mut headers = Vec::new();
    if rest.len() > page.len() {
        headers.push(("link", format!("</v2/{repository}/tags/list?last={}&n=2>; rel=\"next\"", page[1])));
    }
    reply(200, &headers, serde_json::json!({"name": repository, "tags": page}).to_string())
}
