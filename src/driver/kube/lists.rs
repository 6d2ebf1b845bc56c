//! Lists of many objects, page by page, into types that hold only what is needed of them: a large cluster's pods would
//! be hundreds of megabytes otherwise.

use std::collections::BTreeMap;

use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;

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

/// What matters of an object's metadata.
#[derive(Deserialize, Default)]
#[serde(default)]
struct SmallMeta {
    name: String,
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
        T: DeserializeOwned,
        A: Default,
    {
        let first = params.clone().limit(PAGE);
        let (mut params, mut found, mut restarts) = (first.clone(), A::default(), 0);
        loop {
            let page = retry::call("list", what, || async {
                let request = Request::new(path).list(&params).map_err(kube::Error::BuildRequest)?;
                match self.client().request::<Page<T>>(request).await {
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

    /// The nodes that take no new pods, and why: `not ready` or `cordoned`.
    ///
    /// # Errors
    /// When the API refuses or cannot be asked.
    pub(super) async fn down_nodes(&self) -> Result<BTreeMap<String, String>, KubeError> {
        let take = |found: &mut BTreeMap<String, String>, node: SmallNode| {
            if let Some(why) = node.down() {
                found.insert(node.metadata.name, why.to_owned());
            }
        };
        self.collect("/api/v1/nodes", "nodes", &ListParams::default(), take).await
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SmallNode {
    metadata: SmallMeta,
    spec: SmallNodeSpec,
    status: SmallNodeStatus,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SmallNodeSpec {
    unschedulable: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SmallNodeStatus {
    conditions: Vec<SmallCondition>,
}

/// A condition of any object.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct SmallCondition {
    #[serde(rename = "type")]
    pub(super) name: String,
    pub(super) status: String,
}

impl SmallNode {
    fn down(&self) -> Option<&'static str> {
        let ready = self.status.conditions.iter().any(|it| it.name == "Ready" && it.status == "True");
        match (ready, self.spec.unschedulable) {
            (false, _) => Some("not ready"),
            (true, true) => Some("cordoned"),
            (true, false) => None,
        }
    }
}
