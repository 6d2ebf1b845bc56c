//! How registries are reached: the same options for every command that asks one.

use std::path::PathBuf;

use clap::Args;

/// Trust, logins and certificates.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct RegistryArgs {
    /// Trust the certificate authorities in FILE (PEM) in addition to the system's; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "Registries")]
    pub ca: Vec<PathBuf>,
    /// Client certificate for registries (PEM, with its chain)
    #[arg(long, value_name = "FILE", requires = "client_key", help_heading = "Registries")]
    pub client_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "client_cert", help_heading = "Registries")]
    pub client_key: Option<PathBuf>,
    /// Use plain HTTP for this registry if it has no TLS, also for the login; may be repeated
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Registries")]
    pub plain_http: Vec<String>,
    /// Also send the login to this host, which issues the registry's tokens
    #[arg(long, value_name = "HOST", help_heading = "Registries")]
    pub token_host: Option<String>,
    /// Read logins from this Docker config.json instead of the user's own
    #[arg(long, value_name = "FILE", help_heading = "Registries")]
    pub registry_config: Option<PathBuf>,
}
