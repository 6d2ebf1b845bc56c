//! The environment of a child: only what was let through of ours.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::model::withheld;

/// The whole environment of a child. Nothing is inherited beside it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl std::fmt::Debug for Environment {
    /// Names only: a value may be a credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// An empty environment.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// These variables of ours, where they are set.
    #[must_use]
    pub fn keeping(names: &[&str]) -> Self {
        Self(names.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?))).collect())
    }

    /// Everything of ours except what starts with one of these prefixes, and what answers have named as secrets. For
    /// programs that start plugins of the user's, whose configuration may be in any other variable.
    #[must_use]
    pub fn inherited_without(prefixes: &[&str]) -> Self {
        Self::filtered(std::env::vars_os(), prefixes, &withheld())
    }

    fn filtered(vars: impl Iterator<Item = (OsString, OsString)>, prefixes: &[&str], secrets: &[String]) -> Self {
        let dropped = |name: &OsStr| {
            if secrets.iter().any(|secret| name == OsStr::new(secret)) {
                return true;
            }
            let name = name.as_encoded_bytes();
            prefixes.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
        };
        Self(vars.filter(|(name, _)| !dropped(name)).collect())
    }

    /// Sets one variable.
    #[must_use]
    pub fn set(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// What a variable is set to.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// All of it.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_dropped_and_set_values_win() {
        let vars = [
            ("HELM_DRIVER", "configmap"),
            ("PATH", "/bin"),
            ("AWS_PROFILE", "p"),
            ("HELMET", "on"),
            ("DB_PASSWORD", "s"),
        ];
        let vars = vars.into_iter().map(|(k, v)| (OsString::from(k), OsString::from(v)));
        let env = Environment::filtered(vars, &["HELM_"], &["DB_PASSWORD".to_owned()]).set("HELM_COLOR", "never");
        assert_eq!(env.get("HELM_DRIVER"), None);
        assert_eq!(env.get("HELM_COLOR"), Some(OsStr::new("never")));
        assert_eq!(env.get("HELMET"), Some(OsStr::new("on")));
        assert_eq!(env.get("DB_PASSWORD"), None, "what answers name as a secret is ours alone");
        assert_eq!(env.iter().count(), 4);
    }

    #[test]
    fn what_an_answer_names_is_inherited_by_nobody() {
        // Every test has this variable, and no other looks for it here.
        let name = "CARGO_PKG_DESCRIPTION";
        assert!(Environment::inherited_without(&[]).get(name).is_some());
        let reference = crate::model::SecretRef::env(name);
        assert_eq!(reference, crate::model::SecretRef::Env(name.to_owned()));
        assert!(Environment::inherited_without(&[]).get(name).is_none());
    }

    #[test]
    fn debug_shows_names_only() {
        let env = Environment::empty().set("TOKEN", "s3cret");
        assert_eq!(format!("{env:?}"), r#"{"TOKEN"}"#);
    }
}
