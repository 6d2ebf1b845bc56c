//! What the screens want of the world, done in tasks of their own; news come back.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::apart::apart;
use super::asked::RequestCount;
use super::follow::{Places, follow};
use super::places::{Place, ask, places, site};
use super::run::ScreenRequest;
use super::sources::Sources;
use crate::answers::{Answers, Draft, Given, recorded};
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
use crate::render::tui::{Connected, Intent, News, Planned};

/// The cluster that was chosen, and how it is meant.
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
    news: UnboundedSender<News>,
    output: Arc<Output>,
    /// For what would be said of an offline bundle each time that it is opened: its screen shows that.
    pub(super) mute: Arc<Output>,
    pub(super) sources: Arc<Sources>,
    shared: Arc<Mutex<Shared>>,
    /// Cancelled when nobody wants to know any more.
    pub(super) closed: CancellationToken,
}

#[derive(Default)]
struct Shared {
    places: Vec<Place>,
    chosen: Option<Chosen>,
    /// Cancelled to stop the run that goes on.
    running: Option<CancellationToken>,
    /// How the last run ended.
    exit: Option<Exit>,
    /// The step whose logs are looked at.
    looked_at: Option<String>,
    /// Clusters that were chosen, what was asked of them and of registries: only the last of each is wanted.
    connects: RequestCount,
    looks: RequestCount,
    registries: RequestCount,
    plans: RequestCount,
    /// Runs that were begun: the next may be wanted before the last has quite ended.
    runs: RequestCount,
    /// The answers file that was written from here.
    wrote: Option<PathBuf>,
    /// Looks at pods and logs until the next run begins.
    follower: Option<AbortHandle>,
}

impl Backend {
    pub(super) fn new(
        global: &Global,
        args: &GuideArgs,
        catalog: Arc<Catalog>,
        news: UnboundedSender<News>,
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

    /// Whether a run goes on.
    pub(super) fn is_running(&self) -> bool {
        self.shared().running.is_some()
    }

    /// The answers file that was written from here.
    pub(super) fn wrote(&self) -> Option<PathBuf> {
        self.shared().wrote.clone()
    }

    /// How the last run ended, if there was one.
    pub(super) fn exit(&self) -> Option<Exit> {
        self.shared().exit
    }

    /// Removes what would stay on this machine when the process ends at once: the kubeconfig.
    pub(super) fn sweep(&mut self) {
        if let Some(chosen) = &self.shared().chosen {
            // The next run sweeps what cannot be removed now.
            let _ = std::fs::remove_dir_all(chosen.cluster.private_dir().path());
        }
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, news: News) {
        // With the screens gone there is nobody to tell.
        let _ = self.news.send(news);
    }

    /// Ends what is asked, and does not run.
    pub(super) fn close(&self) {
        self.closed.cancel();
        if let Some(follower) = self.shared().follower.take() {
            follower.abort();
        }
    }

    /// Does something apart from the screens, which hear of it if it breaks off.
    pub(super) fn apart<F: Future<Output = ()>>(&self, make: impl FnOnce() -> F + Send + 'static) {
        self.apart_or(make, |world, why| world.tell(News::Remark(why)));
    }

    /// The same, with what is to be done then.
    fn apart_or<F: Future<Output = ()>>(&self, make: impl FnOnce() -> F + Send + 'static, or: fn(&Self, String)) {
        let (task, world) = (apart(&self.closed, make), self.clone());
        tokio::spawn(async move {
            if let Err(error) = task.await
                && error.is_panic()
            {
                or(&world, format!("windlass itself has failed: {error}"));
            }
        });
    }

    /// Begins what is wanted.
    pub(super) fn perform(&self, intent: Intent) {
        let world = self.clone();
        match intent {
            Intent::Targets => self.apart(move || async move { world.targets().await }),
            Intent::Connect(row) => {
                // What was asked of the one before is no longer wanted.
                self.shared().looks.next();
                let number = self.shared().connects.next();
                self.apart(move || async move {
                    let connected = world.connect(row).await;
                    let mut shared = world.shared();
                    // Another was chosen meanwhile, or is being installed on.
                    if !shared.connects.is_last(number) || shared.running.is_some() {
                        return;
                    }
                    let connected = connected.map(|(chosen, connected)| {
                        shared.chosen = Some(chosen);
                        Box::new(connected)
                    });
                    drop(shared);
                    world.tell(News::Connected(connected.map_err(|failed| failed.chain())));
                });
            }
            Intent::Source(intent) => self.source(intent),
            Intent::Preflight(given, waived) => {
                let number = self.shared().looks.next();
                self.apart(move || async move {
                    let report = world.preflight(&given, &waived).await.map_err(|failed| failed.chain());
                    if world.shared().looks.is_last(number) {
                        world.tell(News::Report(report));
                    }
                });
            }
            Intent::Plan(given, waived) => {
                let number = self.shared().plans.next();
                self.apart(move || async move {
                    let planned = world.plan(&given, &waived).await.map_err(|failed| failed.chain());
                    if world.shared().plans.is_last(number) {
                        world.tell(News::Planned(planned));
                    }
                });
            }
            Intent::Registry(given) => {
                let number = self.shared().registries.next();
                self.apart(move || async move {
                    let told = world.registry(&given).await.map_err(|failed| failed.chain());
                    if world.shared().registries.is_last(number) {
                        world.tell(News::Registry(told));
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
                    let ended = world.run(&given, &waived, (without, before, agreed), cancel).await;
                    let mut shared = world.shared();
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
                        world.tell(News::NotBegun(failed.chain()));
                        if failed.exit == Exit::Preflight {
                            world.tell(News::Refused);
                        }
                    }
                };
                self.apart_or(work, |world, why| {
                    world.shared().running = None;
                    world.shared().exit = Some(Exit::Unexpected);
                    world.tell(News::NotBegun(vec![why]));
                });
            }
            Intent::Stop => {
                if let Some(cancel) = &self.shared().running {
                    cancel.cancel();
                }
            }
            Intent::LookAt(step) => self.shared().looked_at = Some(step),
            // The loop does these itself.
            Intent::Write(..) | Intent::Copy(_) | Intent::Suspend | Intent::Quit => {}
        }
    }

    async fn targets(&self) {
        let (found, wrong) = places(&self.global);
        if let Some(wrong) = wrong {
            self.tell(News::Remark(Failed::new(Exit::Unusable, wrong).chain().join(": ")));
        }
        self.shared().places.clone_from(&found);
        self.tell(News::Targets(found.iter().map(|place| place.target.clone()).collect()));
        let asked = found.into_iter().enumerate().map(|(row, place)| async move {
            self.tell(News::Answered(row, ask(&place.global).await));
        });
        futures::future::join_all(asked).await;
    }

    async fn connect(&self, row: usize) -> Result<(Chosen, Connected), Failed> {
        let place = self.shared().places.get(row).cloned();
        let Some(Place { global, flags, .. }) = place else {
            return Err(Failed::text(Exit::Unexpected, "there is no such cluster in the list"));
        };
        let mut given = session::given(&global, &self.args.answers, &self.catalog, None)?;
        let cluster = session::connect(&global).await?;
        // What may not be read is told by preflight, not here.
        let state = state_store::load(&cluster).await.ok().flatten().unwrap_or_default();
        given.layers.push(session::installed(&state, &self.catalog)?);
        let report = status::report(&global, &StatusArgs::default(), &cluster, status::HdfsLook::LeftOut).await;
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
        self.shared().chosen.clone().ok_or_else(|| Failed::text(Exit::Unexpected, "no cluster was chosen"))
    }

    /// What an install with these answers would need. Where answers are still missing, something stands in for them:
    /// the plan is made with the real ones, and asked about again.
    async fn preflight(&self, given: &Given, waived: &[String]) -> Result<Report, Failed> {
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

    async fn target(&self, given: &Given) -> Result<(Global, InstallTarget), Failed> {
        let Chosen { global, cluster } = self.chosen()?;
        let answers = given.draft(&self.catalog).and_then(Draft::finish).map_err(session::wrong)?;
        let answers = session::with_installed(&self.catalog, &answers, &cluster).await?.unwrap_or(answers);
        let (global, offline) = self.offline(global, &answers)?;
        let from = LoginFrom::Cluster(&cluster);
        let (answers, resolved) = filled(&global, &self.catalog, answers, from, offline.as_ref()).await?;
        let text = replayable(&self.catalog, &answers)?;
        Ok((global, InstallTarget::on(cluster, resolved, text, offline)?))
    }

    async fn plan(&self, given: &Given, waived: &[String]) -> Result<(Box<Planned>, Report), Failed> {
        let (global, target) = self.target(given).await?;
        let mut observed = target.observe().await.map_err(unobserved)?;
        let problems;
        (observed.offline, problems) = target.observe_offline().await?;
        let diffs = diff::diffs(&target.resolved, &observed, &target.cluster, &global).await?;
        let report = preflight::seen(&target, (&observed, &problems), &global, waived).await?;
        let plan = plan::plan(&target.resolved, &observed, !self.args.no_verify);
        let state = observed.state.as_ref();
        let refused = reason_not_to_move(&moved(&target.resolved, state));
        let refused = refused.or_else(|| reason_to_refuse(&downgrades(&target.resolved, state)));
        Ok((Box::new(Planned { plan, diffs, refused }), report))
    }

    /// Runs an install that was agreed to; `agreed` is the plan that was shown.
    async fn run(
        &self,
        given: &Given,
        waived: &[String],
        (without, before, agreed): (Vec<String>, Option<String>, Option<Box<Plan>>),
        cancel: CancellationToken,
    ) -> Result<Exit, Failed> {
        let (global, target) = self.target(given).await?;
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

    /// Looks at the pods of a run. What failed is looked at after it, too, until the next begins.
    fn follow(&self, cluster: Cluster, places: Places) {
        let world = self.clone();
        let follower = follow(cluster, places, move || world.shared().looked_at.clone(), self.news.clone());
        let follower = tokio::spawn(follower).abort_handle();
        if let Some(last) = self.shared().follower.replace(follower) {
            last.abort();
        }
    }

    async fn registry(&self, given: &Given) -> Result<String, Failed> {
        let chosen = self.chosen()?;
        let draft = given.draft(&self.catalog).map_err(session::wrong)?;
        crate::app::registry::check(&self.catalog, &draft.filled(&self.catalog), &chosen.cluster).await
    }

    /// Writes the answers; what was there before, and is not from here, is kept beside them.
    pub(super) fn write(&self, given: &Given, path: &Path) -> Result<(PathBuf, Option<PathBuf>), Vec<String>> {
        let text = given.draft(&self.catalog).map(|draft| recorded(&self.catalog, &draft.answers));
        let text = text.map_err(|error| vec![error.to_string()])?.map_err(|error| vec![error.to_string()])?;
        let mut shared = self.shared();
        let ours = shared.wrote.as_deref() == Some(path);
        let old = match std::fs::read_to_string(path) {
            Ok(before) if !ours && before != text => Some(PathBuf::from(format!("{}.old", path.display()))),
            _ => None,
        };
        if let Some(old) = &old {
            std::fs::rename(path, old).map_err(|error| vec![format!("failed to keep {}: {error}", old.display())])?;
        }
        answers_file::save_over(path, &text).map_err(|failed| failed.chain())?;
        shared.wrote = Some(path.to_owned());
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

    /// A world whose chosen cluster has these components installed.
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
        let world = Backend::new(&global, &GuideArgs::default(), catalog, news, &Output::new(&global));
        world.shared().chosen = Some(Chosen { global, cluster });
        world
    }

    fn given(id: &str) -> Given {
        Given { chosen: Some(vec![id.to_owned()]), ..Given::default() }
    }

    #[tokio::test]
    async fn screens_plan_with_what_is_installed_and_of_use() {
        let world = with_installed(&["kafka"]).await;
        let (_, target) = world.target(&given("user")).await.unwrap();
        let planned: Vec<&str> = target.resolved.components.iter().map(|component| component.id.as_str()).collect();
        assert_eq!(planned, ["kafka", "user"]);
        assert!(target.answers.contains("as installed"), "a replay lacks it: {}", target.answers);
    }

    #[tokio::test]
    async fn screens_and_preflight_refuse_what_install_refuses() {
        let world = with_installed(&["one"]).await;
        let Chosen { global, .. } = world.chosen().unwrap();
        let given = given("two");
        let answers = given.draft(&world.catalog).unwrap().finish().unwrap();
        let told = [
            world.target(&given).await.map(drop),
            world.preflight(&given, &[]).await.map(drop),
            preflight::report(&global, &world.catalog, (&answers, None), &[], &world.output).await.map(drop),
        ];
        for told in told {
            let told = told.unwrap_err().chain().join(": ");
            assert!(told.starts_with("one is installed and exports `webhdfs`, as two does"), "{told}");
        }
    }
}
