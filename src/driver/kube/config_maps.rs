//! ConfigMaps of files: read, filled, removed.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, PostParams, Preconditions};
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
    /// What a ConfigMap holds; `None` if it is not there.
    ///
    /// # Errors
    /// When the API cannot be asked.
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

    /// Makes a ConfigMap hold these files and no others.
    ///
    /// # Errors
    /// When the API refuses or cannot be asked.
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
        let metadata =
            ObjectMeta { name: Some(name.to_owned()), labels: Some(labels.clone()), ..ObjectMeta::default() };
        let object = ConfigMap { metadata, data: Some(data), binary_data: Some(binary), ..ConfigMap::default() };
        let params = PostParams::default();
        // Whole: what somebody added by hand goes, which an apply would leave.
        match retry::call("replace", &what, || api.replace(name, &params, &object)).await {
            Err(err) if err.kind() == ApiErrorKind::NotFound => {}
            done => return done.map(drop),
        }
        match retry::call("create", &what, || api.create(&params, &object)).await {
            // An earlier attempt whose answer was lost made it.
            Err(err) if err.kind() == ApiErrorKind::Conflict => Ok(()),
            done => done.map(drop),
        }
    }

    /// Removes a ConfigMap that bears our mark. `false` if it is not there, or is somebody else's.
    ///
    /// # Errors
    /// When the API refuses or cannot be asked.
    pub async fn remove_own_files(&self, namespace: &str, name: &str) -> Result<bool, KubeError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client(), namespace);
        let what = what(namespace, name);
        let Some(found) = retry::call("get", &what, || api.get_opt(name)).await? else { return Ok(false) };
        if !found.metadata.labels.as_ref().is_some_and(is_marked) {
            return Ok(false);
        }
        // The one that was looked at: somebody may make another of the same name meanwhile.
        let preconditions = Preconditions { uid: found.metadata.uid, resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        match retry::call("delete", &what, || api.delete(name, &params)).await {
            Ok(_) => Ok(true),
            Err(err) if matches!(err.kind(), ApiErrorKind::NotFound | ApiErrorKind::Conflict) => Ok(false),
            Err(err) => Err(err),
        }
    }
}
