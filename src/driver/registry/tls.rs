//! TLS to registries: the system's authorities and those of files, and our own certificate.

use std::path::Path;
use std::sync::Arc;

use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::RegistryError;
use super::settings::Settings;
use super::verifier::Verifier;
use crate::model::bounded;

/// The one client for all registries: it follows no redirect by itself, and keeps connections.
pub(super) fn client(settings: &Settings) -> Result<Client, RegistryError> {
    let setup = |what: String| RegistryError::Setup { what };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // A machine may have no authority at all: plain HTTP still goes, and a certificate is then one that nobody vouches for.
    let mut verifier = Verifier::new(provider.signature_verification_algorithms);
    for certificate in rustls_native_certs::load_native_certs().certs {
        // One of the system's that cannot be read is no reason to fail while others can.
        let _ = verifier.trust(certificate);
    }
    for file in &settings.ca_files {
        for certificate in certificates(file)? {
            let no = |_| setup(format!("{} contains a certificate that cannot be read", file.display()));
            verifier.trust(certificate).map_err(no)?;
        }
    }
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match &settings.client_certificate {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let bytes = bounded::bytes(key, bounded::KUBECONFIG)
                .map_err(|error| setup(format!("failed to read {}: {error}", key.display())))?;
            let private = PrivateKeyDer::from_pem_slice(&bytes)
                .map_err(|_| setup(format!("{} contains no PEM private key", key.display())))?;
            config
                .with_client_auth_cert(certificates(certificate)?, private)
                .map_err(|error| setup(format!("{} and {}: {error}", certificate.display(), key.display())))?
        }
    };
    Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(Policy::none())
        .connect_timeout(settings.limits.connect)
        .tcp_keepalive(std::time::Duration::from_secs(30))
        .http1_only()
        .user_agent(concat!("windlass/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .proxy(settings.proxies.rule())
        .build()
        .map_err(|error| setup(error.to_string()))
}

/// All certificates of a file, at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, RegistryError> {
    let setup = |what: String| RegistryError::Setup { what };
    let bytes = bounded::bytes(file, bounded::KUBECONFIG)
        .map_err(|error| setup(format!("failed to read {}: {error}", file.display())))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(setup(format!("{} contains no PEM certificates", file.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "no certificate").unwrap();
        let with = |file: std::path::PathBuf| client(&Settings { ca_files: vec![file], ..Settings::default() });
        let error = with(file).unwrap_err().to_string();
        assert!(error.contains("ca.pem contains no PEM certificates"), "{error}");
        assert!(with(folder.path().join("none")).unwrap_err().to_string().contains("failed to read"));
    }
}
