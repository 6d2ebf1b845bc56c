//! The one way in which the body of an HTTP answer is read: up to a stated number of bytes.

use futures::StreamExt as _;
use reqwest::Response;

use crate::model::bounded;

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection broke, or took too long.
    #[error("the answer broke off")]
    Broken(#[from] reqwest::Error),
    /// It does not end.
    #[error("the answer is longer than {}, the most that is read", bounded::size(*.0 as u64))]
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
