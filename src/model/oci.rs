//! What images are made of, as registries and OCI layouts keep them: digests, descriptors, manifests. A manifest is kept as
//! the bytes it arrived in, since its digest is theirs; what is parsed of it is only what says which other blobs it needs.
//!
//! `oci-spec` has these types as well; it brings fifteen crates for builders and getters of fields that nobody here sets.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The most bytes of a manifest or an index: what registries take, and Docker's own bound.
pub const MANIFEST_LIMIT: usize = 4 << 20;

/// Media types of a list of manifests.
pub const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

/// Media types of a manifest of one platform.
pub const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];

/// The SHA-256 of some bytes, written `sha256:` and 64 hex digits. Other algorithms are refused: no registry hands any out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// A text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: expected sha256: and 64 lower-case hex digits")]
pub struct DigestError(String);

impl Digest {
    /// That of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// That which a hash has come to.
    #[must_use]
    pub fn finish(hash: Sha256) -> Self {
        Self(hash.finalize().into())
    }

    /// The 64 hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The name of the tag under which signatures of a manifest are kept where there are no referrers:
    /// `sha256-<hex>`, and then a suffix such as `.sig`.
    #[must_use]
    pub fn fallback_tag(&self, suffix: &str) -> String {
        format!("sha256-{}{suffix}", self.hex())
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let error = || DigestError(text.chars().take(100).collect());
        let hex = text.strip_prefix("sha256:").ok_or_else(error)?.as_bytes();
        if hex.len() != 64 {
            return Err(error());
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low).ok_or_else(error)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What an image runs on: `linux/amd64`, `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`, as Go has them; `unknown` for attestations.
    pub architecture: String,
    /// `v7`, `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// A blob as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where else it is: a layer that has these is not to be handed on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// What it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What kind of artifact it is, in a list of referrers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Notes, in the order of their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// One of which no more is known than it takes to name a blob.
    #[must_use]
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        let media_type = media_type.to_owned();
        let (urls, annotations) = (Vec::new(), BTreeMap::new());
        Self { media_type, digest, size, urls, platform: None, artifact_type: None, annotations }
    }
}

/// A manifest or an index: the bytes it arrived in, and what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciManifest {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// What it is: of [`INDEXES`] or [`MANIFESTS`].
    pub media_type: String,
    /// The kind of artifact, where it is none of an image.
    pub artifact_type: Option<String>,
    /// The manifest that it says something about (a signature, an attestation).
    pub subject: Option<Descriptor>,
    /// What it is made of.
    pub content: ManifestContent,
}

/// What a manifest is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there are as many as images: a box would only stand in the way")]
pub enum ManifestContent {
    /// A list: its manifests, in order.
    Index(Vec<Descriptor>),
    /// One platform's image: its config and its layers, in order.
    Image {
        /// The config.
        config: Descriptor,
        /// The layers.
        layers: Vec<Descriptor>,
    },
}

/// Why bytes are not a supported manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// There are too many.
    #[error("the manifest has {0} bytes, more than the limit of {MANIFEST_LIMIT}")]
    Long(usize),
    /// They are not JSON of that shape.
    #[error("failed to parse the manifest")]
    Json(#[from] serde_json::Error),
    /// Its type cannot be copied by digest, or is unknown.
    #[error("unsupported manifest type `{0}`: expected an OCI image or index, or Docker schema 2")]
    Kind(String),
}

/// A manifest's fields, as far as they count here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    media_type: Option<String>,
    artifact_type: Option<String>,
    subject: Option<Descriptor>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl OciManifest {
    /// Reads a manifest. `media_type` is what a registry or a descriptor said that it is; the manifest's own word comes first.
    ///
    /// # Errors
    /// It is too long, no JSON, or of another kind (Docker's schema 1).
    pub fn parse(bytes: Vec<u8>, media_type: Option<&str>) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_LIMIT {
            return Err(ManifestError::Long(bytes.len()));
        }
        let fields: Fields = serde_json::from_slice(&bytes)?;
        // What a server says may have parameters after a semicolon.
        let said = media_type.map(|said| said.split(';').next().unwrap_or(said).trim().to_owned());
        let media_type = fields.media_type.or(said).unwrap_or_else(|| {
            // The OCI's own may omit it.
            let kind = if fields.manifests.is_some() { INDEXES } else { MANIFESTS };
            kind[0].to_owned()
        });
        let content = match (fields.manifests, fields.config, fields.layers) {
            (Some(manifests), _, _) if INDEXES.contains(&media_type.as_str()) => ManifestContent::Index(manifests),
            (None, Some(config), layers) if MANIFESTS.contains(&media_type.as_str()) => {
                ManifestContent::Image { config, layers: layers.unwrap_or_default() }
            }
            _ => return Err(ManifestError::Kind(media_type.chars().take(200).collect())),
        };
        let digest = Digest::of(&bytes);
        Ok(Self { bytes, digest, media_type, artifact_type: fields.artifact_type, subject: fields.subject, content })
    }

    /// The manifests of a list; none of an image's.
    #[must_use]
    pub fn children(&self) -> &[Descriptor] {
        match &self.content {
            ManifestContent::Index(children) => children,
            ManifestContent::Image { .. } => &[],
        }
    }

    /// The blobs that it needs: config, then layers; none of a list's.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, layers) = match &self.content {
            ManifestContent::Image { config, layers } => (Some(config), layers.as_slice()),
            ManifestContent::Index(_) => (None, [].as_slice()),
        };
        config.into_iter().chain(layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_sha256_in_small_hex() {
        let empty = Digest::of(b"");
        assert_eq!(empty.to_string(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(empty.to_string().parse(), Ok(empty));
        assert_eq!(empty.fallback_tag(".sig"), format!("sha256-{}.sig", empty.hex()));
        let hex = "a".repeat(64);
        for bad in [
            "",
            &hex,
            "sha256:",
            &format!("sha256:{}", hex.to_uppercase()),
            &format!("sha512:{hex}"),
            &format!("sha256:{hex}a"),
            &format!("sha256:{}", "é".repeat(32)),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn manifests_are_read_by_what_they_say_they_are() {
        let blob =
            |kind: &str, n: u8| format!(r#"{{"mediaType":"{kind}","digest":"{}","size":{n}}}"#, Digest::of(&[n]));
        let image = |kind: &str| {
            format!(
                r#"{{"schemaVersion":2,{kind}"config":{},"layers":[{},{}]}}"#,
                blob("c", 1),
                blob("l", 2),
                blob("l", 3)
            )
        };
        let parse = |text: &str, said: Option<&str>| OciManifest::parse(text.as_bytes().to_vec(), said);
        let found = parse(&image(""), None).unwrap();
        assert_eq!((found.media_type.as_str(), found.digest), (MANIFESTS[0], Digest::of(image("").as_bytes())));
        assert_eq!(found.blobs().map(|blob| blob.size).collect::<Vec<_>>(), [1, 2, 3]);
        let docker = format!(r#""mediaType":"{}","#, MANIFESTS[1]);
        assert_eq!(parse(&image(&docker), Some("text/plain")).unwrap().media_type, MANIFESTS[1]);
        assert_eq!(
            parse(&image(""), Some(&format!("{}; charset=utf-8", MANIFESTS[1]))).unwrap().media_type,
            MANIFESTS[1]
        );
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, blob(MANIFESTS[0], 4));
        let found = parse(&index, None).unwrap();
        assert_eq!((found.media_type.as_str(), found.children().len(), found.blobs().count()), (INDEXES[0], 1, 0));
        for (text, said) in [
            (r#"{"schemaVersion":1,"fsLayers":[]}"#, Some("application/vnd.docker.distribution.manifest.v1+prettyjws")),
            (index.as_str(), Some(MANIFESTS[0])),
            (&image(""), Some(INDEXES[0])),
            ("{}", None),
            ("[]", None),
            ("", None),
            (r#"{"config":{"mediaType":"c","digest":"sha256:1","size":1}}"#, None),
            (r#"{"manifests":[{"mediaType":"c","size":-1}]}"#, None),
        ] {
            assert!(parse(text, said).is_err(), "{text} as {said:?}");
        }
        assert!(matches!(parse(&" ".repeat(MANIFEST_LIMIT + 1), None), Err(ManifestError::Long(_))));
    }
}
