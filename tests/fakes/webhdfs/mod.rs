//! A WebHDFS that answers as a real one was seen to, with faults on request: NameNodes and a DataNode on loopback.
//!
//! It has HDFS's dangerous habit: an upload that breaks off leaves a file that looks whole. And it keeps a record of
//! every content that was ever to be seen under every name.
#![expect(clippy::unwrap_used, reason = "a fake that fails fails its test")]
#![allow(dead_code, reason = "each test uses what it needs of it")]

mod datanode;
mod http;
mod namenode;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use windlass::driver::webhdfs::{FileChecksum, Hasher, Layout};

/// A file or folder.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) dir: bool,
    pub(crate) data: Vec<u8>,
    pub(crate) len: u64,
    pub(crate) mode: u16,
    pub(crate) modified_ms: u64,
    pub(crate) block_size: u64,
    checksum: FileChecksum,
}

impl Entry {
    fn dir(mode: u16) -> Self {
        Self { dir: true, mode, ..Self::file(Vec::new(), 0, 0) }
    }

    fn file(data: Vec<u8>, mode: u16, block_size: u64) -> Self {
        let mut hasher = Hasher::new(Layout { block_size, ..Layout::default() });
        hasher.update(&data);
        let (len, checksum) = (data.len() as u64, hasher.finish());
        Self { dir: false, data, len, mode, modified_ms: now_ms(), block_size, checksum }
    }
}

/// What goes wrong. Numbers count down.
#[derive(Default)]
pub(crate) struct Faults {
    /// NameNodes (by index) that are standby.
    pub(crate) standby: HashSet<usize>,
    /// Requests to NameNodes answered as in startup mode.
    pub(crate) starting: u32,
    /// Writing requests refused as in a safe mode set by hand.
    pub(crate) safe_mode: u32,
    /// Deletions answered as in startup mode.
    pub(crate) failed_deletes: u32,
    /// Times /jmx says safe mode.
    pub(crate) jmx_safe: u32,
    /// /jmx is closed.
    pub(crate) jmx_forbidden: bool,
    /// /jmx answers with these bytes.
    pub(crate) jmx_says: Option<Vec<u8>>,
    /// NameNodes (by index) that take requests and never answer.
    pub(crate) hung: HashSet<usize>,
    /// Uploads cut after half of their bytes.
    pub(crate) cut_puts: u32,
    /// Uploads of which a byte is stored wrong.
    pub(crate) damaged_puts: u32,
    /// Uploads that are never read nor answered.
    pub(crate) hung_puts: u32,
    /// Requests to the DataNode that it refuses, since its own client finds no active NameNode.
    pub(crate) leaderless: u32,
    /// Renames that are done, but not answered.
    pub(crate) unanswered_renames: u32,
    /// Pause per piece an upload takes.
    pub(crate) slow: Option<Duration>,
    /// Nobody may write: the DataNode says so.
    pub(crate) denied: bool,
    /// With `denied`: the DataNode's answer is lost.
    pub(crate) denied_silently: bool,
    /// The DataNode's name in redirects.
    pub(crate) datanode_name: Option<String>,
    /// Hadoop 2.7: no noredirect, no LISTSTATUS_BATCH, no CHECKACCESS.
    pub(crate) old: bool,
    /// CREATE's permission is ignored.
    pub(crate) modeless: bool,
    /// OPEN gives other bytes.
    pub(crate) reads_differ: bool,
    /// Everything is answered 200 with a page that wants a login.
    pub(crate) captive: bool,
    /// Entries in a page of LISTSTATUS_BATCH.
    pub(crate) page: Option<usize>,
}

pub(crate) struct State {
    pub(crate) entries: BTreeMap<String, Entry>,
    pub(crate) faults: Faults,
    /// `PUT CREATE /path`, in order.
    pub(crate) requests: Vec<String>,
    /// Lengths ever visible per name that is not a temporary one.
    pub(crate) seen: HashMap<String, Vec<u64>>,
    pub(crate) block_size: u64,
    /// Count bytes instead of keeping them.
    pub(crate) forget_data: bool,
    pub(crate) live_datanodes: u32,
    pub(crate) replication: u32,
    /// What /jmx of a NameNode (by index) has, as a real one was heard to say it; the least there is otherwise.
    pub(crate) beans: HashMap<usize, Vec<serde_json::Value>>,
}

impl State {
    pub(crate) fn put(&mut self, path: &str, entry: Entry) {
        if !entry.dir && !path.ends_with(".part") {
            self.seen.entry(path.to_owned()).or_default().push(entry.len);
        }
        let mut parent = path;
        while let Some((folder, _)) = parent.rsplit_once('/').filter(|(f, _)| !f.is_empty()) {
            self.entries.entry(folder.to_owned()).or_insert_with(|| Entry::dir(0o755));
            parent = folder;
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// Takes one off a countdown.
    fn strike(&mut self, which: fn(&mut Faults) -> &mut u32) -> bool {
        let left = which(&mut self.faults);
        let hit = *left > 0;
        *left = left.saturating_sub(1);
        hit
    }

    pub(crate) fn count(&self, start: &str) -> usize {
        self.requests.iter().filter(|r| r.starts_with(start)).count()
    }
}

/// A running fake. Its servers end with the runtime of the test.
#[derive(Clone)]
pub(crate) struct FakeHdfs {
    state: Arc<Mutex<State>>,
    pub(crate) namenodes: Vec<String>,
}

impl FakeHdfs {
    /// One NameNode, one DataNode.
    pub(crate) async fn start() -> Self {
        Self::with_namenodes(1).await
    }

    pub(crate) async fn with_namenodes(count: usize) -> Self {
        let state = State {
            entries: BTreeMap::from([("/".to_owned(), Entry::dir(0o755))]),
            faults: Faults::default(),
            requests: Vec::new(),
            seen: HashMap::new(),
            block_size: 128 << 20,
            forget_data: false,
            live_datanodes: 1,
            replication: 1,
            beans: HashMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let datanode = listener.local_addr().unwrap();
        tokio::spawn(datanode::serve(listener, Arc::clone(&state)));
        let mut namenodes = Vec::new();
        for index in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            namenodes.push(listener.local_addr().unwrap().to_string());
            tokio::spawn(namenode::serve(listener, Arc::clone(&state), index, datanode));
        }
        Self { state, namenodes }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn faults(&self, set: impl FnOnce(&mut Faults)) {
        set(&mut self.state().faults);
    }

    /// Has the NameNodes say what those of a real HDFS said in such a state: `recorded/STATE.json`.
    pub(crate) fn replay(&self, state: &str) {
        for (index, beans) in recorded(state).into_iter().enumerate() {
            self.state().beans.insert(index, beans);
        }
    }

    /// Puts a file there as if it had always been.
    pub(crate) fn add(&self, path: &str, data: &[u8], mode: u16) {
        let mut state = self.state();
        let entry = Entry::file(data.to_vec(), mode, state.block_size);
        state.put(path, entry);
    }

    pub(crate) fn add_dir(&self, path: &str, mode: u16) {
        self.state().put(path, Entry::dir(mode));
    }

    pub(crate) fn get(&self, path: &str) -> Option<Entry> {
        self.state().entries.get(path).cloned()
    }

    /// Temporary names that are left.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        self.state().entries.keys().filter(|k| k.ends_with(".part")).cloned().collect()
    }
}

/// The beans of each NameNode of a real HDFS 3.4.1 in such a state. Written down from its /jmx, with names and addresses as
/// pods have them.
fn recorded(state: &str) -> Vec<Vec<serde_json::Value>> {
    let file = format!("{}/tests/fakes/webhdfs/recorded/{state}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

pub(crate) fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}
