//! One commit of a git repository, fetched by the `git` program and kept as a tar of one folder.
//!
//! Git is given nothing of the operator's configuration but how servers are reached and logged in to (`credential.*`,
//! `http.*`, `core.sshCommand`), and nothing is checked out: no hook, filter, submodule or attribute has a say.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::driver::cache::{Cache, user_cache};
use crate::driver::process::{self, Environment, Output, PrivateDir, PrivateDirError, ProcessError, Spec};
use crate::model::{GIT_TOKEN, GitSource, Secret, bounded, known, remember};

/// How long a fetch may take in all, and any other call.
const FETCH: Duration = Duration::from_secs(15 * 60);
const CALL: Duration = Duration::from_secs(120);

/// The most that a fetched commit, or the folder of it, may have.
const MOST: u64 = 2 << 30;

/// The most files of the folder.
const FILES: usize = 100_000;

/// The most that is kept, of which the oldest goes first, and how many.
const KEPT: u64 = 4 << 30;
const KEPT_FILES: usize = 100;

/// Before this the user's configuration cannot be excluded.
const OLDEST: (u32, u32) = (2, 32);

/// What of ours says how servers are reached; everything else that begins with GIT_ is omitted.
const KEPT_VARIABLES: [&str; 9] = [
    "GIT_ASKPASS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
    "GIT_EXEC_PATH",
];

/// What of ours says where the user's configuration is.
const CONFIG_VARIABLES: [&str; 5] =
    ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"];

/// The settings that are taken over.
const SETTINGS: &str = r"^(credential\.|http\.|core\.sshcommand$|safe\.directory$)";

/// Attributes change what comes out of a repository, and none is to: these stand above those that are in it.
const ATTRIBUTES: &str = "* -export-ignore -export-subst -text -eol -ident -filter -working-tree-encoding -crlf\n";

/// A helper that gives the token. The token itself stays in the environment.
const TOKEN_HELPER: &str = r#"!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "${WINDLASS_GIT_USER:-git}" "$WINDLASS_GIT_TOKEN"; }; f"#;

/// Why a commit was not got.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git.
    #[error("git not found in PATH; install git 2.32 or newer, or specify a folder or an archive instead")]
    NoGit,
    /// Its version does not do.
    #[error("{0} is too old: git 2.32 or newer is required, or specify a folder or an archive instead")]
    Old(String),
    /// Git ended with an error, or was stopped.
    #[error("{}", what.message(.url))]
    Git {
        /// What kind of failure.
        what: GitFailure,
        /// The repository.
        url: String,
        /// How it ended, with its last lines.
        source: Box<ProcessError>,
    },
    /// The number is of a tag or of something else.
    #[error("{wanted} is not a commit{}", .commit.as_ref().map(|commit| format!(": it is a tag of commit {commit}, specify that")).unwrap_or_default())]
    NoCommit {
        /// What was asked for.
        wanted: String,
        /// The commit that it stands for.
        commit: Option<String>,
    },
    /// The folder is not in it.
    #[error("folder `{folder}` not found in that commit{there}")]
    NoFolder {
        /// Which.
        folder: String,
        /// What there is.
        there: String,
    },
    /// It is more than is taken.
    #[error("exceeds the limit of {0}; specify a folder in it")]
    Large(String),
    /// There is no folder to fetch into.
    #[error("failed to create a private folder")]
    Dir(#[from] PrivateDirError),
    /// It cannot be kept.
    #[error("failed to write to the cache")]
    Keep(#[source] io::Error),
}

/// Kinds of failure, as far as git's words tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitFailure {
    /// It wants a login, or another.
    Refused,
    /// The repository is there, and does not give this commit.
    NoCommit,
    /// There is no such repository, or none that may be seen.
    Absent,
    /// It cannot be reached.
    Unreachable,
    /// It has more than is taken.
    Large,
    /// None of these.
    Other,
}

impl GitFailure {
    fn of(error: &ProcessError) -> Self {
        let text = error.to_string().to_lowercase();
        let any = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
        if any(&["signal 25", "file size limit", "file too large"]) {
            Self::Large
        } else if any(&[
            "authentication failed",
            "could not read username",
            "could not read password",
            "terminal prompts disabled",
            "error: 401",
            "error: 403",
            "permission denied",
            "access denied",
            "host key verification failed",
        ]) {
            Self::Refused
        } else if any(&["not our ref", "couldn't find remote ref", "unadvertised object", "no such remote ref"]) {
            Self::NoCommit
        } else if matches!(error, ProcessError::Deadline { .. })
            || any(&[
                "could not resolve host",
                "couldn't connect",
                "failed to connect",
                "connection refused",
                "connection timed out",
                "connection reset",
                "operation timed out",
                "operation too slow",
                "network is unreachable",
                "no route to host",
                "certificate",
                "ssl",
                "error: 5",
                "early eof",
            ])
        {
            Self::Unreachable
        } else if any(&["not found", "does not appear to be a git repository", "does not exist", "no such file"]) {
            Self::Absent
        } else {
            Self::Other
        }
    }

    fn message(self, url: &str) -> String {
        match self {
            Self::Refused => "authentication failed or required: log in with a credential helper, GIT_ASKPASS or \
                              WINDLASS_GIT_TOKEN (ssh: a key in the agent, and the host in known_hosts)"
                .to_owned(),
            Self::NoCommit => format!(
                "commit not available; `git ls-remote {url}` lists the commits of its branches and tags (if the \
                 server only serves those, use an archive instead)"
            ),
            Self::Absent => format!(
                "repository not found, or a login is required; check the address with `git ls-remote {url}`, log in with a \
                 credential helper, GIT_ASKPASS or WINDLASS_GIT_TOKEN"
            ),
            Self::Unreachable => {
                format!("unreachable from this machine; check with `git ls-remote {url}`")
            }
            Self::Large => {
                format!("exceeds the limit of {}: specify a folder or an archive instead", bounded::size(MOST))
            }
            Self::Other => "git fetch failed".to_owned(),
        }
    }
}

/// Git, and what was fetched with it.
#[derive(Debug, Clone)]
pub struct Git {
    own: Environment,
    /// With a token, if there is one.
    token: Option<Secret>,
    cache: Cache,
    most: u64,
}

impl Git {
    /// As the user has it: `${XDG_CACHE_HOME:-~/.cache}/windlass/git`.
    #[must_use]
    pub fn of_user() -> Self {
        let token = std::env::var(GIT_TOKEN).ok().filter(|token| !token.is_empty());
        Self::with(Environment::inherited_without(&[]), token, user_cache("git"))
    }

    /// With another environment, token and folder for what is kept.
    #[must_use]
    pub fn with(own: Environment, token: Option<String>, cache: Option<PathBuf>) -> Self {
        // Whatever git says of it goes without.
        token.iter().for_each(|token| remember(token));
        Self { own, token: token.map(Secret::new), cache: Cache::new(cache, ".tar", KEPT, KEPT_FILES), most: MOST }
    }

    /// The folder of a commit as a tar, from the cache or from its server.
    ///
    /// # Errors
    /// There is no git, or the commit or folder cannot be got, is too large, or cannot be kept.
    pub(super) async fn tar(&self, source: &GitSource, cancel: &CancellationToken) -> Result<File, GitError> {
        let reference = source.to_string();
        let (cache, known) = (self.cache.clone(), reference.clone());
        if let Ok(Some(file)) = tokio::task::spawn_blocking(move || cache.get(&known)).await {
            return Ok(file);
        }
        tracing::info!("fetching {reference}");
        let dir = PrivateDir::under(&std::env::temp_dir())?;
        let call = Call { git: self, source, dir: dir.path(), cancel };
        call.check_version().await?;
        call.fetch().await?;
        let tree = call.tree().await?;
        call.check_size(&tree).await?;
        let part = self.cache.part().map_err(GitError::Keep)?;
        let to = part.path().as_os_str().to_owned();
        call.here(&["archive".into(), "--format=tar".into(), "-o".into(), to, tree.into()]).await?;
        let cache = self.cache.clone();
        let kept = tokio::task::spawn_blocking(move || cache.keep(&reference, part)).await;
        kept.map_err(io::Error::other).and_then(|kept| kept).map_err(GitError::Keep)
    }
}

/// The calls for one source, in a repository of its own.
struct Call<'a> {
    git: &'a Git,
    source: &'a GitSource,
    dir: &'a Path,
    cancel: &'a CancellationToken,
}

impl Call<'_> {
    async fn check_version(&self) -> Result<(), GitError> {
        let output = self.here(&["version".into()]).await?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(()),
            _ => Err(GitError::Old(text)),
        }
    }

    /// Exactly the one commit, without what was before it.
    async fn fetch(&self) -> Result<(), GitError> {
        self.here(&["init".into(), "--quiet".into(), "--bare".into(), "--template=".into()]).await?;
        let info = self.repository().join("info");
        std::fs::create_dir_all(&info).map_err(GitError::Keep)?;
        std::fs::write(info.join("attributes"), ATTRIBUTES).map_err(GitError::Keep)?;
        let settings = self.settings().await?;
        let mut args: Vec<OsString> = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--",
        ]
        .map(OsString::from)
        .to_vec();
        args.extend([self.source.url.clone().into(), self.source.commit.clone().into()]);
        self.run(args, self.environment(settings), FETCH).await?;
        // Its objects are named by their content, so that this is the commit that was asked for, or nothing is.
        let wanted = &self.source.commit;
        let found = self.here(&["rev-parse".into(), "--verify".into(), format!("{wanted}^{{commit}}").into()]).await;
        let found = found.ok().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        match found {
            Some(found) if found == *wanted => Ok(()),
            commit => Err(GitError::NoCommit { wanted: wanted.clone(), commit }),
        }
    }

    /// The folder, as git names it.
    async fn tree(&self) -> Result<String, GitError> {
        let GitSource { commit, folder, .. } = self.source;
        let tree = format!("{commit}:{folder}");
        let kind = self.here(&["cat-file".into(), "-t".into(), tree.clone().into()]).await;
        if kind.is_ok_and(|output| output.stdout.trim_ascii() == b"tree") {
            return Ok(tree);
        }
        let listed = self.here(&["ls-tree".into(), "-d".into(), "--name-only".into(), commit.into()]).await?;
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        let there: Vec<&str> = text.lines().collect();
        let there = if there.is_empty() { String::new() } else { format!("; found {}", crate::model::few(&there, 10)) };
        Err(GitError::NoFolder { folder: folder.clone(), there })
    }

    /// Asked before anything is written.
    async fn check_size(&self, tree: &str) -> Result<(), GitError> {
        let listed = self.here(&["ls-tree".into(), "-r".into(), "-l".into(), "-z".into(), tree.into()]).await?;
        let entries = listed.stdout.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
        let (mut files, mut bytes) = (0, 0_u64);
        for entry in entries {
            // `mode type id size<TAB>path`
            let size = entry.split(|byte| byte.is_ascii_whitespace()).filter(|part| !part.is_empty()).nth(3);
            let size = size.and_then(|size| std::str::from_utf8(size).ok()).and_then(|size| size.parse::<u64>().ok());
            (files, bytes) = (files + 1, bytes.saturating_add(size.unwrap_or(0)));
        }
        match () {
            () if files > FILES => Err(GitError::Large(format!("{FILES} files"))),
            () if bytes > self.git.most => Err(GitError::Large(bounded::size(self.git.most))),
            () => Ok(()),
        }
    }

    fn repository(&self) -> PathBuf {
        self.dir.join("git")
    }

    /// A call that asks no server and knows nothing of the user's.
    async fn here(&self, args: &[OsString]) -> Result<Output, GitError> {
        self.run(args.to_vec(), self.environment(Vec::new()), CALL).await
    }

    /// How the user reaches servers, and how they log in.
    async fn settings(&self) -> Result<Vec<(String, String)>, GitError> {
        let mut env = self.bare();
        for (name, value) in self.git.own.iter() {
            let text = name.to_string_lossy();
            let numbered = text.starts_with("GIT_CONFIG_KEY_") || text.starts_with("GIT_CONFIG_VALUE_");
            if numbered || CONFIG_VARIABLES.contains(&&*text) {
                env = env.set(name, value);
            }
        }
        let args = ["config", "--includes", "-z", "--get-regexp", SETTINGS].map(OsString::from).to_vec();
        // 1 is that there are none; what is wrong with the user's files is no reason to stop.
        let listed = self.run(args, env, CALL).await.map(|output| output.stdout).unwrap_or_default();
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let entries = listed.split('\0').filter_map(|entry| entry.split_once('\n'));
        let mut settings: Vec<(String, String)> =
            entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        settings.iter().filter(|(key, _)| key.ends_with(".extraheader")).for_each(|(_, value)| remember(value));
        if self.git.token.is_some() && self.source.url.starts_with("http") {
            // For this server alone, and in place of others that might hold an older login.
            let key = format!("credential.{}.helper", self.source.server());
            settings.extend([(key.clone(), String::new()), (key, TOKEN_HELPER.to_owned())]);
        }
        Ok(settings)
    }

    /// What every call knows.
    fn bare(&self) -> Environment {
        let mut env = Environment::empty();
        for (name, value) in self.git.own.iter() {
            let text = name.to_string_lossy();
            let foreign = text.starts_with("GIT_") || text.starts_with("SSH_ASKPASS");
            if !foreign || KEPT_VARIABLES.contains(&&*text) {
                env = env.set(name, value);
            }
        }
        env.set("GIT_DIR", self.repository()).set("LC_ALL", "C").set("GIT_TERMINAL_PROMPT", "0")
    }

    fn environment(&self, settings: Vec<(String, String)>) -> Environment {
        let mut env = self.bare();
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_ALLOW_PROTOCOL", self.source.scheme()),
            ("GIT_HTTP_LOW_SPEED_LIMIT", "1000"),
            ("GIT_HTTP_LOW_SPEED_TIME", "60"),
        ] {
            env = env.set(name, value);
        }
        let ssh = settings.iter().rev().find(|(key, _)| key == "core.sshcommand").map(|(_, value)| value.clone());
        let own = env.get("GIT_SSH_COMMAND").map(|own| own.to_string_lossy().into_owned()).or(ssh);
        if own.is_some() || env.get("GIT_SSH").is_none() {
            let own = own.unwrap_or_else(|| "ssh".to_owned());
            // Nobody is there to be asked for a password or about a host.
            let is_ssh =
                own.split_whitespace().next().is_some_and(|program| program == "ssh" || program.ends_with("/ssh"));
            env = env.set("GIT_SSH_COMMAND", if is_ssh { format!("{own} -oBatchMode=yes") } else { own });
        }
        if let Some(token) = self.git.token.as_ref().filter(|_| settings.iter().any(|(_, value)| value == TOKEN_HELPER))
        {
            env = env.set(GIT_TOKEN, token.expose());
        }
        // Ours come last and win.
        let ours = [("core.hooksPath", "/dev/null"), ("core.attributesFile", "/dev/null"), ("core.fsmonitor", "false")];
        let ours = ours.into_iter().chain([
            ("gc.auto", "0"),
            ("submodule.recurse", "false"),
            ("http.followRedirects", "initial"),
        ]);
        let all: Vec<(String, String)> =
            settings.into_iter().chain(ours.map(|(key, value)| (key.to_owned(), value.to_owned()))).collect();
        env = env.set("GIT_CONFIG_COUNT", all.len().to_string());
        for (at, (key, value)) in all.into_iter().enumerate() {
            env = env.set(format!("GIT_CONFIG_KEY_{at}"), key).set(format!("GIT_CONFIG_VALUE_{at}"), value);
        }
        env
    }

    async fn run(&self, args: Vec<OsString>, env: Environment, deadline: Duration) -> Result<Output, GitError> {
        let mut spec = Spec::new("git").args(args);
        spec.env = env;
        spec.deadline = deadline;
        // What is packed is smaller than what is taken out of it.
        spec.file_size = Some(MOST);
        process::run(spec, self.cancel).await.map_err(|error| match error {
            ProcessError::Spawn { source, .. } if source.kind() == io::ErrorKind::NotFound => GitError::NoGit,
            mut error => {
                let what = GitFailure::of(&error);
                if let ProcessError::Failed { stderr, .. } | ProcessError::Deadline { stderr, .. } = &mut error {
                    let known = known();
                    stderr.iter_mut().for_each(|line| *line = known.known_out_of(line));
                }
                GitError::Git { what, url: self.source.url.clone(), source: Box::new(error) }
            }
        })
    }
}

#[cfg(test)]
mod tests;
