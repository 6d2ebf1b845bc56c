//! Memory does not grow with the size of a file. A test binary of its own: what others need would be counted too.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "fakes/webhdfs/mod.rs"]
mod fake;

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use fake::FakeHdfs;
use tokio_util::sync::CancellationToken;
use windlass::driver::webhdfs::{Direct, Hdfs, HdfsConfig, Upload, UploadOptions};
use windlass::model::silent;

/// The most memory this process ever had resident, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_the_size_of_a_file() {
    let (fake, dir) = (FakeHdfs::start().await, tempfile::TempDir::new().unwrap());
    fake.state().forget_data = true;
    let config = HdfsConfig {
        namenodes: fake.namenodes.clone(),
        user: "hdfs".into(),
        route: Arc::new(Direct::new().unwrap()),
        deadline: Duration::from_secs(5),
        request_timeout: Duration::from_secs(5),
        progress: silent(),
    };
    let hdfs = Hdfs::new(config).unwrap();
    // Holes cost no disk; eight at once, as many as are ever sent.
    let make = |(i, len): (usize, u64)| {
        let local = dir.path().join(format!("{i}-{len}"));
        File::create(&local).unwrap().set_len(len).unwrap();
        Upload { remote: format!("/big/{i}-{len}"), local, mode: 0o644 }
    };
    let options = UploadOptions { parallel: Some(8), ..UploadOptions::default() };
    let mut peaks = Vec::new();
    for len in [8 << 20, 64 << 20] {
        let files: Vec<_> = std::iter::repeat_n(len, 8).enumerate().map(make).collect();
        let report = hdfs.upload(files.clone(), &options, &CancellationToken::new()).await.unwrap();
        assert_eq!(report.bytes_sent, 8 * len);
        let again = hdfs.upload(files, &options, &CancellationToken::new()).await.unwrap();
        assert_eq!(again.skipped(), 8);
        peaks.push(peak());
    }
    // Eight times the bytes, and the fake's own buffers are counted in.
    assert!(peaks[1] < peaks[0] + (8 << 20), "{peaks:?}");
    assert!(peaks[1] < 64 << 20, "{peaks:?}");
}
