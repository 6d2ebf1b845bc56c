use std::io::Write as _;

use serde_json::json;

use super::*;

fn blob(folder: &Path, bytes: &[u8]) -> serde_json::Value {
    let digest = Digest::of(bytes);
    let path = folder.join("blobs/sha256");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join(digest.hex()), bytes).unwrap();
    json!({"mediaType": "application/octet-stream", "digest": digest.to_string(), "size": bytes.len()})
}

/// A layout with one image of this content; its manifest's digest.
fn layout(folder: &Path, content: &str, annotations: serde_json::Value) -> Digest {
    let config = blob(folder, format!("{{\"c\":\"{content}\"}}").as_bytes());
    let layer = blob(folder, content.as_bytes());
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFESTS[0], "config": config, "layers": [layer]});
    let mut found = blob(folder, manifest.to_string().as_bytes());
    found["mediaType"] = json!(MANIFESTS[0]);
    found["annotations"] = annotations;
    let index = json!({"schemaVersion": 2, "manifests": [found]});
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    std::fs::write(folder.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
    Digest::of(manifest.to_string().as_bytes())
}

fn tar(root: &Path, names: &[&str]) -> PathBuf {
    let path = root.with_extension("tar");
    let run = std::process::Command::new("tar").arg("-C").arg(root).arg("-cf").arg(&path).args(names).status();
    assert!(run.unwrap().success());
    path
}

async fn tagged(source: &Layouts, repository: &str, tag: &str) -> Option<Digest> {
    let found = source.manifest(repository, &Reference::Tag(tag.to_owned())).await.unwrap();
    found.map(|manifest| manifest.digest)
}

#[tokio::test]
async fn a_layout_is_read_by_the_names_that_it_has_or_is_given() {
    let root = tempfile::tempdir().unwrap();
    let (a, b) = (root.path().join("a"), root.path().join("b"));
    // As skopeo and buildx write it, and as one without a name.
    let first = layout(&a, "one", json!({"org.opencontainers.image.ref.name": "docker.io/x/a:1"}));
    let second = layout(&b, "two", json!({}));
    let mut source = Layouts::default();
    source.add(&a, None).unwrap();
    source.add(&b, Some("x/b:2")).unwrap();
    assert_eq!(source.names().collect::<Vec<_>>(), ["docker.io/x/a:1", "docker.io/x/b:2"]);
    assert_eq!(tagged(&source, "docker.io/x/a", "1").await, Some(first));
    assert_eq!(tagged(&source, "docker.io/x/b", "2").await, Some(second));
    assert_eq!(tagged(&source, "docker.io/x/b", "3").await, None);
    let manifest = source.manifest("", &Reference::Digest(second)).await.unwrap().unwrap();
    let layer = manifest.blobs().nth(1).unwrap().clone();
    let mut text = String::new();
    source.blob("", &layer, 1).await.unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "wo");
    // A manifest whose bytes were changed.
    let path = b.join("blobs/sha256").join(second.hex());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&bytes[..], b" "].concat()).unwrap();
    assert!(source.manifest("", &Reference::Digest(second)).await.is_err());
}

#[tokio::test]
async fn archives_are_read_in_place() {
    let root = tempfile::tempdir().unwrap();
    let a = root.path().join("a");
    let first = layout(&a, "one", json!({"io.containerd.image.name": "docker.io/x/a:1"}));
    let path = tar(&a, &["oci-layout", "index.json", "blobs"]);
    std::fs::remove_dir_all(&a).unwrap();
    let mut source = Layouts::default();
    source.add(&path, None).unwrap();
    assert_eq!(tagged(&source, "docker.io/x/a", "1").await, Some(first));
    let manifest = source.manifest("", &Reference::Digest(first)).await.unwrap().unwrap();
    let layer = manifest.blobs().nth(1).unwrap().clone();
    let mut text = String::new();
    source.blob("", &layer, 0).await.unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "one");
    let gz = root.path().join("a.tar.gz");
    let mut packed = flate2::write::GzEncoder::new(std::fs::File::create(&gz).unwrap(), flate2::Compression::fast());
    packed.write_all(&std::fs::read(&path).unwrap()).unwrap();
    packed.finish().unwrap();
    assert!(matches!(source.add(&gz, None), Err(LayoutError::Compressed(_))));
    std::fs::write(root.path().join("x"), "nothing").unwrap();
    assert!(source.add(&root.path().join("x"), None).is_err());
    assert!(source.add(root.path(), None).is_err());
}

#[tokio::test]
async fn what_docker_saved_has_new_digests_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let d = root.path().join("d");
    std::fs::create_dir_all(d.join("l1")).unwrap();
    std::fs::create_dir_all(d.join("l2")).unwrap();
    std::fs::write(d.join("c.json"), "{}").unwrap();
    std::fs::write(d.join("l1/layer.tar"), "layer").unwrap();
    std::os::unix::fs::symlink("../l1/layer.tar", d.join("l2/layer.tar")).unwrap();
    let saved = json!([{"Config": "c.json", "RepoTags": ["x/a:1"], "Layers": ["l1/layer.tar", "l2/layer.tar"]}]);
    std::fs::write(d.join("manifest.json"), saved.to_string()).unwrap();
    let path = tar(&d, &["manifest.json", "c.json", "l1", "l2"]);
    let mut source = Layouts::default();
    source.add(&path, None).unwrap();
    assert!(source.notes()[0].contains("new digests"), "{:?}", source.notes());
    let digest = tagged(&source, "docker.io/x/a", "1").await.unwrap();
    let manifest = source.manifest("", &Reference::Digest(digest)).await.unwrap().unwrap();
    let digests: Vec<_> = manifest.blobs().map(|blob| blob.digest).collect();
    assert_eq!(digests, [Digest::of(b"{}"), Digest::of(b"layer"), Digest::of(b"layer")]);
    for content in ["../../../etc/passwd", "/etc/passwd", "none"] {
        let saved = json!([{"Config": content, "RepoTags": [], "Layers": []}]);
        std::fs::write(d.join("manifest.json"), saved.to_string()).unwrap();
        let path = tar(&d, &["manifest.json", "c.json"]);
        assert!(Layouts::default().add(&path, None).is_err(), "{content}");
    }
}
