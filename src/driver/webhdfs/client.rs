//! The client: NameNodes with failover, and the two-step redirect to DataNodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, Response, Url};

use super::error::lacks_datanode;
use super::path::encode;
use super::route::{Route, root_cause};
use super::wire::{LocationAnswer, RemoteException};
use super::{Error, path};
use crate::driver::body::{self, BodyError};
use crate::model::{Backoff, Progress, ProgressSink};

/// Where HDFS is and how to speak to it.
pub struct HdfsConfig {
    /// The NameNodes, all of them: `host:port`, `host` (port 9870) or `http://host:port`. WebHDFS over TLS is not spoken.
    pub namenodes: Vec<String>,
    /// The user to act as (`user.name`): the owner of what is made.
    pub user: String,
    /// How nodes are reached.
    pub route: Arc<dyn Route>,
    /// How long an operation waits for a NameNode that is starting, in safe mode, failing over or not there. Zero: each
    /// NameNode is asked once.
    pub deadline: Duration,
    /// How long one request may take. Uploads have none; they end when nothing moves for this long.
    pub request_timeout: Duration,
    /// Receives what is being waited for.
    pub progress: ProgressSink,
}

/// A client of one HDFS. Cloning is cheap and shares what is known of the NameNodes.
#[derive(Clone)]
pub struct Hdfs {
    pub(super) shared: Arc<Shared>,
    pub(super) progress: ProgressSink,
    deadline: Duration,
}

pub(super) struct Shared {
    namenodes: Vec<Node>,
    /// The one that answered last.
    active: AtomicUsize,
    user: String,
    route: Arc<dyn Route>,
    pub(super) request_timeout: Duration,
    /// What files of this HDFS turned out to be cut into; see `upload`.
    pub(super) layout: std::sync::Mutex<super::Layout>,
    /// The mode that a new file got for the mode that was asked for: a site may have a mask.
    pub(super) masked: std::sync::Mutex<std::collections::BTreeMap<u16, u16>>,
    /// Temporary files that may still be there, because HDFS was away when they were to be removed.
    pub(super) abandoned: std::sync::Mutex<std::collections::BTreeSet<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    host: String,
    port: u16,
}

impl Node {
    /// The name of a NameNode in errors.
    fn name(&self) -> String {
        format!("NameNode {}", self.authority())
    }

    /// Host and port as in a URL.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// One WebHDFS operation.
#[derive(Clone)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) op: &'static str,
    pub(super) path: &'a str,
    pub(super) query: Vec<(&'static str, String)>,
    /// For errors: `create /a/b`.
    pub(super) what: String,
}

/// A NameNode's answer that is no error.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
    pub(super) node: String,
}

impl Answer {
    pub(super) fn json<T: serde::de::DeserializeOwned>(&self, what: &str) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|source| Error::Malformed {
            what: what.to_owned(),
            node: self.node.clone(),
            source,
        })
    }
}

/// Why one NameNode did not do it.
enum NodeError {
    /// Another NameNode, or the same one later, may.
    Later { why: String, error: Error },
    /// Asking again gives the same.
    Final(Error),
}

/// A NameNode's JSON is never longer; a page of a listing has a thousand entries.
const ANSWER_LIMIT: usize = 32 << 20;
const PAUSES: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));

impl Hdfs {
    /// Sets the client up; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::NoNameNode`] and [`Error::Address`].
    pub fn new(config: HdfsConfig) -> Result<Self, Error> {
        let namenodes = config.namenodes.iter().map(|a| parse_node(a)).collect::<Result<Vec<_>, _>>()?;
        if namenodes.is_empty() {
            return Err(Error::NoNameNode);
        }
        let shared = Shared {
            namenodes,
            active: AtomicUsize::new(0),
            user: config.user,
            route: config.route,
            request_timeout: config.request_timeout,
            layout: std::sync::Mutex::default(),
            masked: std::sync::Mutex::default(),
            abandoned: std::sync::Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared), progress: config.progress, deadline: config.deadline })
    }

    /// The same HDFS with another progress sink.
    #[must_use]
    pub fn with_progress(&self, progress: ProgressSink) -> Self {
        Self { progress, ..self.clone() }
    }

    /// The same HDFS, with another deadline for waiting.
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self { deadline, ..self.clone() }
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(super) fn say_waiting(&self, text: String) {
        (self.progress)(Progress::Waiting(text));
    }

    /// Asks the NameNodes until one answers, within the deadline.
    pub(super) async fn namenode(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let start = Instant::now();
        let mut pauses = PAUSES;
        let mut said = String::new();
        loop {
            let mut states: Vec<String> = Vec::new();
            let mut last = None;
            let count = self.shared.namenodes.len();
            let first = self.shared.active.load(Ordering::Relaxed);
            for index in (0..count).map(|i| (first + i) % count) {
                match self.ask(index, call).await {
                    Ok(answer) => {
                        self.shared.active.store(index, Ordering::Relaxed);
                        return Ok(answer);
                    }
                    Err(NodeError::Final(error)) => return Err(error),
                    Err(NodeError::Later { why, error }) => {
                        states.push(why);
                        last = Some(error);
                    }
                }
            }
            let states = states.join("; ");
            let waited = start.elapsed();
            if waited + pauses.peek() >= self.deadline {
                if self.deadline.is_zero() && count == 1 {
                    // Asked once, as wanted: the answer itself says it best.
                    return Err(last.unwrap_or(Error::NoNameNode));
                }
                let source = last.map(Box::new);
                return Err(Error::GaveUp { what: call.what.clone(), waited, states, source });
            }
            if states != said {
                self.say_waiting(states.clone());
                said = states;
            }
            tokio::time::sleep(pauses.pause()).await;
        }
    }

    async fn ask(&self, index: usize, call: &Call<'_>) -> Result<Answer, NodeError> {
        let node = &self.shared.namenodes[index];
        let name = node.name();
        let mut url = format!("http://{}/webhdfs/v1{}?op={}", node.authority(), encode(call.path, true), call.op);
        for (key, value) in
            [("user.name", &self.shared.user)].into_iter().chain(call.query.iter().map(|(k, v)| (*k, v)))
        {
            url.push_str(&format!("&{key}={}", encode(value, false)));
        }
        let sent = self.request(node, call.method.clone(), &url, &call.what, &name).await;
        let response = sent.map_err(|error| NodeError::Later { why: format!("{name}: {}", cause(&error)), error })?;
        read_answer(response, call, name).await
    }

    async fn request(&self, node: &Node, method: Method, url: &str, what: &str, name: &str) -> Result<Response, Error> {
        let client = self.shared.route.client(&node.host, node.port).await.map_err(|source| Error::Route {
            what: what.to_owned(),
            node: name.to_owned(),
            source,
        })?;
        client
            .request(method, url)
            // Demanded where dfs.webhdfs.rest-csrf.enabled is set, ignored elsewhere.
            .header("X-XSRF-HEADER", "windlass")
            .timeout(self.shared.request_timeout)
            .send()
            .await
            .map_err(|e| Error::unreachable(what.to_owned(), name.to_owned(), e))
    }

    /// Asks for the address of a DataNode. `noredirect` where the NameNode knows it, else its 307.
    pub(super) async fn locate(&self, mut call: Call<'_>) -> Result<DataNodeUrl, Error> {
        call.query.push(("noredirect", "true".to_owned()));
        let answer = self.namenode(&call).await?;
        let location = match &answer.location {
            Some(location) => location.clone(),
            None if answer.status == 200 => answer.json::<LocationAnswer>(&call.what)?.location,
            None => return Err(Error::NoLocation { what: call.what, node: answer.node }),
        };
        // Taken as it came, query and all: it carries more than what was asked for.
        let no_location = || Error::NoLocation { what: call.what.clone(), node: answer.node.clone() };
        let url = Url::parse(&location).map_err(|_| no_location())?;
        let host = url.host_str().map(|h| h.trim_matches(['[', ']']).to_owned()).ok_or_else(no_location)?;
        let port = url.port_or_known_default().ok_or_else(no_location)?;
        Ok(DataNodeUrl { node: Node { host, port }, url })
    }

    /// A client for that DataNode.
    pub(super) async fn datanode(&self, to: &DataNodeUrl, what: &str) -> Result<reqwest::Client, Error> {
        let client = self.shared.route.client(&to.node.host, to.node.port).await;
        client.map_err(|source| Error::Route { what: what.to_owned(), node: to.name(), source })
    }

    /// GET from the DataNode that the NameNode names for `call`, which may be another one the next time: asked again
    /// within the deadline where it is away, or finds no NameNode that is active.
    pub(super) async fn get_through_datanode(&self, call: Call<'_>, timeout: Duration) -> Result<Answer, Error> {
        let start = Instant::now();
        let mut pauses = PAUSES;
        loop {
            let to = self.locate(call.clone()).await?;
            match self.get_from_datanode(&to, &call, timeout).await {
                Err(error) if error.is_away() && start.elapsed() + pauses.peek() < self.deadline => {
                    self.say_waiting(error.to_string());
                }
                answered => return answered,
            }
            tokio::time::sleep(pauses.pause()).await;
        }
    }

    /// GET from that DataNode.
    pub(super) async fn get_from_datanode(
        &self,
        from: &DataNodeUrl,
        call: &Call<'_>,
        timeout: Duration,
    ) -> Result<Answer, Error> {
        let client = self.datanode(from, &call.what).await?;
        let sent = client.get(from.url.clone()).timeout(timeout).send().await;
        let response = sent.map_err(|e| Error::unreachable(call.what.clone(), from.name(), e))?;
        match read_answer(response, call, from.name()).await {
            Ok(answer) => Ok(answer),
            Err(NodeError::Later { error, .. } | NodeError::Final(error)) => Err(error),
        }
    }

    /// GET of a page of the NameNode's own web server, such as `/jmx`, from each NameNode in turn until `take` likes
    /// one. Gives what the others were.
    pub(super) async fn each_namenode<T>(
        &self,
        page: &str,
        what: &str,
        mut take: impl FnMut(&str, &[u8]) -> Result<T, String>,
    ) -> Result<T, String> {
        let count = self.shared.namenodes.len();
        let first = self.shared.active.load(Ordering::Relaxed);
        let mut states = Vec::new();
        for node in (0..count).map(|i| &self.shared.namenodes[(first + i) % count]) {
            let name = node.name();
            let state = match self.page(node, page, what).await {
                Err(why) => why,
                Ok(body) => match take(&name, &body) {
                    Ok(taken) => return Ok(taken),
                    Err(state) => state,
                },
            };
            states.push(format!("{name}: {state}"));
        }
        Err(states.join("; "))
    }

    /// GET of a page of one NameNode's own web server; in words why not.
    pub(super) async fn page(&self, node: &Node, page: &str, what: &str) -> Result<Vec<u8>, String> {
        let name = node.name();
        let url = format!("http://{}{page}", node.authority());
        let response = self.request(node, Method::GET, &url, what, &name).await.map_err(|error| cause(&error))?;
        if response.status().as_u16() != 200 {
            return Err(format!("{} for {page}", response.status()));
        }
        read_body(response, what, &name).await.map_err(|error| cause(&error))
    }

    /// What one NameNode answers, asked once; nothing where it is no answer.
    pub(super) async fn ask_once(&self, index: usize, call: &Call<'_>) -> Option<Answer> {
        self.ask(index, call).await.ok()
    }

    pub(super) fn namenodes(&self) -> &[Node] {
        &self.shared.namenodes
    }
}

/// Where a DataNode wants a request.
#[derive(Clone)]
pub(super) struct DataNodeUrl {
    node: Node,
    pub(super) url: Url,
}

impl DataNodeUrl {
    /// The same path at the same DataNode for another operation: who asks and where the NameNode is are carried over,
    /// what belonged to the first operation is not.
    pub(super) fn with_op(&self, op: &str) -> Self {
        const CARRIED: [&str; 4] = ["user.name", "doas", "delegation", "namenoderpcaddress"];
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .clear()
            .append_pair("op", op)
            .extend_pairs(self.url.query_pairs().filter(|(key, _)| CARRIED.contains(&key.as_ref())));
        Self { node: self.node.clone(), url }
    }

    /// For errors.
    pub(super) fn name(&self) -> String {
        format!("DataNode {}", self.node.authority())
    }
}

async fn read_answer(response: Response, call: &Call<'_>, node: String) -> Result<Answer, NodeError> {
    let status = response.status().as_u16();
    let location = response.headers().get(reqwest::header::LOCATION).and_then(|l| l.to_str().ok()).map(str::to_owned);
    let later = |error: Error| NodeError::Later { why: format!("{node}: {}", cause(&error)), error };
    // A captive portal says 200 to everything, in HTML; WebHDFS never speaks HTML within its own paths.
    let html =
        response.headers().get(reqwest::header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/html"));
    let body = read_body(response, &call.what, &node).await.map_err(later)?;
    if status == 307 || ((200..300).contains(&status) && !html) {
        return Ok(Answer { status, location: if status == 307 { location } else { None }, body, node });
    }
    let Some(remote) = RemoteException::parse(&body) else {
        let what = call.what.clone();
        let error = Error::NotWebHdfs { what, node: node.clone(), status, start: first_line(&body) };
        // A gateway that finds nobody behind it; everything else will stay as it is.
        let gateway = matches!(status, 502..=504);
        return Err(if gateway {
            NodeError::Later { why: format!("{node}: {status}"), error }
        } else {
            NodeError::Final(error)
        });
    };
    let message = remote.first_line();
    let error = Error::refused(call.what.clone(), node.clone(), status, &remote);
    let why = match remote.exception.as_str() {
        "StandbyException" => "standby".to_owned(),
        "SafeModeException" => "in safe mode".to_owned(),
        "RetriableException" if message.contains("SafeModeException") => "in startup safe mode".to_owned(),
        "RetriableException" => message.trim_end_matches('.').to_owned(),
        _ if lacks_datanode(message) => "no live DataNode".to_owned(),
        _ => return Err(NodeError::Final(error)),
    };
    Err(NodeError::Later { why: format!("{node}: {why}"), error })
}

async fn read_body(response: Response, what: &str, node: &str) -> Result<Vec<u8>, Error> {
    body::read(response, ANSWER_LIMIT).await.map_err(|error| match error {
        BodyError::Broken(source) => Error::unreachable(what.to_owned(), node.to_owned(), source),
        BodyError::TooLong(limit) => Error::TooLong { what: what.to_owned(), node: node.to_owned(), limit },
    })
}

/// Reads the response to a PUT at a DataNode: 201, or why not.
pub(super) async fn created(response: Response, what: &str, node: String) -> Result<(), Error> {
    let status = response.status().as_u16();
    if status == 201 || status == 200 {
        return Ok(());
    }
    let body = read_body(response, what, &node).await?;
    Err(match RemoteException::parse(&body) {
        Some(remote) => Error::refused(what.to_owned(), node, status, &remote),
        None => Error::NotWebHdfs { what: what.to_owned(), node, status, start: first_line(&body) },
    })
}

/// The first line of a foreign body, short enough for an error.
fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default().chars().take(80).collect()
}

/// The shortest words for why a node did not answer.
fn cause(error: &Error) -> String {
    match error {
        Error::Unreachable { source, .. } if source.is_timeout() => "timed out".to_owned(),
        Error::Unreachable { source, .. } => root_cause(source),
        Error::Route { source, .. } => root_cause(source),
        other => other.to_string(),
    }
}

fn parse_node(address: &str) -> Result<Node, Error> {
    let bad = || Error::Address(address.to_owned());
    let trimmed = address.trim();
    if trimmed.contains("://") && !trimmed.starts_with("http://") {
        return Err(bad());
    }
    let authority = trimmed.strip_prefix("http://").unwrap_or(trimmed).trim_end_matches('/');
    if authority.is_empty() || authority.contains(['/', '?', '#', '@']) || authority.chars().any(char::is_whitespace) {
        return Err(bad());
    }
    let url = Url::parse(&format!("http://{authority}")).map_err(|_| bad())?;
    let host = url.host_str().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned();
    // Url drops a port that is http's own, so 80 is read from the text.
    let port = url.port().unwrap_or(if authority.ends_with(":80") { 80 } else { 9870 });
    Ok(Node { host, port })
}

/// A call with its words for errors.
pub(super) fn call<'a>(
    method: Method,
    op: &'static str,
    what: String,
    path: &'a str,
    query: Vec<(&'static str, String)>,
) -> Call<'a> {
    debug_assert!(path::normal(path).is_ok_and(|p| p == path), "{path} is checked before it gets here");
    Call { method, op, path, query, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_operation_at_the_same_datanode() {
        let location = "http://dn-0:9864/webhdfs/v1/a/f%201?op=CREATE&user.name=hdfs&namenoderpcaddress=ns&createflag=&overwrite=false";
        let url = Url::parse(location).unwrap();
        let create = DataNodeUrl { node: parse_node("dn-0:9864").unwrap(), url };
        assert_eq!(
            create.with_op("GETFILECHECKSUM").url.as_str(),
            "http://dn-0:9864/webhdfs/v1/a/f%201?op=GETFILECHECKSUM&user.name=hdfs&namenoderpcaddress=ns"
        );
    }

    #[test]
    fn namenode_addresses() {
        let ok = |a: &str| parse_node(a).unwrap().authority();
        assert_eq!(ok("nn-0.nn.hdfs.svc.cluster.local"), "nn-0.nn.hdfs.svc.cluster.local:9870");
        assert_eq!(ok(" http://nn:50070/ "), "nn:50070");
        assert_eq!(ok("10.0.0.1:80"), "10.0.0.1:80");
        assert_eq!(ok("[fd00::1]:9870"), "[fd00::1]:9870");
        for bad in ["", "http://", "https://nn:9871", "hdfs://nn:8020", "nn:x", "a b", "nn:9870/webhdfs", "u@nn"] {
            assert!(parse_node(bad).is_err(), "{bad:?}");
        }
    }
}
