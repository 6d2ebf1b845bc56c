//! Certificates that are accepted, and what is said of those that are not.

use std::path::{Path, PathBuf};

use windlass::driver::registry::{RegistryError, Settings};

use super::store::{registry, settings};
use crate::registry_server::FakeRegistry;
use crate::registry_server::tls::{Site, self_signed};

/// What the registry says whether it has an image, to who trusts these files.
async fn asked(fake: &FakeRegistry, ca_files: Vec<PathBuf>) -> Result<bool, RegistryError> {
    let registry = registry(fake, Settings { ca_files, ..settings() }).await;
    registry.has(&format!("{}/a:1", fake.host)).await
}

fn written(folder: &Path, name: &str, pem: &str) -> Vec<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, pem).unwrap();
    vec![path]
}

const NOW: [i32; 2] = [2020, 2090];
const GONE: [i32; 2] = [2020, 2021];
const TO_COME: [i32; 2] = [2090, 2091];

#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_accepted_by_its_file() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let (config, pem) = self_signed(&["127.0.0.1"], NOW);
    let fake = FakeRegistry::start_tls(config).await;
    let own = written(folder.path(), "own.pem", &pem);
    assert!(!asked(&fake, own.clone()).await.unwrap());
    // Another one with the same names is not that one.
    let other = written(folder.path(), "other.pem", &self_signed(&["127.0.0.1"], NOW).1);
    for files in [Vec::new(), other] {
        let error = asked(&fake, files).await.unwrap_err();
        assert!(matches!(&error, RegistryError::Untrusted { issuer, .. } if issuer == "`by itself`"), "{error:?}");
        assert!(error.to_string().contains("--ca FILE"), "{error}");
    }
    // What is its own authority has to have the name, and to be valid.
    let (config, pem) = self_signed(&["r.site"], NOW);
    let error = asked(&FakeRegistry::start_tls(config).await, written(folder.path(), "name.pem", &pem)).await;
    assert!(matches!(error, Err(RegistryError::OtherName { .. })), "{error:?}");
    let (config, pem) = self_signed(&["127.0.0.1"], GONE);
    let error = asked(&FakeRegistry::start_tls(config).await, written(folder.path(), "gone.pem", &pem)).await;
    assert!(matches!(error, Err(RegistryError::Expired { .. })), "{error:?}");
    let (config, pem) = self_signed(&["127.0.0.1"], TO_COME);
    let error = asked(&FakeRegistry::start_tls(config).await, written(folder.path(), "soon.pem", &pem)).await;
    assert!(matches!(error, Err(RegistryError::NotYetValid { .. })), "{error:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new("Site");
    let ca = written(folder.path(), "ca.pem", &site.root_pem());
    let say = async |config| {
        let fake = FakeRegistry::start_tls(config).await;
        let text = asked(&fake, ca.clone()).await.unwrap_err().to_string();
        text.replace(&fake.host, "HOST")
    };
    let text = say(site.server(&["r.site", "*.r.site", "10.0.0.1"], false)).await;
    assert!(
        text.starts_with(
            "the certificate of registry HOST is for r.site, *.r.site, 10.0.0.1, and not for 127.0.0.1; use a name"
        ),
        "{text}"
    );
    let text = say(site.server(&[], false)).await;
    assert!(text.contains("is for no name at all (a common name does not count), and not for 127.0.0.1"), "{text}");
    let text = say(site.server_in(&["127.0.0.1"], GONE)).await;
    let clock = format!("the clock of this machine says {}", jiff::Timestamp::now().strftime("%Y-"));
    assert!(text.contains("registry HOST expired at 2021-01-01T00:00:00Z") && text.contains(&clock), "{text}");
    let text = say(site.server_in(&["127.0.0.1"], TO_COME)).await;
    assert!(text.contains("is valid from 2090-01-01T00:00:00Z on") && text.contains(&clock), "{text}");
}

/// The realm of a registry has a certificate of its own, and is named by its name.
#[tokio::test]
async fn a_realm_with_a_certificate_that_is_not_accepted_is_named() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let (site, other) = (Site::new("Site"), Site::new("Other"));
    let ca = written(folder.path(), "ca.pem", &site.root_pem());
    let fake = FakeRegistry::start_tls(site.server(&["127.0.0.1"], false)).await;
    let realm = fake.also_tls(other.server(&["localhost"], false)).await;
    let port = realm.host.rsplit_once(':').unwrap().1;
    let life = std::time::Duration::from_secs(60);
    fake.want_tokens_of(format!("https://localhost:{port}/token"), life, None);
    let error = asked(&fake, ca).await.unwrap_err();
    let text = "the certificate of registry localhost was issued by `Other root`";
    assert!(error.to_string().starts_with(text), "{error}");
}

/// As in a container without the package of authorities.
#[tokio::test]
async fn a_machine_without_authorities_hears_about_ca() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    if std::env::var_os("WINDLASS_TEST_NO_AUTHORITIES").is_none() {
        // The environment is this process's: another one without authorities.
        let nothing = written(folder.path(), "none.pem", "");
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "registry::certificates::a_machine_without_authorities_hears_about_ca"])
            .env("SSL_CERT_FILE", &nothing[0])
            .env_remove("SSL_CERT_DIR")
            .env("WINDLASS_TEST_NO_AUTHORITIES", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let site = Site::new("Site");
    let fake = FakeRegistry::start_tls(site.server(&["127.0.0.1"], false)).await;
    let error = asked(&fake, Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("issued by `Site root`") && error.to_string().contains("--ca"), "{error:?}");
    let ca = written(folder.path(), "ca.pem", &site.root_pem());
    assert!(!asked(&fake, ca).await.unwrap());
}
