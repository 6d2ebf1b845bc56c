//! An image that was made: configs, manifests, and the list of them where there are several platforms.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::base::Base;
use super::containerfile::{Containerfile, Recipe, Step};
use super::dist::Distribution;
use super::error::BuildError;
use super::layer::{self, CREATED, Layer};
use super::tree::Tree;
use crate::driver::bundle::format;
use crate::model::oci::{Descriptor, Digest, INDEXES, MANIFESTS};

/// The media type of a config.
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// That of our layers.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What a config says of the machine it is for. All else that a base has there is about how the base was made.
const KEPT: [&str; 6] = ["os", "architecture", "variant", "os.version", "os.features", "rootfs"];

/// What an image is made of.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    /// How.
    pub containerfile: &'a Containerfile,
    /// What that is called.
    pub file: &'a str,
    /// The arguments that were given.
    pub arguments: &'a BTreeMap<String, String>,
    /// The folder of the Containerfile.
    pub own: &'a Distribution,
    /// The distributions, by name.
    pub distributions: &'a BTreeMap<String, Distribution>,
    /// The base, for each platform.
    pub bases: &'a [Base],
}

/// One platform of what was made.
#[derive(Debug, Clone)]
pub struct PlatformImage {
    /// What it is made on.
    pub base: Base,
    /// The layer that was added.
    pub layer: Layer,
    /// Its config.
    pub(super) config: Vec<u8>,
    /// Its manifest.
    pub(super) manifest: Vec<u8>,
}

/// An image that was made.
#[derive(Debug, Clone)]
pub struct BuiltImage {
    /// By platform, in the order in which they were asked for.
    pub images: Vec<PlatformImage>,
    /// The list, where there are several.
    pub(super) index: Option<Vec<u8>>,
    /// What it is referred to by.
    pub top: Descriptor,
    /// Where each layer lies that was made.
    pub(super) files: BTreeMap<Digest, PathBuf>,
}

impl PlatformImage {
    /// The digest of its manifest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

impl Build<'_> {
    /// Makes it. `place` says where a layer is written, before its digest is known, and then where it stays.
    ///
    /// # Errors
    /// The Containerfile does not fit what was given, or the disk fails.
    pub fn make(
        self,
        place: &dyn LayerPlace,
        stop: &CancellationToken,
        progress: &dyn Fn(u64),
    ) -> Result<BuiltImage, BuildError> {
        let mut images = Vec::new();
        let mut files = BTreeMap::new();
        let mut before: Option<(Vec<Step>, Layer)> = None;
        for base in self.bases {
            let recipe = self.containerfile.evaluate(self.arguments, &base.platform, &base.container())?;
            let layer = match &before {
                // Platforms differ in their bases, and seldom in what is added.
                Some((steps, layer)) if *steps == recipe.steps => *layer,
                _ => {
                    let tree = Tree::new(self.file, &recipe.steps, self.own, self.distributions)?;
                    let (layer, path) = place.write(&tree, stop, progress)?;
                    files.insert(layer.digest, path);
                    layer
                }
            };
            images.push(image(base, &recipe, layer)?);
            before = Some((recipe.steps, layer));
        }
        let described = |image: &PlatformImage| {
            let found = Descriptor::new(MANIFESTS[0], image.digest(), image.manifest.len() as u64);
            Descriptor { platform: Some(image.base.platform.clone()), ..found }
        };
        let (index, top) = match images.as_slice() {
            [one] => (None, described(one)),
            several => {
                let bytes = format::index_of(several.iter().map(described).collect(), BTreeMap::new())?;
                let top = Descriptor::new(INDEXES[0], Digest::of(&bytes), bytes.len() as u64);
                (Some(bytes), top)
            }
        };
        Ok(BuiltImage { images, index, top, files })
    }

    /// How many bytes the files of its layers have, at most.
    ///
    /// # Errors
    /// As [`Self::make`].
    pub fn bytes(self) -> Result<u64, BuildError> {
        let mut most = 0;
        for base in self.bases {
            let recipe = self.containerfile.evaluate(self.arguments, &base.platform, &base.container())?;
            most += Tree::new(self.file, &recipe.steps, self.own, self.distributions)?.bytes();
        }
        Ok(most)
    }
}

/// Where layers are written.
pub trait LayerPlace {
    /// A file that may be written, on the disk of the other.
    fn begin(&self) -> PathBuf;

    /// Where a layer stays.
    fn end(&self, digest: Digest) -> PathBuf;

    /// The error of the disk.
    fn error(&self, path: &Path, error: std::io::Error) -> BuildError;
}

impl dyn LayerPlace + '_ {
    fn write(
        &self,
        tree: &Tree,
        stop: &CancellationToken,
        progress: &dyn Fn(u64),
    ) -> Result<(Layer, PathBuf), BuildError> {
        let new = self.begin();
        let layer = layer::write(tree, &new, stop, progress).map_err(|error| self.error(&new, error))?;
        let path = self.end(layer.digest);
        std::fs::rename(&new, &path).map_err(|error| self.error(&path, error))?;
        Ok((layer, path))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Descriptor,
    layers: Vec<Descriptor>,
    annotations: BTreeMap<&'a str, String>,
}

/// Config and manifest of one platform.
fn image(base: &Base, recipe: &Recipe, layer: Layer) -> Result<PlatformImage, BuildError> {
    let mut config: Map<String, Value> = base
        .config
        .iter()
        .filter(|(key, _)| KEPT.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    config.insert("created".to_owned(), CREATED.into());
    config.insert("config".to_owned(), recipe.config.clone().into());
    if let Some(Value::Array(ids)) = config.get_mut("rootfs").and_then(|rootfs| rootfs.get_mut("diff_ids")) {
        ids.push(layer.diff_id.to_string().into());
    }
    config.extend(history(base, recipe).map(|history| ("history".to_owned(), history)));
    let config = serde_json::to_vec(&config)?;
    let mut layers = base.layers.clone();
    layers.push(Descriptor::new(LAYER, layer.digest, layer.size));
    let annotations = [
        ("org.opencontainers.image.base.digest", base.manifest.digest.to_string()),
        ("org.opencontainers.image.base.name", base.image.clone()),
    ];
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFESTS[0],
        config: Descriptor::new(CONFIG, Digest::of(&config), config.len() as u64),
        layers,
        annotations: annotations.into(),
    };
    let manifest = serde_json::to_vec(&manifest)?;
    Ok(PlatformImage { base: base.clone(), layer, config, manifest })
}

/// The base's history and ours; none where that of the base does not fit its layers, which some programs count.
fn history(base: &Base, recipe: &Recipe) -> Option<Value> {
    let mut all = base.config.get("history").and_then(Value::as_array)?.clone();
    let with_layer = |entry: &&Value| entry.get("empty_layer").and_then(Value::as_bool) != Some(true);
    if all.iter().filter(with_layer).count() != base.layers.len() {
        return None;
    }
    all.push(json!({"created": CREATED, "created_by": recipe.layer_text, "comment": "windlass image build"}));
    let without = |text: &String| json!({"created": CREATED, "created_by": text, "empty_layer": true});
    all.extend(recipe.config_texts.iter().map(without));
    Some(all.into())
}
