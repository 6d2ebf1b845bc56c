//! From the user's kubeconfig files to the one context that Helm and this process share, as kubectl takes them.
//!
//! kubectl is lenient in one way and strict in another, and so is this: names and whole entries may be missing where
//! the context in use does not need them, but a value of the wrong type anywhere, or a duplicate name, makes
//! the whole file unusable. `tests/as_kubectl/mod.rs` holds a corpus of both against kubectl itself.

mod shape;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::connect_error::{ConnectError, KubeconfigError};
use crate::model::bounded;
use crate::model::yaml::helm_value;

pub(super) use shape::{AuthInfo, Cluster, Exec, Mode, set};
use shape::{Context as ContextShape, File};

/// The only extension that means something to others: credential plugins get it with the cluster.
const EXEC_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// All files, merged.
#[derive(Debug, Clone, Default)]
pub(super) struct Merged {
    clusters: BTreeMap<String, (Cluster, Value)>,
    users: BTreeMap<String, (AuthInfo, Value)>,
    contexts: BTreeMap<String, ContextShape>,
    /// The contexts' names in the order in which they are written.
    order: Vec<String>,
    current: String,
}

/// One context with its cluster and user, and nothing else.
#[derive(Debug, Clone)]
pub(super) struct Minimal {
    /// The kubeconfig that holds just this.
    pub(super) config: Value,
    pub(super) context: String,
    pub(super) server: String,
    pub(super) user: String,
    pub(super) namespace: String,
    pub(super) cluster: Cluster,
    pub(super) auth: AuthInfo,
    /// What the cluster passes to credential plugins.
    pub(super) exec_extension: Option<Value>,
}

/// Where kubectl would look: the named file alone, else `KUBECONFIG`, else `~/.kube/config`.
pub(super) fn candidates(explicit: Option<&Path>, env: Option<&OsStr>, home: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = explicit.filter(|path| !path.as_os_str().is_empty()) {
        return vec![path.to_owned()];
    }
    match env.filter(|env| !env.is_empty()) {
        // A list without any path still counts: the home folder is not used.
        Some(env) => std::env::split_paths(env).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => home.map(|home| home.join(".kube/config")).into_iter().collect(),
    }
}

/// Reads and merges the files. As with kubectl, files of a list may be missing; the first to say something wins.
pub(super) fn load(files: &[PathBuf]) -> Result<Merged, ConnectError> {
    let mut merged: Option<Merged> = None;
    for path in files {
        let bytes = match bounded::bytes(path, bounded::KUBECONFIG) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(ConnectError::Read { path: path.clone(), source }),
        };
        // What a file names relative to itself is made absolute, whatever folder this runs in.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        let broken = |source| ConnectError::Parse { path: path.clone(), source };
        let file = parse(bytes).map_err(broken)?;
        merged.get_or_insert_default().add(file, folder).map_err(broken)?;
    }
    merged.ok_or_else(|| ConnectError::NoKubeconfig { searched: files.to_vec() })
}

/// The text of a file, whatever Windows wrote it in: kubectl's reader takes UTF-16 as well.
fn decoded(bytes: Vec<u8>) -> Result<String, KubeconfigError> {
    let wide = |join: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| join([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map_err(|_| KubeconfigError::Yaml("not valid UTF-16".to_owned()))
    };
    match bytes.as_slice() {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => {
            let text = bounded::utf8(bytes).map_err(|error| KubeconfigError::Yaml(error.to_string()))?;
            Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
        }
    }
}

fn parse(bytes: Vec<u8>) -> Result<Value, KubeconfigError> {
    let text = decoded(bytes)?;
    let value = helm_value(&text).map_err(|error| KubeconfigError::Yaml(error.to_string()))?;
    Ok(if value.is_null() { Value::Object(Map::new()) } else { value })
}

impl Merged {
    fn add(&mut self, raw: Value, folder: &Path) -> Result<(), KubeconfigError> {
        let file: File = serde_json::from_value(raw.clone())?;
        let (kind, version) = (file.kind.unwrap_or_default(), file.api_version.unwrap_or_default());
        if !matches!(kind.as_str(), "" | "Config") || !matches!(version.as_str(), "" | "v1") {
            return Err(KubeconfigError::Kind(format!("{kind} of {version}")));
        }
        let raw_of = |list: &str, index: usize, what: &str| {
            let found = raw.get(list).and_then(|list| list.get(index)).and_then(|entry| entry.get(what)).cloned();
            found.filter(Value::is_object).unwrap_or_else(|| json!({}))
        };
        let mut seen = std::collections::BTreeSet::new();
        let mut twice = |list: &'static str, name: &str| match seen.insert((list, name.to_owned())) {
            true => Ok(()),
            false => Err(KubeconfigError::Twice { list, name: name.to_owned() }),
        };
        for (index, entry) in file.clusters.unwrap_or_default().into_iter().enumerate() {
            let entry = entry.unwrap_or_default();
            let name = entry.name.unwrap_or_default();
            twice("clusters", &name)?;
            let mut cluster = entry.cluster.unwrap_or_default();
            let mut raw = raw_of("clusters", index, "cluster");
            make_absolute(folder, &mut cluster.certificate_authority, &mut raw, &["certificate-authority"]);
            self.clusters.entry(name).or_insert((cluster, raw));
        }
        for (index, entry) in file.users.unwrap_or_default().into_iter().enumerate() {
            let entry = entry.unwrap_or_default();
            let name = entry.name.unwrap_or_default();
            twice("users", &name)?;
            let mut auth = entry.user.unwrap_or_default();
            let mut raw = raw_of("users", index, "user");
            make_absolute(folder, &mut auth.client_certificate, &mut raw, &["client-certificate"]);
            make_absolute(folder, &mut auth.client_key, &mut raw, &["client-key"]);
            make_absolute(folder, &mut auth.token_file, &mut raw, &["tokenFile"]);
            // A bare name is looked up in PATH.
            if let Some(exec) = &mut auth.exec
                && exec.command.as_ref().is_some_and(|command| command.contains('/'))
            {
                make_absolute(folder, &mut exec.command, &mut raw, &["exec", "command"]);
            }
            self.users.entry(name).or_insert((auth, raw));
        }
        for entry in file.contexts.unwrap_or_default() {
            let entry = entry.unwrap_or_default();
            let name = entry.name.unwrap_or_default();
            twice("contexts", &name)?;
            if !self.contexts.contains_key(&name) {
                self.order.push(name.clone());
                self.contexts.insert(name, entry.context.unwrap_or_default());
            }
        }
        if self.current.is_empty() {
            self.current = file.current_context.unwrap_or_default();
        }
        Ok(())
    }
}

/// Makes a path that a file names absolute, in the shape and in the text that is handed on.
fn make_absolute(folder: &Path, path: &mut Option<String>, raw: &mut Value, place: &[&str]) {
    let Some(named) = path.as_ref().filter(|path| !path.is_empty()) else { return };
    let absolute = folder.join(named).display().to_string();
    let mut at = raw;
    for key in place {
        match at.get_mut(*key) {
            Some(next) => at = next,
            None => return,
        }
    }
    *at = Value::String(absolute.clone());
    *path = Some(absolute);
}

/// A context of the kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// The API's URL; empty where its cluster is missing.
    pub server: String,
    /// Whether it is the current one.
    pub current: bool,
}

/// All contexts that can be named, in the order in which they are written.
pub(super) fn contexts(config: &Merged) -> Vec<Context> {
    let server = |name: &str| {
        let cluster = config.contexts.get(name)?.cluster.clone().unwrap_or_default();
        config.clusters.get(&cluster)?.0.server.clone()
    };
    let named = config.order.iter().filter(|name| !name.is_empty());
    let all = named.map(|name| Context {
        name: name.clone(),
        server: server(name).unwrap_or_default(),
        current: config.current == *name,
    });
    all.collect()
}

/// Keeps one context, with the cluster and the user that it names.
pub(super) fn minimal(config: &Merged, wanted: Option<&str>) -> Result<Minimal, ConnectError> {
    let available = || contexts(config).into_iter().map(|context| context.name).collect::<Vec<_>>();
    let wanted = wanted.filter(|name| !name.is_empty());
    let current = Some(config.current.as_str()).filter(|name| !name.is_empty());
    let Some(name) = wanted.or(current) else {
        return Err(ConnectError::NoCurrentContext { available: available() });
    };
    let Some(context) = config.contexts.get(name) else {
        return Err(ConnectError::NoContext { wanted: name.to_owned(), available: available() });
    };
    let incomplete = |missing: String| ConnectError::Incomplete { context: name.to_owned(), missing };
    let cluster_name = context.cluster.clone().unwrap_or_default();
    let Some((cluster, raw_cluster)) = config.clusters.get(&cluster_name) else {
        return Err(incomplete(format!("cluster {cluster_name:?}")));
    };
    let server = cluster.server.clone().unwrap_or_default();
    if server.is_empty() {
        return Err(incomplete(format!("the server of cluster {cluster_name:?}")));
    }
    // Without such a user there are no credentials, as with kubectl.
    let user = context.user.clone().unwrap_or_default();
    let (auth, raw_user) = config.users.get(&user).cloned().unwrap_or_else(|| (AuthInfo::default(), json!({})));
    let problems: Vec<String> = [cluster.problems(), auth.problems()].concat();
    if !problems.is_empty() {
        return Err(ConnectError::Unusable { context: name.to_owned(), problems });
    }
    let mut raw_cluster = raw_cluster.clone();
    let mut exec_extension = None;
    if let Some(extensions) = raw_cluster.get_mut("extensions").and_then(Value::as_array_mut) {
        extensions.retain(|extension| extension["name"] == EXEC_EXTENSION);
        exec_extension = extensions.first().map(|extension| extension["extension"].clone());
    }
    let mut raw_user = raw_user;
    if let Some(user) = raw_user.as_object_mut() {
        user.remove("extensions");
    }
    let namespace = context.namespace.clone().filter(|name| !name.is_empty());
    let mut kept = Map::from_iter([("cluster".to_owned(), json!(cluster_name)), ("user".to_owned(), json!(user))]);
    if let Some(namespace) = &namespace {
        kept.insert("namespace".to_owned(), json!(namespace));
    }
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": name,
        "clusters": [{"name": cluster_name, "cluster": raw_cluster}],
        "users": [{"name": user, "user": raw_user}],
        "contexts": [{"name": name, "context": kept}],
    });
    let (context, cluster) = (name.to_owned(), cluster.clone());
    let namespace = namespace.unwrap_or_else(|| "default".to_owned());
    Ok(Minimal { config, context, server, user, namespace, cluster, auth, exec_extension })
}

/// Stops credential plugins from prompting: they fail instead, and say why.
pub(super) fn silence(minimal: &mut Minimal) {
    if let Some(exec) = &mut minimal.auth.exec {
        exec.interactive_mode = Some("Never".to_owned());
        if let Some(raw) = minimal.config.pointer_mut("/users/0/user/exec").and_then(Value::as_object_mut) {
            raw.insert("interactiveMode".to_owned(), json!("Never"));
        }
    }
}

#[cfg(test)]
mod tests;
