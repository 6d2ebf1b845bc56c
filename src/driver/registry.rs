//! A registry as far as a question to it goes: whether an image is there. Pushing comes with bundles.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use reqwest::header::{ACCEPT, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use super::body::{self, BodyError};
use crate::model::{ImageName, Secret};

/// How long a registry may take to answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// The most of an answer with a token.
const TOKEN: usize = 1 << 20;

/// Every form that a manifest can have; who names none gets the oldest.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.docker.distribution.manifest.v2+json";

/// Why a registry gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The name has no registry, repository and tag.
    #[error("`{0}` is not an image as host/path:tag")]
    Name(String),
    /// Nothing answers there.
    #[error("registry {host} does not answer from this machine")]
    Unreachable {
        /// Which.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It does not speak TLS, and there is a login that everybody on the way could read.
    #[error(
        "registry {host} does not speak TLS, and the login is not sent in plain text; give the registry a certificate, or answer platform.registry_plain_http with true"
    )]
    Plain {
        /// Which.
        host: String,
    },
    /// It wants the login to be sent to somebody else.
    #[error(
        "registry {host} wants the login to be sent to {realm}, and it is sent to https://{host} alone; if that is right, name its host as platform.registry_token_host"
    )]
    Elsewhere {
        /// Which.
        host: String,
        /// Where to.
        realm: String,
    },
    /// Its answer to a login does not end, or makes no sense.
    #[error("registry {host} gives no token")]
    Token {
        /// Which.
        host: String,
        /// Why.
        source: BodyError,
    },
    /// It wants credentials, or others.
    #[error("registry {host} refuses {image}: {status}; are the credentials right?")]
    Refused {
        /// Which.
        host: String,
        /// What was asked for.
        image: String,
        /// Its answer.
        status: StatusCode,
    },
    /// It answered something else.
    #[error("registry {host} answers {status} when it is asked for {image}")]
    Odd {
        /// Which.
        host: String,
        /// What was asked for.
        image: String,
        /// Its answer.
        status: StatusCode,
    },
}

/// Name and password for a registry.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// Host, repository and tag of an image; in place of the tag the digest, if it has one.
#[must_use]
pub fn parts(image: &str) -> Option<(String, String, String)> {
    let name = ImageName::parse(image).ok().filter(ImageName::names_registry)?;
    let version = name.digest.clone().or_else(|| name.tag.clone())?;
    Some((name.registry().to_owned(), name.path(), version))
}

/// The login for a registry in a Docker config.json.
#[must_use]
pub fn login(config: &Secret, host: &str) -> Option<Login> {
    let config: serde_json::Value = serde_json::from_str(config.expose()).ok()?;
    let auths = config["auths"].as_object()?;
    let bare = |name: &str| {
        let name = name.trim_start_matches("https://").trim_start_matches("http://");
        name.split('/').next().unwrap_or(name).to_owned()
    };
    let (_, entry) = auths.iter().find(|(name, _)| bare(name) == host)?;
    let text = |key: &str| entry[key].as_str().map(str::to_owned);
    if let (Some(user), Some(password)) = (text("username"), text("password")) {
        return Some(Login { user, password: Secret::new(password) });
    }
    let auth = base64::engine::general_purpose::STANDARD.decode(text("auth")?).ok()?;
    let auth = String::from_utf8(auth).ok()?;
    let (user, password) = auth.split_once(':')?;
    Some(Login { user: user.to_owned(), password: Secret::new(password.to_owned()) })
}

/// Where a login may go beside the registry itself under TLS, because an answer says so.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// To the registry in plain text.
    pub plain_http: bool,
    /// To this host, which gives out the registry's tokens.
    pub token_host: Option<String>,
}

impl Trust {
    /// Whether a realm that the registry names may get the login.
    fn takes(&self, host: &str, realm: &reqwest::Url) -> bool {
        let own = reqwest::Url::parse(&format!("https://{host}"));
        let known = own.is_ok_and(|own| own.host() == realm.host())
            || self
                .token_host
                .as_deref()
                .is_some_and(|known| realm.host_str().is_some_and(|host| host.eq_ignore_ascii_case(known)));
        known && (realm.scheme() == "https" || (self.plain_http && realm.scheme() == "http"))
    }
}

/// Whether the registry has the image.
///
/// # Errors
/// It cannot be reached, refuses, or answers what no registry should.
pub async fn has(image: &str, login: Option<&Login>, trust: &Trust) -> Result<bool, RegistryError> {
    let Some((host, repository, tag)) = parts(image) else { return Err(RegistryError::Name(image.to_owned())) };
    let host = host.as_str();
    let unreachable = |source| RegistryError::Unreachable { host: host.to_owned(), source };
    // Nobody is led from TLS to plain text, or around for ever.
    let follow =
        reqwest::redirect::Policy::custom(|attempt| match attempt.previous().first().map(|url| url.scheme()) {
            Some(scheme) if scheme == attempt.url().scheme() && attempt.previous().len() < 5 => attempt.follow(),
            _ => attempt.stop(),
        });
    let client = Client::builder().timeout(DEADLINE).redirect(follow).build().map_err(unreachable)?;
    let url = |scheme: &str| format!("{scheme}://{host}/v2/{repository}/manifests/{tag}");
    let ask = |scheme: &str| client.head(url(scheme)).header(ACCEPT, MANIFESTS);
    // Plain HTTP only where TLS is not spoken, and only inside a site.
    let (answer, scheme) = match ask("https").send().await {
        Err(error) if is_inside(host) && speaks_no_tls(&error) => {
            if login.is_some() && !trust.plain_http {
                return Err(RegistryError::Plain { host: host.to_owned() });
            }
            (ask("http").send().await, "http")
        }
        answer => (answer, "https"),
    };
    let mut answer = answer.map_err(unreachable)?;
    if answer.status() == StatusCode::UNAUTHORIZED
        && let Some(request) = authorized(host, &client, &answer, ask(scheme), (login, trust)).await?
    {
        answer = request.send().await.map_err(unreachable)?;
    }
    match answer.status() {
        status if status.is_success() => Ok(true),
        StatusCode::NOT_FOUND => Ok(false),
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(RegistryError::Refused { host: host.to_owned(), image: image.to_owned(), status })
        }
        status => Err(RegistryError::Odd { host: host.to_owned(), image: image.to_owned(), status }),
    }
}

/// The request once more, with what the registry asked for: a login, or a token that another server gives for it.
async fn authorized(
    host: &str,
    client: &Client,
    answer: &Response,
    request: RequestBuilder,
    (login, trust): (Option<&Login>, &Trust),
) -> Result<Option<RequestBuilder>, RegistryError> {
    let wanted = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let with_login = |request: RequestBuilder| match login {
        Some(login) => request.basic_auth(&login.user, Some(login.password.expose())),
        None => request,
    };
    let Some(fields) = wanted.strip_prefix("Bearer ") else {
        return Ok(login.is_some().then(|| with_login(request)));
    };
    let field = |name: &str| {
        let rest = fields.split_once(&format!("{name}=\""))?.1;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let Some(realm) = field("realm") else { return Ok(None) };
    let query: Vec<(&str, String)> =
        ["service", "scope"].into_iter().filter_map(|name| Some((name, field(name)?))).collect();
    let Ok(mut url) = reqwest::Url::parse(&realm) else { return Ok(None) };
    if login.is_some() && !trust.takes(host, &url) {
        return Err(RegistryError::Elsewhere { host: host.to_owned(), realm: shown(&url) });
    }
    url.query_pairs_mut().extend_pairs(query);
    let unreachable = |source| RegistryError::Unreachable { host: host.to_owned(), source };
    let answer = with_login(client.get(url)).send().await.map_err(unreachable)?;
    let token = |source| RegistryError::Token { host: host.to_owned(), source };
    let body = body::read(answer, TOKEN).await.map_err(token)?;
    let Ok(told) = serde_json::from_slice::<serde_json::Value>(&body) else { return Ok(None) };
    let token = told["token"].as_str().or_else(|| told["access_token"].as_str());
    Ok(token.map(|token| request.bearer_auth(token)))
}

/// A realm as far as it is nobody's secret.
fn shown(realm: &reqwest::Url) -> String {
    let port = realm.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", realm.scheme(), realm.host_str().unwrap_or_default())
}

/// Whether the answer to a TLS greeting was none: a certificate that is not trusted is one.
fn speaks_no_tls(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return matches!(error, rustls::Error::InvalidMessage(_));
        }
        // The source of such an error is that of what it holds, which is passed over.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    false
}

/// Whether a host is named by an address that no router passes on.
fn is_inside(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    match name.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_private() || address.is_loopback(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => name == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_host_path_and_tag() {
        let found = |image: &str| parts(image).map(|(host, path, version)| format!("{host} {path} {version}"));
        assert_eq!(found("r.site:5000/a/b:1").as_deref(), Some("r.site:5000 a/b 1"));
        let digest = format!("sha256:{}", "a".repeat(64));
        for image in [format!("r.site/a@{digest}"), format!("r.site/a:1@{digest}")] {
            assert_eq!(found(&image), Some(format!("r.site a {digest}")), "the digest decides");
        }
        for bad in ["apache/spark:3", "r.site/a", "r.site/:1", "r.site:5000", "", "r.site/a:b/c"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn logins_are_found_however_they_are_written() {
        let config = |auths: &str| Secret::new(format!("{{\"auths\": {auths}}}"));
        let plain = config(r#"{"https://r.site:5000/v2/": {"username": "u", "password": "p:1"}}"#);
        let coded = config(r#"{"r.site:5000": {"auth": "dTpwOjE="}}"#);
        for found in [login(&plain, "r.site:5000"), login(&coded, "r.site:5000")] {
            let found = found.unwrap();
            assert_eq!((found.user.as_str(), found.password.expose()), ("u", "p:1"));
        }
        assert!(login(&plain, "r.site").is_none());
        assert!(login(&Secret::new("x".into()), "r.site").is_none());
    }

    /// Answers each request in turn on loopback, in plain text; gives where, and what was asked.
    async fn plain(answers: Vec<String>) -> (String, std::sync::Arc<std::sync::Mutex<String>>) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let log = asked.clone();
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = vec![0; 4096];
                let read = stream.read(&mut bytes).await.unwrap();
                let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                let is_http = text.starts_with("HEAD ") || text.starts_with("GET ");
                log.lock().unwrap().push_str(&text);
                let answer =
                    if is_http { answers.next().unwrap() } else { "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned() };
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (host, asked)
    }

    #[tokio::test]
    async fn a_login_never_goes_over_plain_http() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let wants = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let there = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let (host, asked) = plain(vec![wants.to_owned(), there.to_owned()]).await;
        let login = Login { user: "u".to_owned(), password: Secret::new("p".to_owned()) };
        let error = has(&format!("{host}/a:1"), Some(&login), &Trust::default()).await.unwrap_err();
        assert!(matches!(error, RegistryError::Plain { .. }), "{error}");
        assert!(!asked.lock().unwrap().to_lowercase().contains("authorization"));
        let told = Trust { plain_http: true, token_host: None };
        assert!(has(&format!("{host}/a:1"), Some(&login), &told).await.unwrap(), "an answer says so");
        assert!(asked.lock().unwrap().to_lowercase().contains("authorization: basic"));
        let (host, _) = plain(vec![there.to_owned()]).await;
        let none = has(&format!("{host}/a:1"), None, &Trust::default()).await;
        assert!(none.unwrap(), "whoever has no login tells none");
    }

    #[test]
    fn a_login_goes_to_the_registry_itself_and_to_nobody_else() {
        let takes = |trust: &Trust, realm: &str| trust.takes("r.site:5000", &reqwest::Url::parse(realm).unwrap());
        let is = |realm: &str| takes(&Trust::default(), realm);
        assert!(is("https://r.site:5000/token") && is("https://r.site/token") && is("https://R.site:5001/t"));
        for other in [
            "http://r.site:5000/token",
            "https://auth.r.site/token",
            "https://r.site.evil/token",
            "https://r.site@evil/token",
            "https://evil/r.site",
        ] {
            assert!(!is(other), "{other}");
        }
        let told = Trust { plain_http: false, token_host: Some("auth.r.site".to_owned()) };
        assert!(takes(&told, "https://auth.r.site/token") && takes(&told, "https://r.site/token"));
        assert!(!takes(&told, "http://auth.r.site/token") && !takes(&told, "https://auth.r.site.evil/token"));
        let told = Trust { plain_http: true, token_host: None };
        assert!(takes(&told, "http://r.site:5000/token") && !takes(&told, "http://auth.r.site/token"));
        assert_eq!(shown(&reqwest::Url::parse("https://u:p@evil:1/x?y=z").unwrap()), "https://evil:1");
    }

    #[test]
    fn only_inside_a_site_may_plain_http_be_tried() {
        for inside in ["10.97.0.2:5000", "127.0.0.1", "localhost:5000", "[::1]:5000", "192.168.1.1"] {
            assert!(is_inside(inside), "{inside}");
        }
        for outside in ["r.site:5000", "8.8.8.8", "docker.io"] {
            assert!(!is_inside(outside), "{outside}");
        }
    }
}
