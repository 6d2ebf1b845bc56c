//! Jobs of our own: created, their end, the whole logs of their pods.

use std::sync::atomic::{AtomicU32, Ordering};

use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DynamicObject, LogParams, PostParams};
use serde_json::Value;

use super::objects::protocol;
use super::small::Pod;
use super::{ApiErrorKind, Cluster, KubeError, retry};
use crate::model::cluster::ObjectRef;

/// More of one pod's log is not read.
const LOG_BYTES: i64 = 4 * 1024 * 1024;

/// How a Job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// It has not ended.
    Running,
    /// All its pods succeeded.
    Complete,
    /// It failed: reason and message from Kubernetes.
    Failed(String),
}

/// The log of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeLog {
    /// As the pod wrote it: it may hold secrets.
    pub text: String,
    /// There was more than is read.
    pub cut: bool,
}

impl Cluster {
    /// Creates an object; one that exists by an earlier attempt whose response was lost counts as created.
    ///
    /// # Errors
    /// When the cluster does not serve its kind, or the API call fails.
    pub async fn create(&self, object: &Value) -> Result<(), KubeError> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let reference = ObjectRef::namespaced(text("/apiVersion"), text("/kind"), namespace, name);
        let what = reference.to_string();
        let api = self.api_of(&reference).await?;
        let api = api.ok_or_else(|| protocol("create", &what, "the cluster does not serve this kind"))?;
        let body: DynamicObject =
            serde_json::from_value(object.clone()).map_err(|err| protocol("create", &what, &err.to_string()))?;
        let attempts = AtomicU32::new(0);
        let post = || {
            attempts.fetch_add(1, Ordering::Relaxed);
            let (api, body) = (api.clone(), body.clone());
            async move { api.create(&PostParams::default(), &body).await }
        };
        match retry::call("create", &what, post).await {
            Ok(_) => Ok(()),
            Err(err) if err.kind() == ApiErrorKind::Conflict && attempts.load(Ordering::Relaxed) > 1 => Ok(()),
            Err(err) => Err(err),
        }
    }

    /// Whether a Job has ended, and how; `None` if it does not exist.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn job_end(&self, namespace: &str, name: &str) -> Result<Option<JobEnd>, KubeError> {
        let api: Api<Job> = Api::namespaced(self.client(), namespace);
        let found = retry::call("get", &format!("Job {namespace}/{name}"), || api.get_opt(name)).await?;
        Ok(found.map(|job| job_end(&job)))
    }

    /// The log of a pod from its start, secrets included: nothing of it may be shown as it is.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn whole_log(&self, namespace: &str, pod: &str) -> Result<WholeLog, KubeError> {
        let api: Api<Pod> = Api::namespaced(self.client(), namespace);
        let params = LogParams { limit_bytes: Some(LOG_BYTES), ..LogParams::default() };
        match retry::call("read", &format!("the log of pod {namespace}/{pod}"), || api.logs(pod, &params)).await {
            Ok(text) => Ok(WholeLog { cut: i64::try_from(text.len()).is_ok_and(|bytes| bytes >= LOG_BYTES), text }),
            // Gone, or its container waits to start.
            Err(err) if matches!(err.kind(), ApiErrorKind::NotFound | ApiErrorKind::Invalid) => {
                Ok(WholeLog { text: String::new(), cut: false })
            }
            Err(err) => Err(err),
        }
    }
}

fn job_end(job: &Job) -> JobEnd {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    for condition in conditions.filter(|condition| condition.status == "True") {
        match condition.type_.as_str() {
            "Complete" => return JobEnd::Complete,
            "Failed" => {
                let said = [&condition.reason, &condition.message].into_iter().flatten().map(String::as_str);
                return JobEnd::Failed(said.collect::<Vec<_>>().join(": "));
            }
            _ => {}
        }
    }
    JobEnd::Running
}
