//! From a reference to the secret itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::kube::{Cluster, KubeError};
use crate::model::{AUTHORITY, GeneratedSecret, Secret, SecretFormat, SecretRef, bounded, remember};

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
    #[error("Secret {name} with the key `{key}` not found")]
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
    /// A certificate cannot be made.
    #[error("failed to create a certificate: {0}")]
    Certificate(String),
    /// What was found cannot be what was meant.
    #[error("{from} is not a usable Docker config.json: {what}")]
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

/// Reads several keys; the authority of a certificate need not be there.
///
/// # Errors
/// As [`read`].
pub async fn read_all(
    reference: &SecretRef,
    cluster: &Cluster,
    keys: &[String],
) -> Result<BTreeMap<String, Secret>, SecretError> {
    let mut found = BTreeMap::new();
    for key in keys {
        match read(reference, cluster, key).await {
            Err(SecretError::Absent { .. }) if key == AUTHORITY => {}
            value => drop(found.insert(key.clone(), value?)),
        }
    }
    Ok(found)
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
        return wrong("not JSON");
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
            "the login is stored in a credential helper of this machine (`credsStore`, `credHelpers`), which the \
             cluster cannot use; `kubectl create secret docker-registry x --docker-server=HOST --docker-username=USER \
             --docker-password=PASSWORD --dry-run=client -o jsonpath='{.data.\\.dockerconfigjson}' | base64 -d` \
             prints a file with a login"
        }
        None => "no `auths`",
        Some(auths) if auths.is_empty() => "`auths` is empty",
        Some(_) => "no entry of `auths` has a login: `auth`, or `username` and `password`",
    })
}

/// What a kubelet takes for a login: `auth` as base64 of `user:password`, or both apart.
fn has_login(entry: &serde_json::Value) -> bool {
    let text = |key: &str| entry[key].as_str().filter(|text| !text.is_empty());
    let coded = text("auth").and_then(|auth| STANDARD.decode(auth.trim()).ok());
    let coded = coded.and_then(|bytes| String::from_utf8(bytes).ok());
    let is_pair =
        |auth: &String| auth.split_once(':').is_some_and(|(user, password)| !user.is_empty() && !password.is_empty());
    coded.as_ref().is_some_and(is_pair) || text("username").is_some() && text("password").is_some()
}

/// Characters of a generated secret: safe in URLs, shells and YAML, and none that looks like another.
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

/// How many: 32 of 57 are 186 bits.
const LENGTH: usize = 32;

/// How many random bytes are in what says nothing of it.
const BYTES: u32 = 32;

/// A new Secret of these keys, from the kernel's random numbers.
///
/// # Errors
/// The machine gives none, or a certificate cannot be made.
pub fn generate(made: &GeneratedSecret, keys: &[String]) -> Result<BTreeMap<String, Secret>, SecretError> {
    let bytes = made.bytes.unwrap_or(BYTES) as usize;
    let text = match made.format {
        SecretFormat::Tls => return certificate(&made.names),
        SecretFormat::Password => return Ok(keys.iter().cloned().zip([password()?]).collect()),
        SecretFormat::Fernet => URL_SAFE.encode(random(BYTES as usize)?),
        SecretFormat::Base64 => STANDARD.encode(random(bytes)?),
        SecretFormat::Hex => random(bytes)?.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    remember(&text);
    Ok(keys.iter().cloned().zip([Secret::new(text)]).collect())
}

/// Random bytes in hexadecimal digits, for what nobody types and nobody reads.
///
/// # Errors
/// The machine gives none.
pub fn salt() -> Result<String, SecretError> {
    let text: String = random(BYTES as usize)?.iter().map(|byte| format!("{byte:02x}")).collect();
    remember(&text);
    Ok(text)
}

fn random(bytes: usize) -> Result<Vec<u8>, SecretError> {
    let mut made = vec![0; bytes];
    getrandom::fill(&mut made)?;
    Ok(made)
}

/// How many days a certificate is valid: browsers and clients take no longer ones.
const DAYS: i64 = 397;

/// A certificate that signs itself, for names and addresses, with its key. It is its own authority.
fn certificate(names: &[String]) -> Result<BTreeMap<String, Secret>, SecretError> {
    let failed = |error: rcgen::Error| SecretError::Certificate(error.to_string());
    let mut params = rcgen::CertificateParams::new(names.to_vec()).map_err(failed)?;
    let today = jiff::Timestamp::now().as_second() / 86_400;
    let date = |days: i64| {
        let day = jiff::Timestamp::from_second((today + days) * 86_400).unwrap_or_default();
        let date = day.to_zoned(jiff::tz::TimeZone::UTC).date();
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    // Clocks differ.
    (params.not_before, params.not_after) = (date(-1), date(DAYS - 1));
    if let Some(name) = names.first() {
        params.distinguished_name.push(rcgen::DnType::CommonName, name.as_str());
    }
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?.pem();
    let key = key.serialize_pem();
    remember(&key);
    let parts = [("tls.crt", certificate.clone()), ("tls.key", key), (AUTHORITY, certificate)];
    Ok(parts.into_iter().map(|(name, text)| (name.to_owned(), Secret::new(text))).collect())
}

fn password() -> Result<Secret, SecretError> {
    // Bytes beyond the last whole alphabet are skipped, or its first characters would be likelier.
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
        let made: Vec<Secret> = (0..500).map(|_| password().unwrap()).collect();
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

    #[test]
    fn each_format_is_what_its_readers_take() {
        let made = |format, bytes| {
            let made = GeneratedSecret { format, bytes, names: vec![] };
            generate(&made, &["k".to_owned()]).unwrap()["k"].expose().to_owned()
        };
        let fernet = made(SecretFormat::Fernet, None);
        assert_eq!((fernet.len(), URL_SAFE.decode(&fernet).unwrap().len()), (44, 32));
        assert_eq!(made(SecretFormat::Hex, None).len(), 64);
        let hex = made(SecretFormat::Hex, Some(16));
        assert!(hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hex}");
        assert_eq!(STANDARD.decode(made(SecretFormat::Base64, Some(48))).unwrap().len(), 48);
        assert_eq!(made(SecretFormat::Password, None).len(), LENGTH);
        assert_ne!(made(SecretFormat::Hex, None), made(SecretFormat::Hex, None));
    }

    #[test]
    fn a_certificate_is_for_its_names_and_trusted_by_whoever_has_its_authority() {
        use rustls::pki_types::pem::PemObject as _;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let names = ["db.ns.svc".to_owned(), "127.0.0.1".to_owned()];
        let made = GeneratedSecret { format: SecretFormat::Tls, bytes: None, names: names.to_vec() };
        let made = generate(&made, &[]).unwrap();
        assert_eq!(made.keys().collect::<Vec<_>>(), ["ca.crt", "tls.crt", "tls.key"]);
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let certificate = |key: &str| CertificateDer::from_pem_slice(made[key].expose().as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(made["tls.key"].expose().as_bytes()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider.clone());
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate("tls.crt")], key).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate("ca.crt")).unwrap();
        let client =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let client = std::sync::Arc::new(client.with_root_certificates(roots).with_no_client_auth());
        let config = std::sync::Arc::new(config);
        let meets = |name: &'static str| -> Result<(), rustls::Error> {
            let mut client = rustls::ClientConnection::new(client.clone(), name.try_into().unwrap())?;
            let mut server = rustls::ServerConnection::new(config.clone())?;
            while client.is_handshaking() || server.is_handshaking() {
                let mut wire = Vec::new();
                client.write_tls(&mut wire).unwrap();
                server.read_tls(&mut wire.as_slice()).unwrap();
                server.process_new_packets()?;
                wire.clear();
                server.write_tls(&mut wire).unwrap();
                client.read_tls(&mut wire.as_slice()).unwrap();
                client.process_new_packets()?;
            }
            Ok(())
        };
        meets("db.ns.svc").unwrap();
        meets("127.0.0.1").unwrap();
        assert!(meets("other.ns.svc").is_err());
    }
}
