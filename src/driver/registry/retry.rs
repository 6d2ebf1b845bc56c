//! Which errors are retried, and when.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use rustls::AlertDescription;

use super::settings::Limits;
use crate::model::Backoff;

/// Walks the causes of an error. The source of an I/O error is that of what it holds, which would be passed over.
fn any(error: &(dyn Error + 'static), mut found: impl FnMut(&(dyn Error + 'static)) -> bool) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if found(error) {
            return true;
        }
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    false
}

/// Whether the answer to a TLS greeting was none: a certificate that is not trusted is one.
pub(super) fn speaks_no_tls(error: &reqwest::Error) -> bool {
    any(error, |error| matches!(error.downcast_ref::<rustls::Error>(), Some(rustls::Error::InvalidMessage(_))))
}

/// Whether the server's certificate is not accepted here.
pub(super) fn is_untrusted(error: &reqwest::Error) -> bool {
    any(error, |error| matches!(error.downcast_ref::<rustls::Error>(), Some(rustls::Error::InvalidCertificate(_))))
}

/// Whether a failed exchange may end better: the connection was refused, reset, closed before or in the answer, or ended by
/// an alert. A certificate that is not accepted by either side stays that way, and so does an invalid request.
pub(super) fn may_pass(error: &reqwest::Error) -> bool {
    let ours = |alert: AlertDescription| {
        matches!(
            alert,
            AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::CertificateRequired
                | AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure
        )
    };
    if error.is_builder() {
        return false;
    }
    !any(error, |error| match error.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::AlertReceived(alert)) => ours(*alert),
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::InvalidMessage(_)) => true,
        _ => false,
    })
}

/// Whether an answer may be another one later.
pub(super) fn status_may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// How long the registry wants to be left alone. A date is taken as a minute: clocks differ.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    Some(text.parse().map_or(Duration::from_secs(60), Duration::from_secs))
}

/// How long is waited after `failures` failures (from 1): between half and all of a time that doubles, or at least as long as
/// the registry asks for.
pub(super) fn wait(failures: u32, asked: Option<Duration>, limits: &Limits) -> Duration {
    let full = Backoff::new(limits.backoff, limits.backoff_most).after(failures);
    let share = getrandom::u32().unwrap_or(u32::MAX / 2);
    let jittered = full / 2 + (full / 2).mul_f64(f64::from(share) / f64::from(u32::MAX));
    match asked {
        Some(asked) => asked.min(limits.retry_after_most) + jittered / 2,
        None => jittered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_and_honour_what_is_asked() {
        let limits = Limits {
            backoff: Duration::from_secs(1),
            backoff_most: Duration::from_secs(10),
            retry_after_most: Duration::from_secs(20),
            ..Limits::default()
        };
        for failures in 1..40 {
            let full = Duration::from_secs(1 << (failures - 1).min(10)).min(limits.backoff_most);
            let waited = wait(failures, None, &limits);
            assert!(waited >= full / 2 && waited <= full, "{failures}: {waited:?}");
        }
        let asked = wait(1, Some(Duration::from_secs(5)), &limits);
        assert!(asked >= Duration::from_secs(5) && asked < Duration::from_secs(7));
        assert!(wait(1, Some(Duration::from_secs(9999)), &limits) < Duration::from_secs(22));
        let header = |text: &str| HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        assert_eq!(retry_after(&header("7")), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&header("Wed, 21 Oct 2015 07:28:00 GMT")), Some(Duration::from_secs(60)));
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
