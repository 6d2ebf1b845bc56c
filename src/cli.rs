//! The command line as types. Parsing never does anything.

mod bundle;
mod image;
mod install;
mod lock;
mod registry;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use bundle::{
    BundleArgs, BundleCommand, CreateArgs, InventoryFormat, LayoutArg, LocalArg, OfflineArgs, OpenArgs, PushArgs,
    PushTargetArgs, ServeArgs, TagRule,
};
pub use image::{BuildArg, BuildArgs, ImageArgs, ImageCommand, ImageTarget};
pub use install::{AnswerArgs, Graph, GuideArgs, InstallArgs, PlanArgs, PreflightArgs};
pub use lock::LockArgs;
pub use registry::RegistryArgs;

use crate::model::Lang;

/// Install a data platform on Kubernetes, follow its progress and verify it; safe to run again.
#[derive(Debug, Parser)]
#[command(
    name = "windlass",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Examples:
  windlass                                             step by step, on screens
  windlass --sandbox install --yes                     into the sandbox created by `sandbox/up`
  windlass preflight --answers site.yaml               what would make an install fail
  windlass plan --answers site.yaml                    what an install would do, and why
  windlass install --answers site.yaml --yes --json    for a pipeline
  windlass status                                      what is installed, and whether it is healthy
  windlass connect livy                                forward its web pages to this machine, until Ctrl-C
  windlass uninstall --yes                             remove everything except the data

Exit codes: 0 done or nothing to do, 2 bad input, 3 answers missing, 4 cluster or Helm not usable,
5 a step failed, 6 stopped, 7 installed but a check failed, 8 refused, 9 locked by another run,
10 the lock was lost, 11 preflight found errors; see docs/exit-codes.md"
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do; the guided install at a terminal without a command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Use this kubeconfig file instead of $KUBECONFIG or ~/.kube/config
    #[arg(long, global = true, value_name = "FILE", help_heading = "Target")]
    pub kubeconfig: Option<PathBuf>,
    /// Use this context instead of the current one
    #[arg(long, global = true, value_name = "NAME", help_heading = "Target")]
    pub context: Option<String>,
    /// Use the sandbox: its kubeconfig, its answers and its Helm (see `sandbox/up`)
    #[arg(long, global = true, conflicts_with_all = ["kubeconfig", "context"], help_heading = "Target")]
    pub sandbox: bool,
    /// Use this helm instead of $WINDLASS_HELM or the one on PATH
    #[arg(long, global = true, value_name = "FILE", help_heading = "Target")]
    pub helm: Option<PathBuf>,
    /// Overlay the built-in catalog with the definitions in DIR; may be repeated
    #[arg(long, global = true, value_name = "DIR", help_heading = "Input")]
    pub catalog: Vec<PathBuf>,
    /// The Helm of an offline bundle, if none is given.
    #[arg(skip)]
    pub bundled_helm: Option<PathBuf>,
    /// Only the screens may ask or print, and not credential plugins of the kubeconfig.
    #[arg(skip)]
    pub silent: bool,
    /// Do not ask for confirmation
    #[arg(long, short = 'y', global = true, help_heading = "Output")]
    pub yes: bool,
    /// Print JSON, one object per line, with a schema version
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Print plain lines, without colours or redrawing
    #[arg(long, global = true, conflicts_with = "json", help_heading = "Output")]
    pub plain: bool,
    /// The language of questions and screens; default: that of the locale
    #[arg(long, global = true, value_name = "LANGUAGE", value_parser = Lang::CODES, help_heading = "Output")]
    pub lang: Option<String>,
    /// More output; twice to include that of libraries
    #[arg(long, short = 'v', global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Install step by step on screens; the same as `windlass` alone, with options
    #[command(after_help = "Examples:
  windlass                              at a terminal
  windlass guide --answers site.yaml    with answers to begin with
  windlass --sandbox guide --lang ru")]
    Guide(GuideArgs),
    /// Install or upgrade the platform, then check that it works
    #[command(after_help = "Examples:
  windlass install --answers site.yaml
  windlass install --components hdfs --set hdfs.replication=3 --yes
  windlass install --waive resources --yes             a cluster with an autoscaler
  windlass install --adopt livy                        take over a release my-livy that was installed by hand
  windlass install --bundle platform.tar --registry harbor.site/mirror --yes      without internet access
  windlass --sandbox install --yes --set shared-libraries.source=./jars")]
    Install(InstallArgs),
    /// Check everything that an install needs, and report all findings at once
    #[command(after_help = "Examples:
  windlass preflight --answers site.yaml
  windlass preflight --waive storage-expansion --json
  windlass preflight --list | less         every possible finding: docs/preflight.md

Exits with 11 if there are errors, and with 0 if there are none.")]
    Preflight(PreflightArgs),
    /// Show what an install would do, and why
    #[command(after_help = "Examples:
  windlass plan --answers site.yaml
  windlass plan --answers site.yaml --diff     with every value and field that an upgrade would change
  windlass plan --json > plan.json
  windlass plan --graph mermaid > plan.mmd     for Markdown viewers
  windlass plan --graph dot | dot -Tsvg > plan.svg

If this machine has an earlier run for the same cluster, the critical path is shown: the steps that determine the duration,
based on the timings of that run. With --json it is printed to stderr as a line of JSON, because a plan contains no timings.")]
    Plan(PlanArgs),
    /// Show what is installed, whether it is ready, and when it was last verified
    Status(StatusArgs),
    /// Forward ports of this machine to a component's endpoints, until Ctrl-C
    #[command(after_help = "Examples:
  windlass connect livy                     every endpoint, each on its own port if that is free here
  windlass connect livy --port 8080 --open  on this port, and in the browser
  windlass connect hdfs --endpoint NameNode
  windlass connect livy --json              the addresses as one object, then one for each event

Each connection is forwarded to a pod that is ready at that time, so forwarding continues after a pod is replaced. At most 64
connections to an endpoint are open at once, and one that is idle for 15 minutes is closed.
Exits with 6 on Ctrl-C, with 2 if the component is not installed or the port is in use.")]
    Connect(ConnectArgs),
    /// Check that what is installed works: files in HDFS, a Spark job, its history
    #[command(after_help = "Examples:
  windlass verify
  windlass verify --failover                also test that the standby NameNode takes over (hdfs.mode=ha)

Exits with 7 if a check failed, with 8 if nothing is installed.")]
    Verify(VerifyArgs),
    /// Roll back a component to the last verified revision
    #[command(after_help = "Example:
  windlass rollback livy          after a failed upgrade; runs its checks again")]
    Rollback(RollbackArgs),
    /// List the Secrets of the platform, rotate one, or refresh pull Secrets
    #[command(after_help = "Examples:
  windlass secrets list                      names, sources and users; never their content
  windlass secrets rotate airflow.fernet_key   rotate a generated secret and restart the pods that use it
  windlass secrets refresh                   update pull Secrets from their source, before a login expires

Exit codes: 0 done or nothing to do, 2 bad input, 4 cluster not usable, 5 a step failed (run the same command again to resume),
8 refused (not generated, not installed), 9 locked by another run; see docs/exit-codes.md")]
    Secrets(SecretsArgs),
    /// Remove what is installed, in reverse order; the data stays unless --purge-data is given
    #[command(after_help = "Examples:
  windlass uninstall                        everything except claims, their namespaces and the record of both
  windlass uninstall --components livy,spark-history-server --yes
  windlass uninstall --purge-data           asks for the context's name
  windlass uninstall --components hdfs --purge-data   also what an earlier uninstall kept")]
    Uninstall(UninstallArgs),
    /// Remove the lock of another run
    #[command(
        after_help = "The lock of a killed run expires after half a minute, or is taken over at once if its process is
known to be gone. Use this if the holder is still running but cannot be reached.

Example:
  windlass unlock          shows the holder, and asks for confirmation"
    )]
    Unlock,
    /// List the runs on this machine, or show one
    Runs(RunsArgs),
    /// Replay a recorded run on the run screen
    #[command(after_help = "Examples:
  windlass replay last                  the newest run of this machine, in real time
  windlass replay last --speed 10
  windlass replay events.jsonl --at 12.5 --picture run.svg")]
    Replay(ReplayArgs),
    /// Collect runs, releases, pods, events and logs for a bug report, without secrets
    #[command(after_help = "Also works with a broken or unreachable cluster. Nothing leaves this machine.
Data of ConfigMaps, values of environment variables, arguments and commands are omitted: only their keys are kept, and
digests that show which values are equal. Elsewhere, values that look like secrets and the content of Secrets in these
namespaces are redacted in every encoding. If reading Secrets is not allowed, a warning is printed first.

Examples:
  windlass support-bundle
  windlass support-bundle --output case-17.tar.gz --namespace ingress-nginx")]
    SupportBundle(SupportArgs),
    /// Create, verify and extract offline bundles: all that an install needs at a site without internet
    #[command(after_help = "Examples:
  windlass bundle create --output platform.tar
  windlass bundle verify /mnt/a:/mnt/b --key site.pub
  windlass bundle push platform.tar --registry harbor.site/mirror
  windlass bundle serve platform.tar --listen 127.0.0.1:5000

An offline bundle is one uncompressed tar and an OCI image layout at the same time, so that skopeo and containerd can
also read it. It is read in place, even when split across several media: nothing is unpacked.

Exit codes: 0 done, 1 a local error (disk full: run the same command again), 2 bad input (also a damaged
offline bundle), 4 the source or the registry cannot be used, 5 a fetch or a push failed (run the same command again), 6 stopped,
7 data is corrupt, 8 refused (not signed by the pinned key), 9 another windlass is working on it, 11 not enough space, or the
registry is not ready for a push; see docs/exit-codes.md")]
    Bundle(BundleArgs),
    /// Build images that are not published, without a container engine
    #[command(after_help = "Examples:
  windlass image list
  windlass image build livy --dist livy.zip --to registry:harbor.site/platform/livy:0.9.0-incubating")]
    Image(ImageArgs),
    /// Write, check or describe an answers file
    #[command(after_help = "Examples:
  windlass answers init --profile small > site.yaml     every question, with help and default
  windlass answers check site.yaml                      all findings at once, with line and column
  windlass answers schema > windlass.schema.json        for editors: completion, help and checks while typing")]
    Answers(AnswersFileArgs),
    /// Show, check or export the component definitions
    Catalog(CatalogArgs),
    /// Write images.lock: every image, chart and file that the platform consists of, and its source
    #[command(
        after_help = "Images are collected by rendering every chart with every profile and every answer that adds images, from the
component definitions, and from the Jobs that windlass runs. Requires Helm, but no cluster. Without --from, no
registry is contacted, and images that were never confirmed by a registry are marked as unresolved.

Examples:
  windlass lock                                    write ./images.lock; keep what is already resolved
  windlass lock --from harbor.site/mirror          resolve digests, platforms and signatures there
  windlass lock --from docker.io --platform linux/amd64   one platform of each image
  windlass lock --check                            compare with ./images.lock, or with the built-in lock
  windlass lock --why spark                        show which component, object and profile use an image
  windlass lock --answers site.yaml --catalog DIR --output site.lock   a site's own charts and images

Exit codes: 0 done, or no difference; 2 bad input, 4 Helm or the registry cannot be used, 8 --check found differences."
    )]
    Lock(LockArgs),
    /// Print completions for a shell
    #[command(after_help = "Example:
  windlass completions bash > /etc/bash_completion.d/windlass")]
    Completions {
        /// Shell to print completions for
        shell: clap_complete::Shell,
    },
    /// Print the man page
    #[command(after_help = "Example:
  windlass man | man -l -")]
    Man,
}

/// `status`.
#[derive(Debug, Clone, Default, Args)]
pub struct StatusArgs {
    /// Also check HDFS, file by file, and exit with 5 if anything differs from what was installed
    #[arg(long)]
    pub drift: bool,
    /// Watch the status on a screen; press q to quit
    #[arg(long, conflicts_with_all = ["drift", "json"])]
    pub watch: bool,
    /// Only these components
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub components: Option<Vec<String>>,
}

/// `connect`.
#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// Component id
    pub component: String,
    /// Listen on this port, which must be free; default: the endpoint's own port, or any free port if it is in use
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Only the endpoint with this title, as `windlass status` shows it
    #[arg(long, value_name = "TITLE")]
    pub endpoint: Option<String>,
    /// Open it in the browser, with xdg-open or open
    #[arg(long)]
    pub open: bool,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Finally, delete the pod of the active NameNode and check that the standby takes over; HDFS clients are
    /// interrupted for a few seconds
    #[arg(long)]
    pub failover: bool,
    /// Answers other than those of the last install.
    #[command(flatten)]
    pub answers: AnswerArgs,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Component id
    pub component: String,
    /// Skip the checks at the end
    #[arg(long)]
    pub no_verify: bool,
}

/// `secrets`.
#[derive(Debug, Args)]
pub struct SecretsArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: SecretsCommand,
}

/// What to do with Secrets.
#[derive(Debug, Subcommand)]
pub enum SecretsCommand {
    /// List the Secrets: keys, source, components that use them, age; never their content
    #[command(after_help = "Example:
  windlass secrets list --json")]
    List,
    /// Rotate a generated secret, and restart the pods that use it
    #[command(
        after_help = "The new content is staged next to the old one and applied by the actions that the component declares under
`rotate`; then the Secret and those derived from it are switched, and the pods that use them are restarted. If the
rotation fails or is interrupted, run the same command again to resume.

Examples:
  windlass secrets rotate airflow.fernet_key
  windlass secrets rotate postgresql.password --no-verify --yes"
    )]
    Rotate {
        /// Secret to rotate: component.question
        #[arg(value_name = "COMPONENT.QUESTION")]
        secret: String,
        /// Skip the checks at the end
        #[arg(long)]
        no_verify: bool,
    },
    /// Update the pull Secrets from their source; no release gets a new revision
    #[command(after_help = "For registries whose logins expire: run it from a timer.

Examples:
  windlass secrets refresh --yes
  windlass secrets refresh --set platform.pull_secret=file:new-login.json")]
    Refresh {
        /// Read answers from this file instead of those of the last install
        #[arg(long, value_name = "FILE")]
        answers: Option<PathBuf>,
        /// Set the answer to a question: component.question=answer; may be repeated
        #[arg(long = "set", value_name = "QUESTION=ANSWER")]
        set: Vec<String>,
    },
}

/// `uninstall`.
#[derive(Debug, Args)]
pub struct UninstallArgs {
    /// Only these components
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub components: Option<Vec<String>>,
    /// Delete the claims with all data, and the namespaces that windlass created if nothing else is in them
    #[arg(long)]
    pub purge_data: bool,
    /// With --purge-data: also delete shared objects: CRDs and namespaces of charts, and namespaces created by windlass
    /// that contain objects of others; the plan lists them
    #[arg(long, requires = "purge_data")]
    pub purge_shared: bool,
    /// With --purge-data and without a terminal: the name of the context, as confirmation
    #[arg(long, value_name = "CONTEXT", requires = "purge_data")]
    pub confirm: Option<String>,
}

/// `support-bundle`.
#[derive(Debug, Args)]
pub struct SupportArgs {
    /// Write the support bundle to FILE instead of ./windlass-support-TIME.tar.gz
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Also this namespace, in addition to those of the platform; may be repeated
    #[arg(long, value_name = "NAME")]
    pub namespace: Vec<String>,
    /// Include ConfigMaps, environment variables and arguments, with values that look like secrets redacted
    #[arg(long)]
    pub with_config: bool,
}

/// `runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// Show this run's events again; `last` is the newest
    pub run: Option<String>,
}

/// `answers`.
#[derive(Debug, Args)]
pub struct AnswersFileArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: AnswersCommand,
}

/// What to do with an answers file.
#[derive(Debug, Subcommand)]
pub enum AnswersCommand {
    /// Write an answers file to fill in: every question with its help, its type and its default
    Init {
        /// Write the answers file to FILE, which must not exist, instead of stdout
        file: Option<PathBuf>,
        /// Only these components, and what they require
        #[arg(long, value_name = "ID,…", value_delimiter = ',')]
        components: Option<Vec<String>>,
        /// Set of sizes: small, standard or one from --catalog
        #[arg(long, value_name = "NAME")]
        profile: Option<String>,
    },
    /// Check an answers file for mistakes and missing answers
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print a JSON Schema of answers files, for editors
    Schema,
}

/// `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Run id, `last` for the newest run, or an events file
    pub run: String,
    /// Playback speed: 2 is twice as fast
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub speed: f64,
    /// Write the screen as SVG to FILE instead of playing
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// With --picture: time since the start of the run; default: the end
    #[arg(long, value_name = "SECONDS", requires = "picture")]
    pub at: Option<f64>,
    /// With --picture: size of the screen (100x30)
    #[arg(long, value_name = "COLUMNSxROWS", requires = "picture", value_parser = size)]
    pub size: Option<(u16, u16)>,
    /// Use only ASCII for lines and marks
    #[arg(long)]
    pub ascii: bool,
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let parsed = text.split_once('x').and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
    parsed.ok_or_else(|| "expected columns and rows, such as 100x30".to_owned())
}

/// `catalog`.
#[derive(Debug, Args)]
pub struct CatalogArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: CatalogCommand,
}

/// What to do with the catalog.
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// List the components
    List,
    /// Show a component's questions, with types and defaults
    Show {
        /// Component id, or `platform`
        component: String,
    },
    /// Check the component definitions, including those of --catalog
    Check,
    /// Export the built-in component definitions to a folder
    Export {
        /// An empty or new folder
        dir: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
