//! Signatures and the like, where a registry does not list by itself what belongs to a manifest: an index under a tag, kept as
//! the OCI's specification says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::PushError;
use crate::driver::image_source::Reference;
use crate::driver::registry::referrers::Referrers;
use crate::driver::registry::{Registry, RegistryError};
use crate::model::oci::{Digest, INDEXES, OciManifest};

/// How often the index is written when somebody else writes it at the same time.
const TRIES: u32 = 3;

impl Registry {
    /// Sees to it that manifests are found by what they say something about.
    pub(super) async fn attach(
        &self,
        repository: &str,
        subject: Digest,
        manifests: &[&OciManifest],
    ) -> Result<(), PushError> {
        for _ in 0..TRIES {
            let found = self.find_referrers(repository, subject).await?;
            let listed = |manifest: &&OciManifest| found.descriptors().iter().any(|one| one.digest == manifest.digest);
            let Referrers::Tagged(index) = &found else {
                // What it lists by itself it lists when it likes.
                return Ok(());
            };
            let missing: Vec<&OciManifest> = manifests.iter().filter(|one| !listed(one)).copied().collect();
            if missing.is_empty() {
                return Ok(());
            }
            let bytes = with_entries(index.as_deref().map(|index| index.bytes.as_slice()), &missing);
            let tag = Reference::Tag(subject.fallback_tag(""));
            self.put_manifest(repository, &tag, &bytes, INDEXES[0]).await?;
            // The next round looks whether it has stayed so: there is no way to write only what nobody else has written.
        }
        let what = format!("the referrers list of {subject} in {repository}");
        Err(PushError::Lost { host: self.host().to_owned(), what })
    }
}

/// The index with more entries. Those that are there stay as they are, fields and all.
fn with_entries(index: Option<&[u8]>, missing: &[&OciManifest]) -> Vec<u8> {
    let mut index: Value = index
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .unwrap_or_else(|| json!({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": []}));
    if let Some(entries) = index["manifests"].as_array_mut() {
        entries.extend(missing.iter().map(|manifest| entry(manifest)));
    }
    index.to_string().into_bytes()
}

/// A manifest's entry: its kind and its notes are pulled up, so that it can be chosen without being read.
fn entry(manifest: &OciManifest) -> Value {
    let fields: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
    let kind = fields["artifactType"].as_str().or_else(|| fields["config"]["mediaType"].as_str()).map(str::to_owned);
    let notes: BTreeMap<&String, &Value> = fields["annotations"].as_object().into_iter().flatten().collect();
    let mut entry = json!({
        "mediaType": manifest.media_type,
        "digest": manifest.digest.to_string(),
        "size": manifest.bytes.len(),
    });
    if let Some(kind) = kind {
        entry["artifactType"] = kind.into();
    }
    if !notes.is_empty() {
        entry["annotations"] = json!(notes);
    }
    entry
}

/// Whether an error says that something may not be changed.
pub(super) fn is_immutable(error: &RegistryError) -> bool {
    let text = error.to_string().to_lowercase();
    let words = ["immutable", "imagetagalreadyexists", "already exists", "cannot be overwritten"];
    let refused = error.status().is_some_and(|status| status.is_client_error());
    refused && (words.iter().any(|word| text.contains(word)) || error.status().is_some_and(|status| status == 412))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_added_and_those_that_are_there_stay() {
        let manifest = |text: Value| OciManifest::parse(text.to_string().into_bytes(), None).unwrap();
        let config =
            json!({"mediaType": "application/vnd.sig+json", "digest": Digest::of(b"c").to_string(), "size": 1});
        let plain = manifest(json!({"schemaVersion": 2, "config": config, "layers": []}));
        let typed = manifest(
            json!({"schemaVersion": 2, "artifactType": "a/b", "config": config, "layers": [], "annotations": {"k": "v"}}),
        );
        let first = with_entries(None, &[&plain]);
        let text = String::from_utf8(first.clone()).unwrap();
        assert!(
            text.contains(r#""artifactType":"application/vnd.sig+json""#) && !text.contains("annotations"),
            "{text}"
        );
        let strange = text.replace(r#""schemaVersion":2"#, r#""schemaVersion":2,"own":{"x":[1]}"#);
        let second = with_entries(Some(strange.as_bytes()), &[&typed]);
        let json: Value = serde_json::from_slice(&second).unwrap();
        assert_eq!(json["own"]["x"][0], 1);
        assert_eq!(json["manifests"][0]["digest"], plain.digest.to_string());
        assert_eq!(json["manifests"][1]["artifactType"], "a/b");
        assert_eq!(json["manifests"][1]["annotations"]["k"], "v");
        let index = OciManifest::parse(second, None).unwrap();
        assert_eq!(index.children().len(), 2);
    }
}
