//! How a pod violates the Pod Security Standards, by its spec: what admission would say, before there is anything to
//! admit. Sysctls, AppArmor and SELinux are left to it.

use serde_json::Value;

/// What `baseline` lets a container add.
const ADDED: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
    "",
];

/// The volumes that `restricted` takes.
const VOLUMES: [&str; 8] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];

/// What is against a pod at `baseline`, and what besides at `restricted`, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodSecurityViolations {
    /// At `baseline`, and so at `restricted`.
    pub baseline: Vec<String>,
    /// At `restricted` only.
    pub restricted: Vec<String>,
}

impl PodSecurityViolations {
    /// Those that a level has.
    pub fn of(&self, level: &str) -> Vec<&str> {
        let restricted = self.restricted.iter().filter(|_| level == "restricted");
        let baseline = self.baseline.iter().filter(|_| level != "privileged");
        baseline.chain(restricted).map(String::as_str).collect()
    }
}

/// What is against a pod of this spec.
pub(super) fn objections(spec: &Value) -> PodSecurityViolations {
    let mut found = PodSecurityViolations::default();
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[key] == true {
            found.baseline.push(format!("{key} is true"));
        }
    }
    for volume in list(&spec["volumes"]) {
        let name = volume["name"].as_str().unwrap_or_default();
        if !volume["hostPath"].is_null() {
            found.baseline.push(format!("volume {name} is a hostPath"));
            continue;
        }
        let kind = volume.as_object().into_iter().flatten().map(|(key, _)| key).find(|key| *key != "name");
        if let Some(kind) = kind.filter(|kind| !VOLUMES.contains(&kind.as_str())) {
            found.restricted.push(format!("volume {name} is a {kind}"));
        }
    }
    let of_pod = &spec["securityContext"];
    let kinds = ["initContainers", "containers", "ephemeralContainers"];
    for container in kinds.into_iter().flat_map(|kind| list(&spec[kind])) {
        let name = container["name"].as_str().unwrap_or_default();
        let own = &container["securityContext"];
        let mut say = |baseline: bool, what: &str| {
            let to = if baseline { &mut found.baseline } else { &mut found.restricted };
            to.push(format!("container {name}: {what}"));
        };
        let either = |key: &str| if own[key].is_null() { &of_pod[key] } else { &own[key] };
        if own["privileged"] == true {
            say(true, "privileged is true");
        }
        if list(&container["ports"]).any(|port| port["hostPort"].as_u64().unwrap_or(0) > 0) {
            say(true, "it uses a hostPort");
        }
        if own["procMount"].as_str().is_some_and(|mount| mount != "Default") {
            say(true, "procMount is not Default");
        }
        let added: Vec<&str> = list(&own["capabilities"]["add"]).filter_map(Value::as_str).collect();
        for capability in added.iter().filter(|capability| !ADDED.contains(capability)) {
            say(true, &format!("it adds the capability {capability}"));
        }
        for capability in added.iter().filter(|it| **it != "NET_BIND_SERVICE" && ADDED.contains(it)) {
            say(false, &format!("it adds the capability {capability}"));
        }
        let seccomp = either("seccompProfile")["type"].as_str();
        match seccomp {
            Some("Unconfined") => say(true, "seccompProfile is Unconfined"),
            Some("RuntimeDefault" | "Localhost") => {}
            _ => say(false, "seccompProfile is not RuntimeDefault"),
        }
        if own["allowPrivilegeEscalation"] != false {
            say(false, "allowPrivilegeEscalation is not false");
        }
        if !list(&own["capabilities"]["drop"]).any(|dropped| dropped == "ALL") {
            say(false, "it does not drop ALL capabilities");
        }
        if *either("runAsNonRoot") != true {
            say(false, "runAsNonRoot is not true");
        }
        if *either("runAsUser") == 0 {
            say(false, "runAsUser is 0");
        }
    }
    found
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "projected": {}}],
            "containers": [{"name": "c", "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}}],
        })
    }

    fn with(pointer: &str, value: Value) -> PodSecurityViolations {
        let mut spec = good();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match spec.pointer_mut(parent).unwrap() {
            Value::Array(items) => items.push(value),
            parent => parent[key] = value,
        }
        objections(&spec)
    }

    #[test]
    fn levels_object_to_what_their_standard_says() {
        assert_eq!(objections(&good()), PodSecurityViolations::default());
        for (pointer, value, what) in [
            ("/hostNetwork", json!(true), "hostNetwork is true"),
            ("/volumes/-", json!({"name": "v", "hostPath": {}}), "volume v is a hostPath"),
            ("/containers/0/securityContext/privileged", json!(true), "container c: privileged is true"),
            ("/containers/0/ports", json!([{"hostPort": 80}]), "container c: it uses a hostPort"),
            (
                "/containers/0/securityContext/capabilities/add/-",
                json!("SYS_ADMIN"),
                "container c: it adds the capability SYS_ADMIN",
            ),
            (
                "/securityContext/seccompProfile",
                json!({"type": "Unconfined"}),
                "container c: seccompProfile is Unconfined",
            ),
        ] {
            let found = with(pointer, value);
            assert_eq!(
                (found.of("privileged"), found.of("baseline"), found.of("restricted")),
                (vec![], vec![what], vec![what])
            );
        }
        for (pointer, value, what) in [
            ("/volumes/-", json!({"name": "v", "nfs": {}}), "volume v is a nfs"),
            (
                "/containers/0/securityContext/allowPrivilegeEscalation",
                json!(true),
                "container c: allowPrivilegeEscalation is not false",
            ),
            ("/containers/0/securityContext/capabilities", json!({}), "container c: it does not drop ALL capabilities"),
            (
                "/containers/0/securityContext/capabilities/add/-",
                json!("CHOWN"),
                "container c: it adds the capability CHOWN",
            ),
            ("/securityContext/runAsNonRoot", json!(null), "container c: runAsNonRoot is not true"),
            ("/containers/0/securityContext/runAsUser", json!(0), "container c: runAsUser is 0"),
            ("/securityContext/seccompProfile", json!(null), "container c: seccompProfile is not RuntimeDefault"),
        ] {
            let found = with(pointer, value);
            assert_eq!((found.of("baseline"), found.of("restricted")), (vec![], vec![what]), "{pointer}");
        }
    }
}
