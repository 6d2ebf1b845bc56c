//! What is installed, as types: answers, and the commands that take them.

use std::path::PathBuf;

use clap::Args;

use super::OfflineArgs;

/// Where answers come from.
#[derive(Debug, Clone, Default, Args)]
pub struct AnswerArgs {
    /// Read answers from this file
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Set the answer to a question: component.question=answer; may be repeated
    #[arg(long = "set", value_name = "QUESTION=ANSWER")]
    pub set: Vec<String>,
    /// Only these components, and what they require
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub components: Option<Vec<String>>,
    /// Set of sizes: small, standard or one from --catalog
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// `guide`.
#[derive(Debug, Clone, Default, Args)]
pub struct GuideArgs {
    /// Initial answers.
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// The offline bundle to install from.
    #[command(flatten)]
    pub offline: OfflineArgs,
    /// Skip the checks at the end
    #[arg(long)]
    pub no_verify: bool,
    /// Use only ASCII for lines and marks
    #[arg(long)]
    pub ascii: bool,
    /// Panic after the first frame, to test that the terminal is restored.
    #[arg(long, hide = true)]
    pub debug_panic: bool,
}

/// `preflight`.
#[derive(Debug, Args)]
pub struct PreflightArgs {
    /// Answers.
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// The offline bundle to install from.
    #[command(flatten)]
    pub offline: OfflineArgs,
    /// Waive this finding, by its id; may be repeated
    #[arg(long, value_name = "ID")]
    pub waive: Vec<String>,
    /// Take over an existing release for this component; may be repeated
    #[arg(long, value_name = "COMPONENT")]
    pub adopt: Vec<String>,
    /// Print the description and the fix of every finding, without running any checks
    #[arg(long, conflicts_with_all = ["answers", "set", "components", "profile", "waive", "adopt", "json"])]
    pub list: bool,
}

/// `install`.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Answers.
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// The offline bundle to install from.
    #[command(flatten)]
    pub offline: OfflineArgs,
    /// Waive this finding of preflight, by its id; may be repeated
    #[arg(long, value_name = "ID")]
    pub waive: Vec<String>,
    /// Take over an existing release for this component; may be repeated
    #[arg(long, value_name = "COMPONENT")]
    pub adopt: Vec<String>,
    /// Skip the checks at the end
    #[arg(long)]
    pub no_verify: bool,
    /// Show what updates would change in values and objects, before asking to proceed
    #[arg(long)]
    pub diff: bool,
    /// Allow older versions of components than those that are installed
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Also write the answers of this run to FILE
    #[arg(long, value_name = "FILE")]
    pub save_answers: Option<PathBuf>,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Answers.
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// The offline bundle to install from.
    #[command(flatten)]
    pub offline: OfflineArgs,
    /// Skip the checks at the end
    #[arg(long)]
    pub no_verify: bool,
    /// Show what updates would change in values and objects, without secrets
    #[arg(long)]
    pub diff: bool,
    /// Take over an existing release for this component; may be repeated
    #[arg(long, value_name = "COMPONENT")]
    pub adopt: Vec<String>,
    /// Print the plan as a dependency graph, grouped by component
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["diff", "json"])]
    pub graph: Option<Graph>,
}

/// How `plan --graph` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Graph {
    /// Mermaid, which GitHub, GitLab and others draw from Markdown
    Mermaid,
    /// DOT, for Graphviz
    Dot,
}
