//! Answers to queries of the cluster and of this machine, or why there is none.

use std::fmt;
use std::time::Duration;

use tokio::time::timeout;

use crate::driver::kube::{ApiErrorKind, KubeError};
use crate::model::cluster::ObjectRef;

/// How long one query may take before the checks that need it are skipped.
const DEADLINE: Duration = Duration::from_secs(8);

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Query {
    /// A list of cluster-wide objects, by their resource.
    List(&'static str),
    /// A list of the objects of a namespace.
    ListIn(&'static str, String),
    /// A list of the objects of all namespaces.
    ListAll(&'static str),
    /// A namespace.
    Namespace(String),
    /// An object.
    Get(ObjectRef),
    /// Something else, in words.
    Other(String),
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(resource) => write!(f, "list {resource}"),
            Self::ListIn(resource, namespace) => write!(f, "list {resource} in {namespace}"),
            Self::ListAll(resource) => write!(f, "list {resource} in all namespaces"),
            Self::Namespace(name) => write!(f, "get namespace {name}"),
            Self::Get(object) => write!(f, "get {object}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl Query {
    /// The kubectl command that says whether it is allowed.
    #[must_use]
    pub fn can_i(&self) -> Option<String> {
        let asked = match self {
            Self::List(resource) => format!("list {resource}"),
            Self::ListIn(resource, namespace) => format!("list {resource} -n {namespace}"),
            Self::ListAll(resource) => format!("list {resource} -A"),
            Self::Namespace(name) => format!("get namespace/{name}"),
            Self::Get(object) => {
                let (kind, namespace) = (object.kind.to_lowercase(), object.namespace.as_ref()?);
                format!("get {kind}/{} -n {namespace}", object.name)
            }
            Self::Other(_) => return None,
        };
        Some(format!("kubectl auth can-i {asked}"))
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum QueryFailure {
    /// The user may not ask. The API's own message names the user at length, and the query is shown already.
    NotAllowed,
    /// It timed out.
    TimedOut,
    /// It failed.
    Failed(String),
}

impl fmt::Display for QueryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed => f.write_str("not allowed"),
            Self::TimedOut => write!(f, "timed out after {}s", DEADLINE.as_secs()),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// Something that is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedQuery {
    /// What was asked.
    pub what: Query,
    /// Why there is no answer.
    pub why: QueryFailure,
}

/// The answer to a query.
pub type QueryResult<T> = Result<T, FailedQuery>;

/// The answer, or why there is none, within the time that a query has.
pub(super) async fn ask<T>(what: Query, call: impl Future<Output = Result<T, KubeError>>) -> QueryResult<T> {
    let why = match timeout(DEADLINE, call).await {
        Ok(Ok(seen)) => return Ok(seen),
        Ok(Err(error)) if error.kind() == ApiErrorKind::Forbidden => QueryFailure::NotAllowed,
        Ok(Err(error)) => QueryFailure::Failed(error.source.to_string()),
        Err(_) => QueryFailure::TimedOut,
    };
    Err(FailedQuery { what, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_its_kubectl_command() {
        let secret = ObjectRef::namespaced("v1", "Secret", "ns", "db");
        for (query, words, command) in [
            (Query::List("nodes"), "list nodes", Some("list nodes")),
            (Query::ListIn("limitranges", "ns".into()), "list limitranges in ns", Some("list limitranges -n ns")),
            (Query::ListAll("pods"), "list pods in all namespaces", Some("list pods -A")),
            (Query::Namespace("ns".into()), "get namespace ns", Some("get namespace/ns")),
            (Query::Get(secret), "get Secret ns/db", Some("get secret/db -n ns")),
            (Query::Other("get the current user".into()), "get the current user", None),
        ] {
            let command = command.map(|command| format!("kubectl auth can-i {command}"));
            assert_eq!((query.to_string().as_str(), query.can_i()), (words, command));
        }
    }
}
