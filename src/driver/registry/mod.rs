//! Registries of images: what is there, and what is read from them.

mod auth;
mod blobs;
mod client;
mod credentials;
mod error;
mod manifests;
mod proxy;
mod referrers;
mod retry;
mod settings;
mod source;
mod tls;

pub use client::{Registries, Registry};
pub use credentials::{Credentials, CredentialsError, login};
pub use error::RegistryError;
pub use manifests::parts;
pub use proxy::{Proxies, ProxyError, ProxyWay};
pub use settings::{Limits, Login, Settings, Trust};
pub use source::RegistrySource;
