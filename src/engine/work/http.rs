//! Requests to services, and entries that they should have.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::failed;
use super::runner::StepRunner;
use crate::catalog::action::{Ensure, HiddenValue, HttpAction, Request, Write, is_wanted};
use crate::driver::http::{Body, HttpError, Opened, ServiceRequest, ServiceResponse, differences, is_text};
use crate::engine::perform::{Context, Done, Failure};
use crate::model::{Progress, ServiceAccess};
use crate::plan::Step;

/// How often a service that is not as wanted is polled.
const PAUSE: Duration = Duration::from_secs(1);

/// How much of an answer a summary shows.
const SHOWN: usize = 80;

/// A value with its secrets in their places.
fn sent(quiet: &HiddenValue, opened: &Opened) -> Value {
    quiet.with(&|name| opened.secret(name))
}

/// The same as a text: of a header, or a field of a form.
fn sent_text(quiet: &HiddenValue, opened: &Opened) -> String {
    match sent(quiet, opened) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

impl StepRunner {
    pub(super) async fn http(
        &self,
        step: &Step,
        namespace: &str,
        kind: &HttpAction,
        context: &Context,
    ) -> Result<Done, Failure> {
        match kind {
            HttpAction::Wait(wait) => self.request(namespace, &wait.request(), context).await,
            HttpAction::Request(request) => self.request(namespace, request, context).await,
            HttpAction::Ensure(ensure) => self.ensure(step, namespace, ensure).await,
        }
    }

    async fn request(&self, namespace: &str, request: &Request, context: &Context) -> Result<Done, Failure> {
        let way = request.way(namespace);
        let opened = way.open(&self.cluster, &self.tunnels).await.map_err(failed)?;
        let json = request.json.as_ref().map(|json| sent(json, &opened));
        let form = request.form.iter().map(|(name, value)| (name.clone(), sent_text(value, &opened)));
        let ask = ServiceRequest {
            method: &request.method,
            path: &request.path,
            headers: request.headers.iter().map(|(name, value)| (name.clone(), sent_text(value, &opened))).collect(),
            body: match &json {
                Some(json) => Body::Json(json),
                None if request.form.is_empty() => Body::None,
                None => Body::Form(form.collect()),
            },
            login: opened.login.as_ref(),
        };
        loop {
            let error = match opened.service.send(&ask).await {
                Ok(answered) => match check_response(request, &opened, &answered) {
                    Ok(done) => return Ok(done),
                    Err(error) if is_final(request, &answered.body) => {
                        return Err(request_failure(error, &way).for_good());
                    }
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if !request.until || Instant::now() + PAUSE >= context.deadline {
                return Err(request_failure(error, &way));
            }
            (context.progress)(Progress::Waiting(error.to_string()));
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ensure(&self, step: &Step, namespace: &str, ensure: &Ensure) -> Result<Done, Failure> {
        let way = ensure.way(namespace);
        let opened = way.open(&self.cluster, &self.tunnels).await.map_err(failed)?;
        let lookup = ensure.lookup();
        let login = opened.login.as_ref();
        let read = || opened.service.look_up(&lookup, login, ensure.public);
        let want = sent(&ensure.want, &opened);
        let found = read().await.map_err(|error| request_failure(error, &way))?;
        let (write, summary) = match &found {
            None => (ensure.creates(), "created".to_owned()),
            Some(found) => {
                let mut differ = differences(&want, found, &ensure.write_only);
                if let Some(marker) = &ensure.version
                    && self.was_done(&step.component, &step.id).await?.as_ref() != Some(marker)
                {
                    differ.extend(ensure.write_only.iter().cloned());
                }
                if differ.is_empty() {
                    return Ok(Done { summary: Some("unchanged".to_owned()), ..Done::default() });
                }
                (ensure.updates(), format!("updated {}", differ.join(", ")))
            }
        };
        let written = self.write(&opened, &write, &want, (ensure, found.as_ref())).await;
        written.map_err(|error| request_failure(error, &way))?;
        // A service that accepts a write and does not store it would be written to at every install.
        let now = read().await.map_err(|error| request_failure(error, &way))?;
        let left = now.as_ref().map(|now| differences(&want, now, &ensure.write_only));
        match left {
            Some(left) if left.is_empty() => {
                if let Some(marker) = &ensure.version {
                    self.done(&step.component, &step.id, marker).await?;
                }
                Ok(Done { summary: Some(summary), ..Done::default() })
            }
            Some(left) => Err(Failure {
                errors: vec![format!(
                    "{}{} accepted the write, but does not return {}; list fields that it never returns in `write_only`",
                    ensure.service,
                    write.path,
                    left.join(", ")
                )],
                ..Failure::default()
            }),
            None => Err(Failure {
                errors: vec![format!(
                    "{}{} accepted the write, but the entry was not found",
                    ensure.service, write.path
                )],
                may_pass: true,
                ..Failure::default()
            }),
        }
    }

    async fn write(
        &self,
        opened: &Opened,
        write: &Write,
        want: &Value,
        (ensure, found): (&Ensure, Option<&Value>),
    ) -> Result<(), HttpError> {
        let found = ensure.id.as_ref().zip(found).and_then(|(pointer, found)| found.pointer(pointer));
        let id = found.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)).unwrap_or_default();
        let path = write.path.replace("{id}", &id);
        let own = write.json.as_ref().map(|json| {
            let mut body = json.with(&|name| if name == ID { Some(id.clone()) } else { opened.secret(name) });
            put_id(&mut body, &json.value, found);
            body
        });
        let body = Body::Json(own.as_ref().unwrap_or(want));
        let ask = ServiceRequest {
            method: &write.method,
            path: &path,
            headers: Vec::new(),
            body,
            login: opened.login.as_ref(),
        };
        let answered = opened.service.send(&ask).await?;
        match (200..300).contains(&answered.status) {
            true => Ok(()),
            false => Err(opened.service.unexpected_status(&path, &answered, "2xx", ensure.public)),
        }
    }
}

/// What stands in a body for the id of what is changed.
const ID: &str = "id";

/// An id that is a number stays one where it stands alone.
fn put_id(body: &mut Value, written: &Value, id: Option<&Value>) {
    match (body, written) {
        (body, Value::String(text)) if text == "${id}" => *body = id.cloned().unwrap_or_default(),
        (Value::Object(body), Value::Object(written)) => {
            body.iter_mut().for_each(|(key, value)| put_id(value, written.get(key).unwrap_or(&Value::Null), id));
        }
        (Value::Array(body), Value::Array(written)) => {
            body.iter_mut().zip(written).for_each(|(value, written)| put_id(value, written, id));
        }
        _ => {}
    }
}

/// Whether a response is as wanted, and its results.
fn check_response(request: &Request, opened: &Opened, answered: &ServiceResponse) -> Result<Done, HttpError> {
    let (service, path) = (&opened.service, &request.path);
    if !is_wanted(&request.status, answered.status) {
        return Err(service.unexpected_status(path, answered, &request.status, request.public));
    }
    if let Some(wanted) = request.contains.as_ref().filter(|wanted| !answered.body.contains(*wanted)) {
        return Err(service.missing_content(path, wanted, answered, request.public));
    }
    let mut done = Done::default();
    if request.expect.is_empty() && request.results.is_empty() {
        return Ok(done);
    }
    let json: Value = serde_json::from_str(&answered.body)
        .map_err(|_| service.missing_content(path, "JSON", answered, request.public))?;
    for (pointer, text) in &request.expect {
        if !json.pointer(pointer).is_some_and(|found| is_text(found, text)) {
            return Err(service.missing_content(path, &format!("{pointer}: {text}"), answered, request.public));
        }
    }
    let mut results = serde_json::Map::new();
    for (name, pointer) in &request.results {
        let Some(found) = json.pointer(pointer) else {
            return Err(service.missing_content(path, pointer, answered, request.public));
        };
        results.insert(name.clone(), found.clone());
    }
    if request.public && !results.is_empty() {
        let text = Value::Object(results.clone()).to_string();
        done.summary = Some(text.chars().take(SHOWN).collect());
    }
    done.results = Some(Value::Object(results));
    Ok(done)
}

/// Whether a response says that it never will be as wanted.
fn is_final(request: &Request, body: &str) -> bool {
    let Ok(json) = serde_json::from_str::<Value>(body) else { return false };
    let mut never = request.never.iter();
    never.any(|(pointer, text)| json.pointer(pointer).is_some_and(|found| is_text(found, text)))
}

/// An error with the Secret whose login was refused, if it was.
fn request_failure(error: HttpError, way: &ServiceAccess<'_>) -> Failure {
    let refused = error.refuses_login();
    // A redirect stays one.
    let redirected = matches!(error, HttpError::Status { status: 300..400, .. });
    let mut failure = failed(error);
    if redirected {
        failure = failure.for_good();
    }
    match way.login_place().filter(|_| refused) {
        Some(place) => {
            failure.errors.push(format!("the login is from {place}"));
            failure.for_good()
        }
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_never_will_be_ends_the_polling() {
        let request = |never: Value| -> Request {
            serde_json::from_value(json!({"service": "a:1", "path": "/", "until": true, "never": never})).unwrap()
        };
        let failed = request(json!({"/run/state": "failed", "/run/tries": "3"}));
        for (body, wanted) in [
            (r#"{"run": {"state": "failed"}}"#, true),
            (r#"{"run": {"state": "queued", "tries": 3}}"#, true),
            (r#"{"run": {"state": "queued", "tries": 2}}"#, false),
            (r#"{"state": "failed"}"#, false),
            ("failed", false),
        ] {
            assert_eq!(is_final(&failed, body), wanted, "{body}");
        }
        assert!(!is_final(&request(json!({})), r#"{"run": {"state": "failed"}}"#));
    }
}
