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
    /// Answer one question: component.question=answer; may be repeated
    #[arg(long = "set", value_name = "QUESTION=ANSWER")]
    pub set: Vec<String>,
    /// Only these components, and what they require
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub components: Option<Vec<String>>,
    /// Sizes that go together: small, standard or one of --catalog
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// `guide`.
#[derive(Debug, Clone, Default, Args)]
pub struct GuideArgs {
    /// Answers to begin with.
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// The offline bundle that it is from, if it is.
    #[command(flatten)]
    pub offline: OfflineArgs,
    /// Skip the checks at the end
    #[arg(long)]
    pub no_verify: bool,
    /// Use only ASCII for lines and marks
    #[arg(long)]
    pub ascii: bool,
    /// Panic after the first frame: what a terminal is left like then is tested.
    #[arg(long, hide = true)]
    pub debug_panic: bool,
}

/// `preflight`.
#[derive(Debug, Args)]
pub struct PreflightArgs {
    /// Answers.
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// The offline bundle that it is from, if it is.
    #[command(flatten)]
    pub offline: OfflineArgs,
    /// Do not count this finding, by its id; may be repeated
    #[arg(long, value_name = "ID")]
    pub waive: Vec<String>,
    /// Take over the release that is there in place of this component's own; may be repeated
    #[arg(long, value_name = "COMPONENT")]
    pub adopt: Vec<String>,
    /// Print what every finding means and what fixes it, and look at nothing
    #[arg(long, conflicts_with_all = ["answers", "set", "components", "profile", "waive", "adopt", "json"])]
    pub list: bool,
}

/// `install`.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Answers.
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// The offline bundle that it is from, if it is.
    #[command(flatten)]
    pub offline: OfflineArgs,
    /// Go on in spite of this finding of preflight, by its id; may be repeated
    #[arg(long, value_name = "ID")]
    pub waive: Vec<String>,
    /// Take over the release that is there in place of this component's own; may be repeated
    #[arg(long, value_name = "COMPONENT")]
    pub adopt: Vec<String>,
    /// Skip the checks at the end
    #[arg(long)]
    pub no_verify: bool,
    /// Show what updates would change in values and objects, before asking to go on
    #[arg(long)]
    pub diff: bool,
    /// Go back to an older version of a component where the catalog has one
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Write the answers of this run to FILE as well
    #[arg(long, value_name = "FILE")]
    pub save_answers: Option<PathBuf>,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Answers.
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// The offline bundle that it is from, if it is.
    #[command(flatten)]
    pub offline: OfflineArgs,
    /// Skip the checks at the end
    #[arg(long)]
    pub no_verify: bool,
    /// Show what updates would change in values and objects, without secrets
    #[arg(long)]
    pub diff: bool,
    /// Take over the release that is there in place of this component's own; may be repeated
    #[arg(long, value_name = "COMPONENT")]
    pub adopt: Vec<String>,
    /// Print the plan as a graph: what waits for what, by component
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
