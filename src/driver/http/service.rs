//! One service: its socket, and how to ask it.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::driver::body::{self, BodyError};
use crate::model::{Progress, ProgressSink};

/// How long one request may take. The services answer in milliseconds once they run.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a service that is not as wanted is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// The most of one answer: a page of batches with their logs is a hundredth of it.
const ANSWER: usize = 8 << 20;

/// How much of an answer is kept for a message.
const SHOWN: usize = 300;

/// Why a service did not answer as wanted.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No client could be made.
    #[error("failed to prepare a connection to {service}")]
    Client {
        /// Which service.
        service: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The request failed.
    #[error("failed to ask {service} for {path}")]
    Request {
        /// Which service.
        service: String,
        /// Path and query.
        path: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It answers without an end.
    #[error("failed to read {service}{path}")]
    TooLong {
        /// Which service.
        service: String,
        /// Path and query.
        path: String,
        /// How long an answer may be.
        source: BodyError,
    },
    /// It answered with another status.
    #[error("{service}{path} answered {status}, wanted {wanted}: {body}")]
    Status {
        /// Which service.
        service: String,
        /// Path and query.
        path: String,
        /// The status.
        status: u16,
        /// What was wanted.
        wanted: String,
        /// The beginning of the answer.
        body: String,
    },
    /// It answered, but not with what was expected.
    #[error("{service}{path} answered without `{wanted}`: {body}")]
    Content {
        /// Which service.
        service: String,
        /// Path and query.
        path: String,
        /// What was expected.
        wanted: String,
        /// The beginning of the answer.
        body: String,
    },
}

impl HttpError {
    /// Whether the service was not there to answer: nothing behind it, a connection that broke, a gateway that says so.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Request { .. } | Self::Status { status: 502..=504, .. })
    }
}

/// A service in the cluster.
#[derive(Debug, Clone)]
pub struct Service {
    client: Client,
    /// `name:port`, for messages and the Host header.
    name: String,
}

impl Service {
    /// A service behind a Unix socket.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(name: &str, socket: &Path) -> Result<Self, HttpError> {
        let client = Client::builder()
            .no_proxy()
            .timeout(REQUEST_TIMEOUT)
            .unix_socket(socket)
            .build()
            .map_err(|source| HttpError::Client { service: name.to_owned(), source })?;
        Ok(Self { client, name: name.to_owned() })
    }

    /// Its name, `name:port`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks until the status is as wanted and the body contains the text, or the deadline has passed.
    ///
    /// # Errors
    /// The last answer, once the deadline has passed.
    pub async fn wait(
        &self,
        path: &str,
        status: u16,
        contains: Option<&str>,
        deadline: Instant,
        progress: &ProgressSink,
    ) -> Result<(), HttpError> {
        loop {
            let error = match self.send(Method::GET, path, None).await {
                Ok((found, body)) if found.as_u16() != status => {
                    self.unexpected(path, found, &status.to_string(), &body)
                }
                Ok((_, body)) => match contains {
                    Some(wanted) if !body.contains(wanted) => HttpError::Content {
                        service: self.name.clone(),
                        path: path.to_owned(),
                        wanted: wanted.to_owned(),
                        body: shown(&body),
                    },
                    _ => return Ok(()),
                },
                Err(error) => error,
            };
            if Instant::now() + PAUSE >= deadline {
                return Err(error);
            }
            progress(Progress::Waiting(error.to_string()));
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends a request and reads a JSON answer.
    ///
    /// # Errors
    /// The request failed, the status is not a success, or the answer is not JSON.
    pub async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, HttpError> {
        let (status, text) = self.send(method, path, body).await?;
        if !status.is_success() {
            return Err(self.unexpected(path, status, "success", &text));
        }
        serde_json::from_str(&text).map_err(|_| HttpError::Content {
            service: self.name.clone(),
            path: path.to_owned(),
            wanted: "JSON".to_owned(),
            body: shown(&text),
        })
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, String), HttpError> {
        let failed = |source| HttpError::Request { service: self.name.clone(), path: path.to_owned(), source };
        let url = format!("http://{}{path}", self.name);
        // Livy wants X-Requested-By on everything that changes something when its CSRF protection is on.
        let mut request = self.client.request(method, url).header("X-Requested-By", "windlass");
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let body = body::read(response, ANSWER).await.map_err(|error| match error {
            BodyError::Broken(source) => failed(source),
            source => HttpError::TooLong { service: self.name.clone(), path: path.to_owned(), source },
        })?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    fn unexpected(&self, path: &str, status: StatusCode, wanted: &str, body: &str) -> HttpError {
        HttpError::Status {
            service: self.name.clone(),
            path: path.to_owned(),
            status: status.as_u16(),
            wanted: wanted.to_owned(),
            body: shown(body),
        }
    }
}

/// The beginning of an answer, on one line.
fn shown(body: &str) -> String {
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
