//! The site's registry: what it has of an offline bundle, and what is to be pushed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::answers::{pinned, with_files};
use super::open::Opened;
use super::pools::{pools, tolerations};
use crate::answers::{Answer, Answers, Resolved};
use crate::app::bundled::BundledCharts;
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::output::Output;
use crate::app::push_requests::{conflict, pushes, requests, unprepared};
use crate::app::registries::registries;
use crate::catalog::Catalog;
use crate::driver::bundle::{Bundle, BundleStore};
use crate::driver::kube::Cluster;
use crate::driver::registry::push::{Journal, Push, PushError, Target};
use crate::driver::registry::{Registries, Registry};
use crate::driver::secrets;
use crate::engine::PushWork;
use crate::lock::{ImageMap, is_for};
use crate::model::ImageName;
use crate::model::images_lock::{ImagesLock, LockedImage, ResolvedImage};
use crate::model::oci::{Digest, ManifestContent};
use crate::model::offline::{ObservedOffline, OfflineRecord};

/// An offline bundle, the registry that its images go to, and the one that nodes pull them from.
pub(in crate::app) struct Offline {
    opened: Opened,
    /// Where images are pushed to.
    pub(super) target: Target,
    registries: Registries,
    /// What they are called where nodes pull them from, which may have another name.
    pub(super) map: ImageMap,
    /// Blobs that were read and are what they should be.
    pub(super) sound: Mutex<BTreeSet<Digest>>,
}

/// What is known of a push before it begins.
#[derive(Debug, Default)]
pub(in crate::app) struct PushOutlook {
    /// What prevents it.
    pub problems: Vec<String>,
    /// The blobs that will be sent, and the names of the images that need each of them.
    pub to_send: BTreeMap<Digest, BTreeSet<String>>,
}

impl Offline {
    /// With the answers that name the registry and its login. No request is sent yet.
    pub(in crate::app) fn new(opened: Opened, answers: &Answers, output: &Output) -> Result<Self, Failed> {
        let named = registry_named(answers)?;
        let parsed = |registry: &str| Target::parse(registry, opened.args.into.depth()).or_exit(Exit::BadInput);
        let pulled = parsed(&named)?;
        let target = opened.args.registry.as_deref().map_or_else(|| Ok(pulled.clone()), parsed)?;
        let mut reach = opened.args.reach.clone();
        // Answers are about the registry that nodes pull from: no login goes by them to another host.
        let is_same = target.host == pulled.host;
        let plain = answers.get("platform", "registry_plain_http").json() == serde_json::Value::Bool(true);
        if plain && is_same && !reach.plain_http.contains(&target.host) {
            reach.plain_http.push(target.host.clone());
        }
        if reach.token_host.is_none() && is_same {
            reach.token_host = answers.get("platform", "registry_token_host").text().map(str::to_owned);
        }
        // A pull login may often push as well; a login of its own takes precedence.
        let login = match answers.get("platform", "pull_secret") {
            Answer::Secret(from) => secrets::here(from).transpose().or_exit(Exit::BadInput)?,
            _ => None,
        };
        let registries = registries(&reach, &[target.host.clone()].into(), login, output)?;
        let lock = opened.bundle.lock();
        let names = requests(lock, &pulled, true)?;
        let repositories = names.into_iter().map(|one| (one.name, format!("{}/{}", pulled.host, one.repository)));
        let map = ImageMap::moved(lock, &named).with(repositories);
        Ok(Self { opened, target, registries, map, sound: Mutex::default() })
    }

    /// The offline bundle.
    pub(in crate::app) fn bundle(&self) -> &Bundle {
        &self.opened.bundle
    }

    pub(super) fn shared(&self) -> Arc<Bundle> {
        Arc::clone(&self.opened.bundle)
    }

    /// Its charts.
    pub(in crate::app) const fn charts(&self) -> &BundledCharts {
        &self.opened.charts
    }

    /// The answers with what they take from it.
    pub(in crate::app) fn answers(&self, catalog: &Catalog, answers: &Answers) -> Answers {
        let answers = with_files(answers, self.opened.files());
        pinned(catalog, &answers, self.bundle().lock(), &self.map)
    }

    /// The client of the registry, which was checked to be one.
    async fn registry(&self) -> Result<Registry, Failed> {
        self.registries.registry_for(&self.target.host, &self.target.prefix).await.or_exit(Exit::Unusable)
    }

    /// What the engine pushes with.
    pub(in crate::app) async fn work(&self) -> Result<PushWork, Failed> {
        let without = self.opened.args.into.without_signatures;
        Ok(PushWork {
            bundle: self.shared(),
            registry: self.registry().await?,
            target: self.target.clone(),
            requests: requests(self.bundle().lock(), &self.target, without)?,
            conflict: conflict(self.opened.args.into.tag_conflict),
            journals: pushes().or_exit(Exit::Unexpected)?,
            receipt: self.opened.args.receipt.clone(),
            without_signatures: without,
        })
    }

    /// What the registry has, what prevents a push of the rest, and which nodes there are. Without `wanted` no release's pods are
    /// known to tolerate any taint.
    pub(in crate::app) async fn observe(
        &self,
        cluster: &Cluster,
        wanted: Option<&Resolved>,
    ) -> Result<(ObservedOffline, PushOutlook), Failed> {
        let work = self.work().await?;
        let store = BundleStore::new(&self.opened.bundle);
        let images = work.requests.len();
        let repositories: BTreeSet<String> = work.requests.iter().map(|one| one.repository.clone()).collect();
        let registry = work.registry.clone();
        let push = Push::prepare(work.registry, &store, work.requests, work.conflict, Journal::in_memory()).await;
        let nodes = cluster.nodes().await.unwrap_or_default();
        let releases = wanted.into_iter().flat_map(|wanted| &wanted.components);
        let values = releases.filter_map(|component| Some(&*component.release.as_ref()?.values));
        let (pools, skipped_pools) = pools(&nodes, &tolerations(values), |platform| self.smallest(platform));
        let mut observed = ObservedOffline {
            record: self.record(),
            target: self.target.to_string(),
            receipt: self.opened.args.receipt.is_some(),
            images,
            pools,
            skipped_pools,
            ..ObservedOffline::default()
        };
        let outlook = match push {
            Ok(push) => {
                (observed.there_bytes, observed.mount_bytes, observed.upload_bytes) = push.plan().bytes();
                observed.writes = push.plan().writes();
                let problems = push.problems().await.or_exit(Exit::Unusable)?;
                PushOutlook { problems: problems.iter().map(ToString::to_string).collect(), to_send: push.to_send() }
            }
            // Conflicting tags or a missing base: the other problems are reported as well.
            Err(PushError::Plan(error)) => {
                observed.writes = images;
                let problems = registry.push_problems(&repositories).await.or_exit(Exit::Unusable)?;
                let all = std::iter::once(error.to_string()).chain(problems.iter().map(ToString::to_string));
                PushOutlook { problems: all.collect(), ..PushOutlook::default() }
            }
            Err(error) => return Err(unprepared(error)),
        };
        Ok((observed, outlook))
    }

    fn record(&self) -> OfflineRecord {
        let lock = self.bundle().lock();
        let bare = |image: &LockedImage| LockedImage { used_by: BTreeSet::new(), resolved: image.resolved.clone() };
        let images: BTreeMap<String, LockedImage> =
            lock.images.iter().map(|(name, image)| (name.clone(), bare(image))).collect();
        let repositories =
            images.keys().filter_map(|name| Some((name.clone(), self.map.repository(name)?.to_owned()))).collect();
        OfflineRecord {
            lock_digest: self.bundle().lock_digest().to_string(),
            registry: self.map.registry().to_owned(),
            repositories,
            lock: ImagesLock { images, ..ImagesLock::default() },
        }
    }

    /// The image with the fewest bytes for a platform, as it is pulled.
    fn smallest(&self, platform: Option<&str>) -> Option<String> {
        let lock = self.bundle().lock();
        let sizes = lock.images.iter().filter_map(|(name, image)| {
            let size = self.bytes(image.resolved.as_ref()?, platform)?;
            ImageName::parse(name).ok()?;
            Some((size, self.map.reference(name, image)?))
        });
        sizes.min().map(|(_, reference)| reference)
    }

    /// The bytes of an image for a platform.
    fn bytes(&self, image: &ResolvedImage, platform: Option<&str>) -> Option<u64> {
        let fits = |known: &str| platform.is_none_or(|wanted| is_for(known, wanted));
        let digest = image.platforms.iter().find(|(known, _)| fits(known)).map(|(_, digest)| *digest)?;
        match self.bundle().manifest(digest).ok()?.content {
            ManifestContent::Image { config, layers } => {
                Some(config.size + layers.iter().map(|layer| layer.size).sum::<u64>())
            }
            ManifestContent::Index(_) => None,
        }
    }
}

/// The registry of the site; there has to be one.
fn registry_named(answers: &Answers) -> Result<String, Failed> {
    let named = answers.get("platform", "registry").text().map(str::to_owned);
    named.ok_or_else(|| {
        let text = "an install from an offline bundle pushes its images to a registry of the site: set it with --registry HOST[:PORT][/PATH]";
        Failed::text(Exit::Missing, text)
    })
}
