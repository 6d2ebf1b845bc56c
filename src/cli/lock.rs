//! The options of `lock`.

use std::path::PathBuf;

use clap::Args;

use super::{AnswerArgs, RegistryArgs};

/// `lock`.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// Answers of a site: then only what it installs is locked, with its own charts and images.
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// Show differences from the lock without writing it, and exit with 8 if there are any
    #[arg(long, conflicts_with_all = ["why", "from", "output"])]
    pub check: bool,
    /// Show which component, object and profile use an image; part of its name or digest is enough
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["from", "output", "answers", "set", "components", "profile"])]
    pub why: Option<String>,
    /// With --check and --why: use this lock instead of ./images.lock or, if that does not exist, the built-in lock
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    pub lock: Option<PathBuf>,
    /// Write the lock to FILE instead of ./images.lock; - is stdout
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Resolve images in this registry (`host[:port][/path]`); `published` resolves each image in its own registry
    #[arg(long, value_name = "REGISTRY")]
    pub from: Option<String>,
    /// With --from: only these platforms, such as linux/amd64; with a single platform, its manifest is locked instead
    /// of the index
    #[arg(long, value_name = "OS/ARCH,…", value_delimiter = ',', requires = "from")]
    pub platform: Vec<String>,
    /// With --from: skip signatures and attestations
    #[arg(long, requires = "from")]
    pub without_signatures: bool,
    /// With --from: how the registry is reached.
    #[command(flatten)]
    pub reach: RegistryArgs,
}
