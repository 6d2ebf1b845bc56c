//! One registry: its scheme, and requests without a large body: with credentials, retries, and redirects that are followed
//! without credentials.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, Url};
use tokio::sync::OnceCell;

use super::auth::{Auth, Scopes};
use super::error::RegistryError;
use super::proxy::{ProxyRoute, bare};
use super::retry::{self, Asked, Pauses};
use super::settings::{Limits, Settings, Trust, api_host, without_port};
use super::tls;
use crate::driver::body;

/// How many redirects are followed.
const REDIRECTS: usize = 5;

/// The most of an error's text that is read, and the most that is shown.
const ERROR_TEXT: usize = 64 << 10;
const SHOWN: usize = 300;

/// The most of an answer of a product's own interface.
const API: usize = 1 << 20;

/// The registries that are reached in one way, by one pool of connections.
#[derive(Clone)]
pub struct Registries(Arc<Shared>);

struct Shared {
    client: Client,
    settings: Settings,
    known: tokio::sync::Mutex<Vec<Registry>>,
}

impl Registries {
    /// Reads the files of certificates; asks nobody.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn new(settings: Settings) -> Result<Self, RegistryError> {
        let client = tls::client(&settings)?;
        Ok(Self(Arc::new(Shared { client, settings, known: tokio::sync::Mutex::default() })))
    }

    /// One of them, by its name in images: `docker.io`, `harbor.site:5000`. Asks a credential helper, if one is named.
    ///
    /// # Errors
    /// There should be a login, and there is none.
    pub async fn registry(&self, host: &str) -> Result<Registry, RegistryError> {
        self.registry_for(host, "").await
    }

    /// The same, with the login for what is below a path there.
    ///
    /// # Errors
    /// As [`Self::registry`].
    pub async fn registry_for(&self, host: &str, path: &str) -> Result<Registry, RegistryError> {
        let shared = &self.0;
        let part = (!path.is_empty()).then(|| shared.settings.credentials.deciding(host, path));
        let mut known = shared.known.lock().await;
        if let Some(found) = known.iter().find(|known| known.host() == host && known.0.part.as_deref() == part) {
            return Ok(found.clone());
        }
        let no = |source| RegistryError::Credentials { host: host.to_owned(), source };
        let login = shared.settings.credentials.login(host, path).await.map_err(no)?;
        let (trust, limits) = (shared.settings.trust_of(host), shared.settings.limits);
        let pauses = Arc::new(Pauses::new(host, login.is_some(), limits, shared.settings.waits.clone()));
        let auth = Auth::new(host, login, trust.clone(), shared.client.clone(), limits, pauses.clone());
        let made = Registry(Arc::new(Inner {
            host: host.to_owned(),
            part: part.map(str::to_owned),
            client: shared.client.clone(),
            auth,
            trust,
            limits,
            pauses,
            base: OnceCell::new(),
        }));
        known.push(made.clone());
        Ok(made)
    }

    /// How a registry is reached: directly, or by which proxy.
    #[must_use]
    pub fn way_to(&self, host: &str) -> ProxyRoute {
        self.0.settings.proxies.way_to(api_host(host))
    }
}

/// One registry. Copies are the same one.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    host: String,
    /// The part of it that the login is for: empty for the rest, none where nobody said which.
    part: Option<String>,
    client: Client,
    auth: Auth,
    trust: Trust,
    limits: Limits,
    pauses: Arc<Pauses>,
    /// Where it is, once it has answered.
    base: OnceCell<Url>,
}

/// A request that can be sent again.
#[derive(Clone)]
pub(super) struct RegistryRequest {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) scopes: Scopes,
    /// How long each try may take until its answer begins.
    pub(super) deadline: Duration,
    /// How often it is tried.
    pub(super) tries: u32,
    /// What is asked for, for errors.
    pub(super) what: String,
}

impl Registry {
    /// Its name in images.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(super) fn pauses(&self) -> &Pauses {
        &self.0.pauses
    }

    pub(super) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(super) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    /// Where it is, with the scheme that it speaks. Asked once: its first answer also says what it wants to see.
    async fn base(&self) -> Result<&Url, RegistryError> {
        self.0.base.get_or_try_init(|| self.discover()).await
    }

    async fn discover(&self) -> Result<Url, RegistryError> {
        let host = self.host();
        let name = api_host(host);
        let url = |scheme: &str| {
            Url::parse(&format!("{scheme}://{name}/v2/")).map_err(|_| RegistryError::Name(host.to_owned()))
        };
        let named = self.0.trust.plain_http;
        let mut failures = 0;
        let (answer, base) = loop {
            let base = url("https")?;
            let error = match self.0.client.get(base.clone()).timeout(self.0.limits.answer).send().await {
                Ok(answer) => break (answer, base),
                Err(error) => error,
            };
            // Plain HTTP only where TLS is not spoken, and only on this machine or where that is named.
            let why = retry::causes(&error);
            let no_tls = retry::speaks_no_tls(&error);
            if no_tls && !named && self.0.auth.has_login() {
                return Err(RegistryError::Plain { host: host.to_owned() });
            }
            if no_tls && !named && !is_here(name) {
                return Err(RegistryError::NoTls { host: host.to_owned() });
            }
            if no_tls || (named && error.is_connect() && !retry::is_untrusted(&error)) {
                let base = url("http")?;
                match self.0.client.get(base.clone()).timeout(self.0.limits.answer).send().await {
                    Ok(answer) => break (answer, base),
                    Err(error) if failures > 0 || !retry::may_pass(&error) => return Err(self.unreachable(error)),
                    Err(_) => {}
                }
            } else if failures > 0 || !retry::may_pass(&error) {
                return Err(self.unreachable(error));
            }
            failures += 1;
            self.0.pauses.pause(failures, None, &why).await;
        };
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.0.auth.learn(answer.headers());
        }
        // Read to its end, so that the connection serves again.
        let _ = body::read(answer, ERROR_TEXT).await;
        Ok(base)
    }

    /// Whether it is Harbor, as far as its tokens' address shows.
    pub(super) fn is_harbor(&self) -> bool {
        self.0.auth.realm().is_some_and(|realm| realm.path().ends_with("/service/token"))
    }

    /// What the product's own interface answers beside `/v2/`, with the login; nothing where that is not 200.
    pub(super) async fn api(&self, path: &str) -> Option<Vec<u8>> {
        let url = self.base().await.ok()?.join(path).ok().filter(|url| self.is_own(url))?;
        let request = self.0.client.get(url).header(AUTHORIZATION, self.0.auth.login_header()?);
        let answer = request.timeout(self.0.limits.answer).send().await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        body::read(answer, API).await.ok()
    }

    /// An address below `/v2/`.
    pub(super) async fn url(&self, path: &str) -> Result<Url, RegistryError> {
        let base = self.base().await?;
        base.join(path).map_err(|_| RegistryError::Name(path.to_owned()))
    }

    /// A request for something below `/v2/`, with the usual bounds.
    pub(super) async fn request(
        &self,
        method: Method,
        path: &str,
        scopes: Scopes,
    ) -> Result<RegistryRequest, RegistryError> {
        let what = match path.split_once('?') {
            Some((path, _)) => path.to_owned(),
            None => path.to_owned(),
        };
        Ok(RegistryRequest {
            method,
            url: self.url(path).await?,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            scopes,
            deadline: self.0.limits.answer,
            tries: self.0.limits.tries,
            what,
        })
    }

    /// Whether an address is this registry's own, and may see what only that may see.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        self.0.base.get().is_some_and(|base| base.origin() == url.origin())
    }

    /// Where an answer sends to: absolute, or relative to where it came from. TLS is never left.
    pub(super) fn location(&self, from: &Url, headers: &HeaderMap, what: &str) -> Result<Url, RegistryError> {
        let text = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let bad = |to: String| RegistryError::Location { host: self.host().to_owned(), what: what.to_owned(), to };
        if text.is_empty() {
            return Err(bad("an empty address".to_owned()));
        }
        let mut url = from.join(text).map_err(|_| bad("an invalid address".to_owned()))?;
        // A registry behind a proxy that ends TLS often does not know that it is there.
        if url.scheme() == "http" && from.scheme() == "https" && url.host() == from.host() {
            let _ = url.set_scheme("https");
        }
        let fits = url.scheme() == "https" || (url.scheme() == "http" && from.scheme() == "http");
        let bare_login = url.username().is_empty() && url.password().is_none();
        if fits && bare_login && url.has_host() { Ok(url) } else { Err(bad(bare(&url))) }
    }

    /// Sends a request until there is an answer that will not change, with what the registry wants to see.
    pub(super) async fn send(&self, request: &RegistryRequest) -> Result<Response, RegistryError> {
        let mut request = request.clone();
        let mut redirects = 0;
        let mut failures = 0;
        let mut challenged = false;
        loop {
            let own = self.is_own(&request.url);
            let header = if own { self.0.auth.header(&request.scopes).await? } else { None };
            let mut builder =
                self.0.client.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
            if let Some(header) = &header {
                builder = builder.header(AUTHORIZATION, header.clone());
            }
            if !request.body.is_empty() || matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
                builder =
                    builder.header(reqwest::header::CONTENT_LENGTH, request.body.len()).body(request.body.clone());
            }
            let last = failures + 1 >= request.tries;
            let (why, asked) = match tokio::time::timeout(request.deadline, builder.send()).await {
                Err(_) if last => {
                    let (host, what, after) = (self.host().to_owned(), request.what, request.deadline);
                    return Err(RegistryError::Timeout { host, what, after });
                }
                Err(_) => (format!("no response within {}s", request.deadline.as_secs()), None),
                Ok(Err(error)) if last || !retry::may_pass(&error) => return Err(self.unreachable(error)),
                Ok(Err(error)) => (retry::causes(&error.without_url()), None),
                Ok(Ok(answer)) => {
                    let status = answer.status();
                    if status == StatusCode::UNAUTHORIZED && own && !challenged {
                        // A token that has run out meanwhile, or the first word about what is wanted.
                        challenged = true;
                        let can = self.0.auth.learn(answer.headers());
                        self.0.auth.refused(&request.scopes, header.as_ref()).await;
                        if can {
                            let _ = body::read(answer, ERROR_TEXT).await;
                            continue;
                        }
                        return Ok(answer);
                    }
                    let follows = matches!(request.method, Method::GET | Method::HEAD)
                        && matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
                    if follows && redirects < REDIRECTS {
                        redirects += 1;
                        request.url = self.location(&request.url, answer.headers(), &request.what)?;
                        continue;
                    }
                    if !retry::status_may_pass(status) || last {
                        return Ok(answer);
                    }
                    let asked = Asked::by(&answer);
                    let _ = body::read(answer, ERROR_TEXT).await;
                    (status.to_string(), asked)
                }
            };
            failures += 1;
            self.0.pauses.pause(failures, asked, &why).await;
        }
    }

    /// An exchange that failed, as an error that names what can be done.
    pub(super) fn unreachable(&self, source: reqwest::Error) -> RegistryError {
        RegistryError::of(self.host(), source)
    }

    /// An unexpected answer, with the registry's own message.
    pub(super) async fn unexpected(&self, answer: Response, what: &str) -> RegistryError {
        let status = answer.status();
        let detail = error_text(&body::read(answer, ERROR_TEXT).await.unwrap_or_default());
        let detail = match status {
            StatusCode::TOO_MANY_REQUESTS => format!(": {detail}; rate limited: log in, or wait").replace(": ;", ":"),
            _ if detail.is_empty() => detail,
            _ => format!(": {detail}"),
        };
        let (host, what) = (self.host().to_owned(), what.to_owned());
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RegistryError::Refused { host, what, status, detail },
            _ => RegistryError::Unexpected { host, what, status, detail },
        }
    }
}

/// The text of a registry's error: the messages of its JSON, or the beginning of any text; at most a few hundred characters.
pub(super) fn error_text(body: &[u8]) -> String {
    let clean = |text: &str| -> String {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(errors) = json["errors"].as_array() {
        let text = |error: &serde_json::Value| {
            let code = error["code"].as_str().unwrap_or_default();
            let message = error["message"].as_str().unwrap_or_default();
            format!("{code} {message}").trim().to_owned()
        };
        return clean(&errors.iter().map(text).collect::<Vec<_>>().join("; "));
    }
    if let Some(message) = json["message"].as_str() {
        return clean(message);
    }
    match std::str::from_utf8(body) {
        Ok(text) if !text.trim_start().starts_with('<') => clean(text),
        _ => String::new(),
    }
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let name = without_port(host);
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_on_this_machine_may_plain_http_be_tried_unnamed() {
        for here in ["127.0.0.1", "127.1.2.3:5000", "localhost:5000", "localhost", "[::1]:5000", "[::1]"] {
            assert!(is_here(here), "{here}");
        }
        for outside in ["10.97.0.2:5000", "192.168.1.1", "[fd00::1]:5000", "r.site:5000", "8.8.8.8", "docker.io"] {
            assert!(!is_here(outside), "{outside}");
        }
    }

    #[test]
    fn a_registrys_words_are_short_and_clean() {
        assert_eq!(
            error_text(br#"{"errors":[{"code":"DENIED","message":"no\npush"},{"code":"X"}]}"#),
            "DENIED no push; X"
        );
        assert_eq!(error_text(br#"{"message":"project x not found"}"#), "project x not found");
        assert_eq!(error_text(b"<html>413</html>"), "");
        assert_eq!(error_text("plain \u{1b}[31m".as_bytes()), "plain [31m");
        assert!(error_text(&[b'x'; 5000]).len() <= SHOWN);
    }
}
