//! Checks everything that an install will need, before anything is written, and reports all that is wrong at once.
//! [`needs()`] says what the plan requires, [`Facts`] what the cluster has, and [`judge()`] compares the two.

mod connect;
mod facts;
mod judge;
mod login;
mod needs;
mod offline;
mod render;
mod seen;
mod table;
mod trials;

pub use connect::{connect_finding, helm_finding};
pub use facts::{Facts, Owner, PreflightInputs, cluster_facts, gather, review};
pub use judge::judge;
pub use login::short_login;
pub use needs::{
    Agreement, ClaimNeed, ContainerNeed, GrowNeed, IngressNeed, Needs, PodNeed, PodSecurityViolations, Replicas,
    RightNeed, SecretNeed, SecretUse, UndeclaredImage, Use, needs, preflight_rights, pull_tests,
};
pub use offline::{image_outside, platform_missing, push_problem};
pub use render::{Rendered, Site, render};
pub use seen::{FailedQuery, Query, QueryFailure, QueryResult};
pub use table::{ADOPTABLE, CHECKS, Check, PULL_TESTS, check, markdown};
pub use trials::{Trial, TrialResult, try_all};
