//! From a kubeconfig to a cluster that answered.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::connect_error::{ConnectError, OLDEST};
use super::credentials::{Credentials, Identity, Plugin};
use super::error::Layers;
use super::guard::Guard;
use super::kubeconfig::set;
use super::{ApiError, ApiErrorKind, kubeconfig, proxy, retry};
use crate::driver::helm::KubeTarget;
use crate::driver::process::PrivateDir;
use crate::model::bounded;
use crate::model::cluster::ClusterInfo;

/// How long a first answer may take: a user waits for it.
const CONNECT_DEADLINE: Duration = Duration::from_secs(8);

/// Which cluster is meant.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// This kubeconfig file and no other; `None` looks where kubectl looks.
    pub kubeconfig: Option<PathBuf>,
    /// This context; `None` takes the current one.
    pub context: Option<String>,
    /// Credential plugins may not prompt: the terminal is not theirs.
    pub silent: bool,
    /// How long a credential plugin may take; `None` is long enough for people to answer a prompt.
    pub plugin_within: Option<Duration>,
}

/// A cluster that answered. Cheap to clone; the private folder with its kubeconfig goes with the last clone, so no
/// clone may be leaked and `std::process::exit` must come after the last one is dropped.
#[derive(Clone)]
pub struct Cluster {
    pub(super) inner: Arc<Inner>,
    without_dns: bool,
}

pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) info: ClusterInfo,
    pub(super) discovery: Mutex<Option<Arc<kube::Discovery>>>,
    kubeconfig: PathBuf,
    dir: PrivateDir,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cluster").field(&self.inner.info).finish()
    }
}

/// The contexts of the kubeconfig. Asks no cluster.
///
/// # Errors
/// There is no kubeconfig, or it cannot be read.
pub fn contexts(options: &ConnectOptions) -> Result<Vec<kubeconfig::Context>, ConnectError> {
    Ok(kubeconfig::contexts(&kubeconfig::load(&files(options))?))
}

/// The files of the kubeconfig.
fn files(options: &ConnectOptions) -> Vec<PathBuf> {
    kubeconfig::candidates(
        options.kubeconfig.as_deref(),
        std::env::var_os("KUBECONFIG").as_deref(),
        std::env::home_dir().as_deref(),
    )
}

impl Cluster {
    /// Resolves the context into a private kubeconfig of its own and asks the API server for its version. Nothing is
    /// changed in the cluster.
    ///
    /// # Errors
    /// Each says what is wrong and what to do about it.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let mut minimal = kubeconfig::minimal(&kubeconfig::load(&files(options))?, options.context.as_deref())?;
        if options.silent {
            kubeconfig::silence(&mut minimal);
        }
        let context = minimal.context.clone();
        let dir = PrivateDir::new().map_err(ConnectError::Private)?;
        let text = serde_json::to_vec(&minimal.config)
            .map_err(|source| ConnectError::Write { context: context.clone(), source })?;
        let kubeconfig = dir.write("kubeconfig", &text).map_err(ConnectError::Private)?;

        // TLS needs a process-wide provider, and it is set already if anything used TLS before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = client(&minimal, options.plugin_within).await?;
        let version = version(&client, &minimal).await?;
        let info = ClusterInfo { context: minimal.context, server: minimal.server, user: minimal.user, version };
        let inner = Inner { client, info, discovery: Mutex::new(None), kubeconfig, dir };
        Ok(Self { inner: Arc::new(inner), without_dns: false })
    }

    /// The same cluster, without DNS lookups of its names from this machine: an install from an offline bundle speaks
    /// to the API and the registry alone.
    #[must_use]
    pub fn without_dns(mut self) -> Self {
        self.without_dns = true;
        self
    }

    /// Whether names of the cluster may be resolved by this machine's DNS.
    #[must_use]
    pub const fn uses_dns(&self) -> bool {
        !self.without_dns
    }

    /// What was connected to, to be shown and confirmed.
    #[must_use]
    pub fn info(&self) -> &ClusterInfo {
        &self.inner.info
    }

    /// The private kubeconfig and its context, for Helm.
    #[must_use]
    pub fn helm_target(&self) -> KubeTarget {
        KubeTarget { kubeconfig: self.inner.kubeconfig.clone(), context: self.inner.info.context.clone() }
    }

    /// The folder (0700) that goes with the last clone.
    #[must_use]
    pub fn private_dir(&self) -> &PrivateDir {
        &self.inner.dir
    }

    /// The bare client, for calls that this driver does not offer.
    #[must_use]
    pub fn client(&self) -> Client {
        self.inner.client.clone()
    }
}

/// The client of one context, logged in.
async fn client(minimal: &kubeconfig::Minimal, within: Option<Duration>) -> Result<Client, ConnectError> {
    let refused = |source| ConnectError::Credentials { context: minimal.context.clone(), source };
    let invalid = |what: String| refused(ApiError::new(ApiErrorKind::Invalid, what));
    let url = server_url(&minimal.server).map_err(invalid)?;
    let tls = url.scheme_str() == Some("https");
    let host = url.host().unwrap_or_default().to_owned();
    let port = url.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let (cluster, auth) = (&minimal.cluster, &minimal.auth);
    let mut config = Config::new(url);
    config.default_namespace.clone_from(&minimal.namespace);
    config.disable_compression = cluster.disable_compression.unwrap_or_default();
    config.connect_timeout = Some(Duration::from_secs(5));
    // Retrying is ours: kube's own repeats a request up to fifteen times without a deadline.
    config.default_retry = false;
    let proxied = match set(cluster.proxy_url.as_ref()) {
        Some(url) => Some(url.to_owned()),
        None => proxy::from_environment(tls, &host, port, |name| std::env::var(name).ok()),
    };
    config.proxy_url = proxied.map(|url| proxy_url(&url)).transpose().map_err(invalid)?;
    let impersonated = json!({
        "as": set(auth.impersonate.as_ref()),
        "as-uid": set(auth.impersonate_uid.as_ref()),
        "as-groups": auth.impersonate_groups.as_ref().map(|all| all.iter().flatten().collect::<Vec<_>>()),
        "as-user-extra": auth.impersonate_extra.as_ref().map(|all| {
            let values = |list: &Option<Vec<Option<String>>>| list.iter().flatten().flatten().cloned().collect::<Vec<_>>();
            all.iter().map(|(key, list)| (key.clone(), values(list))).collect::<std::collections::BTreeMap<_, _>>()
        }),
    });
    if !tls {
        // As kubectl: without TLS no credentials are sent.
        config.root_cert = Some(Vec::new());
        config.auth_info = auth_info(impersonated).map_err(invalid)?;
        return guarded(config, Credentials::None).await.map_err(refused);
    }
    config.tls_server_name = set(cluster.tls_server_name.as_ref()).map(str::to_owned);
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or_default();
    let authority = pem(cluster.ca_data(), cluster.certificate_authority.as_ref()).map_err(invalid)?;
    config.root_cert = match &authority {
        Some(pem) => Some(certificates(pem).map_err(invalid)?),
        None if config.accept_invalid_certs => Some(Vec::new()),
        None => None,
    };
    let mut identity = match pem(auth.certificate_data(), auth.client_certificate.as_ref()).map_err(invalid)? {
        Some(certificate) => {
            let key = pem(auth.key_data(), auth.client_key.as_ref()).map_err(invalid)?.unwrap_or_default();
            Some((certificate, key))
        }
        None => None,
    };
    let basic = set(auth.username.as_ref()).or(set(auth.password.as_ref())).is_some();
    let (fixed, file) = (set(auth.token.as_ref()), set(auth.token_file.as_ref()));
    let login = |source| ConnectError::Plugin {
        user: minimal.user.clone(),
        context: minimal.context.clone(),
        source: Box::new(source),
    };
    let mut bearer = None;
    let credentials = match (&auth.exec, &auth.auth_provider) {
        _ if fixed.is_some() || file.is_some() => Credentials::token_of(fixed, file).await.map_err(login)?,
        // A plugin is not run where there are other credentials.
        (Some(exec), _) if identity.is_none() && !basic => {
            let plugin = Plugin::new(exec, minimal, authority.as_deref(), within);
            identity = plugin
                .login()
                .await
                .map_err(login)?
                .map(|(certificate, key): Identity| (certificate, key.expose().as_bytes().to_vec()));
            Credentials::Plugin(Box::new(plugin))
        }
        (_, Some(provider)) => {
            let name = provider.name.clone().unwrap_or_default();
            let token = provider.config.as_ref().and_then(|config| config.get("id-token").cloned().flatten());
            match token.filter(|_| name == "oidc") {
                Some(token) => bearer = Some(token),
                None => {
                    let what =
                        format!("auth-provider {name:?} is no longer supported by kubectl; use a credential plugin");
                    return Err(invalid(what));
                }
            }
            Credentials::None
        }
        _ => Credentials::None,
    };
    let encoded = |bytes: &Vec<u8>| base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut info = impersonated;
    info["client-certificate-data"] = json!(identity.as_ref().map(|(certificate, _)| encoded(certificate)));
    info["client-key-data"] = json!(identity.as_ref().map(|(_, key)| encoded(key)));
    info["token"] = json!(bearer);
    if basic {
        info["username"] = json!(auth.username.clone().unwrap_or_default());
        info["password"] = json!(auth.password.clone().unwrap_or_default());
    }
    config.auth_info = auth_info(info).map_err(invalid)?;
    guarded(config, credentials).await.map_err(refused)
}

async fn guarded(config: Config, credentials: Credentials) -> Result<Client, ApiError> {
    // Reads the machine's certificates, which may take a moment.
    match tokio::task::spawn_blocking(move || Client::try_from(config)).await {
        Ok(Ok(client)) => Ok(Guard::client(client, credentials)),
        Ok(Err(err)) => Err(ApiError::from(&err)),
        Err(lost) => Err(ApiError::new(ApiErrorKind::Invalid, lost.to_string())),
    }
}

fn auth_info(mut value: Value) -> Result<kube::config::AuthInfo, String> {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// The API's address as Go makes it of `server`: a bare host is one of HTTP.
fn server_url(server: &str) -> Result<http::Uri, String> {
    let wrong = || format!("server {server:?} is not a URL or host:port");
    let bare = server.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match bare.split_once("://") {
        Some((scheme, rest)) => (scheme.to_lowercase(), rest),
        None if bare.trim_end_matches('/').contains('/') => return Err(wrong()),
        None => ("http".to_owned(), bare),
    };
    if !["http", "https"].contains(&scheme.as_str()) {
        return Err(wrong());
    }
    format!("{scheme}://{rest}").parse().map_err(|_| wrong())
}

/// A proxy's address; without a port it has its scheme's.
fn proxy_url(url: &str) -> Result<http::Uri, String> {
    let wrong = || "the proxy address is not an http, https or socks5 URL".to_owned();
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let (scheme, default) = match scheme.to_lowercase().as_str() {
        "https" => ("https", 443),
        // Names are resolved by the proxy either way, as in Go.
        "socks5" | "socks5h" => ("socks5", 1080),
        // Go treats any other as an HTTP proxy.
        _ => ("http", 80),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let parsed: http::Uri = format!("{scheme}://{authority}").parse().map_err(|_| wrong())?;
    match parsed.port_u16() {
        Some(_) => Ok(parsed),
        None => format!("{scheme}://{}:{default}", authority.trim_end_matches(':')).parse().map_err(|_| wrong()),
    }
}

/// What is written in the kubeconfig, else what is in the file that it names.
fn pem(data: Option<&[u8]>, file: Option<&String>) -> Result<Option<Vec<u8>>, String> {
    match (data, set(file)) {
        (Some(data), _) => Ok(Some(data.to_vec())),
        (None, Some(file)) => match bounded::bytes(std::path::Path::new(file), bounded::KUBECONFIG) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => Err(format!("failed to read {file}: {error}")),
        },
        (None, None) => Ok(None),
    }
}

/// The certificates of an authority. What else is in the file is passed over, as kubectl does.
fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let found: Vec<Vec<u8>> =
        CertificateDer::pem_slice_iter(pem).filter_map(|found| Some(found.ok()?.as_ref().to_vec())).collect();
    if found.is_empty() { Err("the certificate authority contains no certificate".to_owned()) } else { Ok(found) }
}

async fn version(client: &Client, minimal: &kubeconfig::Minimal) -> Result<String, ConnectError> {
    let names = std::sync::Mutex::new(None);
    let call = retry::call_within(CONNECT_DEADLINE, || async {
        client.apiserver_version().await.inspect_err(|err| {
            if let (Some(found), Ok(mut names)) = (wrong_name(err), names.lock()) {
                *names = Some(found);
            }
        })
    });
    let server = minimal.server.clone();
    let context = minimal.context.clone();
    let found = match call.await {
        Ok(found) => found,
        Err(source) => {
            let names = names.into_inner().unwrap_or_default();
            return Err(match (source.kind, names) {
                (ApiErrorKind::Tls, Some(names)) => ConnectError::WrongName { server, names, source },
                (ApiErrorKind::Tls, None) => ConnectError::Untrusted { server, source },
                (ApiErrorKind::Unauthorized, _) => {
                    ConnectError::Unauthorized { server, user: minimal.user.clone(), source }
                }
                (ApiErrorKind::Login, _) => ConnectError::Login { user: minimal.user.clone(), context, source },
                (ApiErrorKind::Unreachable | ApiErrorKind::Timeout, _) => {
                    ConnectError::Unreachable { context, server, source }
                }
                _ => ConnectError::Version { server, source },
            });
        }
    };
    match parse_version(&found.git_version) {
        Some(version) if version < OLDEST => Err(ConnectError::TooOld { server, found: found.git_version }),
        _ => Ok(found.git_version),
    }
}

/// The names that a certificate is for, if it is for others than ours.
fn wrong_name(err: &kube::Error) -> Option<Vec<String>> {
    use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
    Layers(Some(err)).find_map(|layer| match layer.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(NotValidForName) => Some(Vec::new()),
        rustls::Error::InvalidCertificate(NotValidForNameContext { presented, .. }) => {
            Some(presented.iter().map(|name| plain_name(name)).collect())
        }
        _ => None,
    })
}

/// `DnsName("kubernetes")` and `IpAddress(10.96.0.1)`, as the TLS library shows them, to the name itself.
fn plain_name(shown: &str) -> String {
    let inner = shown.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(shown);
    inner.trim_matches('"').to_owned()
}

/// Major and minor of `v1.34.4`, `v1.29.3-eks-1234`, `v1.30+`; `None` if it is something else, which is let through.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v')?.split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(parse_version("v1.34.4"), Some((1, 34)));
        assert_eq!(parse_version("v1.9.11"), Some((1, 9)));
        assert_eq!(parse_version("v1.29.3-eks-adc7111"), Some((1, 29)));
        assert_eq!(parse_version("v1.30+"), Some((1, 30)));
        assert_eq!(parse_version("weird"), None);
        assert!(parse_version("v1.9.11").unwrap() < OLDEST);
    }

    #[test]
    fn names_are_shown_plainly() {
        assert_eq!(plain_name("DnsName(\"kubernetes\")"), "kubernetes");
        assert_eq!(plain_name("IpAddress(10.96.0.1)"), "10.96.0.1");
        assert_eq!(plain_name("kubernetes"), "kubernetes");
    }

    #[test]
    fn missing_contexts_list_the_available_ones() {
        let err = ConnectError::NoContext { wanted: "x".into(), available: vec!["a".into(), "b".into()] };
        assert_eq!(err.to_string(), r#"context "x" not found in the kubeconfig; available: a, b"#);
        let err = ConnectError::NoKubeconfig { searched: vec!["/h/.kube/config".into()] };
        assert_eq!(err.to_string(), "no kubeconfig found at /h/.kube/config; set --kubeconfig, or use --sandbox");
    }
}
