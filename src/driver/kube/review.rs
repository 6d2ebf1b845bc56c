//! What the API lets us do, by its own access reviews.

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::{Api, PostParams};

use super::{Cluster, KubeError, retry};
use crate::model::site::Right;

impl Cluster {
    /// Whether we have a right, whoever grants it: the API server asks all of its authorizers.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn may(&self, right: &Right) -> Result<bool, KubeError> {
        let (resource, subresource) = match right.resource.split_once('/') {
            Some((resource, sub)) => (resource, Some(sub.to_owned())),
            None => (right.resource.as_str(), None),
        };
        let attributes = ResourceAttributes {
            verb: Some(right.verb.clone()),
            group: Some(right.group.clone()),
            resource: Some(resource.to_owned()),
            subresource,
            namespace: right.namespace.clone(),
            name: right.name.clone(),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client());
        let params = PostParams::default();
        // A review is not stored, so it can be sent twice.
        let created = retry::call("check", &format!("the right to {right}"), || api.create(&params, &review)).await?;
        Ok(created.status.is_some_and(|status| status.allowed))
    }

    /// Who the API takes us for, such as `system:serviceaccount:ns:name`; `None` if it does not say.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn user_name(&self) -> Result<Option<String>, KubeError> {
        let api: Api<SelfSubjectReview> = Api::all(self.client());
        let params = PostParams::default();
        let review = SelfSubjectReview::default();
        let created = retry::call("get", "the current user", || api.create(&params, &review)).await?;
        Ok(created.status.and_then(|status| status.user_info).and_then(|user| user.username))
    }
}
