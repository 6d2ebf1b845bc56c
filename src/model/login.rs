//! Logins of services.

use serde::Serialize;

/// Who logs in, and where the password is. The password itself is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    /// The user, where one is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Namespace of the Secret.
    pub namespace: String,
    /// Name of the Secret.
    pub secret: String,
    /// The key in it.
    pub key: String,
    /// The command that shows the password.
    pub command: String,
}

impl Login {
    /// With the password that is at a key of a Secret.
    #[must_use]
    pub fn new(user: Option<String>, namespace: &str, secret: &str, key: &str) -> Self {
        // A dot would go one step down. Nothing else that a key may have means anything in a JSONPath, or to a shell.
        let path = key.replace('.', "\\.");
        let command = format!("kubectl -n {namespace} get secret {secret} -o jsonpath='{{.data.{path}}}' | base64 -d");
        Self { user, namespace: namespace.to_owned(), secret: secret.to_owned(), key: key.to_owned(), command }
    }

    /// `user admin, password: kubectl …`.
    #[must_use]
    pub fn describe(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("user {user}, ")).unwrap_or_default();
        format!("{user}password: {}", self.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_reads_one_key() {
        let login = Login::new(Some("admin".to_owned()), "ns", "x-login", "admin.password_1-a");
        assert_eq!(
            login.describe(),
            r"user admin, password: kubectl -n ns get secret x-login -o jsonpath='{.data.admin\.password_1-a}' | base64 -d"
        );
        assert!(Login::new(None, "ns", "x", "k").describe().starts_with("password: kubectl "));
    }
}
