//! Every test that needs no cluster, in one program: each program more would be linked with the whole library. Those that measure
//! memory have one of their own, and so have those that want a cluster (`tests/e2e`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails where it stands")]

#[path = "fakes/api/mod.rs"]
mod api;
#[path = "fakes/english.rs"]
mod english;
#[path = "fakes/example.rs"]
mod example;
#[path = "fakes/hadoop/mod.rs"]
mod hadoop;
mod pty;
#[path = "fakes/ran.rs"]
mod ran;
#[path = "fakes/real_helm.rs"]
mod real_helm;
#[path = "fakes/registry/mod.rs"]
mod registry_server;
#[path = "imports/source.rs"]
mod source;
#[path = "fakes/webhdfs/mod.rs"]
mod webhdfs_server;

mod as_kubectl;
mod bundle_archive;
mod bundles;
mod chart_sources;
mod cli;
mod connect;
mod hdfs_datanodes_scripts;
mod hdfs_ha_scripts;
mod hdfs_scripts;
mod hdfs_status;
mod hdfs_upgrade_scripts;
mod helm_fake;
mod hostile;
mod image_build;
mod imports;
mod json;
mod kube_fake;
mod lock;
mod messages;
mod offline;
mod offline_docs;
mod preflight_fake;
mod rbac;
mod registry;
mod sequence;
mod tui;
mod values;
mod webhdfs;
mod webhdfs_health;
