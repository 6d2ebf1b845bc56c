//! The intents of the screen of offline bundles: open one, verify it, and compare it with the registry.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use super::backend::Backend;
use crate::answers::{AnswerSources, LayerKind};
use crate::app::exit::{Exit, Failed};
use crate::app::offline::{Offline, Opened};
use crate::app::session;
use crate::driver::bundle::sign::SignedBy;
use crate::driver::bundle::verify_while;
use crate::model::causes;
use crate::render::tui::{BackendEvent, BundleView, OfflineChoice, PushView, Signed, SourceEvent, SourceIntent};

/// The most progress reports of a verification.
const STEPS: u64 = 200;

/// The most blobs that are named where several are wrong.
const NAMED: usize = 3;

impl Backend {
    /// Starts what the screen of sources asks for.
    pub(super) fn source(&self, intent: SourceIntent) {
        let backend = self.clone();
        match intent {
            SourceIntent::Use(choice) => {
                let args = choice.map(|choice| self.sources.of(&choice));
                self.sources.now().args = args.unwrap_or_default();
            }
            SourceIntent::Open(choice) => {
                let number = self.sources.now().opens.next();
                self.spawn_on_thread(move || async move {
                    let opened = backend.opened(&choice).map(|opened| view(&opened));
                    if backend.sources.now().opens.is_last(number) {
                        backend.send_source(SourceEvent::Opened(opened.map_err(|failed| failed.chain())));
                    }
                });
            }
            SourceIntent::Verify(choice) => {
                let stop = self.closed.child_token();
                std::mem::replace(&mut self.sources.now().reading, stop.clone()).cancel();
                self.spawn_on_thread(move || async move {
                    if let Some(verified) = backend.verified(&choice, &stop).transpose() {
                        backend.send_source(SourceEvent::Verified(verified));
                    }
                });
            }
            SourceIntent::StopVerify => self.sources.now().reading.cancel(),
            SourceIntent::Plan(choice, given) => {
                let number = self.sources.now().plans.next();
                self.spawn_on_thread(move || async move {
                    let planned = backend.push_plan(&choice, &given).await.map_err(|failed| failed.chain());
                    if backend.sources.now().plans.is_last(number) {
                        backend.send_source(SourceEvent::Planned(planned));
                    }
                });
            }
        }
    }

    fn send_source(&self, news: SourceEvent) {
        self.send(BackendEvent::Source(news));
    }

    fn opened(&self, choice: &OfflineChoice) -> Result<Opened, Failed> {
        let opened = Opened::new(&self.sources.of(choice), &self.mute)?;
        opened.ok_or_else(|| Failed::text(Exit::Missing, "no offline bundle selected"))
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
                self.send_source(SourceEvent::Read(before + bytes, total));
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
    async fn push_plan(&self, choice: &OfflineChoice, given: &AnswerSources) -> Result<PushView, Failed> {
        let cluster = self.chosen()?.cluster;
        let answers = given.draft(&self.catalog).map_err(session::wrong)?.filled(&self.catalog);
        let offline = Offline::new(self.opened(choice)?, &answers, &self.mute)?;
        let (observed, outlook) = offline.observe(&cluster, None).await?;
        let answers = offline.answers(&self.catalog, &answers).values.into_iter();
        let pinned = answers.filter(|(_, (_, kind))| *kind == LayerKind::Bundle);
        Ok(PushView {
            images: observed.images,
            upload: observed.upload_bytes,
            mount: observed.mount_bytes,
            there: observed.there_bytes,
            writes: observed.writes,
            problems: outlook.problems,
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
