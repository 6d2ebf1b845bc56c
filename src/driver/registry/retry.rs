//! Which errors are retried, when, and who hears of it.

use std::error::Error;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use rustls::AlertDescription;
use tokio::time::Instant;

use super::settings::Limits;
use super::waits::{LongWait, WaitListener, WaitReason};
use crate::model::Backoff;

/// Walks the causes of an error. The source of an I/O error is that of what it holds, which would be passed over.
pub(super) fn any(error: &(dyn Error + 'static), mut found: impl FnMut(&(dyn Error + 'static)) -> bool) -> bool {
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

/// An error with its causes, in one line.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

/// That a registry asks to be left alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// For how long.
    pub(super) after: Duration,
    /// Its answer.
    pub(super) status: StatusCode,
}

impl Asked {
    /// By an answer; `None` where it does not ask for it.
    pub(super) fn by(answer: &Response) -> Option<Self> {
        retry_after(answer.headers()).map(|after| Self { after, status: answer.status() })
    }
}

/// The waits for one registry.
pub(super) struct Pauses {
    host: String,
    has_login: bool,
    limits: Limits,
    listener: WaitListener,
    /// Until when the reported wait lasts: whoever waits beside it for no longer is not reported.
    reported: Mutex<Option<Instant>>,
}

impl Pauses {
    pub(super) fn new(host: &str, has_login: bool, limits: Limits, listener: WaitListener) -> Self {
        Self { host: host.to_owned(), has_login, limits, listener, reported: Mutex::default() }
    }

    /// Waits after `failures` failures (from 1), at least as long as the registry asks for. `why` is the last failure.
    pub(super) async fn pause(&self, failures: u32, asked: Option<Asked>, why: &str) {
        self.pause_at_most(Duration::MAX, failures, asked, why).await;
    }

    /// As [`Self::pause`], and no longer than this.
    pub(super) async fn pause_at_most(&self, most: Duration, failures: u32, asked: Option<Asked>, why: &str) {
        let pause = wait(failures, asked.map(|asked| asked.after), &self.limits).min(most);
        if pause > self.limits.silent_wait {
            self.report(pause, asked, why);
        }
        tokio::time::sleep(pause).await;
    }

    /// Reports a wait, unless one that is about as long is reported already: many wait at a time.
    fn report(&self, pause: Duration, asked: Option<Asked>, why: &str) {
        let until = Instant::now() + pause;
        {
            let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
            if reported.is_some_and(|reported| until <= reported + self.limits.silent_wait) {
                return;
            }
            *reported = Some(until);
        }
        let why = match asked.filter(|asked| !asked.after.is_zero()) {
            Some(Asked { after, status }) => {
                let log_in = status == StatusCode::TOO_MANY_REQUESTS && !self.has_login;
                WaitReason::Asked { after, status, log_in }
            }
            None => WaitReason::Failed(why.to_owned()),
        };
        self.listener.hear(&LongWait { host: self.host.clone(), pause, why });
    }
}

/// How long the registry wants to be left alone. A date is taken as a minute: clocks differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    Some(text.parse().map_or(Duration::from_secs(60), Duration::from_secs))
}

/// How long is waited after `failures` failures (from 1): between half and all of a time that doubles, or at least as long as
/// the registry asks for.
fn wait(failures: u32, asked: Option<Duration>, limits: &Limits) -> Duration {
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

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_is_reported_once_however_many_wait() {
        let heard: std::sync::Arc<Mutex<Vec<LongWait>>> = std::sync::Arc::default();
        let hears = heard.clone();
        let listener = WaitListener::new(move |wait| hears.lock().unwrap().push(wait.clone()));
        let pauses = Pauses::new("r.site", true, Limits::default(), listener);
        let status = StatusCode::TOO_MANY_REQUESTS;
        let asked = |seconds| Some(Asked { after: Duration::from_secs(seconds), status });
        let took = Instant::now();
        futures::future::join_all((0..9).map(|_| pauses.pause(1, asked(120), ""))).await;
        assert!(took.elapsed() >= Duration::from_secs(120));
        let texts = || heard.lock().unwrap().drain(..).map(|wait| wait.to_string()).collect::<Vec<_>>();
        assert_eq!(texts(), ["r.site asks to wait 120s (429 too many requests)"]);
        // Again later; a short one not at all; and one that nobody asks for, with its reason.
        pauses.pause(1, asked(60), "").await;
        pauses.pause(1, asked(3), "").await;
        pauses.pause(3, None, "500 Internal Server Error").await;
        pauses.pause(9, None, "500 Internal Server Error").await;
        let said = texts();
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(said[0], "r.site asks to wait 60s (429 too many requests)");
        assert!(
            said[1].starts_with("registry r.site: retrying in ") && said[1].ends_with("(500 Internal Server Error)")
        );
    }

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
