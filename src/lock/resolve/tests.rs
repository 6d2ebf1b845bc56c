//! Against a source in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::*;
use crate::driver::image_source::BlobReader;
use crate::lock::map::tests::lock;
use crate::model::images_lock::Attached;
use crate::model::oci::MANIFESTS;

/// A registry in memory: by repository, then by tag or digest.
#[derive(Default)]
struct Fake {
    manifests: BTreeMap<(String, String), (Vec<u8>, String)>,
    blobs: BTreeMap<Digest, Vec<u8>>,
    referrers: BTreeMap<Digest, Vec<Descriptor>>,
    /// What is asked for and not answered.
    broken: BTreeSet<String>,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    fn put(&mut self, repository: &str, tag: Option<&str>, media_type: &str, body: &Value) -> Digest {
        let bytes = body.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        for name in tag.map(str::to_owned).into_iter().chain([digest.to_string()]) {
            self.manifests.insert((repository.to_owned(), name), (bytes.clone(), media_type.to_owned()));
        }
        digest
    }

    /// An image for a platform, of some content.
    fn image(&mut self, repository: &str, tag: Option<&str>, platform: &str, content: &str, more: Value) -> Digest {
        let mut parts = platform.split('/');
        let (os, architecture, variant) = (parts.next(), parts.next(), parts.next());
        let config = json!({"os": os, "architecture": architecture, "variant": variant, "x": content}).to_string();
        let blob = Digest::of(config.as_bytes());
        let mut body = json!({"schemaVersion": 2, "mediaType": MANIFESTS[0],
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": blob, "size": config.len()}, "layers": []});
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        self.blobs.insert(blob, config.into_bytes());
        self.put(repository, tag, MANIFESTS[0], &body)
    }

    fn index(&mut self, repository: &str, tag: Option<&str>, children: &[(Digest, Option<&str>, Value)]) -> Digest {
        let children: Vec<Value> = children
            .iter()
            .map(|(digest, platform, notes)| {
                let mut child = json!({"mediaType": MANIFESTS[0], "digest": digest, "size": 1, "annotations": notes});
                if let Some(platform) = platform {
                    let mut parts = platform.split('/');
                    child["platform"] = json!({"os": parts.next(), "architecture": parts.next()});
                    if let Some(variant) = parts.next() {
                        child["platform"]["variant"] = variant.into();
                    }
                }
                child
            })
            .collect();
        self.put(
            repository,
            tag,
            INDEXES[0],
            &json!({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": children}),
        )
    }

    fn refers(&mut self, subject: Digest, digest: Digest) {
        let descriptor =
            Descriptor { artifact_type: Some("listed".into()), ..Descriptor::new(MANIFESTS[0], digest, 1) };
        self.referrers.entry(subject).or_default().push(descriptor);
    }

    fn failed(&self, what: String) -> Option<SourceError> {
        self.asked.lock().unwrap().push(what.clone());
        let broken = self.broken.iter().any(|broken| what.contains(broken));
        broken.then(|| SourceError { what, source_name: "fake".into(), source: "500 Internal Server Error".into() })
    }
}

impl ImageSource for Fake {
    fn manifest<'a>(
        &'a self,
        repository: &'a str,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Option<OciManifest>, SourceError>> {
        let name = match reference {
            Reference::Tag(tag) => tag.clone(),
            Reference::Digest(digest) => digest.to_string(),
        };
        async move {
            if let Some(error) = self.failed(format!("{repository} {name}")) {
                return Err(error);
            }
            let found = self.manifests.get(&(repository.to_owned(), name));
            Ok(found.map(|(bytes, kind)| OciManifest::parse(bytes.clone(), Some(kind)).unwrap()))
        }
        .boxed()
    }

    fn blob<'a>(
        &'a self,
        repository: &'a str,
        blob: &'a Descriptor,
        _: u64,
    ) -> BoxFuture<'a, Result<BlobReader, SourceError>> {
        async move {
            if let Some(error) = self.failed(format!("{repository} blob {}", blob.digest)) {
                return Err(error);
            }
            let bytes = self.blobs.get(&blob.digest).cloned().unwrap_or_default();
            Ok(Box::new(std::io::Cursor::new(bytes)) as BlobReader)
        }
        .boxed()
    }

    fn referrers<'a>(
        &'a self,
        repository: &'a str,
        subject: Digest,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, SourceError>> {
        async move {
            match self.failed(format!("{repository} referrers {subject}")) {
                Some(error) => Err(error),
                None => Ok(self.referrers.get(&subject).cloned().unwrap_or_default()),
            }
        }
        .boxed()
    }
}

const X: &str = "docker.io/a/x";

async fn asked(fake: &Fake, names: &[&str], platforms: &[&str]) -> Result<ImagesLock, String> {
    let names: Vec<_> = names.iter().map(|name| (*name, None)).collect();
    let platforms: Vec<Platform> = platforms.iter().map(|text| parse_platform(text).unwrap()).collect();
    let wanted = ResolveOptions { from: None, platforms: &platforms, without_attached: false };
    let found = resolve(&lock(&names), fake, wanted, &|_, _| {}).await;
    found.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    })
}

fn resolved<'a>(lock: &'a ImagesLock, name: &str) -> &'a ResolvedImage {
    lock.images[name].resolved.as_ref().unwrap()
}

/// A list with two platforms, and an attestation of each.
fn multi(fake: &mut Fake) -> (Digest, Digest, Digest, Digest) {
    let amd64 = fake.image(X, None, "linux/amd64", "x", json!({}));
    let arm64 = fake.image(X, None, "linux/arm64/v8", "x", json!({}));
    let attestation = fake.image(X, None, "unknown/unknown", "att", json!({}));
    let notes = json!({"vnd.docker.reference.digest": amd64, "vnd.docker.reference.type": "attestation-manifest"});
    let index = fake.index(
        X,
        Some("1"),
        &[
            (amd64, Some("linux/amd64"), json!({})),
            (arm64, Some("linux/arm64/v8"), json!({})),
            (attestation, Some("unknown/unknown"), notes),
        ],
    );
    (index, amd64, arm64, attestation)
}

#[tokio::test]
async fn an_index_is_meant_whole_or_by_one_platform() {
    let mut fake = Fake::default();
    let (index, amd64, arm64, attestation) = multi(&mut fake);
    let found = asked(&fake, &["a/x:1"], &[]).await.unwrap();
    let whole = resolved(&found, "docker.io/a/x:1");
    assert_eq!((whole.digest, whole.mode, whole.media_type.as_str()), (index, LockMode::Index, INDEXES[0]));
    assert_eq!(whole.platforms, [("linux/amd64".to_owned(), amd64), ("linux/arm64".to_owned(), arm64)].into());
    assert_eq!(whole.size, fake.manifests[&(X.to_owned(), index.to_string())].0.len() as u64);
    assert!(whole.attached.is_empty(), "what is in the list goes with it");
    assert_eq!(
        asked(&fake, &["a/x:1"], &["linux/amd64", "linux/arm64"]).await.unwrap(),
        found,
        "several platforms are the list"
    );
    let found = asked(&fake, &["a/x:1"], &["linux/amd64"]).await.unwrap();
    let one = resolved(&found, "docker.io/a/x:1");
    assert_eq!((one.digest, one.mode, one.media_type.as_str()), (amd64, LockMode::Manifest, MANIFESTS[0]));
    assert_eq!(one.platforms, [("linux/amd64".to_owned(), amd64)].into());
    let beside =
        Attached { subject: amd64, digest: attestation, tag: None, artifact_type: Some("attestation-manifest".into()) };
    assert_eq!(one.attached, [beside].into());
    let found = asked(&fake, &["a/x:1"], &["linux/arm64"]).await.unwrap();
    assert_eq!(resolved(&found, "docker.io/a/x:1").digest, arm64, "arm64 is arm64/v8");
    let error = asked(&fake, &["a/x:1"], &["linux/amd64", "linux/s390x"]).await.unwrap_err();
    assert_eq!(error, "docker.io/a/x:1 is not made for linux/s390x; it has linux/amd64, linux/arm64");
    // Whatever comes of it can be written and read.
    let text = found.to_text().unwrap();
    assert_eq!(ImagesLock::parse("l", &text).unwrap(), found);
}

#[tokio::test]
async fn a_single_manifest_says_what_it_runs_on_by_its_config() {
    let mut fake = Fake::default();
    let digest = fake.image(X, Some("1"), "linux/arm/v7", "x", json!({}));
    let found = asked(&fake, &["a/x:1"], &[]).await.unwrap();
    let one = resolved(&found, "docker.io/a/x:1");
    assert_eq!((one.digest, one.mode), (digest, LockMode::Manifest));
    assert_eq!(one.platforms, [("linux/arm/v7".to_owned(), digest)].into());
    let error = asked(&fake, &["a/x:1"], &["linux/amd64"]).await.unwrap_err();
    assert_eq!(error, "docker.io/a/x:1 is not made for linux/amd64; it has linux/arm/v7");
    // Also where a list does not say it.
    let index = fake.index(X, Some("2"), &[(digest, None, json!({}))]);
    let found = asked(&fake, &["a/x:2"], &[]).await.unwrap();
    assert_eq!(
        (resolved(&found, "docker.io/a/x:2").digest, resolved(&found, "docker.io/a/x:2").platforms.len()),
        (index, 1)
    );
    // A config that is other bytes, or says nothing.
    let blob = *fake.blobs.keys().next().unwrap();
    fake.blobs.insert(blob, b"{}".to_vec());
    assert!(asked(&fake, &["a/x:1"], &[]).await.unwrap_err().contains("got the digest"));
    let nothing = fake.put(
        X,
        Some("3"),
        MANIFESTS[0],
        &json!({"config": {"mediaType": "c", "digest": Digest::of(b"{}"), "size": 2}, "layers": []}),
    );
    fake.blobs.insert(Digest::of(b"{}"), b"{}".to_vec());
    let error = asked(&fake, &["a/x:3"], &[]).await.unwrap_err();
    assert!(error.contains("has no platform"), "{error} {nothing}");
}

#[tokio::test]
async fn names_that_nobody_has_stay_unresolved_and_anything_else_is_an_error() {
    let mut fake = Fake::default();
    let (index, ..) = multi(&mut fake);
    let found = asked(&fake, &["a/x:1", "a/x:2", "quay.io/a/y:1"], &[]).await.unwrap();
    assert_eq!(found.unresolved().collect::<Vec<_>>(), ["docker.io/a/x:2", "quay.io/a/y:1"]);
    let pinned = format!("a/x@{index}");
    let found = asked(&fake, &[&pinned], &[]).await.unwrap();
    assert_eq!(found.unresolved().count(), 0);
    for broken in ["a/x 1", "referrers", ".sbom"] {
        fake.broken = [broken.to_owned()].into();
        let error = asked(&fake, &["a/x:1"], &[]).await.unwrap_err();
        assert!(error.starts_with("failed to get ") && error.ends_with(": 500 Internal Server Error"), "{error}");
    }
    // What is resolved is asked for again: what is no longer there is not confirmed.
    fake.broken.clear();
    let known = lock(&[("a/z:1", Some("z"))]);
    let wanted = ResolveOptions { from: Some("r.site/mirror"), platforms: &[], without_attached: true };
    let found = resolve(&known, &fake, wanted, &|_, _| {}).await.unwrap();
    assert_eq!(found.unresolved().count(), 1);
    assert!(fake.asked.lock().unwrap().iter().any(|asked| asked == "r.site/mirror/a/z 1"));
}

#[tokio::test]
async fn signatures_are_found_by_tag_and_by_referrer_of_every_manifest_and_of_themselves() {
    let mut fake = Fake::default();
    let (index, amd64, arm64, attestation) = multi(&mut fake);
    let signature = fake.image(X, Some(&index.fallback_tag(".sig")), "a/b", "index's", json!({}));
    let child = fake.image(X, Some(&arm64.fallback_tag(".sig")), "a/b", "child's", json!({}));
    let sbom = fake.image(X, Some(&amd64.fallback_tag(".sbom")), "a/b", "sbom", json!({"artifactType": "text/spdx"}));
    let subject = |digest: Digest| json!({"subject": {"mediaType": MANIFESTS[0], "digest": digest, "size": 1}, "artifactType": "application/sig"});
    let referrer = fake.image(X, None, "a/b", "referrer", subject(amd64));
    fake.refers(amd64, referrer);
    let of_referrer = fake.image(X, None, "a/b", "of referrer", subject(referrer));
    fake.refers(referrer, of_referrer);
    let of_signature = fake.image(X, Some(&signature.fallback_tag(".att")), "a/b", "of signature", json!({}));
    // Two that do not count: the image itself, as GitLab answers, and what is about something else.
    fake.manifests
        .insert((X.to_owned(), index.fallback_tag(".att")), fake.manifests[&(X.to_owned(), index.to_string())].clone());
    fake.refers(index, index);
    fake.refers(arm64, referrer);
    // A circle.
    fake.manifests.insert(
        (X.to_owned(), of_signature.fallback_tag(".sig")),
        fake.manifests[&(X.to_owned(), signature.to_string())].clone(),
    );
    let found = asked(&fake, &["a/x:1"], &[]).await.unwrap();
    let one = |subject: Digest, digest, suffix: Option<&str>, kind: Option<&str>| Attached {
        subject,
        digest,
        tag: suffix.map(|suffix| subject.fallback_tag(suffix)),
        artifact_type: kind.map(str::to_owned),
    };
    let expected: BTreeSet<Attached> = [
        one(index, signature, Some(".sig"), None),
        one(arm64, child, Some(".sig"), None),
        one(amd64, sbom, Some(".sbom"), Some("text/spdx")),
        one(amd64, referrer, None, Some("application/sig")),
        one(referrer, of_referrer, None, Some("application/sig")),
        one(signature, of_signature, Some(".att"), None),
        one(of_signature, signature, Some(".sig"), None),
    ]
    .into();
    assert_eq!(resolved(&found, "docker.io/a/x:1").attached, expected);
    let asked_about =
        |digest: Digest| fake.asked.lock().unwrap().iter().any(|asked| asked.contains(&format!("referrers {digest}")));
    assert!(asked_about(attestation), "the manifests of a list are all looked at");
    // Of one platform only what is about it.
    let found = asked(&fake, &["a/x:1"], &["linux/arm64"]).await.unwrap();
    assert_eq!(resolved(&found, "docker.io/a/x:1").attached, [one(arm64, child, Some(".sig"), None)].into());
    // What is listed has to be there.
    fake.refers(arm64, Digest::of(b"nowhere"));
    let error = asked(&fake, &["a/x:1"], &[]).await.unwrap_err();
    assert!(error.starts_with(&format!("docker.io/a/x:1 refers to {}", Digest::of(b"nowhere"))), "{error}");
}

#[tokio::test]
async fn chains_and_lists_without_end_are_refused() {
    let mut fake = Fake::default();
    let mut subject = fake.image(X, Some("1"), "linux/amd64", "x", json!({}));
    for n in 0..10 {
        subject = fake.image(X, Some(&subject.fallback_tag(".sig")), "a/b", &n.to_string(), json!({}));
    }
    assert!(asked(&fake, &["a/x:1"], &[]).await.unwrap_err().contains("more than 5 deep"));
    let mut fake = Fake::default();
    let image = fake.image(X, None, "linux/amd64", "x", json!({}));
    let mut inner = fake.index(X, None, &[(image, Some("linux/amd64"), json!({}))]);
    for n in 1..5 {
        let child = json!({"mediaType": INDEXES[0], "digest": inner, "size": 1});
        inner = fake.put(X, Some(&n.to_string()), INDEXES[0], &json!({"mediaType": INDEXES[0], "manifests": [child]}));
    }
    let found = asked(&fake, &["a/x:1"], &[]).await.unwrap();
    assert_eq!(resolved(&found, "docker.io/a/x:1").platforms, [("linux/amd64".to_owned(), image)].into());
    assert!(asked(&fake, &["a/x:4"], &[]).await.unwrap_err().contains("lists nested more than 3 deep"));
    let many: Vec<_> = (0..600).map(|n: u32| (Digest::of(&n.to_be_bytes()), Some("linux/amd64"), json!({}))).collect();
    fake.index(X, Some("many"), &many);
    assert!(asked(&fake, &["a/x:many"], &[]).await.unwrap_err().contains("a list of more than 512 manifests"));
    fake.index(X, Some("none"), &[]);
    assert!(asked(&fake, &["a/x:none"], &[]).await.unwrap_err().contains("no manifest for any platform"));
}

#[tokio::test]
async fn the_result_does_not_depend_on_which_answer_comes_first() {
    let mut fake = Fake::default();
    let names: Vec<String> = (0..20).map(|n| format!("a/n{n}:1")).collect();
    for (n, name) in names.iter().enumerate() {
        let repository = format!("docker.io/{}", name.trim_end_matches(":1"));
        fake.image(&repository, Some("1"), "linux/amd64", &n.to_string(), json!({}));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let reported = Mutex::new(Vec::new());
    let all: Vec<_> = names.iter().map(|name| (*name, None)).collect();
    let wanted = ResolveOptions { from: None, platforms: &[], without_attached: false };
    let first =
        resolve(&lock(&all), &fake, wanted, &|done, all| reported.lock().unwrap().push((done, all))).await.unwrap();
    let second = asked(&fake, &names, &[]).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(first.unresolved().count(), 0);
    assert_eq!(reported.lock().unwrap().len(), 20);
}
