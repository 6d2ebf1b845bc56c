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
    /// Write nothing: say what differs from the lock, and end with 8 if anything does
    #[arg(long, conflicts_with_all = ["why", "from", "output"])]
    pub check: bool,
    /// Say which component, object and profile bring an image; a part of its name or of its digest will do
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["from", "output", "answers", "set", "components", "profile"])]
    pub why: Option<String>,
    /// With --check and --why: look at this lock instead of ./images.lock or, where that is not there, the built-in one
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    pub lock: Option<PathBuf>,
    /// Write it to FILE instead of ./images.lock; - is the standard output
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Ask this registry (`host[:port][/path]`) what each image is; `published` asks each image's own
    #[arg(long, value_name = "REGISTRY")]
    pub from: Option<String>,
    /// With --from: only these platforms, such as linux/amd64; of one alone its manifest is locked, and not the index
    #[arg(long, value_name = "OS/ARCH,…", value_delimiter = ',', requires = "from")]
    pub platform: Vec<String>,
    /// With --from: do not look for signatures and attestations
    #[arg(long, requires = "from")]
    pub without_signatures: bool,
    /// With --from: how the registry is reached.
    #[command(flatten)]
    pub reach: RegistryArgs,
}
