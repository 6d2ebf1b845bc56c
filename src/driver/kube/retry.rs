//! One call to the API, retried while that can help.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::{ApiError, ApiErrorKind, KubeError};
use crate::model::{Backoff, Progress, ProgressSink};

/// How long a call is retried in all.
pub(super) const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// How long a single attempt may take: a connection that died silently must not eat the whole deadline.
const ATTEMPT: Duration = Duration::from_secs(15);

const PAUSES: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

/// A pause shorter than this is not reported.
const REPORTED_PAUSE: Duration = Duration::from_millis(800);

tokio::task_local! {
    /// Gets the retries of calls.
    static PROGRESS: ProgressSink;
}

/// Runs `work`; its calls to the API report retries and their reasons to `progress`.
pub async fn with_progress<T>(progress: ProgressSink, work: impl Future<Output = T>) -> T {
    PROGRESS.scope(progress, work).await
}

/// Tries a call until it succeeds, fails for good, or [`CALL_DEADLINE`] is over. Every call made through here may be
/// sent twice, so each must be one that can be.
pub(super) async fn call<T, F>(verb: &'static str, what: &str, op: impl FnMut() -> F) -> Result<T, KubeError>
where
    F: Future<Output = Result<T, kube::Error>>,
{
    call_within(CALL_DEADLINE, op).await.map_err(|source| KubeError { verb, what: what.to_owned(), source })
}

/// As [`call`], with a deadline of its own.
pub(super) async fn call_within<T, F>(deadline: Duration, mut op: impl FnMut() -> F) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, kube::Error>>,
{
    let end = Instant::now() + deadline;
    let mut pauses = PAUSES;
    loop {
        let err = match timeout_at(end.min(Instant::now() + ATTEMPT), op()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(err)) => ApiError::from(&err),
            Err(_) => ApiError::new(ApiErrorKind::Timeout, "timed out waiting for the API server"),
        };
        let pause = pauses.pause();
        let wait = err.retry_after.unwrap_or(pause);
        if !err.is_transient() || Instant::now() + wait >= end {
            return Err(err);
        }
        tracing::debug!(error = %err, ?wait, "retrying");
        if wait >= REPORTED_PAUSE {
            let text = format!("the API server: {err}; retrying in {:.0}s", wait.as_secs_f64());
            let _ = PROGRESS.try_with(|progress| progress(Progress::Waiting(text)));
        }
        sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn api(code: u16, retry_after: u32) -> kube::Error {
        let details = serde_json::from_value(serde_json::json!({ "retryAfterSeconds": retry_after })).unwrap();
        let status = kube::core::Status::failure("no", "Because").with_code(code).with_details(details);
        kube::Error::Api(status.boxed())
    }

    async fn attempts(code: u16, retry_after: u32, fail_first: u32) -> (Result<(), ApiError>, u32, Duration) {
        let count = Cell::new(0);
        let start = Instant::now();
        let result = call_within(CALL_DEADLINE, || {
            count.set(count.get() + 1);
            let result = if count.get() <= fail_first { Err(api(code, retry_after)) } else { Ok(()) };
            async move { result }
        })
        .await;
        (result, count.get(), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn transient_errors_are_retried() {
        let (result, count, _) = attempts(503, 0, 3).await;
        assert_eq!((result.is_ok(), count), (true, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn other_errors_are_not_retried() {
        for code in [400, 401, 403, 404, 409, 422] {
            let (result, count, _) = attempts(code, 0, 9).await;
            assert_eq!((result.is_err(), count), (true, 1), "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_honoured() {
        let (result, count, took) = attempts(429, 7, 2).await;
        assert_eq!((result.is_ok(), count, took.as_secs()), (true, 3, 14));
    }

    #[tokio::test(start_paused = true)]
    async fn retries_are_reported() {
        let messages = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = messages.clone();
        let progress: ProgressSink = std::sync::Arc::new(move |progress| {
            if let Progress::Waiting(text) = progress {
                sink.lock().unwrap().push(text);
            }
        });
        with_progress(progress, attempts(503, 0, 4)).await.0.unwrap();
        let messages = messages.lock().unwrap().clone();
        assert_eq!(
            messages,
            ["the API server: no (HTTP 503); retrying in 1s", "the API server: no (HTTP 503); retrying in 2s"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_it_with_the_last_error() {
        let (result, count, took) = attempts(500, 0, u32::MAX).await;
        assert_eq!(result.unwrap_err().kind, ApiErrorKind::Unavailable);
        assert!(count > 5 && took <= CALL_DEADLINE, "{count} in {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_a_response_times_out() {
        let result = call_within(CALL_DEADLINE, std::future::pending::<Result<(), kube::Error>>).await;
        assert_eq!(result.unwrap_err().kind, ApiErrorKind::Timeout);
    }
}
