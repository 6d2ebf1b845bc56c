//! Images in memory, and how they are pushed.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::io::{AsyncRead, ReadBuf};
use windlass::driver::image_source::BlobReader;
use windlass::driver::registry::push::{
    BlobStore, ImageRequest, Journal, Push, PushError, PushProgress, Receipt, TagConflict,
};
use windlass::driver::registry::{Credentials, Limits, Login, Registries, Registry, Settings, Trust};
use windlass::model::Secret;
use windlass::model::oci::{Digest, INDEXES, MANIFESTS};

use crate::registry_server::{FakeRegistry, noise};

pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Blobs and manifests; counts what is read of blobs.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    pub(crate) manifests: BTreeMap<Digest, Vec<u8>>,
    pub(crate) read: Arc<AtomicU64>,
}

struct Counting {
    bytes: io::Cursor<Vec<u8>>,
    read: Arc<AtomicU64>,
}

impl AsyncRead for Counting {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let done = Pin::new(&mut self.bytes).poll_read(cx, buf);
        self.read.fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        done
    }
}

impl BlobStore for Store {
    fn holds(&self, digest: Digest) -> bool {
        self.blobs.contains_key(&digest) || self.manifests.contains_key(&digest)
    }

    fn open(&self, digest: Digest, offset: u64) -> BoxFuture<'_, io::Result<BlobReader>> {
        let found = self.blobs.get(&digest).map(|bytes| bytes[offset as usize..].to_vec());
        let read = self.read.clone();
        async move {
            let bytes = found.ok_or_else(|| io::Error::other("no such blob"))?;
            Ok(Box::new(Counting { bytes: io::Cursor::new(bytes), read }) as BlobReader)
        }
        .boxed()
    }

    fn manifest(&self, digest: Digest) -> BoxFuture<'_, io::Result<Vec<u8>>> {
        let found = self.manifests.get(&digest).cloned();
        async move { found.ok_or_else(|| io::Error::other("no such manifest")) }.boxed()
    }
}

impl Store {
    pub(crate) fn blob(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.blobs.insert(digest, bytes);
        digest
    }

    pub(crate) fn manifest_of(&mut self, json: serde_json::Value) -> Digest {
        let bytes = json.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        self.manifests.insert(digest, bytes);
        digest
    }

    fn descriptor(&self, digest: Digest, kind: &str) -> serde_json::Value {
        let size = self.blobs.get(&digest).or_else(|| self.manifests.get(&digest)).unwrap().len();
        json!({"mediaType": kind, "digest": digest.to_string(), "size": size})
    }

    /// An image of a config and layers of these sizes; equal seeds and sizes are equal layers.
    pub(crate) fn image(&mut self, name: &str, layers: &[(u64, usize)]) -> Digest {
        let config = self.blob(format!("{{\"image\":\"{name}\"}}").into_bytes());
        let layers: Vec<Digest> = layers.iter().map(|(seed, len)| self.blob(noise(*seed, *len))).collect();
        let layers: Vec<_> = layers.iter().map(|one| self.descriptor(*one, "layer")).collect();
        let config = self.descriptor(config, CONFIG);
        self.manifest_of(json!({"schemaVersion": 2, "mediaType": MANIFESTS[0], "config": config, "layers": layers}))
    }

    pub(crate) fn index(&mut self, children: &[Digest]) -> Digest {
        let children: Vec<_> = children.iter().map(|one| self.descriptor(*one, MANIFESTS[0])).collect();
        self.manifest_of(json!({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": children}))
    }

    /// A signature as the OCI has them: with a subject.
    pub(crate) fn signature(&mut self, subject: Digest, text: &str) -> Digest {
        let config = self.blob(b"{}".to_vec());
        let layer = self.blob(text.as_bytes().to_vec());
        let (config, layer) = (self.descriptor(config, "empty"), self.descriptor(layer, "signature"));
        let subject = self.descriptor(subject, MANIFESTS[0]);
        self.manifest_of(json!({
            "schemaVersion": 2, "mediaType": MANIFESTS[0], "artifactType": "application/vnd.signature",
            "config": config, "layers": [layer], "subject": subject, "annotations": {"made": text},
        }))
    }

    pub(crate) fn size(&self, of: impl Fn(&Digest) -> bool) -> u64 {
        self.blobs.iter().filter(|(digest, _)| of(digest)).map(|(_, bytes)| bytes.len() as u64).sum()
    }

    pub(crate) fn all(&self) -> u64 {
        self.size(|_| true)
    }
}

pub(crate) fn request(repository: &str, tag: &str, top: Digest) -> ImageRequest {
    ImageRequest {
        name: format!("docker.io/{repository}:{tag}"),
        repository: repository.to_owned(),
        tags: vec![tag.to_owned()],
        top,
        media_type: MANIFESTS[0].to_owned(),
        attached: Vec::new(),
    }
}

/// Everything is short, so that tests are.
pub(crate) fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(2),
        answer: Duration::from_secs(5),
        stall: Duration::from_millis(500),
        commit: Duration::from_secs(5),
        commit_poll: Duration::from_millis(300),
        mount: Duration::from_secs(2),
        tries: 5,
        backoff: Duration::from_millis(4),
        backoff_most: Duration::from_millis(30),
        retry_after_most: Duration::from_secs(3),
        silent_wait: Duration::from_millis(500),
        uploads: 4,
        questions: 8,
        chunk: 64 << 10,
        chunk_least: 4 << 10,
    }
}

pub(crate) fn settings() -> Settings {
    Settings { limits: limits(), ..Settings::default() }
}

pub(crate) async fn registry(fake: &FakeRegistry, settings: Settings) -> Registry {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Registries::new(settings).unwrap().registry(&fake.host).await.unwrap()
}

/// With a login, which may go in plain text.
pub(crate) fn with_login(fake: &FakeRegistry) -> Settings {
    let login = Login { user: "u".to_owned(), password: Secret::new("p".to_owned()) };
    Settings {
        credentials: Credentials::none().with(&fake.host, login),
        trust: vec![(fake.host.clone(), Trust { plain_http: true, token_host: None })],
        ..settings()
    }
}

/// What `u` and `p` are in a header.
pub(crate) const BASIC: &str = "Basic dTpw";

/// Pushes with short limits and without a login.
pub(crate) async fn push(
    fake: &FakeRegistry,
    store: &Store,
    requests: Vec<ImageRequest>,
) -> Result<Receipt, PushError> {
    push_with(fake, store, requests, settings(), TagConflict::Fail).await
}

pub(crate) async fn push_with(
    fake: &FakeRegistry,
    store: &Store,
    requests: Vec<ImageRequest>,
    settings: Settings,
    conflict: TagConflict,
) -> Result<Receipt, PushError> {
    let registry = registry(fake, settings).await;
    let push = Push::prepare(registry, store, requests, conflict, Journal::in_memory()).await?;
    let progress = PushProgress::default();
    let watched = progress.clone();
    let watch = tokio::spawn(async move {
        let mut last = watched.snapshot();
        loop {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let now = watched.snapshot();
            assert!(now.done >= last.done && now.done <= now.total, "{last:?} then {now:?}");
            last = now;
        }
    });
    let result = push.run(&progress).await;
    assert!(!watch.is_finished(), "progress went back");
    watch.abort();
    let end = progress.snapshot();
    assert!(result.is_err() || end.done == end.total, "{end:?}");
    result
}
