//! Pods, volumes, Ingresses and Secrets in what a chart rendered.

use std::collections::BTreeMap;

use serde_json::Value;

use super::admission::objections;
use super::types::{ClaimNeed, ContainerNeed, IngressNeed, Needs, PodNeed, Replicas, SecretNeed, SecretUse};
use crate::model::Quantity;
use crate::model::cluster::ManifestObject;
use crate::model::site::Amounts;

/// The label by which Helm's charts, ours among them, say which release a pod belongs to.
const INSTANCE: &str = "app.kubernetes.io/instance";

/// The text at a place of a JSON value, if there is one.
pub(crate) fn pointer_text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// Adds what an object needs.
pub(super) fn collect(object: &ManifestObject, needs: &mut Needs) {
    let Some(namespace) = &object.object.namespace else { return };
    let (body, name) = (&object.body, &object.object.name);
    let replicas = || body.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    match object.object.kind.as_str() {
        "Deployment" | "ReplicaSet" => pods(object, "/spec/template", Replicas::Count(replicas()), needs),
        "StatefulSet" => {
            pods(object, "/spec/template", Replicas::Count(replicas()), needs);
            for template in array(body, "/spec/volumeClaimTemplates") {
                let claim = pointer_text(template, "/metadata/name").unwrap_or_default();
                let first = body.pointer("/spec/ordinals/start").and_then(Value::as_u64).unwrap_or(0);
                for index in first..first.saturating_add(replicas()) {
                    needs.claims.push(claim_need(namespace, format!("{claim}-{name}-{index}"), template));
                }
            }
        }
        "DaemonSet" => pods(object, "/spec/template", Replicas::EveryNode, needs),
        "Job" => {
            let count = body.pointer("/spec/parallelism").and_then(Value::as_u64).unwrap_or(1);
            pods(object, "/spec/template", Replicas::Count(count), needs);
        }
        "CronJob" => pods(object, "/spec/jobTemplate/spec/template", Replicas::Count(1), needs),
        "Pod" => pods(object, "", Replicas::Count(1), needs),
        "PersistentVolumeClaim" => needs.claims.push(claim_need(namespace, name.clone(), body)),
        "Ingress" => {
            let old = pointer_text(body, "/metadata/annotations/kubernetes.io~1ingress.class");
            let class = pointer_text(body, "/spec/ingressClassName").or(old);
            needs.ingresses.push(IngressNeed { object: object.object.clone(), class: class.map(str::to_owned) });
            for tls in array(body, "/spec/tls") {
                secret(needs, namespace, tls["secretName"].as_str(), SecretUse::Tls);
            }
        }
        "NetworkPolicy" => {
            for peer in array(body, "/spec/ingress").flat_map(|rule| array(rule, "/from")) {
                // Some pods of a namespace are a component's that may come later; a whole one is what somebody answered.
                let labels = &peer["namespaceSelector"]["matchLabels"];
                if !peer["podSelector"].is_null() {
                    continue;
                }
                if let Some(name) = labels["kubernetes.io/metadata.name"].as_str() {
                    needs.peers.entry(name.to_owned()).or_insert_with(|| object.object.clone());
                }
            }
        }
        _ => {}
    }
}

/// Annotations by which ingress controllers ask for a login, by what follows the slash.
const LOGINS: [&str; 8] = [
    "auth-type",
    "auth-url",
    "auth-secret",
    "auth-tls-secret",
    "basic-auth-secret",
    "auth-signin",
    "router.middlewares",
    "plugins",
];

/// Whether an object is an entry from outside that requires no login itself.
pub(super) fn is_entry_without_login(object: &ManifestObject) -> bool {
    let body = &object.body;
    let way = match object.object.kind.as_str() {
        "Ingress" | "HTTPRoute" | "TCPRoute" | "TLSRoute" | "GRPCRoute" | "Route" | "IngressRoute"
        | "VirtualService" => true,
        "Service" => matches!(pointer_text(body, "/spec/type"), Some("LoadBalancer" | "NodePort")),
        _ => false,
    };
    let annotations = body.pointer("/metadata/annotations").and_then(Value::as_object);
    let asks = annotations.into_iter().flatten().any(|(name, value)| {
        let name = name.rsplit('/').next().unwrap_or_default();
        LOGINS.contains(&name) && value.as_str().is_some_and(|value| !value.trim().is_empty() && value != "none")
    });
    way && !(asks && object.object.kind == "Ingress")
}

fn pods(object: &ManifestObject, template: &str, replicas: Replicas, needs: &mut Needs) {
    let Some(template) = object.body.pointer(template) else { return };
    let Some(spec) = template.get("spec") else { return };
    let namespace = object.object.namespace.clone().unwrap_or_default();
    for name in array(spec, "/imagePullSecrets") {
        secret(needs, &namespace, name["name"].as_str(), SecretUse::Pull);
    }
    let container = |init: bool| {
        move |body: &Value| ContainerNeed {
            name: body["name"].as_str().unwrap_or_default().to_owned(),
            image: body["image"].as_str().unwrap_or_default().to_owned(),
            init: init && body["restartPolicy"] != "Always",
            requests: amounts(&body["resources"]["requests"]),
            limits: amounts(&body["resources"]["limits"]),
        }
    };
    let containers = array(spec, "/initContainers").map(container(true));
    let containers = containers.chain(array(spec, "/containers").map(container(false))).collect();
    let terms = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    needs.pods.push(PodNeed {
        owner: object.object.clone(),
        replicas,
        containers,
        node_selector: texts(&spec["nodeSelector"]),
        node_terms: array(spec, terms).cloned().collect(),
        tolerations: array(spec, "/tolerations").cloned().collect(),
        instance: template["metadata"]["labels"][INSTANCE].as_str().map(str::to_owned),
        objections: objections(spec),
    });
}

fn claim_need(namespace: &str, name: String, body: &Value) -> ClaimNeed {
    ClaimNeed {
        namespace: namespace.to_owned(),
        name,
        class: pointer_text(body, "/spec/storageClassName").map(str::to_owned),
        size: Quantity::from_json(&body["spec"]["resources"]["requests"]["storage"]).unwrap_or_default(),
    }
}

fn secret(needs: &mut Needs, namespace: &str, name: Option<&str>, used: SecretUse) {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        needs.secrets.push(SecretNeed { namespace: namespace.to_owned(), name: name.to_owned(), used });
    }
}

fn array<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn amounts(value: &Value) -> Amounts {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(name, amount)| Some((name.clone(), Quantity::from_json(amount)?))).collect()
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::cluster::ObjectRef;

    fn collected(body: Value) -> Needs {
        let text = |pointer: &str| pointer_text(&body, pointer).unwrap_or_default().to_owned();
        let object = ObjectRef::namespaced(&text("/apiVersion"), &text("/kind"), "ns", &text("/metadata/name"));
        let mut needs = Needs::default();
        collect(&ManifestObject { object, body }, &mut needs);
        needs
    }

    #[test]
    fn a_stateful_set_asks_for_pods_and_a_volume_for_each() {
        let needs = collected(json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
            "spec": {
                "replicas": 2,
                "template": {
                    "metadata": {"labels": {"app.kubernetes.io/instance": "rel"}},
                    "spec": {
                        "imagePullSecrets": [{"name": "reg"}, {}],
                        "nodeSelector": {"disk": "ssd"},
                        "tolerations": [{"operator": "Exists"}],
                        "initContainers": [{"name": "i", "image": "x:1"}, {"name": "s", "image": "x:1", "restartPolicy": "Always"}],
                        "containers": [{"name": "c", "image": "x:1", "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"memory": "2Gi"}}}]
                    }
                },
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "5Gi"}}}}]
            }
        }));
        let pod = &needs.pods[0];
        assert_eq!((pod.replicas, pod.instance.as_deref()), (Replicas::Count(2), Some("rel")));
        assert_eq!(pod.node_selector["disk"], "ssd");
        assert_eq!(pod.containers.iter().map(|it| it.init).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(pod.containers[2].requests["cpu"], Quantity::whole(1));
        let claims: Vec<&str> = needs.claims.iter().map(|claim| claim.name.as_str()).collect();
        assert_eq!(claims, ["data-db-0", "data-db-1"]);
        assert_eq!(
            (needs.claims[0].class.as_deref(), needs.claims[0].size.of("storage")),
            (Some("fast"), "5Gi".to_owned())
        );
        assert_eq!((needs.secrets.len(), needs.secrets[0].name.as_str()), (1, "reg"));
    }

    #[test]
    fn a_policy_names_whom_it_lets_in() {
        let named = |name: &str| json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}});
        let mut of_pods = named("later");
        of_pods["podSelector"] = json!({"matchLabels": {"app": "later"}});
        let needs = collected(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p"},
            "spec": {"ingress": [
                {"from": [named("ingress"), {"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]},
                {}, {"from": null}, {"from": [{"namespaceSelector": {}}, named("airflow"), named("ingress"), of_pods]}
            ]}
        }));
        assert_eq!(needs.peers.keys().collect::<Vec<_>>(), ["airflow", "ingress"]);
    }

    #[test]
    fn an_ingress_names_its_class_in_either_way() {
        let ingress = |spec: Value, annotations: Value| {
            collected(json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
                "metadata": {"name": "i", "annotations": annotations}, "spec": spec}))
        };
        let needs = ingress(json!({"ingressClassName": "nginx", "tls": [{"secretName": "cert"}]}), json!({}));
        assert_eq!(needs.ingresses[0].class.as_deref(), Some("nginx"));
        assert_eq!(needs.secrets[0].used, SecretUse::Tls);
        let needs = ingress(json!({}), json!({"kubernetes.io/ingress.class": "old"}));
        assert_eq!(needs.ingresses[0].class.as_deref(), Some("old"));
        assert_eq!(ingress(json!({}), json!({})).ingresses[0].class, None);
    }

    #[test]
    fn a_daemon_set_is_on_every_node() {
        let needs = collected(json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d"},
            "spec": {"template": {"spec": {"containers": []}}}}));
        assert_eq!(needs.pods[0].replicas, Replicas::EveryNode);
    }

    #[test]
    fn an_entry_from_outside_may_require_no_login() {
        let open = |kind: &str, body: Value| {
            is_entry_without_login(&ManifestObject { object: ObjectRef::namespaced("x/v1", kind, "ns", "a"), body })
        };
        let annotated = |name: &str, value: &str| json!({"metadata": {"annotations": {name: value}}});
        assert!(open("Ingress", json!({})));
        assert!(open("Ingress", annotated("nginx.ingress.kubernetes.io/rewrite-target", "/")));
        assert!(open("Ingress", annotated("alb.ingress.kubernetes.io/auth-type", "none")));
        assert!(open("Ingress", annotated("nginx.ingress.kubernetes.io/auth-url", "")));
        assert!(!open("Ingress", annotated("nginx.ingress.kubernetes.io/auth-url", "https://login")));
        assert!(!open(
            "Ingress",
            annotated("traefik.ingress.kubernetes.io/router.middlewares", "ns-login@kubernetescrd")
        ));
        assert!(open("HTTPRoute", json!({})) && open("Service", json!({"spec": {"type": "NodePort"}})));
        assert!(!open("Service", json!({"spec": {"type": "ClusterIP"}})) && !open("Pod", json!({})));
    }
}
