//! The objects of a Job: made when it runs, counted before.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Value, json};

use super::job::Run;
use crate::model::FileTree;

/// The label by which the objects of a Job are found again, also by a run after the one that was killed.
pub const JOB_LABEL: &str = "windlass.dev/job";

/// What the objects of a Job are made of besides the action.
pub struct JobParts<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// The Secret that lets the namespace pull; empty where none is needed.
    pub pull_secret: &'a str,
    /// How long it may take.
    pub seconds: u64,
    /// Its files, by digest.
    pub files: &'a BTreeMap<String, FileTree>,
}

impl Run {
    /// ConfigMaps, headless Service and Job, in the order in which they are made. The Job owns none of them: it is
    /// removed by label, like the others.
    #[must_use]
    pub fn objects(&self, parts: &JobParts<'_>) -> Vec<Value> {
        let mut objects: Vec<Value> =
            self.files.values().enumerate().map(|(at, digest)| self.config_map(at, digest, parts)).collect();
        objects.push(json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self.metadata(&self.name, parts.namespace),
            // Its pods look for each other before any of them is ready.
            "spec": {
                "clusterIP": "None",
                "publishNotReadyAddresses": true,
                "selector": {JOB_LABEL: self.name},
            },
        }));
        objects.push(self.job(parts));
        objects
    }

    fn metadata(&self, name: &str, namespace: &str) -> Value {
        json!({"name": name, "namespace": namespace, "labels": self.labels()})
    }

    fn labels(&self) -> Value {
        json!({"app.kubernetes.io/managed-by": "windlass", JOB_LABEL: self.name})
    }

    /// What its ConfigMaps are called, one for each folder of files.
    pub fn config_map_names(&self) -> impl Iterator<Item = String> {
        (0..self.files.len()).map(|at| self.config_map_name(at))
    }

    fn config_map_name(&self, at: usize) -> String {
        format!("{}-{at}", self.name)
    }

    /// Keys of a ConfigMap hold no slashes: they are numbers, and the volume says which path each is.
    fn config_map(&self, at: usize, digest: &str, parts: &JobParts<'_>) -> Value {
        let files = parts.files.get(digest);
        let data: serde_json::Map<String, Value> = files
            .into_iter()
            .flat_map(FileTree::iter)
            .enumerate()
            .map(|(key, (_, bytes))| (key.to_string(), base64::engine::general_purpose::STANDARD.encode(bytes).into()))
            .collect();
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": self.metadata(&self.config_map_name(at), parts.namespace),
            "binaryData": data,
        })
    }

    fn job(&self, parts: &JobParts<'_>) -> Value {
        let mut labels = self.labels();
        for (label, value) in &self.labels {
            labels[label] = json!(value);
        }
        let mut env = vec![
            json!({"name": "WINDLASS_JOB", "value": self.name}),
            json!({"name": "WINDLASS_PROCESSES", "value": self.processes}),
            json!({"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}),
        ];
        env.extend(self.env.iter().map(|(name, value)| json!({"name": name, "value": value})));
        env.extend(self.secrets.iter().map(|(name, secret)| {
            let (secret, key) = secret.split_once('/').unwrap_or_default();
            json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
        }));
        let mut volumes = vec![json!({"name": "tmp", "emptyDir": {}})];
        let mut mounts = vec![json!({"name": "tmp", "mountPath": "/tmp"})];
        let mut mount = |name: String, path: &str, mut volume: Value| {
            mounts.push(json!({"name": name, "mountPath": path}));
            volume["name"] = json!(name);
            volumes.push(volume);
        };
        for (at, (path, digest)) in self.files.iter().enumerate() {
            let files = parts.files.get(digest).into_iter().flat_map(FileTree::iter).enumerate();
            let items: Vec<Value> =
                files.map(|(key, (path, _))| json!({"key": key.to_string(), "path": path})).collect();
            mount(
                format!("files-{at}"),
                path,
                json!({"configMap": {"name": self.config_map_name(at), "items": items}}),
            );
        }
        for (at, (path, name)) in self.config_maps.iter().enumerate() {
            mount(format!("config-{at}"), path, json!({"configMap": {"name": name}}));
        }
        for (at, path) in self.writable.iter().enumerate() {
            mount(format!("writable-{at}"), path, json!({"emptyDir": {}}));
        }
        let mut container = json!({
            "name": "job",
            "image": self.image,
            "env": env,
            "resources": {
                "requests": {"cpu": self.cpu, "memory": self.memory},
                "limits": {"memory": self.memory},
            },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": mounts,
        });
        for (key, words) in [("command", &self.command), ("args", &self.args)] {
            if !words.is_empty() {
                container[key] = json!(words);
            }
        }
        let mut pod = json!({
            "restartPolicy": "Never",
            // One that is removed has nothing left to do, and as process 1 it may not hear that it should end.
            "terminationGracePeriodSeconds": 5,
            "subdomain": self.name,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": self.user,
                "runAsGroup": self.user,
                "fsGroup": self.user,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": volumes,
        });
        if !parts.pull_secret.is_empty() {
            pod["imagePullSecrets"] = json!([{"name": parts.pull_secret}]);
        }
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": self.metadata(&self.name, parts.namespace),
            "spec": {
                "completionMode": "Indexed",
                "completions": self.count(),
                "parallelism": self.count(),
                // One attempt: a retry is a new Job, whose logs are its own.
                "backoffLimit": 0,
                "activeDeadlineSeconds": parts.seconds.max(1),
                // A pod that a node lost is no failure of what ran in it.
                "podFailurePolicy": {
                    "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}],
                },
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        })
    }
}
