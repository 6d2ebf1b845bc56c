//! Entries in services, compared with what actions want there.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;

use crate::answers::{Resolved, ResolvedAction, ResolvedComponent};
use crate::catalog::action::{ActionEffect, Ensure};
use crate::driver::http::{HttpError, differences};
use crate::driver::kube::{Cluster, Tunnels};
use crate::model::causes;
use crate::model::cluster::ReleaseKey;
use crate::model::observed::{Comparison, ObservedRelease};

/// How long a service may take before the plan is made without its answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why an entry that depends on the results of other actions is not observed.
pub const NEEDS_RUN_RESULTS: &str = "it depends on results that are only known during a run";

/// Step to what was found, or why nothing was. Services of releases that are not there, or not ready, are not asked.
pub(super) async fn observe(
    wanted: &Resolved,
    cluster: &Cluster,
    tunnels: &Tunnels,
    releases: &BTreeMap<ReleaseKey, ObservedRelease>,
) -> BTreeMap<String, Result<Comparison, String>> {
    let ready = |component: &&ResolvedComponent| {
        let release = component.release.as_ref();
        let found = release.and_then(|release| releases.get(&ReleaseKey::new(&release.namespace, &release.name)));
        found.is_some_and(|found| found.unready.is_empty())
    };
    let all = wanted.components.iter().filter(ready).flat_map(|component| {
        let actions = component.installs();
        actions.map(move |action| (component.namespace.as_deref().unwrap_or_default(), action))
    });
    let entries = all.filter_map(|(namespace, action)| match action.kind.leaves() {
        Some(ActionEffect::Entry(ensure)) => Some((namespace, action, ensure)),
        _ => None,
    });
    let observed = entries.map(|(namespace, action, ensure)| async move {
        let found = tokio::time::timeout(TIMEOUT, one(cluster, tunnels, namespace, action, ensure)).await;
        let found = found.unwrap_or_else(|_| Err(format!("{} timed out after {}s", ensure.service, TIMEOUT.as_secs())));
        (action.id.clone(), found)
    });
    join_all(observed).await.into_iter().collect()
}

async fn one(
    cluster: &Cluster,
    tunnels: &Tunnels,
    namespace: &str,
    action: &ResolvedAction,
    ensure: &Ensure,
) -> Result<Comparison, String> {
    if action.kind.needs_results() {
        return Err(NEEDS_RUN_RESULTS.to_owned());
    }
    let way = ensure.way(namespace);
    let opened = way.open(cluster, tunnels).await.map_err(|error| causes(&error).join(": "))?;
    let found = opened.service.look_up(&ensure.lookup(), opened.login.as_ref(), ensure.public).await;
    let want = ensure.want.with(&|name| opened.secret(name));
    let refused = |error: HttpError| {
        let place = way.login_place().filter(|_| error.refuses_login());
        let place = place.map(|place| format!("; the login is from {place}")).unwrap_or_default();
        format!("{}{place}", causes(&error).join(": "))
    };
    Ok(match found.map_err(refused)? {
        None => Comparison::Absent,
        Some(found) => match differences(&want, &found, &ensure.write_only) {
            differ if differ.is_empty() => Comparison::Same,
            differ => Comparison::Differs(format!("{} of {} differs", differ.join(", "), action.title)),
        },
    })
}
