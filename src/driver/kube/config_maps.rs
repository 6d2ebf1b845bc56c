//! ConfigMaps of files: read, filled, removed.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, PostParams, Preconditions};
use kube::core::ObjectMeta;

use super::{ApiErrorKind, Cluster, KubeError, retry};
use crate::model::{FileTree, is_marked};

/// A ConfigMap as files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFiles {
    /// What it holds.
    pub files: FileTree,
    /// It bears our mark.
    pub ours: bool,
}

fn what(namespace: &str, name: &str) -> String {
    format!("ConfigMap {namespace}/{name}")
}

impl Cluster {
    /// What a ConfigMap holds; `None` if it does not exist.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn files(&self, namespace: &str, name: &str) -> Result<Option<FoundFiles>, KubeError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client(), namespace);
        let found = retry::call("get", &what(namespace, name), || api.get_opt(name)).await?;
        Ok(found.map(|found| {
            let texts = found.data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
            let bytes = found.binary_data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0));
            let ours = found.metadata.labels.as_ref().is_some_and(is_marked);
            FoundFiles { files: FileTree::new(texts.chain(bytes).collect()), ours }
        }))
    }

    /// Creates an immutable ConfigMap of these files. One of that name that is ours and holds other content, as
    /// somebody may have put there, is replaced.
    ///
    /// # Errors
    /// When it is somebody else's, or the API call fails.
    pub async fn put_files(
        &self,
        namespace: &str,
        name: &str,
        files: &FileTree,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), KubeError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client(), namespace);
        let what = what(namespace, name);
        let (mut data, mut binary) = (BTreeMap::new(), BTreeMap::new());
        for (key, bytes) in files.iter() {
            match std::str::from_utf8(bytes) {
                Ok(text) => drop(data.insert(key.to_owned(), text.to_owned())),
                Err(_) => drop(binary.insert(key.to_owned(), ByteString(bytes.to_vec()))),
            }
        }
        let object = ConfigMap {
            metadata: ObjectMeta { name: Some(name.to_owned()), labels: Some(labels.clone()), ..ObjectMeta::default() },
            data: Some(data),
            binary_data: Some(binary),
            immutable: Some(true),
        };
        let params = PostParams::default();
        let create = || retry::call("create", &what, || api.create(&params, &object));
        match create().await {
            Err(err) if err.kind() == ApiErrorKind::Conflict => {}
            done => return done.map(drop),
        }
        // Created by an earlier attempt whose response was lost, or by hand.
        if self.files(namespace, name).await?.is_some_and(|found| found.ours && found.files == *files) {
            return Ok(());
        }
        self.remove_own_files(namespace, name).await?;
        create().await.map(drop)
    }

    /// The names of ConfigMaps of files with these labels.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn files_by_label(&self, namespace: &str, selector: &str) -> Result<Vec<String>, KubeError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client(), namespace);
        let params = ListParams::default().labels(selector);
        let what = format!("ConfigMaps with {selector} in {namespace}");
        let found = retry::call("list", &what, || api.list_metadata(&params)).await?;
        Ok(found.items.into_iter().filter_map(|item| item.metadata.name).collect())
    }

    /// Removes a ConfigMap that bears our mark. `false` if it does not exist, or is somebody else's.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn remove_own_files(&self, namespace: &str, name: &str) -> Result<bool, KubeError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client(), namespace);
        let what = what(namespace, name);
        let Some(found) = retry::call("get", &what, || api.get_opt(name)).await? else { return Ok(false) };
        if !found.metadata.labels.as_ref().is_some_and(is_marked) {
            return Ok(false);
        }
        // Only the one that was read: somebody may create another of the same name meanwhile.
        let preconditions = Preconditions { uid: found.metadata.uid, resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        match retry::call("delete", &what, || api.delete(name, &params)).await {
            Ok(_) => Ok(true),
            Err(err) if matches!(err.kind(), ApiErrorKind::NotFound | ApiErrorKind::Conflict) => Ok(false),
            Err(err) => Err(err),
        }
    }
}
