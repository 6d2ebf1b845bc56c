use super::*;

const ONE: &str = r"
apiVersion: v1
kind: Config
current-context: dev
preferences: {colors: true}
clusters:
- name: dev
  cluster:
    server: https://dev:6443
    certificate-authority: ca.crt
    extensions:
    - {name: minikube, extension: {x: 1}}
    - {name: client.authentication.k8s.io/exec, extension: {audience: a}}
contexts:
- {name: dev, context: {cluster: dev, user: alice, namespace: team}}
- {name: broken, context: {cluster: nowhere, user: alice}}
users:
- name: alice
  user:
    client-certificate: certs/alice.crt
    client-key: /dev/null
";
const TWO: &str = r"
apiVersion: v1
kind: Config
current-context: prod
clusters:
- {name: prod, cluster: {server: 'https://prod:6443'}}
- {name: dev, cluster: {server: 'https://evil:6443'}}
contexts:
- {name: prod, context: {cluster: prod, user: bob}}
users:
- name: bob
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./login
      args: [--region, eu]
      env: [{name: A, value: b}]
      interactiveMode: Never
      provideClusterInfo: true
      futureField: kept
";

fn files(dir: &Path) -> Vec<PathBuf> {
    let (one, two) = (dir.join("one"), dir.join("two"));
    std::fs::write(&one, ONE).unwrap();
    std::fs::write(&two, TWO).unwrap();
    std::fs::create_dir_all(dir.join("certs")).unwrap();
    std::fs::write(dir.join("ca.crt"), "").unwrap();
    std::fs::write(dir.join("certs/alice.crt"), "").unwrap();
    std::fs::create_dir_all(dir.join("certs")).unwrap();
    std::fs::write(dir.join("ca.crt"), "").unwrap();
    std::fs::write(dir.join("certs/alice.crt"), "").unwrap();
    vec![one, dir.join("missing"), two]
}

#[test]
fn looks_where_kubectl_looks() {
    let (file, home) = (Path::new("/f"), Path::new("/home/u"));
    let env = OsStr::new("/a::/b");
    assert_eq!(candidates(Some(file), Some(env), Some(home)), [file]);
    assert_eq!(candidates(None, Some(env), Some(home)), [Path::new("/a"), Path::new("/b")]);
    assert_eq!(candidates(None, Some(OsStr::new("")), Some(home)), [Path::new("/home/u/.kube/config")]);
    assert!(candidates(None, None, None).is_empty());
}

#[test]
fn merges_files_first_wins_and_keeps_one_context() {
    let dir = tempfile::tempdir().unwrap();
    let merged = load(&files(dir.path())).unwrap();
    let dev = minimal(&merged, None).unwrap();
    assert_eq!((dev.context.as_str(), dev.server.as_str(), dev.user.as_str()), ("dev", "https://dev:6443", "alice"));
    let json = &dev.config;
    let at = |pointer: &str| json.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    assert_eq!(at("/clusters/0/cluster/certificate-authority"), dir.path().join("ca.crt").display().to_string());
    assert_eq!(at("/users/0/user/client-certificate"), dir.path().join("certs/alice.crt").display().to_string());
    assert_eq!(at("/users/0/user/client-key"), "/dev/null");
    assert_eq!(at("/current-context"), "dev");
    assert_eq!(at("/contexts/0/context/namespace"), "team");
    for list in ["clusters", "users", "contexts"] {
        assert_eq!(json[list].as_array().unwrap().len(), 1, "{list}");
    }
    let extensions = json.pointer("/clusters/0/cluster/extensions").unwrap().as_array().unwrap();
    assert_eq!(extensions.len(), 1);
    assert!(json.get("preferences").is_none());
}

#[test]
fn credential_plugins_are_kept_whole() {
    let dir = tempfile::tempdir().unwrap();
    let prod = minimal(&load(&files(dir.path())).unwrap(), Some("prod")).unwrap();
    // Written as JSON, which every YAML reader takes, and read back as Helm would.
    let text = serde_json::to_string(&prod.config).unwrap();
    let back = helm_value(&text).unwrap();
    let exec = back.pointer("/users/0/user/exec").unwrap();
    assert_eq!(exec["command"], dir.path().join("./login").display().to_string());
    assert_eq!(exec["args"][1], "eu");
    assert_eq!(exec["env"][0]["value"], "b");
    assert_eq!(exec["provideClusterInfo"], true);
    assert_eq!(exec["interactiveMode"], "Never");
    assert_eq!(exec["futureField"], "kept");
}

#[test]
fn what_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let merged = load(&files(dir.path())).unwrap();
    let err = minimal(&merged, Some("nope")).unwrap_err();
    assert!(matches!(&err, ConnectError::NoContext { available, .. } if available == &["dev", "broken", "prod"]));
    let err = minimal(&merged, Some("broken")).unwrap_err().to_string();
    assert_eq!(err, r#"context "broken" is incomplete: cluster "nowhere" is missing from the kubeconfig"#);
    let mut none = merged;
    none.current = String::new();
    assert!(matches!(minimal(&none, None), Err(ConnectError::NoCurrentContext { .. })));
    let err = load(&[dir.path().join("missing")]).unwrap_err();
    assert!(matches!(err, ConnectError::NoKubeconfig { .. }), "{err}");
}

#[test]
fn a_broken_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("broken");
    std::fs::write(&file, "clusters: [").unwrap();
    assert!(matches!(load(std::slice::from_ref(&file)), Err(ConnectError::Parse { path, .. }) if path == file));
}

#[test]
fn a_plugin_that_may_not_ask_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut prod = minimal(&load(&files(dir.path())).unwrap(), Some("prod")).unwrap();
    prod.auth.exec.as_mut().unwrap().interactive_mode = Some("Always".to_owned());
    silence(&mut prod);
    assert_eq!(prod.auth.exec.unwrap().mode(), Some(Mode::Never));
    assert_eq!(prod.config.pointer("/users/0/user/exec/interactiveMode").unwrap(), "Never");
}
