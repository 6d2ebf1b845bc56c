//! Which file of a node configures access to a registry, by the node's runtime.

use super::class::PullClass;

/// What pulls on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeRuntime {
    /// containerd.
    Containerd,
    /// containerd as k3s brings it.
    K3s,
    /// containerd as rke2 brings it.
    Rke2,
    /// CRI-O.
    CriO,
    /// Another, or it is not known.
    Unknown,
}

impl NodeRuntime {
    /// From a node's own `containerRuntimeVersion` and `kubeletVersion` of its `status.nodeInfo`.
    #[must_use]
    pub fn of(runtime: &str, kubelet: &str) -> Self {
        match runtime.split("://").next().unwrap_or_default() {
            "cri-o" => Self::CriO,
            "containerd" if kubelet.contains("+k3s") || runtime.contains("-k3s") && !kubelet.contains("+rke2") => {
                Self::K3s
            }
            "containerd" if kubelet.contains("+rke2") => Self::Rke2,
            "containerd" => Self::Containerd,
            _ => Self::Unknown,
        }
    }

    /// The file that has to be changed for a failure of a class; none where no file of the node helps.
    pub(super) fn file(self, class: PullClass, host: &str) -> Option<String> {
        use PullClass::{Dns, Expired, HttpsOnly, PlainHttp, Proxy, UnknownAuthority};
        let file = match (class, self) {
            (Dns, _) => "/etc/hosts".to_owned(),
            (Proxy, Self::K3s) => "/etc/systemd/system/k3s.service.env".to_owned(),
            (Proxy, Self::Rke2) => "/etc/default/rke2-server".to_owned(),
            (Proxy, Self::CriO) => "/etc/systemd/system/crio.service.d/http-proxy.conf".to_owned(),
            (Proxy, _) => "/etc/systemd/system/containerd.service.d/http-proxy.conf".to_owned(),
            (Expired, _) => return None,
            (UnknownAuthority | PlainHttp | HttpsOnly, Self::K3s) => "/etc/rancher/k3s/registries.yaml".to_owned(),
            (UnknownAuthority | PlainHttp | HttpsOnly, Self::Rke2) => "/etc/rancher/rke2/registries.yaml".to_owned(),
            (UnknownAuthority, Self::CriO) => format!("/etc/containers/certs.d/{host}/ca.crt"),
            (PlainHttp | HttpsOnly, Self::CriO) => "/etc/containers/registries.conf".to_owned(),
            (UnknownAuthority | PlainHttp | HttpsOnly, Self::Containerd | Self::Unknown) => {
                format!("/etc/containerd/certs.d/{host}/hosts.toml")
            }
            _ => return None,
        };
        Some(file)
    }

    /// What to write there, and what to restart.
    pub(super) fn change(self, class: PullClass, host: &str, what: &str) -> String {
        let Some(file) = self.file(class, host) else { return String::new() };
        let line = match (class, self) {
            (PullClass::Proxy, _) => {
                return format!("add {host} to NO_PROXY in {file} on every node{}", self.restart());
            }
            (PullClass::UnknownAuthority, Self::K3s | Self::Rke2) => {
                format!("`configs: {{\"{host}\": {{tls: {{ca_file: /etc/ssl/certs/registry-ca.pem}}}}}}`")
            }
            (_, Self::K3s | Self::Rke2) => {
                format!("`mirrors: {{\"{host}\": {{endpoint: [\"{}://{host}\"]}}}}`", scheme(class))
            }
            (PullClass::UnknownAuthority, Self::CriO) => {
                return format!("put {what} into {file} on every node; CRI-O reads it at the next pull");
            }
            (_, Self::CriO) => {
                format!("`[[registry]]`, `location = \"{host}\"`, `insecure = {}`", class == PullClass::PlainHttp)
            }
            (PullClass::UnknownAuthority, _) => {
                format!(
                    "`server = \"https://{host}\"`, `[host.\"https://{host}\"]`, `ca = \"/etc/containerd/certs.d/{host}/ca.crt\"`"
                )
            }
            (..) => format!("`server = \"{0}://{host}\"`, `[host.\"{0}://{host}\"]`", scheme(class)),
        };
        // containerd reads its folder at each pull, if its configuration names the folder at all.
        let needs = match self {
            Self::Containerd | Self::Unknown => {
                "; `config_path = \"/etc/containerd/certs.d\"` in /etc/containerd/config.toml makes containerd read it"
                    .to_owned()
            }
            _ => self.restart(),
        };
        format!("configure {what} in {file} on every node: {line}{needs}")
    }

    fn restart(self) -> String {
        let service = match self {
            Self::K3s => "k3s (on agents k3s-agent)",
            Self::Rke2 => "rke2-server (on agents rke2-agent)",
            Self::CriO => "crio",
            Self::Containerd | Self::Unknown => "containerd",
        };
        format!(", then `systemctl restart` of {service}")
    }
}

/// The scheme that the registry serves.
fn scheme(class: PullClass) -> &'static str {
    if class == PullClass::PlainHttp { "http" } else { "https" }
}
