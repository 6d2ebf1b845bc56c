//! As much of HTTP/1.1 as a client of WebHDFS sees, down to broken connections, which no framework would send.

use std::collections::HashMap;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

pub(super) struct Request {
    pub(super) method: String,
    /// Decoded, without `/webhdfs/v1`.
    pub(super) path: String,
    /// As it came.
    pub(super) raw_query: String,
    pub(super) query: HashMap<String, String>,
    pub(super) len: u64,
}

impl Request {
    pub(super) fn op(&self) -> &str {
        self.query("op")
    }

    pub(super) fn query(&self, key: &str) -> &str {
        self.query.get(key).map_or("", String::as_str)
    }
}

/// Reads a request's head; `None` at the end of the connection.
pub(super) async fn read_head(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut len = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            len = value.trim().parse().ok()?;
        }
        assert!(!name.eq_ignore_ascii_case("transfer-encoding"), "uploads name their length");
    }
    let (path, raw_query) = target.split_once('?').unwrap_or((&target, ""));
    let path = decode(path.strip_prefix("/webhdfs/v1").unwrap_or(path));
    let query =
        raw_query.split('&').filter_map(|p| p.split_once('=')).map(|(k, v)| (k.to_owned(), decode(v))).collect();
    let path = if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path };
    Some(Request { method, path, raw_query: raw_query.to_owned(), query, len })
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A whole body, of a request that has none to speak of.
pub(super) async fn skip_body(stream: &mut BufReader<TcpStream>, len: u64) {
    let mut body = vec![0; usize::try_from(len).unwrap()];
    let _ = stream.read_exact(&mut body).await;
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(body: impl Into<String>) -> Self {
        Self { status: 200, headers: "Content-Type: application/json\r\n".into(), body: body.into().into_bytes() }
    }

    /// What RENAME with OVERWRITE and SETPERMISSION answer.
    pub(super) fn empty() -> Self {
        Self { status: 200, headers: "Content-Type: application/octet-stream\r\n".into(), body: Vec::new() }
    }

    pub(super) fn bytes(body: Vec<u8>) -> Self {
        Self { body, ..Self::empty() }
    }

    pub(super) fn html(status: u16, body: &str) -> Self {
        Self { status, headers: "Content-Type: text/html;charset=utf-8\r\n".into(), body: body.as_bytes().to_vec() }
    }

    pub(super) fn exception(status: u16, exception: &str, message: &str) -> Self {
        let body = serde_json::json!({"RemoteException": {
            "exception": exception, "javaClassName": format!("org.apache.hadoop.{exception}"), "message": message}});
        Self { status, ..Self::json(body.to_string()) }
    }

    pub(super) async fn send(&self, stream: &mut BufReader<TcpStream>, close: bool) {
        let mut head = format!("HTTP/1.1 {} X\r\n{}Content-Length: {}\r\n", self.status, self.headers, self.body.len());
        head.push_str(if close { "connection: close\r\n\r\n" } else { "\r\n" });
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(&self.body).await;
        let _ = stream.flush().await;
    }
}
