//! Logins: given, or from a Docker config.json with its helper programs.

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
    config: Option<Secret>,
    /// What counts where the config has none.
    last: Option<Secret>,
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
    #[error("the Docker config.json is not JSON")]
    Json,
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

    /// Adds one for a registry; it comes before those of a config.json.
    #[must_use]
    pub fn with(mut self, host: &str, login: Login) -> Self {
        self.given.push((host.to_owned(), login));
        self
    }

    /// Adds those of a Docker config.json, which may name helper programs.
    #[must_use]
    pub fn with_config(mut self, config: Secret) -> Self {
        self.config = Some(config);
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
        Ok(self.with_config(Secret::new(text)))
    }

    /// Adds those of the user's own file (`$DOCKER_CONFIG/config.json`, `~/.docker/config.json`), if there is one.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn with_user_config(self) -> Result<Self, CredentialsError> {
        let folder = std::env::var_os("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")));
        match folder.map(|folder| folder.join("config.json")).filter(|path| path.exists()) {
            Some(path) => self.with_config_file(&path),
            None => Ok(self),
        }
    }

    /// The login for a registry.
    ///
    /// # Errors
    /// A helper is named and gives none.
    pub async fn login(&self, host: &str) -> Result<Option<Login>, CredentialsError> {
        let found = self.own(host).await?;
        Ok(found.or_else(|| login(self.last.as_ref()?, host)))
    }

    async fn own(&self, host: &str) -> Result<Option<Login>, CredentialsError> {
        if let Some((_, login)) = self.given.iter().find(|(name, _)| name == host) {
            return Ok(Some(login.clone()));
        }
        let Some(config) = &self.config else { return Ok(None) };
        let json: serde_json::Value = serde_json::from_str(config.expose()).map_err(|_| CredentialsError::Json)?;
        let key = if host == "docker.io" { HUB_KEY } else { host };
        let helpers = json["credHelpers"].as_object();
        let own = helpers.and_then(|helpers| helpers.iter().find(|(name, _)| bare(name) == bare(key)));
        if let Some((name, helper)) = own {
            let helper = helper.as_str().unwrap_or_default();
            return ask(helper, name).await.map(Some);
        }
        if let Some(login) = login(config, host) {
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

/// A registry's host, however a config.json writes it.
fn bare(name: &str) -> &str {
    let name = name.trim_start_matches("https://").trim_start_matches("http://");
    let host = name.split('/').next().unwrap_or(name);
    if host == "index.docker.io" { "docker.io" } else { host }
}

/// The login for a registry in a Docker config.json itself, without its helpers.
#[must_use]
pub fn login(config: &Secret, host: &str) -> Option<Login> {
    let config: serde_json::Value = serde_json::from_str(config.expose()).ok()?;
    let auths = config["auths"].as_object()?;
    let (_, entry) = auths.iter().find(|(name, _)| bare(name) == host)?;
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

    #[tokio::test]
    async fn a_helper_that_is_none_or_is_not_there_is_an_error_and_no_missing_login() {
        let of = |config: &str| Credentials::none().with_config(Secret::new(config.to_owned()));
        let error = of(r#"{"credHelpers": {"r.site": "../evil"}}"#).login("r.site").await.unwrap_err();
        assert!(matches!(error, CredentialsError::Name(_)), "{error}");
        let error = of(r#"{"credsStore": "windlass-none"}"#).login("r.site").await.unwrap_err();
        assert!(matches!(error, CredentialsError::Helper { .. }), "{error}");
        assert!(of(r#"{"credHelpers": {"r.site": "x"}}"#).login("other.site").await.unwrap().is_none());
        assert!(matches!(of("{").login("r.site").await, Err(CredentialsError::Json)));
        let given = Login { user: "u".to_owned(), password: Secret::new("p".to_owned()) };
        let found = of("{").with("r.site", given).login("r.site").await.unwrap().unwrap();
        assert_eq!(found.user, "u");
    }
}
