//! The site's registry: what it has of an offline bundle, and what is to be pushed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::answers::{pinned, with_files};
use super::open::Opened;
use crate::answers::{Answer, Answers};
use crate::app::bundled::BundledCharts;
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::output::Output;
use crate::app::push_requests::{conflict, pushes, requests};
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
use crate::model::oci::ManifestContent;
use crate::model::offline::{NodePool, ObservedOffline, OfflineRecord};
use crate::model::site::{Node, Taint};

/// Labels with the pool of a node.
const POOLS: [&str; 7] = [
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
    "kops.k8s.io/instancegroup",
    "node.kubernetes.io/instancegroup",
    "node.cluster.x-k8s.io/pool",
];

/// The most pools with a pull test.
const MOST_POOLS: usize = 16;

/// An offline bundle and the registry that its images go to.
pub(in crate::app) struct Offline {
    opened: Opened,
    target: Target,
    registries: Registries,
    pub(super) map: ImageMap,
}

impl Offline {
    /// With the answers that name the registry and its login. No request is sent yet.
    pub(in crate::app) fn new(opened: Opened, answers: &Answers, output: &Output) -> Result<Self, Failed> {
        let named = registry_named(answers)?;
        let target = Target::parse(&named, opened.args.into.depth()).or_exit(Exit::BadInput)?;
        let mut reach = opened.args.reach.clone();
        let plain = answers.get("platform", "registry_plain_http").json() == serde_json::Value::Bool(true);
        if plain && !reach.plain_http.contains(&target.host) {
            reach.plain_http.push(target.host.clone());
        }
        if reach.token_host.is_none() {
            reach.token_host = answers.get("platform", "registry_token_host").text().map(str::to_owned);
        }
        // A pull login may often push as well; a login of its own takes precedence.
        let login = match answers.get("platform", "pull_secret") {
            Answer::Secret(from) => secrets::here(from).transpose().or_exit(Exit::BadInput)?,
            _ => None,
        };
        let registries = registries(&reach, &[target.host.clone()].into(), login, output)?;
        let lock = opened.bundle.lock();
        let names = requests(lock, &target, true)?;
        let repositories = names.into_iter().map(|one| (one.name, format!("{}/{}", target.host, one.repository)));
        let map = ImageMap::moved(lock, &named).with(repositories);
        Ok(Self { opened, target, registries, map })
    }

    /// The offline bundle.
    pub(in crate::app) fn bundle(&self) -> &Bundle {
        &self.opened.bundle
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
            bundle: Arc::clone(&self.opened.bundle),
            registry: self.registry().await?,
            target: self.target.clone(),
            requests: requests(self.bundle().lock(), &self.target, without)?,
            conflict: conflict(self.opened.args.into.tag_conflict),
            journals: pushes().or_exit(Exit::Unexpected)?,
        })
    }

    /// What the registry has, what prevents a push of the rest, and which nodes there are.
    pub(in crate::app) async fn observe(&self, cluster: &Cluster) -> Result<(ObservedOffline, Vec<String>), Failed> {
        let work = self.work().await?;
        let store = BundleStore::new(&self.opened.bundle);
        let images = work.requests.len();
        let repositories: BTreeSet<String> = work.requests.iter().map(|one| one.repository.clone()).collect();
        let registry = work.registry.clone();
        let push = Push::prepare(work.registry, &store, work.requests, work.conflict, Journal::in_memory()).await;
        let nodes = cluster.nodes().await.unwrap_or_default();
        let mut observed =
            ObservedOffline { record: self.record(), images, pools: self.pools(&nodes), ..ObservedOffline::default() };
        let problems = match push {
            Ok(push) => {
                (observed.there_bytes, observed.mount_bytes, observed.upload_bytes) = push.plan().bytes();
                observed.writes = push.plan().writes();
                push.problems().await.or_exit(Exit::Unusable)?.iter().map(ToString::to_string).collect()
            }
            // Conflicting tags or a missing base: the other problems are reported as well.
            Err(PushError::Plan(error)) => {
                observed.writes = images;
                let problems = registry.push_problems(&repositories).await.or_exit(Exit::Unusable)?;
                std::iter::once(error.to_string()).chain(problems.iter().map(ToString::to_string)).collect()
            }
            Err(error) => return Err(Failed::new(unusable(&error), error)),
        };
        Ok((observed, problems))
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

    /// The kinds of node that pods of the platform may run on.
    fn pools(&self, nodes: &[Node]) -> Vec<NodePool> {
        let keeps = |taint: &Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
        let ready: Vec<&Node> = nodes.iter().filter(|node| node.ready).collect();
        let free: Vec<&Node> = ready.iter().copied().filter(|node| !node.taints.iter().any(keeps)).collect();
        let asked = if free.is_empty() { ready } else { free };
        let mut pools: BTreeMap<(String, (String, String)), NodePool> = BTreeMap::new();
        let mut smallest: BTreeMap<&str, Option<String>> = BTreeMap::new();
        for node in asked {
            let label = POOLS.iter().find_map(|label| node.labels.get(*label));
            let name = label.map_or_else(|| node.platform.clone(), |pool| format!("{pool} ({})", node.platform));
            // Manifests are read for it: once, and not for each of a thousand nodes.
            let image = smallest.entry(&node.platform).or_insert_with(|| self.smallest(Some(&node.platform)));
            let Some(image) = image.clone() else { continue };
            let key = (name.clone(), node.runtime.clone());
            let pool = NodePool { name, node: Some(node.name.clone()), runtime: node.runtime.clone(), image };
            pools.entry(key).or_insert(pool);
        }
        let any = || {
            let image = self.smallest(None)?;
            Some(NodePool { name: "the cluster".to_owned(), node: None, runtime: Default::default(), image })
        };
        match pools.is_empty() {
            true => any().into_iter().collect(),
            false => pools.into_values().take(MOST_POOLS).collect(),
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

fn unusable(error: &PushError) -> Exit {
    match error {
        PushError::Store { .. } | PushError::Damaged { .. } | PushError::Manifest { .. } => Exit::BadInput,
        _ => Exit::Unusable,
    }
}
