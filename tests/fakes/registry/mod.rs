//! A registry in memory, on loopback, that behaves well, and a layer before it that does not.

mod answers;
mod proxy;
pub(crate) mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use windlass::model::oci::Digest;

pub(crate) use proxy::CountingProxy;

/// Bytes that are no others', so many of them.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A request as it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) host: String,
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    /// Bytes of its body that were read.
    pub(crate) bytes: u64,
}

#[derive(Default)]
pub(crate) struct Repository {
    pub(crate) blobs: BTreeSet<Digest>,
    pub(crate) manifests: BTreeMap<Digest, (String, Vec<u8>)>,
    pub(crate) tags: BTreeMap<String, Digest>,
}

pub(crate) struct Upload {
    pub(crate) repository: String,
    pub(crate) bytes: Vec<u8>,
}

/// Tokens: who asks without one is sent to the realm.
pub(crate) struct Tokens {
    pub(crate) life: Duration,
    pub(crate) realm: String,
    /// Tokens, what they are for, and when they end.
    pub(crate) given: BTreeMap<String, (String, Instant)>,
    pub(crate) asked: usize,
    pub(crate) at_once: usize,
    pub(crate) most_at_once: usize,
    pub(crate) login: Option<String>,
}

/// How the registry refuses who may not push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refuses {
    GitLab,
    OpenShift,
    Harbor,
    Ecr,
}

/// Where uploads are sent to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Location {
    #[default]
    Absolute,
    Relative,
    /// To another host, which is the same registry by another name.
    Foreign(String),
}

/// What goes wrong. Counts are of requests to which it still happens.
#[derive(Default)]
pub(crate) struct Faults {
    /// Bodies that are longer get 413.
    pub(crate) limit: Option<u64>,
    /// The blob is stored, and the answer is this.
    pub(crate) after_last: Option<(u16, u32)>,
    /// How long the answer to the last byte takes.
    pub(crate) hold: Option<Duration>,
    /// Requests that take longer are cut off.
    pub(crate) cut_after: Option<Duration>,
    /// Bytes a second.
    pub(crate) rate: Option<u64>,
    /// Reset after so many bytes of a body, so many times.
    pub(crate) reset: Option<(u64, u32)>,
    /// Bytes that arrived before a cut count.
    pub(crate) keeps_partial: bool,
    /// The status that a mount gets.
    pub(crate) mount: Option<u16>,
    pub(crate) location: Location,
    pub(crate) immutable: bool,
    /// Requests that get 429, and what they are told.
    pub(crate) limited: Option<(u32, &'static str)>,
    /// Requests that get 500.
    pub(crate) broken: u32,
    /// Requests whose connection ends without an answer.
    pub(crate) silent: u32,
    pub(crate) no_referrers: bool,
    pub(crate) gitlab_fallback: bool,
    pub(crate) refuses: Option<Refuses>,
    /// Where blobs are.
    pub(crate) blobs_at: Option<String>,
    /// After how many bytes downloads break off.
    pub(crate) cut_downloads: Vec<u64>,
    /// Downloads of this blob are never answered.
    pub(crate) hangs: Option<Digest>,
    /// Tags of signatures get 403.
    pub(crate) no_signatures: bool,
    /// Ranges are not understood.
    pub(crate) no_ranges: bool,
    pub(crate) least_chunk: Option<u64>,
    /// Bodies of uploads stand still after so many bytes.
    pub(crate) stands_still: Option<(u64, u32)>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) repositories: BTreeMap<String, Repository>,
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    pub(crate) uploads: BTreeMap<String, Upload>,
    pub(crate) next_upload: u64,
    pub(crate) seen: Vec<Seen>,
    pub(crate) faults: Faults,
    pub(crate) tokens: Option<Tokens>,
    /// Bytes that are left in a project, as Harbor says; -1 is no limit.
    pub(crate) quotas: BTreeMap<String, i64>,
    /// What every request has to bring.
    pub(crate) basic: Option<String>,
    /// Bytes of blobs that were read in all.
    pub(crate) body_bytes: u64,
    /// Bodies that are being read, and the most at a time.
    pub(crate) reading: usize,
    pub(crate) most_reading: usize,
}

impl State {
    pub(crate) fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    pub(crate) fn has_blob(&self, repository: &str, digest: Digest) -> bool {
        self.repositories.get(repository).is_some_and(|one| one.blobs.contains(&digest))
    }

    /// How many requests of a method have a path with this in it.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.seen.iter().filter(|seen| seen.method == method && seen.path.contains(part)).count()
    }

    /// Bytes of bodies of a method.
    pub(crate) fn bytes(&self, method: &str) -> u64 {
        self.seen.iter().filter(|seen| seen.method == method && seen.path.contains("/uploads/")).map(|s| s.bytes).sum()
    }

    /// Repositories and methods of writing requests, in order, without those of blobs.
    pub(crate) fn manifest_puts(&self) -> Vec<String> {
        self.seen
            .iter()
            .filter(|s| s.method == "PUT" && s.path.contains("/manifests/"))
            .map(|s| s.path.clone())
            .collect()
    }
}

/// A running registry.
#[derive(Clone)]
pub(crate) struct FakeRegistry {
    /// `127.0.0.1:1234`.
    pub(crate) host: String,
    pub(crate) state: Arc<Mutex<State>>,
}

impl FakeRegistry {
    /// In plain text.
    pub(crate) async fn start() -> Self {
        Self::listen(Arc::default(), None).await
    }

    /// The same registry by another name.
    pub(crate) async fn also(&self) -> Self {
        Self::listen(Arc::clone(&self.state), None).await
    }

    /// With TLS.
    pub(crate) async fn start_tls(config: Arc<rustls::ServerConfig>) -> Self {
        Self::listen(Arc::default(), Some(config)).await
    }

    pub(crate) async fn also_tls(&self, config: Arc<rustls::ServerConfig>) -> Self {
        Self::listen(Arc::clone(&self.state), Some(config)).await
    }

    async fn listen(state: Arc<Mutex<State>>, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        // Little is on its way at a time, or a client is done before the registry has begun.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 << 10).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(64).unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let fake = Self { host, state };
        let served = fake.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (fake, tls) = (served.clone(), tls.clone());
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    match tls {
                        None => fake.serve(TokioIo::new(stream)).await,
                        Some(config) => {
                            let accepted = tokio_rustls::TlsAcceptor::from(config).accept(stream).await;
                            if let Ok(stream) = accepted {
                                fake.serve(TokioIo::new(stream)).await;
                            }
                        }
                    }
                });
            }
        });
        fake
    }

    async fn serve<S>(&self, stream: S)
    where
        S: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
    {
        let service = service_fn(|request: Request<hyper::body::Incoming>| {
            let fake = self.clone();
            async move { fake.answer(request.map(Body::new)).await }
        });
        // An error of the service ends the connection without an answer, which is what some faults are.
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, io::Error> {
        let seen = Seen {
            host: self.host.clone(),
            method: request.method().to_string(),
            path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            authorization: request
                .headers()
                .get("authorization")
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            bytes: 0,
        };
        let index = {
            let mut state = self.state.lock().unwrap();
            state.seen.push(seen);
            state.seen.len() - 1
        };
        answers::answer(self, request, index).await
    }

    /// The state, for a look or a change.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap())
    }

    /// Wants tokens from now on.
    pub(crate) fn want_tokens(&self, life: Duration, login: Option<&str>) {
        let realm = format!("http://{}/token", self.host);
        self.want_tokens_of(realm, life, login);
    }

    pub(crate) fn want_tokens_of(&self, realm: String, life: Duration, login: Option<&str>) {
        self.with(|state| {
            state.tokens = Some(Tokens {
                life,
                realm,
                given: BTreeMap::new(),
                asked: 0,
                at_once: 0,
                most_at_once: 0,
                login: login.map(str::to_owned),
            });
        });
    }
}
