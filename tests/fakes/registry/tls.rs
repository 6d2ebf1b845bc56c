//! Certificates as a site makes them: a root, one below it that signs, and servers.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;

pub(crate) struct Site {
    root: CertifiedIssuer<'static, KeyPair>,
    below: CertifiedIssuer<'static, KeyPair>,
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Site {
    pub(crate) fn new(name: &str) -> Self {
        let root = CertifiedIssuer::self_signed(authority(&format!("{name} root")), KeyPair::generate().unwrap());
        let root = root.unwrap();
        let below = authority(&format!("{name} signing"));
        let below = CertifiedIssuer::signed_by(below, KeyPair::generate().unwrap(), &root).unwrap();
        Self { root, below }
    }

    pub(crate) fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// A server that shows its own certificate and the one that signed it.
    pub(crate) fn server(&self, names: &[&str], wants_client: bool) -> Arc<rustls::ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.below).unwrap();
        let chain = vec![certificate.der().clone(), self.below.der().clone()];
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = if wants_client {
            let mut roots = RootCertStore::empty();
            roots.add(self.root.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            config.with_client_cert_verifier(verifier)
        } else {
            config.with_no_client_auth()
        };
        Arc::new(config.with_single_cert(chain, private).unwrap())
    }

    /// A client's certificate with its chain, and its key.
    pub(crate) fn client(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["client".to_owned()]).unwrap().signed_by(&key, &self.below).unwrap();
        (format!("{}{}", certificate.pem(), self.below.pem()), key.serialize_pem())
    }
}
