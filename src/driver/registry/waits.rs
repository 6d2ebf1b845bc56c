//! Long waits for a registry, for whoever reports them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;

/// A wait that is long enough to be reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongWait {
    /// Which registry, by its name in images.
    pub host: String,
    /// How long.
    pub pause: Duration,
    /// Why.
    pub why: WaitReason,
}

/// Why there is a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitReason {
    /// The registry asks for it.
    Asked {
        /// For how long; it may be longer than anybody waits.
        after: Duration,
        /// Its answer.
        status: StatusCode,
        /// Whether it would take more requests from who has a login.
        log_in: bool,
    },
    /// Something failed, and is tried again.
    Failed(String),
}

impl fmt::Display for LongWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, pause) = (&self.host, self.pause.as_secs());
        let (after, status, log_in) = match &self.why {
            WaitReason::Failed(why) => return write!(f, "registry {host}: retrying in {pause}s ({why})"),
            WaitReason::Asked { after, status, log_in } => (after.as_secs(), status, *log_in),
        };
        let name = status.canonical_reason().unwrap_or_default().to_lowercase();
        let status = format!("{} {name}", status.as_u16());
        match (after > pause, log_in) {
            (false, false) => write!(f, "{host} asks to wait {after}s ({status})"),
            (false, true) => write!(f, "{host} asks to wait {after}s ({status}); log in to raise the limit"),
            (true, false) => write!(f, "{host} asks to wait {after}s ({status}); retrying in {pause}s"),
            (true, true) => {
                write!(f, "{host} asks to wait {after}s ({status}); retrying in {pause}s; log in to raise the limit")
            }
        }
    }
}

/// What is called before a long wait.
type Hears = dyn Fn(&LongWait) + Send + Sync;

/// Who hears of long waits; by default nobody.
#[derive(Clone, Default)]
pub struct WaitListener(Option<Arc<Hears>>);

impl WaitListener {
    /// Calls this before each long wait, from any thread.
    #[must_use]
    pub fn new(hears: impl Fn(&LongWait) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hears)))
    }

    /// Reports one.
    pub fn hear(&self, wait: &LongWait) {
        if let Some(hears) = &self.0 {
            hears(wait);
        }
    }
}

impl fmt::Debug for WaitListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitListener").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_says_who_asks_how_long_and_what_helps() {
        let text = |after: u64, pause: u64, status: u16, log_in: bool| {
            let status = StatusCode::from_u16(status).unwrap();
            let why = WaitReason::Asked { after: Duration::from_secs(after), status, log_in };
            LongWait { host: "quay.io".to_owned(), pause: Duration::from_millis(pause * 1000 + 400), why }.to_string()
        };
        assert_eq!(
            text(300, 300, 429, true),
            "quay.io asks to wait 300s (429 too many requests); log in to raise the limit"
        );
        assert_eq!(text(60, 61, 503, false), "quay.io asks to wait 60s (503 service unavailable)");
        assert_eq!(
            text(900, 300, 429, true),
            "quay.io asks to wait 900s (429 too many requests); retrying in 300s; log in to raise the limit"
        );
        let why = WaitReason::Failed("500 Internal Server Error".to_owned());
        let wait = LongWait { host: "r.site".to_owned(), pause: Duration::from_secs(16), why };
        assert_eq!(wait.to_string(), "registry r.site: retrying in 16s (500 Internal Server Error)");
    }
}
