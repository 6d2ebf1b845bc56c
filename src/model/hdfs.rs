//! Where HDFS is, and which names it accepts.

use serde::Serialize;

/// How to reach HDFS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HdfsAccess {
    /// The component that provides it.
    pub component: String,
    /// Its namespace.
    pub namespace: String,
    /// NameNodes as `http://host:port`, by the names they have inside the cluster.
    pub namenodes: Vec<String>,
    /// The superuser.
    pub user: String,
}

/// What is wrong with a name of a file or folder in HDFS. HDFS refuses most of it only when it is written, some of it in
/// words that name something else, so this is the one rule for answers, plans and uploads.
#[must_use]
pub fn name_problem(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it contains an empty name"),
        "." | ".." => Some("it must not contain . or .."),
        ".snapshot" => Some("the name .snapshot is reserved in HDFS"),
        _ if name.contains(':') => Some("it contains a colon"),
        _ if name.contains('/') => Some("a name contains a slash"),
        _ if name.chars().any(char::is_control) => Some("it contains a control character"),
        // `dfs.namenode.fs-limits.max-component-length`, in bytes.
        _ if name.len() > 255 => Some("a name is longer than 255 bytes"),
        _ => None,
    }
}

/// What is wrong with an absolute path in HDFS; slashes may be doubled, and one may stand at its end.
#[must_use]
pub fn path_problem(path: &str) -> Option<&'static str> {
    let Some(below) = path.strip_prefix('/') else { return Some("it must start with /") };
    let names = || below.split('/').filter(|name| !name.is_empty());
    if names().next() == Some(".reserved") {
        return Some("the path /.reserved is reserved in HDFS");
    }
    // `HdfsServerConstants.MAX_PATH_LENGTH` and `MAX_PATH_DEPTH`.
    if path.len() > 8000 || names().count() > 1000 {
        return Some("it is longer than 8000 bytes or 1000 names");
    }
    names().find_map(name_problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hdfs_refuses_is_reported_and_all_else_is_accepted() {
        let long = "x".repeat(256);
        for bad in ["", ".", "..", "a:b.jar", "a/b", "a\nb", "a\u{7f}", ".snapshot", &long] {
            assert!(name_problem(bad).is_some(), "{bad:?}");
        }
        for good in ["a b.jar", "é+%?#&*[x]{y}.jar", "...", ".hidden", "a\\b", &long[1..]] {
            assert_eq!(name_problem(good), None, "{good:?}");
        }
        let deep = "/x".repeat(1001);
        for bad in ["", "a", "/a/../b", "/a:b/c", "/.reserved/raw", "/a/.snapshot/b", "hdfs://h/a", &deep] {
            assert!(path_problem(bad).is_some(), "{bad:?}");
        }
        for good in ["/", "//a///b/", "/a/.reserved", &deep[2..]] {
            assert_eq!(path_problem(good), None, "{good:?}");
        }
    }
}
