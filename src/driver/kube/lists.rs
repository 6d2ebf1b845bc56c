//! Lists of many objects, page by page, into types that hold only what is needed of them: a large cluster's pods would
//! be hundreds of megabytes otherwise.

use std::panic::resume_unwind;

use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::task::AbortOnDropHandle;

use super::{ApiError, ApiErrorKind, Cluster, KubeError, retry};

/// How many objects one answer of the API holds.
const PAGE: u32 = 200;

/// How often a list is begun anew because it took so long that the API forgot where it was.
const RESTARTS: u32 = 3;

/// One answer.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    // Old API servers say null of nothing.
    items: Option<Vec<T>>,
}

#[derive(Deserialize, Default)]
struct PageMeta {
    #[serde(rename = "continue")]
    token: Option<String>,
}

impl Cluster {
    /// Goes through a list, such as that at `/api/v1/nodes`, and collects what `take` makes of its objects. When the API
    /// has forgotten where it was, the list and what was collected begin anew.
    ///
    /// # Errors
    /// When the API refuses or cannot be asked.
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
                // As a task it reads beside its connection, and not on a thread that each part of the answer wakes.
                let asked = tokio::spawn(async move { client.request::<Page<T>>(request).await });
                match AbortOnDropHandle::new(asked).await.unwrap_or_else(|ended| resume_unwind(ended.into_panic())) {
                    // To ask again with the same token would help nobody.
                    Err(kube::Error::Api(status)) if status.code == 410 && params.continue_token.is_some() => Ok(None),
                    answer => answer.map(Some),
                }
            })
            .await?;
            let Some(page) = page else {
                restarts += 1;
                if restarts > RESTARTS {
                    let source = ApiError::new(ApiErrorKind::Gone, "the list took too long each time");
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
