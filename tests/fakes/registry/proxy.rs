//! A proxy that counts who is reached through it. Names that end in `.test` and addresses below `10.` are on
//! loopback for it, whatever they are.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
pub(crate) struct CountingProxy {
    /// `127.0.0.1:3128`.
    pub(crate) address: String,
    /// The heads of requests, in order.
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
}

impl CountingProxy {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { address: listener.local_addr().unwrap().to_string(), heads: Arc::default() };
        let heads = proxy.heads.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                tokio::spawn(serve(stream, heads.clone()));
            }
        });
        proxy
    }

    pub(crate) fn count(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

async fn serve(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    heads.lock().unwrap().push(head);
    let Some(target) = target else {
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
        return;
    };
    let (name, port) = target.rsplit_once(':').unwrap();
    let name = if name.ends_with(".test") || name.starts_with("10.") { "127.0.0.1" } else { name };
    let Ok(mut there) = TcpStream::connect(format!("{name}:{port}")).await else { return };
    let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
    let _ = copy_bidirectional(&mut stream, &mut there).await;
}
