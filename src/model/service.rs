//! How to reach a service in the cluster: what an action says of it, as far as drivers must know.

use std::collections::BTreeMap;

/// The way to a service. Secrets are `<Secret>/<key>` in its namespace.
#[derive(Debug, Clone, Copy)]
pub struct ServiceAccess<'a> {
    /// The namespace of the Secrets, and of the service unless that names another.
    pub namespace: &'a str,
    /// `name:port`, or `name.namespace:port`.
    pub service: &'a str,
    /// The user whose password it is.
    pub user: Option<&'a str>,
    /// Their password.
    pub password: Option<&'a str>,
    /// A token.
    pub token: Option<&'a str>,
    /// With TLS: the Secret of the authority, the name in the certificate, and whether it is looked at.
    pub tls: Option<(Option<&'a str>, Option<&'a str>, bool)>,
    /// Other secrets that are sent.
    pub secrets: &'a BTreeMap<String, String>,
}

/// Namespace, name and port of `name:port` or `name.namespace:port`. No Service has a dot in its name.
#[must_use]
pub fn service_place<'a>(service: &'a str, namespace: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let (name, port) = service.split_once(':')?;
    let (name, namespace) = name.split_once('.').unwrap_or((name, namespace));
    Some((namespace, name, port))
}

impl ServiceAccess<'_> {
    /// The Secret of the login, for messages.
    #[must_use]
    pub fn login_place(&self) -> Option<String> {
        let secret = self.password.or(self.token)?;
        let (name, key) = secret.split_once('/').unwrap_or((secret, ""));
        Some(format!("Secret {}/{name} (key `{key}`)", self.namespace))
    }
}

/// Where to look for something in a service.
#[derive(Debug, Clone, Copy)]
pub struct Lookup<'a> {
    /// Its own path, where it has one.
    pub get: Option<&'a str>,
    /// The path of a list that it is in.
    pub list: Option<&'a str>,
    /// JSON pointer to the list.
    pub items: &'a str,
    /// What identifies it: JSON pointers, and the texts that are there.
    pub matching: &'a BTreeMap<String, String>,
}
