//! Actions on HDFS.

use super::kind::{Kind, Limits};
use super::part::{family, parts};
use crate::model::{FileSource, NamePattern, path_problem};

family! {
    /// What can be done in HDFS.
    HdfsAction {
        Mkdir = "hdfs.mkdir",
        WaitOperational = "hdfs.wait",
        Upload = "hdfs.upload",
        Probe = "hdfs.probe",
        Exists = "hdfs.exists",
        Failover = "hdfs.failover",
    }
}

parts! {
    /// Makes a folder and gives it a mode.
    Mkdir {
        /// Absolute path.
        path: String,
        /// Octal, such as `"0777"`.
        mode: String,
    }

    /// Waits until HDFS can be written and has enough DataNodes.
    WaitOperational {
        /// Live DataNodes wanted.
        replication: String,
    }

    /// Uploads the files of a folder, an archive or a git repository.
    Upload {
        /// Where they are; nothing is done where it is empty text.
        from: String,
        /// HDFS folder.
        to: String,
        /// Mode of the files.
        mode: String = "file_mode",
        /// Which files, as a pattern: `*.jar`, `lib-?.{jar,zip}`.
        pattern: String = "all_files",
    }

    /// Writes, reads and deletes a small file.
    Probe {
        /// Folder for the file.
        path: String,
    }

    /// Looks whether a path is there.
    Exists {
        /// Absolute path.
        path: String,
    }

    /// Deletes the pod of the active NameNode, and checks that another takes over and that all are ready again.
    Failover {
        /// Folder for a file that is written meanwhile.
        path: String,
    }
}

fn file_mode() -> String {
    "0644".to_owned()
}

fn all_files() -> String {
    "*".to_owned()
}

impl Kind for Mkdir {
    fn limits(&self) -> Limits {
        Limits { seconds: 120, retries: 3 }
    }

    fn title(&self) -> String {
        format!("HDFS folder {} with mode {}", self.path, self.mode)
    }

    fn problem(&self) -> Option<String> {
        path(&self.path).or_else(|| mode(&self.mode))
    }
}

impl Kind for WaitOperational {
    fn limits(&self) -> Limits {
        Limits { seconds: 300, retries: 0 }
    }

    fn title(&self) -> String {
        "HDFS is operational".to_owned()
    }

    fn problem(&self) -> Option<String> {
        let number = self.replication.parse::<u32>();
        number.is_err().then(|| format!("`{}` is not a number of DataNodes", self.replication))
    }
}

impl Kind for Upload {
    fn limits(&self) -> Limits {
        Limits { seconds: 3600, retries: 2 }
    }

    fn title(&self) -> String {
        format!("upload to {}", self.to)
    }

    fn problem(&self) -> Option<String> {
        path(&self.to).or_else(|| mode(&self.mode)).or_else(|| NamePattern::parse(&self.pattern).err()).or_else(|| {
            let wrong = FileSource::parse(&self.from).err()?;
            Some(format!("the source of the files {wrong}"))
        })
    }

    fn cleans_up(&self) -> bool {
        true
    }
}

impl Kind for Failover {
    fn limits(&self) -> Limits {
        Limits { seconds: 300, retries: 0 }
    }

    fn title(&self) -> String {
        "another NameNode takes over".to_owned()
    }

    fn problem(&self) -> Option<String> {
        path(&self.path)
    }

    fn cleans_up(&self) -> bool {
        true
    }

    fn disrupts(&self) -> bool {
        true
    }
}

impl Kind for Probe {
    fn limits(&self) -> Limits {
        Limits { seconds: 120, retries: 1 }
    }

    fn title(&self) -> String {
        format!("write, read and delete a file in {}", self.path)
    }

    fn problem(&self) -> Option<String> {
        path(&self.path)
    }

    fn cleans_up(&self) -> bool {
        true
    }
}

impl Kind for Exists {
    fn limits(&self) -> Limits {
        Limits { seconds: 120, retries: 3 }
    }

    fn title(&self) -> String {
        format!("{} is in HDFS", self.path)
    }

    fn problem(&self) -> Option<String> {
        path(&self.path)
    }
}

fn path(path: &str) -> Option<String> {
    let slashes = (path.len() > 1 && path.ends_with('/')) || path.contains("//");
    let why = path_problem(path).or(if slashes { Some("it has an extra slash") } else { None })?;
    Some(format!("`{path}` is not an absolute path in HDFS: {why}"))
}

fn mode(mode: &str) -> Option<String> {
    let good = u16::from_str_radix(mode, 8).is_ok_and(|mode| mode <= 0o1777);
    (!good).then(|| format!("`{mode}` is not an octal mode"))
}
