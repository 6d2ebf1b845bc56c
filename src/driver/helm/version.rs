//! Which versions of Helm are supported.

use std::fmt;

/// The version that windlass is tested with, and that offline bundles contain.
pub const TESTED: &str = "4.2.4";

/// Helm's version. A Helm built without its release flags names no patch level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HelmVersion {
    /// 3 or 4.
    pub major: u32,
    /// The minor version.
    pub minor: u32,
    /// The patch level, where it is known.
    pub patch: Option<u32>,
}

impl fmt::Display for HelmVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        self.patch.map_or(Ok(()), |patch| write!(f, ".{patch}"))
    }
}

/// Why a version is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// What `helm version` printed is not a version.
    #[error("failed to parse a version from {text:?}; is this Helm?")]
    Unreadable {
        /// What it printed.
        text: String,
    },
    /// Older than what we use of it.
    #[error("helm {found} is too old; install helm 3.18 or newer ({TESTED} is what windlass is tested with)")]
    TooOld {
        /// What was found.
        found: HelmVersion,
    },
    /// A version that is known to be broken.
    #[error("helm 4.2.1 hangs for the whole timeout in every hook; install helm 4.2.2 or newer, or 3.18 or newer")]
    Broken,
    /// A major version whose flags we do not know.
    #[error("helm {found} is too new; install helm 4, or 3.18 or newer")]
    TooNew {
        /// What was found.
        found: HelmVersion,
    },
}

impl HelmVersion {
    /// Reads what `helm version --template '{{.Version}}'` prints: `v4.2.4`, `v3.18.0+g1234567`, `v4.2`.
    ///
    /// # Errors
    /// When it is not a version.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let unreadable = || VersionError::Unreadable { text: text.trim().chars().take(80).collect() };
        let version = text.trim();
        let version = version.strip_prefix('v').unwrap_or(version);
        let core = version.split(['+', '-']).next().unwrap_or_default();
        let mut parts = core.split('.').map(|part| part.parse::<u32>().map_err(|_| unreadable()));
        let mut next = || parts.next().transpose();
        match (next()?, next()?, next()?) {
            (Some(major), Some(minor), patch) => Ok(Self { major, minor, patch }),
            _ => Err(unreadable()),
        }
    }

    /// Refuses what is known not to work.
    ///
    /// # Errors
    /// Each says what to install instead.
    pub fn check(self) -> Result<(), VersionError> {
        match (self.major, self.minor, self.patch) {
            (4, 2, Some(1)) => Err(VersionError::Broken),
            (..3, _, _) | (3, ..18, _) => Err(VersionError::TooOld { found: self }),
            (5.., _, _) => Err(VersionError::TooNew { found: self }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> HelmVersion {
        HelmVersion::parse(text).unwrap()
    }

    #[test]
    fn reads_what_helm_prints() {
        assert_eq!(parse("v4.2.4"), HelmVersion { major: 4, minor: 2, patch: Some(4) });
        assert_eq!(parse("v3.18.0+gf1f35fe\n"), HelmVersion { major: 3, minor: 18, patch: Some(0) });
        assert_eq!(parse("v4.0.0-rc.1"), HelmVersion { major: 4, minor: 0, patch: Some(0) });
        assert_eq!(parse("v4.2"), HelmVersion { major: 4, minor: 2, patch: None });
        assert_eq!(parse("v4.2").to_string(), "4.2");
        for text in ["", "v4", "client: v4.2", "Error: unknown command", "v3.x.1"] {
            assert!(matches!(HelmVersion::parse(text), Err(VersionError::Unreadable { .. })), "{text}");
        }
    }

    #[test]
    fn refuses_what_does_not_work() {
        for (text, ok) in [
            ("v2.17.0", false),
            ("v3.17.9", false),
            ("v3.18.0", true),
            ("v3.20.1", true),
            ("v4.0.0", true),
            ("v4.2.0", true),
            ("v4.2.1", false),
            ("v4.2.2", true),
            ("v4.2", true),
            ("v5.0.0", false),
        ] {
            assert_eq!(parse(text).check().is_ok(), ok, "{text}");
        }
        assert_eq!(parse("v4.2.1").check(), Err(VersionError::Broken));
        let old = parse("v3.9.0").check().unwrap_err().to_string();
        assert!(old.contains("3.9.0") && old.contains("install helm 3.18"), "{old}");
    }
}
