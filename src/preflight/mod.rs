//! Looks at everything that an install will need, before anything is written, and tells all that is wrong at once.
//! [`needs()`] says what the plan asks for, [`Facts`] what the cluster has, and [`judge()`] compares the two.

mod connect;
mod facts;
mod judge;
mod needs;
mod offline;
mod render;
mod seen;
mod table;
mod trials;

pub use connect::{connect_finding, helm_finding};
pub use facts::{Facts, Gathered, Owner, gather, review, surroundings};
pub use judge::judge;
pub use needs::{
    Agreement, ClaimNeed, ContainerNeed, GrowNeed, IngressNeed, Needs, Objections, PodNeed, Replicas, RightNeed,
    SecretNeed, SecretUse, UndeclaredImage, Use, looks, needs, pull_tests,
};
pub use offline::{image_outside, platform_missing, push_problem};
pub use render::{Rendered, Site, render};
pub use seen::{NoAnswer, Query, Seen, Unseen};
pub use table::{ADOPTABLE, CHECKS, Check, check, markdown};
pub use trials::{Trial, Tried, try_all};
