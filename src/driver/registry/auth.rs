//! Authentication at a registry: none, a login, or a token from a token server. One token for each set of
//! scopes, and one request for it at a time, however many wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::time::Instant;

use super::credentials::Login;
use super::error::RegistryError;
use super::proxy::bare;
use super::retry::{self, Asked, Pauses};
use super::settings::{Limits, Trust};
use crate::driver::body;

/// The most of an answer with a token.
const TOKEN: usize = 1 << 20;

/// How long a token is good for that does not say.
const LIFE: Duration = Duration::from_secs(60);

/// What is refused where a login is: for nothing else does the registry have to be asked again.
pub(super) const LOGIN: &str = "the login";

/// What is asked of a repository, as tokens have it: `repository:NAME:pull,push`.
pub(super) type Scopes = Vec<String>;

/// To read a repository.
pub(super) fn pull(repository: &str) -> Scopes {
    vec![format!("repository:{repository}:pull")]
}

/// To write to a repository.
pub(super) fn push(repository: &str) -> Scopes {
    vec![format!("repository:{repository}:pull,push")]
}

/// To mount into a repository what another has.
pub(super) fn mount(repository: &str, from: &str) -> Scopes {
    vec![format!("repository:{repository}:pull,push"), format!("repository:{from}:pull")]
}

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq)]
enum Challenge {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

/// A token, as the header that it goes in.
#[derive(Clone)]
struct Token {
    header: HeaderValue,
    until: Instant,
}

/// The place of one token; whoever holds it asks for it.
type Place = Arc<tokio::sync::Mutex<Option<Token>>>;

/// What a registry was found to ask for, and what it was given.
pub(super) struct Auth {
    host: String,
    login: Option<Login>,
    trust: Trust,
    client: Client,
    limits: Limits,
    pauses: Arc<Pauses>,
    known: RwLock<Option<Challenge>>,
    places: Mutex<HashMap<Scopes, Place>>,
}

impl Auth {
    pub(super) fn new(
        host: &str,
        login: Option<Login>,
        trust: Trust,
        client: Client,
        limits: Limits,
        pauses: Arc<Pauses>,
    ) -> Self {
        let host = host.to_owned();
        Self { host, login, trust, client, limits, pauses, known: RwLock::default(), places: Mutex::default() }
    }

    /// Whether there is a login that must not be seen on the way.
    pub(super) const fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Where its tokens come from, once it has asked for one.
    pub(super) fn realm(&self) -> Option<Url> {
        match self.challenge()? {
            Challenge::Bearer { realm, .. } => Some(realm),
            Challenge::Basic => None,
        }
    }

    /// The login itself, for what takes no tokens.
    pub(super) fn login_header(&self) -> Option<HeaderValue> {
        self.login.as_ref().and_then(basic)
    }

    fn challenge(&self) -> Option<Challenge> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers what an answer asks for. Gives whether it asks for anything that can be given.
    pub(super) fn learn(&self, headers: &HeaderMap) -> bool {
        let Some(found) = challenge(headers) else { return false };
        let can = matches!(found, Challenge::Bearer { .. }) || self.login.is_some();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(found);
        can
    }

    /// The header for a request with these scopes; none where the registry asks for nothing.
    pub(super) async fn header(&self, scopes: &Scopes) -> Result<Option<HeaderValue>, RegistryError> {
        match self.challenge() {
            None => Ok(None),
            Some(Challenge::Basic) => Ok(self.login_header()),
            Some(Challenge::Bearer { realm, service }) => {
                let place = {
                    let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
                    places.entry(scopes.clone()).or_default().clone()
                };
                let mut token = place.lock().await;
                if let Some(known) = token.as_ref().filter(|known| Instant::now() < known.until) {
                    return Ok(Some(known.header.clone()));
                }
                let fresh = self.fetch(realm, service.as_deref(), scopes).await?;
                Ok(token.insert(fresh).header.clone().into())
            }
        }
    }

    /// Forgets the token that was refused, unless there is another one by now.
    pub(super) async fn refused(&self, scopes: &Scopes, used: Option<&HeaderValue>) {
        let place = self.places.lock().unwrap_or_else(PoisonError::into_inner).get(scopes).cloned();
        if let Some(place) = place {
            let mut token = place.lock().await;
            if token.as_ref().map(|token| &token.header) == used {
                *token = None;
            }
        }
    }

    /// Asks for a token.
    async fn fetch(&self, realm: Url, service: Option<&str>, scopes: &Scopes) -> Result<Token, RegistryError> {
        if self.login.is_some() && !self.trust.takes(&self.host, &realm) {
            return Err(RegistryError::ForeignRealm { host: self.host.clone(), realm: bare(&realm) });
        }
        let mut failures = 0;
        loop {
            let begun = Instant::now();
            let answer = self.token_request(&realm, service, scopes).timeout(self.limits.answer).send().await;
            let (why, asked) = match answer {
                Ok(answer) if retry::status_may_pass(answer.status()) && failures + 1 < self.limits.tries => {
                    (answer.status().to_string(), Asked::by(&answer))
                }
                Ok(answer) => return self.token(answer, begun).await,
                Err(error) if retry::may_pass(&error) && failures + 1 < self.limits.tries => {
                    (retry::causes(&error.without_url()), None)
                }
                Err(source) => {
                    return Err(match RegistryError::of(&self.host, source) {
                        RegistryError::Unreachable { source, .. } => {
                            RegistryError::Unreachable { host: bare(&realm), source }
                        }
                        certificate => certificate,
                    });
                }
            };
            failures += 1;
            self.pauses.pause(failures, asked, &why).await;
        }
    }

    fn token_request(&self, realm: &Url, service: Option<&str>, scopes: &Scopes) -> reqwest::RequestBuilder {
        if let Some(login) = self.login.as_ref().filter(|login| login.is_identity_token()) {
            let scope = scopes.join(" ");
            return self.client.post(realm.clone()).form(&[
                ("grant_type", "refresh_token"),
                ("client_id", "windlass"),
                ("service", service.unwrap_or_default()),
                ("scope", &scope),
                ("refresh_token", login.password.expose()),
            ]);
        }
        let mut url = realm.clone();
        {
            let mut query = url.query_pairs_mut();
            service.iter().for_each(|service| _ = query.append_pair("service", service));
            scopes.iter().for_each(|scope| _ = query.append_pair("scope", scope));
        }
        let request = self.client.get(url);
        match self.login.as_ref().and_then(basic) {
            Some(header) => request.header(AUTHORIZATION, header),
            None => request,
        }
    }

    /// Reads a token. Its life counts from when it was asked for, by our clock: the server's may be another.
    async fn token(&self, answer: Response, asked: Instant) -> Result<Token, RegistryError> {
        let host = self.host.clone();
        let status = answer.status();
        if !status.is_success() {
            let what = LOGIN.to_owned();
            return Err(match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    RegistryError::Refused { host, what, status, detail: String::new() }
                }
                _ => RegistryError::Unexpected { host, what: "a token".to_owned(), status, detail: String::new() },
            });
        }
        let body = body::read(answer, TOKEN).await.map_err(|source| RegistryError::Token { host, source })?;
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = json["token"].as_str().filter(|token| !token.is_empty()).or_else(|| json["access_token"].as_str());
        let header = text.and_then(|token| sensitive(&format!("Bearer {token}")));
        let Some(header) = header else {
            let (host, what) = (self.host.clone(), "a token".to_owned());
            return Err(RegistryError::Unexpected {
                host,
                what,
                status,
                detail: ": no token in the response".to_owned(),
            });
        };
        let life = json["expires_in"].as_u64().filter(|life| *life > 0).map_or(LIFE, Duration::from_secs);
        // Some time before its end, since a request takes time, too; and no token is kept for days.
        let life = life.min(Duration::from_secs(86_400));
        Ok(Token { header, until: asked + life - (life / 10).min(Duration::from_secs(10)) })
    }
}

/// A header that is not printed.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn basic(login: &Login) -> Option<HeaderValue> {
    use base64::Engine as _;
    let pair = format!("{}:{}", login.user, login.password.expose());
    sensitive(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

/// What an answer asks for: a token, where it takes one.
fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let mut found = None;
    for value in headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()) {
        let (scheme, fields) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            found = found.or(Some(Challenge::Basic));
        } else if scheme.eq_ignore_ascii_case("bearer") {
            let fields = parameters(fields);
            let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            if let Some(realm) = field("realm").and_then(|realm| Url::parse(&realm).ok()) {
                return Some(Challenge::Bearer { realm, service: field("service") });
            }
        }
    }
    found
}

/// `name="value",name=value` as pairs, names in small letters.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([',', ' ']).to_ascii_lowercase();
        let value = match after.strip_prefix('"') {
            Some(quoted) => {
                let Some((value, after)) = quoted.split_once('"') else { break };
                rest = after;
                value
            }
            None => {
                let (value, after) = after.split_once(',').unwrap_or((after, ""));
                rest = after;
                value.trim()
            }
        };
        found.push((name, value.to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_however_they_are_written() {
        let of = |values: &[&str]| {
            challenge(&values.iter().map(|value| (WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap())).collect())
        };
        let realm = Url::parse("https://a.site/token").unwrap();
        let bearer = |service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.clone(), service: service.map(str::to_owned) })
        };
        let full = r#"Bearer realm="https://a.site/token",service="r, s",scope="repository:x:pull,push""#;
        assert_eq!(of(&[full]), bearer(Some("r, s")));
        assert_eq!(of(&["bearer Realm=https://a.site/token, service=r"]), bearer(Some("r")));
        assert_eq!(of(&["Basic realm=\"x\"", full]), bearer(Some("r, s")), "a token where there is a choice");
        assert_eq!(of(&["Basic"]), Some(Challenge::Basic));
        for none in ["", "Negotiate", "Bearer", "Bearer realm=\"", "Bearer realm=\"nowhere\""] {
            assert_eq!(of(&[none]), None, "{none}");
        }
    }

    #[test]
    fn headers_with_credentials_are_not_printed() {
        let login = Login { user: "u".to_owned(), password: crate::model::Secret::new("p".to_owned()) };
        assert!(!format!("{:?}", basic(&login).unwrap()).contains("dTpw"));
        assert_eq!(mount("a", "b"), ["repository:a:pull,push", "repository:b:pull"]);
    }
}
