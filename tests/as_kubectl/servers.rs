//! API servers and proxies on loopback, with certificates of their own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

const VERSION: &str = r#"{"major":"1","minor":"34","gitVersion":"v1.34.4","gitCommit":"","gitTreeState":"clean","buildDate":"","goVersion":"","compiler":"gc","platform":"linux/amd64"}"#;

/// What the entries of a corpus may name in braces.
pub(crate) struct Servers {
    values: Vec<(&'static str, String)>,
    files: Vec<(&'static str, String)>,
}

struct Issued {
    certificate: String,
    key: String,
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, Issued) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let issued = Issued { certificate, key: key.serialize_pem() };
    (Issuer::new(params, key), issued)
}

fn issue(issuer: &Issuer<'static, KeyPair>, common: &str, names: &[&str]) -> Issued {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    let key = KeyPair::generate().unwrap();
    Issued { certificate: params.signed_by(&key, issuer).unwrap().pem(), key: key.serialize_pem() }
}

fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

fn tls(issued: &Issued, clients: &str) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(clients.as_bytes()).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder(roots.into()).allow_unauthenticated().build().unwrap();
    let chain = vec![CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();
    Arc::new(config)
}

fn is_pause(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

/// Reads a request's head; `None` at the end of the connection.
fn head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    let end = Instant::now() + Duration::from_secs(20);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) if head.len() < 64 * 1024 => head.push(byte[0]),
            Err(error) if is_pause(&error) && Instant::now() < end => {}
            _ => return None,
        }
    }
    String::from_utf8(head).ok()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn answer(stream: &mut impl Write, status: &str, body: &str) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
    let _ = stream.flush();
}

/// An API that knows a token, a password and a certificate; over plain HTTP it wants to be told none.
fn api(stream: &mut (impl Read + Write), tls: bool, certificate: bool) {
    while let Some(head) = head(stream) {
        let basic = base64::engine::general_purpose::STANDARD.encode("alice:secret");
        let login = header(&head, "authorization");
        let known = login == Some("Bearer good-token") || login == Some(&format!("Basic {basic}"));
        let allowed = if tls { known || (certificate && login.is_none()) } else { login.is_none() };
        let path = head.split(' ').nth(1).and_then(|path| path.split('?').next()).unwrap_or_default();
        let impersonates = header(&head, "impersonate-user").is_none_or(|user| user == "bob");
        // Behind a prefix there is another, which Rancher has.
        match path {
            "/version" | "/k8s/clusters/c-1/version" if allowed && impersonates => answer(stream, "200 OK", VERSION),
            _ if !allowed => answer(
                stream,
                "401 Unauthorized",
                r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#,
            ),
            _ => answer(
                stream,
                "403 Forbidden",
                r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no","reason":"Forbidden","code":403}"#,
            ),
        }
    }
}

fn secure(config: &Arc<ServerConfig>, stream: TcpStream) -> Option<(StreamOwned<ServerConnection, TcpStream>, bool)> {
    let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).ok()?;
    }
    let certificate = stream.conn.peer_certificates().is_some();
    Some((stream, certificate))
}

/// Leads all that comes to one port, whatever it was meant for.
fn pipe(mut client: impl Read + Write, port: u16) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)) else { return };
    // One request and its answer at a time are all that is asked for.
    server.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut buffer = [0; 16 * 1024];
    loop {
        for _ in 0..2 {
            match server.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => {
                    if client.write_all(&buffer[..read]).and_then(|()| client.flush()).is_err() {
                        return;
                    }
                }
                Err(_) => break,
            }
        }
        match client.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => {
                if server.write_all(&buffer[..read]).is_err() {
                    return;
                }
            }
            Err(error) if is_pause(&error) => {}
            Err(_) => return,
        }
    }
}

fn proxy(mut client: impl Read + Write, to: u16, plain: u16, login: Option<&str>) {
    let Some(head) = head(&mut client) else { return };
    if header(&head, "proxy-authorization") != login {
        return answer(&mut client, "407 Proxy Authentication Required", "{}");
    }
    if head.starts_with("CONNECT ") {
        let target = head.split(' ').nth(1).unwrap_or_default();
        let port = if target.ends_with(":80") { plain } else { to };
        let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").and_then(|()| client.flush());
        return pipe(client, port);
    }
    // What is not secured is asked for by its whole URL.
    if head.contains("uthorization:") && login.is_none() {
        return answer(&mut client, "400 Bad Request", "{}");
    }
    answer(&mut client, "200 OK", VERSION);
}

fn socks(mut client: TcpStream, to: u16) -> Option<()> {
    let mut two = [0; 2];
    client.read_exact(&mut two).ok()?;
    let mut methods = vec![0; usize::from(two[1])];
    client.read_exact(&mut methods).ok()?;
    client.write_all(&[5, 0]).ok()?;
    let mut request = [0; 4];
    client.read_exact(&mut request).ok()?;
    let length = match request[3] {
        1 => 4,
        4 => 16,
        _ => {
            let mut one = [0];
            client.read_exact(&mut one).ok()?;
            usize::from(one[0])
        }
    };
    let mut rest = vec![0; length + 2];
    client.read_exact(&mut rest).ok()?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    client.set_read_timeout(Some(Duration::from_millis(20))).ok()?;
    pipe(client, to);
    Some(())
}

impl Servers {
    pub(crate) fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (issuer, ca) = authority("windlass-test");
        let (_, other) = authority("another");
        let server = issue(&issuer, "server", &["127.0.0.1", "localhost", "api.windlass.test", "192.0.2.1"]);
        let renamed = issue(&issuer, "server", &["kubernetes"]);
        let alice = issue(&issuer, "alice", &[]);
        let bob = issue(&issuer, "bob", &[]);
        let serve = |config: Arc<ServerConfig>| {
            listen(move |stream| {
                if let Some((mut stream, certificate)) = secure(&config, stream) {
                    api(&mut stream, true, certificate);
                }
            })
        };
        let config = tls(&server, &ca.certificate);
        let port = serve(config.clone());
        let port_renamed = serve(tls(&renamed, &ca.certificate));
        // A certificate that is its own authority, as `openssl req -x509` makes it.
        let own = {
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            Issued { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
        };
        let port_own = serve(tls(&own, &ca.certificate));
        let plain = listen(|mut stream| api(&mut stream, false, false));
        let soon = Some(Duration::from_millis(20));
        let proxy_open = listen(move |stream| {
            stream.set_read_timeout(soon).unwrap();
            proxy(stream, port, plain, None);
        });
        let proxy_login = listen(move |stream| {
            stream.set_read_timeout(soon).unwrap();
            let basic = base64::engine::general_purpose::STANDARD.encode("u:p@ss");
            proxy(stream, port, plain, Some(&format!("Basic {basic}")));
        });
        let proxy_tls = listen(move |stream| {
            if let Some((stream, _)) = secure(&config, stream) {
                stream.sock.set_read_timeout(soon).unwrap();
                proxy(stream, port, plain, None);
            }
        });
        let socks = listen(move |stream| {
            let _ = socks(stream, port);
        });
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let coded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let json = |text: &str| serde_json::to_string(text).unwrap();
        let values = vec![
            ("{server}", format!("https://127.0.0.1:{port}")),
            ("{port}", port.to_string()),
            ("{renamed}", format!("https://127.0.0.1:{port_renamed}")),
            ("{own}", format!("https://127.0.0.1:{port_own}")),
            ("{own-ca}", coded(&own.certificate)),
            ("{http}", format!("http://127.0.0.1:{plain}")),
            ("{http-port}", plain.to_string()),
            ("{proxy}", format!("127.0.0.1:{proxy_open}")),
            ("{proxy-login}", format!("127.0.0.1:{proxy_login}")),
            ("{proxy-tls}", format!("127.0.0.1:{proxy_tls}")),
            ("{socks}", format!("127.0.0.1:{socks}")),
            ("{closed}", format!("127.0.0.1:{closed}")),
            ("{ca}", coded(&ca.certificate)),
            ("{other-ca}", coded(&other.certificate)),
            ("{alice}", coded(&alice.certificate)),
            ("{alice-key}", coded(&alice.key)),
            ("{bob-key}", coded(&bob.key)),
            ("{alice-json}", json(&alice.certificate)),
            ("{alice-key-json}", json(&alice.key)),
        ];
        let files = vec![
            ("ca.crt", ca.certificate.clone()),
            ("bundle.crt", format!("# ours\n{}\nsome words\n{}", other.certificate, ca.certificate)),
            ("alice.crt", alice.certificate),
            ("alice.key", alice.key),
            ("token", "good-token\n".to_owned()),
            ("token-bad", "bad-token\n".to_owned()),
            ("token-empty", "\n".to_owned()),
        ];
        Self { values, files }
    }

    /// A text with all that is in braces filled in.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// Writes the files that kubeconfigs name beside them.
    pub(crate) fn write(&self, folder: &Path) {
        for (name, text) in &self.files {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
}
