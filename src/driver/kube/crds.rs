//! Custom Resource Definitions: applied, waited for, and which objects of their kinds exist.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::{Api, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams};
use kube::core::{ObjectList, ObjectMeta, PartialObjectMeta};
use kube::discovery::ApiResource;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::condition::has_condition;
use super::objects::protocol;
use super::{ApiErrorKind, Cluster, KubeError, retry};
use crate::model::cluster::{Drift, ManifestObject, ObjectRef};
use crate::model::observed::{CrdComparison, CrdRemains};
use crate::model::{CRD, Ignored, Progress, ProgressSink, crd_ref};

/// Who we are in `managedFields`.
const FIELD_MANAGER: &str = "windlass";

/// How long to pause between polls.
const PAUSE: Duration = Duration::from_millis(500);

/// How many objects of a kind are counted, and how many are named.
const COUNTED: u32 = 500;
const NAMED: usize = 4;

impl Cluster {
    /// Creates an object or brings it to this content by server-side apply as `windlass`, whoever wrote it before.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn apply(&self, object: &ManifestObject) -> Result<(), KubeError> {
        let what = object.object.to_string();
        let api = self.api_of(&object.object).await?;
        let api = api.ok_or_else(|| protocol("apply", &what, "the cluster does not serve its kind"))?;
        let body: DynamicObject = serde_json::from_value(object.body.clone())
            .map_err(|error| protocol("apply", &what, &error.to_string()))?;
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let (name, patch) = (&object.object.name, Patch::Apply(&body));
        retry::call("apply", &what, || api.patch(name, &params, &patch)).await.map(drop)
    }

    /// How definitions, each of a name of its own, compare with what is there, and what differs in ignored fields.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn definitions(
        &self,
        wanted: &[ManifestObject],
        ignored: &Ignored,
    ) -> Result<(BTreeMap<String, CrdComparison>, Vec<Drift>), KubeError> {
        let mut found: BTreeMap<String, CrdComparison> =
            wanted.iter().map(|crd| (crd.object.name.clone(), CrdComparison::Same)).collect();
        let compared = self.compared(wanted, ignored).await?;
        for drift in compared.drift {
            let name = drift.object.name.clone();
            let live = if drift.is_gone() { None } else { self.get(&drift.object).await? };
            let how = live.map_or(CrdComparison::Absent, |live| {
                let body = wanted.iter().find(|crd| crd.object.name == name).map(|crd| &crd.body);
                match body.and_then(|body| lacking_storage_version(body, &live)) {
                    None => CrdComparison::Differs(drift.to_string()),
                    Some(version) => CrdComparison::Newer(format!(
                        "{} is kept: the chart's definition is older and lacks {version}, the storage version",
                        drift.object
                    )),
                }
            });
            found.insert(name, how);
        }
        Ok((found, compared.ignored))
    }

    /// Waits until the API serves the kinds of these definitions; returns those that it does not after `deadline`, with
    /// why.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn wait_established(
        &self,
        names: &[String],
        deadline: Duration,
        progress: &ProgressSink,
    ) -> Result<Vec<String>, KubeError> {
        let end = Instant::now() + deadline;
        let mut left: Vec<String> = names.to_vec();
        loop {
            let (mut waiting, mut still) = (Vec::new(), Vec::new());
            for name in left {
                let how = match self.get(&crd_ref(&name)).await? {
                    None => Err("not found in the cluster".to_owned()),
                    // Its name may be taken: that does not pass by itself.
                    Some(found) => match has_condition(&found, "NamesAccepted", "False") {
                        Ok(()) => has_condition(&found, "NamesAccepted", "True"),
                        Err(_) => has_condition(&found, "Established", "True"),
                    },
                };
                if let Err(how) = how {
                    waiting.push(format!("{CRD} {name}: {how}"));
                    still.push(name);
                }
            }
            if waiting.is_empty() || Instant::now() >= end {
                return Ok(waiting);
            }
            progress(Progress::Waiting(waiting.join("; ")));
            left = still;
            sleep(PAUSE).await;
        }
    }

    /// Which objects of a kind exist, by the name of its definition; `None` where there is no such definition.
    ///
    /// # Errors
    /// When the API call fails. That the objects may not be listed is part of the result.
    pub async fn crd_remains(&self, definition: &str) -> Result<Option<CrdRemains>, KubeError> {
        let found = match self.get(&crd_ref(definition)).await {
            Err(error) if error.kind() == ApiErrorKind::Forbidden => return Ok(Some(CrdRemains::default())),
            found => found?,
        };
        let Some(found) = found else { return Ok(None) };
        let mut of_kind = CrdRemains {
            group: text(&found, "/spec/group"),
            kind: text(&found, "/spec/names/kind"),
            ..CrdRemains::default()
        };
        match self.objects_of(&found).await {
            Ok(list) => {
                let more = list.metadata.remaining_item_count.and_then(|more| u64::try_from(more).ok());
                of_kind.count = Some(list.items.len() as u64 + more.unwrap_or(0));
                of_kind.names = list.items.iter().take(NAMED).map(|item| place(&item.metadata)).collect();
            }
            Err(error) if error.kind() == ApiErrorKind::Forbidden => {}
            Err(error) if error.kind() == ApiErrorKind::NotFound => of_kind.count = Some(0),
            Err(error) => return Err(error),
        }
        Ok(Some(of_kind))
    }

    /// The objects of a kind whose deletion waits for finalizers, each described with them.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn held_by_finalizers(&self, definition: &str) -> Result<Vec<String>, KubeError> {
        let Some(found) = self.get(&crd_ref(definition)).await? else { return Ok(Vec::new()) };
        let kind = text(&found, "/spec/names/kind");
        let list = self.objects_of(&found).await?;
        let held = list.items.iter().filter(|item| item.metadata.deletion_timestamp.is_some());
        let held = held.filter_map(|item| Some((place(&item.metadata), item.metadata.finalizers.as_ref()?.join(", "))));
        Ok(held.map(|(place, finalizers)| format!("{kind} {place} (finalizers {finalizers})")).collect())
    }

    /// The first of the objects of a definition's kind.
    async fn objects_of(&self, definition: &Value) -> Result<ObjectList<PartialObjectMeta<DynamicObject>>, KubeError> {
        let version = stored_in(definition).unwrap_or_default();
        let (group, kind) = (text(definition, "/spec/group"), text(definition, "/spec/names/kind"));
        let kind = GroupVersionKind::gvk(&group, version, &kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, &text(definition, "/spec/names/plural"));
        let all: Api<DynamicObject> = Api::all_with(self.client(), &resource);
        let params = ListParams::default().limit(COUNTED);
        retry::call("list", &format!("{}s", kind.kind), || all.list_metadata(&params)).await
    }

    /// The finalizers of an object that is being deleted: what it waits for.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn finalizers(&self, object: &ObjectRef) -> Result<Vec<String>, KubeError> {
        let found = self.get(object).await?;
        let list = found.as_ref().and_then(|found| found.pointer("/metadata/finalizers")).and_then(Value::as_array);
        Ok(list.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }
}

fn versions(definition: &Value) -> impl Iterator<Item = &Value> {
    definition.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten()
}

/// The version in which objects are stored.
fn stored_in(definition: &Value) -> Option<&str> {
    versions(definition).find(|version| version["storage"] == true)?["name"].as_str()
}

/// The version in which objects are stored, where the wanted definition lacks it: it is older, and the API refuses it.
fn lacking_storage_version<'a>(wanted: &Value, live: &'a Value) -> Option<&'a str> {
    stored_in(live).filter(|stored| versions(wanted).all(|version| version["name"] != **stored))
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn place(metadata: &ObjectMeta) -> String {
    let name = metadata.name.clone().unwrap_or_default();
    metadata.namespace.as_ref().map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_definition_is_newer_where_the_chart_lacks_the_storage_version() {
        let versions = |names: &[&str]| {
            let versions: Vec<Value> = names
                .iter()
                .enumerate()
                .map(|(at, name)| json!({"name": name, "storage": at + 1 == names.len()}))
                .collect();
            // A version that was once stored stays in this list.
            json!({"spec": {"versions": versions}, "status": {"storedVersions": names}})
        };
        let lacking = |wanted: &[&str], live: &[&str]| {
            lacking_storage_version(&versions(wanted), &versions(live)).map(str::to_owned)
        };
        assert_eq!(lacking(&["v1"], &["v1", "v2"]).as_deref(), Some("v2"));
        assert_eq!(lacking(&["v1", "v2"], &["v1"]), None);
        assert_eq!(lacking(&["v1"], &["v1"]), None);
        // An upgrade that drops an old version is not an older one: what the API says about it is reported.
        assert_eq!(lacking(&["v1"], &["v1alpha1", "v1"]), None);
        assert_eq!(lacking(&["v1", "v2"], &["v1alpha1", "v1"]), None);
    }
}
