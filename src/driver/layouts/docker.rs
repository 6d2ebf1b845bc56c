//! What `docker save` wrote before its version 25: `manifest.json`, configs, and layers that are not compressed. Manifests
//! are made for it, the same each time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::archive::Archive;
use super::files::{Files as _, LayoutError, Place, descriptor};
use crate::model::oci::{Descriptor, Digest, MANIFESTS};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// The most bytes of `manifest.json` and of a config.
const LIMIT: u64 = 16 << 20;

/// Images that were found.
pub(super) struct DockerImages {
    /// Their names, and the manifests that were made for them.
    pub images: Vec<(Vec<String>, Vec<u8>)>,
    /// Their configs and layers.
    pub places: BTreeMap<Digest, Place>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// Reads it. Every layer is hashed, since nothing says its digest.
pub(super) fn images(path: &Path, archive: &Archive) -> Result<DockerImages, LayoutError> {
    let missing = |entry: &str| LayoutError::Entry {
        path: path.to_owned(),
        entry: entry.chars().take(200).collect::<String>().escape_debug().to_string(),
        problem: "is missing",
    };
    let read = |name: &str| archive.read(name, LIMIT)?.ok_or_else(|| missing(name));
    let json = |source| LayoutError::Json { path: path.to_owned(), what: "manifest.json".to_owned(), source };
    let saved: Vec<Saved> = serde_json::from_slice(&read("manifest.json")?).map_err(json)?;
    let mut made = DockerImages { images: Vec::new(), places: BTreeMap::new() };
    let mut known: BTreeMap<(u64, u64), Digest> = BTreeMap::new();
    for image in saved {
        let bytes = read(&image.config)?;
        let config = descriptor(CONFIG, &bytes);
        made.places.insert(config.digest, Place::Memory(Arc::new(bytes)));
        let mut layers = Vec::new();
        for name in &image.layers {
            let (at, size) = archive.place(name).ok_or_else(|| missing(name))?;
            let digest = match known.get(&(at, size)) {
                Some(digest) => *digest,
                None => hash(archive, at, size).map_err(|error| LayoutError::Io(path.to_owned(), error))?,
            };
            known.insert((at, size), digest);
            made.places.insert(digest, Place::Range(Arc::clone(archive.parts()), at, size));
            layers.push(Descriptor { digest, size, ..descriptor(LAYER, b"") });
        }
        let manifest = Manifest { schema_version: 2, media_type: MANIFESTS[0], config, layers };
        made.images.push((image.repo_tags.unwrap_or_default(), serde_json::to_vec(&manifest).map_err(json)?));
    }
    Ok(made)
}

fn hash(archive: &Archive, at: u64, size: u64) -> std::io::Result<Digest> {
    let (mut hash, mut buffer, mut done) = (Sha256::new(), vec![0; 1 << 20], 0);
    while done < size {
        let count = usize::try_from(size - done).unwrap_or(buffer.len()).min(buffer.len());
        archive.parts().read_exact_at(at + done, &mut buffer[..count])?;
        hash.update(&buffer[..count]);
        done += count as u64;
    }
    Ok(Digest::finish(hash))
}
