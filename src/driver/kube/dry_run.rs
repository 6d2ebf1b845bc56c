//! Changes as Helm would send them, sent as dry runs: the API validates them and changes nothing.

use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams, ValidationDirective};
use kube::core::Status;
use serde_json::Value;

use super::{ApiError, ApiErrorKind, Cluster, KubeError, retry};
use crate::model::cluster::{ManifestObject, Refusal};
use crate::model::redact;

/// Who Helm 4 is in `managedFields`, whatever its binary is called.
const HELM: &str = "helm";

/// A refusal longer than this many characters is cut.
const LONGEST: usize = 300;

impl Cluster {
    /// Whether the API would take this object in place of the one that is there, sent by server-side apply as Helm does
    /// it. `None`: it would, or there is none, or the cluster does not serve the kind. Nothing is changed.
    ///
    /// # Errors
    /// When the API call fails or is forbidden, or there is a webhook that does not support dry runs.
    pub async fn refusal(&self, object: &ManifestObject) -> Result<Option<Refusal>, KubeError> {
        let what = format!("the change of {}", object.object);
        let (Some(api), Some(_)) = (self.api_of(&object.object).await?, self.get(&object.object).await?) else {
            return Ok(None);
        };
        let body: DynamicObject = serde_json::from_value(object.body.clone()).map_err(|error| KubeError {
            verb: "dry-run",
            what: what.clone(),
            source: ApiError::new(ApiErrorKind::Protocol, error.to_string()),
        })?;
        let params = PatchParams {
            dry_run: true,
            force: true,
            field_manager: Some(HELM.to_owned()),
            field_validation: Some(ValidationDirective::Strict),
        };
        let (name, patch) = (&object.object.name, Patch::Apply(&body));
        let tried = retry::call("dry-run", &what, || async { refused(api.patch(name, &params, &patch).await) }).await;
        let status = match tried {
            Ok(None) => return Ok(None),
            Ok(Some(status)) => status,
            // Deleted in between.
            Err(error) if error.kind() == ApiErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let in_itself = status.code == 422 && is_invalid_as_new(&api, &what, &body).await;
        Ok(Some(refusal(&status, in_itself)))
    }
}

impl Cluster {
    /// An object as the API would store it, sent by server-side apply as Helm does it: with defaults filled in and
    /// values in its own form. Nothing is changed.
    ///
    /// # Errors
    /// Why it is not known: not allowed, refused, or a webhook that does not support dry runs.
    pub(super) async fn dry_run_result(&self, object: &ManifestObject) -> Result<Value, String> {
        let what = format!("the dry run of {}", object.object);
        let api = self.api_of(&object.object).await.map_err(|error| error.source.to_string())?;
        let api = api.ok_or("the cluster does not serve its kind")?;
        let body: DynamicObject = serde_json::from_value(object.body.clone()).map_err(|error| error.to_string())?;
        let params = PatchParams {
            dry_run: true,
            force: true,
            field_manager: Some(HELM.to_owned()),
            field_validation: Some(ValidationDirective::Ignore),
        };
        let (name, patch) = (&object.object.name, Patch::Apply(&body));
        let made = retry::call("get", &what, || api.patch(name, &params, &patch)).await;
        match made {
            Ok(made) => serde_json::to_value(made).map_err(|error| error.to_string()),
            Err(error) if error.kind() == ApiErrorKind::Forbidden => Err("a dry run is not allowed".to_owned()),
            Err(error) => {
                let text = redact(&error.source.to_string());
                Err(format!("the dry run was refused: {}", reason(&text)))
            }
        }
    }
}

/// Whether an object would be refused as a new one as well. An object that is valid as a new one is only refused
/// because it exists already: the API checks that after it has validated it.
async fn is_invalid_as_new(api: &Api<DynamicObject>, what: &str, body: &DynamicObject) -> bool {
    let params = PostParams { dry_run: true, field_manager: Some(HELM.to_owned()) };
    let made = retry::call("dry-run", what, || async { refused(api.create(&params, body).await) }).await;
    matches!(made, Ok(Some(status)) if status.code == 422)
}

/// A refusal is a result, not an error.
fn refused<T>(answer: Result<T, kube::Error>) -> Result<Option<Box<Status>>, kube::Error> {
    match answer {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if is_refusal(&status) => Ok(Some(status)),
        Err(error) => Err(error),
    }
}

/// Whether the API validated an object and refuses it; everything else says nothing about the object.
fn is_refusal(status: &Status) -> bool {
    match status.code {
        422 => true,
        // A webhook with side effects is not called at all.
        400 => !status.message.contains("does not support dry run"),
        // Without the right, nothing was validated; that is reported elsewhere. Any other 403 is admission.
        403 => ![" cannot patch resource ", " cannot create resource "].iter().any(|own| status.message.contains(own)),
        _ => false,
    }
}

fn refusal(status: &Status, in_itself: bool) -> Refusal {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let (mut fields, mut reasons): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for cause in causes.filter(|cause| !cause.field.is_empty()) {
        if !fields.contains(&cause.field) {
            fields.push(cause.field.clone());
            reasons.push(format!("{}: {}", cause.field, reason(&cause.message)));
        }
    }
    let message = if reasons.is_empty() { reason(&status.message).to_owned() } else { reasons.join("; ") };
    let message = redact(&message);
    let message = match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    };
    Refusal { code: status.code, message, fields, in_itself }
}

/// The first line of a message, without the value that is refused: that may be all of a pod's template, its variables
/// among them.
fn reason(message: &str) -> &str {
    let line = message.trim().lines().next().unwrap_or_default();
    match line.strip_prefix("Invalid value: ").and_then(|rest| rest.rsplit_once(": ")) {
        Some((_, reason)) => reason,
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(code: u16, message: &str, causes: &Value) -> Status {
        let details = serde_json::from_value(json!({ "causes": causes })).unwrap();
        Status::failure(message, "Because").with_code(code).with_details(details)
    }

    #[test]
    fn only_what_was_validated_can_be_refused() {
        for (code, message, expected) in [
            (422, "StatefulSet.apps \"x\" is invalid", true),
            (400, "strict decoding error: unknown field \"spec.x\"", true),
            (400, "admission webhook \"w\" does not support dry run", false),
            (403, "admission webhook \"w\" denied the request: no", true),
            (403, "services \"x\" is forbidden: exceeded quota: q", true),
            (
                403,
                "services \"x\" is forbidden: User \"u\" cannot patch resource \"services\" in API group \"\"",
                false,
            ),
            (404, "not found", false),
            (409, "conflict", false),
            (500, "failed calling webhook", false),
            (504, "timeout", false),
        ] {
            let status = status(code, message, &json!([]));
            assert_eq!(is_refusal(&status), expected, "{code} {message}");
            let answer = refused::<()>(Err(kube::Error::Api(status.boxed())));
            assert_eq!(matches!(answer, Ok(Some(_))), expected, "{code} {message}");
        }
        assert!(matches!(refused(Ok(())), Ok(None)));
    }

    #[test]
    fn a_refusal_names_fields_and_reasons_and_no_values() {
        let forbidden = "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden";
        let found = refusal(&status(422, "long", &json!([{"message": forbidden, "field": "spec"}])), false);
        assert_eq!((found.code, found.message), (422, format!("spec: {forbidden}")));
        assert_eq!(found.fields, ["spec"]);
        let template = "Invalid value: {\"env\":[{\"name\":\"P\",\"value\":\"hunter22\"}]}: field is immutable";
        let causes = json!([
            {"message": template, "field": "spec.template"},
            {"message": "Required value", "field": "spec.a"},
            {"message": "Required value", "field": "spec.a"},
        ]);
        let found = refusal(&status(422, "long", &causes), true);
        assert_eq!(found.message, "spec.template: field is immutable; spec.a: Required value");
        assert!(found.in_itself);
        let diff = "Forbidden: spec is immutable after creation\n  core.PersistentVolumeClaimSpec{\n-\tx: 1";
        let found = refusal(&status(422, "long", &json!([{"message": diff, "field": "spec"}])), false);
        assert_eq!(found.message, "spec: Forbidden: spec is immutable after creation");
        let denied = refusal(&status(403, "admission webhook \"w\" denied: token=abcdefgh", &json!([])), false);
        assert_eq!(denied.message, "admission webhook \"w\" denied: token=(redacted)");
        assert!(denied.fields.is_empty());
        let long = refusal(&status(403, &"x".repeat(500), &json!([])), false);
        assert_eq!(long.message.chars().count(), LONGEST + 1);
    }
}
