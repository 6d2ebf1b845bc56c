//! The kinds of action, each declared once.

mod hdfs;
mod http;
mod job;
mod k8s;
mod kind;
mod livy;
mod part;

pub use hdfs::{Exists, Failover, HdfsAction, Mkdir, Probe, Upload, WaitOperational};
pub use http::{Ensure, HttpAction, Login, Quiet, Request, Tls, Wait, Write, is_wanted};
pub use job::{JOB_LABEL, JobAction, JobParts, Run, Unique};
pub use k8s::{Await, Grow, K8sAction, Scale, SetText};
pub use kind::{ActionKind, ActionSpec, Kind, Leaves, Limits, Names};
pub use livy::{Batch, LivyAction, Session};

pub(super) use kind::ACTION;
