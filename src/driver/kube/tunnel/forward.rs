//! One connection, one port-forward.
//!
//! kube's own forwarder reads 4 KiB at a time from our side and sends each as a message of its own; uploading through
//! it is several times slower than the network. The protocol is small: each binary message begins with a channel
//! number, 0 for data and 1 for an error; the first message on each channel carries only the port.
//!
//! It has no half-close. A client that closes its sending side is taken to be done: what the pod still sends is passed
//! on while it keeps coming, and after a silence both sides are closed. HTTP clients do not half-close: they wait for
//! the answer, whose length is in its head or which ends with the pod's closing, and that is passed on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures::{Sink, SinkExt as _, Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::client::Connection;
use kube::{Client, Resource as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{self, Message};

use super::TunnelError;
use crate::driver::kube::error::deepest;
use crate::driver::kube::retry;

/// How much is read from our side before it is sent. Larger messages gain nothing more.
const CHUNK: usize = 128 * 1024;

/// After our side has closed: how long the pod may be silent before the connection is closed.
const SILENCE: Duration = Duration::from_secs(2);

/// Proxies and load balancers drop idle connections.
const PING: Duration = Duration::from_secs(30);

/// How long opening a port-forward may take.
const OPEN: Duration = Duration::from_secs(10);

const DATA: u8 = 0;
const ERROR: u8 = 1;

/// Where a connection leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) port: u16,
    /// The pod's uid, where it is known: one that takes another's place may have its name.
    pub(super) uid: Option<String>,
}

impl Target {
    pub(super) fn pod(&self) -> String {
        format!("{}/{}", self.namespace, self.pod)
    }

    fn remote(&self, message: String) -> TunnelError {
        TunnelError::Remote { pod: self.pod(), port: self.port, message }
    }

    fn broken(&self, message: String) -> TunnelError {
        TunnelError::Broken { pod: self.pod(), port: self.port, message }
    }
}

/// Connects `local` with the port in the pod until one of them is done. After an error `local` is still open, so that
/// the error can be stored before the other end sees the connection close.
pub(super) async fn forward(client: &Client, target: &Target, local: &mut UnixStream) -> Result<(), TunnelError> {
    let (from_local, to_local) = local.split();
    carry(target, open(client, target).await?, from_local, to_local, None).await
}

/// Opens a port-forward to the pod. Nothing is sent yet, so it can be retried.
pub(super) async fn open(client: &Client, target: &Target) -> Result<Connection, TunnelError> {
    let path = Pod::url_path(&(), Some(&target.namespace));
    let open = || async {
        let request = kube::core::Request::new(path.clone()).portforward(&target.pod, &[target.port]);
        client.connect(request.map_err(kube::Error::BuildRequest)?).await
    };
    retry::call_within(OPEN, open).await.map_err(|source| TunnelError::Open {
        pod: target.pod(),
        port: target.port,
        source,
    })
}

/// Carries bytes both ways until one side is done, or the connection was idle for `idle`.
pub(super) async fn carry(
    target: &Target,
    connection: Connection,
    from_local: impl AsyncRead + Unpin,
    to_local: impl AsyncWrite + Unpin,
    idle: Option<Duration>,
) -> Result<(), TunnelError> {
    let (sink, stream) = connection.into_stream().split();
    copy(target, (sink, stream), (from_local, to_local), idle).await
}

async fn copy(
    target: &Target,
    (mut sink, mut stream): (
        impl Sink<Message, Error = tungstenite::Error> + Unpin,
        impl Stream<Item = Result<Message, tungstenite::Error>> + Unpin,
    ),
    (mut from_local, mut to_local): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    idle: Option<Duration>,
) -> Result<(), TunnelError> {
    // Milliseconds from the start to the last data.
    let (start, last) = (Instant::now(), AtomicU64::new(0));
    let touch = || last.store(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX), Relaxed);
    let idle_until = |idle| start + Duration::from_millis(last.load(Relaxed)) + idle;
    // Both directions run at once: a pod that answers before it has read everything must not stall the rest.
    let sending = async {
        let mut ping = tokio::time::interval(PING);
        ping.tick().await;
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            chunk.reserve(CHUNK);
            chunk.push(DATA);
            let read = tokio::select! {
                read = from_local.read_buf(&mut chunk) => read,
                _ = ping.tick() => {
                    sink.send(Message::Ping(Vec::new().into())).await.map_err(|err| target.broken(deepest(&err)))?;
                    continue;
                }
            };
            match read {
                // The client is done, or died: either way it sends nothing more.
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => {
                    touch();
                    let message = Message::Binary(std::mem::take(&mut chunk).into());
                    sink.send(message).await.map_err(|err| target.broken(deepest(&err)))?;
                }
            }
        }
    };
    tokio::pin!(sending);
    let mut opened = [false; 2];
    let mut give_up: Option<Instant> = None;
    loop {
        let message = tokio::select! {
            sent = &mut sending, if give_up.is_none() => {
                sent?;
                give_up = Some(Instant::now() + SILENCE);
                continue;
            }
            () = sleep_until(give_up.unwrap_or_else(Instant::now)), if give_up.is_some() => break,
            () = sleep_until(idle_until(idle.unwrap_or_default())), if idle.is_some() => {
                // Our side may have sent data since.
                if idle.is_some_and(|idle| Instant::now() >= idle_until(idle)) {
                    break;
                }
                continue;
            }
            message = stream.next() => message,
        };
        let bytes = match message {
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Close(_))) | None => break,
            Some(Ok(_)) => continue,
            Some(Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed)) => break,
            Some(Err(err)) => return Err(target.broken(deepest(&err))),
        };
        let Some((&channel, payload)) = bytes.split_first() else { continue };
        let Some(opened) = opened.get_mut(usize::from(channel)) else { continue };
        if !*opened {
            *opened = true;
            continue;
        }
        if channel == ERROR {
            return Err(target.remote(String::from_utf8_lossy(payload).trim().to_owned()));
        }
        touch();
        if to_local.write_all(payload).await.is_err() {
            break;
        }
        if give_up.is_some() {
            give_up = Some(Instant::now() + SILENCE);
        }
    }
    let _ = to_local.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;
    use tokio::io::{DuplexStream, duplex, split};

    use super::*;

    fn target() -> Target {
        Target { namespace: "n".to_owned(), pod: "p".to_owned(), port: 80, uid: None }
    }

    struct Api {
        to_us: mpsc::UnboundedSender<Result<Message, tungstenite::Error>>,
        from_us: mpsc::UnboundedReceiver<Message>,
        local: DuplexStream,
        done: tokio::task::JoinHandle<Result<(), TunnelError>>,
    }

    fn start() -> Api {
        start_idle(None)
    }

    fn start_idle(idle: Option<Duration>) -> Api {
        let (to_us, stream) = mpsc::unbounded();
        let (sink, from_us) = mpsc::unbounded();
        let sink = sink.sink_map_err(|_| tungstenite::Error::ConnectionClosed);
        let (local, ours) = duplex(1024 * 1024);
        let (read, write) = split(ours);
        let done = tokio::spawn(async move { copy(&target(), (sink, stream), (read, write), idle).await });
        Api { to_us, from_us, local, done }
    }

    impl Api {
        fn say(&self, channel: u8, bytes: &[u8]) {
            let message = [&[channel], bytes].concat();
            self.to_us.unbounded_send(Ok(Message::Binary(message.into()))).unwrap();
        }

        fn begin(&self) {
            self.say(DATA, &[80, 0]);
            self.say(ERROR, &[80, 0]);
        }
    }

    #[tokio::test]
    async fn both_directions_and_the_pods_close() {
        let mut api = start();
        api.begin();
        api.local.write_all(b"question").await.unwrap();
        assert_eq!(api.from_us.next().await.unwrap().into_data().as_ref(), b"\0question");
        api.say(DATA, b"answer");
        api.to_us.unbounded_send(Ok(Message::Close(None))).unwrap();
        let mut answer = String::new();
        api.local.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        assert!(api.done.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn the_kubelets_error_is_kept() {
        let mut api = start();
        api.begin();
        api.say(ERROR, b"error forwarding port 80: connection refused\n");
        let mut nothing = Vec::new();
        api.local.read_to_end(&mut nothing).await.unwrap();
        assert!(nothing.is_empty());
        let err = api.done.await.unwrap().unwrap_err();
        assert_eq!(err.to_string(), "pod n/p port 80: error forwarding port 80: connection refused");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_closes_its_side_still_gets_the_answer() {
        let mut api = start();
        api.begin();
        api.local.write_all(b"q").await.unwrap();
        api.local.shutdown().await.unwrap();
        assert_eq!(api.from_us.next().await.unwrap().into_data().as_ref(), b"\0q");
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            api.say(DATA, b"a");
        }
        let mut answer = String::new();
        api.local.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "aaa");
        assert!(api.done.await.unwrap().is_ok(), "silence ends it");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_filled_with_pings() {
        let mut api = start();
        api.begin();
        assert!(matches!(api.from_us.next().await.unwrap(), Message::Ping(_)));
        drop(api.local);
        assert!(api.done.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn only_an_idle_connection_ends() {
        let mut api = start_idle(Some(Duration::from_secs(60)));
        api.begin();
        let begin = Instant::now();
        for ours in [true, false, true] {
            tokio::time::sleep(Duration::from_secs(50)).await;
            match ours {
                true => api.local.write_all(b"q").await.unwrap(),
                false => api.say(DATA, b"a"),
            }
        }
        let mut answer = String::new();
        api.local.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "a");
        assert!(api.done.await.unwrap().is_ok());
        assert_eq!(begin.elapsed().as_secs(), 150 + 60, "pings are not counted");
    }

    #[tokio::test]
    async fn a_broken_connection_is_reported() {
        let api = start();
        let io = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        api.to_us.unbounded_send(Err(tungstenite::Error::Io(io))).unwrap();
        let err = api.done.await.unwrap().unwrap_err();
        assert!(matches!(err, TunnelError::Broken { .. }), "{err}");
    }
}
