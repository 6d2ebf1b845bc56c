//! Where HDFS is.

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
