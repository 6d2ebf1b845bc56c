//! The image that another is made on: one platform of it.

use std::io;

use serde_json::{Map, Value};
use tokio::io::AsyncReadExt as _;

use super::error::BuildError;
use crate::driver::bundle::Checked;
use crate::driver::image_source::{ImageSource, Reference};
use crate::model::oci::{Descriptor, Digest, ManifestContent, OciManifest, Platform};

/// The most bytes of a config.
const CONFIG: u64 = 4 << 20;

/// The most layers: what container runtimes take is little more.
const LAYERS: usize = 120;

/// Docker's names of layers, and the OCI's for the same bytes.
const KINDS: [(&str, &str); 4] = [
    ("application/vnd.docker.image.rootfs.diff.tar", "application/vnd.oci.image.layer.v1.tar"),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.oci.image.layer.v1.tar+gzip"),
    ("application/vnd.docker.image.rootfs.diff.tar.zstd", "application/vnd.oci.image.layer.v1.tar+zstd"),
    (
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    ),
];

/// One platform of a base.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its whole name: `docker.io/apache/spark:3.5.6`.
    pub image: String,
    /// The repository that its blobs are asked for by.
    pub repository: String,
    /// What it runs on.
    pub platform: Platform,
    /// Its manifest.
    pub manifest: OciManifest,
    /// Its config.
    pub(super) config: Map<String, Value>,
    /// Its layers, by the OCI's names.
    pub(super) layers: Vec<Descriptor>,
}

impl Base {
    /// Reads manifest and config. Signatures and attestations of the base are about the base alone, and are not looked for.
    ///
    /// # Errors
    /// The source does not have it, or it cannot be built on.
    pub async fn read(
        source: &dyn ImageSource,
        image: &str,
        repository: &str,
        digest: Digest,
    ) -> Result<Self, BuildError> {
        let no = |problem: String| BuildError::Base { image: image.to_owned(), problem };
        let found = source.manifest(repository, &Reference::Digest(digest)).await?;
        let manifest = found.ok_or_else(|| BuildError::NoBase { image: image.to_owned(), digest })?;
        let ManifestContent::Image { config, layers } = &manifest.content else {
            return Err(no("found an index, expected the image of one platform".to_owned()));
        };
        if config.size > CONFIG {
            return Err(no(format!("config is too large: {} bytes, the limit is {CONFIG}", config.size)));
        }
        let reader = source.blob(repository, config, 0).await?;
        let mut bytes = Vec::new();
        let read = Checked::new(reader, config.digest, config.size).read_to_end(&mut bytes).await;
        let failed = |source: io::Error| BuildError::Fetch { image: image.to_owned(), digest: config.digest, source };
        read.map_err(failed)?;
        let parsed: Option<Map<String, Value>> = serde_json::from_slice(&bytes).ok();
        let parsed = parsed.ok_or_else(|| no(format!("config {} is not a JSON object", config.digest)))?;
        let text =
            |key: &str| parsed.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let (Some(os), Some(architecture)) = (text("os"), text("architecture")) else {
            return Err(no("config has no platform".to_owned()));
        };
        let platform = Platform { os, architecture, variant: text("variant") };
        let rootfs = parsed.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")).and_then(Value::as_array);
        if rootfs.map_or(0, Vec::len) != layers.len() || layers.is_empty() {
            return Err(no("config and manifest have different numbers of layers".to_owned()));
        }
        if layers.len() > LAYERS {
            return Err(no(format!("too many layers: {}, the limit is {LAYERS}", layers.len())));
        }
        let layers = layers.iter().map(|layer| oci(layer).ok_or(layer)).collect::<Result<_, _>>();
        let layers = layers.map_err(|layer| {
            let kind: String = layer.media_type.chars().take(100).collect();
            no(format!("layer {} has an unknown media type: {kind}", layer.digest))
        })?;
        let (image, repository) = (image.to_owned(), repository.to_owned());
        Ok(Self { image, repository, platform, manifest, config: parsed, layers })
    }

    /// What containers of it start with.
    pub(super) fn container(&self) -> Map<String, Value> {
        match self.config.get("config") {
            Some(Value::Object(map)) => map.clone(),
            _ => Map::new(),
        }
    }

    /// The layers that are not to be fetched from elsewhere.
    pub(super) fn own_layers(&self) -> impl Iterator<Item = &Descriptor> {
        self.layers.iter().filter(|layer| layer.urls.is_empty())
    }
}

/// A layer by the OCI's name for its kind.
fn oci(layer: &Descriptor) -> Option<Descriptor> {
    let kind = layer.media_type.as_str();
    let named = KINDS.iter().find(|(docker, _)| *docker == kind).map(|(_, oci)| *oci);
    let named = named.or(kind.starts_with("application/vnd.oci.image.layer.").then_some(kind))?;
    Some(Descriptor { media_type: named.to_owned(), ..layer.clone() })
}
