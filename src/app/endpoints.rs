//! The endpoints of what is installed, from outside the cluster: Ingresses with their addresses, and the logins there.

use std::net::IpAddr;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::answers::logins_as_installed;
use crate::catalog::Catalog;
use crate::driver::kube::{Cluster, KubeError};
use crate::driver::names::leads_to;
use crate::model::Login;
use crate::model::ingress::Ingress;
use crate::model::site::IngressClass;
use crate::model::state::{ComponentState, InstallState};
use crate::render::Endpoint;

/// How long an install waits until Ingresses have addresses. A controller that is there gives one within seconds, and a
/// load balancer of a cloud takes about a minute.
pub(super) const ADDRESS: Duration = Duration::from_secs(60);

/// How often they are read meanwhile.
const PAUSE: Duration = Duration::from_secs(1);

/// Finds the endpoints of components.
pub(super) struct Endpoints<'a> {
    cluster: &'a Cluster,
    /// The definitions, with the instances that are installed; without them logins are unknown.
    catalog: Option<Catalog>,
    state: &'a InstallState,
    classes: Result<Vec<IngressClass>, KubeError>,
    /// The deadline for addresses, and what ends the wait before.
    until: Instant,
    stop: CancellationToken,
}

impl<'a> Endpoints<'a> {
    /// For what is installed. With `wait`, Ingresses get so long to have an address, all at the same time.
    pub(super) async fn new(
        cluster: &'a Cluster,
        catalog: Option<&Catalog>,
        state: &'a InstallState,
        wait: Duration,
        stop: &CancellationToken,
    ) -> Self {
        let catalog = catalog.map(|all| all.with_instances(state.components.keys().map(String::as_str)).into_owned());
        let asked = state.components.values().any(|known| known.record.endpoints.iter().any(|it| it.2.is_some()));
        let classes = if asked { cluster.ingress_classes().await } else { Ok(Vec::new()) };
        Self { cluster, catalog, state, classes, until: Instant::now() + wait, stop: stop.clone() }
    }

    /// The endpoints of a component.
    pub(super) async fn of(&self, id: &str, component: &ComponentState) -> Vec<Endpoint> {
        let mut logins = self.catalog.as_ref().map(|all| logins(all, self.state, id)).unwrap_or_default();
        let outside = component.record.endpoints.iter().map(|(_, url, ingress)| async move {
            match (ingress, &component.record.release) {
                (Some(name), Some(key)) => self.outside(&key.namespace, name, url.as_deref()).await,
                _ => IngressEndpoint::default(),
            }
        });
        let outside = join_all(outside).await;
        let endpoints = component.record.endpoints.iter().zip(outside).map(|((title, url, _), outside)| Endpoint {
            title: title.clone(),
            url: url.clone(),
            ingress: outside.url,
            address: outside.address,
            unresolved: outside.unresolved,
            closed: outside.closed,
            // Two of one title are in the order of the definition.
            login: logins.iter().position(|(of, _)| of == title).map(|at| logins.remove(at).1),
        });
        endpoints.collect()
    }

    /// Those of all components.
    pub(super) async fn all(&self) -> Vec<Endpoint> {
        let each = self.state.components.iter().map(|(id, component)| self.of(id, component));
        join_all(each).await.into_iter().flatten().collect()
    }

    /// The address through an Ingress; empty where there is none.
    async fn outside(&self, namespace: &str, name: &str, inside: Option<&str>) -> IngressEndpoint {
        let mut waited = false;
        let ingress = loop {
            // The run has ended; what cannot be read now is omitted.
            let Some(ingress) = self.cluster.ingress(namespace, name).await.ok().flatten() else {
                return IngressEndpoint::default();
            };
            let over = Instant::now() + PAUSE > self.until || self.stop.is_cancelled();
            if ingress.address.is_some() || over || no_controller(&ingress, self.classes.as_deref()).is_some() {
                break ingress;
            }
            waited = true;
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = self.stop.cancelled() => {}
            }
        };
        let Some(address) = ingress.address.clone() else {
            let closed = no_controller(&ingress, self.classes.as_deref()).unwrap_or_else(|| {
                let waited = if waited && !self.stop.is_cancelled() { " in time" } else { "" };
                let class = ingress.class.as_ref().map(|class| format!(" of class {class}")).unwrap_or_default();
                format!("no controller{class} has given Ingress {namespace}/{name} an address{waited}")
            });
            return IngressEndpoint { closed: Some(closed), ..IngressEndpoint::default() };
        };
        let service =
            inside.and_then(|url| url.split_once("://")).and_then(|(_, rest)| rest.split(['.', ':', '/']).next());
        let Some((url, host)) = ingress.url(service) else { return IngressEndpoint::default() };
        let unresolved = match (host, address.parse::<IpAddr>()) {
            (Some(host), Ok(ip)) if self.cluster.uses_dns() && !leads_to(host, ip).await => Some(host.to_owned()),
            _ => None,
        };
        IngressEndpoint { url: Some(url), address: Some(address), unresolved, closed: None }
    }
}

/// The logins to a component's endpoints, by their titles. The catalog has the instances that are installed.
pub(super) fn logins(catalog: &Catalog, state: &InstallState, id: &str) -> Vec<(String, Login)> {
    let Some(record) = state.components.get(id).map(|known| &known.record) else { return Vec::new() };
    // Of several that export the same it was installed with one.
    let used = |other: &str| record.requires.contains(other);
    let catalog = catalog.with_providers(used);
    let known = catalog.components.get(id).zip(record.release.as_ref());
    known.map(|(known, release)| logins_as_installed(known, used, release, &state.answers)).unwrap_or_default()
}

/// An address through an Ingress.
#[derive(Default)]
struct IngressEndpoint {
    url: Option<String>,
    address: Option<String>,
    unresolved: Option<String>,
    closed: Option<String>,
}

/// Why no controller serves an Ingress, as far as the classes show.
fn no_controller(ingress: &Ingress, classes: Result<&[IngressClass], &KubeError>) -> Option<String> {
    // Without the right to list them nothing is known.
    let classes = classes.ok()?;
    if classes.is_empty() {
        return Some("the cluster has no ingress controller (no IngressClass)".to_owned());
    }
    let there = || classes.iter().map(|class| class.name.as_str()).collect::<Vec<_>>().join(", ");
    match &ingress.class {
        Some(class) if !classes.iter().any(|known| known.name == *class) => {
            Some(format!("the cluster has no IngressClass {class}; available: {}", there()))
        }
        None if !classes.iter().any(|class| class.default) => {
            Some(format!("the Ingress has no class, and there is no default; available: {}", there()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use axum::response::IntoResponse as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::driver::state_store::tests::connected;
    use crate::model::cluster::ReleaseKey;

    /// An API whose Ingress has an address from this read on; also the number of reads.
    async fn serve(from: u32, classes: Value) -> (Cluster, Arc<AtomicU32>) {
        let reads = Arc::new(AtomicU32::new(0));
        let counted = reads.clone();
        let answer = move |uri: axum::http::Uri| {
            let body = match uri.path() {
                "/version" => json!({"major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "",
                    "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "gc", "platform": "linux/amd64"}),
                path if path.ends_with("/ingressclasses") => {
                    json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": classes})
                }
                _ => {
                    let there = counted.fetch_add(1, Relaxed) + 1 >= from;
                    let points = if there { json!([{"hostname": "lb.cloud"}]) } else { Value::Null };
                    let path = json!({"pathType": "Prefix", "path": "/", "backend": {}});
                    json!({"metadata": {"name": "web"}, "status": {"loadBalancer": {"ingress": points}},
                        "spec": {"ingressClassName": "c", "rules": [{"host": "a.site", "http": {"paths": [path]}}]}})
                }
            };
            std::future::ready(axum::Json(body).into_response())
        };
        (connected(axum::Router::new().fallback(answer)).await, reads)
    }

    fn installed() -> InstallState {
        let mut state = InstallState::default();
        let record = &mut state.components.entry("web".to_owned()).or_default().record;
        record.release = Some(ReleaseKey::new("ns", "web"));
        record.endpoints = vec![("Web".to_owned(), None, Some("web".to_owned()))];
        state
    }

    #[tokio::test]
    async fn addresses_are_waited_for_and_not_for_ever() {
        let class = json!([{"metadata": {"name": "c"}, "spec": {}}]);
        let (state, running) = (installed(), CancellationToken::new());
        let all = async |from: u32, classes: &Value, wait: Duration, stop: &CancellationToken| {
            let (cluster, reads) = serve(from, classes.clone()).await;
            let mut found = Endpoints::new(&cluster, None, &state, wait, stop).await.all().await;
            (found.remove(0), reads.load(Relaxed))
        };
        let (found, reads) = all(2, &class, ADDRESS, &running).await;
        assert_eq!((found.ingress.as_deref(), found.address.as_deref()), (Some("http://a.site"), Some("lb.cloud")));
        assert_eq!((found.closed, reads), (None, 2));
        let in_time = "no controller of class c has given Ingress ns/web an address in time";
        let (found, reads) = all(9, &class, Duration::from_millis(1500), &running).await;
        assert_eq!((found.closed.as_deref(), reads), (Some(in_time), 2));
        // `status` does not wait, nor does a run that was stopped, nor anything without a controller.
        let (found, reads) = all(9, &class, Duration::ZERO, &running).await;
        assert_eq!(
            (found.closed.as_deref(), reads),
            in_time.strip_suffix(" in time").map(|text| (Some(text), 1)).unwrap()
        );
        let stop = CancellationToken::new();
        stop.cancel();
        assert_eq!(all(9, &class, ADDRESS, &stop).await.1, 1);
        let (found, reads) = all(9, &json!([]), ADDRESS, &running).await;
        assert!(found.closed.is_some_and(|why| why.contains("no ingress controller")));
        assert_eq!(reads, 1);
    }

    #[test]
    fn a_missing_controller_is_reported() {
        let class = |name: &str, default| IngressClass { name: name.to_owned(), default };
        let of = |class: Option<&str>| Ingress { class: class.map(str::to_owned), ..Ingress::default() };
        let why = |ingress: &Ingress, classes: &[IngressClass]| no_controller(ingress, Ok(classes));
        let none = "the cluster has no ingress controller (no IngressClass)";
        assert_eq!(why(&of(Some("nginx")), &[]).as_deref(), Some(none));
        let there = [class("nginx", false), class("traefik", false)];
        assert_eq!(why(&of(Some("nginx")), &there), None);
        let other = "the cluster has no IngressClass haproxy; available: nginx, traefik";
        assert_eq!(why(&of(Some("haproxy")), &there).as_deref(), Some(other));
        assert!(why(&of(None), &there).unwrap().starts_with("the Ingress has no class, and there is no default"));
        assert_eq!(why(&of(None), &[class("nginx", true)]), None);
    }
}
