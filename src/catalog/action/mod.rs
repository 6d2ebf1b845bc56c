//! The kinds of action, each declared once.

mod hdfs;
mod http;
mod job;
mod job_objects;
mod k8s;
mod kind;
mod livy;
mod part;
mod spec;

pub use hdfs::{Exists, Failover, HdfsAction, Mkdir, Probe, Upload, WaitOperational};
pub use http::{Ensure, HiddenValue, HttpAction, Login, Request, Tls, Wait, Write, is_wanted};
pub use job::{JobAction, Run, Unique};
pub use job_objects::{JOB_LABEL, JobParts};
pub use k8s::{Await, Grow, K8sAction, Scale, SetText};
pub use kind::{Kind, Limits, Names};
pub use livy::{Batch, LivyAction, Session};
pub use spec::{ActionEffect, ActionKind, ActionSpec};

pub(super) use spec::ACTION;
