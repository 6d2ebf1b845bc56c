//! Secrets that hold the state of windlass: replaced only in the version that was read.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, PostParams};
use kube::core::ObjectMeta;

use super::{ApiErrorKind, Cluster, KubeError, retry};

/// A Secret as it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// The version to replace.
    pub version: String,
    /// What it holds.
    pub data: BTreeMap<String, Vec<u8>>,
}

impl Cluster {
    /// A Secret's bytes and version; `None` if it does not exist.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn stored_secret(&self, namespace: &str, name: &str) -> Result<Option<StoredSecret>, KubeError> {
        let api: Api<Secret> = Api::namespaced(self.client(), namespace);
        let found = retry::call("get", &what(namespace, name), || api.get_opt(name)).await?;
        Ok(found.map(|found| StoredSecret {
            version: found.metadata.resource_version.unwrap_or_default(),
            data: found.data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0)).collect(),
        }))
    }

    /// Creates a Secret.
    ///
    /// # Errors
    /// When it exists (even by a call of ours whose response was lost), or the API call fails.
    pub async fn create_stored(
        &self,
        namespace: &str,
        name: &str,
        data: BTreeMap<String, Vec<u8>>,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), KubeError> {
        let api: Api<Secret> = Api::namespaced(self.client(), namespace);
        let secret = secret(name, None, data, labels);
        let params = PostParams::default();
        retry::call("create", &what(namespace, name), || api.create(&params, &secret)).await.map(drop)
    }

    /// Replaces one version of a Secret with this content.
    ///
    /// # Errors
    /// `Conflict` or `NotFound` when that is not its version any more; else when the API call fails.
    pub async fn replace_stored(
        &self,
        namespace: &str,
        name: &str,
        version: &str,
        data: BTreeMap<String, Vec<u8>>,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), KubeError> {
        let api: Api<Secret> = Api::namespaced(self.client(), namespace);
        let secret = secret(name, Some(version), data, labels);
        let params = PostParams::default();
        retry::call("replace", &what(namespace, name), || api.replace(name, &params, &secret)).await.map(drop)
    }

    /// Deletes a Secret, if it exists.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn delete_stored(&self, namespace: &str, name: &str) -> Result<(), KubeError> {
        let api: Api<Secret> = Api::namespaced(self.client(), namespace);
        let params = DeleteParams::default();
        match retry::call("delete", &what(namespace, name), || api.delete(name, &params)).await {
            Err(error) if error.kind() != ApiErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn what(namespace: &str, name: &str) -> String {
    format!("Secret {namespace}/{name}")
}

fn secret(
    name: &str,
    version: Option<&str>,
    data: BTreeMap<String, Vec<u8>>,
    labels: &BTreeMap<String, String>,
) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            resource_version: version.map(str::to_owned),
            labels: Some(labels.clone()),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        data: Some(data.into_iter().map(|(key, bytes)| (key, ByteString(bytes))).collect()),
        ..Secret::default()
    }
}
