//! The way to a service for one action: its socket, its certificate, its login.

use std::collections::BTreeMap;

use super::service::{Credentials, HttpError, Service, TlsOptions};
use crate::driver::kube::{Cluster, KubeError, TunnelError, Tunnels};
use crate::model::{Secret, ServiceAccess, remember, service_place};

/// A service that can be asked.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The service.
    pub service: Service,
    /// Who asks.
    pub login: Option<Credentials>,
    /// What stands for secrets in what is sent, and what they are.
    secrets: BTreeMap<String, Secret>,
}

impl Opened {
    /// A secret that stands in what is sent, by its name there.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<String> {
        self.secrets.get(name).map(|secret| secret.expose().to_owned())
    }
}

/// Why there is no way to a service.
#[derive(Debug, thiserror::Error)]
pub enum ServiceAccessError {
    /// It is not named as it should be.
    #[error("`{0}` is not name:port of a service in the component's namespace, or name.namespace:port of another")]
    Name(String),
    /// There is no way into the cluster.
    #[error("failed to reach {service}")]
    Tunnel {
        /// Which service.
        service: String,
        /// Why.
        source: TunnelError,
    },
    /// The API failed.
    #[error("failed to read Secret {place}")]
    Api {
        /// Which, `namespace/name`.
        place: String,
        /// Why.
        source: KubeError,
    },
    /// A Secret is not there, or lacks the key.
    #[error("Secret {place} with the key `{key}` not found")]
    Absent {
        /// Which, `namespace/name`.
        place: String,
        /// The key.
        key: String,
    },
    /// No client could be made.
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl ServiceAccess<'_> {
    /// Opens it.
    ///
    /// # Errors
    /// A Secret is missing, or there is no way into the cluster.
    pub async fn open(&self, cluster: &Cluster, tunnels: &Tunnels) -> Result<Opened, ServiceAccessError> {
        let Some((namespace, name, port)) = service_place(self.service, self.namespace) else {
            return Err(ServiceAccessError::Name(self.service.to_owned()));
        };
        let socket = tunnels.service_socket(namespace, name, port);
        let socket =
            socket.map_err(|source| ServiceAccessError::Tunnel { service: self.service.to_owned(), source })?;
        let tls = match self.tls {
            None => None,
            Some((ca, certified, verify)) => {
                let ca = match ca {
                    Some(secret) => Some(self.secret(cluster, secret).await?.expose().as_bytes().to_vec()),
                    None => None,
                };
                let certified = certified.map_or_else(|| format!("{name}.{namespace}.svc"), str::to_owned);
                Some(TlsOptions { name: certified, ca, verify })
            }
        };
        let login = match (self.user, self.password, self.token) {
            (Some(user), Some(password), _) => {
                Some(Credentials::Password(user.to_owned(), self.redacted_secret(cluster, password).await?))
            }
            (_, _, Some(token)) => Some(Credentials::Token(self.redacted_secret(cluster, token).await?)),
            _ => None,
        };
        let mut secrets = BTreeMap::new();
        for (name, secret) in self.secrets {
            secrets.insert(name.clone(), self.redacted_secret(cluster, secret).await?);
        }
        Ok(Opened { service: Service::new(self.service, &socket, tls.as_ref())?, login, secrets })
    }

    /// A secret that is sent, and redacted from all output from then on.
    async fn redacted_secret(&self, cluster: &Cluster, secret: &str) -> Result<Secret, ServiceAccessError> {
        let secret = self.secret(cluster, secret).await?;
        remember(secret.expose());
        Ok(secret)
    }

    async fn secret(&self, cluster: &Cluster, secret: &str) -> Result<Secret, ServiceAccessError> {
        let (name, key) = secret.split_once('/').unwrap_or((secret, ""));
        let place = format!("{}/{name}", self.namespace);
        let found = cluster.secret(self.namespace, name).await;
        let found = found.map_err(|source| ServiceAccessError::Api { place: place.clone(), source })?;
        let value = found.and_then(|mut data| data.remove(key));
        value.ok_or_else(|| ServiceAccessError::Absent { place, key: key.to_owned() })
    }
}
