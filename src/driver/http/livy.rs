//! Livy's REST API, as far as checks need it (<https://livy.apache.org/docs/latest/rest-api.html>).

use std::collections::BTreeMap;
use std::fmt;

use reqwest::Method;
use serde_json::{Value, json};

use super::service::{HttpError, Service};

/// Why Livy could not be used.
#[derive(Debug, thiserror::Error)]
pub enum LivyError {
    /// The request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// An answer lacks what it should hold.
    #[error("Livy's response to {path} has no `{field}`")]
    Field {
        /// Which request.
        path: String,
        /// What is missing.
        field: &'static str,
    },
}

impl LivyError {
    /// Whether Livy was not there to answer, as it is while its pod is replaced.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Http(error) => error.is_away(),
            Self::Field { .. } => false,
        }
    }
}

/// Livy's version, as far as it can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LivyVersion(pub u32, pub u32, pub u32);

impl LivyVersion {
    /// Reads `0.9.0-incubating`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(['.', '-']).map(str::parse);
        let mut next = || parts.next()?.ok();
        Some(Self(next()?, next()?, next().unwrap_or(0)))
    }
}

impl fmt::Display for LivyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A batch to run.
#[derive(Debug, Clone)]
pub struct BatchRequest {
    /// Its name; Livy refuses a second live batch of the same name.
    pub name: String,
    /// Main class.
    pub class: String,
    /// Jar as Spark knows it.
    pub file: String,
    /// Arguments.
    pub args: Vec<String>,
    /// Spark configuration.
    pub conf: BTreeMap<String, String>,
}

/// A batch as Livy sees it. On Kubernetes an old Livy follows `spark-submit` and not the driver, so its state is no
/// proof of success; only `dead` and `error` are worth something, as signs that no driver will come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Livy's number for it.
    pub id: u64,
    /// `starting`, `running`, `success`, `dead`, …
    pub state: String,
    /// The last lines that Livy kept.
    pub log: Vec<String>,
}

/// An interactive session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Livy's number for it.
    pub id: u64,
    /// `starting`, `idle`, `dead`, …
    pub state: String,
    /// The last lines that Livy kept.
    pub log: Vec<String>,
}

/// A statement in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Livy's number for it.
    pub id: u64,
    /// `waiting`, `running`, `available`, …
    pub state: String,
    /// Its output, once it is there.
    pub output: Option<String>,
}

/// A Livy server.
#[derive(Debug, Clone)]
pub struct Livy(Service);

impl Livy {
    /// Livy behind a service.
    #[must_use]
    pub const fn new(service: Service) -> Self {
        Self(service)
    }

    /// Its version as it says it, and as it can be compared.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn version(&self) -> Result<(String, Option<LivyVersion>), LivyError> {
        let answer = self.0.json(Method::GET, "/version", None).await?;
        let text = answer["version"].as_str().unwrap_or("unknown").to_owned();
        let version = LivyVersion::parse(&text);
        Ok((text, version))
    }

    /// Submits a batch.
    ///
    /// # Errors
    /// It is refused; the answer says why.
    pub async fn submit(&self, request: &BatchRequest) -> Result<u64, LivyError> {
        let body = json!({
            "name": request.name,
            "className": request.class,
            "file": request.file,
            "args": request.args,
            "conf": request.conf,
        });
        number("/batches", &self.0.json(Method::POST, "/batches", Some(&body)).await?)
    }

    /// The number of the batch with this name, if there is one.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn batch_named(&self, name: &str) -> Result<Option<u64>, LivyError> {
        self.named("/batches", name).await
    }

    /// The number of the session with this name, if there is one.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn session_named(&self, name: &str) -> Result<Option<u64>, LivyError> {
        self.named("/sessions", name).await
    }

    async fn named(&self, list: &str, name: &str) -> Result<Option<u64>, LivyError> {
        // Livy gives a hundred at a time, the oldest first.
        let mut from = 0;
        loop {
            let path = format!("{list}?from={from}&size={PAGE}");
            let answer = self.0.json(Method::GET, &path, None).await?;
            let found = answer["sessions"].as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(one) = found.iter().find(|one| one["name"] == name) {
                return number(&path, one).map(Some);
            }
            if found.len() < PAGE {
                return Ok(None);
            }
            from += PAGE;
        }
    }

    /// A batch, with the last lines of its log.
    ///
    /// # Errors
    /// It does not answer, or knows no such batch.
    pub async fn batch(&self, id: u64) -> Result<Batch, LivyError> {
        let path = format!("/batches/{id}");
        let mut found = batch(&path, &self.0.json(Method::GET, &path, None).await?)?;
        let log = self.0.json(Method::GET, &format!("/batches/{id}/log?size=100"), None).await?;
        found.log = lines(&log["log"]);
        Ok(found)
    }

    /// Forgets a batch; one that runs is killed.
    ///
    /// # Errors
    /// It does not answer, or knows no such batch.
    pub async fn delete_batch(&self, id: u64) -> Result<(), LivyError> {
        self.0.json(Method::DELETE, &format!("/batches/{id}"), None).await?;
        Ok(())
    }

    /// Opens a session.
    ///
    /// # Errors
    /// It is refused; the answer says why.
    pub async fn open(&self, name: &str, kind: &str, conf: &BTreeMap<String, String>) -> Result<u64, LivyError> {
        let body = json!({"name": name, "kind": kind, "conf": conf});
        number("/sessions", &self.0.json(Method::POST, "/sessions", Some(&body)).await?)
    }

    /// A session, with the last lines of its log.
    ///
    /// # Errors
    /// It does not answer, or knows no such session.
    pub async fn session(&self, id: u64) -> Result<Session, LivyError> {
        let path = format!("/sessions/{id}");
        session(&path, &self.0.json(Method::GET, &path, None).await?)
    }

    /// Closes a session.
    ///
    /// # Errors
    /// It does not answer, or knows no such session.
    pub async fn close(&self, id: u64) -> Result<(), LivyError> {
        self.0.json(Method::DELETE, &format!("/sessions/{id}"), None).await?;
        Ok(())
    }

    /// Runs a statement.
    ///
    /// # Errors
    /// It is refused.
    pub async fn run(&self, session: u64, code: &str) -> Result<Statement, LivyError> {
        let path = format!("/sessions/{session}/statements");
        statement(&path, &self.0.json(Method::POST, &path, Some(&json!({"code": code}))).await?)
    }

    /// A statement.
    ///
    /// # Errors
    /// It does not answer, or knows no such statement.
    pub async fn statement(&self, session: u64, id: u64) -> Result<Statement, LivyError> {
        let path = format!("/sessions/{session}/statements/{id}");
        statement(&path, &self.0.json(Method::GET, &path, None).await?)
    }
}

/// How many batches or sessions are listed at once.
const PAGE: usize = 100;

fn number(path: &str, answer: &Value) -> Result<u64, LivyError> {
    answer["id"].as_u64().ok_or_else(|| LivyError::Field { path: path.to_owned(), field: "id" })
}

fn word(answer: &Value) -> String {
    answer["state"].as_str().unwrap_or_default().to_owned()
}

fn lines(log: &Value) -> Vec<String> {
    let lines = log.as_array().map(Vec::as_slice).unwrap_or_default();
    lines.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn batch(path: &str, answer: &Value) -> Result<Batch, LivyError> {
    Ok(Batch { id: number(path, answer)?, state: word(answer), log: lines(&answer["log"]) })
}

fn session(path: &str, answer: &Value) -> Result<Session, LivyError> {
    Ok(Session { id: number(path, answer)?, state: word(answer), log: lines(&answer["log"]) })
}

fn statement(path: &str, answer: &Value) -> Result<Statement, LivyError> {
    let output = match answer["output"]["status"].as_str() {
        Some("ok") => answer["output"]["data"]["text/plain"].as_str().map(str::to_owned),
        Some(_) => answer["output"]["evalue"].as_str().map(str::to_owned),
        None => None,
    };
    Ok(Statement { id: number(path, answer)?, state: word(answer), output })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare() {
        let old = LivyVersion::parse("0.7.1-incubating").unwrap();
        assert!(old < LivyVersion::parse("0.9.0").unwrap());
        assert_eq!(old.to_string(), "0.7.1");
        assert_eq!(LivyVersion::parse("dev"), None);
    }

    #[test]
    fn an_answer_of_a_statement() {
        let answer = json!({"id": 0, "state": "available", "output": {"status": "ok", "data": {"text/plain": "res0: Int = 2\n"}}});
        assert_eq!(statement("/x", &answer).unwrap().output.as_deref(), Some("res0: Int = 2\n"));
    }
}
