//! The types of a kubeconfig's values, as client-go has them: `null` and nothing are the same, a number is not text.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
pub(super) struct File {
    pub(super) kind: Option<String>,
    #[serde(rename = "apiVersion")]
    pub(super) api_version: Option<String>,
    pub(super) clusters: Option<Vec<Option<NamedCluster>>>,
    pub(super) users: Option<Vec<Option<NamedUser>>>,
    pub(super) contexts: Option<Vec<Option<NamedContext>>>,
    #[serde(rename = "current-context")]
    pub(super) current_context: Option<String>,
    #[expect(dead_code, reason = "of the wrong type, the file is unusable")]
    preferences: Option<Preferences>,
    #[expect(dead_code, reason = "of the wrong type, the file is unusable")]
    extensions: Option<Vec<Option<Extension>>>,
}

#[derive(Debug, Default, Deserialize)]
#[expect(dead_code, reason = "of the wrong type, the file is unusable")]
struct Preferences {
    colors: Option<bool>,
    extensions: Option<Vec<Option<Extension>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[expect(dead_code, reason = "of the wrong type, the file is unusable")]
pub(in crate::driver::kube) struct Extension {
    name: Option<String>,
    extension: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct NamedCluster {
    pub(super) name: Option<String>,
    pub(super) cluster: Option<Cluster>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct NamedUser {
    pub(super) name: Option<String>,
    pub(super) user: Option<AuthInfo>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct NamedContext {
    pub(super) name: Option<String>,
    pub(super) context: Option<Context>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Context {
    pub(super) cluster: Option<String>,
    pub(super) user: Option<String>,
    pub(super) namespace: Option<String>,
    #[expect(dead_code, reason = "of the wrong type, the file is unusable")]
    extensions: Option<Vec<Option<Extension>>>,
}

/// How to reach and trust an API.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::driver::kube) struct Cluster {
    pub(in crate::driver::kube) server: Option<String>,
    pub(in crate::driver::kube) tls_server_name: Option<String>,
    pub(in crate::driver::kube) insecure_skip_tls_verify: Option<bool>,
    pub(in crate::driver::kube) certificate_authority: Option<String>,
    pub(in crate::driver::kube) certificate_authority_data: Option<Bytes>,
    pub(in crate::driver::kube) proxy_url: Option<String>,
    pub(in crate::driver::kube) disable_compression: Option<bool>,
    #[expect(dead_code, reason = "of the wrong type, the file is unusable")]
    extensions: Option<Vec<Option<Extension>>>,
}

/// How to log in.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::driver::kube) struct AuthInfo {
    pub(in crate::driver::kube) client_certificate: Option<String>,
    pub(in crate::driver::kube) client_certificate_data: Option<Bytes>,
    pub(in crate::driver::kube) client_key: Option<String>,
    pub(in crate::driver::kube) client_key_data: Option<Bytes>,
    pub(in crate::driver::kube) token: Option<String>,
    #[serde(rename = "tokenFile")]
    pub(in crate::driver::kube) token_file: Option<String>,
    #[serde(rename = "as")]
    pub(in crate::driver::kube) impersonate: Option<String>,
    #[serde(rename = "as-uid")]
    pub(in crate::driver::kube) impersonate_uid: Option<String>,
    #[serde(rename = "as-groups")]
    pub(in crate::driver::kube) impersonate_groups: Option<Vec<Option<String>>>,
    #[serde(rename = "as-user-extra")]
    pub(in crate::driver::kube) impersonate_extra: Option<BTreeMap<String, Option<Vec<Option<String>>>>>,
    pub(in crate::driver::kube) username: Option<String>,
    pub(in crate::driver::kube) password: Option<String>,
    pub(in crate::driver::kube) auth_provider: Option<AuthProvider>,
    pub(in crate::driver::kube) exec: Option<Exec>,
    #[expect(dead_code, reason = "of the wrong type, the file is unusable")]
    extensions: Option<Vec<Option<Extension>>>,
}

impl std::fmt::Debug for AuthInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthInfo(set)")
    }
}

/// A way to log in that was built into kubectl.
#[derive(Clone, Default, Deserialize)]
pub(in crate::driver::kube) struct AuthProvider {
    pub(in crate::driver::kube) name: Option<String>,
    pub(in crate::driver::kube) config: Option<BTreeMap<String, Option<String>>>,
}

/// A program that logs in.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::driver::kube) struct Exec {
    pub(in crate::driver::kube) command: Option<String>,
    pub(in crate::driver::kube) args: Option<Vec<Option<String>>>,
    pub(in crate::driver::kube) env: Option<Vec<Option<EnvVar>>>,
    pub(in crate::driver::kube) api_version: Option<String>,
    pub(in crate::driver::kube) install_hint: Option<String>,
    pub(in crate::driver::kube) provide_cluster_info: Option<bool>,
    pub(in crate::driver::kube) interactive_mode: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
pub(in crate::driver::kube) struct EnvVar {
    pub(in crate::driver::kube) name: Option<String>,
    pub(in crate::driver::kube) value: Option<String>,
}

/// Bytes, in the text as base64.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::driver::kube) struct Bytes(pub(in super::super) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Go ignores line breaks, and nothing else.
        let text: String = String::deserialize(deserializer)?.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        let decoded = base64::engine::general_purpose::STANDARD.decode(text);
        decoded.map(Self).map_err(|error| serde::de::Error::custom(format!("not base64: {error}")))
    }
}

/// The text, where it is set and not empty.
pub(in crate::driver::kube) fn set(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn data(bytes: Option<&Bytes>) -> Option<&[u8]> {
    bytes.map(|bytes| bytes.0.as_slice()).filter(|bytes| !bytes.is_empty())
}

/// A file that cannot be opened, as a problem.
fn unreadable(what: &str, path: Option<&str>) -> Option<String> {
    let path = path?;
    std::fs::metadata(Path::new(path)).err().map(|error| format!("failed to read {what} {path}: {error}"))
}

impl Cluster {
    pub(in crate::driver::kube) fn ca_data(&self) -> Option<&[u8]> {
        data(self.certificate_authority_data.as_ref())
    }

    /// What keeps it from being used, as kubectl sees it.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let file = set(self.certificate_authority.as_ref());
        if let Some(url) = set(self.proxy_url.as_ref())
            && !["http", "https", "socks5"].contains(&scheme(url).to_lowercase().as_str())
        {
            problems.push(format!("proxy-url {url:?} is not an http, https or socks5 URL"));
        }
        if file.is_some() && self.ca_data().is_some() {
            problems.push("certificate-authority and certificate-authority-data are both set".to_owned());
        }
        problems.extend(unreadable("certificate-authority", file));
        let trusted = file.is_some() || self.ca_data().is_some();
        let tls = set(self.server.as_ref()).is_some_and(|server| scheme(server).eq_ignore_ascii_case("https"));
        if tls && trusted && self.insecure_skip_tls_verify == Some(true) {
            problems.push("a certificate authority and insecure-skip-tls-verify are both set".to_owned());
        }
        problems
    }
}

/// What stands before the colon of a URL.
fn scheme(url: &str) -> &str {
    url.split_once(':').map_or("", |(scheme, _)| scheme)
}

impl AuthInfo {
    pub(in crate::driver::kube) fn certificate_data(&self) -> Option<&[u8]> {
        data(self.client_certificate_data.as_ref())
    }

    pub(in crate::driver::kube) fn key_data(&self) -> Option<&[u8]> {
        data(self.client_key_data.as_ref())
    }

    /// What keeps it from being used, as kubectl sees it.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let (certificate, key) = (set(self.client_certificate.as_ref()), set(self.client_key.as_ref()));
        if certificate.is_some() || self.certificate_data().is_some() {
            for (what, file, data) in
                [("client-certificate", certificate, self.certificate_data()), ("client-key", key, self.key_data())]
            {
                if file.is_some() && data.is_some() {
                    problems.push(format!("{what} and {what}-data are both set"));
                }
                problems.extend(unreadable(what, file));
            }
            if key.is_none() && self.key_data().is_none() {
                problems.push("a client-certificate is set without a client-key".to_owned());
            }
        }
        let basic = set(self.username.as_ref()).or(set(self.password.as_ref())).is_some();
        if basic && set(self.token.as_ref()).is_some() {
            problems.push("a token and a username or password are both set".to_owned());
        }
        if let Some(exec) = &self.exec {
            problems.extend(exec.problems());
            if self.auth_provider.is_some() {
                problems.push("auth-provider and exec are both set".to_owned());
            }
        }
        let more = set(self.impersonate_uid.as_ref()).is_some()
            || self.impersonate_groups.as_ref().is_some_and(|groups| !groups.is_empty())
            || self.impersonate_extra.as_ref().is_some_and(|extra| !extra.is_empty());
        if more && set(self.impersonate.as_ref()).is_none() {
            problems.push("as-uid, as-groups or as-user-extra is set without `as`".to_owned());
        }
        problems
    }
}

/// Whether a plugin may prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver::kube) enum Mode {
    Never,
    IfAvailable,
    Always,
}

impl Exec {
    /// Whether it may prompt; older versions may omit that.
    pub(in crate::driver::kube) fn mode(&self) -> Option<Mode> {
        let old = ["client.authentication.k8s.io/v1beta1", "client.authentication.k8s.io/v1alpha1"];
        match set(self.interactive_mode.as_ref()) {
            Some("Never") => Some(Mode::Never),
            Some("IfAvailable") => Some(Mode::IfAvailable),
            Some("Always") => Some(Mode::Always),
            None if set(self.api_version.as_ref()).is_some_and(|version| old.contains(&version)) => {
                Some(Mode::IfAvailable)
            }
            _ => None,
        }
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut missing = |what: &str| problems.push(format!("exec has no {what}"));
        if set(self.command.as_ref()).is_none() {
            missing("command");
        }
        if set(self.api_version.as_ref()).is_none() {
            missing("apiVersion");
        }
        let mut env = self.env.iter().flatten();
        if env.any(|var| var.as_ref().is_none_or(|var| set(var.name.as_ref()).is_none())) {
            missing("name for an env variable");
        }
        if self.mode().is_none() {
            match set(self.interactive_mode.as_ref()) {
                None => missing("interactiveMode"),
                Some(mode) => problems.push(format!("exec has unknown interactiveMode {mode:?}")),
            }
        }
        problems
    }
}
