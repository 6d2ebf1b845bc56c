//! Executes the intents of the screens in tasks of their own; their results come back as news.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::asked::RequestCount;
use super::follow::{Places, follow};
use super::places::{Place, ask, places, site};
use super::run::ScreenRequest;
use super::sources::Sources;
use super::thread::spawn_on_thread;
use crate::answers::{AnswerSources, Answers, Draft, recorded};
use crate::app::charts::LoginFrom;
use crate::app::exit::{Exit, Failed};
use crate::app::install::InstallRequest;
use crate::app::install_target::{InstallTarget, filled, replayable, unobserved};
use crate::app::offline::{Offline, Opened};
use crate::app::output::Output;
use crate::app::run::{RunGuard, carry_out, reason_not_to_move, reason_to_refuse};
use crate::app::{answers_file, diff, preflight, session, status};
use crate::catalog::Catalog;
use crate::cli::{Global, GuideArgs, StatusArgs};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::model::preflight::Report;
use crate::plan::{self, Plan, downgrades, moved};
use crate::render::tui::{BackendEvent, Connected, Intent, Planned};

/// The cluster that was chosen, and the options that select it.
#[derive(Clone)]
pub(super) struct Chosen {
    global: Global,
    pub(super) cluster: Cluster,
}

/// What the tasks share.
#[derive(Clone)]
pub(super) struct Backend {
    global: Global,
    args: GuideArgs,
    pub(super) catalog: Arc<Catalog>,
    news: UnboundedSender<BackendEvent>,
    output: Arc<Output>,
    /// Discards remarks about an offline bundle, since its screen shows them.
    pub(super) mute: Arc<Output>,
    pub(super) sources: Arc<Sources>,
    shared: Arc<Mutex<Shared>>,
    /// Cancelled when the screens are closed.
    pub(super) closed: CancellationToken,
}

#[derive(Default)]
struct Shared {
    places: Vec<Place>,
    chosen: Option<Chosen>,
    /// Cancelled to stop the current run.
    running: Option<CancellationToken>,
    /// How the last run ended.
    exit: Option<Exit>,
    /// The step whose logs are shown.
    watched_step: Option<String>,
    /// Requests to connect, for preflight, to registries and for plans: only the last of each counts.
    connects: RequestCount,
    preflights: RequestCount,
    registries: RequestCount,
    plans: RequestCount,
    /// Runs that were started: the next may start before the last has quite ended.
    runs: RequestCount,
    /// The answers file that was written from here.
    written_file: Option<PathBuf>,
    /// Follows pods and logs until the next run starts.
    follower: Option<AbortHandle>,
}

impl Backend {
    pub(super) fn new(
        global: &Global,
        args: &GuideArgs,
        catalog: Arc<Catalog>,
        news: UnboundedSender<BackendEvent>,
        output: &Output,
    ) -> Self {
        let (nobody, _) = tokio::sync::mpsc::unbounded_channel();
        let mute = Arc::new(output.to_screens(nobody));
        let output = Arc::new(output.to_screens(news.clone()));
        Self {
            global: global.clone(),
            args: args.clone(),
            catalog,
            news,
            output,
            mute,
            sources: Arc::new(Sources::new(&args.offline)),
            shared: Arc::default(),
            closed: CancellationToken::new(),
        }
    }

    /// Whether a run is in progress.
    pub(super) fn is_running(&self) -> bool {
        self.shared().running.is_some()
    }

    /// The answers file that was written from here.
    pub(super) fn written_file(&self) -> Option<PathBuf> {
        self.shared().written_file.clone()
    }

    /// How the last run ended, if there was one.
    pub(super) fn exit(&self) -> Option<Exit> {
        self.shared().exit
    }

    /// Removes what would stay on this machine when the process ends at once: the kubeconfig.
    pub(super) fn remove_private_files(&mut self) {
        if let Some(chosen) = &self.shared().chosen {
            // The next run sweeps what cannot be removed now.
            let _ = std::fs::remove_dir_all(chosen.cluster.private_dir().path());
        }
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send(&self, news: BackendEvent) {
        // The screens may be closed already.
        let _ = self.news.send(news);
    }

    /// Ends all requests, but not the run.
    pub(super) fn close(&self) {
        self.closed.cancel();
        if let Some(follower) = self.shared().follower.take() {
            follower.abort();
        }
    }

    /// Runs a task apart from the screens, and reports a panic to them.
    pub(super) fn spawn_on_thread<F: Future<Output = ()>>(&self, make: impl FnOnce() -> F + Send + 'static) {
        self.spawn_on_thread_or(make, |backend, why| backend.send(BackendEvent::Warning(why)));
    }

    /// The same, with a handler of the panic.
    fn spawn_on_thread_or<F: Future<Output = ()>>(
        &self,
        make: impl FnOnce() -> F + Send + 'static,
        or: fn(&Self, String),
    ) {
        let (task, backend) = (spawn_on_thread(&self.closed, make), self.clone());
        tokio::spawn(async move {
            if let Err(error) = task.await
                && error.is_panic()
            {
                or(&backend, format!("internal error: {error}"));
            }
        });
    }

    /// Starts what the intent asks for.
    pub(super) fn perform(&self, intent: Intent) {
        let backend = self.clone();
        match intent {
            Intent::Targets => self.spawn_on_thread(move || async move { backend.targets().await }),
            Intent::Connect(row) => {
                // Requests to the cluster before no longer count.
                self.shared().preflights.next();
                let number = self.shared().connects.next();
                self.spawn_on_thread(move || async move {
                    let connected = backend.connect(row).await;
                    let mut shared = backend.shared();
                    // Another was chosen meanwhile, or a run is in progress.
                    if !shared.connects.is_last(number) || shared.running.is_some() {
                        return;
                    }
                    let connected = connected.map(|(chosen, connected)| {
                        shared.chosen = Some(chosen);
                        Box::new(connected)
                    });
                    drop(shared);
                    backend.send(BackendEvent::Connected(connected.map_err(|failed| failed.chain())));
                });
            }
            Intent::Source(intent) => self.source(intent),
            Intent::Preflight(given, waived) => {
                let number = self.shared().preflights.next();
                self.spawn_on_thread(move || async move {
                    let report = backend.preflight(&given, &waived).await.map_err(|failed| failed.chain());
                    if backend.shared().preflights.is_last(number) {
                        backend.send(BackendEvent::Report(report));
                    }
                });
            }
            Intent::Plan(given, waived) => {
                let number = self.shared().plans.next();
                self.spawn_on_thread(move || async move {
                    let planned = backend.plan(&given, &waived).await.map_err(|failed| failed.chain());
                    if backend.shared().plans.is_last(number) {
                        backend.send(BackendEvent::Planned(planned));
                    }
                });
            }
            Intent::Registry(given) => {
                let number = self.shared().registries.next();
                self.spawn_on_thread(move || async move {
                    let result = backend.registry(&given).await.map_err(|failed| failed.chain());
                    if backend.shared().registries.is_last(number) {
                        backend.send(BackendEvent::Registry(result));
                    }
                });
            }
            Intent::Run { given, waived, without, before, agreed } => {
                let cancel = CancellationToken::new();
                let number = {
                    let mut shared = self.shared();
                    shared.running = Some(cancel.clone());
                    shared.runs.next()
                };
                let work = move || async move {
                    let ended = backend.run(&given, &waived, (without, before, agreed), cancel).await;
                    let mut shared = backend.shared();
                    if shared.runs.is_last(number) {
                        shared.running = None;
                        shared.exit = match &ended {
                            Ok(exit) => Some(*exit),
                            // Nothing was done; what was before counts.
                            Err(failed) if failed.exit == Exit::Refused => shared.exit,
                            Err(failed) => Some(failed.exit),
                        };
                    }
                    drop(shared);
                    if let Err(failed) = ended {
                        backend.send(BackendEvent::RunError(failed.chain()));
                        if failed.exit == Exit::Preflight {
                            backend.send(BackendEvent::Refused);
                        }
                    }
                };
                self.spawn_on_thread_or(work, |backend, why| {
                    backend.shared().running = None;
                    backend.shared().exit = Some(Exit::Unexpected);
                    backend.send(BackendEvent::RunError(vec![why]));
                });
            }
            Intent::Stop => {
                if let Some(cancel) = &self.shared().running {
                    cancel.cancel();
                }
            }
            Intent::WatchStep(step) => self.shared().watched_step = Some(step),
            // The loop does these itself.
            Intent::Write(..) | Intent::Copy(_) | Intent::Suspend | Intent::Quit => {}
        }
    }

    async fn targets(&self) {
        let (found, wrong) = places(&self.global);
        if let Some(wrong) = wrong {
            self.send(BackendEvent::Warning(Failed::new(Exit::Unusable, wrong).chain().join(": ")));
        }
        self.shared().places.clone_from(&found);
        self.send(BackendEvent::Targets(found.iter().map(|place| place.target.clone()).collect()));
        let asked = found.into_iter().enumerate().map(|(row, place)| async move {
            self.send(BackendEvent::TargetChecked(row, ask(&place.global).await));
        });
        futures::future::join_all(asked).await;
    }

    async fn connect(&self, row: usize) -> Result<(Chosen, Connected), Failed> {
        let place = self.shared().places.get(row).cloned();
        let Some(Place { global, flags, .. }) = place else {
            return Err(Failed::text(Exit::Unexpected, "the cluster is not in the list"));
        };
        let mut given = session::given(&global, &self.args.answers, &self.catalog, None)?;
        let cluster = session::connect(&global).await?;
        // What may not be read is reported by preflight, not here.
        let state = state_store::load(&cluster).await.ok().flatten().unwrap_or_default();
        given.layers.push(session::installed(&state, &self.catalog)?);
        let report = status::report(&global, &StatusArgs::default(), &cluster, status::HdfsProbe::Skipped).await;
        let report = report.map(|(report, _)| report.components);
        let connected = Connected {
            info: cluster.info().clone(),
            site: site(&cluster).await,
            given,
            flags,
            installed: report.unwrap_or_default().into_iter().map(|row| (row.id, row.state)).collect(),
        };
        Ok((Chosen { global, cluster }, connected))
    }

    pub(super) fn chosen(&self) -> Result<Chosen, Failed> {
        self.shared().chosen.clone().ok_or_else(|| Failed::text(Exit::Unexpected, "no cluster selected"))
    }

    /// Preflight of an install with these answers. Placeholders stand in for missing answers; the plan is made with the real
    /// ones, and checked again.
    async fn preflight(&self, given: &AnswerSources, waived: &[String]) -> Result<Report, Failed> {
        let Chosen { global, cluster } = self.chosen()?;
        let answers = given.draft(&self.catalog).map_err(session::wrong)?.filled(&self.catalog);
        let answers = session::with_installed(&self.catalog, &answers, &cluster).await?.unwrap_or(answers);
        let (global, offline) = self.offline(global, &answers)?;
        let from = LoginFrom::Cluster(&cluster);
        let (_, resolved) = filled(&global, &self.catalog, answers, from, offline.as_ref()).await?;
        let target = InstallTarget::on(cluster, resolved, String::new(), offline)?;
        preflight::on(&target, &global, waived).await
    }

    /// The offline bundle of these answers, if the install is from one, and the options with its Helm.
    fn offline(&self, global: Global, answers: &Answers) -> Result<(Global, Option<Offline>), Failed> {
        let opened = Opened::new(&self.sources.args(), &self.mute)?;
        let global = Opened::global(opened.as_ref(), &global);
        let offline = opened.map(|opened| Offline::new(opened, answers, &self.mute)).transpose()?;
        Ok((global, offline))
    }

    async fn target(&self, given: &AnswerSources) -> Result<(Global, InstallTarget), Failed> {
        let Chosen { global, cluster } = self.chosen()?;
        let answers = given.draft(&self.catalog).and_then(Draft::finish).map_err(session::wrong)?;
        let answers = session::with_installed(&self.catalog, &answers, &cluster).await?.unwrap_or(answers);
        let (global, offline) = self.offline(global, &answers)?;
        let from = LoginFrom::Cluster(&cluster);
        let (answers, resolved) = filled(&global, &self.catalog, answers, from, offline.as_ref()).await?;
        let text = replayable(&self.catalog, &answers)?;
        Ok((global, InstallTarget::on(cluster, resolved, text, offline)?))
    }

    async fn plan(&self, given: &AnswerSources, waived: &[String]) -> Result<(Box<Planned>, Report), Failed> {
        let (global, target) = self.target(given).await?;
        let mut observed = target.observe().await.map_err(unobserved)?;
        let outlook;
        (observed.offline, outlook) = target.observe_offline().await?;
        observed.offline = observed.offline.map(|offline| preflight::waived_pull_tests(offline, waived));
        let diffs = diff::diffs(&target.resolved, &observed, &target.cluster, &global).await?;
        let report = preflight::with_observed(&target, (&observed, &outlook.problems), &global, waived).await?;
        let plan = plan::plan(&target.resolved, &observed, !self.args.no_verify);
        let state = observed.state.as_ref();
        let refused = reason_not_to_move(&moved(&target.resolved, state));
        let refused = refused.or_else(|| reason_to_refuse(&downgrades(&target.resolved, state)));
        Ok((Box::new(Planned { plan, diffs, refused }), report))
    }

    /// Runs an install that was agreed to; `agreed` is the plan that was shown.
    async fn run(
        &self,
        given: &AnswerSources,
        waived: &[String],
        (without, before, agreed): (Vec<String>, Option<String>, Option<Box<Plan>>),
        cancel: CancellationToken,
    ) -> Result<Exit, Failed> {
        let (global, target) = self.target(given).await?;
        // Before the lock, which is a write.
        if target.offline.is_some() {
            let read = async { target.check_bytes(&target.observe_offline().await?.1, &self.output).await };
            let stopped = || Err(Failed::text(Exit::Stopped, "stopped"));
            cancel.run_until_cancelled(read).await.unwrap_or_else(stopped)?;
        }
        let install = InstallRequest {
            target,
            global: &global,
            output: &self.output,
            verify: !self.args.no_verify,
            waive: waived,
            allow_downgrade: false,
            diff: false,
            save_answers: None,
        };
        let follow = |cluster, places| self.follow(cluster, places);
        let request = ScreenRequest { install, without, before, agreed, news: self.news.clone(), follow };
        carry_out(&request, None, &RunGuard::watched(cancel)?, &global, &self.output).await
    }

    /// Follows the pods of a run, and after it, until the next starts.
    fn follow(&self, cluster: Cluster, places: Places) {
        let backend = self.clone();
        let follower = follow(cluster, places, move || backend.shared().watched_step.clone(), self.news.clone());
        let follower = tokio::spawn(follower).abort_handle();
        if let Some(last) = self.shared().follower.replace(follower) {
            last.abort();
        }
    }

    async fn registry(&self, given: &AnswerSources) -> Result<String, Failed> {
        let chosen = self.chosen()?;
        let draft = given.draft(&self.catalog).map_err(session::wrong)?;
        crate::app::registry::check(&self.catalog, &draft.filled(&self.catalog), &chosen.cluster).await
    }

    /// Writes the answers; an older file that is not from here is kept as `.old`.
    pub(super) fn write(&self, given: &AnswerSources, path: &Path) -> Result<(PathBuf, Option<PathBuf>), Vec<String>> {
        let text = given.draft(&self.catalog).map(|draft| recorded(&self.catalog, &draft.answers));
        let text = text.map_err(|error| vec![error.to_string()])?.map_err(|error| vec![error.to_string()])?;
        let mut shared = self.shared();
        let ours = shared.written_file.as_deref() == Some(path);
        let old = match std::fs::read_to_string(path) {
            Ok(before) if !ours && before != text => Some(PathBuf::from(format!("{}.old", path.display()))),
            _ => None,
        };
        if let Some(old) = &old {
            std::fs::rename(path, old)
                .map_err(|error| vec![format!("failed to back up the old answers to {}: {error}", old.display())])?;
        }
        answers_file::save_over(path, &text).map_err(|failed| failed.chain())?;
        shared.written_file = Some(path.to_owned());
        Ok((path.to_owned(), old))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::catalog;
    use crate::cli::Cli;
    use crate::driver::state_store::tests::serve;

    /// A backend whose chosen cluster has these components installed.
    async fn with_installed(there: &[&str]) -> Backend {
        let mut files = catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        for (id, rest) in [
            ("one", "exports: {webhdfs: x}"),
            ("two", "exports: {webhdfs: x}"),
            ("kafka", "questions: [{id: x, title: t, type: string, default: d}]"),
            ("user", "requires: [{id: kafka, optional: true}]"),
        ] {
            let text = format!("id: {id}\ntitle: {id}\nversion: '1'\non_request: true\n{rest}\n");
            files.insert(format!("{id}/component.yaml"), text.into_bytes());
        }
        let (cluster, _api) = serve().await;
        let change = |state: &mut crate::model::state::InstallState| {
            state.components.extend(there.iter().map(|id| ((*id).to_owned(), Default::default())));
            state.answers = serde_json::json!({"kafka": {"x": "as installed"}});
        };
        state_store::update(&cluster, change).await.unwrap();
        let mut global = Cli::parse_from(["windlass"]).global;
        global.kubeconfig = Some(cluster.helm_target().kubeconfig);
        let catalog = Arc::new(Catalog::from_files(&files, &Default::default()).unwrap());
        let (news, _) = tokio::sync::mpsc::unbounded_channel();
        let backend = Backend::new(&global, &GuideArgs::default(), catalog, news, &Output::new(&global));
        backend.shared().chosen = Some(Chosen { global, cluster });
        backend
    }

    fn given(id: &str) -> AnswerSources {
        AnswerSources { chosen: Some(vec![id.to_owned()]), ..AnswerSources::default() }
    }

    #[tokio::test]
    async fn screens_plan_with_what_is_installed_and_of_use() {
        let backend = with_installed(&["kafka"]).await;
        let (_, target) = backend.target(&given("user")).await.unwrap();
        let planned: Vec<&str> = target.resolved.components.iter().map(|component| component.id.as_str()).collect();
        assert_eq!(planned, ["kafka", "user"]);
        assert!(target.answers.contains("as installed"), "a replay lacks it: {}", target.answers);
    }

    #[tokio::test]
    async fn screens_and_preflight_refuse_what_install_refuses() {
        let backend = with_installed(&["one"]).await;
        let Chosen { global, .. } = backend.chosen().unwrap();
        let given = given("two");
        let answers = given.draft(&backend.catalog).unwrap().finish().unwrap();
        let results = [
            backend.target(&given).await.map(drop),
            backend.preflight(&given, &[]).await.map(drop),
            preflight::report(&global, &backend.catalog, (&answers, None), &[], &backend.output).await.map(drop),
        ];
        for result in results {
            let error = result.unwrap_err().chain().join(": ");
            assert!(error.starts_with("one is installed and exports `webhdfs`, as two does"), "{error}");
        }
    }
}
