//! Ingresses.

use k8s_openapi::api::networking::v1::Ingress as KubeIngress;
use kube::api::Api;

use super::{Cluster, KubeError, retry};
use crate::model::ingress::{Ingress, IngressPath};

/// Where the class was named before there was a field for it.
const OLD_CLASS: &str = "kubernetes.io/ingress.class";

impl Cluster {
    /// An Ingress, if it exists.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn ingress(&self, namespace: &str, name: &str) -> Result<Option<Ingress>, KubeError> {
        let api: Api<KubeIngress> = Api::namespaced(self.client(), namespace);
        let what = format!("Ingress {namespace}/{name}");
        Ok(retry::call("get", &what, || api.get_opt(name)).await?.map(outline))
    }
}

fn outline(ingress: KubeIngress) -> Ingress {
    let spec = ingress.spec.unwrap_or_default();
    let old = ingress.metadata.annotations.and_then(|mut all| all.remove(OLD_CLASS));
    let mut paths = Vec::new();
    for rule in spec.rules.into_iter().flatten() {
        for path in rule.http.into_iter().flat_map(|http| http.paths) {
            let service = path.backend.service.map(|service| service.name).unwrap_or_default();
            paths.push(IngressPath { host: rule.host.clone(), path: path.path.unwrap_or_default(), service });
        }
    }
    if let (true, Some(backend)) = (paths.is_empty(), spec.default_backend) {
        let service = backend.service.map(|service| service.name).unwrap_or_default();
        paths.push(IngressPath { service, ..IngressPath::default() });
    }
    let tls = spec.tls.into_iter().flatten().flat_map(|tls| match tls.hosts {
        Some(hosts) if !hosts.is_empty() => hosts,
        _ => vec![String::new()],
    });
    let points = ingress.status.and_then(|status| status.load_balancer).and_then(|balancer| balancer.ingress);
    let address = points.into_iter().flatten().find_map(|point| {
        let filled = |text: &String| !text.is_empty();
        point.ip.filter(filled).or(point.hostname.filter(filled))
    });
    Ingress { class: spec.ingress_class_name.or(old), paths, tls: tls.collect(), address }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Ingress {
        outline(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn what_counts_of_an_ingress() {
        let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
        let path = json!({"path": "/x", "pathType": "Prefix", "backend": backend});
        let found = read(json!({
            "metadata": {"name": "web"},
            "spec": {"ingressClassName": "nginx", "rules": [{"host": "a.site", "http": {"paths": [path]}}],
                "tls": [{"hosts": ["a.site"], "secretName": "s"}, {"secretName": "t"}]},
            "status": {"loadBalancer": {"ingress": [{}, {"hostname": "lb.cloud"}, {"ip": "10.0.0.1"}]}}}));
        let first = IngressPath { host: Some("a.site".to_owned()), path: "/x".to_owned(), service: "web".to_owned() };
        let tls = vec!["a.site".to_owned(), String::new()];
        let (class, address) = (Some("nginx".to_owned()), Some("lb.cloud".to_owned()));
        assert_eq!(found, Ingress { class, paths: vec![first], tls, address });

        let found = read(json!({"metadata": {"annotations": {OLD_CLASS: "old"}}, "spec": {"defaultBackend": backend},
            "status": {"loadBalancer": {}}}));
        assert_eq!((found.class.as_deref(), found.address), (Some("old"), None));
        assert_eq!(found.paths[0].service, "web");
        assert_eq!(read(json!({"metadata": {}})), Ingress::default());
    }
}
