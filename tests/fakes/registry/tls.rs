//! Certificates as a site makes them: a root, one below it that signs, and servers.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

pub(crate) struct Site {
    root: CertifiedIssuer<'static, KeyPair>,
    below: CertifiedIssuer<'static, KeyPair>,
}

/// What `openssl req -x509` makes: a certificate that is its own authority, and says that it is one. With it as PEM.
pub(crate) fn self_signed(names: &[&str], years: [i32; 2]) -> (Arc<rustls::ServerConfig>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = in_years(named(names), years);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "by itself");
    let certificate = params.self_signed(&key).unwrap();
    (serving(vec![certificate.der().clone()], &key, None), certificate.pem())
}

fn named(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn in_years(mut params: CertificateParams, [from, until]: [i32; 2]) -> CertificateParams {
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
    params
}

/// A server that shows these, and wants to see a certificate below `clients` if there is one.
fn serving(
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
    clients: Option<CertificateDer<'static>>,
) -> Arc<rustls::ServerConfig> {
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let config = match clients {
        Some(root) => {
            let mut roots = RootCertStore::empty();
            roots.add(root).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            config.with_client_cert_verifier(verifier)
        }
        None => config.with_no_client_auth(),
    };
    Arc::new(config.with_single_cert(chain, private).unwrap())
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
        self.shown(named(names), wants_client)
    }

    /// A server with a certificate that is valid in these years: from the first of the one to the first of the other.
    pub(crate) fn server_in(&self, names: &[&str], years: [i32; 2]) -> Arc<rustls::ServerConfig> {
        self.shown(in_years(named(names), years), false)
    }

    fn shown(&self, params: CertificateParams, wants_client: bool) -> Arc<rustls::ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.below).unwrap();
        let chain = vec![certificate.der().clone(), self.below.der().clone()];
        serving(chain, &key, wants_client.then(|| self.root.der().clone()))
    }

    /// A client's certificate with its chain, and its key.
    pub(crate) fn client(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["client".to_owned()]).unwrap().signed_by(&key, &self.below).unwrap();
        (format!("{}{}", certificate.pem(), self.below.pem()), key.serialize_pem())
    }
}
