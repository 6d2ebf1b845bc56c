//! A registry in memory that counts what it is asked for and fails as it is told.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, ReadBuf};
use windlass::driver::bundle::{BundlePlan, BundleRequest, ProgramRequest, Target, create, plan};
use windlass::driver::image_source::{BlobReader, ImageSource, Reference, SourceError};
use windlass::lock::ResolveOptions;
use windlass::model::images_lock::{ImageUse, ImagesLock, LockedImage};
use windlass::model::oci::{Descriptor, Digest, INDEXES, MANIFESTS, OciManifest};

/// What a blob does.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Nothing comes after so many bytes.
    HangAt(u64),
    /// It takes so long until it is given, and as long again until its first byte: a registry may ask to be left alone.
    Late(Duration),
    /// Its last byte is another.
    Changed,
    /// There is one more.
    Longer,
    /// The connection breaks, once at each.
    CutAt(Vec<u64>),
}

pub(crate) struct Site {
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    tags: BTreeMap<String, Digest>,
    pub(crate) lock: ImagesLock,
    pub(crate) asked: Mutex<Vec<(Digest, u64)>>,
    faults: Mutex<BTreeMap<Digest, Fault>>,
    pub(crate) files: tempfile::TempDir,
}

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    let text = json!({"mediaType": media_type, "digest": Digest::of(bytes).to_string(), "size": bytes.len()});
    serde_json::from_value(text).unwrap()
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(len).collect()
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(3_000_001)
    }

    pub(crate) fn large() -> Self {
        Self::with(48 << 20)
    }

    fn with(large: usize) -> Self {
        let mut site = Self {
            blobs: BTreeMap::new(),
            tags: BTreeMap::new(),
            lock: ImagesLock::default(),
            asked: Mutex::new(Vec::new()),
            faults: Mutex::new(BTreeMap::new()),
            files: tempfile::tempdir().unwrap(),
        };
        let shared = site.put("application/vnd.oci.image.layer.v1.tar+zstd", noise(1, 100_000));
        let big = site.put("application/vnd.oci.image.layer.v1.tar+gzip", noise(2, large));
        let empty = site.put("application/vnd.oci.image.layer.v1.tar", Vec::new());
        let amd = site.image(MANIFESTS[0], "amd64", &[&shared, &big]);
        let arm = site.image(MANIFESTS[0], "arm64", &[&shared, &empty]);
        let statement = json!({"predicateType": "https://spdx.dev/Document", "predicate": {"spdxVersion": "SPDX-2.3"}});
        let bill = site.put("application/vnd.in-toto+json", statement.to_string().into_bytes());
        let statement = json!({"predicateType": "https://spdx.dev/Document", "predicate": {"spdxVersion": "SPDX-2.2"}});
        let second = site.put("application/vnd.in-toto+json", statement.to_string().into_bytes());
        let attestation = site.image(MANIFESTS[0], "attestation", &[&bill, &second]);
        let with = |mut one: Value, os: &str, architecture: &str| {
            one["platform"] = json!({"os": os, "architecture": architecture});
            one
        };
        let mut unknown = with(attestation, "unknown", "unknown");
        unknown["annotations"] =
            json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd["digest"]});
        let children = json!([with(amd.clone(), "linux", "amd64"), with(arm, "linux", "arm64"), unknown]);
        let index = json!({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": children}).to_string();
        let index = site.put(INDEXES[0], index.into_bytes());
        site.tag("docker.io/x/multi:1", &index);
        for subject in [&index, &amd] {
            let payload =
                site.put("application/vnd.dev.cosign.simplesigning.v1+json", subject.to_string().into_bytes());
            let signature = site.image(MANIFESTS[0], "signature", &[&payload]);
            let tag = subject["digest"].as_str().unwrap().replace(':', "-");
            site.tag(&format!("docker.io/x/multi:{tag}.sig"), &signature);
        }
        let other = site.put("application/vnd.docker.image.rootfs.diff.tar.gzip", noise(3, 200_000));
        let one = site.image(MANIFESTS[1], "one", &[&shared, &other]);
        site.tag("docker.io/x/one:2", &one);
        std::fs::create_dir(site.files.path().join("chart")).unwrap();
        std::fs::write(site.files.path().join("chart/Chart.yaml"), "name: sample\n").unwrap();
        std::fs::create_dir(site.files.path().join("jars")).unwrap();
        std::fs::write(site.files.path().join("jars/a.jar"), noise(5, 5000)).unwrap();
        std::fs::write(site.files.path().join("helm"), noise(4, 10_000)).unwrap();
        site
    }

    fn put(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let found = json!({"mediaType": media_type, "digest": Digest::of(&bytes).to_string(), "size": bytes.len()});
        self.blobs.insert(Digest::of(&bytes), bytes);
        found
    }

    fn image(&mut self, media_type: &str, config: &str, layers: &[&Value]) -> Value {
        let config = self.put(
            "application/vnd.oci.image.config.v1+json",
            json!({"config": config, "os": "linux", "architecture": "amd64"}).to_string().into_bytes(),
        );
        let text = json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
        self.put(media_type, text.to_string().into_bytes())
    }

    fn tag(&mut self, name: &str, of: &Value) {
        self.tags.insert(name.to_owned(), of["digest"].as_str().unwrap().parse().unwrap());
    }

    pub(crate) fn largest(&self) -> Digest {
        *self.blobs.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap().0
    }

    pub(crate) fn fault(&self, digest: Digest, fault: Fault) {
        self.faults.lock().unwrap().insert(digest, fault);
    }

    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }
}

/// A lock that has the site's images, too; unresolved.
fn with_names(mut lock: ImagesLock) -> ImagesLock {
    for name in ["docker.io/x/multi:1", "docker.io/x/one:2"] {
        let used = ImageUse { component: "sample".into(), at: "images.x".into(), profiles: [].into() };
        lock.images.insert(name.to_owned(), LockedImage { resolved: None, used_by: [used].into() });
    }
    lock
}

/// What a source says of a lock's images.
pub(crate) async fn resolved(lock: ImagesLock, source: &dyn ImageSource) -> ImagesLock {
    let wanted = ResolveOptions { from: None, platforms: &[], without_attached: false };
    windlass::lock::resolve(&lock, source, wanted, &|_, _| {}).await.unwrap()
}

/// All that the site has, resolved.
pub(crate) async fn request(site: &Site) -> BundleRequest {
    let platforms = ["linux/amd64", "linux/arm64"].map(str::to_owned).into();
    let lock = with_names(site.lock.clone());
    let lock = resolved(lock, site).await;
    let helm = ProgramRequest {
        version: "3.19.0".into(),
        platforms: [("linux/amd64".to_owned(), site.files.path().join("helm"))].into(),
    };
    BundleRequest {
        lock,
        windlass: "0.1.0".into(),
        platforms,
        components: ["sample".to_owned()].into(),
        charts: [("sample".to_owned(), site.files.path().join("chart"))].into(),
        files: [("sample.jars".to_owned(), site.files.path().join("jars"))].into(),
        programs: [("helm".to_owned(), helm)].into(),
        base: None,
        signer: None,
    }
}

/// Writes a whole bundle.
pub(crate) async fn made(site: &Site, path: &Path) -> BundlePlan {
    let planned = plan(site, request(site).await).await.unwrap();
    let target = Target { path: PathBuf::from(path), split: None, restart: false };
    create(site, &planned, &target, &|_, _| ()).await.unwrap();
    planned
}

/// Bytes that come in small pieces, and then end, hang or break.
struct Stream {
    bytes: Vec<u8>,
    at: usize,
    late: Option<Pin<Box<tokio::time::Sleep>>>,
    hang: Option<usize>,
    cut: Option<usize>,
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(late) = &mut self.late {
            std::task::ready!(late.as_mut().poll(cx));
            self.late = None;
        }
        if self.hang.is_some_and(|hang| self.at >= hang) {
            return Poll::Pending;
        }
        if self.cut.is_some_and(|cut| self.at >= cut) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let end = self.bytes.len().min(self.hang.unwrap_or(usize::MAX)).min(self.cut.unwrap_or(usize::MAX));
        let count = out.remaining().min(end - self.at).min(10_007);
        out.put_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Poll::Ready(Ok(()))
    }
}

impl ImageSource for Site {
    fn manifest<'a>(
        &'a self,
        repository: &'a str,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Option<OciManifest>, SourceError>> {
        Box::pin(async move {
            let digest = match reference {
                Reference::Tag(tag) => self.tags.get(&format!("{repository}:{tag}")).copied(),
                Reference::Digest(digest) => Some(*digest),
            };
            let bytes = digest.and_then(|digest| self.blobs.get(&digest));
            Ok(bytes.map(|bytes| OciManifest::parse(bytes.clone(), None).unwrap()))
        })
    }

    fn blob<'a>(
        &'a self,
        repository: &'a str,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<BlobReader, SourceError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push((blob.digest, offset));
            let Some(bytes) = self.blobs.get(&blob.digest) else {
                let source = Box::new(io::Error::from(io::ErrorKind::NotFound));
                return Err(SourceError { what: blob.digest.to_string(), source_name: repository.to_owned(), source });
            };
            let mut stream = Stream {
                bytes: bytes.clone(),
                at: usize::try_from(offset).unwrap(),
                late: None,
                hang: None,
                cut: None,
            };
            let late = match self.faults.lock().unwrap().get(&blob.digest) {
                Some(Fault::Late(late)) => Some(*late),
                _ => None,
            };
            if let Some(late) = late {
                tokio::time::sleep(late).await;
                stream.late = Some(Box::pin(tokio::time::sleep(late)));
            }
            match self.faults.lock().unwrap().get_mut(&blob.digest) {
                None | Some(Fault::Late(_)) => {}
                Some(Fault::HangAt(at)) => stream.hang = usize::try_from(*at).ok(),
                Some(Fault::Changed) => *stream.bytes.last_mut().unwrap() ^= 1,
                Some(Fault::Longer) => stream.bytes.push(0),
                Some(Fault::CutAt(places)) => {
                    stream.cut = (!places.is_empty()).then(|| usize::try_from(places.remove(0)).unwrap());
                }
            }
            Ok(Box::new(stream) as BlobReader)
        })
    }

    fn referrers<'a>(&'a self, _: &'a str, _: Digest) -> BoxFuture<'a, Result<Vec<Descriptor>, SourceError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
