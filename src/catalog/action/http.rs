//! Actions on services that speak HTTP.

use super::kind::{Kind, Limits};
use super::part::{family, parts};

family! {
    /// What can be asked of a service.
    HttpAction {
        Answers = "http.wait",
    }
}

parts! {
    /// Asks a service until it answers as wanted.
    Answers {
        /// `name:port` in the component's namespace.
        service: String,
        /// Path and query.
        path: String,
        /// Wanted status.
        status: u16 = "ok",
        /// Text that the body must contain.
        contains: Option<String> = "Default::default",
    }
}

const fn ok() -> u16 {
    200
}

impl Kind for Answers {
    fn limits(&self) -> Limits {
        Limits { seconds: 300, retries: 0 }
    }

    fn title(&self) -> String {
        format!("{}{} answers", self.service, self.path)
    }

    fn service(&self) -> Option<&str> {
        Some(&self.service)
    }
}
