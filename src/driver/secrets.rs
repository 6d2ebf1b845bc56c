//! From a reference to the secret itself.

use base64::Engine as _;

use super::kube::{Cluster, KubeError};
use crate::model::{Secret, SecretRef, bounded, remember};

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("environment variable {0} is not set")]
    Unset(String),
    /// The environment variable holds other bytes than a text's.
    #[error("the value of environment variable {0} is not UTF-8")]
    NotText(String),
    /// The file cannot be read.
    #[error("failed to read {path}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The API failed.
    #[error("failed to read Secret {name}")]
    Api {
        /// Which, `namespace/name`.
        name: String,
        /// Why.
        source: KubeError,
    },
    /// The Secret is not there, or lacks the key.
    #[error("there is no Secret {name} with the key `{key}`")]
    Absent {
        /// Which, `namespace/name`.
        name: String,
        /// The key.
        key: String,
    },
    /// What is generated can be found nowhere.
    #[error("a generated secret is kept in the cluster only")]
    Generated,
    /// The machine gives no random bytes.
    #[error("failed to get random bytes")]
    Random(#[from] getrandom::Error),
    /// What was found cannot be what was meant.
    #[error("{from} does not hold a Docker config.json: {what}")]
    NotDockerConfig {
        /// Where it came from.
        from: SecretRef,
        /// What is wrong; never the content.
        what: &'static str,
    },
}

/// Reads what a reference names. `key` is the key within a Secret of the cluster.
///
/// # Errors
/// It is not there or cannot be read.
pub async fn read(reference: &SecretRef, cluster: &Cluster, key: &str) -> Result<Secret, SecretError> {
    let secret = look_up(reference, cluster, key).await?;
    remember(secret.expose());
    Ok(secret)
}

/// Reads what a reference names on this machine; `None` for what is in a cluster.
#[must_use]
pub fn here(reference: &SecretRef) -> Option<Result<Secret, SecretError>> {
    let found = on_this_machine(reference)?;
    found.iter().for_each(|secret| remember(secret.expose()));
    Some(found)
}

fn on_this_machine(reference: &SecretRef) -> Option<Result<Secret, SecretError>> {
    Some(match reference {
        SecretRef::Env(name) => match std::env::var_os(name).map(std::ffi::OsString::into_string) {
            Some(Ok(value)) => Ok(line(value)),
            Some(Err(_)) => Err(SecretError::NotText(name.clone())),
            None => Err(SecretError::Unset(name.clone())),
        },
        SecretRef::File(path) => bounded::text(path, bounded::SECRET)
            .map(line)
            .map_err(|source| SecretError::File { path: path.display().to_string(), source }),
        SecretRef::Secret(_) | SecretRef::Generate => return None,
    })
}

async fn look_up(reference: &SecretRef, cluster: &Cluster, key: &str) -> Result<Secret, SecretError> {
    if let Some(found) = on_this_machine(reference) {
        return found;
    }
    match reference {
        SecretRef::Secret(full) => {
            let (namespace, name) = full.split_once('/').unwrap_or(("default", full));
            let api = |source| SecretError::Api { name: full.clone(), source };
            let mut data = cluster.secret(namespace, name).await.map_err(api)?.unwrap_or_default();
            data.remove(key).ok_or_else(|| SecretError::Absent { name: full.clone(), key: key.to_owned() })
        }
        _ => Err(SecretError::Generated),
    }
}

/// A secret without the end of its line, of whichever system: an editor or a paste puts it there.
fn line(text: String) -> Secret {
    Secret::new(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads registry credentials: a Docker config.json with at least one login.
///
/// # Errors
/// It cannot be read, or is something else; or the login is kept elsewhere, where no node of the cluster finds it.
pub async fn docker_config(reference: &SecretRef, cluster: &Cluster) -> Result<Secret, SecretError> {
    let secret = read(reference, cluster, ".dockerconfigjson").await?;
    let wrong = |what| Err(SecretError::NotDockerConfig { from: reference.clone(), what });
    let Ok(config) = serde_json::from_str::<serde_json::Value>(secret.expose()) else {
        return wrong("it is not JSON");
    };
    match login_problem(&config) {
        Some(what) => wrong(what),
        None => Ok(secret),
    }
}

/// Why a Docker config.json lets nobody pull.
fn login_problem(config: &serde_json::Value) -> Option<&'static str> {
    let auths = config["auths"].as_object();
    if auths.into_iter().flatten().any(|(_, entry)| has_login(entry)) {
        return None;
    }
    let filled = |key: &str| match &config[key] {
        serde_json::Value::String(helper) => !helper.is_empty(),
        serde_json::Value::Object(helpers) => !helpers.is_empty(),
        _ => false,
    };
    Some(match auths {
        _ if filled("credsStore") || filled("credHelpers") => {
            "the login is kept by a helper of this machine (`credsStore`, `credHelpers`), which the cluster cannot ask; \
             `kubectl create secret docker-registry x --docker-server=HOST --docker-username=USER \
             --docker-password=PASSWORD --dry-run=client -o jsonpath='{.data.\\.dockerconfigjson}' | base64 -d` makes a file \
             with a login"
        }
        None => "it has no `auths`",
        Some(auths) if auths.is_empty() => "its `auths` is empty",
        Some(_) => "no entry of its `auths` has a login: `auth`, or `username` and `password`",
    })
}

/// What a kubelet takes for a login: `auth` as base64 of `user:password`, or both apart.
fn has_login(entry: &serde_json::Value) -> bool {
    let text = |key: &str| entry[key].as_str().filter(|text| !text.is_empty());
    let coded = text("auth").and_then(|auth| base64::engine::general_purpose::STANDARD.decode(auth.trim()).ok());
    let coded = coded.and_then(|bytes| String::from_utf8(bytes).ok());
    let is_pair =
        |auth: &String| auth.split_once(':').is_some_and(|(user, password)| !user.is_empty() && !password.is_empty());
    coded.as_ref().is_some_and(is_pair) || text("username").is_some() && text("password").is_some()
}

/// Characters of a generated secret: safe in URLs, shells and YAML, and none that looks like another.
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

/// How many: 32 of 57 are 186 bits.
const LENGTH: usize = 32;

/// A new secret, from the kernel's random numbers.
///
/// # Errors
/// The machine gives none.
pub fn generate() -> Result<Secret, SecretError> {
    // Bytes beyond the last whole alphabet are left out, or its first characters would be likelier.
    let fair = 256 - 256 % ALPHABET.len();
    let mut text = String::with_capacity(LENGTH);
    while text.len() < LENGTH {
        let mut bytes = [0_u8; 2 * LENGTH];
        getrandom::fill(&mut bytes)?;
        let fit = bytes.into_iter().map(usize::from).filter(|byte| *byte < fair);
        text.extend(fit.map(|byte| char::from(ALPHABET[byte % ALPHABET.len()])).take(LENGTH - text.len()));
    }
    remember(&text);
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_end_of_a_line_is_no_part_of_a_secret() {
        for text in ["pw", "pw\n", "pw\r\n", "pw\r\n\r\n"] {
            assert_eq!(line(text.to_owned()).expose(), "pw", "{text:?}");
        }
        assert_eq!(line(" a\r\nb \n".to_owned()).expose(), " a\r\nb ");
    }

    #[test]
    fn registry_credentials_without_a_login_are_refused_by_their_reason() {
        let problem = |text: &str| login_problem(&serde_json::from_str(text).unwrap());
        for good in [
            r#"{"auths": {"r.site": {"auth": "dTpw"}}}"#,
            r#"{"auths": {"r.site": {"username": "u", "password": "p"}}, "credsStore": "desktop"}"#,
            r#"{"auths": {"other": {}, "r.site": {"auth": "dTpw"}}}"#,
        ] {
            assert_eq!(problem(good), None, "{good}");
        }
        for (bad, why) in [
            (r#"{"auths": {"r.site": {}}, "credsStore": "desktop"}"#, "helper"),
            (r#"{"credHelpers": {"r.site": "ecr-login"}}"#, "helper"),
            (r#"{"auths": {"r.site": {}}, "credsStore": ""}"#, "no entry"),
            (r#"{"auths": {"r.site": {"auth": ""}}}"#, "no entry"),
            (r#"{"auths": {"r.site": {"auth": "%%"}}}"#, "no entry"),
            (r#"{"auths": {"r.site": {"auth": "dTo="}}}"#, "no entry"),
            (r#"{"auths": {"r.site": {"username": "u"}}}"#, "no entry"),
            (r#"{"auths": {"r.site": {"identitytoken": "t"}}}"#, "no entry"),
            (r#"{"auths": {}}"#, "empty"),
            ("{}", "no `auths`"),
            ("[]", "no `auths`"),
        ] {
            assert!(problem(bad).is_some_and(|found| found.contains(why)), "{bad}: {:?}", problem(bad));
        }
    }

    #[test]
    fn generated_secrets_are_long_even_and_never_the_same() {
        let made: Vec<Secret> = (0..500).map(|_| generate().unwrap()).collect();
        let distinct: BTreeSet<&str> = made.iter().map(Secret::expose).collect();
        assert_eq!(distinct.len(), made.len());
        assert!(made.iter().all(|secret| secret.expose().len() == LENGTH));
        let mut counts = [0_u32; 256];
        made.iter().flat_map(|secret| secret.expose().bytes()).for_each(|byte| counts[usize::from(byte)] += 1);
        // 16,000 characters, 281 of each on average: six deviations to either side.
        for (byte, count) in counts.iter().enumerate() {
            let known = ALPHABET.iter().any(|known| usize::from(*known) == byte);
            assert_eq!(known, (180..=382).contains(count), "{byte}: {count}");
        }
    }
}
