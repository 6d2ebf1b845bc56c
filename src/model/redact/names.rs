//! Which names are names of secrets.

/// Words that make a secret of what has a name with one of them, wherever in it.
const STRONG: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passwort",
    "passcode",
    "secret",
    "secrets",
    "token",
    "tokens",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "credential",
    "credentials",
    "creds",
    "jwt",
    "bearer",
    "authorization",
    "cookie",
    "cookies",
    "connectionstring",
    "connstr",
    "dockerconfigjson",
    "dockercfg",
    "dockerconfig",
    "pgpass",
    "netrc",
    "htpasswd",
    "kubeconfig",
    "requirepass",
    "masterauth",
    "jsessionid",
    "sessionid",
    "otp",
];

/// Words that do so at the end of a name, or before what only distinguishes several.
const WEAK: &[&str] =
    &["pass", "pwd", "pw", "auth", "sig", "signature", "sas", "salt", "pin", "dsn", "delegation", "passkey"];

/// Ends of words that are written as one.
const ENDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "accountkey",
    "sharedkey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "fernetkey",
    "credentials",
    "pwd",
];

/// What a key is that must not be known: `api key`, `account key`.
const KEYS: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "account",
    "master",
    "storage",
    "encryption",
    "encrypt",
    "signing",
    "sign",
    "shared",
    "session",
    "ssh",
    "hmac",
    "fernet",
    "license",
    "licence",
    "service",
    "aes",
    "rsa",
    "cipher",
    "root",
    "consumer",
    "app",
    "application",
    "subscription",
    "jwt",
    "auth",
    "deploy",
    "bot",
    "admin",
    "primary",
    "secondary",
    "ingestion",
    "instrumentation",
    "crypto",
    "symmetric",
    "client",
    "webserver",
    "pre",
    "psk",
];

/// What follows a weak word and says nothing of it.
const QUALIFIERS: &[&str] = &[
    "prod",
    "dev",
    "stage",
    "staging",
    "test",
    "old",
    "new",
    "current",
    "previous",
    "primary",
    "secondary",
    "main",
    "default",
    "value",
    "values",
    "data",
    "text",
    "string",
    "content",
    "base64",
    "b64",
    "encoded",
    "plain",
    "hex",
    "json",
    "id",
    "key",
    "hash",
];

/// Last words of names that say something about a secret, and are none: where it is, how long it lasts.
const ABOUT: &[&str] = &[
    "name",
    "names",
    "ref",
    "refs",
    "seconds",
    "path",
    "paths",
    "file",
    "files",
    "filename",
    "dir",
    "directory",
    "audience",
    "audiences",
    "mount",
    "mounts",
    "policy",
    "policies",
    "enabled",
    "enable",
    "disabled",
    "required",
    "class",
    "provider",
    "providers",
    "url",
    "uri",
    "endpoint",
    "host",
    "port",
    "type",
    "types",
    "kind",
    "ttl",
    "expiry",
    "expiration",
    "expires",
    "timeout",
    "interval",
    "lifetime",
    "length",
    "size",
    "count",
    "version",
    "algorithm",
    "method",
    "mode",
    "realm",
    "scope",
    "scopes",
    "issuer",
    "location",
    "format",
    "namespace",
    "ns",
    "revision",
    "created",
    "store",
    "checksum",
    "digest",
    "fingerprint",
    "limit",
    "max",
    "min",
    "age",
];

/// Names that are none of secrets although they look so.
const NEVER: &[&str] = &["imagepullsecret", "imagepullsecrets", "bypass", "compass", "trespass", "oldpwd"];

/// The words of a name, in lower case: `fs.s3a.secretKey` has four.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = name.chars().collect();
    for (at, c) in chars.iter().copied().enumerate() {
        if !c.is_alphanumeric() {
            words.push(std::mem::take(&mut word));
            continue;
        }
        let before = at.checked_sub(1).map(|at| chars[at]);
        let humps = before.is_some_and(|before| {
            c.is_uppercase()
                && (before.is_lowercase()
                    || before.is_uppercase() && chars.get(at + 1).is_some_and(|after| after.is_lowercase()))
        });
        if humps {
            words.push(std::mem::take(&mut word));
        }
        word.extend(c.to_lowercase());
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Whether what has this name is a secret itself, and not merely the name of one (`secretName`, `tokenExpiration…`).
pub(super) fn names_a_secret(name: &str) -> bool {
    let words = words(name);
    let Some(last) = words.last() else { return false };
    let whole = words.concat();
    if NEVER.contains(&whole.as_str()) || is_about(last) || words[0] == "checksum" {
        return false;
    }
    let plain: Vec<&str> = words.iter().map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit())).collect();
    let strong = |word: &&str| {
        STRONG.contains(word) || ENDS.iter().any(|end| word.ends_with(end)) || word.starts_with("password")
    };
    let weak = |word: &str| WEAK.contains(&word) || word.len() > 4 && word.ends_with("pass") && !NEVER.contains(&word);
    if plain.iter().any(strong) {
        return true;
    }
    let rest = plain.iter().rposition(|word| weak(word)).map(|at| &plain[at + 1..]);
    if rest.is_some_and(|rest| rest.iter().all(|word| word.is_empty() || QUALIFIERS.contains(word))) {
        return true;
    }
    plain.windows(2).any(|pair| KEYS.contains(&pair[0]) && matches!(pair[1], "key" | "keys" | "keyid"))
        || STRONG.contains(&whole.as_str())
}

/// Whether a name says only something about a secret.
pub(super) fn is_about(word: &str) -> bool {
    ABOUT.contains(&word)
}

/// Names whose value is a header's: it may have several words.
pub(super) fn is_header(name: &str) -> bool {
    matches!(words(name).last().map(String::as_str), Some("authorization" | "cookie" | "cookies"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_and_what_is_about_them() {
        for name in [
            "password",
            "db.password",
            "DB_PASS",
            "PWD",
            "fs.s3a.secret.key",
            "SECRET_KEY",
            "secretKey",
            "clientSecret",
            "fs.azure.account.key.x.dfs.core.windows.net",
            "AccountKey",
            "api-key",
            "APIKey",
            "apiKeys",
            "X-Vault-Token",
            "AWS_SECRET_ACCESS_KEY",
            "aws_access_key_id",
            "password2",
            "passwordForDb",
            "trustStorePassword",
            "storepass",
            "DB_PASSWORD_PROD",
            "Set-Cookie",
            "hive.metastore.pw",
            "sig",
            "secret_id",
            "fernet_key",
            "dbpassword",
            "auth",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in [
            "secretName",
            "tokenExpirationSeconds",
            "password_file",
            "secretKeyRef",
            "BYPASS",
            "imagePullSecrets",
            "key",
            "name",
            "monkey",
            "token_url",
            "checksum/secret",
            "author",
            "authority",
            "auth_to_local",
            "keys",
            "path",
            "",
            "passed",
            "compass",
            "spark.authenticate",
            "hadoop.http.authentication.signature.secret.file",
        ] {
            assert!(!names_a_secret(name), "{name}");
        }
    }
}
