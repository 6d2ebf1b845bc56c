//! The login of every request: a token, the file that it is kept in, or what a credential plugin gives
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>).
//!
//! kube runs plugins itself, but without a deadline or a limit on their output. Decisions here follow client-go.

use std::io::IsTerminal as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::LoginError;
use super::kubeconfig::{Exec, Minimal, Mode, set};
use crate::driver::process::{self, Environment, ProcessError, Spec};
use crate::model::yaml::helm_value;
use crate::model::{Secret, bounded};

/// How long a plugin may take that cannot prompt ...
const SILENT: Duration = Duration::from_secs(30);

/// ... and one that can: a second factor takes its time.
const INTERACTIVE: Duration = Duration::from_secs(180);

/// The most that a plugin may write: a token and a chain of certificates are a thousandth of it.
const OUTPUT: usize = 1 << 20;

/// How long a token file is cached: whoever rotates it keeps the old token valid for longer.
const FILE_CACHE: Duration = Duration::from_secs(60);

/// The versions of the plugins' protocol that there are.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// Where tokens come from.
pub(super) enum Credentials {
    /// Nowhere: a certificate, a password, or nobody.
    None,
    /// The kubeconfig, or a file that it names, which may be written anew at any time.
    Token { fixed: Option<Secret>, file: Option<PathBuf>, read: Mutex<Option<(Secret, Instant)>> },
    /// A plugin.
    Plugin(Box<Plugin>),
}

/// A certificate with its key, both PEM.
pub(super) type Identity = (Vec<u8>, Secret);

impl Credentials {
    /// The kubeconfig's token and file. The file's content counts while it can be read.
    pub(super) async fn token_of(fixed: Option<&str>, file: Option<&str>) -> Result<Self, LoginError> {
        let fixed = fixed.map(|token| Secret::new(token.to_owned()));
        let (file, read) = match file.map(PathBuf::from) {
            Some(file) => match read_token(&file).await {
                Ok(token) => (Some(file), Some((token, Instant::now()))),
                Err(_) if fixed.is_some() => (Some(file), None),
                Err(error) => return Err(error),
            },
            None => (None, None),
        };
        Ok(Self::Token { fixed, file, read: Mutex::new(read) })
    }

    /// The token of a request.
    pub(super) async fn token(&self) -> Result<Option<Secret>, LoginError> {
        match self {
            Self::None => Ok(None),
            Self::Token { fixed, file: None, .. } => Ok(fixed.clone()),
            Self::Token { fixed, file: Some(file), read } => {
                let mut read = read.lock().await;
                if let Some((token, at)) = &*read
                    && at.elapsed() < FILE_CACHE
                {
                    return Ok(Some(token.clone()));
                }
                match (read_token(file).await, &*read, fixed) {
                    (Ok(token), ..) => {
                        *read = Some((token.clone(), Instant::now()));
                        Ok(Some(token))
                    }
                    // The last token of a file that is gone is kept.
                    (Err(_), Some((token, _)), _) => Ok(Some(token.clone())),
                    (Err(_), None, Some(fixed)) => Ok(Some(fixed.clone())),
                    (Err(error), None, None) => Err(error),
                }
            }
            Self::Plugin(plugin) => {
                let mut given = plugin.given.lock().await;
                let expired =
                    given.as_ref().is_none_or(|it| it.expires.is_some_and(|expires| Timestamp::now() > expires));
                if expired {
                    *given = Some(plugin.run().await?);
                }
                Ok(given.as_ref().and_then(|given| given.token.clone()))
            }
        }
    }

    /// A request with this token was refused: a plugin is run again before the next.
    pub(super) async fn refused(&self, token: Option<&Secret>) {
        if let Self::Plugin(plugin) = self {
            let mut given = plugin.given.lock().await;
            if given.as_ref().is_some_and(|given| given.token.as_ref() == token) {
                *given = None;
            }
        }
    }
}

async fn read_token(path: &Path) -> Result<Secret, LoginError> {
    let owned = path.to_owned();
    let read = tokio::task::spawn_blocking(move || bounded::text(&owned, bounded::SECRET)).await;
    let failed = |source| LoginError::TokenFile { path: path.to_owned(), source };
    let text = read.map_err(std::io::Error::other).and_then(|read| read).map_err(failed)?;
    match text.trim() {
        "" => Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidData, "file is empty"))),
        token => Ok(Secret::new(token.to_owned())),
    }
}

/// A program that logs in.
pub(super) struct Plugin {
    exec: Exec,
    info: Value,
    deadline: Option<Duration>,
    given: Mutex<Option<PluginCredentials>>,
}

/// What a plugin gave.
struct PluginCredentials {
    token: Option<Secret>,
    identity: Option<Identity>,
    expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    api_version: Option<String>,
    kind: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<Timestamp>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Plugin {
    /// The plugin of a kubeconfig's user. `authority` is the certificate authority as PEM.
    pub(super) fn new(exec: &Exec, minimal: &Minimal, authority: Option<&[u8]>, deadline: Option<Duration>) -> Self {
        let cluster = &minimal.cluster;
        let mut info = json!({"server": minimal.server});
        let mut add = |key: &str, value: Option<Value>| {
            if let (Some(info), Some(value)) = (info.as_object_mut(), value) {
                info.insert(key.to_owned(), value);
            }
        };
        add("tls-server-name", set(cluster.tls_server_name.as_ref()).map(Value::from));
        add("insecure-skip-tls-verify", cluster.insecure_skip_tls_verify.filter(|yes| *yes).map(Value::from));
        let encoded = authority.map(|pem| base64::engine::general_purpose::STANDARD.encode(pem));
        add("certificate-authority-data", encoded.map(Value::from));
        add("proxy-url", set(cluster.proxy_url.as_ref()).map(Value::from));
        add("disable-compression", cluster.disable_compression.filter(|yes| *yes).map(Value::from));
        add("config", minimal.exec_extension.clone());
        Self { exec: exec.clone(), info, deadline, given: Mutex::new(None) }
    }

    /// Logs in, and gives the certificate, if it is one that the plugin gives.
    pub(super) async fn login(&self) -> Result<Option<Identity>, LoginError> {
        let given = self.run().await?;
        let identity = given.identity.clone();
        *self.given.lock().await = Some(given);
        Ok(identity)
    }

    async fn run(&self) -> Result<PluginCredentials, LoginError> {
        let exec = &self.exec;
        let command = exec.command.clone().unwrap_or_default();
        let wrong = |what: String| LoginError::Output { command: command.clone(), what };
        let version = exec.api_version.clone().unwrap_or_default();
        if !VERSIONS.contains(&version.as_str()) {
            return Err(wrong(format!("uses apiVersion {version}, but only {} are supported", VERSIONS.join(" and "))));
        }
        let terminal = std::io::stdin().is_terminal();
        let interactive = match exec.mode() {
            Some(Mode::Always) if !terminal => {
                return Err(wrong("needs a prompt, but standard input is not a terminal".to_owned()));
            }
            Some(Mode::Always | Mode::IfAvailable) => terminal,
            Some(Mode::Never) | None => false,
        };
        let absent = || LoginError::NotInstalled {
            command: command.clone(),
            hint: set(exec.install_hint.as_ref()).map(str::to_owned),
        };
        let program = find(&command).ok_or_else(absent)?;
        let mut info = json!({"interactive": interactive});
        if exec.provide_cluster_info == Some(true) {
            info["cluster"] = self.info.clone();
        }
        let info = json!({"kind": "ExecCredential", "apiVersion": version, "spec": info});
        let mut env = Environment::inherited_without(&[]);
        for var in exec.env.iter().flatten().flatten() {
            env = env.set(var.name.clone().unwrap_or_default(), var.value.clone().unwrap_or_default());
        }
        let args = exec.args.iter().flatten().map(|arg| arg.clone().unwrap_or_default());
        let spec = Spec {
            env: env.set("KUBERNETES_EXEC_INFO", info.to_string()),
            deadline: self.deadline.unwrap_or(if interactive { INTERACTIVE } else { SILENT }),
            grace: Duration::from_secs(1),
            stdout_cap: OUTPUT,
            terminal: interactive,
            ..Spec::new(program).args(args)
        };
        let output = process::run(spec, &CancellationToken::new()).await.map_err(|source| match source {
            // A script whose interpreter is missing, for one.
            ProcessError::Spawn { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => absent(),
            source => LoginError::Failed { command: command.clone(), source },
        })?;
        given(&output.stdout, &version).map_err(wrong)
    }
}

/// Parses what a plugin wrote. Errors never repeat its content.
fn given(stdout: &[u8], version: &str) -> Result<PluginCredentials, String> {
    let text = std::str::from_utf8(stdout).map_err(|_| "wrote output that is not text".to_owned())?;
    let no_credential = || "did not write an ExecCredential".to_owned();
    let value = helm_value(text).map_err(|_| no_credential())?;
    let found: ExecCredential = serde_json::from_value(value).map_err(|_| no_credential())?;
    if !matches!(found.kind.as_deref(), None | Some("" | "ExecCredential")) {
        return Err(no_credential());
    }
    let written = found.api_version.unwrap_or_default();
    if written != version {
        return Err(format!("must use apiVersion {version}, but wrote {written}"));
    }
    let status = found.status.ok_or_else(|| "wrote no status".to_owned())?;
    let full = |text: Option<String>| text.filter(|text| !text.is_empty());
    let token = full(status.token).map(Secret::new);
    let identity = match (full(status.client_certificate_data), full(status.client_key_data)) {
        (Some(certificate), Some(key)) => Some((certificate.into_bytes(), Secret::new(key))),
        (None, None) => None,
        _ => return Err("wrote a certificate or a key, but not both".to_owned()),
    };
    if token.is_none() && identity.is_none() {
        return Err("wrote neither a token nor a certificate".to_owned());
    }
    Ok(PluginCredentials { token, identity, expires: status.expiration_timestamp })
}

/// The program of that name: by its path, or in PATH.
fn find(command: &str) -> Option<PathBuf> {
    let runs = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if command.contains('/') {
        return Some(PathBuf::from(command)).filter(|path| runs(path));
    }
    let path = std::env::var_os("PATH")?;
    // As Go: a relative entry, such as the current folder, does not count.
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(command)).find(|path| runs(path))
}
