//! What is read from registries, and by which way they are reached.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use windlass::driver::image_source::{ImageSource as _, Reference};
use windlass::driver::registry::{
    Credentials, Login, Proxies, Registries, RegistryError, RegistrySource, Settings, Trust,
};
use windlass::model::Secret;
use windlass::model::oci::{Descriptor, Digest};

use super::store::{BASIC, Store, limits, push, registry, request, settings, with_login};
use crate::registry_server::tls::Site;
use crate::registry_server::{CountingProxy, FakeRegistry, noise};

fn descriptor(bytes: &[u8]) -> Descriptor {
    let json = serde_json::json!({"mediaType": "layer", "digest": Digest::of(bytes).to_string(), "size": bytes.len()});
    serde_json::from_value(json).unwrap()
}

/// A registry that has an image with one layer.
async fn filled(size: usize) -> (FakeRegistry, Vec<u8>, Digest) {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let image = store.image("a", &[(1, size)]);
    push(&fake, &store, vec![request("p/a", "1", image)]).await.unwrap();
    fake.with(|state| state.seen.clear());
    (fake, noise(1, size), image)
}

#[tokio::test]
async fn a_blob_that_breaks_off_is_read_on_from_there() {
    for no_ranges in [false, true] {
        let (fake, bytes, _) = filled(500_000).await;
        fake.with(|state| {
            state.faults.cut_downloads = vec![100_000, 200_000, 0];
            state.faults.no_ranges = no_ranges;
        });
        let registry = registry(&fake, settings()).await;
        let mut read = Vec::new();
        registry.blob("p/a", &descriptor(&bytes), 0).await.unwrap().read_to_end(&mut read).await.unwrap();
        assert!(read == bytes, "{no_ranges}");
        let mut rest = Vec::new();
        registry.blob("p/a", &descriptor(&bytes), 499_000).await.unwrap().read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, bytes[499_000..]);
        fake.with(|state| assert_eq!(state.count("GET", "/blobs/"), 5));
    }
    // One that always breaks off at once ends with an error, and one that is longer than it should be, too.
    let (fake, bytes, _) = filled(1000).await;
    fake.with(|state| state.faults.cut_downloads = vec![0; 100]);
    let registry = registry(&fake, settings()).await;
    let mut read = Vec::new();
    match registry.blob("p/a", &descriptor(&bytes), 0).await {
        Ok(mut reader) => {
            let text = reader.read_to_end(&mut read).await.unwrap_err().to_string();
            assert!(text.starts_with(&format!("registry {}: sha256:", fake.host)), "{text}");
            assert!(text.contains("of p/a stopped at 0 of 1000 bytes, 5 times in a row; the last time: "), "{text}");
            assert!(text.contains("error decoding response body"), "the cause: {text}");
        }
        Err(error) => panic!("it begins, and breaks off: {error}"),
    }
    fake.with(|state| assert!(state.count("GET", "/blobs/") <= 25, "{}", state.count("GET", "/blobs/")));
    fake.with(|state| state.faults.cut_downloads.clear());
    let short = Descriptor { size: 10, ..descriptor(&bytes) };
    let result = registry.blob("p/a", &short, 0).await.unwrap().read_to_end(&mut read).await;
    assert!(result.unwrap_err().to_string().contains("longer than the expected 10 bytes"));
}

#[tokio::test]
async fn a_redirect_is_followed_without_the_login() {
    let (fake, bytes, _) = filled(10_000).await;
    let other = fake.also().await;
    fake.want_tokens(Duration::from_secs(60), Some(BASIC));
    // The other host asks for nothing: what it is asked shows what it was sent.
    fake.with(|state| state.faults.blobs_at = Some(other.host.clone()));
    let registry = registry(&fake, with_login(&fake)).await;
    let mut read = Vec::new();
    let result = registry.blob("p/a", &descriptor(&bytes), 0).await;
    if let Ok(mut reader) = result {
        let _ = reader.read_to_end(&mut read).await;
    }
    fake.with(|state| {
        let there: Vec<_> = state.seen.iter().filter(|seen| seen.host == other.host).collect();
        assert!(!there.is_empty() && there.iter().all(|seen| seen.authorization.is_none()), "{there:?}");
        assert!(state.seen.iter().any(|seen| seen.host == fake.host && seen.authorization.is_some()));
        state.tokens = None;
    });
    registry.blob("p/a", &descriptor(&bytes), 0).await.unwrap().read_to_end(&mut read).await.unwrap();
    assert_eq!(read, bytes);
}

#[tokio::test]
async fn registries_are_a_source_of_images_by_their_names() {
    let (fake, bytes, image) = filled(1000).await;
    let source = RegistrySource::new(Registries::new(settings()).unwrap());
    let repository = format!("{}/p/a", fake.host);
    let by_tag = source.manifest(&repository, &Reference::Tag("1".to_owned())).await.unwrap().unwrap();
    assert_eq!(by_tag.digest, image);
    assert!(source.manifest(&repository, &Reference::Tag("2".to_owned())).await.unwrap().is_none());
    assert!(source.manifest(&format!("{}/none", fake.host), &Reference::Digest(image)).await.unwrap().is_none());
    let mut read = Vec::new();
    source.blob(&repository, &descriptor(&bytes), 0).await.unwrap().read_to_end(&mut read).await.unwrap();
    assert_eq!(read, bytes);
    assert_eq!(source.referrers(&repository, image).await.unwrap(), []);
    // A mirror has everybody's.
    let source = RegistrySource::new(Registries::new(settings()).unwrap()).mirrored(&format!("{}/p", fake.host));
    assert!(source.manifest("docker.io/a", &Reference::Digest(image)).await.is_ok_and(|found| found.is_none()));
    assert!(source.manifest("quay.io/a", &Reference::Digest(image)).await.unwrap().is_some());
    // What has another digest than it was asked by is no answer.
    fake.with(|state| state.repository("p/a").manifests.get_mut(&image).unwrap().1.push(b'\n'));
    let error = source.manifest("quay.io/a", &Reference::Digest(image)).await.unwrap_err();
    assert!(error.to_string().starts_with("failed to get quay.io/a@sha256:"), "{error}");
}

#[tokio::test]
async fn all_pages_of_tags_are_read() {
    let (fake, _, image) = filled(10).await;
    fake.with(|state| {
        for tag in ["e", "b", "d", "c"] {
            state.repository("p/a").tags.insert(tag.to_owned(), image);
        }
    });
    let registry = registry(&fake, settings()).await;
    assert_eq!(registry.tags("p/a").await.unwrap(), ["1", "b", "c", "d", "e"]);
    assert_eq!(registry.tags("none").await.unwrap(), Vec::<String>::new());
    fake.with(|state| assert_eq!(state.count("GET", "/tags/list"), 4));
}

#[tokio::test]
async fn a_site_with_its_own_authority_is_trusted_by_a_file() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (site, other) = (Site::new("Site"), Site::new("Other"));
    let fake = FakeRegistry::start_tls(site.server(&["127.0.0.1"], false)).await;
    // The realm is another host of the same site.
    let realm = fake.also_tls(site.server(&["localhost"], false)).await;
    let port = realm.host.rsplit_once(':').unwrap().1;
    fake.want_tokens_of(format!("https://localhost:{port}/token"), Duration::from_secs(60), Some(BASIC));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    // Several in one file.
    std::fs::write(&file, format!("{}\n# ours\n{}", other.root_pem(), site.root_pem())).unwrap();
    let with = |ca: bool, token_host: Option<&str>| {
        let login = Login { user: "u".to_owned(), password: Secret::new("p".to_owned()) };
        let trust = Trust { plain_http: false, token_host: token_host.map(str::to_owned) };
        Settings {
            credentials: Credentials::none().with(&fake.host, login),
            trust: vec![(fake.host.clone(), trust)],
            ca_files: if ca { vec![file.clone()] } else { Vec::new() },
            ..settings()
        }
    };
    let ask = |settings: Settings| async {
        let registry = registry(&fake, settings).await;
        registry.manifest("p/a", &Reference::Tag("1".to_owned())).await
    };
    assert!(ask(with(true, Some("localhost"))).await.unwrap().is_none());
    let error = ask(with(true, None)).await.unwrap_err();
    assert!(matches!(&error, RegistryError::ForeignRealm { realm, .. } if realm.contains("localhost")), "{error}");
    let error = ask(with(false, None)).await.unwrap_err();
    assert!(error.to_string().contains("issued by `Site root`") && error.to_string().contains("--ca"), "{error}");
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let site = Site::new("Site");
    let fake = FakeRegistry::start_tls(site.server(&["127.0.0.1"], true)).await;
    let folder = tempfile::tempdir().unwrap();
    let [ca, certificate, key] = ["ca.pem", "client.pem", "client.key"].map(|name| folder.path().join(name));
    let (chain, private) = site.client();
    std::fs::write(&ca, site.root_pem()).unwrap();
    std::fs::write(&certificate, chain).unwrap();
    std::fs::write(&key, private).unwrap();
    let with = |client| Settings { ca_files: vec![ca.clone()], client_certificate: client, ..settings() };
    let shown = registry(&fake, with(Some((certificate, key)))).await;
    assert!(!shown.has(&format!("{}/a:1", fake.host)).await.unwrap());
    let none = registry(&fake, with(None)).await;
    assert!(none.has(&format!("{}/a:1", fake.host)).await.is_err());
}

#[tokio::test]
async fn a_proxy_is_used_but_for_what_bypasses_it() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let site = Site::new("Site");
    let fake = FakeRegistry::start_tls(site.server(&["127.0.0.1", "registry.test"], false)).await;
    let proxy = CountingProxy::start().await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, site.root_pem()).unwrap();
    let port = fake.host.rsplit_once(':').unwrap().1;
    let with = |no: &str| {
        let proxies = Proxies::from_vars(|name| match name {
            "HTTPS_PROXY" => Some(format!("http://user:hidden@{}", proxy.address)),
            "NO_PROXY" => Some(no.to_owned()),
            _ => None,
        });
        Registries::new(Settings { ca_files: vec![ca.clone()], proxies: proxies.unwrap(), ..settings() }).unwrap()
    };
    let named = format!("registry.test:{port}");
    let registries = with("127.0.0.0/8,10.97.0.0/16");
    let asked = |registries: Registries, host: String| async move {
        registries.registry(&host).await.unwrap().has(&format!("{host}/a:1")).await
    };
    assert!(!asked(registries.clone(), named.clone()).await.unwrap());
    assert_eq!(proxy.count(), 1, "through it");
    let head = proxy.heads.lock().unwrap()[0].clone();
    assert!(
        head.starts_with(&format!("CONNECT {named} ")) && head.to_lowercase().contains("proxy-authorization"),
        "{head}"
    );
    assert!(!asked(registries.clone(), fake.host.clone()).await.unwrap());
    assert_eq!(proxy.count(), 1, "an address of the network goes past it");
    assert_eq!(registries.way_to(&named).to_string(), format!("through http://{}", proxy.address));
    assert_eq!(registries.way_to(&fake.host).to_string(), "direct");
    let registries = with(&format!("127.0.0.1:{port}"));
    assert!(!asked(registries, fake.host.clone()).await.unwrap());
    assert_eq!(proxy.count(), 1, "and a port");
}

#[tokio::test]
async fn a_login_never_goes_over_plain_http_unless_that_is_named() {
    let (fake, _, _) = filled(10).await;
    fake.with(|state| state.basic = Some(BASIC.to_owned()));
    let image = format!("{}/p/a:1", fake.host);
    let hidden = Settings { trust: Vec::new(), ..with_login(&fake) };
    let error = registry(&fake, hidden).await.has(&image).await.unwrap_err();
    assert!(matches!(error, RegistryError::Plain { .. }), "{error}");
    fake.with(|state| assert!(state.seen.iter().all(|seen| seen.authorization.is_none())));
    assert!(registry(&fake, with_login(&fake)).await.has(&image).await.unwrap(), "an answer says so");
    let error = registry(&fake, settings()).await.has(&image).await.unwrap_err();
    assert!(matches!(error, RegistryError::Refused { .. }), "{error}");
    fake.with(|state| state.basic = None);
    assert!(registry(&fake, settings()).await.has(&image).await.unwrap(), "whoever has no login tells none");
}

/// Of whatever is beyond this machine, an address of the site as well, plain HTTP has to be named.
#[tokio::test]
async fn plain_http_beyond_this_machine_has_to_be_named() {
    let fake = FakeRegistry::start().await;
    let proxy = CountingProxy::start().await;
    let port = fake.host.rsplit_once(':').unwrap().1;
    let with = |plain_http: bool, host: &str| {
        let proxies = Proxies::from_vars(|name| match name {
            "HTTPS_PROXY" | "HTTP_PROXY" => Some(format!("http://{}", proxy.address)),
            _ => None,
        });
        let trust = vec![(host.to_owned(), Trust { plain_http, token_host: None })];
        Registries::new(Settings { trust, proxies: proxies.unwrap(), ..settings() }).unwrap()
    };
    for host in [format!("10.97.0.2:{port}"), format!("registry.test:{port}")] {
        let asked = |plain_http: bool| {
            let (registries, host) = (with(plain_http, &host), host.clone());
            async move { registries.registry(&host).await.unwrap().has(&format!("{host}/a:1")).await }
        };
        let before = proxy.count();
        let error = asked(false).await.unwrap_err();
        assert!(matches!(error, RegistryError::NoTls { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("--plain-http {host}")), "{error}");
        assert_eq!(proxy.count(), before + 1, "nothing is asked in plain text");
        // The proxy of this test passes nothing on in plain text, and says so.
        let error = asked(true).await.unwrap_err();
        assert!(matches!(error, RegistryError::Refused { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn nobody_answers_quickly_where_nobody_is() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let begun = std::time::Instant::now();
    let registry = Registries::new(settings()).unwrap().registry(&host).await.unwrap();
    let error = registry.has(&format!("{host}/a:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn helper_programs_give_logins() {
    use std::os::unix::fs::PermissionsExt as _;
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("docker-credential-windlass-test");
    let script = "#!/bin/sh\nread host\ncase \"$1 $host\" in\n'get known.site:5000') echo '{\"ServerURL\":\"x\",\"Username\":\"u\",\"Secret\":\"p\"}';;\n'get token.site') echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}';;\nlist*) echo '{\"https://known.site:5000\":\"u\",\"broken.site\":\"u\"}';;\n*) echo 'credentials not found in native keychain'; exit 1;;\nesac\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    // The helper is found where the user's own are; the test's folder comes first in a shell's PATH only for this child.
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    if std::env::var_os("WINDLASS_TEST_HELPERS").is_none() {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "registry::read::helper_programs_give_logins"])
            .env("PATH", path)
            .env("WINDLASS_TEST_HELPERS", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let of = |config: &str| Credentials::none().with_config(Secret::new(config.to_owned()));
    let store = of(r#"{"credsStore": "windlass-test"}"#);
    let found = store.login("known.site:5000", "").await.unwrap().unwrap();
    assert_eq!((found.user.as_str(), found.password.expose()), ("u", "p"));
    assert!(store.login("token.site", "").await.unwrap().unwrap().is_identity_token());
    assert!(store.login("unknown.site", "").await.unwrap().is_none(), "none is no failure");
    assert!(store.login("broken.site", "").await.is_err(), "one that it lists and does not give is");
    let helpers = of(r#"{"credHelpers": {"known.site:5000": "windlass-test", "unknown.site": "windlass-test"}}"#);
    assert!(helpers.login("known.site:5000", "").await.unwrap().is_some());
    assert!(helpers.login("unknown.site", "").await.is_err(), "one that is named for a registry has to know it");
    let _ = limits();
}
