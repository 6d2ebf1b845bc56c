//! What a registry is reached with: trust, logins, certificates, proxies, limits.

use std::path::PathBuf;
use std::time::Duration;

use super::credentials::Credentials;
use super::proxy::Proxies;
use super::waits::WaitListener;

/// Who answers for a registry's name.
pub(super) fn api_host(host: &str) -> &str {
    if host == "docker.io" { "registry-1.docker.io" } else { host }
}

/// A host without its port.
pub(super) fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or(address),
        None => host.split(':').next().unwrap_or(host),
    }
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
    pub(super) fn takes(&self, host: &str, realm: &reqwest::Url) -> bool {
        let own = reqwest::Url::parse(&format!("https://{host}"));
        // Docker's is known to everybody, and its logins are of no use anywhere else.
        let hub = host == "docker.io" && realm.host_str() == Some("auth.docker.io");
        let known = hub
            || own.is_ok_and(|own| own.host() == realm.host())
            || self
                .token_host
                .as_deref()
                .is_some_and(|known| realm.host_str().is_some_and(|host| host.eq_ignore_ascii_case(known)));
        known && (realm.scheme() == "https" || (self.plain_http && realm.scheme() == "http"))
    }
}

/// How registries are reached. The default is a public registry on the system's terms, without a login or a proxy.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Logins.
    pub credentials: Credentials,
    /// What holds for one registry by its name (`harbor.site:5000`); for any other the default does.
    pub trust: Vec<(String, Trust)>,
    /// Files with certificates of authorities that are trusted beside the system's; each may hold several.
    pub ca_files: Vec<PathBuf>,
    /// PEM files with our certificate (and its chain) and its key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// Proxies; [`Proxies::from_env`] for those of the environment.
    pub proxies: Proxies,
    /// Who hears of long waits.
    pub waits: WaitListener,
    /// How long, how often, how many at a time.
    pub limits: Limits,
}

impl Settings {
    /// What holds for a registry.
    pub(super) fn trust_of(&self, host: &str) -> Trust {
        self.trust.iter().find(|(name, _)| name == host).map(|(_, trust)| trust.clone()).unwrap_or_default()
    }
}

/// How long, how often, how many at a time. There is no limit to how long an upload takes: only to how long nothing moves.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a connection may take.
    pub connect: Duration,
    /// How long an answer may take that needs no work.
    pub answer: Duration,
    /// How long no byte may move of a blob on its way.
    pub stall: Duration,
    /// How long a registry may work on a blob after its last byte: some copy it once more.
    pub commit: Duration,
    /// How long a blob is looked for when the answer to its last byte was lost, before any byte is sent again.
    pub commit_poll: Duration,
    /// How long a mount may take: on some stores it is slower than an upload.
    pub mount: Duration,
    /// How often something is tried that gets nowhere.
    pub tries: u32,
    /// How long is waited before the second try; twice as long before each further one.
    pub backoff: Duration,
    /// The most that is waited.
    pub backoff_most: Duration,
    /// The most that is waited because the registry says so.
    pub retry_after_most: Duration,
    /// A wait that is longer is reported.
    pub silent_wait: Duration,
    /// Blobs on their way at a time: beyond three to six nothing is gained.
    pub uploads: usize,
    /// Small questions at a time.
    pub questions: usize,
    /// The least size of a chunk where nothing says that it must be smaller, in bytes.
    pub chunk: u64,
    /// The least size of a chunk at all, in bytes: what nginx takes if nobody says anything.
    pub chunk_least: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            stall: Duration::from_secs(60),
            commit: Duration::from_secs(900),
            commit_poll: Duration::from_secs(120),
            mount: Duration::from_secs(60),
            tries: 8,
            backoff: Duration::from_millis(500),
            backoff_most: Duration::from_secs(30),
            retry_after_most: Duration::from_secs(300),
            silent_wait: Duration::from_secs(5),
            uploads: 5,
            questions: 24,
            chunk: 16 << 20,
            chunk_least: 1 << 20,
        }
    }
}

impl Limits {
    /// For somebody who waits for one short answer.
    #[must_use]
    pub fn brief() -> Self {
        Self { answer: Duration::from_secs(10), tries: 2, retry_after_most: Duration::from_secs(2), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_goes_to_the_registry_itself_and_to_nobody_else() {
        let takes = |trust: &Trust, realm: &str| trust.takes("r.site:5000", &reqwest::Url::parse(realm).unwrap());
        let is = |realm: &str| takes(&Trust::default(), realm);
        assert!(is("https://r.site:5000/token") && is("https://r.site/token") && is("https://R.site:5001/t"));
        for other in [
            "http://r.site:5000/token",
            "https://auth.r.site/token",
            "https://auth.docker.io/token",
            "https://r.site.evil/token",
            "https://r.site@evil/token",
            "https://evil/r.site",
        ] {
            assert!(!is(other), "{other}");
        }
        let trust = Trust { plain_http: false, token_host: Some("auth.r.site".to_owned()) };
        assert!(takes(&trust, "https://auth.r.site/token") && takes(&trust, "https://r.site/token"));
        assert!(!takes(&trust, "http://auth.r.site/token") && !takes(&trust, "https://auth.r.site.evil/token"));
        let trust = Trust { plain_http: true, token_host: None };
        assert!(takes(&trust, "http://r.site:5000/token") && !takes(&trust, "http://auth.r.site/token"));
    }
}
