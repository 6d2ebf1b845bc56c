//! Larger volumes: the claims of a StatefulSet grow, and it is deleted without its pods, so that Helm recreates it with
//! that size.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::cluster::failed;
use super::k8s::{NAMED, PAUSE, of_release};
use super::runner::StepRunner;
use crate::catalog::action::Grow;
use crate::driver::kube::ApiErrorKind;
use crate::engine::perform::{Context, Done, Failure};
use crate::model::cluster::{ClaimState, ObjectRef, ReleaseKey};
use crate::model::volumes::{ExpansionBlocker, claim_template, is_claim_of};
use crate::model::{Quantity, few};

impl StepRunner {
    /// Each part reads the current state first, so that an interrupted run can be resumed. The StatefulSet is deleted
    /// last: until then nothing but its claims has changed.
    pub(super) async fn grow(
        &self,
        namespace: &str,
        release: Option<&ReleaseKey>,
        grow: &Grow,
        context: &Context,
    ) -> Result<Done, Failure> {
        let set = &ObjectRef::namespaced("apps/v1", "StatefulSet", namespace, &grow.name);
        let Some(size) = Quantity::parse(&grow.storage) else {
            return Err(refused(vec![format!("`{}` is not a volume size", grow.storage)]));
        };
        let old = || async {
            let found = self.cluster.get(set).await.map_err(failed)?;
            let uid = found.as_ref().map(|found| to_replace(set, found, release, grow, size)).transpose()?;
            Ok((found.is_some(), uid.flatten()))
        };
        let (there, replace) = old().await?;
        let claims = self.grow_claims(namespace, grow, size).await?;
        let pending = self.grown(namespace, grow, size, context).await?;
        if replace.is_some() {
            let poll = || async {
                let (_, Some(uid)) = old().await? else { return Ok(Ok(())) };
                self.cluster.orphan_pods(set, &uid).await.map_err(failed)?;
                Ok(Err(format!("{set} is not deleted yet")))
            };
            context.until(&format!("{set} to be deleted"), PAUSE, poll).await?;
        }
        let mut summary = vec![match claims {
            0 => "no volumes".to_owned(),
            1 => format!("1 volume has {}", grow.storage),
            _ => format!("{claims} volumes have {}", grow.storage),
        }];
        if !pending.is_empty() {
            let pending = few(&pending, NAMED);
            summary.push(format!("{pending}: the file system is resized later, at the latest when the pod restarts"));
        }
        match (there, replace) {
            (false, _) => summary.push(format!("{set} not found")),
            (true, Some(_)) => summary.push(format!("{set} will be recreated, its pods keep running")),
            (true, None) => {}
        }
        Ok(Done { summary: Some(summary.join("; ")), ..Done::default() })
    }

    /// Has all claims that are smaller ask for more, once it is known that each of them can. How many claims there are.
    async fn grow_claims(&self, namespace: &str, grow: &Grow, size: Quantity) -> Result<usize, Failure> {
        let claims = self.claims_of(namespace, grow).await?;
        let smaller: Vec<&ClaimState> = claims.iter().filter(|claim| claim.asks_less_than(size)).collect();
        if smaller.is_empty() {
            return Ok(claims.len());
        }
        let classes = match self.cluster.storage_classes().await {
            Ok(classes) => Some(classes),
            // Then the API refuses the first of them.
            Err(error) if error.kind() == ApiErrorKind::Forbidden => None,
            Err(error) => return Err(failed(error)),
        };
        let fixed = smaller.iter().filter_map(|claim| Some((claim, ExpansionBlocker::of(claim, classes.as_deref())?)));
        let fixed: Vec<String> = fixed
            .map(|(claim, why)| {
                let (object, has, fix) = (&claim.object, &claim.requested, why.fix(claim));
                format!("{object} of {has} cannot grow to {}: {why}; {fix}", grow.storage)
            })
            .collect();
        if !fixed.is_empty() {
            return Err(refused(fixed));
        }
        for claim in smaller {
            let fields = json!({"spec": {"resources": {"requests": {"storage": grow.storage}}}});
            self.cluster.merge("resize", &claim.object, fields).await.map_err(failed)?;
        }
        Ok(claims.len())
    }

    /// Waits until all volumes are as large; gives the claims whose file system is not yet.
    async fn grown(
        &self,
        namespace: &str,
        grow: &Grow,
        size: Quantity,
        context: &Context,
    ) -> Result<Vec<String>, Failure> {
        let poll = || async {
            let (mut pending, mut waiting) = (Vec::new(), Vec::new());
            for claim in self.claims_of(namespace, grow).await? {
                // One without a volume gets it with its pod, and as large as it asks for.
                if Quantity::parse(&claim.capacity).is_none_or(|has| has >= size) {
                    continue;
                }
                if claim.file_system_pending {
                    pending.push(claim.object.name);
                } else {
                    let message = claim.resize_message.map(|message| format!(": {message}")).unwrap_or_default();
                    waiting.push(format!("{} has {}{message}", claim.object.name, claim.capacity));
                }
            }
            Ok(if waiting.is_empty() { Ok(pending) } else { Err(few(&waiting, NAMED)) })
        };
        context.until(&format!("volumes of {}", grow.storage), PAUSE, poll).await
    }

    /// The claims that the StatefulSet made from the template, whether it is there or not.
    async fn claims_of(&self, namespace: &str, grow: &Grow) -> Result<Vec<ClaimState>, Failure> {
        let mut claims = self.cluster.all_claims(namespace).await.map_err(failed)?;
        claims.retain(|claim| is_claim_of(&claim.object.name, &grow.claim, &grow.name));
        Ok(claims)
    }
}

/// The uid of a StatefulSet whose template asks for less; none where there is nothing to replace.
fn to_replace(
    set: &ObjectRef,
    found: &Value,
    release: Option<&ReleaseKey>,
    grow: &Grow,
    size: Quantity,
) -> Result<Option<String>, Failure> {
    of_release(set, found, release)?;
    match claim_template(found, &grow.claim) {
        Some((_, has)) if has > size => {
            let has = has.of("storage");
            let text = format!("the {} volumes of {set} have {has} and cannot shrink: keep that size", grow.claim);
            Err(refused(vec![text]))
        }
        Some((_, has)) if has < size => Ok(found["metadata"]["uid"].as_str().map(str::to_owned)),
        _ => Ok(None),
    }
}

/// A failure that is not retried.
fn refused(errors: Vec<String>) -> Failure {
    Failure { errors, ..Failure::default() }
}
