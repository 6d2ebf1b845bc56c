//! Actions through Livy.

use std::collections::BTreeMap;

use super::kind::{Kind, Limits};
use super::part::{family, parts};

family! {
    /// What can be run through Livy.
    LivyAction {
        Batch = "livy.batch",
        Session = "livy.session",
    }
}

parts! {
    /// Runs a batch, judged by its driver pod.
    Batch {
        /// `name:port` in the component's namespace.
        service: String,
        /// Main class.
        class: String,
        /// Jar, as Spark knows it.
        file: String,
        /// Arguments.
        args: Vec<String> = "Default::default",
        /// Spark configuration.
        conf: BTreeMap<String, String> = "Default::default",
        /// Text that the driver's log must contain.
        expect_log: String,
    }

    /// Runs one statement in an interactive session.
    Session {
        /// `name:port` in the component's namespace.
        service: String,
        /// `spark`, `pyspark`, `sql`.
        kind: String,
        /// The statement.
        code: String,
        /// Text that its output must contain.
        expect: String,
        /// Oldest version of Livy that can do it; older ones are skipped with a note.
        min_version: Option<String> = "Default::default",
        /// Spark configuration.
        conf: BTreeMap<String, String> = "Default::default",
    }
}

impl Kind for Batch {
    fn limits(&self) -> Limits {
        Limits { seconds: 600, retries: 0 }
    }

    fn title(&self) -> String {
        format!("{} through Livy", self.class)
    }

    fn cleans_up(&self) -> bool {
        true
    }

    fn service(&self) -> Option<&str> {
        Some(&self.service)
    }
}

impl Kind for Session {
    fn limits(&self) -> Limits {
        Limits { seconds: 600, retries: 0 }
    }

    fn title(&self) -> String {
        format!("one statement in a {} session", self.kind)
    }

    fn cleans_up(&self) -> bool {
        true
    }

    fn service(&self) -> Option<&str> {
        Some(&self.service)
    }
}
