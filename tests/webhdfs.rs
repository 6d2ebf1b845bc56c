//! The WebHDFS driver against a fake that answers as a real HDFS was seen to, faults included.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::webhdfs_server::{FakeHdfs, now_ms};
use futures::future::BoxFuture;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_util::sync::CancellationToken;
use windlass::driver::webhdfs::{
    Auto, BoxError, Comparison, Difference, Direct, EnsureOutcome, Error, Hdfs, HdfsConfig, Outcome, Route, Sockets,
    Tunnel, Upload, UploadOptions,
};
use windlass::model::{Progress, ProgressSink};

/// A client, and what it said.
fn client_by(fake: &FakeHdfs, route: Arc<dyn Route>) -> (Hdfs, Arc<Mutex<Vec<Progress>>>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let progress: ProgressSink = Arc::new(move |p| heard.lock().unwrap().push(p));
    let config = HdfsConfig {
        namenodes: fake.namenodes.clone(),
        user: "hdfs".into(),
        route,
        deadline: Duration::from_secs(20),
        request_timeout: Duration::from_secs(5),
        progress,
    };
    (Hdfs::new(config).unwrap(), said)
}

fn client(fake: &FakeHdfs) -> (Hdfs, Arc<Mutex<Vec<Progress>>>) {
    client_by(fake, Arc::new(Direct::new().unwrap()))
}

/// Content that differs by seed; repeats, because a test build is slow at making it.
fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let period: Vec<u8> =
        (0..1021).map(|i| u8::try_from(((i + 1000 * seed).wrapping_mul(2_654_435_761) >> 13) & 255).unwrap()).collect();
    period.into_iter().cycle().take(len).collect()
}

/// Local files `0.jar`, `1.jar`, … and where they go.
fn files(dir: &TempDir, lens: &[usize]) -> Vec<Upload> {
    let make = |(i, len): (usize, &usize)| {
        let local = dir.path().join(format!("{i}.jar"));
        std::fs::write(&local, bytes(*len, i as u64)).unwrap();
        Upload { local, remote: format!("/libs/{i}.jar"), mode: 0o644 }
    };
    lens.iter().enumerate().map(make).collect()
}

fn options() -> UploadOptions {
    let (stall_timeout, patience) = (Duration::from_secs(10), Duration::ZERO);
    UploadOptions { stall_timeout, patience, ..UploadOptions::default() }
}

async fn upload(hdfs: &Hdfs, files: &[Upload]) -> Result<windlass::driver::webhdfs::UploadReport, Error> {
    hdfs.upload(files.to_vec(), &options(), &CancellationToken::new()).await
}

fn notes(said: &Mutex<Vec<Progress>>) -> Vec<String> {
    let notes =
        |p: &Progress| if let Progress::Note(text) | Progress::Waiting(text) = p { Some(text.clone()) } else { None };
    said.lock().unwrap().iter().filter_map(notes).collect()
}

/// An error with all its sources, as a user sees it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!("\n  {source}"));
        cause = source.source();
    }
    text
}

/// Every content that was ever seen under a final name was a whole one.
fn assert_never_truncated(fake: &FakeHdfs, files: &[Upload], also: &[u64]) {
    for file in files {
        let whole = std::fs::metadata(&file.local).unwrap().len();
        let seen = fake.state().seen.get(&file.remote).cloned().unwrap_or_default();
        assert!(seen.iter().all(|len| *len == whole || also.contains(len)), "{}: {seen:?}", file.remote);
    }
    assert_eq!(fake.leftovers(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_whole_and_are_not_sent_again() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, said) = client(&fake);
    let files = files(&dir, &[0, 1, 511, 512, 513, 300_000, 3_000_000]);
    let report = upload(&hdfs, &files).await.unwrap();
    assert_eq!((report.sent(), report.skipped(), report.bytes_sent), (7, 0, 3_301_537));
    for (file, done) in files.iter().zip(&report.files) {
        let there = fake.get(&file.remote).unwrap();
        assert_eq!((there.data, there.mode), (std::fs::read(&file.local).unwrap(), 0o644));
        assert_eq!(done.outcome, Outcome::Sent { tries: 1 });
        assert_eq!(hdfs.checksum(&file.remote).await.unwrap(), done.checksum);
    }
    assert_never_truncated(&fake, &files, &[]);
    assert_eq!(said.lock().unwrap().last(), Some(&Progress::Bytes { done: 3_301_537, total: 3_301_537 }));

    let puts = fake.state().count("PUT");
    let again = upload(&hdfs, &files).await.unwrap();
    assert_eq!((again.sent(), again.skipped(), again.bytes_sent), (0, 7, 0));
    assert_eq!(fake.state().count("PUT"), puts, "a second upload writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_half_way_is_tried_again_under_another_name() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, said) = client(&fake);
    let files = files(&dir, &[2_000_000, 4_000_000]);
    fake.add("/libs/0.jar", b"the old one", 0o644);
    fake.faults(|f| f.cut_puts = 3);
    let report = upload(&hdfs, &files).await.unwrap();
    assert_eq!(report.sent(), 2);
    assert_never_truncated(&fake, &files, &[11]);
    let state = fake.state();
    let mut names: Vec<_> = state.requests.iter().filter(|r| r.starts_with("PUT DN-CREATE")).collect();
    assert_eq!(names.len(), 5);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5, "each try has a name of its own");
    assert!(names.iter().all(|n| n.contains("/libs/.windlass-") && n.ends_with(".jar.part")), "{names:?}");
    drop(state);
    let notes = notes(&said);
    assert_eq!(notes.iter().filter(|n| n.contains("attempt 1 failed, retrying")).count(), 2, "{notes:?}");
    assert_eq!(said.lock().unwrap().last(), Some(&Progress::Bytes { done: 6_000_000, total: 6_000_000 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datanode_that_is_away_is_tried_for_longer_and_leaves_nothing_behind() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    let files = files(&dir, &[2_000_000]);
    let none = UploadOptions { retries: 0, ..options() };
    // With both pods gone nothing can be removed at first.
    fake.faults(|f| (f.cut_puts, f.failed_deletes) = (1, 3));
    let error = hdfs.upload(files.clone(), &none, &CancellationToken::new()).await.unwrap_err();
    assert!(chain(&error).contains("in 1 attempts") && chain(&error).contains("no response from"), "{}", chain(&error));
    assert_eq!(fake.leftovers(), Vec::<String>::new());

    fake.faults(|f| (f.cut_puts, f.failed_deletes) = (3, 6));
    let options = UploadOptions { retries: 0, ..UploadOptions::default() };
    let report = hdfs.upload(files, &options, &CancellationToken::new()).await.unwrap();
    assert_eq!(report.files[0].outcome, Outcome::Sent { tries: 4 });
    assert_eq!(fake.leftovers(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_are_bounded_and_the_old_file_stays() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    let files = files(&dir, &[2_000_000, 10]);
    fake.add("/libs/0.jar", b"the old one", 0o644);
    // The small file has one byte more than nothing to be cut: its half is 5.
    fake.faults(|f| f.damaged_puts = 99);
    let options = UploadOptions { retries: 1, ..options() };
    let error = hdfs.upload(files.clone(), &options, &CancellationToken::new()).await.unwrap_err();
    let text = chain(&error);
    assert!(
        text.starts_with(
            "failed to upload 2 of 2 files, the first: /libs/0.jar\n  failed to upload /libs/0.jar in 2 attempts\n"
        ),
        "{text}"
    );
    assert!(text.contains("is damaged: 2000000 bytes with MD5-of-0MD5-of-512CRC32C:0000"), "{text}");
    assert_eq!(fake.get("/libs/0.jar").unwrap().data, b"the old one");
    assert!(fake.get("/libs/1.jar").is_none());
    assert_eq!(fake.leftovers(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_does_not_stop_the_others_and_the_report_has_them() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    let files = files(&dir, &[1_000_000, 900_000, 800_000]);
    fake.faults(|f| f.damaged_puts = 1);
    let options = UploadOptions { retries: 0, parallel: Some(1), ..options() };
    let error = hdfs.upload(files, &options, &CancellationToken::new()).await.unwrap_err();
    let Error::Incomplete { failed: 1, all: 3, path, report, .. } = error else { panic!("{error:?}") };
    assert_eq!((path.as_str(), report.sent()), ("/libs/0.jar", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_namenode_is_passed_over() {
    let (fake, dir) = (FakeHdfs::with_namenodes(2).await, TempDir::new().unwrap());
    fake.faults(|f| _ = f.standby.insert(0));
    let (hdfs, _) = client(&fake);
    let files = files(&dir, &[1000]);
    assert_eq!(upload(&hdfs, &files).await.unwrap().sent(), 1);
    hdfs.wait_operational(1).await.unwrap();
    // A failover while we are connected.
    fake.faults(|f| f.standby = [1].into());
    assert_eq!(upload(&hdfs, &files).await.unwrap().skipped(), 1);

    fake.faults(|f| f.standby = [0, 1].into());
    let error = hdfs.with_deadline(Duration::from_millis(500)).status("/").await.unwrap_err();
    let text = chain(&error);
    assert!(text.contains("failed to read the status of /: timed out after") && text.contains(": standby; "), "{text}");
    assert_eq!(error.exception(), Some("StandbyException"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_followed_through_datanodes_too() {
    let (fake, dir) = (FakeHdfs::with_namenodes(2).await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    let files = files(&dir, &[300_000, 10]);
    // No try is counted: the DataNodes will find the other NameNode.
    let options = UploadOptions { retries: 0, parallel: Some(1), ..UploadOptions::default() };
    fake.faults(|f| f.leaderless = 4);
    assert_eq!(hdfs.upload(files.clone(), &options, &CancellationToken::new()).await.unwrap().sent(), 2);
    // Comparing, reading and checksums.
    fake.faults(|f| (f.leaderless, f.standby) = (3, [0].into()));
    assert_eq!(hdfs.upload(files, &options, &CancellationToken::new()).await.unwrap().skipped(), 2);
    fake.faults(|f| (f.leaderless, f.standby) = (2, [1].into()));
    assert_eq!(hdfs.read("/libs/1.jar").await.unwrap().len(), 10);
    fake.faults(|f| f.leaderless = 2);
    hdfs.checksum("/libs/0.jar").await.unwrap();
    // Within the deadline.
    fake.faults(|f| f.leaderless = 99);
    let error = hdfs.with_deadline(Duration::from_millis(500)).read("/libs/1.jar").await.unwrap_err();
    assert_eq!(error.exception(), Some("StandbyException"));
    assert_eq!(fake.leftovers(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namenode_that_is_not_there_is_passed_over_or_waited_for() {
    let fake = FakeHdfs::start().await;
    let spare = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut two = fake.clone();
    two.namenodes.insert(0, spare.local_addr().unwrap().to_string());
    drop(spare);
    let (hdfs, _) = client(&two);
    assert!(hdfs.status("/").await.unwrap().unwrap().is_dir);

    two.namenodes.truncate(1);
    let (hdfs, said) = client(&two);
    let error = hdfs.with_deadline(Duration::from_millis(700)).status("/").await.unwrap_err();
    assert!(error.is_unreachable());
    assert!(notes(&said)[0].to_lowercase().contains("connection refused"), "{:?}", notes(&said));
    let once = hdfs.with_deadline(Duration::ZERO).status("/").await.unwrap_err();
    assert!(matches!(once, Error::Unreachable { .. }), "{once:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_and_safe_mode_are_waited_for_and_said() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, said) = client(&fake);
    let files = files(&dir, &[1000]);
    fake.faults(|f| (f.starting, f.jmx_safe) = (2, 2));
    upload(&hdfs, &files).await.unwrap();
    let notes = notes(&said);
    assert!(notes.iter().any(|n| n.ends_with("Namenode is in startup mode")), "{notes:?}");
    assert!(notes.iter().any(|n| n == "HDFS is in safe mode"), "{notes:?}");
    let state = fake.state();
    let last_jmx = state.requests.iter().rposition(|r| r.contains("jmx")).unwrap();
    let first_put = state.requests.iter().position(|r| r.starts_with("PUT CREATE")).unwrap();
    assert!(last_jmx < first_put, "no byte before HDFS takes it");
}

#[tokio::test(flavor = "multi_thread")]
async fn safe_mode_ends_at_the_deadline_with_what_to_do() {
    let fake = FakeHdfs::start().await;
    let (hdfs, _) = client(&fake);
    let hdfs = hdfs.with_deadline(Duration::from_millis(900));
    fake.faults(|f| (f.safe_mode, f.jmx_safe) = (999, 999));
    let text = chain(&hdfs.mkdirs("/x", 0o755).await.unwrap_err());
    assert!(text.contains("in safe mode") && text.contains("hdfs dfsadmin -safemode leave"), "{text}");
    assert!(!text.contains("turned on manually"), "only the first line of Hadoop's message: {text}");
    let error = hdfs.wait_operational(1).await.unwrap_err();
    assert!(error.to_string().contains("HDFS is in safe mode"), "{error}");
    fake.faults(|f| f.jmx_safe = 0);
    let error = hdfs.wait_operational(3).await.unwrap_err();
    assert!(error.to_string().contains("1 of 3 DataNodes are live"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_jmx_does_not_keep_an_upload_from_happening() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    fake.faults(|f| f.jmx_forbidden = true);
    assert_eq!(upload(&hdfs, &files(&dir, &[1000])).await.unwrap().sent(), 1);
}

/// Leads every name to loopback, as a port-forward leads to a pod.
struct FakeTunnel {
    dir: TempDir,
    connections: Arc<AtomicUsize>,
}

impl FakeTunnel {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), connections: Arc::default() }
    }
}

impl Tunnel for FakeTunnel {
    fn socket<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<PathBuf, BoxError>> {
        Box::pin(async move {
            if host.starts_with("nobody") {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("no pod is called {host}")).into());
            }
            let path = self.dir.path().join(format!("{host}-{port}"));
            if !path.exists() {
                let listener = UnixListener::bind(&path)?;
                let connections = Arc::clone(&self.connections);
                tokio::spawn(async move {
                    while let Ok((mut from, _)) = listener.accept().await {
                        connections.fetch_add(1, Ordering::Relaxed);
                        tokio::spawn(async move {
                            let mut to = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                            let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                        });
                    }
                });
            }
            Ok(path)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datanode_whose_name_does_not_resolve_is_reached_through_the_tunnel() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    fake.faults(|f| f.datanode_name = Some("dn-0.dn.hdfs.svc.invalid".into()));
    let tunnel = FakeTunnel::new();
    let connections = Arc::clone(&tunnel.connections);
    let (hdfs, _) = client_by(&fake, Arc::new(Auto::new(Arc::new(tunnel)).unwrap()));
    let files = files(&dir, &[1_000_000, 2_000_000, 10]);
    assert_eq!(upload(&hdfs, &files).await.unwrap().sent(), 3);
    assert_never_truncated(&fake, &files, &[]);
    hdfs.probe("/libs", &CancellationToken::new()).await.unwrap();
    // Three uploads, three checksums, the probe's write and read; the NameNode was reached directly.
    assert_eq!(connections.load(Ordering::Relaxed), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_hdfs_through_the_tunnel() {
    let (mut fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let port = fake.namenodes[0].rsplit_once(':').unwrap().1.to_owned();
    fake.namenodes = vec![format!("nn-0.nn.hdfs.svc.invalid:{port}")];
    fake.faults(|f| f.datanode_name = Some("dn-0.dn.hdfs.svc.invalid".into()));
    let files = files(&dir, &[1_000_000]);
    let (hdfs, _) = client_by(&fake, Arc::new(Sockets::new(Arc::new(FakeTunnel::new()))));
    assert_eq!(upload(&hdfs, &files).await.unwrap().sent(), 1);
    let (hdfs, _) = client_by(&fake, Arc::new(Auto::new(Arc::new(FakeTunnel::new())).unwrap()));
    assert_eq!(upload(&hdfs, &files).await.unwrap().skipped(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_way_to_the_datanode_the_error_names_it() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    fake.faults(|f| f.datanode_name = Some("nobody.dn.hdfs.svc.invalid".into()));
    let (hdfs, _) = client(&fake);
    let options = UploadOptions { retries: 0, ..options() };
    let error = hdfs.upload(files(&dir, &[10]), &options, &CancellationToken::new()).await.unwrap_err();
    let text = chain(&error);
    assert!(text.contains("no response from DataNode nobody.dn.hdfs.svc.invalid:"), "{text}");
    let (hdfs, _) = client_by(&fake, Arc::new(Auto::new(Arc::new(FakeTunnel::new())).unwrap()));
    let error = hdfs.upload(files(&dir, &[10]), &options, &CancellationToken::new()).await.unwrap_err();
    let text = chain(&error);
    assert!(text.contains("no pod is called nobody.dn") && text.contains("directly ("), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captive_proxy_is_not_taken_for_hdfs() {
    let portal = FakeHdfs::start().await;
    portal.faults(|f| f.captive = true);
    let (hdfs, _) = client(&portal);
    let error = hdfs.status("/").await.unwrap_err();
    assert!(
        error.to_string().contains("returned 200 without WebHDFS JSON (\"<html>please log in</html>\")"),
        "{error}"
    );

    // Directly there is the portal, through the tunnel the real one.
    struct Past(FakeTunnel, u16);
    impl Tunnel for Past {
        fn socket<'a>(&'a self, host: &'a str, _: u16) -> BoxFuture<'a, Result<PathBuf, BoxError>> {
            self.0.socket(host, self.1)
        }
    }
    let real = FakeHdfs::start().await;
    let port = real.namenodes[0].rsplit_once(':').unwrap().1.parse().unwrap();
    let (hdfs, _) = client_by(&portal, Arc::new(Auto::new(Arc::new(Past(FakeTunnel::new(), port))).unwrap()));
    assert!(hdfs.status("/").await.unwrap().unwrap().is_dir);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_final_and_named_even_when_its_answer_is_lost() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    fake.add_dir("/libs", 0o755);
    let (hdfs, _) = client(&fake);
    for silently in [false, true] {
        fake.faults(|f| (f.denied, f.denied_silently) = (true, silently));
        let error = upload(&hdfs, &files(&dir, &[3_000_000])).await.unwrap_err();
        assert_eq!(error.exception(), Some("AccessControlException"), "{error:?}");
        let text = chain(&error);
        assert!(text.contains("user=joe, access=WRITE") && text.contains("hdfs dfs -chown or -chmod"), "{text}");
        assert!(!text.contains("tries") && !text.contains("at org.apache"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_is_refused_before_anything_is_sent() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    let files = files(&dir, &[10, 20]);
    fake.add_dir("/libs/1.jar", 0o755);
    assert!(matches!(upload(&hdfs, &files).await, Err(Error::IsDirectory(p)) if p == "/libs/1.jar"));
    let compared = hdfs.compare(files.clone(), &options()).await.unwrap().files;
    assert_eq!(compared, [Comparison::Missing, Comparison::Differs(Difference::Folder)]);

    fake.add("/file", b"x", 0o644);
    let below = vec![Upload { remote: "/file/x.jar".into(), ..files[0].clone() }];
    assert!(matches!(upload(&hdfs, &below).await, Err(Error::IsFile(p)) if p == "/file"));
    let twice =
        vec![files[0].clone(), Upload { local: files[1].local.clone(), remote: "/libs//0.jar".into(), mode: 0o644 }];
    assert!(matches!(upload(&hdfs, &twice).await, Err(Error::Twice(p)) if p == "/libs/0.jar"));
    let none = vec![Upload { local: dir.path().join("none"), ..files[0].clone() }];
    assert!(matches!(upload(&hdfs, &none).await, Err(Error::Local { .. })));
    let folder = vec![Upload { local: dir.path().into(), ..files[0].clone() }];
    assert!(matches!(upload(&hdfs, &folder).await, Err(Error::NotAFile(_))));
    let dots = vec![Upload { remote: "/libs/../x".into(), ..files[0].clone() }];
    assert!(matches!(upload(&hdfs, &dots).await, Err(Error::Path { .. })));
    assert_eq!(fake.state().count("PUT"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_file_that_changes_while_it_is_read_is_an_error() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    let files = files(&dir, &[8_000_000]);
    fake.faults(|f| f.slow = Some(Duration::from_millis(20)));
    let path = files[0].local.clone();
    let other = bytes(8_000_000, 99);
    let change = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // The same length, other bytes.
        std::fs::write(path, other).unwrap();
    });
    let error = upload(&hdfs, &files).await.unwrap_err();
    change.await.unwrap();
    assert!(chain(&error).contains("0.jar changed while it was read"), "{}", chain(&error));
    assert_eq!((fake.get("/libs/0.jar").is_none(), fake.leftovers()), (true, vec![]));
    fake.faults(|f| f.slow = None);
    assert_eq!(upload(&hdfs, &files).await.unwrap().sent(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_upload_leaves_nothing() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    fake.faults(|f| f.slow = Some(Duration::from_millis(50)));
    let files = files(&dir, &[3_000_000; 12]);
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(400)).await;
        stop.cancel();
    });
    let start = Instant::now();
    let error = hdfs.upload(files, &options(), &cancel).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    let Error::Incomplete { failed: 12, source, .. } = error else { panic!("{error:?}") };
    assert!(matches!(*source, Error::Cancelled), "{source:?}");
    assert!(fake.state().seen.is_empty());
    assert_eq!(fake.leftovers(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datanode_that_hangs_is_given_up_and_tried_again() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, said) = client(&fake);
    fake.faults(|f| f.hung_puts = 1);
    let options = UploadOptions { stall_timeout: Duration::from_millis(600), ..UploadOptions::default() };
    let report = hdfs.upload(files(&dir, &[5_000_000]), &options, &CancellationToken::new()).await.unwrap();
    assert_eq!(report.files[0].outcome, Outcome::Sent { tries: 2 });
    assert!(notes(&said)[0].contains("accepted no data for 0."), "{:?}", notes(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_our_own_old_leftovers_are_removed() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    let (old, young) = ("/libs/.windlass-0123456789abcdef-x.jar.part", "/libs/.windlass-0123456789abcde0-x.jar.part");
    for path in [old, young, "/libs/other.part"] {
        fake.add(path, b"half", 0o644);
        if path != young {
            fake.state().entries.get_mut(path).unwrap().modified_ms = now_ms() - 25 * 3600 * 1000;
        }
    }
    // Comparing touches nothing.
    hdfs.compare(files(&dir, &[10]), &options()).await.unwrap();
    assert!(fake.get(old).is_some());
    upload(&hdfs, &files(&dir, &[10])).await.unwrap();
    assert_eq!(fake.leftovers(), [young, "/libs/other.part"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_whose_answer_is_lost_counts() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    let files = files(&dir, &[100_000]);
    fake.faults(|f| f.unanswered_renames = 1);
    let report = upload(&hdfs, &files).await.unwrap();
    assert_eq!(report.files[0].outcome, Outcome::Sent { tries: 1 });
    assert_never_truncated(&fake, &files, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hadoop_2_7_without_noredirect_pages_and_access_checks() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    fake.faults(|f| (f.old, f.modeless) = (true, true));
    let mut files = files(&dir, &[100_000, 5]);
    files[0].mode = 0o600;
    assert_eq!(upload(&hdfs, &files).await.unwrap().sent(), 2);
    assert_eq!(fake.get("/libs/0.jar").unwrap().mode, 0o600);
    hdfs.probe("/libs", &CancellationToken::new()).await.unwrap();
    fake.faults(|f| (f.denied, f.denied_silently) = (true, true));
    files[0].remote = "/libs/new.jar".into();
    let options = UploadOptions { retries: 0, ..options() };
    let error = hdfs.upload(files, &options, &CancellationToken::new()).await.unwrap_err();
    assert!(chain(&error).contains("no response from DataNode"), "{}", chain(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_block_sizes_are_learnt() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    fake.state().block_size = 1 << 20;
    let (hdfs, _) = client(&fake);
    let files = files(&dir, &[5_000_000, 3 << 20, 1000]);
    assert_eq!(upload(&hdfs, &files).await.unwrap().sent(), 3);
    let (hdfs, _) = client(&fake);
    assert_eq!(hdfs.compare(files.clone(), &options()).await.unwrap().files, [Comparison::Same; 3]);
    assert_eq!(upload(&hdfs, &files).await.unwrap().skipped(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn comparing_tells_in_what_a_file_differs_and_changes_nothing() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    let files = files(&dir, &[1000, 1000, 1000, 1000]);
    fake.add("/libs/0.jar", &std::fs::read(&files[0].local).unwrap(), 0o644);
    fake.add("/libs/1.jar", &std::fs::read(&files[0].local).unwrap(), 0o644);
    fake.add("/libs/2.jar", b"short", 0o644);
    fake.add("/libs/3.jar", &std::fs::read(&files[3].local).unwrap(), 0o600);
    let compared = hdfs.compare(files.clone(), &options()).await.unwrap().files;
    assert_eq!(
        compared,
        [
            Comparison::Same,
            Comparison::Differs(Difference::Content),
            Comparison::Differs(Difference::Length { have: 5, want: 1000 }),
            Comparison::Differs(Difference::Mode { have: 0o600, want: 0o644 }),
        ]
    );
    assert_eq!(fake.state().count("PUT"), 0);
    let report = upload(&hdfs, &files).await.unwrap();
    let outcomes: Vec<_> = report.files.iter().map(|f| f.outcome).collect();
    let sent = Outcome::Sent { tries: 1 };
    assert_eq!(outcomes, [Outcome::Skipped, sent, sent, Outcome::ModeSet { from: 0o600 }]);
    assert_eq!(report.bytes_sent, 2000);
    assert_eq!(hdfs.compare(files, &options()).await.unwrap().files, [Comparison::Same; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_several_pages() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    fake.faults(|f| f.page = Some(3));
    let files = files(&dir, &[100; 11]);
    upload(&hdfs, &files).await.unwrap();
    assert_eq!(hdfs.list("/libs").await.unwrap().unwrap().len(), 11);
    assert_eq!(upload(&hdfs, &files).await.unwrap().skipped(), 11);
    assert_eq!(hdfs.list("/none").await.unwrap(), None);
    assert!(matches!(hdfs.list("/libs/0.jar").await, Err(Error::IsFile(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_log_is_found_however_spark_wrote_it() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    fake.faults(|f| f.page = Some(2));
    let names = ["spark-0", "spark-1", "spark-2.zstd", "spark-3.lz4", "zzz"];
    let files = files(&dir, &[10; 5]).into_iter().zip(names);
    let files: Vec<Upload> = files.map(|(file, name)| Upload { remote: format!("/logs/{name}"), ..file }).collect();
    upload(&hdfs, &files).await.unwrap();
    hdfs.mkdirs("/logs/eventlog_v2_spark-4", 0o770).await.unwrap();
    for (app, found) in [
        ("spark-1", Some("spark-1")),
        ("spark-2", Some("spark-2.zstd")),
        ("spark-3", Some("spark-3.lz4")),
        ("spark-4", Some("eventlog_v2_spark-4")),
        ("spark-5", None),
    ] {
        assert_eq!(hdfs.find(&format!("/logs/*{app}*")).await.unwrap().as_deref(), found, "{app}");
    }
    assert_eq!(hdfs.find("/logs/spark-2").await.unwrap(), None, "without a star it is a name");
    assert_eq!(hdfs.find("/logs/spark-1").await.unwrap().as_deref(), Some("spark-1"));
    assert_eq!(hdfs.find("/none/*").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_and_their_modes() {
    let fake = FakeHdfs::start().await;
    let (hdfs, _) = client(&fake);
    assert_eq!(hdfs.mkdirs("/shared/spark logs+é", 0o1777).await.unwrap(), EnsureOutcome::Created);
    assert_eq!(hdfs.status("/shared").await.unwrap().unwrap().mode, 0o755, "only the leaf is open to all");
    assert_eq!(hdfs.status("/shared/spark logs+é").await.unwrap().unwrap().mode, 0o1777);
    assert_eq!(hdfs.mkdirs("/shared/spark logs+é/", 0o1777).await.unwrap(), EnsureOutcome::Unchanged);
    assert_eq!(hdfs.mkdirs("/shared/spark logs+é", 0o777).await.unwrap(), EnsureOutcome::ModeChanged { from: 0o1777 });
    fake.add("/file", b"x", 0o644);
    assert!(matches!(hdfs.mkdirs("/file", 0o755).await, Err(Error::IsFile(_))));
    assert!(hdfs.delete("/file", false).await.unwrap());
    assert!(!hdfs.delete("/file", false).await.unwrap());
    assert_eq!(hdfs.status("/file").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_a_url_would_misread_arrive_as_they_are() {
    let (fake, dir) = (FakeHdfs::start().await, TempDir::new().unwrap());
    let (hdfs, _) = client(&fake);
    let mut files = files(&dir, &[10]);
    files[0].remote = "/libs/a b+c%25&d=é#?.jar".into();
    upload(&hdfs, &files).await.unwrap();
    assert!(fake.get("/libs/a b+c%25&d=é#?.jar").is_some());
    assert_eq!(upload(&hdfs, &files).await.unwrap().skipped(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_cleans_up_whether_it_succeeds_or_not() {
    let fake = FakeHdfs::start().await;
    let (hdfs, _) = client(&fake);
    hdfs.probe("/", &CancellationToken::new()).await.unwrap();
    assert_eq!(fake.leftovers(), Vec::<String>::new());
    fake.faults(|f| f.reads_differ = true);
    assert!(matches!(hdfs.probe("/", &CancellationToken::new()).await, Err(Error::ProbeDiffers(_))));
    assert_eq!(fake.leftovers(), Vec::<String>::new());
    fake.faults(|f| f.denied = true);
    assert_eq!(
        hdfs.probe("/", &CancellationToken::new()).await.unwrap_err().exception(),
        Some("AccessControlException")
    );
}
