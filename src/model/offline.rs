//! What an offline bundle brings to a site: where its images are in the registry, and which bytes they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::images_lock::ImagesLock;

/// What was pushed from an offline bundle: what runs is compared with it. Nothing of it depends on time or machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OfflineRecord {
    /// The digest of the offline bundle's images.lock.
    pub lock_digest: String,
    /// The registry that nodes pull from: `host[:port][/path]`.
    pub registry: String,
    /// The repository there, with its host, of each image by its whole published name.
    pub repositories: BTreeMap<String, String>,
    /// The images, without where they are used.
    pub lock: ImagesLock,
}

impl OfflineRecord {
    /// The same with what an earlier offline bundle brought and this one lacks: it runs on.
    #[must_use]
    pub fn after(mut self, earlier: Option<&Self>) -> Self {
        if let Some(earlier) = earlier {
            for (name, image) in &earlier.lock.images {
                self.lock.images.entry(name.clone()).or_insert_with(|| image.clone());
            }
            for (name, repository) in &earlier.repositories {
                self.repositories.entry(name.clone()).or_insert_with(|| repository.clone());
            }
        }
        self
    }
}

/// What a registry has of an offline bundle, and which nodes pull from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedOffline {
    /// What there will be.
    pub record: OfflineRecord,
    /// The registry that it is pushed to, which may have another name than the one that nodes pull from.
    pub target: String,
    /// Whether a receipt of the push is asked for.
    pub receipt: bool,
    /// How many images are in it.
    pub images: usize,
    /// Bytes that are there.
    pub there_bytes: u64,
    /// Bytes to send.
    pub upload_bytes: u64,
    /// Bytes to mount from other repositories of the registry.
    pub mount_bytes: u64,
    /// Manifests and tags to write.
    pub writes: usize,
    /// Nodes of a kind, each by one of them.
    pub pools: Vec<NodePool>,
    /// How many other kinds there are.
    pub skipped_pools: SkippedPools,
}

impl ObservedOffline {
    /// The same where no node is asked to pull.
    #[must_use]
    pub fn without_pull_tests(self) -> Self {
        Self { pools: Vec::new(), skipped_pools: SkippedPools::default(), ..self }
    }
}

/// Pools without a pull test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SkippedPools {
    /// All nodes have taints that no release tolerates.
    pub tainted: usize,
    /// More than are tested.
    pub more: usize,
}

/// Nodes that pull in the same way: of one platform, kind of runtime and pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NodePool {
    /// What it is called: by the provider's label, else by its platform.
    pub name: String,
    /// The node that is asked; any where nodes may not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What pulls on it, and its kubelet's version, as it says them itself.
    pub runtime: (String, String),
    /// The smallest image for its platform, as it is pulled.
    pub image: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::images_lock::LockedImage;

    #[test]
    fn what_an_earlier_one_brought_stays() {
        let record = |digest: &str, images: &[&str]| {
            let mut lock = ImagesLock::default();
            for name in images {
                let image = LockedImage { resolved: None, used_by: Default::default() };
                lock.images.insert((*name).to_owned(), image);
            }
            let repositories = images.iter().map(|name| ((*name).to_owned(), format!("{digest}/{name}"))).collect();
            OfflineRecord { lock_digest: digest.to_owned(), registry: digest.to_owned(), repositories, lock }
        };
        let both = record("new", &["a", "b"]).after(Some(&record("old", &["b", "c"])));
        assert_eq!(both.lock_digest, "new");
        let found: Vec<&str> = both.repositories.values().map(String::as_str).collect();
        assert_eq!(found, ["new/a", "new/b", "old/c"]);
        assert_eq!(both.lock.images.len(), 3);
        assert_eq!(record("new", &["a"]).after(None), record("new", &["a"]));
    }
}
