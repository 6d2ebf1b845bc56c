//! From the user's kubeconfig files to the one small file that Helm and this process share.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use kube::config::{ExecInteractiveMode, Kubeconfig, KubeconfigError, NamedContext};

use super::ConnectError;

/// The only extension that means something to others: credential plugins get it with the cluster.
const EXEC_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// One context with its cluster and user, and nothing else.
#[derive(Debug, Clone)]
pub(super) struct Minimal {
    pub(super) config: Kubeconfig,
    pub(super) context: String,
    pub(super) server: String,
    pub(super) user: String,
}

/// Where kubectl would look: the named file alone, else `KUBECONFIG`, else `~/.kube/config`.
pub(super) fn candidates(explicit: Option<&Path>, env: Option<&OsStr>, home: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = explicit {
        return vec![path.to_owned()];
    }
    let listed: Vec<PathBuf> = env
        .map(|env| std::env::split_paths(env).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if listed.is_empty() { home.map(|home| home.join(".kube/config")).into_iter().collect() } else { listed }
}

/// Reads and merges the files. As with kubectl, files of a list may be missing; the first to say something wins.
pub(super) fn load(files: &[PathBuf]) -> Result<Kubeconfig, ConnectError> {
    let mut merged: Option<Kubeconfig> = None;
    for file in files {
        // kube makes what a file names relative to itself absolute, but only if the file's own path is absolute.
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let config = match Kubeconfig::read_from(&file) {
            Ok(config) => config,
            Err(KubeconfigError::ReadConfig(err, _)) if err.kind() == std::io::ErrorKind::NotFound => continue,
            Err(KubeconfigError::ReadConfig(source, path)) => return Err(ConnectError::Read { path, source }),
            Err(source) => return Err(ConnectError::Parse { path: file, source: Box::new(source) }),
        };
        merged = Some(match merged {
            None => config,
            Some(first) => {
                first.merge(config).map_err(|source| ConnectError::Parse { path: file, source: Box::new(source) })?
            }
        });
    }
    merged.ok_or_else(|| ConnectError::NoKubeconfig { looked: files.to_vec() })
}

/// A context of the kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// The API's URL; empty where its cluster is not there.
    pub server: String,
    /// Whether it is the current one.
    pub current: bool,
}

/// All contexts, in the order in which they are written.
pub(super) fn contexts(config: &Kubeconfig) -> Vec<Context> {
    let server = |name: &str| {
        let cluster = config.clusters.iter().find(|cluster| cluster.name == name)?;
        cluster.cluster.as_ref()?.server.clone()
    };
    let all = config.contexts.iter().map(|context| Context {
        name: context.name.clone(),
        server: context.context.as_ref().and_then(|context| server(&context.cluster)).unwrap_or_default(),
        current: config.current_context.as_ref() == Some(&context.name),
    });
    all.collect()
}

/// Keeps one context, with the cluster and the user that it names.
pub(super) fn minimal(config: Kubeconfig, wanted: Option<&str>) -> Result<Minimal, ConnectError> {
    let available = || config.contexts.iter().map(|context| context.name.clone()).collect::<Vec<_>>();
    let current = config.current_context.as_deref().filter(|name| !name.is_empty());
    let Some(name) = wanted.or(current) else {
        return Err(ConnectError::NoCurrentContext { available: available() });
    };
    let Some(context) = config.contexts.iter().find(|context| context.name == name).and_then(|c| c.context.clone())
    else {
        return Err(ConnectError::NoContext { wanted: name.to_owned(), available: available() });
    };
    let incomplete = |missing: String| ConnectError::Incomplete { context: name.to_owned(), missing };

    let mut cluster = config
        .clusters
        .iter()
        .find(|cluster| cluster.name == context.cluster)
        .cloned()
        .ok_or_else(|| incomplete(format!("cluster {:?}", context.cluster)))?;
    let Some(server) = cluster.cluster.as_ref().and_then(|cluster| cluster.server.clone()) else {
        return Err(incomplete(format!("the server of cluster {:?}", context.cluster)));
    };
    if let Some(cluster) = &mut cluster.cluster
        && let Some(extensions) = &mut cluster.extensions
    {
        extensions.retain(|extension| extension.name == EXEC_EXTENSION);
    }

    let user = context.user.clone().unwrap_or_default();
    let mut users: Vec<_> = config.auth_infos.iter().filter(|info| info.name == user).cloned().collect();
    if users.is_empty() && !user.is_empty() {
        return Err(incomplete(format!("user {user:?}")));
    }
    for info in users.iter_mut().filter_map(|user| user.auth_info.as_mut()) {
        info.extensions = None;
    }

    let mut kept = context;
    kept.extensions = None;
    let context = name.to_owned();
    let config = Kubeconfig {
        clusters: vec![cluster],
        auth_infos: users,
        contexts: vec![NamedContext { name: context.clone(), context: Some(kept), ..NamedContext::default() }],
        current_context: Some(context.clone()),
        kind: Some("Config".to_owned()),
        api_version: Some("v1".to_owned()),
        ..Kubeconfig::default()
    };
    Ok(Minimal { config, context, server, user })
}

/// Lets credential plugins ask nobody: they fail instead, and say why.
pub(super) fn silence(config: &mut Kubeconfig) {
    let users = config.auth_infos.iter_mut().filter_map(|user| user.auth_info.as_mut());
    for exec in users.filter_map(|info| info.exec.as_mut()) {
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
}

#[cfg(test)]
mod tests {
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
    client-key: /etc/alice.key
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
        let dev = minimal(merged.clone(), None).unwrap();
        assert_eq!(
            (dev.context.as_str(), dev.server.as_str(), dev.user.as_str()),
            ("dev", "https://dev:6443", "alice")
        );
        let json = serde_json::to_value(&dev.config).unwrap();
        let at = |pointer: &str| json.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        assert_eq!(at("/clusters/0/cluster/certificate-authority"), dir.path().join("ca.crt").display().to_string());
        assert_eq!(at("/users/0/user/client-certificate"), dir.path().join("certs/alice.crt").display().to_string());
        assert_eq!(at("/users/0/user/client-key"), "/etc/alice.key");
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
        let prod = minimal(load(&files(dir.path())).unwrap(), Some("prod")).unwrap();
        // Written as JSON, which every YAML reader takes, and read back as Helm would.
        let text = serde_json::to_string(&prod.config).unwrap();
        let back = serde_json::to_value(Kubeconfig::from_yaml(&text).unwrap()).unwrap();
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
        let err = minimal(merged.clone(), Some("nope")).unwrap_err();
        assert!(matches!(&err, ConnectError::NoContext { available, .. } if available == &["dev", "broken", "prod"]));
        let err = minimal(merged.clone(), Some("broken")).unwrap_err().to_string();
        assert_eq!(err, r#"context "broken" is incomplete: cluster "nowhere" is missing from the kubeconfig"#);
        let mut none = merged;
        none.current_context = None;
        assert!(matches!(minimal(none, None), Err(ConnectError::NoCurrentContext { .. })));
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
        let mut config: Kubeconfig = serde_json::from_value(serde_json::json!({"users": [
            {"name": "a", "user": {"exec": {"command": "login", "interactiveMode": "Always"}}},
            {"name": "b", "user": {"token": "t"}},
        ]}))
        .unwrap();
        silence(&mut config);
        let mode = config.auth_infos[0].auth_info.as_ref().unwrap().exec.as_ref().unwrap().interactive_mode.clone();
        assert_eq!(mode, Some(ExecInteractiveMode::Never));
    }
}
