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
    PushInto, ServeArgs, TagRule,
};
pub use image::{BuildArg, BuildArgs, ImageArgs, ImageCommand, ImageTarget};
pub use install::{AnswerArgs, Graph, GuideArgs, InstallArgs, PlanArgs, PreflightArgs};
pub use lock::LockArgs;
pub use registry::RegistryArgs;

use crate::model::LANGUAGES;

/// Installs a data platform on Kubernetes, shows what happens, checks that it works, and can be run again.
#[derive(Debug, Parser)]
#[command(
    name = "windlass",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Examples:
  windlass                                             step by step, on screens
  windlass --sandbox install --yes                     into the sandbox that `sandbox/up` made
  windlass preflight --answers site.yaml               what would keep an install from going well
  windlass plan --answers site.yaml                    what an install would do, and why
  windlass install --answers site.yaml --yes --json    for a pipeline
  windlass status                                      what is installed, and whether it is healthy
  windlass connect livy                                its web pages on this machine, until Ctrl-C
  windlass uninstall --yes                             everything but the data

Exit codes: 0 done or nothing to do, 2 bad input, 3 answers missing, 4 cluster or Helm not usable,
5 a step failed, 6 stopped, 7 installed but a check failed, 8 refused, 9 locked by another run,
10 the lock was lost, 11 preflight found errors; see docs/exit-codes.md"
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do; at a terminal, and without a command: the guided install.
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
    /// Lay the definitions in DIR over the built-in catalog; may be repeated
    #[arg(long, global = true, value_name = "DIR", help_heading = "Input")]
    pub catalog: Vec<PathBuf>,
    /// The Helm of an offline bundle, where none is named.
    #[arg(skip)]
    pub bundled_helm: Option<PathBuf>,
    /// Nothing but the screens may ask or print: credential plugins of the kubeconfig may not.
    #[arg(skip)]
    pub silent: bool,
    /// Do not ask for confirmation
    #[arg(long, short = 'y', global = true, help_heading = "Output")]
    pub yes: bool,
    /// Print JSON, one object per line, with a schema version
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Print plain lines: no colours, nothing redrawn
    #[arg(long, global = true, conflicts_with = "json", help_heading = "Output")]
    pub plain: bool,
    /// The language of questions and screens; else that of the locale
    #[arg(long, global = true, value_name = "en|ru", value_parser = LANGUAGES, help_heading = "Output")]
    pub lang: Option<String>,
    /// Say more; twice for what the libraries say too
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
  windlass install --waive resources --yes             a cluster that adds nodes by itself
  windlass install --adopt livy                        a release my-livy that was made by hand becomes windlass's
  windlass install --bundle platform.tar --registry harbor.site/mirror --yes      where there is no internet
  windlass --sandbox install --yes --set shared-libraries.source=./jars")]
    Install(InstallArgs),
    /// Look at everything that an install will need, and tell all that is wrong at once
    #[command(after_help = "Examples:
  windlass preflight --answers site.yaml
  windlass preflight --waive storage-expansion --json
  windlass preflight --list | less         every finding that there can be: docs/preflight.md

Ends with 11 if there are errors, and with 0 if there are none.")]
    Preflight(PreflightArgs),
    /// Show what an install would do, and why
    #[command(after_help = "Examples:
  windlass plan --answers site.yaml
  windlass plan --answers site.yaml --diff     with every value and field that an upgrade would change
  windlass plan --json > plan.json
  windlass plan --graph mermaid > plan.mmd     for what shows Markdown
  windlass plan --graph dot | dot -Tsvg > plan.svg

Where an earlier run on this machine was against the same cluster, the critical path is named: the steps that decide how
long it takes, by the times of that run. With --json that is a line of JSON on the standard error: a plan holds no time.")]
    Plan(PlanArgs),
    /// Show what is installed, whether it is ready, and when it was last verified
    Status(StatusArgs),
    /// Forward ports of this machine to a component's endpoints, until Ctrl-C
    #[command(after_help = "Examples:
  windlass connect livy                     every endpoint, each on its own port if that is free here
  windlass connect livy --port 8080 --open  on this port, and in the browser
  windlass connect hdfs --endpoint NameNode
  windlass connect livy --json              the addresses as one object, then one for each thing that happens

Each connection is forwarded to a pod that is ready then, so a pod that is replaced is found again. At most 64
connections to an endpoint are open at once, and one on which nothing is said for 15 minutes is closed.
Ends with 6 on Ctrl-C, with 2 where the component is not installed or the port is taken.")]
    Connect(ConnectArgs),
    /// Prove that what is installed works: files in HDFS, a Spark job, its history
    #[command(after_help = "Examples:
  windlass verify
  windlass verify --failover                and that the second NameNode takes over (hdfs.mode=ha)

Ends with 7 where a check failed, with 8 where nothing is installed.")]
    Verify(VerifyArgs),
    /// Bring a component back to the last revision that was verified
    #[command(after_help = "Example:
  windlass rollback livy          after an upgrade that failed; proves it again")]
    Rollback(RollbackArgs),
    /// List the Secrets of the platform, give one a new content, or write pull Secrets anew
    #[command(after_help = "Examples:
  windlass secrets list                      which there are, where from, used by what; never what they hold
  windlass secrets rotate airflow.fernet_key   a new content for a generated one; what reads it is restarted
  windlass secrets refresh                   pull Secrets again from their source, before a login expires

Exit codes: 0 done or nothing to do, 2 bad input, 4 cluster not usable, 5 a step failed (the same command goes on),
8 refused (not generated, not installed), 9 locked by another run; see docs/exit-codes.md")]
    Secrets(SecretsArgs),
    /// Remove what is installed, in reverse order; the data stays unless --purge-data is given
    #[command(after_help = "Examples:
  windlass uninstall                        everything but volumes, their namespaces and the record of both
  windlass uninstall --components livy,spark-history-server --yes
  windlass uninstall --purge-data           asks for the context's name
  windlass uninstall --components hdfs --purge-data   also what an earlier uninstall kept of it")]
    Uninstall(UninstallArgs),
    /// Remove the lock that keeps a second operator out
    #[command(
        after_help = "The lock of a run that was killed expires by itself after half a minute, or is taken over at once where it
can be seen that its process is gone. What this is for: a holder that cannot be reached and is still at work.

Example:
  windlass unlock          says who holds it, and asks"
    )]
    Unlock,
    /// List the runs on this machine, or show one
    Runs(RunsArgs),
    /// Play a recorded run on the screen that it was watched on
    #[command(after_help = "Examples:
  windlass replay last                  the newest run of this machine, at its own pace
  windlass replay last --speed 10
  windlass replay events.jsonl --at 12.5 --picture run.svg")]
    Replay(ReplayArgs),
    /// Collect what helps others to see what happened: runs, releases, pods, events, logs; without secrets
    #[command(
        after_help = "Works on a broken cluster, too, and on one that cannot be reached. Nothing leaves this machine.
Data of ConfigMaps, values of environment variables, arguments and commands are left out: their keys are there, and
digests that tell which are equal. The rest goes without what looks like a secret, and without what a Secret of these
namespaces holds, however it is spelt. Where Secrets may not be read, that is said first.

Examples:
  windlass support-bundle
  windlass support-bundle --output case-17.tar.gz --namespace ingress-nginx"
    )]
    SupportBundle(SupportArgs),
    /// Make, check and take apart offline bundles: all that an install needs, for a site without internet
    #[command(after_help = "Examples:
  windlass bundle create --output platform.tar
  windlass bundle verify /mnt/a:/mnt/b --key site.pub
  windlass bundle push platform.tar --registry harbor.site/mirror
  windlass bundle serve platform.tar --listen 127.0.0.1:5000

An offline bundle is one uncompressed tar and an OCI image layout at the same time, so that skopeo and containerd read it
too. It is read in place, be it in parts on several media: nothing is ever unpacked.

Exit codes: 0 done, 1 an error of this machine (a full disk: the same command resumes), 2 bad input (also a bundle that is
damaged), 4 the source or the registry cannot be used, 5 a fetch or a push failed (the same command resumes), 6 stopped,
7 wrong bytes were found, 8 refused (not signed by the pinned key), 9 another windlass is at it, 11 too little room, or the
registry is not ready for a push; see docs/exit-codes.md")]
    Bundle(BundleArgs),
    /// Make the images that nobody publishes, without a container engine
    #[command(after_help = "Examples:
  windlass image list
  windlass image build livy --dist livy.zip --to registry:harbor.site/platform/livy:0.9.0-incubating")]
    Image(ImageArgs),
    /// Write, check or describe an answers file
    #[command(after_help = "Examples:
  windlass answers init --profile small > site.yaml     every question, with help and default
  windlass answers check site.yaml                      all mistakes at once, with line and column
  windlass answers schema > windlass.schema.json        for editors: completion, help and checks while typing")]
    Answers(AnswersFileArgs),
    /// Show, check or write out the component definitions
    Catalog(CatalogArgs),
    /// Write images.lock: every image, chart and file that the platform is made of, and where each comes from
    #[command(
        after_help = "Images are found by rendering every chart in every profile, with every answer that brings images, by the
lists of the definitions, and in the Jobs that windlass runs. Needs Helm and no cluster. Without --from nothing is asked
of any registry: images that no registry has confirmed are unresolved, and say so.

Examples:
  windlass lock                                    ./images.lock; what was resolved stays so
  windlass lock --from harbor.site/mirror          with digests, platforms and signatures from there
  windlass lock --from docker.io --platform linux/amd64   one platform of each image
  windlass lock --check                            what differs from ./images.lock, or from the built-in one
  windlass lock --why spark                        which component, object and profile bring an image
  windlass lock --answers site.yaml --catalog DIR --output site.lock   a site's own charts and images

Exit codes: 0 done, or no difference; 2 bad input, 4 Helm or the registry cannot be used, 8 --check found differences."
    )]
    Lock(LockArgs),
    /// Print completions for a shell
    #[command(after_help = "Example:
  windlass completions bash > /etc/bash_completion.d/windlass")]
    Completions {
        /// Which shell
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
    /// Look at HDFS too, file by file, and end with code 5 if anything differs from what was installed
    #[arg(long)]
    pub drift: bool,
    /// Keep looking, on a screen; q leaves
    #[arg(long, conflicts_with_all = ["drift", "json"])]
    pub watch: bool,
    /// Only these components
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub components: Option<Vec<String>>,
}

/// `connect`.
#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// Which component
    pub component: String,
    /// Listen on this port, which must be free; else on the endpoint's own if it is free here, or on any
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Only the endpoint of this title, as `windlass status` shows it
    #[arg(long, value_name = "TITLE")]
    pub endpoint: Option<String>,
    /// Open it in the browser, by xdg-open or open
    #[arg(long)]
    pub open: bool,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// At the end, take the active NameNode's pod away and see that the other one takes over; what uses HDFS waits for
    /// some seconds meanwhile
    #[arg(long)]
    pub failover: bool,
    /// Answers, if they are not those of the last install.
    #[command(flatten)]
    pub answers: AnswerArgs,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Which component
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
    /// List them: keys, where from, used by which component, age; never what they hold
    #[command(after_help = "Example:
  windlass secrets list --json")]
    List,
    /// Give a generated secret a new content, and restart what reads it
    #[command(
        after_help = "The new content is staged beside the old one, the steps that the component declares under `rotate` make it
count, then the Secret and those that are made of it are switched and what reads them is restarted. When it was
killed or failed, the same command goes on where it was.

Examples:
  windlass secrets rotate airflow.fernet_key
  windlass secrets rotate postgresql.password --no-verify --yes"
    )]
    Rotate {
        /// Which: component.question
        #[arg(value_name = "COMPONENT.QUESTION")]
        secret: String,
        /// Skip the checks at the end
        #[arg(long)]
        no_verify: bool,
    },
    /// Write the pull Secrets anew from their source; no release gets a revision
    #[command(after_help = "For registries whose logins expire: from a timer, before they do.

Examples:
  windlass secrets refresh --yes
  windlass secrets refresh --set platform.pull_secret=file:new-login.json")]
    Refresh {
        /// Read answers from this file instead of those of the last install
        #[arg(long, value_name = "FILE")]
        answers: Option<PathBuf>,
        /// Answer one question: component.question=answer; may be repeated
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
    /// Delete the claims, and with them all data, and the namespaces that windlass made and in which nothing else is
    #[arg(long)]
    pub purge_data: bool,
    /// With --purge-data: also what others may use or have put there: kinds (CRDs) and namespaces of charts, and
    /// namespaces that windlass made and in which others have put something; the plan names it
    #[arg(long, requires = "purge_data")]
    pub purge_shared: bool,
    /// With --purge-data and without a terminal: the name of the context, as confirmation
    #[arg(long, value_name = "CONTEXT", requires = "purge_data")]
    pub confirm: Option<String>,
}

/// `support-bundle`.
#[derive(Debug, Args)]
pub struct SupportArgs {
    /// Write it to FILE instead of ./windlass-support-TIME.tar.gz
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// This namespace too, besides those of the platform; may be repeated
    #[arg(long, value_name = "NAME")]
    pub namespace: Vec<String>,
    /// Leave in what ConfigMaps, environment variables and arguments hold, without what looks like a secret
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
    /// Write one to fill in: every question with its help, its type and its default
    Init {
        /// Write it to FILE, which must not be there yet, instead of the standard output
        file: Option<PathBuf>,
        /// Only these components, and what they require
        #[arg(long, value_name = "ID,…", value_delimiter = ',')]
        components: Option<Vec<String>>,
        /// Sizes that go together: small, standard or one of --catalog
        #[arg(long, value_name = "NAME")]
        profile: Option<String>,
    },
    /// Look for every mistake in one, and for answers that are missing
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
    /// A run's id, `last` for the newest, or a file of events
    pub run: String,
    /// So many times as fast
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub speed: f64,
    /// Write the screen as SVG to FILE instead of playing
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// With --picture: so many seconds after the beginning; else at the end
    #[arg(long, value_name = "SECONDS", requires = "picture")]
    pub at: Option<f64>,
    /// With --picture: its size (100x30)
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
    /// Check the definitions, with those of --catalog laid over
    Check,
    /// Write the built-in definitions below a folder
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
