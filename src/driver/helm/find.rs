//! Finds the Helm binary.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::FindError;

/// Where to search, first to last. A path that the user gave is never silently replaced by another.
#[derive(Debug, Clone, Default)]
pub struct FindHelm {
    /// `--helm`.
    pub explicit: Option<PathBuf>,
    /// `WINDLASS_HELM`.
    pub env: Option<PathBuf>,
    /// The sandbox's own, if the sandbox is the target.
    pub sandbox: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<OsString>,
}

impl FindHelm {
    /// From the flag, our environment, and the sandbox's Helm.
    #[must_use]
    pub fn from_env(explicit: Option<PathBuf>, sandbox: Option<PathBuf>) -> Self {
        let env = std::env::var_os("WINDLASS_HELM").filter(|value| !value.is_empty()).map(PathBuf::from);
        Self { explicit, env, sandbox, path: std::env::var_os("PATH") }
    }

    /// The binary to use.
    ///
    /// # Errors
    /// When a given path does not exist or cannot be run, or none is found at all.
    pub(super) fn locate(&self) -> Result<PathBuf, FindError> {
        for (named_by, path) in [("--helm", &self.explicit), ("WINDLASS_HELM", &self.env)] {
            if let Some(path) = path {
                if path.components().count() == 1 && !path.exists() {
                    return self.in_path(path).ok_or_else(|| FindError::Missing { named_by, path: path.clone() });
                }
                return match executable(path) {
                    true => Ok(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
                    false if path.exists() => Err(FindError::NotExecutable { named_by, path: path.clone() }),
                    false => Err(FindError::Missing { named_by, path: path.clone() }),
                };
            }
        }
        let sandbox = self.sandbox.clone().filter(|path| executable(path));
        sandbox.or_else(|| self.in_path(Path::new("helm"))).ok_or(FindError::NotFound)
    }

    fn in_path(&self, name: &Path) -> Option<PathBuf> {
        let path = self.path.as_ref()?;
        std::env::split_paths(path).map(|dir| dir.join(name)).find(|file| file.is_absolute() && executable(file))
    }
}

fn executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &Path, mode: u32) -> PathBuf {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_owned()
    }

    #[test]
    fn the_order_is_flag_environment_sandbox_path() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| file(&dir.path().join(name).join("helm"), 0o755);
        let mut find = FindHelm {
            explicit: Some(at("flag")),
            env: Some(at("env")),
            sandbox: Some(at("sandbox")),
            path: Some(at("path").parent().unwrap().as_os_str().to_owned()),
        };
        let end = |find: &FindHelm| {
            let helm = find.locate().unwrap();
            helm.parent().unwrap().file_name().unwrap().to_owned()
        };
        assert_eq!(end(&find), "flag");
        find.explicit = None;
        assert_eq!(end(&find), "env");
        find.env = None;
        assert_eq!(end(&find), "sandbox");
        find.sandbox = Some(dir.path().join("no such sandbox"));
        assert_eq!(end(&find), "path");
        find.path = Some("/nonexistent:relative".into());
        assert!(matches!(find.locate(), Err(FindError::NotFound)));
    }

    #[test]
    fn a_given_path_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let good = file(&dir.path().join("bin/helm"), 0o755);
        let plain = file(&dir.path().join("plain"), 0o644);
        let path = Some(good.parent().unwrap().as_os_str().to_owned());
        let find = |explicit: &Path| FindHelm {
            explicit: Some(explicit.to_owned()),
            path: path.clone(),
            ..FindHelm::default()
        };
        assert!(matches!(find(&plain).locate(), Err(FindError::NotExecutable { named_by: "--helm", .. })));
        assert!(matches!(find(Path::new("/no/helm")).locate(), Err(FindError::Missing { .. })));
        assert_eq!(find(Path::new("helm")).locate().unwrap(), good, "a bare name is looked up in PATH");
    }
}
