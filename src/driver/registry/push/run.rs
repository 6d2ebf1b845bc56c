//! A push from end to end: presence_of, plan, send, write manifests and tags, presence_of again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::join;

use super::attach::is_immutable;
use super::error::PushError;
use super::image::{BlobStore, ImageRequest, PushImage, PushManifest, needing};
use super::journal::Journal;
use super::plan::{self, BlobAction, Presence, PushPlan, TagAction, TagConflict, wanted_tags};
use super::preflight::PushProblem;
use super::progress::PushProgress;
use super::quota;
use super::receipt::{RECEIPT_SCHEMA, Receipt, ReceiptImage};
use super::upload::{Transfer, TransferKind, Uploader};
use crate::driver::image_source::Reference;
use crate::driver::registry::auth;
use crate::driver::registry::{Registry, RegistryError};
use crate::model::oci::{Digest, OciManifest};

/// Images whose manifests are written at a time.
const IMAGES: usize = 8;

/// A push that is planned. Nothing is changed before [`Push::run`]; whoever stops that stops everything, and the journal knows
/// what is half sent.
pub struct Push<'a> {
    registry: Registry,
    store: &'a dyn BlobStore,
    images: Vec<PushImage>,
    plan: PushPlan,
    journal: Journal,
}

/// A blob in a repository, and how it got there or why not.
type TransferResult = ((String, Digest), Result<TransferKind, PushError>);

/// A blob's way: where it is sent, if it is, and where it is mounted then, each with where from.
type BlobTransfers = (Option<Transfer>, Vec<(Transfer, String)>);

/// One query to the registry.
enum PresenceQuery {
    Blob(String, Digest),
    Manifest(String, Digest),
    /// Repository, tag, and the manifest that it is to stand for: where it does, that is there, too, and is not asked for.
    Tag(String, String, Digest),
}

/// The result of a query.
enum PresenceResult {
    Nothing,
    Blob(String, Digest),
    Manifest(String, Digest),
    /// What the tag stands for, if it is there, and whether the wanted manifest is.
    Tag((String, String), Option<Digest>, Option<Digest>),
}

impl<'a> Push<'a> {
    /// Reads the manifests, asks the registry for everything at the same time, and plans.
    ///
    /// # Errors
    /// A manifest cannot be read, the registry does not answer, tags are in the way, a base is missing.
    pub async fn prepare(
        registry: Registry,
        store: &'a dyn BlobStore,
        requests: Vec<ImageRequest>,
        conflict: TagConflict,
        journal: Journal,
    ) -> Result<Self, PushError> {
        let mut images = Vec::with_capacity(requests.len());
        for request in requests {
            images.push(PushImage::gather(store, request).await?);
        }
        let presence = presence_of(&registry, all_queries(&images)).await?;
        let plan = plan::plan(registry.host(), &images, &presence, |digest| store.holds(digest), conflict)?;
        Ok(Self { registry, store, images, plan, journal })
    }

    /// What will be done.
    #[must_use]
    pub const fn plan(&self) -> &PushPlan {
        &self.plan
    }

    /// The blobs that will be sent, and the names of the images that need each of them.
    #[must_use]
    pub fn to_send(&self) -> BTreeMap<Digest, BTreeSet<String>> {
        let sent = self.plan.blobs.iter().filter(|step| step.action == BlobAction::Upload);
        needing(&self.images, sent.map(|step| step.digest))
    }

    /// What keeps it from starting: asked for each repository that is written to, and for the room in their projects, all at once.
    ///
    /// # Errors
    /// The registry does not answer, or not as a registry.
    pub async fn problems(&self) -> Result<Vec<PushProblem>, RegistryError> {
        let blobs =
            self.plan.blobs.iter().filter(|step| step.action != BlobAction::Exists).map(|step| &step.repository);
        let manifests = self.plan.manifests.iter().filter(|step| !step.exists).map(|step| &step.repository);
        let tags =
            self.plan.tags.iter().filter(|step| matches!(step.action, TagAction::Set | TagAction::Overwrite { .. }));
        let written: BTreeSet<String> =
            blobs.chain(manifests).chain(tags.map(|step| &step.repository)).cloned().collect();
        let mut problems = self.registry.push_problems(&written).await?;
        problems.extend(self.registry.quota_problems(quota::needed(&self.plan)).await);
        Ok(problems)
    }

    /// Does it.
    ///
    /// # Errors
    /// [`PushError::Incomplete`] with a receipt of what is there: one image's failure does not stop the others.
    pub async fn run(&self, progress: &PushProgress) -> Result<Receipt, PushError> {
        let mut failures: BTreeMap<(String, Digest), Option<PushError>> = BTreeMap::new();
        let mut transferred = BTreeMap::new();
        for (key, result) in self.send_blobs(progress).await {
            match result {
                Ok(how) => _ = transferred.insert(key, how),
                Err(error) => _ = failures.insert(key, Some(error)),
            }
        }
        let mut written = Vec::new();
        let mut failed: Vec<(String, PushError)> = Vec::new();
        for image in &self.images {
            let repository = &image.request.repository;
            let key =
                image.blobs.keys().map(|digest| (repository.clone(), *digest)).find(|key| failures.contains_key(key));
            match key {
                None => written.push(image),
                Some(key) => {
                    // Others that need the same blob fail for the same reason, which is reported once.
                    let what = format!("{} in {}", key.1, key.0);
                    let lost = PushError::Lost { host: self.registry.host().to_owned(), what };
                    let error = failures.get_mut(&key).and_then(Option::take).unwrap_or(lost);
                    failed.push((image.request.name.clone(), error));
                }
            }
        }
        // Collected first, here and below: a closure that borrows from a stream's items is not `Send` in the compiler's eyes.
        let mut writes = Vec::with_capacity(written.len());
        for image in written {
            writes.push(async move { (image, self.write(image).await) });
        }
        let results: Vec<_> = futures::stream::iter(writes).buffer_unordered(IMAGES).collect().await;
        let mut done = BTreeSet::new();
        for (image, result) in results {
            match result {
                Ok(()) => _ = done.insert(image.request.name.as_str()),
                Err(error) => failed.push((image.request.name.clone(), error)),
            }
        }
        for (name, error) in self.confirm(&done).await? {
            done.remove(name.as_str());
            failed.push((name, error));
        }
        let receipt = self.receipt(&done, &transferred, progress);
        // Reasons come before what merely follows from them.
        failed.sort_by_key(|(_, error)| matches!(error, PushError::Lost { .. }));
        let names: Vec<String> = failed.iter().map(|(name, _)| name.clone()).collect();
        match failed.into_iter().next() {
            None => Ok(receipt),
            Some((first, source)) => Err(PushError::Incomplete {
                failed: names,
                all: self.images.len(),
                first,
                receipt: Box::new(receipt),
                source: Box::new(source),
            }),
        }
    }

    /// Sends and mounts what is not there: the largest first, each once, then into the other repositories.
    async fn send_blobs(&self, progress: &PushProgress) -> Vec<TransferResult> {
        let uploader = Uploader { registry: &self.registry, store: self.store, journal: &self.journal };
        let mut jobs: BTreeMap<Digest, BlobTransfers> = BTreeMap::new();
        for step in &self.plan.blobs {
            let transfer = || Transfer {
                repository: step.repository.clone(),
                digest: step.digest,
                size: step.bytes,
                progress: Arc::new(progress.blob(step.bytes)),
            };
            match &step.action {
                BlobAction::Exists => {}
                BlobAction::Upload => jobs.entry(step.digest).or_default().0 = Some(transfer()),
                BlobAction::Mount { from } => jobs.entry(step.digest).or_default().1.push((transfer(), from.clone())),
            }
        }
        let (mut uploads, mounts): (Vec<_>, Vec<_>) = jobs.into_values().partition(|(upload, _)| upload.is_some());
        uploads.sort_by_key(|(upload, _)| std::cmp::Reverse(upload.as_ref().map_or(0, |transfer| transfer.size)));
        let limits = self.registry.limits();
        let uploader = &uploader;
        let work = |(upload, mounts): BlobTransfers| async move {
            let mut results: Vec<TransferResult> = Vec::new();
            if let Some(transfer) = upload {
                let result = uploader.upload(&transfer, None).await.map(|()| TransferKind::Sent);
                let ok = result.is_ok();
                results.push(((transfer.repository, transfer.digest), result));
                if !ok {
                    let lost = |transfer: Transfer| {
                        let what = format!("{} in {}", transfer.digest, transfer.repository);
                        let lost = PushError::Lost { host: uploader.registry.host().to_owned(), what };
                        ((transfer.repository, transfer.digest), Err(lost))
                    };
                    results.extend(mounts.into_iter().map(|(transfer, _)| lost(transfer)));
                    return results;
                }
            }
            let mounted = futures::stream::iter(mounts).map(|(transfer, from)| async move {
                let result = uploader.mount(&transfer, &from).await;
                ((transfer.repository, transfer.digest), result)
            });
            results.extend(mounted.buffer_unordered(limits.uploads).collect::<Vec<_>>().await);
            results
        };
        let uploads = futures::stream::iter(uploads).map(work).buffer_unordered(limits.uploads).collect::<Vec<_>>();
        let mounts = futures::stream::iter(mounts).map(work).buffer_unordered(limits.uploads).collect::<Vec<_>>();
        let (uploads, mounts) = join(uploads, mounts).await;
        uploads.into_iter().chain(mounts).flatten().collect()
    }

    /// Writes the manifests of an image, each after those that it needs, and then its tags.
    async fn write(&self, image: &PushImage) -> Result<(), PushError> {
        let repository = &image.request.repository;
        let exists: BTreeSet<Digest> = self
            .plan
            .manifests
            .iter()
            .filter(|step| step.exists && step.repository == *repository)
            .map(|step| step.digest)
            .collect();
        let mut unlisted: BTreeMap<Digest, Vec<&OciManifest>> = BTreeMap::new();
        let most = image.manifests.iter().map(|one| one.rank).max().unwrap_or_default();
        for rank in 0..=most {
            let mut puts = Vec::new();
            for one in image.manifests.iter().filter(|one| one.rank == rank) {
                let there = exists.contains(&one.manifest.digest);
                puts.push(async move { Ok::<_, PushError>((one, there || self.put(image, one).await?, there)) });
            }
            let mut put = futures::stream::iter(puts).buffer_unordered(IMAGES);
            while let Some(result) = put.next().await {
                let (PushManifest { manifest, .. }, lists, there) = result?;
                if let Some(subject) = manifest.subject.as_ref().filter(|_| !lists || there) {
                    unlisted.entry(subject.digest).or_default().push(manifest);
                }
            }
        }
        for (subject, manifests) in unlisted {
            self.registry.attach(repository, subject, &manifests).await?;
        }
        // Those of signatures first: who finds the image finds them.
        let mut tags = wanted_tags(image);
        tags.sort_by_key(|(_, digest)| *digest == image.request.top);
        for (tag, digest) in tags {
            let step = self.plan.tags.iter().find(|step| step.repository == *repository && step.tag == tag);
            if step.is_some_and(|step| matches!(step.action, TagAction::Set | TagAction::Overwrite { .. })) {
                self.tag(image, &tag, digest).await?;
            }
        }
        Ok(())
    }

    /// Writes one manifest by its digest. Gives whether the registry lists it where it belongs.
    async fn put(&self, image: &PushImage, one: &PushManifest) -> Result<bool, PushError> {
        let manifest = &one.manifest;
        let reference = Reference::Digest(manifest.digest);
        let put =
            self.registry.put_manifest(&image.request.repository, &reference, &manifest.bytes, &manifest.media_type);
        Ok(put.await?.lists_subject)
    }

    /// Writes one tag.
    async fn tag(&self, image: &PushImage, tag: &str, digest: Digest) -> Result<(), PushError> {
        let repository = &image.request.repository;
        let held = image.manifests.iter().find(|one| one.manifest.digest == digest).map(|one| &one.manifest);
        let (bytes, kind) = match held {
            Some(manifest) => (manifest.bytes.clone(), manifest.media_type.clone()),
            // Of a base: the registry has it.
            None => {
                let found = self.registry.manifest(repository, &Reference::Digest(digest)).await?;
                let what = format!("{digest} in {repository}");
                let lost = || PushError::Lost { host: self.registry.host().to_owned(), what };
                let found = found.ok_or_else(lost)?;
                (found.bytes, found.media_type)
            }
        };
        match self.registry.put_manifest(repository, &Reference::Tag(tag.to_owned()), &bytes, &kind).await {
            Ok(_) => Ok(()),
            Err(source) if is_immutable(&source) => Err(PushError::ImmutableTag {
                host: self.registry.host().to_owned(),
                repository: repository.clone(),
                tag: tag.to_owned(),
                source,
            }),
            Err(source) => Err(source.into()),
        }
    }

    /// Asks again for everything that was not there before. What was there was asked for a moment ago.
    async fn confirm(&self, done: &BTreeSet<&str>) -> Result<Vec<(String, PushError)>, PushError> {
        let blobs = self.plan.blobs.iter().filter(|step| step.action != BlobAction::Exists);
        let manifests = self.plan.manifests.iter().filter(|step| !step.exists);
        let tags =
            self.plan.tags.iter().filter(|step| matches!(step.action, TagAction::Set | TagAction::Overwrite { .. }));
        let queries = queries(
            blobs.map(|step| (step.repository.clone(), step.digest)).collect(),
            manifests.map(|step| (step.repository.clone(), step.digest)).collect(),
            tags.map(|step| (step.repository.clone(), step.tag.clone(), step.digest)).collect(),
        );
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        // What was there at the beginning counts as it was.
        let mut now = presence_of(&self.registry, queries).await?;
        let there = self.plan.blobs.iter().filter(|step| step.action == BlobAction::Exists);
        now.blobs.extend(there.map(|step| (step.repository.clone(), step.digest)));
        let there = self.plan.manifests.iter().filter(|step| step.exists);
        now.manifests.extend(there.map(|step| (step.repository.clone(), step.digest)));
        let mut lost = Vec::new();
        for image in self.images.iter().filter(|image| done.contains(image.request.name.as_str())) {
            let repository = &image.request.repository;
            let blob = image.blobs.keys().find(|digest| !now.blobs.contains(&(repository.clone(), **digest)));
            let manifest = image.manifests.iter().map(|one| &one.manifest.digest);
            let manifest = manifest.into_iter().find(|digest| !now.manifests.contains(&(repository.clone(), **digest)));
            let tag = wanted_tags(image).into_iter().find(|(tag, digest)| {
                let step = self.plan.tags.iter().find(|step| step.repository == *repository && step.tag == *tag);
                let set = step.is_some_and(|step| matches!(step.action, TagAction::Set | TagAction::Overwrite { .. }));
                set && now.tags.get(&(repository.clone(), tag.clone())) != Some(digest)
            });
            let what = blob.or(manifest).map(|digest| format!("{digest} in {repository}"));
            if let Some(what) = what.or(tag.map(|(tag, _)| format!("{repository}:{tag}"))) {
                lost.push((
                    image.request.name.clone(),
                    PushError::Lost { host: self.registry.host().to_owned(), what },
                ));
            }
        }
        Ok(lost)
    }

    fn receipt(
        &self,
        done: &BTreeSet<&str>,
        transferred: &BTreeMap<(String, Digest), TransferKind>,
        progress: &PushProgress,
    ) -> Receipt {
        let mut counted: BTreeSet<(String, Digest)> = BTreeSet::new();
        let mut images = BTreeMap::new();
        for image in self.images.iter().filter(|image| done.contains(image.request.name.as_str())) {
            let request = &image.request;
            let kept = |tag: &&String| {
                let step =
                    self.plan.tags.iter().find(|step| step.repository == request.repository && step.tag == **tag);
                step.is_some_and(|step| matches!(step.action, TagAction::Keep { .. }))
            };
            let mut entry = ReceiptImage {
                target: format!("{}/{}", self.registry.host(), request.repository),
                tags: request.tags.iter().filter(|tag| !kept(tag)).cloned().collect(),
                digest: request.top,
                manifests: image
                    .manifests
                    .iter()
                    .map(|one| one.manifest.digest)
                    .filter(|one| *one != request.top)
                    .collect(),
                blobs: image.blobs.keys().copied().collect(),
                bytes_sent: 0,
                bytes_mounted: 0,
                bytes_existing: 0,
            };
            for (digest, size) in &image.blobs {
                let key = (request.repository.clone(), *digest);
                let how = transferred.get(&key).filter(|_| !counted.contains(&key));
                match how {
                    Some(TransferKind::Sent) => entry.bytes_sent += size,
                    Some(TransferKind::Mounted) => entry.bytes_mounted += size,
                    None => entry.bytes_existing += size,
                }
                counted.insert(key);
            }
            images.insert(request.name.clone(), entry);
        }
        Receipt {
            schema: RECEIPT_SCHEMA,
            registry: self.registry.host().to_owned(),
            lock: None,
            base: None,
            images,
            without_signatures: false,
            bytes_on_the_wire: progress.snapshot().sent,
        }
    }
}

/// The queries that a plan needs, each once.
fn all_queries(images: &[PushImage]) -> Vec<PresenceQuery> {
    let mut blobs = BTreeSet::new();
    let mut manifests = BTreeSet::new();
    let mut tags = BTreeSet::new();
    for image in images {
        let repository = &image.request.repository;
        blobs.extend(image.blobs.keys().map(|digest| (repository.clone(), *digest)));
        manifests.extend(image.base.iter().map(|digest| (repository.clone(), *digest)));
        manifests.extend(image.manifests.iter().map(|one| (repository.clone(), one.manifest.digest)));
        tags.extend(wanted_tags(image).into_iter().map(|(tag, digest)| (repository.clone(), tag, digest)));
    }
    queries(blobs, manifests, tags)
}

/// The queries about some blobs, manifests and tags. Tags come first, since of some the manifest is asked for afterwards.
fn queries(
    blobs: BTreeSet<(String, Digest)>,
    mut manifests: BTreeSet<(String, Digest)>,
    tags: BTreeSet<(String, String, Digest)>,
) -> Vec<PresenceQuery> {
    for (repository, _, digest) in &tags {
        manifests.remove(&(repository.clone(), *digest));
    }
    let tags = tags.into_iter().map(|(repository, tag, digest)| PresenceQuery::Tag(repository, tag, digest));
    let blobs = blobs.into_iter().map(|(repository, digest)| PresenceQuery::Blob(repository, digest));
    let manifests = manifests.into_iter().map(|(repository, digest)| PresenceQuery::Manifest(repository, digest));
    tags.chain(blobs).chain(manifests).collect()
}

/// Sends all queries, many at a time.
async fn presence_of(registry: &Registry, queries: Vec<PresenceQuery>) -> Result<Presence, RegistryError> {
    let limits = registry.limits();
    let asked = futures::stream::iter(queries).map(|query| run_query(registry, query));
    let mut asked = asked.buffer_unordered(limits.questions);
    let mut found = Presence::default();
    while let Some(answer) = asked.next().await {
        match answer? {
            PresenceResult::Nothing => {}
            PresenceResult::Blob(repository, digest) => _ = found.blobs.insert((repository, digest)),
            PresenceResult::Manifest(repository, digest) => _ = found.manifests.insert((repository, digest)),
            PresenceResult::Tag(key, stands_for, manifest) => {
                found.manifests.extend(manifest.map(|digest| (key.0.clone(), digest)));
                found.tags.extend(stands_for.map(|digest| (key, digest)));
            }
        }
    }
    Ok(found)
}

/// Sends one query.
async fn run_query(registry: &Registry, query: PresenceQuery) -> Result<PresenceResult, RegistryError> {
    // Many registries refuse to say anything about a repository that is not there. An upload will say what is wrong.
    let known = |answer: Result<Option<Digest>, RegistryError>| match answer {
        Err(RegistryError::Refused { what, .. }) if what != auth::LOGIN => Ok(None),
        other => other,
    };
    let manifest = async |repository: &str, reference: Reference| {
        known(registry.digest_as(repository, &reference, auth::push(repository)).await)
    };
    match query {
        PresenceQuery::Blob(repository, digest) => {
            let has = registry.has_blob_as(&repository, digest, auth::push(&repository)).await;
            let found = known(has.map(|has| has.then_some(digest)))?;
            Ok(found.map_or(PresenceResult::Nothing, |digest| PresenceResult::Blob(repository, digest)))
        }
        PresenceQuery::Manifest(repository, digest) => {
            let found = manifest(&repository, Reference::Digest(digest)).await?;
            Ok(found.map_or(PresenceResult::Nothing, |digest| PresenceResult::Manifest(repository, digest)))
        }
        PresenceQuery::Tag(repository, tag, wanted) => {
            let stands_for = manifest(&repository, Reference::Tag(tag.clone())).await?;
            let there = match stands_for {
                Some(found) if found == wanted => Some(wanted),
                _ => manifest(&repository, Reference::Digest(wanted)).await?,
            };
            Ok(PresenceResult::Tag((repository, tag), stands_for, there))
        }
    }
}
