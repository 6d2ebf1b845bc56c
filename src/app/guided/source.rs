//! What the screens want of an offline bundle: it is opened, read, and compared with what the registry has.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::world::{Asked, World};
use crate::answers::{Given, LayerKind};
use crate::app::exit::{Exit, Failed};
use crate::app::offline::{Offline, Opened};
use crate::app::session;
use crate::cli::{OfflineArgs, TagRule};
use crate::driver::bundle::sign::SignedBy;
use crate::driver::bundle::verify_while;
use crate::model::causes;
use crate::render::tui::{BundleView, News, OfflineChoice, PushView, Signed, Source, SourceIntent, SourceNews};

/// How often it is said how far the reading is, at the most.
const STEPS: u64 = 200;

/// The most blobs that are named where several are wrong.
const NAMED: usize = 3;

/// The offline bundle that is installed from, and what is asked about it.
pub(super) struct Sources {
    /// The options of the command line; screens change some of them.
    given: OfflineArgs,
    now: Mutex<Now>,
}

struct Now {
    /// What is installed from; nothing named where that is no offline bundle.
    args: OfflineArgs,
    /// Only the last that was asked for is wanted.
    opens: Asked,
    plans: Asked,
    /// Cancelled to stop reading.
    reading: CancellationToken,
}

impl Sources {
    pub(super) fn new(given: &OfflineArgs) -> Self {
        let args = if given.bundle.is_empty() { OfflineArgs::default() } else { given.clone() };
        let now = Now { args, opens: Asked::default(), plans: Asked::default(), reading: CancellationToken::new() };
        Self { given: given.clone(), now: Mutex::new(now) }
    }

    /// The options of an install from what was chosen.
    pub(super) fn args(&self) -> OfflineArgs {
        self.now().args.clone()
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of the command line with what was chosen on the screen.
    fn of(&self, choice: &OfflineChoice) -> OfflineArgs {
        let home = std::env::var_os("HOME");
        let path = |text: &str| (!text.is_empty()).then(|| at_home(text, home.as_ref()));
        let mut args = self.given.clone();
        args.bundle = choice.bundle.split(':').filter_map(path).collect();
        args.key = path(&choice.key);
        args.reach.ca = choice.ca.split(':').filter_map(path).collect();
        args
    }
}

/// `~/…` is in the user's own folder, as shells have it.
fn at_home(text: &str, home: Option<&OsString>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => PathBuf::from(text),
    }
}

/// What the screen begins with.
pub(super) fn named(args: &OfflineArgs) -> Source {
    let joined = |paths: &[PathBuf]| {
        let texts: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        texts.join(":")
    };
    let text = |path: &PathBuf| path.display().to_string();
    let choice = OfflineChoice {
        bundle: joined(&args.bundle),
        key: args.key.as_ref().map(text).unwrap_or_default(),
        ca: joined(&args.reach.ca),
    };
    let (into, reach) = (&args.into, &args.reach);
    let tags = match into.tag_conflict {
        TagRule::Fail => None,
        TagRule::Keep => Some("keep".to_owned()),
        TagRule::Overwrite => Some("overwrite".to_owned()),
    };
    let valued = [
        ("--signature", args.signature.as_ref().map(text)),
        ("--max-depth", into.max_depth.map(|depth| depth.to_string())),
        ("--tag-conflict", tags),
        ("--client-cert", reach.client_cert.as_ref().map(text)),
        ("--client-key", reach.client_key.as_ref().map(text)),
        ("--token-host", reach.token_host.clone()),
        ("--registry-config", reach.registry_config.as_ref().map(text)),
    ];
    let plain = reach.plain_http.iter().map(|host| ("--plain-http", Some(host.clone())));
    let switches = [("--flatten", into.flatten), ("--without-signatures", into.without_signatures)];
    let switches = switches.into_iter().filter(|(_, on)| *on).map(|(option, _)| (option, None));
    let more = valued.into_iter().filter(|(_, value)| value.is_some()).chain(plain).chain(switches);
    Source::new(choice, more.collect())
}

impl World {
    /// Begins what the screen of sources wants.
    pub(super) fn source(&self, intent: SourceIntent) {
        let world = self.clone();
        match intent {
            SourceIntent::Use(choice) => {
                let args = choice.map(|choice| self.sources.of(&choice));
                self.sources.now().args = args.unwrap_or_default();
            }
            SourceIntent::Open(choice) => {
                let number = self.sources.now().opens.again();
                self.apart(move || async move {
                    let opened = world.opened(&choice).map(|opened| view(&opened));
                    if world.sources.now().opens.is_last(number) {
                        world.hear(SourceNews::Opened(opened.map_err(|failed| failed.chain())));
                    }
                });
            }
            SourceIntent::Verify(choice) => {
                let stop = self.closed.child_token();
                std::mem::replace(&mut self.sources.now().reading, stop.clone()).cancel();
                self.apart(move || async move {
                    if let Some(verified) = world.verified(&choice, &stop).transpose() {
                        world.hear(SourceNews::Verified(verified));
                    }
                });
            }
            SourceIntent::StopVerify => self.sources.now().reading.cancel(),
            SourceIntent::Plan(choice, given) => {
                let number = self.sources.now().plans.again();
                self.apart(move || async move {
                    let planned = world.push_plan(&choice, &given).await.map_err(|failed| failed.chain());
                    if world.sources.now().plans.is_last(number) {
                        world.hear(SourceNews::Planned(planned));
                    }
                });
            }
        }
    }

    fn hear(&self, news: SourceNews) {
        self.tell(News::Source(news));
    }

    fn opened(&self, choice: &OfflineChoice) -> Result<Opened, Failed> {
        let opened = Opened::new(&self.sources.of(choice), &self.mute)?;
        opened.ok_or_else(|| Failed::text(Exit::Missing, "no offline bundle is named"))
    }

    /// Reads every byte; the number of bytes, or nothing where it was stopped.
    fn verified(&self, choice: &OfflineChoice, stop: &CancellationToken) -> Result<Option<u64>, Vec<String>> {
        let opened = self.opened(choice).map_err(|failed| failed.chain())?;
        let bundle = opened.bundle();
        let total: u64 = bundle.about().blobs.values().sum();
        let step = (total / STEPS).max(1);
        let done = AtomicU64::new(0);
        let progress = |bytes: u64| {
            let before = done.fetch_add(bytes, Ordering::Relaxed);
            if before / step != (before + bytes) / step && !stop.is_cancelled() {
                self.hear(SourceNews::Read(before + bytes, total));
            }
            !stop.is_cancelled()
        };
        match verify_while(bundle, &progress) {
            Ok(verified) => Ok(verified.map(|verified| verified.bytes)),
            Err(_) if stop.is_cancelled() => Ok(None),
            Err(errors) => {
                let more = errors.len().saturating_sub(NAMED);
                let named: Vec<String> = errors.iter().take(NAMED).map(|error| causes(error).join(": ")).collect();
                let more = if more > 0 { format!("; and {more} more") } else { String::new() };
                Err(vec![named.join("; ") + &more])
            }
        }
    }

    /// What a push would do. Answers that are still missing are filled in: images and registry are known without.
    async fn push_plan(&self, choice: &OfflineChoice, given: &Given) -> Result<PushView, Failed> {
        let cluster = self.chosen()?.cluster;
        let answers = given.draft(&self.catalog).map_err(session::wrong)?.filled(&self.catalog);
        let offline = Offline::new(self.opened(choice)?, &answers, &self.mute)?;
        let (observed, problems) = offline.observe(&cluster).await?;
        let answers = offline.answers(&self.catalog, &answers).values.into_iter();
        let pinned = answers.filter(|(_, (_, kind))| *kind == LayerKind::Bundle);
        Ok(PushView {
            images: observed.images,
            upload: observed.upload_bytes,
            mount: observed.mount_bytes,
            there: observed.there_bytes,
            writes: observed.writes,
            problems,
            pinned: pinned.map(|(id, (answer, _))| (id, answer)).collect(),
        })
    }
}

fn view(opened: &Opened) -> BundleView {
    let bundle = opened.bundle();
    let about = bundle.about();
    let signed = match opened.signed() {
        SignedBy::Nobody => Signed::Nobody,
        SignedBy::Unpinned(key) => Signed::Unpinned(key.fingerprint()),
        SignedBy::Unchecked => Signed::Unchecked,
        SignedBy::Pinned(key) => Signed::Pinned(key.fingerprint()),
    };
    BundleView {
        name: bundle.files().name.clone(),
        signed,
        components: about.components.clone(),
        images: bundle.lock().images.len(),
        platforms: about.platforms.clone(),
        bytes: bundle.parts().total(),
    }
}
