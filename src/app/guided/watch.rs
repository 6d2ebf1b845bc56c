//! `windlass status --watch`.

use std::time::Duration;

use crossterm::event::Event as TerminalEvent;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::follow::pod_row;
use super::inputs::{InputEvent, Inputs, Kind};
use super::terminal::{look, possible};
use super::thread::spawn_on_thread;
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::session;
use crate::app::status::{HdfsProbe, report};
use crate::cli::{Global, StatusArgs};
use crate::driver::kube::Cluster;
use crate::render::StatusReport;
use crate::render::tui::{Command, PodRow, Tui, Watch, command};

/// Between two reads.
const PAUSE: Duration = Duration::from_secs(2);

/// The result of one read.
type WatchUpdate = Result<(StatusReport, Vec<PodRow>), Failed>;

/// Shows the status and refreshes it, until it is closed.
pub(in crate::app) async fn watch(global: &Global, args: &StatusArgs) -> Result<Exit, Failed> {
    let global = &Global { silent: true, ..global.clone() };
    let cluster = &session::connect(global).await?;
    if !possible(global) {
        let text = "--watch requires a terminal: `windlass status` prints the status once";
        return Err(Failed::text(Exit::Missing, text));
    }
    let mut watched = Watch::new(look(false));
    let (mut inputs, mut idle) = (Inputs::new(), false);
    let mut tui = Tui::enter().or_exit(Exit::Unexpected)?;
    let closed = CancellationToken::new();
    let _close = closed.clone().drop_guard();
    let (updates, mut news) = mpsc::channel::<WatchUpdate>(1);
    report_once(&closed, &updates, global, args, cluster);
    loop {
        tui.draw_watch(&watched).or_exit(Exit::Unexpected)?;
        tokio::select! {
            Some(update) = news.recv() => {
                idle = true;
                match update {
                    Ok((report, pods)) => {
                        watched.at = jiff::Timestamp::now().strftime("%H:%M:%SZ").to_string();
                        (watched.report, watched.pods, watched.trouble) = (Some(report), pods, None);
                    }
                    Err(failed) => watched.trouble = Some(failed.chain().join(": ")),
                }
            }
            () = tokio::time::sleep(PAUSE), if idle => {
                idle = false;
                report_once(&closed, &updates, global, args, cluster);
            }
            input = inputs.next() => match input {
                InputEvent::Terminal(TerminalEvent::Key(key)) => match command(key) {
                    Some(Command::Quit | Command::Interrupt | Command::Back) => return Ok(Exit::Done),
                    Some(Command::Suspend) => tui.suspend().or_exit(Exit::Unexpected)?,
                    Some(Command::Refresh) if idle => {
                        idle = false;
                        report_once(&closed, &updates, global, args, cluster);
                    }
                    Some(command) => {
                        watched.scroll(command, tui.size().or_exit(Exit::Unexpected)?);
                    }
                    None => {}
                },
                InputEvent::Terminal(_) => {}
                InputEvent::Signal(Kind::Stop) => tui.suspend().or_exit(Exit::Unexpected)?,
                InputEvent::Signal(Kind::Continue) => tui.resume().or_exit(Exit::Unexpected)?,
                InputEvent::Signal(Kind::End | Kind::HungUp) | InputEvent::Gone => return Ok(Exit::Stopped),
            },
        }
    }
}

/// Reads the status once, apart from the screen.
fn report_once(
    closed: &CancellationToken,
    updates: &mpsc::Sender<WatchUpdate>,
    global: &Global,
    args: &StatusArgs,
    cluster: &Cluster,
) {
    let (updates, global, args, cluster) = (updates.clone(), global.clone(), args.clone(), cluster.clone());
    spawn_on_thread(closed, move || async move {
        let update = async {
            let (report, _) = report(&global, &args, &cluster, HdfsProbe::Asked).await?;
            let mut namespaces: Vec<&str> =
                report.components.iter().filter_map(|row| Some(row.release.as_ref()?.namespace.as_str())).collect();
            namespaces.sort_unstable();
            namespaces.dedup();
            let lists = namespaces.into_iter().map(|namespace| cluster.pods(namespace, ""));
            let found = futures::future::try_join_all(lists).await.or_exit(Exit::Unusable)?;
            Ok((report, found.into_iter().flatten().map(pod_row).collect()))
        };
        // The screen may be closed already.
        let _ = updates.send(update.await).await;
    });
}
