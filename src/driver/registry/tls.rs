//! TLS to registries: the system's authorities and those of files, our own certificate, and who issued what is not trusted.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::RegistryError;
use super::settings::Settings;
use crate::model::bounded;

/// Who issued the last certificate of each host that was not trusted.
pub(super) type Issuers = Arc<Mutex<Vec<(String, String)>>>;

/// The one client for all registries: it follows no redirect by itself, and keeps connections.
pub(super) fn client(settings: &Settings) -> Result<(Client, Issuers), RegistryError> {
    let setup = |what: String| RegistryError::Setup { what };
    let issuers = Issuers::default();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    // Files of the system that cannot be read are no reason to fail while others can.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for file in &settings.ca_files {
        for certificate in certificates(file)? {
            let no = |_| setup(format!("{} contains a certificate that is not a CA certificate", file.display()));
            roots.add(certificate).map_err(no)?;
        }
    }
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(error.to_string()))?;
    let config = if roots.is_empty() {
        // A machine without any: plain HTTP still goes, and a certificate is then one that nobody vouches for.
        config.with_root_certificates(roots)
    } else {
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| setup(error.to_string()))?;
        config.dangerous().with_custom_certificate_verifier(Arc::new(Verifier { inner, issuers: issuers.clone() }))
    };
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
    let client = Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(Policy::none())
        .connect_timeout(settings.limits.connect)
        .tcp_keepalive(std::time::Duration::from_secs(30))
        .http1_only()
        .user_agent(concat!("windlass/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .proxy(settings.proxies.rule())
        .build()
        .map_err(|error| setup(error.to_string()))?;
    Ok((client, issuers))
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

/// Checks as everybody does, and remembers who issued what was not trusted: TLS itself does not say.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    issuers: Issuers,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if result.is_err() {
            let host = server_name.to_str().into_owned();
            let issuer = issuer(intermediates.last().unwrap_or(end_entity)).unwrap_or_else(|| "somebody".to_owned());
            let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
            issuers.retain(|(known, _)| *known != host);
            issuers.push((host, issuer));
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// One value of DER: its tag, what is in it, and what follows it.
fn value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (digits, rest) = rest.split_at(count);
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    (rest.len() >= length).then(|| (tag, &rest[..length], &rest[length..]))
}

/// Who issued a certificate: the common name, or else the organisation.
fn issuer(certificate: &[u8]) -> Option<String> {
    let (_, certificate, _) = value(certificate)?;
    let (_, mut fields, _) = value(certificate)?;
    // A version, if it has one; then serial number, algorithm, issuer.
    if fields.first() == Some(&0xa0) {
        fields = value(fields)?.2;
    }
    let fields = value(value(fields)?.2)?.2;
    let (_, mut names, _) = value(fields)?;
    let (mut common, mut organisation) = (None, None);
    while let Some((_, set, rest)) = value(names) {
        names = rest;
        let (_, pair, _) = value(set)?;
        let (_, kind, text) = value(pair)?;
        let (_, text, _) = value(text)?;
        let clean = |text: &[u8]| {
            let text = String::from_utf8_lossy(text);
            Some(format!("`{}`", text.chars().filter(|c| !c.is_control()).take(120).collect::<String>()))
        };
        match kind {
            [0x55, 0x04, 0x03] => common = clean(text),
            [0x55, 0x04, 0x0a] => organisation = clean(text),
            _ => {}
        }
    }
    common.or(organisation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_of_a_certificate_is_named() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["r.site".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Site");
        params.distinguished_name.push(rcgen::DnType::CommonName, "Site's root \u{1b}[31m");
        let certificate = params.self_signed(&key).unwrap();
        assert_eq!(issuer(certificate.der()).as_deref(), Some("`Site's root [31m`"));
        for cut in 0..certificate.der().len().min(200) {
            let _ = issuer(&certificate.der()[..cut]);
        }
        assert_eq!(issuer(b""), None);
        assert_eq!(issuer(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

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
