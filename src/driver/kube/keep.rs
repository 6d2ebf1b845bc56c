//! Objects that Helm must keep when it uninstalls a release, although the chart would delete them.

use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::releases::{packed, unpacked};
use super::{ApiError, ApiErrorKind, Cluster, KubeError, parse_manifest, retry};
use crate::model::cluster::{ObjectRef, ReleaseState};
use crate::model::data;

/// How long the API may take to release a StatefulSet's claims.
const RELEASE_DEADLINE: Duration = Duration::from_secs(30);

impl Cluster {
    /// Marks these objects in Helm's own record of a release as kept (`helm.sh/resource-policy`), as if the
    /// chart had done so: Helm goes by what it recorded, not by what is in the cluster.
    ///
    /// # Errors
    /// When the record cannot be read or written, or does not have all of them.
    pub async fn keep_objects(&self, release: &ReleaseState, keep: &[ObjectRef]) -> Result<(), KubeError> {
        let key = &release.key;
        let api: Api<Secret> = Api::namespaced(self.client(), &key.namespace);
        let name = format!("sh.helm.release.v1.{}.v{}", key.name, release.revision);
        let what = format!("the record of release {key} ({name})");
        let unreadable = |problem: String| KubeError {
            verb: "read",
            what: what.clone(),
            source: ApiError::new(ApiErrorKind::Protocol, problem),
        };
        let mut secret = retry::call("get", &what, || api.get(&name)).await?;
        let stored = secret.data.get_or_insert_default();
        let bytes = stored.get("release").map(|bytes| bytes.0.as_slice()).unwrap_or_default();
        let mut record = unpacked(bytes).map_err(|error| unreadable(error.to_string()))?;
        let manifest = record["manifest"].as_str().unwrap_or_default();
        let (manifest, found) = kept(manifest, &key.namespace, keep);
        if let Some(missing) = keep.iter().find(|object| !found.contains(object)) {
            return Err(unreadable(format!("{missing} must be kept, but is not in the release manifest")));
        }
        record["manifest"] = manifest.into();
        let bytes = packed(&record).map_err(|error| unreadable(error.to_string()))?;
        stored.insert("release".to_owned(), k8s_openapi::ByteString(bytes));
        let params = PostParams::default();
        retry::call("replace", &what, || api.replace(&name, &params, &secret)).await.map(drop)
    }

    /// Sets a StatefulSet to retain its claims when it is deleted, and waits until it no longer owns them.
    ///
    /// # Errors
    /// When the API call fails, or the StatefulSet still owns its claims.
    pub async fn retain_claims(&self, set: &ObjectRef) -> Result<(), KubeError> {
        let Some(api) = self.api_of(set).await? else { return Ok(()) };
        let patch = json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain"}}});
        let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
        let patched: Result<DynamicObject, KubeError> =
            retry::call("patch", &set.to_string(), || api.patch(&set.name, &params, &patch)).await;
        let uid = match patched {
            Err(error) if error.kind() == ApiErrorKind::NotFound => return Ok(()),
            patched => patched?.metadata.uid.unwrap_or_default(),
        };
        let namespace = set.namespace.clone().unwrap_or_default();
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client(), &namespace);
        let what = format!("the claims of {set}");
        let (all, give_up) = (ListParams::default(), Instant::now() + RELEASE_DEADLINE);
        loop {
            let list = retry::call("list", &what, || claims.list_metadata(&all)).await?;
            let owned = list
                .items
                .iter()
                .any(|claim| claim.metadata.owner_references.iter().flatten().any(|owner| owner.uid == uid));
            if !owned {
                return Ok(());
            }
            if Instant::now() > give_up {
                let problem = format!("{set} still owns its claims, and would delete them");
                return Err(KubeError { verb: "keep", what, source: ApiError::new(ApiErrorKind::Timeout, problem) });
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// The manifest in which these objects are marked as kept, and those that were found. Documents without any stay as
/// they are, byte by byte.
fn kept(manifest: &str, namespace: &str, keep: &[ObjectRef]) -> (String, Vec<ObjectRef>) {
    let mut documents: Vec<String> = vec![String::new()];
    for line in manifest.split_inclusive('\n') {
        if line.starts_with("---") {
            documents.push(String::new());
        }
        if let Some(document) = documents.last_mut() {
            document.push_str(line);
        }
    }
    let (mut text, mut found) = (String::new(), Vec::new());
    for document in documents {
        // A document that cannot be parsed has none of the objects to keep.
        let objects = if keep.is_empty() { Vec::new() } else { parse_manifest(&document, namespace).objects };
        if !objects.iter().any(|object| keep.contains(&object.object)) {
            text.push_str(&document);
            continue;
        }
        for mut object in objects {
            if keep.contains(&object.object) {
                data::keep(&mut object.body);
                found.push(object.object);
            }
            // JSON is YAML; a document for each: Helm goes by the annotation of a whole document, a list's apart.
            text.push_str(&format!("---\n{}\n", object.body));
        }
    }
    (text, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_marked_and_the_rest_stays_as_it_is() {
        let manifest = "---\n# Source: x/a.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: a   # as it was\n\
            ---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: PersistentVolumeClaim\n  metadata: {name: data}\n\
            - apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: c}\n\
            ---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: things.x\n  annotations: {a: b}\n";
        let crd = ObjectRef::cluster_wide("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.x");
        let claim = ObjectRef::namespaced("v1", "PersistentVolumeClaim", "ns", "data");
        let gone = ObjectRef::namespaced("v1", "PersistentVolumeClaim", "ns", "gone");
        let (text, found) = kept(manifest, "ns", &[crd.clone(), claim.clone(), gone]);
        assert_eq!(found, [claim, crd]);
        assert!(text.starts_with(
            "---\n# Source: x/a.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: a   # as it was\n"
        ));
        let (before, after) = (parse_manifest(manifest, "ns").objects, parse_manifest(&text, "ns").objects);
        assert_eq!(before.len(), after.len());
        assert_eq!(data::taken_along(&before).len(), 2);
        assert!(data::taken_along(&after).is_empty());
        let annotations = &after[3].body["metadata"]["annotations"];
        assert_eq!(annotations, &json!({"a": "b", "helm.sh/resource-policy": "keep"}));
        let documents = text.matches("---\n").count();
        assert_eq!(documents, 4, "an item of a list is a document of its own: {text}");
    }
}
