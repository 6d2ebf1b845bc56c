//! Which pod a tunnel leads to, resolved again for each connection.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::Client;
use kube::api::{Api, ListParams};

use super::TunnelError;
use super::forward::Target;
use super::host::{Host, by_address, by_name, parse};
use crate::driver::kube::small::Pod;
use crate::driver::kube::{ApiErrorKind, KubeError, retry};

/// The target of a socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Address {
    Pod {
        namespace: String,
        pod: String,
        port: u16,
    },
    Service {
        namespace: String,
        service: String,
        port: String,
    },
    /// The namespace is for names without one.
    Host {
        namespace: String,
        host: String,
        port: u16,
    },
}

impl Address {
    /// The pod behind it now.
    pub(super) async fn resolve(&self, client: &Client) -> Result<Target, TunnelError> {
        match self {
            Self::Pod { namespace, pod, port } => {
                Ok(Target { namespace: namespace.clone(), pod: pod.clone(), port: *port, uid: None })
            }
            Self::Service { namespace, service, port } => behind_service(client, namespace, service, port).await,
            Self::Host { namespace, host, port } => behind_host(client, namespace, host, *port).await,
        }
    }
}

async fn behind_service(client: &Client, namespace: &str, name: &str, port: &str) -> Result<Target, TunnelError> {
    let what = format!("Service {namespace}/{name}");
    let failed = |source: KubeError| TunnelError::Resolve { target: what.clone(), source: Arc::new(source) };
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let service = retry::call("get", &what, || services.get_opt(name))
        .await
        .map_err(failed)?
        .ok_or_else(|| TunnelError::NoService { namespace: namespace.to_owned(), service: name.to_owned() })?;
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
    let params = ListParams::default().labels(&format!("kubernetes.io/service-name={name}"));
    let slices =
        retry::call("list", &format!("the endpoints of {what}"), || slices.list(&params)).await.map_err(failed)?;
    pick(&service, &slices.items, namespace, name, port)
}

/// A ready pod of the Service, and the port there that the Service's port leads to.
fn pick(
    service: &Service,
    slices: &[EndpointSlice],
    namespace: &str,
    name: &str,
    port: &str,
) -> Result<Target, TunnelError> {
    let number: Option<i32> = port.parse().ok();
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let wanted = ports.into_iter().find(|it| it.name.as_deref() == Some(port) || number == Some(it.port));
    let Some(wanted) = wanted else {
        return Err(TunnelError::NoPort {
            namespace: namespace.to_owned(),
            service: name.to_owned(),
            port: port.to_owned(),
        });
    };
    let target_number = match &wanted.target_port {
        Some(IntOrString::Int(target)) => Some(*target),
        Some(IntOrString::String(_)) => None,
        None => Some(wanted.port),
    };
    let wanted_name = wanted.name.as_deref().unwrap_or_default();
    for slice in slices {
        // A slice has the number of a named target port, for all of its pods.
        let in_slice = slice.ports.iter().flatten().find(|it| it.name.as_deref().unwrap_or_default() == wanted_name);
        let Some(number) = in_slice.and_then(|it| it.port).or(target_number) else { continue };
        let Ok(port) = u16::try_from(number) else { continue };
        for endpoint in &slice.endpoints {
            let ready = endpoint
                .conditions
                .as_ref()
                .is_none_or(|conditions| conditions.ready != Some(false) && conditions.terminating != Some(true));
            let pod = endpoint.target_ref.as_ref().filter(|it| it.kind.as_deref() == Some("Pod"));
            let uid = pod.and_then(|it| it.uid.clone());
            if let (true, Some(pod)) = (ready, pod.and_then(|it| it.name.clone())) {
                return Ok(Target { namespace: namespace.to_owned(), pod, port, uid });
            }
        }
    }
    Err(TunnelError::NoneReady { namespace: namespace.to_owned(), service: name.to_owned() })
}

async fn behind_host(client: &Client, namespace: &str, host: &str, port: u16) -> Result<Target, TunnelError> {
    let target = |pod: &Pod| {
        let meta = &pod.metadata;
        let (namespace, pod) = (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
        Target { namespace, pod, port, uid: meta.uid.clone() }
    };
    let unknown = || TunnelError::NoPod { host: host.to_owned() };
    let found = match parse(host) {
        Host::Pod { namespace, pod } => Ok(Target { namespace, pod, port, uid: None }),
        Host::Service { namespace, service } => behind_service(client, &namespace, &service, &port.to_string()).await,
        Host::Address { namespace: given, address } => {
            let selector = ListParams::default().fields(&format!("status.podIP={address}"));
            let everywhere: Api<Pod> = Api::all(client.clone());
            let here: Api<Pod> = Api::namespaced(client.clone(), given.as_deref().unwrap_or(namespace));
            let listed = match given {
                Some(_) => list(&here, &selector, host).await,
                // Not everybody may see all pods.
                None => match list(&everywhere, &selector, host).await {
                    Err((_, ApiErrorKind::Forbidden)) => list(&here, &selector, host).await,
                    other => other,
                },
            };
            let pods = listed.map_err(|(err, _)| err)?;
            by_address(&pods, &address, port).map(target).ok_or_else(unknown)
        }
        Host::Name(name) => {
            let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
            let pods = list(&pods, &ListParams::default(), host).await.map_err(|(err, _)| err)?;
            by_name(&pods, &name, port).map(target).ok_or_else(unknown)
        }
    }?;
    // The name comes from HDFS and may be anything: only pods of the release's namespace are allowed.
    if found.namespace == namespace { Ok(found) } else { Err(unknown()) }
}

async fn list(api: &Api<Pod>, params: &ListParams, host: &str) -> Result<Vec<Pod>, (TunnelError, ApiErrorKind)> {
    match retry::call("list", "pods", || api.list(params)).await {
        Ok(list) => Ok(list.items),
        Err(err) => {
            let kind = err.kind();
            Err((TunnelError::Resolve { target: host.to_owned(), source: Arc::new(err) }, kind))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service() -> Service {
        serde_json::from_value(json!({"metadata": {"name": "livy"}, "spec": {"ports": [
            {"name": "http", "port": 8998, "targetPort": "web"},
            {"name": "plain", "port": 80, "targetPort": 8080}]}}))
        .unwrap()
    }

    fn slice(ready: bool) -> EndpointSlice {
        serde_json::from_value(json!({"addressType": "IPv4", "metadata": {"name": "livy-x"},
            "ports": [{"name": "http", "port": 9998}, {"name": "plain", "port": 8080}],
            "endpoints": [
                {"addresses": ["10.0.0.1"], "conditions": {"ready": false}, "targetRef": {"kind": "Pod", "name": "starting"}},
                {"addresses": ["10.0.0.2"], "conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": "livy-0"}}]}))
        .unwrap()
    }

    #[test]
    fn a_ready_pod_and_its_own_port() {
        let pick = |port: &str| pick(&service(), &[slice(true)], "n", "livy", port);
        let at = |port: u16| Target { namespace: "n".to_owned(), pod: "livy-0".to_owned(), port, uid: None };
        assert_eq!(pick("8998").unwrap(), at(9998));
        assert_eq!(pick("http").unwrap(), at(9998));
        assert_eq!(pick("80").unwrap(), at(8080));
        assert!(matches!(pick("81"), Err(TunnelError::NoPort { .. })));
    }

    #[test]
    fn no_ready_pod_is_an_error() {
        let found = pick(&service(), &[slice(false)], "n", "livy", "http");
        assert_eq!(found.unwrap_err().to_string(), "Service n/livy has no ready pod");
        assert!(matches!(pick(&service(), &[], "n", "livy", "http"), Err(TunnelError::NoneReady { .. })));
    }
}
