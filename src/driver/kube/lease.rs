//! The Lease that locks out a second run.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions};
use tokio::time::timeout;

use super::{ApiError, ApiErrorKind, Cluster, KubeError, retry};
use crate::model::lock::{Holder, LOCK_LASTS, Lock, Process};
use crate::model::{STATE_LEASE, STATE_NAMESPACE, mark};

/// How long a renewal may take: it is retried soon, and must not outlive the lock.
const RENEWAL: Duration = Duration::from_secs(5);

const COMMAND: &str = "windlass.dev/command";
const RUN: &str = "windlass.dev/run";
const PROCESS: &str = "windlass.dev/process";

impl Cluster {
    /// The lock, if somebody holds one.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn lock(&self) -> Result<Option<Lock>, KubeError> {
        let api = self.leases();
        let found = retry::call("get", &what(), || api.get_opt(STATE_LEASE)).await?;
        Ok(found.map(lock_of))
    }

    /// Takes the lock: a new one, or in place of `old`, if that is unchanged. `None` if somebody was faster. The
    /// namespace is created where it is missing.
    ///
    /// # Errors
    /// When the API refuses. After an error that may pass, the lock may have been taken all the same.
    pub async fn take_lock(
        &self,
        holder: &Holder,
        old: Option<&Lock>,
        now: Timestamp,
    ) -> Result<Option<Lock>, KubeError> {
        self.ensure_namespace(STATE_NAMESPACE, &mark()).await?;
        let lock = Lock {
            who: holder.who.clone(),
            command: holder.command.clone(),
            run: holder.run.clone(),
            process: Some(holder.process.clone()),
            since: Some(now),
            renewed: Some(now),
            lasts: LOCK_LASTS,
            transitions: old.map_or(0, |old| old.transitions.saturating_add(1)),
            version: old.map(|old| old.version.clone()).unwrap_or_default(),
        };
        let lease = lease_of(&lock);
        let params = PostParams::default();
        // Sent once: an answer that is lost after the write must not be taken for somebody else's lock.
        let sent = match old {
            None => self.leases().create(&params, &lease).await,
            Some(_) => self.leases().replace(STATE_LEASE, &params, &lease).await,
        };
        match sent {
            Ok(taken) => Ok(Some(lock_of(taken))),
            Err(err) => {
                let source = ApiError::from(&err);
                match source.kind {
                    ApiErrorKind::AlreadyExists | ApiErrorKind::Conflict | ApiErrorKind::NotFound => Ok(None),
                    _ => Err(KubeError { verb: "acquire", what: what(), source }),
                }
            }
        }
    }

    /// Renews the lock at the API server's own time. `None` if the holder no longer has it.
    ///
    /// # Errors
    /// When the API call fails or times out; then the state of the lock is unknown.
    pub async fn renew_lock(&self, lock: &Lock) -> Result<Option<Lock>, KubeError> {
        let failed = |source| KubeError { verb: "renew", what: what(), source };
        let mut version = lock.version.clone();
        let attempt = async {
            // Read each time: a clock that was set since, here or there, would let the lock expire, or outlast its run.
            let now = self.date().await.map_err(|err| ApiError::from(&err))?.0.ok_or_else(no_date)?;
            // A write of ours whose response was lost, or somebody's label: it is ours while the run is the same.
            for _ in 0..3 {
                // A patch, not a replacement: that would create a Lease again that somebody deleted.
                let patch = serde_json::json!({
                    "metadata": {"resourceVersion": version},
                    "spec": {"renewTime": MicroTime(now)},
                });
                match self.leases().patch(STATE_LEASE, &PatchParams::default(), &Patch::Merge(patch)).await {
                    Ok(renewed) => return Ok(Some(lock_of(renewed))),
                    Err(err) => match ApiError::from(&err) {
                        source if source.kind == ApiErrorKind::NotFound => return Ok(None),
                        source if source.kind != ApiErrorKind::Conflict => return Err(source),
                        _ => {}
                    },
                }
                let found = self.leases().get_opt(STATE_LEASE).await.map_err(|err| ApiError::from(&err))?;
                match found.map(lock_of) {
                    Some(found) if found.run == lock.run => version = found.version,
                    _ => return Ok(None),
                }
            }
            Err(ApiError::new(ApiErrorKind::Conflict, "another client keeps changing it"))
        };
        let late = || ApiError::new(ApiErrorKind::Timeout, "timed out waiting for the API server");
        timeout(RENEWAL, attempt).await.unwrap_or_else(|_| Err(late())).map_err(failed)
    }

    /// Releases the lock, whoever holds it; `false` if it had changed.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn drop_lock(&self, lock: &Lock) -> Result<bool, KubeError> {
        let only = Preconditions { resource_version: Some(lock.version.clone()), uid: None };
        let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
        let api = self.leases();
        match retry::call("delete", &what(), || api.delete(STATE_LEASE, &params)).await {
            Ok(_) => Ok(true),
            Err(err) if matches!(err.kind(), ApiErrorKind::NotFound | ApiErrorKind::Conflict) => Ok(false),
            Err(err) => Err(err),
        }
    }

    /// The API server's time, to the second.
    ///
    /// # Errors
    /// When the API call fails, or its response has no time.
    pub async fn now(&self) -> Result<Timestamp, KubeError> {
        Ok(self.clock().await?.0)
    }

    /// How far the API server's clock is ahead of this machine's, to the second.
    ///
    /// # Errors
    /// When the API call fails, or its response has no time.
    pub async fn clock_ahead(&self) -> Result<SignedDuration, KubeError> {
        let (there, here) = self.clock().await?;
        Ok(there.duration_since(here))
    }

    async fn clock(&self) -> Result<(Timestamp, Timestamp), KubeError> {
        let what = "the API server's clock";
        let (there, here) = retry::call("get", what, || self.date()).await?;
        let failed = |source| KubeError { verb: "get", what: what.to_owned(), source };
        Ok((there.ok_or_else(no_date).map_err(failed)?, here))
    }

    /// The Date of a response, and this machine's time when it was requested.
    async fn date(&self) -> Result<(Option<Timestamp>, Timestamp), kube::Error> {
        let request = http::Request::get("/version").body(kube::client::Body::empty());
        let request = request.map_err(kube::Error::HttpError)?;
        let here = Timestamp::now();
        let response = self.client().send(request).await?;
        let date = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        let there = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        Ok((there.map(|there| there.timestamp()), here))
    }

    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client(), STATE_NAMESPACE)
    }
}

fn no_date() -> ApiError {
    ApiError::new(ApiErrorKind::Protocol, "the response has no Date header")
}

fn what() -> String {
    format!("Lease {STATE_NAMESPACE}/{STATE_LEASE}")
}

fn lease_of(lock: &Lock) -> Lease {
    let mut annotations =
        BTreeMap::from([(COMMAND.to_owned(), lock.command.clone()), (RUN.to_owned(), lock.run.clone())]);
    annotations.extend(lock.process.as_ref().map(|process| (PROCESS.to_owned(), process.to_string())));
    Lease {
        metadata: ObjectMeta {
            name: Some(STATE_LEASE.to_owned()),
            annotations: Some(annotations),
            resource_version: Some(lock.version.clone()).filter(|version| !version.is_empty()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(lock.who.clone()),
            acquire_time: lock.since.map(MicroTime),
            renew_time: lock.renewed.map(MicroTime),
            lease_duration_seconds: i32::try_from(lock.lasts.as_secs()).ok(),
            lease_transitions: Some(lock.transitions),
            ..LeaseSpec::default()
        }),
    }
}

fn lock_of(lease: Lease) -> Lock {
    let mut annotations = lease.metadata.annotations.unwrap_or_default();
    let spec = lease.spec.unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Lock {
        who: spec.holder_identity.unwrap_or_default(),
        command: annotations.remove(COMMAND).unwrap_or_default(),
        run: annotations.remove(RUN).unwrap_or_default(),
        process: annotations.get(PROCESS).and_then(|text| Process::parse(text)),
        since: spec.acquire_time.map(|time| time.0),
        renewed: spec.renew_time.map(|time| time.0),
        lasts: seconds.map_or(LOCK_LASTS, Duration::from_secs),
        transitions: spec.lease_transitions.unwrap_or_default(),
        version: lease.metadata.resource_version.unwrap_or_default(),
    }
}
