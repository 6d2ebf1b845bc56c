//! A value that cannot be printed or serialised by accident.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};

/// A secret in memory. `Debug` and `Display` show that it is set, never what it is; there is no `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the value over.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself: only for the place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(set)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(set)")
    }
}

/// Where a secret can be found when it is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretRef {
    /// An environment variable of the installer.
    Env(String),
    /// A file on the installer's machine.
    File(PathBuf),
    /// A Secret in the cluster: `name`, or `namespace/name`.
    Secret(String),
    /// Made by windlass, once, and known only to the cluster.
    Generate,
}

/// The form of a generated secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretFormat {
    /// Letters and digits of which none looks like another.
    #[default]
    Password,
    /// 32 bytes in the base64 of URLs, as Fernet takes its keys.
    Fernet,
    /// Bytes in hexadecimal digits.
    Hex,
    /// Bytes in base64.
    Base64,
    /// A certificate that signs itself, and its key.
    Tls,
}

/// How a secret is generated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct GeneratedSecret {
    /// What it is.
    pub format: SecretFormat,
    /// How many random bytes are in it, where the format leaves that open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u32>,
    /// The names that a certificate is for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl GeneratedSecret {
    /// Whether all of it is the default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The key of a certificate's authority, which a certificate of the site may lack.
pub const AUTHORITY: &str = "ca.crt";

impl SecretFormat {
    /// The keys of a Secret of this format; none where the question says its one key.
    #[must_use]
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Tls => &["tls.crt", "tls.key", AUTHORITY],
            Self::Password | Self::Fernet | Self::Hex | Self::Base64 => &[],
        }
    }

    /// The type of a Secret of this format.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Tls => "kubernetes.io/tls",
            Self::Password | Self::Fernet | Self::Hex | Self::Base64 => "Opaque",
        }
    }
}

/// Variables that hold secrets: no program that windlass starts inherits them.
static WITHHELD: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// The variables that answers have named as secrets until now, and the one that always is.
#[must_use]
pub fn withheld() -> Vec<String> {
    let named = WITHHELD.read().unwrap_or_else(PoisonError::into_inner);
    named.iter().cloned().chain([super::GIT_TOKEN.to_owned()]).collect()
}

impl SecretRef {
    /// A variable. From now on no program that windlass starts inherits it.
    #[must_use]
    pub fn env(name: &str) -> Self {
        WITHHELD.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        Self::Env(name.to_owned())
    }

    /// Whether it is a Secret of the very namespace in which it is used: nothing has to be put there.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        matches!(self, Self::Secret(name) if !name.contains('/'))
    }

    /// Namespace and name of the Secret of which it is a copy.
    #[must_use]
    pub fn original(&self) -> Option<(String, String)> {
        let Self::Secret(place) = self else { return None };
        place.split_once('/').map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Secret(name) => write!(f, "Secret {name}"),
            Self::Generate => f.write_str("generated"),
        }
    }
}
