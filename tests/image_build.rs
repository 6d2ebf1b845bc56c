//! `windlass image`, by the program itself: a release of Livy as it is downloaded, on a base in a registry in memory.

#[path = "image_build/made.rs"]
mod made;
#[path = "image_build/refused.rs"]
mod refused;

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::Path;

use crate::ran::ran;
use crate::registry_server::{FakeRegistry, Refuses, noise};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio::process::Command;
use windlass::model::oci::{Digest, INDEXES, MANIFESTS};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Where the mirror has Spark.
const SPARK: &str = "hub/apache/spark";

/// The folder in a release.
const TOP: &str = "apache-livy-0.9.0-incubating_2.12-bin";

/// A file of an archive: path, content, mode; a mode of 0o120777 is a link to its content, a path that ends in / a folder.
type File = (String, Vec<u8>, u32);

/// A release of Livy, as far as it counts.
pub(crate) fn release() -> Vec<File> {
    let files = [
        ("LICENSE", "license".into(), 0o644),
        ("bin/livy-server", b"#!/bin/sh\n".to_vec(), 0o755),
        ("conf/livy.conf.template", b"# empty".to_vec(), 0o664),
        ("jars/livy-server-0.9.0-incubating.jar", noise(1, 50_000), 0o600),
        ("jars/latest.jar", b"livy-server-0.9.0-incubating.jar".to_vec(), 0o120_777),
        ("repl_2.12-jars/livy-repl_2.12-0.9.0-incubating.jar", noise(2, 10_000), 0o4755),
        ("rsc-jars/livy-rsc.jar", Vec::new(), 0o644),
        ("logs/", Vec::new(), 0o700),
    ];
    files.map(|(path, content, mode)| (format!("{TOP}/{path}"), content, mode)).to_vec()
}

pub(crate) fn zip_of(files: &[File]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content, mode) in files {
        let options = SimpleFileOptions::default().unix_permissions(mode & 0o7777);
        match path.strip_suffix('/') {
            Some(folder) => zip.add_directory(folder, options).unwrap(),
            None if *mode == 0o120_777 => zip.add_symlink(path, String::from_utf8_lossy(content), options).unwrap(),
            None => {
                zip.start_file(path, options).unwrap();
                zip.write_all(content).unwrap();
            }
        }
    }
    zip.finish().unwrap().into_inner()
}

/// An entry as it stands, whatever its name.
fn entry(archive: &mut Vec<u8>, path: &str, content: &[u8], mode: u32, kind: tar::EntryType) {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    let is_link = kind.is_symlink() || kind.is_hard_link();
    if is_link {
        header.set_link_name_literal(content).unwrap();
    }
    let content = if is_link { b"" } else { content };
    header.set_size(content.len() as u64);
    header.set_mode(mode & 0o7777);
    header.set_uid(1001);
    header.set_mtime(1_700_000_000);
    header.set_cksum();
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
}

fn tar_of(files: &[File]) -> Vec<u8> {
    let mut archive = Vec::new();
    // In another order than a zip has them.
    for (path, content, mode) in files.iter().rev() {
        let kind = match mode {
            0o120_777 => tar::EntryType::Symlink,
            _ if path.ends_with('/') => tar::EntryType::Directory,
            _ => tar::EntryType::Regular,
        };
        entry(&mut archive, path, content, *mode, kind);
    }
    archive.extend([0; 1024]);
    archive
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn blob(fake: &FakeRegistry, kind: &str, bytes: &[u8]) -> Value {
    let digest = Digest::of(bytes);
    fake.with(|state| {
        state.blobs.insert(digest, bytes.to_vec());
        state.repository(SPARK).blobs.insert(digest);
    });
    json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
}

fn manifest(fake: &FakeRegistry, kind: &str, json: &Value, tag: Option<&str>) -> Value {
    let bytes = json.to_string().into_bytes();
    let (digest, size) = (Digest::of(&bytes), bytes.len());
    fake.with(|state| {
        let repository = state.repository(SPARK);
        repository.manifests.insert(digest, (kind.to_owned(), bytes));
        if let Some(tag) = tag {
            repository.tags.insert(tag.to_owned(), digest);
        }
    });
    json!({"mediaType": kind, "digest": digest, "size": size})
}

/// Spark for two platforms that share a layer, signed; the second as Docker keeps images.
pub(crate) async fn hub() -> FakeRegistry {
    let fake = FakeRegistry::start().await;
    let docker = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let mut children = Vec::new();
    for (architecture, seed, at, kind) in
        [("amd64", 10, 0, "application/vnd.oci.image.layer.v1.tar+gzip"), ("arm64", 11, 1, docker)]
    {
        let layers = [noise(9, 200_000), noise(seed, 1000)];
        let ids: Vec<_> = layers.iter().map(|layer| Digest::of(&[layer.as_slice(), b"unpacked"].concat())).collect();
        let config = json!({
            "os": "linux", "architecture": architecture, "created": "2024-05-06T07:08:09Z", "container": "x",
            "config": {"Env": ["PATH=/usr/bin", "SPARK_HOME=/opt/spark"], "User": "spark", "Entrypoint": ["/opt/entrypoint.sh"],
                "Cmd": ["driver"], "WorkingDir": "/opt/spark/work-dir", "Labels": {"org.opencontainers.image.version": "3.5.6"}},
            "rootfs": {"type": "layers", "diff_ids": ids},
            "history": [{"created_by": "a"}, {"created_by": "b", "empty_layer": true}, {"created_by": "c"}],
        });
        let config = blob(&fake, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
        let layers: Vec<_> = layers.iter().map(|layer| blob(&fake, kind, layer)).collect();
        let json = json!({"schemaVersion": 2, "mediaType": MANIFESTS[at], "config": config, "layers": layers});
        let mut child = manifest(&fake, MANIFESTS[at], &json, None);
        child["platform"] = json!({"os": "linux", "architecture": architecture});
        children.push(child);
    }
    let list = json!({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": children});
    let list = manifest(&fake, INDEXES[0], &list, Some("3.5.6"));
    let config = blob(&fake, "application/vnd.oci.empty.v1+json", b"{}");
    let tag = format!("{}.sig", list["digest"].as_str().unwrap().replace(':', "-"));
    let json = json!({"schemaVersion": 2, "mediaType": MANIFESTS[0], "config": config, "layers": []});
    manifest(&fake, MANIFESTS[0], &json, Some(&tag));
    fake
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.env_clear().env("HOME", folder).env("PATH", "/usr/bin:/bin").env("TMPDIR", folder);
    command.current_dir(folder).args(args).kill_on_drop(true);
    command
}

/// Runs it: its exit code, stdout and stderr.
async fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    ran(command(folder, args)).await
}

async fn ok(folder: &Path, args: &[&str]) -> (String, String) {
    let (code, out, err) = run(folder, args).await;
    assert_eq!(code, 0, "{args:?}: {out}{err}");
    (out, err)
}

/// Builds Livy from the mirror with these options more, and gives what is said as JSON.
async fn built(folder: &Path, hub: &FakeRegistry, args: &[&str]) -> Value {
    let from = format!("{}/hub", hub.host);
    let (out, _) = ok(folder, &[&["image", "build", "livy", "--from", &from, "--json"], args].concat()).await;
    let last = out.lines().last().unwrap();
    serde_json::from_str::<Value>(last).unwrap()["made"].clone()
}

/// All files below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                    found.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
    }
    found
}

/// A JSON blob of a layout.
fn json_blob(files: &BTreeMap<String, Vec<u8>>, digest: &Value) -> Value {
    let hex = digest.as_str().unwrap().trim_start_matches("sha256:");
    serde_json::from_slice(&files[&format!("blobs/sha256/{hex}")]).unwrap()
}

/// What is left in a folder that only the release, layouts and logs of tests belong to.
fn leftovers(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.ends_with(".partial") || name.starts_with("windlass-") || name.starts_with(".tmp"))
        .collect()
}
