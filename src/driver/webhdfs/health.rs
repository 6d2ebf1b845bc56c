//! Whether HDFS can be written to: its own word, and a file that goes there and back. And its health.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use tokio_util::sync::CancellationToken;

use super::client::{Hdfs, Node, call};
use super::error::seconds;
use super::jmx::{self, Beans};
use super::path::{join, normal};
use super::wire::{DefaultsAnswer, JmxAnswer};
use super::{Error, temp};
use crate::model::hdfs_health::{FileSystemHealth, HdfsHealth, HdfsMode, NameNodeHealth, NameNodeState};

const STATUS_PAGE: &str = "/jmx?qry=Hadoop:service=NameNode,name=NameNodeStatus";
const SYSTEM_PAGE: &str = "/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState";
const PAUSE: Duration = Duration::from_secs(1);

/// How long a probe that was stopped may take to remove its file.
const CLEAN_UP: Duration = Duration::from_secs(10);

/// What the active NameNode says of its file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemState {
    /// Outside safe mode.
    pub operational: bool,
    /// DataNodes that report.
    pub live_datanodes: u32,
}

/// What one NameNode answered.
struct NameNodeAnswer {
    namenode: NameNodeHealth,
    beans: Beans,
    /// Copies of each block, where it is active and says so.
    replication: Option<u64>,
}

impl Hdfs {
    /// Asks the active NameNode for its state.
    ///
    /// # Errors
    /// [`Error::NotOperational`] where no NameNode is active, with what each said.
    pub async fn system_state(&self) -> Result<SystemState, Error> {
        self.system_state_once().await.map_err(|state| Error::NotOperational { waited: Duration::ZERO, state })
    }

    /// Waits until the file system is out of safe mode and at least `min_datanodes` DataNodes are live, within the
    /// deadline.
    ///
    /// An active NameNode is not yet one that takes writes: after a start it stays in safe mode for half a minute more.
    ///
    /// # Errors
    /// [`Error::NotOperational`] at the deadline, with what it said last.
    pub async fn wait_operational(&self, min_datanodes: u32) -> Result<SystemState, Error> {
        let start = Instant::now();
        let mut said = String::new();
        loop {
            let state = match self.system_state_once().await {
                Ok(state) if !state.operational => "HDFS is in safe mode".to_owned(),
                Ok(state) if state.live_datanodes < min_datanodes => {
                    format!("{} of {min_datanodes} DataNodes are live", state.live_datanodes)
                }
                Ok(state) => return Ok(state),
                Err(state) => state,
            };
            let waited = start.elapsed();
            if waited + PAUSE >= self.deadline() {
                return Err(Error::NotOperational { waited, state });
            }
            if state != said {
                self.say_waiting(state.clone());
                said = state;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits while HDFS says that it is in safe mode; where it says nothing of itself, it is taken to be writable.
    ///
    /// Asked before bytes are sent: in the safe mode of a start a DataNode hangs, and carries the write out later even
    /// when the caller has gone.
    pub(super) async fn wait_writable(&self) -> Result<(), Error> {
        match self.system_state_once().await {
            Ok(state) if !state.operational => self.wait_operational(0).await.map(drop),
            _ => Ok(()),
        }
    }

    async fn system_state_once(&self) -> Result<SystemState, String> {
        let what = "get the state of HDFS";
        // Two beans; the second is asked of the same node, which the first made out to be active.
        let mut active = None;
        self.each_namenode(STATUS_PAGE, what, |node, body| {
            match bean(body)?.state.as_deref() {
                Some("active") => {
                    active = Some(node.to_owned());
                    Ok(())
                }
                Some(other) => Err(other.to_owned()),
                // Seen for a second or two on a starting NameNode: 200 and no bean.
                None => Err("starting".to_owned()),
            }
        })
        .await?;
        self.each_namenode(SYSTEM_PAGE, what, |node, body| {
            if active.as_deref() != Some(node) {
                return Err("not active".to_owned());
            }
            let bean = bean(body)?;
            let (Some(state), Some(live_datanodes)) = (bean.fs_state, bean.live_datanodes) else {
                return Err("starting".to_owned());
            };
            Ok(SystemState { operational: state == "Operational", live_datanodes })
        })
        .await
    }

    /// How the NameNodes and the file system are, by their own word. All NameNodes are asked at the same time, and what is
    /// not answered within `within` is not known: that is an answer, too, so that there is no error.
    pub async fn health(&self, within: Duration) -> HdfsHealth {
        let asked = self.namenodes().iter().enumerate().map(|(index, node)| self.look_at(index, node, within));
        let asked = join_all(asked).await;
        // Of two that say so, one has not heard yet that another took its place.
        let active = asked.iter().filter(|one| one.namenode.state == NameNodeState::Active);
        let active = active.max_by_key(|one| one.beans.since());
        let has_file_system = |one: &&NameNodeAnswer| one.beans.has_file_system();
        let source = active.filter(has_file_system).or_else(|| asked.iter().find(has_file_system));
        let file_system = source.map(|one| FileSystemHealth {
            replication: one.replication,
            ..one.beans.file_system(&one.namenode.name, jiff::Timestamp::now())
        });
        let mode = if asked.len() > 1 { HdfsMode::Ha } else { HdfsMode::Simple };
        let namenodes = asked.into_iter().map(|one| one.namenode).collect();
        HdfsHealth { mode, namenodes, file_system, quorums: Vec::new() }
    }

    async fn look_at(&self, index: usize, node: &Node, within: Duration) -> NameNodeAnswer {
        let (mut beans, mut replication) = (Beans::default(), None);
        let looked = async {
            for page in jmx::PAGES {
                let body = self.page(node, page, "get the health of HDFS").await?;
                if !beans.read(&body) {
                    return Err("not a NameNode".to_owned());
                }
            }
            if beans.namenode() == Some(NameNodeState::Active) {
                let call = call(Method::GET, "GETSERVERDEFAULTS", "get the defaults of /".to_owned(), "/", Vec::new());
                let answer = self.ask_once(index, &call).await;
                replication = answer.and_then(|answer| answer.json::<DefaultsAnswer>(&call.what).ok());
            }
            Ok(())
        };
        let late = |_| Err(format!("timed out after {}", seconds(within)));
        let looked = tokio::time::timeout(within, looked).await.unwrap_or_else(late);
        let state = match (beans.namenode(), looked) {
            // What came before it fell silent counts.
            (Some(state), _) => state,
            (None, Ok(())) => NameNodeState::Starting,
            (None, Err(why)) => NameNodeState::Silent(why),
        };
        let address = node.authority();
        NameNodeAnswer {
            namenode: NameNodeHealth { name: jmx::pod(&address), address, version: beans.version(), state },
            beans,
            replication: replication.map(|answer| answer.defaults.replication),
        }
    }

    /// Writes a small file into the folder `dir`, reads it back, compares and deletes it: also on failure,
    /// and when `stop` is cancelled.
    ///
    /// # Errors
    /// [`Error::ProbeDiffers`], [`Error::Cancelled`], or what failed.
    pub async fn probe(&self, dir: &str, stop: &CancellationToken) -> Result<(), Error> {
        let name = temp::name("probe");
        let path = join(&normal(dir)?, &name);
        let content = format!("written by windlass to see whether HDFS works\n{name}\n").into_bytes();
        let work = async {
            self.write_small(&path, content.clone()).await?;
            let read = self.read(&path).await?;
            if read == content { Ok(()) } else { Err(Error::ProbeDiffers(path.clone())) }
        };
        let Some(outcome) = stop.run_until_cancelled(work).await else {
            let _ = self.with_deadline(CLEAN_UP).delete(&path, false).await;
            return Err(Error::Cancelled);
        };
        let deleted = self.delete(&path, false).await;
        // What went wrong first is what explains.
        outcome.and(deleted.map(drop))
    }
}

fn bean(body: &[u8]) -> Result<super::wire::Bean, String> {
    let answer: JmxAnswer = serde_json::from_slice(body).map_err(|_| "no JMX response".to_owned())?;
    answer.beans.into_iter().next().ok_or_else(|| "starting".to_owned())
}
