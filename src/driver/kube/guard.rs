//! A layer around kube's client: adds our credentials to requests, and bounds responses.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use kube::Client;
use kube::client::Body;

use super::credentials::Credentials;
use super::error::TooLong;

/// The largest response of the API: a list of ten thousand pods fits.
const RESPONSE: usize = 128 << 20;

/// The largest event of a watch: ten times what an object may have.
const EVENT: usize = 16 << 20;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The client with our credentials and bounds around it.
pub(super) struct Guard {
    inner: Client,
    credentials: Arc<Credentials>,
}

impl Guard {
    pub(super) fn client(inner: Client, credentials: Credentials) -> Client {
        let namespace = inner.default_namespace().to_owned();
        Client::new(Self { inner, credentials: Arc::new(credentials) }, namespace)
    }
}

impl tower_service::Service<Request<Body>> for Guard {
    type Response = Response<Bounded<Body>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // The inner client has a queue of its own.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (inner, credentials) = (self.inner.clone(), self.credentials.clone());
        Box::pin(async move {
            let query = request.uri().query().unwrap_or_default();
            let watches = query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1"));
            let token = credentials.token().await?;
            if let Some(token) = &token {
                let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))?;
                value.set_sensitive(true);
                request.headers_mut().insert(header::AUTHORIZATION, value);
            }
            let response = inner.send(request).await.map_err(|error| match error {
                // The inner error says it all.
                kube::Error::Service(inner) => inner,
                other => Box::new(other),
            })?;
            if response.status() == StatusCode::UNAUTHORIZED {
                credentials.refused(token.as_ref()).await;
            }
            let limit = if watches { EVENT } else { RESPONSE };
            Ok(response.map(|inner| Bounded { inner, watches, limit, read: 0 }))
        })
    }
}

/// A body that ends with an error where it becomes too long: as a whole, or for a watch between two line breaks.
pub(super) struct Bounded<B> {
    inner: B,
    watches: bool,
    limit: usize,
    read: usize,
}

impl<B> HttpBody for Bounded<B>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        if let Some(data) = frame.data_ref() {
            let partial = data.iter().rev().position(|byte| *byte == b'\n').filter(|_| self.watches);
            let whole = self.read + data.len();
            if whole > self.limit && partial.is_none() {
                let what = if self.watches { "an event" } else { "a response" };
                return Poll::Ready(Some(Err(Box::new(TooLong { what, limit: self.limit }))));
            }
            self.read = partial.unwrap_or(whole);
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use futures::future::poll_fn;

    use super::*;

    /// What a server sends, piece by piece.
    struct Pieces(VecDeque<Bytes>);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    /// How many bytes come through, and what ends them.
    async fn read(pieces: &[&str], watches: bool, limit: usize) -> (usize, Option<String>) {
        let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece.as_bytes())).collect();
        let mut body = Bounded { inner: Pieces(pieces), watches, limit, read: 0 };
        let mut bytes = 0;
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            match frame {
                Ok(frame) => bytes += frame.data_ref().map_or(0, Bytes::len),
                Err(error) => return (bytes, Some(error.to_string())),
            }
        }
        (bytes, None)
    }

    #[tokio::test]
    async fn a_response_is_bounded_as_a_whole() {
        assert_eq!(read(&["1234", "567\n9", "0"], false, 10).await, (10, None));
        let (bytes, error) = read(&["1234\n", "5678\n", "9"], false, 10).await;
        assert_eq!(bytes, 10);
        assert_eq!(error.unwrap(), "the API server sent a response larger than the limit of 10 bytes");
    }

    #[tokio::test]
    async fn a_watch_is_unbounded_and_each_of_its_events_is_bounded() {
        let events = ["12345678\n"; 1000];
        assert_eq!(read(&events, true, 10).await, (9000, None));
        // Two events in one piece, the second of which continues.
        assert_eq!(read(&["1234567\n89", "01234567", "\n"], true, 10).await, (19, None));
        let (bytes, error) = read(&["1234567\n89", "01234567", "8"], true, 10).await;
        assert_eq!(bytes, 18);
        assert_eq!(error.unwrap(), "the API server sent an event larger than the limit of 10 bytes");
    }
}
