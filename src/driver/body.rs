//! The one way in which the body of an HTTP answer is read: up to a stated number of bytes.

use futures::StreamExt as _;
use reqwest::Response;

use crate::model::bounded;

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection broke, or took too long.
    #[error("the response ended early")]
    Broken(#[from] reqwest::Error),
    /// It does not end.
    #[error("the response exceeds the limit of {}", bounded::size(*.0 as u64))]
    TooLong(usize),
}

/// All bytes of a body.
///
/// # Errors
/// It breaks off, or has more than `limit` bytes: then no more are waited for.
pub(super) async fn read(response: Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(pieces: impl Iterator<Item = std::io::Result<Vec<u8>>> + Send + 'static) -> Response {
        http::Response::new(reqwest::Body::wrap_stream(futures::stream::iter(pieces))).into()
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_bound() {
        let pieces = |count: usize| std::iter::repeat_with(|| Ok(vec![b'x'; 4])).take(count);
        assert_eq!(read(response(pieces(3)), 12).await.unwrap().len(), 12);
        assert_eq!(read(response(pieces(0)), 12).await.unwrap(), b"");
        let error = read(response(pieces(4)), 12).await.unwrap_err();
        assert_eq!(error.to_string(), "the response exceeds the limit of 12 bytes");
        // One that never ends is left where it is.
        assert!(matches!(read(response(pieces(usize::MAX)), 1 << 20).await, Err(BodyError::TooLong(_))));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_no_body() {
        let broken = || Err(std::io::Error::other("reset"));
        let error = read(response([Ok(b"half".to_vec()), broken()].into_iter()), 100).await.unwrap_err();
        assert!(matches!(error, BodyError::Broken(_)), "{error:?}");
    }
}
