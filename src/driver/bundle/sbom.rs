//! Software bills of materials that images carry: as attestations of buildx, by cosign, and by OCI 1.1 referrers.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::closure;
use super::error::BundleError;
use super::read::Bundle;
use crate::model::oci::{Descriptor, Digest};

/// The most bytes of one.
const LIMIT: u64 = 128 << 20;

/// Kinds that scanners read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SbomKind {
    /// SPDX as JSON.
    Spdx,
    /// CycloneDX as JSON.
    CycloneDx,
}

/// One that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbom {
    /// The image's whole name.
    pub image: String,
    /// The manifest that it is about.
    pub subject: Digest,
    /// Its kind.
    pub kind: SbomKind,
    /// The document.
    pub document: Value,
}

impl SbomKind {
    /// What files of the kind end with.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Spdx => "spdx.json",
            Self::CycloneDx => "cdx.json",
        }
    }

    /// By a media type, or by the type of an in-toto predicate.
    fn of(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        if lower.contains("cyclonedx") {
            Some(Self::CycloneDx)
        } else if lower.contains("spdx") {
            Some(Self::Spdx)
        } else {
            None
        }
    }
}

/// The bills of one image, without those that are there twice.
///
/// # Errors
/// A manifest or a bill cannot be read.
pub fn sboms(bundle: &Bundle, image: &str) -> Result<Vec<Sbom>, BundleError> {
    let Some((_, resolved)) = closure::resolved(bundle.lock()).find(|(name, _)| *name == image) else {
        return Ok(Vec::new());
    };
    let mut about: Vec<(Digest, Digest)> = resolved.attached.iter().map(|one| (one.subject, one.digest)).collect();
    if bundle.manifests().contains_key(&resolved.digest) {
        for child in bundle.manifest(resolved.digest)?.children() {
            // buildx keeps them in the index, beside what they are about.
            if let Some(subject) = child.annotations.get("vnd.docker.reference.digest") {
                about.push((subject.parse().unwrap_or(resolved.digest), child.digest));
            }
        }
    }
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for (subject, digest) in about {
        if !bundle.manifests().contains_key(&digest) {
            continue;
        }
        let manifest = bundle.manifest(digest)?;
        for layer in manifest.blobs().skip(1) {
            if !may_be(layer) || bundle.place(layer.digest).is_err() || !seen.insert((subject, layer.digest)) {
                continue;
            }
            let bytes = bundle.small(layer.digest, LIMIT)?;
            let document = serde_json::from_slice(&bytes).ok().and_then(|value| unwrap(value, &layer.media_type, 0));
            found.extend(document.map(|(kind, document)| Sbom { image: image.to_owned(), subject, kind, document }));
        }
    }
    Ok(found)
}

/// Whether a layer is worth reading.
fn may_be(layer: &Descriptor) -> bool {
    let kind = layer.media_type.to_lowercase();
    SbomKind::of(&kind).is_some() || ["in-toto", "dsse", "sigstore.bundle"].iter().any(|word| kind.contains(word))
}

/// Takes a bill out of its envelopes: a Sigstore bundle, DSSE, an in-toto statement.
fn unwrap(value: Value, media_type: &str, depth: u8) -> Option<(SbomKind, Value)> {
    if depth > 4 {
        return None;
    }
    if let Some(envelope) = value.get("dsseEnvelope") {
        return unwrap(envelope.clone(), media_type, depth + 1);
    }
    if let (Some(payload), Some(_)) = (value.get("payload").and_then(Value::as_str), value.get("payloadType")) {
        let bytes = STANDARD.decode(payload).ok()?;
        return unwrap(serde_json::from_slice(&bytes).ok()?, media_type, depth + 1);
    }
    if let Some(kind) = value.get("predicateType").and_then(Value::as_str) {
        let kind = SbomKind::of(kind)?;
        let predicate = value.get("predicate")?.clone();
        // cosign's older ones have the document one level below.
        let document = match predicate.get("Data") {
            Some(Value::String(text)) => serde_json::from_str(text).ok()?,
            Some(data) => data.clone(),
            None => predicate,
        };
        return Some((kind, document));
    }
    if value.get("spdxVersion").is_some() {
        return Some((SbomKind::Spdx, value));
    }
    if value.get("bomFormat").is_some() {
        return Some((SbomKind::CycloneDx, value));
    }
    SbomKind::of(media_type).map(|kind| (kind, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bills_are_taken_out_of_their_envelopes() {
        let document = json!({"spdxVersion": "SPDX-2.3", "name": "x"});
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document", "predicate": document});
        let envelope = json!({"payloadType": "application/vnd.in-toto+json", "payload": STANDARD.encode(statement.to_string()), "signatures": []});
        let bundle = json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope});
        for value in [document.clone(), statement, envelope, bundle] {
            assert_eq!(unwrap(value, "application/vnd.in-toto+json", 0), Some((SbomKind::Spdx, document.clone())));
        }
        let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6"});
        let old = json!({"predicateType": "https://cyclonedx.org/bom", "predicate": {"Data": bom.to_string()}});
        assert_eq!(unwrap(old, "", 0), Some((SbomKind::CycloneDx, bom)));
        for other in [
            json!({"predicateType": "https://slsa.dev/provenance/v1", "predicate": {}}),
            json!({"payload": "?", "payloadType": "x"}),
            json!([1]),
        ] {
            assert_eq!(unwrap(other, "application/vnd.in-toto+json", 0), None);
        }
    }
}
