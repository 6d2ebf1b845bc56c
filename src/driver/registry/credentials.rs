//! Logins: given, or from the files of docker and podman, with their helper programs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use tokio_util::sync::CancellationToken;

use crate::driver::process::{self, Environment, ProcessError, Spec};
use crate::model::{Secret, bounded};

/// How long a helper may take: some ask a cloud.
const HELPER: Duration = Duration::from_secs(30);

/// The most that a helper says.
const HELPER_OUTPUT: usize = 256 << 10;

/// Docker's own registry in its config.json.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// Name and password for a registry.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user; empty where the password is an identity token.
    pub user: String,
    /// The password, or an identity token, as `docker login` keeps it for some registries.
    pub password: Secret,
}

impl Login {
    /// Whether the password is a token that is exchanged for others.
    #[must_use]
    pub fn is_identity_token(&self) -> bool {
        self.user.is_empty()
    }
}

/// Logins by registry.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    given: Vec<(String, Login)>,
    /// Files with logins; the first that has one counts.
    configs: Vec<Config>,
    /// What counts where nobody else has one.
    last: Option<Secret>,
}

/// A Docker config.json, or an auth.json of podman, which is written alike.
#[derive(Debug, Clone)]
struct Config {
    /// For errors.
    name: String,
    text: Secret,
}

/// Why there is no login where there should be one.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The config.json cannot be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no JSON.
    #[error("{0} is not JSON, as a file with registry logins has to be")]
    Json(String),
    /// The name of the helper is invalid.
    #[error("`{0}` is not a credential helper name")]
    Name(String),
    /// The helper failed.
    #[error("docker-credential-{helper} returned no login")]
    Helper {
        /// Which.
        helper: String,
        /// Why.
        source: ProcessError,
    },
    /// The helper returned an invalid answer.
    #[error("docker-credential-{0} returned an invalid login")]
    Answer(String),
}

impl Credentials {
    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds one for a registry; it comes before those of files.
    #[must_use]
    pub fn with(mut self, host: &str, login: Login) -> Self {
        self.given.push((host.to_owned(), login));
        self
    }

    /// Adds those of a Docker config.json, which may name helper programs, after those that are known already.
    #[must_use]
    pub fn with_config(self, text: Secret) -> Self {
        self.with_named("config.json".to_owned(), text)
    }

    fn with_named(mut self, name: String, text: Secret) -> Self {
        self.configs.push(Config { name, text });
        self
    }

    /// Adds those of another config.json, for registries that nobody else has a login for.
    #[must_use]
    pub fn with_last(mut self, config: Option<Secret>) -> Self {
        self.last = config;
        self
    }

    /// Adds those of a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn with_config_file(self, path: &Path) -> Result<Self, CredentialsError> {
        let read = |source| CredentialsError::Read { path: path.to_owned(), source };
        let text = bounded::text(path, bounded::SECRET).map_err(read)?;
        Ok(self.with_named(path.display().to_string(), Secret::new(text)))
    }

    /// Adds those of the user's own files, as far as there are any: that of `$REGISTRY_AUTH_FILE`, docker's, podman's.
    ///
    /// # Errors
    /// One is there and cannot be read, or `$REGISTRY_AUTH_FILE` names none.
    pub fn with_user_config(self) -> Result<Self, CredentialsError> {
        self.with_files_of(|name| std::env::var_os(name))
    }

    /// The same, with these variables.
    ///
    /// # Errors
    /// As [`Self::with_user_config`].
    pub fn with_files_of(self, var: impl Fn(&str) -> Option<OsString>) -> Result<Self, CredentialsError> {
        let var = |name: &str| var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let of_home = |path: &str| var("HOME").map(|home| home.join(path));
        let named = var("REGISTRY_AUTH_FILE");
        let docker = var("DOCKER_CONFIG").or_else(|| of_home(".docker")).map(|folder| folder.join("config.json"));
        let own = PathBuf::from(format!("/run/containers/{}", rustix::process::getuid().as_raw()));
        let running = var("XDG_RUNTIME_DIR").map_or(own, |folder| folder.join("containers"));
        let kept = var("XDG_CONFIG_HOME").or_else(|| of_home(".config")).map(|folder| folder.join("containers"));
        let podman = [Some(running), kept].map(|folder| folder.map(|folder| folder.join("auth.json")));
        let found = [docker].into_iter().chain(podman).flatten().filter(|path| path.exists());
        // One that is named has to be there.
        named.into_iter().chain(found).try_fold(self, |all, path| all.with_config_file(&path))
    }

    /// The login for what has this path in a registry, or for the registry as a whole where there is no path.
    ///
    /// # Errors
    /// A helper is named and gives none.
    pub async fn login(&self, host: &str, path: &str) -> Result<Option<Login>, CredentialsError> {
        if let Some((_, login)) = self.given.iter().find(|(name, _)| name == host) {
            return Ok(Some(login.clone()));
        }
        for config in &self.configs {
            if let Some(login) = config.login(host, path).await? {
                return Ok(Some(login));
            }
        }
        Ok(self.last.as_ref().and_then(|last| login(last, &joined(host, path))))
    }

    /// How much of a path decides which login it has: paths that have this in common have the same.
    pub(super) fn deciding<'a>(&self, host: &str, path: &'a str) -> &'a str {
        let repository = joined(host, path);
        let texts = self.configs.iter().map(|config| &config.text).chain(&self.last);
        let keys = texts.filter_map(|text| {
            let json: serde_json::Value = serde_json::from_str(text.expose()).ok()?;
            json["auths"].as_object()?.keys().filter_map(|key| covers(key, &repository)).max()
        });
        let longest = keys.max().unwrap_or_default();
        path.get(..longest.saturating_sub(host.len() + 1)).unwrap_or_default()
    }
}

impl Config {
    async fn login(&self, host: &str, path: &str) -> Result<Option<Login>, CredentialsError> {
        // Some tools make an empty file.
        if self.text.expose().trim().is_empty() {
            return Ok(None);
        }
        let json: serde_json::Value =
            serde_json::from_str(self.text.expose()).map_err(|_| CredentialsError::Json(self.name.clone()))?;
        let key = if host == "docker.io" { HUB_KEY } else { host };
        let helpers = json["credHelpers"].as_object();
        let own = helpers.and_then(|helpers| helpers.iter().find(|(name, _)| bare(name) == bare(key)));
        if let Some((name, helper)) = own {
            let helper = helper.as_str().unwrap_or_default();
            return ask(helper, name).await.map(Some);
        }
        if let Some(login) = entry(&json, &joined(host, path)) {
            return Ok(Some(login));
        }
        match json["credsStore"].as_str() {
            Some(helper) if !helper.is_empty() => match ask(helper, key).await {
                Ok(login) => Ok(Some(login)),
                // It says that it has none on stdout, in words of its own; its list tells it apart from a failure.
                Err(error @ CredentialsError::Helper { source: ProcessError::Failed { .. }, .. }) => {
                    match run(helper, "list", "").await {
                        Ok(serde_json::Value::Object(known)) if !known.keys().any(|name| bare(name) == bare(key)) => {
                            Ok(None)
                        }
                        _ => Err(error),
                    }
                }
                Err(error) => Err(error),
            },
            _ => Ok(None),
        }
    }
}

fn joined(host: &str, path: &str) -> String {
    if path.is_empty() { host.to_owned() } else { format!("{host}/{path}") }
}

/// A registry's host, however a config.json writes it.
fn bare(name: &str) -> &str {
    let name = name.trim_start_matches("https://").trim_start_matches("http://");
    let host = name.split('/').next().unwrap_or(name);
    if host == "index.docker.io" { "docker.io" } else { host }
}

/// A key of a config.json as host and path. Docker's own have an address, whose path is no repository's.
fn plain(key: &str) -> &str {
    let named = key.trim_end_matches('/');
    let host = bare(key);
    let path = named.strip_prefix(host).and_then(|rest| rest.strip_prefix('/'));
    if path.is_some_and(|path| !matches!(path, "v1" | "v2")) { named } else { host }
}

/// How long a key is, if it is for a repository: for the registry, or for a path that the repository is below.
fn covers(key: &str, repository: &str) -> Option<usize> {
    let key = plain(key);
    let rest = repository.strip_prefix(key)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(key.len())
}

/// The login for a repository (`harbor.site/mirror/apache/spark`) or a whole registry (`harbor.site`) in a Docker config.json
/// itself, without its helpers. Of several keys the longest counts.
#[must_use]
pub fn login(config: &Secret, repository: &str) -> Option<Login> {
    entry(&serde_json::from_str(config.expose()).ok()?, repository)
}

fn entry(config: &serde_json::Value, repository: &str) -> Option<Login> {
    let auths = config["auths"].as_object()?;
    let best = auths.iter().filter_map(|(key, entry)| Some((covers(key, repository)?, entry)));
    let best = best.max_by_key(|(length, _)| *length).map(|(_, entry)| entry);
    // Whoever asks for a whole registry gets what is kept for a part of it, if that is all.
    let part = || auths.iter().find(|(key, _)| bare(key) == repository).map(|(_, entry)| entry);
    let entry = best.or_else(part)?;
    let text = |key: &str| entry[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    if let Some(token) = text("identitytoken") {
        return Some(Login { user: String::new(), password: Secret::new(token) });
    }
    if let (Some(user), Some(password)) = (text("username"), text("password")) {
        return Some(Login { user, password: Secret::new(password) });
    }
    let auth = base64::engine::general_purpose::STANDARD.decode(text("auth")?).ok()?;
    let auth = String::from_utf8(auth).ok()?;
    let (user, password) = auth.split_once(':')?;
    Some(Login { user: user.to_owned(), password: Secret::new(password.trim_end_matches('\0').to_owned()) })
}

/// Asks a helper for the login of a registry.
async fn ask(helper: &str, host: &str) -> Result<Login, CredentialsError> {
    let answer = run(helper, "get", host).await?;
    let text = |key: &str| answer[key].as_str().map(str::to_owned);
    let (Some(user), Some(secret)) = (text("Username"), text("Secret")) else {
        return Err(CredentialsError::Answer(helper.to_owned()));
    };
    let user = if user == "<token>" { String::new() } else { user };
    Ok(Login { user, password: Secret::new(secret) })
}

/// Runs a helper. It is a program of the user's, and gets the user's environment.
async fn run(helper: &str, what: &str, input: &str) -> Result<serde_json::Value, CredentialsError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if helper.is_empty() || !helper.chars().all(plain) {
        return Err(CredentialsError::Name(helper.chars().take(80).collect()));
    }
    let mut spec = Spec::new(format!("docker-credential-{helper}")).args([what]);
    spec.env = Environment::inherited_without(&[]);
    spec.stdin = Some(input.as_bytes().to_vec());
    spec.deadline = HELPER;
    spec.stdout_cap = HELPER_OUTPUT;
    let failed = |source| CredentialsError::Helper { helper: helper.to_owned(), source };
    let output = process::run(spec, &CancellationToken::new()).await.map_err(failed)?;
    serde_json::from_slice(&output.stdout).map_err(|_| CredentialsError::Answer(helper.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let hub = config(r#"{"https://index.docker.io/v1/": {"auth": "dTpwOjE=", "identitytoken": "t"}}"#);
        assert!(login(&hub, "docker.io").unwrap().is_identity_token());
    }

    #[test]
    fn of_keys_with_a_path_the_longest_counts() {
        let entry = |user: &str| format!(r#"{{"username": "{user}", "password": "p"}}"#);
        let keys = ["r.site/mirror", "r.site", "r.site/mirror/apache", "https://other.site/v1/"];
        let auths: Vec<String> = keys.iter().map(|key| format!("\"{key}\": {}", entry(key))).collect();
        let config = Secret::new(format!("{{\"auths\": {{{}}}}}", auths.join(",")));
        let user = |repository: &str| login(&config, repository).map(|login| login.user);
        for (repository, key) in [
            ("r.site", "r.site"),
            ("r.site/mirrored/x", "r.site"),
            ("r.site/mirror", "r.site/mirror"),
            ("r.site/mirror/b/x", "r.site/mirror"),
            ("r.site/mirror/apache/spark", "r.site/mirror/apache"),
            ("other.site/a/b", "https://other.site/v1/"),
        ] {
            assert_eq!(user(repository).as_deref(), Some(key), "{repository}");
        }
        assert_eq!((user("r.site:5000/mirror"), user("r.sit")), (None, None));
        let one = Secret::new(format!("{{\"auths\": {{\"r.site/mirror\": {}}}}}", entry("u")));
        assert!(login(&one, "r.site/other").is_none(), "it is for another path");
        assert!(login(&one, "r.site").is_some(), "nothing says which path is meant");
        let known = Credentials::none().with_config(config);
        assert_eq!(known.deciding("r.site", "mirror/apache/spark"), "mirror/apache");
        assert_eq!(known.deciding("r.site", "mirrored/x"), "");
        assert_eq!(known.deciding("docker.io", "apache/spark"), "");
    }

    #[tokio::test]
    async fn files_of_docker_and_podman_are_read_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, user: &str, hosts: &[&str]| {
            let entry = |host: &&str| format!(r#""{host}": {{"username": "{user}", "password": "p"}}"#);
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let auths: Vec<String> = hosts.iter().map(entry).collect();
            std::fs::write(path, format!("{{\"auths\": {{{}}}}}", auths.join(","))).unwrap();
        };
        write("named.json", "named", &["a.site"]);
        write("home/.docker/config.json", "docker", &["a.site", "b.site"]);
        write("run/containers/auth.json", "running", &["b.site", "c.site"]);
        write("home/.config/containers/auth.json", "kept", &["c.site", "d.site"]);
        write("docker/config.json", "other", &["b.site"]);
        let with = |vars: &[(&str, &str)]| {
            let known = vars.iter().map(|(name, value)| ((*name).to_owned(), folder.path().join(value)));
            let known: std::collections::HashMap<_, _> = known.collect();
            Credentials::none().with_files_of(|name| known.get(name).map(|path| path.clone().into_os_string()))
        };
        let all = [("REGISTRY_AUTH_FILE", "named.json"), ("XDG_RUNTIME_DIR", "run"), ("HOME", "home")];
        let known = with(&all).unwrap();
        for (host, user) in [("a.site", "named"), ("b.site", "docker"), ("c.site", "running"), ("d.site", "kept")] {
            assert_eq!(known.login(host, "").await.unwrap().unwrap().user, user);
        }
        let known = with(&[&all[1..], &[("DOCKER_CONFIG", "docker"), ("XDG_CONFIG_HOME", "none")]].concat()).unwrap();
        assert!(known.login("a.site", "").await.unwrap().is_none());
        assert_eq!(known.login("b.site", "").await.unwrap().unwrap().user, "other");
        assert!(known.login("d.site", "").await.unwrap().is_none());
        let error = with(&[("REGISTRY_AUTH_FILE", "missing.json"), ("XDG_RUNTIME_DIR", "none")]).unwrap_err();
        assert!(error.to_string().contains("missing.json"), "{error}");
        // One that is empty has no logins, and one that is something else is named.
        std::fs::write(folder.path().join("named.json"), "").unwrap();
        assert_eq!(with(&all).unwrap().login("a.site", "").await.unwrap().unwrap().user, "docker");
        std::fs::write(folder.path().join("named.json"), "{").unwrap();
        let error = with(&all).unwrap().login("a.site", "").await.unwrap_err();
        assert!(error.to_string().contains("named.json is not JSON"), "{error}");
    }

    #[tokio::test]
    async fn a_helper_that_is_none_or_is_not_there_is_an_error_and_no_missing_login() {
        let of = |config: &str| Credentials::none().with_config(Secret::new(config.to_owned()));
        let error = of(r#"{"credHelpers": {"r.site": "../evil"}}"#).login("r.site", "").await.unwrap_err();
        assert!(matches!(error, CredentialsError::Name(_)), "{error}");
        let error = of(r#"{"credsStore": "windlass-none"}"#).login("r.site", "").await.unwrap_err();
        assert!(matches!(error, CredentialsError::Helper { .. }), "{error}");
        assert!(of(r#"{"credHelpers": {"r.site": "x"}}"#).login("other.site", "").await.unwrap().is_none());
        assert!(matches!(of("{").login("r.site", "").await, Err(CredentialsError::Json(_))));
        let given = Login { user: "u".to_owned(), password: Secret::new("p".to_owned()) };
        let found = of("{").with("r.site", given).login("r.site", "").await.unwrap().unwrap();
        assert_eq!(found.user, "u");
    }
}
