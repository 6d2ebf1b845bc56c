//! What is in an offline bundle: by component, by image, and as a CycloneDX document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::exit::Failed;
use super::super::trust::reading;
use crate::driver::bundle::Bundle;
use crate::model::ImageName;
use crate::model::images_lock::{ImagesLock, LockMode, ResolvedImage};
use crate::model::oci::Digest;

/// One image of a bundle.
pub(super) struct ImageRow {
    /// Its whole name.
    pub name: String,
    /// The components that use it.
    pub components: BTreeSet<String>,
    /// What it stands for; nothing where it is unresolved.
    pub resolved: Option<ResolvedImage>,
    /// Its blobs that are here.
    pub blobs: BTreeMap<Digest, u64>,
    /// Of those, the bytes that other images have as well.
    pub shared: u64,
    /// Its manifest is in the base.
    pub in_base: bool,
}

/// The images, sorted by name.
pub(super) fn images(bundle: &Bundle) -> Result<Vec<ImageRow>, Failed> {
    let mut rows = Vec::new();
    for (name, image) in &bundle.lock().images {
        let mut blobs = BTreeMap::new();
        if let Some(resolved) = &image.resolved {
            let attached = resolved.attached.iter().map(|attached| attached.digest);
            let mut pending: Vec<Digest> = [resolved.digest].into_iter().chain(attached).collect();
            while let Some(digest) = pending.pop() {
                let Some((_, size)) = bundle.layout().blobs.get(&digest) else { continue };
                if blobs.insert(digest, *size).is_some() {
                    continue;
                }
                let manifest = bundle.manifest(digest).map_err(reading)?;
                pending.extend(manifest.children().iter().map(|child| child.digest));
                let here = manifest.blobs().filter(|blob| bundle.layout().blobs.contains_key(&blob.digest));
                blobs.extend(here.map(|blob| (blob.digest, blob.size)));
            }
        }
        let in_base =
            image.resolved.as_ref().is_some_and(|resolved| !bundle.layout().blobs.contains_key(&resolved.digest));
        rows.push(ImageRow {
            name: name.clone(),
            components: image.used_by.iter().map(|used| used.component.clone()).collect(),
            resolved: image.resolved.clone(),
            blobs,
            shared: 0,
            in_base,
        });
    }
    let mut users: BTreeMap<Digest, usize> = BTreeMap::new();
    for digest in rows.iter().flat_map(|row| row.blobs.keys()) {
        *users.entry(*digest).or_default() += 1;
    }
    for row in &mut rows {
        let shared = row.blobs.iter().filter(|(digest, _)| users.get(digest).is_some_and(|count| *count > 1));
        row.shared = shared.map(|(_, size)| size).sum();
    }
    Ok(rows)
}

impl ImageRow {
    pub(super) fn size(&self) -> u64 {
        self.blobs.values().sum()
    }

    pub(super) fn json(&self) -> Value {
        let resolved = self.resolved.as_ref().map(|image| {
            json!({"digest": image.digest, "mode": image.mode, "platforms": image.platforms, "attached": image.attached})
        });
        json!({"image": self.name, "components": self.components, "resolved": resolved, "bytes": self.size(), "shared_bytes": self.shared, "in_base": self.in_base})
    }
}

/// The inventory of the bundle as CycloneDX 1.6. It has no time and no serial number: equal bundles have equal inventories.
pub(super) fn cyclonedx(bundle: &Bundle) -> Result<Value, Failed> {
    let lock = bundle.lock();
    let mut components = Vec::new();
    let sizes: BTreeMap<String, u64> = images(bundle)?.into_iter().map(|row| (row.name.clone(), row.size())).collect();
    for (name, image) in &lock.images {
        let parsed = ImageName::parse(name).ok();
        let version = parsed.as_ref().and_then(|name| name.tag.clone());
        let mut component = json!({"type": "container", "bom-ref": format!("image:{name}"), "name": parsed.as_ref().map_or_else(|| name.clone(), ImageName::repository), "version": version});
        let uses = image.used_by.iter().map(|used| property("windlass:component", &used.component));
        let mut properties: Vec<Value> = uses.collect();
        properties.dedup();
        if let Some(resolved) = &image.resolved {
            component["hashes"] = json!([hash(resolved.digest)]);
            component["purl"] = json!(purl(parsed.as_ref(), resolved));
            let mode = if resolved.mode == LockMode::Index { "index" } else { "manifest" };
            properties.push(property("windlass:mode", mode));
            properties.extend(resolved.platforms.keys().map(|platform| property("windlass:platform", platform)));
            let digests = resolved.platforms.iter();
            properties.extend(
                digests.map(|(platform, digest)| property(&format!("windlass:digest:{platform}"), &digest.to_string())),
            );
            properties.push(property("windlass:bytes", &sizes.get(name).copied().unwrap_or_default().to_string()));
        }
        component["properties"] = json!(properties);
        components.push(component);
    }
    for (kind, all) in [("chart", &lock.charts), ("files", &lock.files)] {
        for (name, files) in all {
            let digest = files.digest.parse::<Digest>().ok();
            components.push(json!({"type": "file", "bom-ref": format!("{kind}:{name}"), "name": name, "hashes": digest.into_iter().map(hash).collect::<Vec<_>>(), "properties": [property("windlass:kind", kind), property("windlass:from", &files.from), property("windlass:bytes", &files.size.unwrap_or_default().to_string())]}));
        }
    }
    for (name, program) in &lock.programs {
        for (platform, file) in &program.platforms {
            components.push(json!({"type": "application", "bom-ref": format!("program:{name}:{platform}"), "name": name, "version": program.version, "hashes": [hash(file.digest)], "properties": [property("windlass:platform", platform), property("windlass:bytes", &file.size.to_string())]}));
        }
    }
    let about = json!({"component": {"type": "application", "bom-ref": "bundle", "name": "windlass offline bundle", "version": bundle.about().windlass, "hashes": [hash(bundle.lock_digest())]}});
    Ok(
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": about, "components": components}),
    )
}

fn property(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

fn hash(digest: Digest) -> Value {
    json!({"alg": "SHA-256", "content": digest.hex()})
}

/// `pkg:oci/…`, as the package-url specification has it: the digest is the version.
fn purl(name: Option<&ImageName>, image: &ResolvedImage) -> Option<String> {
    let name = name?;
    let path = name.path();
    let last = path.rsplit('/').next()?;
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let repository = encode(&format!("{}/{path}", name.registry()));
    let tag = name.tag.as_ref().map(|tag| format!("&tag={}", encode(tag))).unwrap_or_default();
    Some(format!("pkg:oci/{last}@{}?repository_url={repository}{tag}", encode(&image.digest.to_string())))
}

/// What two locks differ in: names, and of each whether it is new, gone or changed.
pub(super) struct Difference {
    /// `image`, `chart`, `files`, `program`.
    pub kind: &'static str,
    /// Which.
    pub name: String,
    /// Its digest before.
    pub old: Option<String>,
    /// Its digest now.
    pub new: Option<String>,
}

impl Difference {
    pub(super) const fn state(&self) -> &'static str {
        match (&self.old, &self.new) {
            (None, _) => "new",
            (_, None) => "gone",
            _ => "changed",
        }
    }
}

/// Names and digests of one kind.
type Digests = fn(&ImagesLock) -> BTreeMap<String, String>;

/// Compares two locks. What is equal is omitted.
pub(super) fn differences(old: &ImagesLock, new: &ImagesLock) -> Vec<Difference> {
    let kinds: [(&'static str, Digests); 4] = [
        ("image", image_digests),
        ("chart", |lock| folders(&lock.charts)),
        ("files", |lock| folders(&lock.files)),
        ("program", programs),
    ];
    let mut found = Vec::new();
    for (kind, digests) in kinds {
        let (mut before, after) = (digests(old), digests(new));
        for (name, new) in after {
            let old = before.remove(&name);
            if old.as_ref() != Some(&new) {
                found.push(Difference { kind, name, old, new: Some(new) });
            }
        }
        found.extend(before.into_iter().map(|(name, old)| Difference { kind, name, old: Some(old), new: None }));
    }
    found.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    found
}

fn image_digests(lock: &ImagesLock) -> BTreeMap<String, String> {
    let text = |image: &Option<ResolvedImage>| {
        image.as_ref().map_or_else(|| "unresolved".to_owned(), |image| image.digest.to_string())
    };
    lock.images.iter().map(|(name, image)| (name.clone(), text(&image.resolved))).collect()
}

fn folders(all: &BTreeMap<String, crate::model::images_lock::LockedFiles>) -> BTreeMap<String, String> {
    all.iter().map(|(name, files)| (name.clone(), files.digest.clone())).collect()
}

fn programs(lock: &ImagesLock) -> BTreeMap<String, String> {
    let each = lock.programs.iter().flat_map(|(name, program)| {
        program
            .platforms
            .iter()
            .map(move |(platform, file)| (format!("{name} for {platform}"), file.digest.to_string()))
    });
    each.collect()
}
