//! Lists of many objects, page by page, into types that hold only what is needed: the pods of a large cluster would
//! take hundreds of megabytes otherwise.

use std::panic::resume_unwind;

use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::task::AbortOnDropHandle;

use super::{ApiError, ApiErrorKind, Cluster, KubeError, retry};

/// How many objects one response of the API holds.
const PAGE: u32 = 200;

/// How often a list is restarted because its continue token expired.
const RESTARTS: u32 = 3;

/// One response.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    // Old API servers send null for an empty list.
    items: Option<Vec<T>>,
}

#[derive(Deserialize, Default)]
struct PageMeta {
    #[serde(rename = "continue")]
    token: Option<String>,
}

impl Cluster {
    /// Reads a list, such as that at `/api/v1/nodes`, and collects its objects with `take`. When the continue token has
    /// expired, the list is read again from its start.
    ///
    /// # Errors
    /// When the API call fails.
    pub(super) async fn collect<T, A>(
        &self,
        path: &str,
        what: &str,
        params: &ListParams,
        take: impl Fn(&mut A, T),
    ) -> Result<A, KubeError>
    where
        T: DeserializeOwned + Send + 'static,
        A: Default,
    {
        let first = params.clone().limit(PAGE);
        let (mut params, mut found, mut restarts) = (first.clone(), A::default(), 0);
        loop {
            let page = retry::call("list", what, || async {
                let request = Request::new(path).list(&params).map_err(kube::Error::BuildRequest)?;
                let client = self.client();
                // As a task it runs on a worker thread, next to its connection: the parts of a response wake no other.
                let task = tokio::spawn(async move { client.request::<Page<T>>(request).await });
                match AbortOnDropHandle::new(task).await.unwrap_or_else(|ended| resume_unwind(ended.into_panic())) {
                    // A retry with the same token would not help.
                    Err(kube::Error::Api(status)) if status.code == 410 && params.continue_token.is_some() => Ok(None),
                    answer => answer.map(Some),
                }
            })
            .await?;
            let Some(page) = page else {
                restarts += 1;
                if restarts > RESTARTS {
                    let source = ApiError::new(ApiErrorKind::Gone, "the list expired before it was complete");
                    return Err(KubeError { verb: "list", what: what.to_owned(), source });
                }
                (params, found) = (first.clone(), A::default());
                continue;
            };
            page.items.into_iter().flatten().for_each(|item| take(&mut found, item));
            match page.metadata.token.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(found),
            }
        }
    }
}
