//! One service: its socket, and the requests to it.

use std::path::Path;
use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Certificate, Client, Method};
use serde_json::Value;

use crate::driver::body::{self, BodyError};
use crate::model::Secret;

/// How long one request may take. The services answer in milliseconds once they run.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a redirect is followed.
const REDIRECTS: usize = 10;

/// The most of one answer: a page of batches with their logs is a hundredth of it.
const ANSWER: usize = 8 << 20;

/// How much of an answer is kept for a message.
const SHOWN: usize = 300;

/// Why a service did not answer as wanted.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No client could be made.
    #[error("failed to prepare a connection to {service}")]
    Client {
        /// Which service.
        service: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The request failed.
    #[error("failed to query {service} for {path}")]
    Request {
        /// Which service.
        service: String,
        /// Path and query.
        path: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It answers without an end.
    #[error("failed to read {service}{path}")]
    TooLong {
        /// Which service.
        service: String,
        /// Path and query.
        path: String,
        /// How long an answer may be.
        source: BodyError,
    },
    /// It answered with another status.
    #[error("{service}{path} returned {status}, expected {wanted}: {body}")]
    Status {
        /// Which service.
        service: String,
        /// Path and query.
        path: String,
        /// The status.
        status: u16,
        /// What was wanted.
        wanted: String,
        /// The beginning of the answer.
        body: String,
    },
    /// What it should be reached with is no certificate.
    #[error("the certificate authority for {service} is not PEM")]
    Authority {
        /// Which service.
        service: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It answered, but not with what was expected.
    #[error("{service}{path} returned no `{wanted}`: {body}")]
    Content {
        /// Which service.
        service: String,
        /// Path and query.
        path: String,
        /// What was expected.
        wanted: String,
        /// The beginning of the answer.
        body: String,
    },
}

impl HttpError {
    /// Whether whoever asked is not let in.
    #[must_use]
    pub const fn refuses_login(&self) -> bool {
        matches!(self, Self::Status { status: 401 | 403, .. })
    }

    /// Whether the service was not there to answer: nothing behind it, a connection that broke, a gateway that says so.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Request { .. } | Self::Status { status: 502..=504, .. })
    }
}

/// What TLS is spoken with.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// The name in the certificate.
    pub name: String,
    /// The certificate authorities, as PEM; those of the system where absent.
    pub ca: Option<Vec<u8>>,
    /// Whether the certificate is looked at.
    pub verify: bool,
}

/// How to get in.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A user's password.
    Password(String, Secret),
    /// A token.
    Token(Secret),
}

/// A request.
#[derive(Debug, Clone)]
pub struct ServiceRequest<'a> {
    /// How.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Body<'a>,
    /// Who asks.
    pub login: Option<&'a Credentials>,
}

/// What a request sends.
#[derive(Debug, Clone)]
pub enum Body<'a> {
    /// Nothing.
    None,
    /// JSON.
    Json(&'a Value),
    /// The fields of a form.
    Form(Vec<(String, String)>),
}

/// An answer.
#[derive(Clone)]
pub struct ServiceResponse {
    /// Its status.
    pub status: u16,
    /// Its body, as text.
    pub body: String,
    /// The host that it sends to, where that is another than the one that was asked.
    pub elsewhere: Option<String>,
}

/// A service in the cluster.
#[derive(Debug, Clone)]
pub struct Service {
    client: Client,
    /// `name:port`, for messages and the Host header.
    name: String,
    /// Scheme and host of its addresses.
    base: String,
}

impl Service {
    /// A service behind a Unix socket.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(name: &str, socket: &Path, tls: Option<&TlsOptions>) -> Result<Self, HttpError> {
        let failed = |source| HttpError::Client { service: name.to_owned(), source };
        let mut builder = Client::builder()
            .no_proxy()
            .timeout(REQUEST_TIMEOUT)
            .redirect(Policy::custom(same_origin))
            .unix_socket(socket);
        let mut base = format!("http://{name}");
        if tls.is_none() {
            // The system's authorities are not looked for: a machine may have none.
            builder = builder.tls_certs_only(std::iter::empty());
        }
        if let Some(tls) = tls {
            let port = name.rsplit_once(':').map_or("443", |(_, port)| port);
            base = format!("https://{}:{port}", tls.name);
            if let Some(pem) = &tls.ca {
                let bad = |source| HttpError::Authority { service: name.to_owned(), source };
                builder = builder.tls_certs_only(Certificate::from_pem_bundle(pem).map_err(bad)?);
            }
            builder = builder.tls_danger_accept_invalid_certs(!tls.verify);
        }
        Ok(Self { client: builder.build().map_err(failed)?, name: name.to_owned(), base })
    }

    /// Its name, `name:port`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a request and gives the answer, whatever its status is. Redirects are followed where they stay: there is no
    /// way to another host from here, and nothing is sent to it, a login least of all.
    ///
    /// # Errors
    /// There is no answer, or it has no end.
    pub async fn send(&self, request: &ServiceRequest<'_>) -> Result<ServiceResponse, HttpError> {
        let path = request.path;
        let failed = |source: reqwest::Error| {
            // The address says nothing that the path does not, and may hold a secret.
            HttpError::Request { service: self.name.clone(), path: path.to_owned(), source: source.without_url() }
        };
        let method = Method::from_bytes(request.method.as_bytes()).unwrap_or(Method::GET);
        let mut builder = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        builder = match &request.body {
            Body::None => builder,
            Body::Json(value) => builder.json(value),
            Body::Form(fields) => builder.form(fields),
        };
        builder = match request.login {
            None => builder,
            Some(Credentials::Password(user, password)) => builder.basic_auth(user, Some(password.expose())),
            Some(Credentials::Token(token)) => builder.bearer_auth(token.expose()),
        };
        let response = builder.send().await.map_err(failed)?;
        let elsewhere = response
            .headers()
            .get(LOCATION)
            .filter(|_| response.status().is_redirection())
            .and_then(|to| response.url().join(to.to_str().ok()?).ok())
            .and_then(|to| to.host_str().map(str::to_owned));
        let status = response.status().as_u16();
        let body = body::read(response, ANSWER).await.map_err(|error| match error {
            BodyError::Broken(source) => failed(source),
            source => HttpError::TooLong { service: self.name.clone(), path: path.to_owned(), source },
        })?;
        Ok(ServiceResponse { status, body: String::from_utf8_lossy(&body).into_owned(), elsewhere })
    }

    /// Sends a request and reads a JSON answer.
    ///
    /// # Errors
    /// The request failed, the status is not a success, or the answer is not JSON.
    pub async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, HttpError> {
        // Livy wants X-Requested-By on everything that changes something when its CSRF protection is on.
        let headers = vec![("X-Requested-By".to_owned(), "windlass".to_owned())];
        let body = body.map_or(Body::None, Body::Json);
        let response = self.send(&ServiceRequest { method: method.as_str(), path, headers, body, login: None }).await?;
        if !(200..300).contains(&response.status) {
            return Err(self.unexpected_status(path, &response, "success", true));
        }
        serde_json::from_str(&response.body).map_err(|_| self.missing_content(path, "JSON", &response, true))
    }

    /// An answer has another status; its body is shown where it is public.
    #[must_use]
    pub fn unexpected_status(&self, path: &str, response: &ServiceResponse, wanted: &str, public: bool) -> HttpError {
        let body = match &response.elsewhere {
            Some(host) => format!("redirects to {host}, which is not followed"),
            None if public => shown(&response.body),
            None => "(response not shown)".to_owned(),
        };
        let (service, path) = (self.name.clone(), path.to_owned());
        HttpError::Status { service, path, status: response.status, wanted: wanted.to_owned(), body }
    }

    /// An answer lacks something.
    #[must_use]
    pub fn missing_content(&self, path: &str, wanted: &str, response: &ServiceResponse, public: bool) -> HttpError {
        let body = if public { shown(&response.body) } else { "(response not shown)".to_owned() };
        HttpError::Content { service: self.name.clone(), path: path.to_owned(), wanted: wanted.to_owned(), body }
    }
}

/// Follows a redirect to the host that was asked, some times.
fn same_origin(attempt: Attempt<'_>) -> Action {
    let same = attempt.previous().last().is_some_and(|before| before.origin() == attempt.url().origin());
    if same && attempt.previous().len() <= REDIRECTS { attempt.follow() } else { attempt.stop() }
}

/// The beginning of an answer, on one line.
#[must_use]
pub fn shown(body: &str) -> String {
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;
    use crate::model::Lookup;

    /// Answers each request by what this says of its first line; gives all requests as they came.
    fn serve(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (tempfile::TempDir, Arc<Mutex<Vec<String>>>) {
        // reqwest wants a TLS provider even where only http is spoken; installing it twice is refused, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let (seen, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let all = seen.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (all, answer) = (all.clone(), answer.clone());
                tokio::spawn(async move {
                    let (mut got, mut buffer) = (Vec::new(), [0; 4096]);
                    loop {
                        let read = stream.read(&mut buffer).await.unwrap_or(0);
                        got.extend_from_slice(&buffer[..read]);
                        let text = String::from_utf8_lossy(&got).into_owned();
                        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                            body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0)
                        });
                        if read == 0 || whole {
                            let first = text.lines().next().unwrap_or_default().to_owned();
                            all.lock().unwrap().push(text);
                            let _ = stream.write_all(answer(&first).as_bytes()).await;
                            return;
                        }
                    }
                });
            }
        });
        (folder, seen)
    }

    fn said(status: &str, headers: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }

    fn service(folder: &tempfile::TempDir) -> Service {
        Service::new("app:80", &folder.path().join("s"), None).unwrap()
    }

    fn get<'a>(path: &'a str, login: Option<&'a Credentials>) -> ServiceRequest<'a> {
        ServiceRequest { method: "GET", path, headers: vec![("X-A".into(), "b".into())], body: Body::None, login }
    }

    #[tokio::test]
    async fn a_redirect_stays_at_home_and_takes_no_login_elsewhere() {
        let (folder, seen) = serve(|first| match first {
            "GET /home HTTP/1.1" => said("302 Found", "location: /there\r\n", ""),
            "GET /away HTTP/1.1" => said("302 Found", "location: http://other.example/x\r\n", ""),
            "GET /port HTTP/1.1" => said("307 Temporary Redirect", "location: http://app:81/x\r\n", ""),
            "GET /round HTTP/1.1" => said("302 Found", "location: /round\r\n", ""),
            _ => said("200 OK", "", "here"),
        });
        let login = Credentials::Password("u".into(), Secret::new("p:@/% $'x".into()));
        let service = service(&folder);
        let home = service.send(&get("/home", Some(&login))).await.unwrap();
        assert_eq!((home.status, home.body.as_str(), home.elsewhere), (200, "here", None));
        for path in ["/away", "/port"] {
            let away = service.send(&get(path, Some(&login))).await.unwrap();
            assert!(matches!(away.status, 302 | 307) && away.elsewhere.is_some(), "{path}");
            let message = service.unexpected_status(path, &away, "2xx", false).to_string();
            assert!(message.contains("which is not followed"), "{message}");
        }
        assert_eq!(service.send(&get("/round", None)).await.unwrap().status, 302, "ends some time");
        let seen = seen.lock().unwrap().clone();
        let basic = "authorization: Basic dTpwOkAvJSAkJ3g=";
        assert!(seen.iter().filter(|request| request.contains(basic)).count() == 4, "{seen:?}");
        assert!(!seen.iter().any(|request| request.contains("host: other") || request.contains("host: app:81")));
        assert!(seen.iter().all(|request| request.contains("x-a: b")));
    }

    #[tokio::test]
    async fn tokens_forms_and_json_are_sent() {
        let (folder, seen) = serve(|_| said("201 Created", "", "{}"));
        let service = service(&folder);
        let token = Credentials::Token(Secret::new("t0ken".into()));
        let body = json!({"a": [1]});
        let request = ServiceRequest { method: "PUT", body: Body::Json(&body), ..get("/j?x=1", Some(&token)) };
        assert_eq!(service.send(&request).await.unwrap().status, 201);
        let form = Body::Form(vec![("a b".into(), "c&d=é".into())]);
        service.send(&ServiceRequest { method: "POST", body: form, ..get("/f", None) }).await.unwrap();
        let seen = seen.lock().unwrap().clone();
        assert!(seen[0].starts_with("PUT /j?x=1 ") && seen[0].contains("authorization: Bearer t0ken"), "{}", seen[0]);
        assert!(seen[0].ends_with("{\"a\":[1]}"));
        assert!(
            seen[1].contains("application/x-www-form-urlencoded") && seen[1].ends_with("a+b=c%26d%3D%C3%A9"),
            "{}",
            seen[1]
        );
    }

    #[tokio::test]
    async fn things_are_looked_up_by_their_path_or_in_a_list() {
        let list = r#"{"data": {"items": [{"name": "a", "id": 1}, {"name": "b", "id": 2}]}}"#;
        let (folder, _) = serve(move |first| match first {
            "GET /list HTTP/1.1" => said("200 OK", "", list),
            "GET /one HTTP/1.1" => said("200 OK", "", r#"{"x": 1}"#),
            "GET /text HTTP/1.1" => said("200 OK", "", "hello s3cret"),
            "GET /no HTTP/1.1" => said("401 Unauthorized", "", "who are you, s3cret?"),
            _ => said("404 Not Found", "", "not here"),
        });
        let service = service(&folder);
        let matching = BTreeMap::from([("/name".to_owned(), "b".to_owned())]);
        let none = BTreeMap::new();
        let in_list = |path, items| Lookup { get: None, list: Some(path), items, matching: &matching };
        let at = |path| Lookup { get: Some(path), list: None, items: "", matching: &none };
        let found = service.look_up(&in_list("/list", "/data/items"), None, false).await.unwrap();
        assert_eq!(found, Some(json!({"name": "b", "id": 2})));
        let other = BTreeMap::from([("/name".to_owned(), "c".to_owned())]);
        let missing = Lookup { matching: &other, ..in_list("/list", "/data/items") };
        assert_eq!(service.look_up(&missing, None, false).await.unwrap(), None);
        assert_eq!(service.look_up(&at("/one"), None, false).await.unwrap(), Some(json!({"x": 1})));
        assert_eq!(service.look_up(&at("/gone"), None, false).await.unwrap(), None);
        for lookup in [in_list("/gone", ""), in_list("/list", "/data"), at("/text"), at("/no")] {
            let message = service.look_up(&lookup, None, false).await.unwrap_err().to_string();
            assert!(!message.contains("s3cret") && message.contains("not shown"), "{message}");
            assert!(!service.look_up(&lookup, None, true).await.unwrap_err().to_string().contains("not shown"));
        }
    }

    /// Answers with TLS, as whoever has this certificate.
    fn serve_tls(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> tempfile::TempDir {
        use std::io::{Read as _, Write as _};
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let listener = std::os::unix::net::UnixListener::bind(folder.path().join("s")).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = rustls::ServerConnection::new(config.clone()).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, stream);
                let mut got = [0; 4096];
                if stream.read(&mut got).is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(said("200 OK", "", "here").as_bytes());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        folder
    }

    #[tokio::test]
    async fn tls_is_spoken_with_whom_the_authority_knows() {
        let made = rcgen::generate_simple_self_signed(vec!["app.ns.svc".to_owned()]).unwrap();
        let folder = serve_tls(&made);
        let ca = Some(made.cert.pem().into_bytes());
        let tls =
            |name: &str, ca: &Option<Vec<u8>>, verify| TlsOptions { name: name.to_owned(), ca: ca.clone(), verify };
        let socket = folder.path().join("s");
        let request = |tls: TlsOptions| {
            let service = Service::new("app:8443", &socket, Some(&tls)).unwrap();
            async move { service.send(&get("/", None)).await.map(|response| response.body) }
        };
        assert_eq!(request(tls("app.ns.svc", &ca, true)).await.unwrap(), "here");
        assert!(request(tls("other.ns.svc", &ca, true)).await.is_err(), "another name");
        assert!(request(tls("app.ns.svc", &None, true)).await.is_err(), "nobody that this system knows");
        assert_eq!(request(tls("other.ns.svc", &None, false)).await.unwrap(), "here", "nobody looks");
        let bad = TlsOptions { ca: Some(b"-----BEGIN CERTIFICATE-----\nx\n".to_vec()), ..tls("a", &None, true) };
        assert!(Service::new("app:8443", &socket, Some(&bad)).is_err());
    }

    #[tokio::test]
    async fn nobody_listens() {
        let folder = tempfile::tempdir().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let login = Credentials::Token(Secret::new("t0ken".into()));
        let error = service(&folder).send(&get("/x?key=s3cret", Some(&login))).await.err().unwrap();
        assert!(error.is_away());
        let chain = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(!chain.contains("s3cret"), "{chain}");
    }
}
