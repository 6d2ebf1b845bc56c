//! Whether a registry's certificate is accepted, and why not: who issued it, which names it has, when it is valid.

use std::error::Error;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use super::certificate::{Certificate, shown};
use super::retry;

/// The most names of a certificate that are shown.
const NAMES: usize = 10;

/// Why a certificate is not accepted. It travels in the error of TLS, which does not say all of this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the certificate of {server} is not accepted")]
pub(super) struct Refused {
    /// The name or address that was connected to.
    pub(super) server: String,
    pub(super) why: Why,
}

/// What a certificate lacks. Times are in seconds since 1970; `now` is this machine's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    Issuer(String),
    Names(Vec<String>),
    Expired { until: u64, now: u64 },
    NotYet { from: u64, now: u64 },
}

impl Refused {
    /// Why the certificate was not accepted that an exchange failed for.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut found = None;
        retry::any(error, |error| {
            if let Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(held)))) =
                error.downcast_ref()
            {
                found = held.downcast_ref::<Self>().cloned();
            }
            found.is_some()
        });
        found
    }
}

/// Checks as everybody does, also where nobody is trusted.
#[derive(Debug)]
pub(super) struct Verifier {
    roots: RootCertStore,
    /// What is trusted, byte for byte. A server may show one of these itself: one that was made with `openssl req -x509` is
    /// its own authority, which is no authority to the library.
    trusted: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) const fn new(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { roots: RootCertStore { roots: Vec::new() }, trusted: Vec::new(), algorithms }
    }

    /// Trusts a certificate.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn trust(&mut self, certificate: CertificateDer<'static>) -> Result<(), rustls::Error> {
        self.roots.add(certificate.clone())?;
        self.trusted.push(certificate);
        Ok(())
    }

    fn check(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let parsed = ParsedCertificate::try_from(shown)?;
        if self.trusted.contains(shown) {
            is_valid(shown, now)?;
        } else {
            let all = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, all)?;
        }
        verify_server_name(&parsed, server)
    }
}

/// Whether a certificate is valid now.
fn is_valid(shown: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let validity = Certificate::read(shown).and_then(|read| read.validity);
    let Some((from, until)) = validity else { return Err(CertificateError::BadEncoding) };
    let of = |seconds: i64| std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let (not_before, not_after) = (UnixTime::since_unix_epoch(of(from)), UnixTime::since_unix_epoch(of(until)));
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before });
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after });
    }
    Ok(())
}

/// What a certificate lacks by the library's error; `None` where it is something else.
fn why(error: &CertificateError, leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Option<Why> {
    match error {
        CertificateError::ExpiredContext { time, not_after } => {
            Some(Why::Expired { until: not_after.as_secs(), now: time.as_secs() })
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            Some(Why::NotYet { from: not_before.as_secs(), now: time.as_secs() })
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            Some(Why::Names(presented.iter().take(NAMES).map(|name| plain(name)).collect()))
        }
        // One that is its own authority is refused as such, before anybody looks whether that is trusted.
        CertificateError::UnknownIssuer | CertificateError::Other(_) => {
            let own = Certificate::read(leaf);
            if !matches!(error, CertificateError::UnknownIssuer) && !own.as_ref().is_some_and(|own| own.is_self_issued)
            {
                return None;
            }
            let last = intermediates.last().map_or(own, |last| Certificate::read(last));
            Some(Why::Issuer(last.and_then(|last| last.issuer).unwrap_or_else(|| "somebody".to_owned())))
        }
        _ => None,
    }
}

/// A name as it is written, of what the library calls `DnsName("r.site")` or `IpAddress(10.0.0.1)`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')')).unwrap_or(name);
    shown(inner.trim_matches('"'))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.check(end_entity, intermediates, server_name, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(rustls::Error::InvalidCertificate(error)) => {
                let refused = |why| {
                    let refused = Refused { server: server_name.to_str().into_owned(), why };
                    CertificateError::Other(OtherError(Arc::new(refused)))
                };
                let error = why(&error, end_entity, intermediates).map_or(error, refused);
                Err(rustls::Error::InvalidCertificate(error))
            }
            Err(error) => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
