//! `windlass status --watch`.

use std::time::Duration;

use crossterm::event::Event as TerminalEvent;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::apart::apart;
use super::follow::pod_row;
use super::inputs::{Heard, Inputs, Kind};
use super::terminal::{look, possible};
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::session;
use crate::app::status::{HdfsLook, report};
use crate::cli::{Global, StatusArgs};
use crate::driver::kube::Cluster;
use crate::render::StatusReport;
use crate::render::tui::{Command, PodRow, Tui, Watch, command};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// What one look gave.
type WatchUpdate = Result<(StatusReport, Vec<PodRow>), Failed>;

/// Shows the status again and again, until it is left.
pub(in crate::app) async fn watch(global: &Global, args: &StatusArgs) -> Result<Exit, Failed> {
    let global = &Global { silent: true, ..global.clone() };
    let cluster = &session::connect(global).await?;
    if !possible(global) {
        let text = "there is no terminal to watch on: `windlass status` looks once";
        return Err(Failed::text(Exit::Missing, text));
    }
    let mut watched = Watch::new(look(global, false));
    let (mut inputs, mut again) = (Inputs::new(), false);
    let mut tui = Tui::enter().or_exit(Exit::Unexpected)?;
    let closed = CancellationToken::new();
    let _close = closed.clone().drop_guard();
    let (told, mut news) = mpsc::channel::<WatchUpdate>(1);
    report_once(&closed, &told, global, args, cluster);
    loop {
        tui.draw_watch(&watched).or_exit(Exit::Unexpected)?;
        tokio::select! {
            Some(looked) = news.recv() => {
                again = true;
                match looked {
                    Ok((report, pods)) => {
                        watched.at = jiff::Timestamp::now().strftime("%H:%M:%SZ").to_string();
                        (watched.report, watched.pods, watched.trouble) = (Some(report), pods, None);
                    }
                    Err(failed) => watched.trouble = Some(failed.chain().join(": ")),
                }
            }
            () = tokio::time::sleep(PAUSE), if again => {
                again = false;
                report_once(&closed, &told, global, args, cluster);
            }
            heard = inputs.next() => match heard {
                Heard::Terminal(TerminalEvent::Key(key)) => match command(key) {
                    Some(Command::Quit | Command::Interrupt | Command::Back) => return Ok(Exit::Done),
                    Some(Command::Suspend) => tui.suspend().or_exit(Exit::Unexpected)?,
                    Some(Command::Again) if again => {
                        again = false;
                        report_once(&closed, &told, global, args, cluster);
                    }
                    Some(command) => {
                        watched.scroll(command, tui.size().or_exit(Exit::Unexpected)?);
                    }
                    None => {}
                },
                Heard::Terminal(_) => {}
                Heard::Signal(Kind::Stop) => tui.suspend().or_exit(Exit::Unexpected)?,
                Heard::Signal(Kind::Continue) => tui.resume().or_exit(Exit::Unexpected)?,
                Heard::Signal(Kind::End | Kind::HungUp) | Heard::Gone => return Ok(Exit::Stopped),
            },
        }
    }
}

/// Looks once, apart from the screen.
fn report_once(
    closed: &CancellationToken,
    told: &mpsc::Sender<WatchUpdate>,
    global: &Global,
    args: &StatusArgs,
    cluster: &Cluster,
) {
    let (told, global, args, cluster) = (told.clone(), global.clone(), args.clone(), cluster.clone());
    apart(closed, move || async move {
        let looked = async {
            let (report, _) = report(&global, &args, &cluster, HdfsLook::Asked).await?;
            let mut namespaces: Vec<&str> =
                report.components.iter().filter_map(|row| Some(row.release.as_ref()?.namespace.as_str())).collect();
            namespaces.sort_unstable();
            namespaces.dedup();
            let lists = namespaces.into_iter().map(|namespace| cluster.pods(namespace, ""));
            let found = futures::future::try_join_all(lists).await.or_exit(Exit::Unusable)?;
            Ok((report, found.into_iter().flatten().map(pod_row).collect()))
        };
        // Who has left does not want to know.
        let _ = told.send(looked.await).await;
    });
}
