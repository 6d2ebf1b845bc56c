//! `windlass status` of an HDFS, by the binary, against a made-up API and NameNodes that say what real ones said.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::api::Api;
use crate::webhdfs_server::{FakeHdfs, now_ms};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A component that provides HDFS, wherever that is.
const FILES: &str = r#"
id: files
title: Files
version: "3.4.1"
chart: {path: chart}
release: {name: my-files, namespace: far}
values: values.yaml.j2
questions:
  - {id: namenodes, title: Where, type: string, default: nowhere}
exports: {webhdfs: "{{ answers.files.namenodes }}", hdfs_user: root}
"#;

const RECORD: &str = "/api/v1/namespaces/far/secrets/sh.helm.release.v1.my-files.v1";

struct Place {
    api: Api,
    dir: tempfile::TempDir,
}

impl Place {
    /// The component is installed, with these NameNodes.
    async fn new(namenodes: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("catalog/files");
        std::fs::create_dir_all(folder.join("chart")).unwrap();
        std::fs::write(folder.join("component.yaml"), FILES).unwrap();
        std::fs::write(folder.join("values.yaml.j2"), "{}\n").unwrap();
        std::fs::write(folder.join("chart/Chart.yaml"), "apiVersion: v2\nname: files\nversion: 1.0.0\n").unwrap();
        let api = Api::serve(|_, _, _| ()).await;
        api.kubeconfig(dir.path());
        let record = json!({"version": 1, "info": {"status": "deployed"}, "chart": null, "manifest": ""});
        let labels = json!({"owner": "helm", "name": "my-files", "version": "1", "status": "deployed"});
        {
            let mut objects = api.objects();
            objects.remember(&json!({
                "schema": 3,
                "answers": {"files": {"namenodes": namenodes}},
                "components": {"files": {"title": "Files", "version": "3.4.1", "installed": "2026-01-01T00:00:00Z",
                    "release": {"namespace": "far", "name": "my-files"}}},
            }));
            let data = STANDARD.encode(STANDARD.encode(record.to_string()));
            let metadata = json!({"namespace": "far", "labels": labels});
            objects.put(
                RECORD,
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"release": data}}),
            );
            // It serves no kind: the release has no object.
            for path in ["/api", "/apis"] {
                let kinds = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": []});
                objects.put(path, kinds);
            }
            // The pod that has the address of this machine, in all namespaces and in its own.
            let pod = json!({"metadata": {"namespace": "far", "name": "here"}, "status": {"phase": "Running", "podIP": "127.0.0.1"}});
            objects.put("/api/v1/pods/here", pod.clone());
            objects.put("/api/v1/namespaces/far/pods/here", pod);
        }
        Self { api, dir }
    }

    /// With the NameNodes of a real HDFS in such a state.
    async fn replaying(state: &str) -> (Self, FakeHdfs) {
        let hdfs = FakeHdfs::with_namenodes(2).await;
        hdfs.replay(state);
        // The standby makes a checkpoint each hour.
        for bean in hdfs.state().beans.get_mut(&0).unwrap() {
            if bean["LastCheckpointTime"].is_number() {
                bean["LastCheckpointTime"] = json!(now_ms() - 1_000_000);
            }
        }
        (Self::new(&hdfs.namenodes.join(",")).await, hdfs)
    }

    /// Exit code and output.
    async fn status(&self, args: &[&str]) -> (i32, String) {
        let path = self.dir.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command.arg("status").args(args).arg("--kubeconfig").arg(path.join("kubeconfig"));
        command.arg("--catalog").arg(path.join("catalog")).env("XDG_STATE_HOME", path.join("state"));
        command.env_remove("KUBECONFIG").stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    async fn json(&self) -> (i32, Value) {
        let (code, text) = self.status(&["--json"]).await;
        let report: Value = serde_json::from_str(&text).unwrap();
        (code, report["components"][0].clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_well_is_shown_below_the_component() {
    let (place, hdfs) = Place::replaying("ha").await;
    let (code, text) = place.status(&[]).await;
    assert_eq!(code, 0, "{text}");
    for line in [
        format!("    NameNodes     active {}, standby {}\n", hdfs.namenodes[0], hdfs.namenodes[1]),
        "    JournalNodes  3 of 3 in sync, failures tolerated: 1\n".to_owned(),
        "    DataNodes     3 live, 0 dead, 0 decommissioning\n".to_owned(),
        "    blocks        0 missing, 0 under-replicated\n".to_owned(),
        "    checkpoint    16m ago, 26 transactions since\n".to_owned(),
        "    safe mode     off\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
    let (code, row) = place.json().await;
    let health = &row["hdfs"];
    assert_eq!((code, &row["state"], &health["mode"]), (0, &json!("ready"), &json!("ha")));
    assert_eq!(health["namenodes"][1]["state"], "standby");
    assert_eq!((&health["safe_mode"], &health["replication"]), (&Value::Null, &json!(1)));
    assert!(health["capacity"]["total"].is_u64() && row["warnings"].is_null(), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bad_counts_in_the_exit_code_and_a_warning_does_not() {
    let (place, _hdfs) = Place::replaying("missing").await;
    let (code, row) = place.json().await;
    assert_eq!((code, &row["state"]), (5, &json!("unhealthy")), "{row}");
    let reason = row["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("1 block is missing (1 of them in files with replication 1)"), "{reason}");
    let (_, text) = place.status(&[]).await;
    assert!(text.contains("    unhealthy: 1 block is missing") && text.contains("\n1 unhealthy\n"), "{text}");

    let (place, _hdfs) = Place::replaying("journal-behind").await;
    let (code, row) = place.json().await;
    assert_eq!((code, &row["state"]), (0, &json!("ready")), "{row}");
    let warning = row["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("2 of 3 JournalNodes have all edits (10.244.0.13:8485 is 2 txns behind)"), "{warning}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_answer_ends_in_time() {
    let (place, hdfs) = Place::replaying("ha").await;
    hdfs.faults(|f| f.hung.extend([0, 1]));
    let begin = Instant::now();
    let (code, row) = place.json().await;
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    assert_eq!((code, &row["state"]), (5, &json!("unhealthy")), "{row}");
    let reason = row["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("no NameNode answers"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_forward_ports_gets_a_note_and_no_more() {
    let place = Place::new("http://my-nn-0.my-nn.far.svc.cluster.local:9870").await;
    place.api.objects().no_forward = true;
    let (code, text) = place.status(&[]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("    NameNode      not queried my-nn-0\n"), "{text}");
    let note = "    note: NameNode my-nn-0 was not queried: failed to open a port-forward to pod far/my-nn-0 port 9870";
    assert!(text.contains(note) && text.contains("HTTP 403"), "{text}");
    let (code, row) = place.json().await;
    assert_eq!((code, &row["state"], &row["hdfs"]["namenodes"][0]["state"]), (0, &json!("ready"), &json!("unasked")));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_gone_nothing_more_is_shown() {
    let (place, _hdfs) = Place::replaying("ha").await;
    place.api.objects().kept.remove(RECORD);
    let (code, row) = place.json().await;
    assert_eq!((code, &row["state"], &row["hdfs"]), (5, &json!("missing"), &Value::Null));
}
