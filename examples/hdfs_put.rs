//! Uploads files into a folder of HDFS with the library's WebHDFS driver and the defaults the product uses: what
//! `bench/webhdfs` measures. With `--bare` the limit instead: the two requests of a WebHDFS PUT, in parallel, and nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;
use windlass::driver::kube::{Cluster, ConnectOptions, Tunnels};
use windlass::driver::reach;
use windlass::driver::webhdfs::{Hdfs, HdfsConfig, Upload, UploadOptions, choose_route};
use windlass::model::{HdfsAccess, Progress, ProgressSink};

#[derive(Parser)]
struct Args {
    /// NameNodes, separated by commas.
    #[arg(long)]
    namenodes: String,
    /// The user to act as.
    #[arg(long, default_value = "hdfs")]
    user: String,
    /// Files at the same time; chosen by the driver where absent.
    #[arg(long)]
    parallel: Option<usize>,
    /// Reach HDFS as an operator outside the cluster does: by this kubeconfig, through the API's port-forward where pods
    /// are not reached directly.
    #[arg(long, requires = "namespace", conflicts_with = "bare")]
    kubeconfig: Option<PathBuf>,
    /// Where HDFS is.
    #[arg(long)]
    namespace: Option<String>,
    /// Only CREATE and PUT: no temporary name, no checksum, no rename.
    #[arg(long)]
    bare: bool,
    /// Compare only; change nothing.
    #[arg(long, conflicts_with = "bare")]
    compare: bool,
    /// Say what is waited for and tried again.
    #[arg(short, long)]
    verbose: bool,
    /// Files, or folders whose files are meant, and last the folder in HDFS.
    #[arg(required = true, num_args = 2..)]
    paths: Vec<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = Args::parse();
    let target = args.paths.pop().context("no target")?;
    let target = target.to_str().context("the target is not UTF-8")?.trim_end_matches('/').to_owned();
    let mut files = Vec::new();
    for path in &args.paths {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).with_context(|| format!("failed to read {}", path.display()))? {
                files.push(entry?.path());
            }
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    let start = Instant::now();
    let line = if args.bare { bare(&args, files, &target).await? } else { windlass(&args, files, &target).await? };
    writeln(&format!("{line}, {:.3} s, peak {} KiB", start.elapsed().as_secs_f64(), peak_kib()?));
    Ok(())
}

async fn windlass(args: &Args, files: Vec<PathBuf>, target: &str) -> Result<String> {
    let verbose = args.verbose;
    let progress: ProgressSink = Arc::new(move |progress| {
        if let (true, Progress::Waiting(text) | Progress::Note(text)) = (verbose, progress) {
            writeln(&text);
        }
    });
    let namenodes = args.namenodes.split(',').map(str::to_owned).collect();
    let user = args.user.clone();
    let hdfs = match (&args.kubeconfig, &args.namespace) {
        (Some(kubeconfig), Some(namespace)) => {
            let options = ConnectOptions { kubeconfig: Some(kubeconfig.clone()), ..ConnectOptions::default() };
            let cluster = Cluster::connect(&options).await?;
            let access = HdfsAccess { component: "hdfs".into(), namespace: namespace.clone(), namenodes, user };
            reach::hdfs(&access, &Tunnels::new(&cluster)?)?.with_progress(progress)
        }
        _ => Hdfs::new(HdfsConfig {
            namenodes,
            user,
            route: choose_route(None)?,
            deadline: Duration::from_secs(120),
            request_timeout: Duration::from_secs(30),
            progress,
        })?,
    };
    let uploads = files
        .into_iter()
        .map(|local| Ok(Upload { remote: format!("{target}/{}", name(&local)?), local, mode: 0o644 }))
        .collect::<Result<Vec<_>>>()?;
    let options = UploadOptions { parallel: args.parallel, ..UploadOptions::default() };
    if args.compare {
        let all = hdfs.compare(uploads.clone(), &options).await?.files;
        for (upload, comparison) in uploads.iter().zip(&all) {
            writeln(&format!("{} {comparison:?}", upload.remote));
        }
        return Ok(format!("compared {}", all.len()));
    }
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel();
        }
    });
    let report = hdfs.upload(uploads, &options, &cancel).await?;
    Ok(format!("sent {} ({} bytes), skipped {}", report.sent(), report.bytes_sent, report.skipped()))
}

async fn bare(args: &Args, files: Vec<PathBuf>, target: &str) -> Result<String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let namenode = args.namenodes.split(',').next().unwrap_or_default();
    let count = files.len();
    let parallel = args.parallel.unwrap_or(8);
    let mut puts = futures::stream::iter(files.into_iter().map(|file| {
        let client = client.clone();
        async move {
            let url = format!(
                "http://{namenode}/webhdfs/v1{target}/{}?op=CREATE&user.name={}&overwrite=true&noredirect=true",
                name(&file)?,
                args.user
            );
            let answer: serde_json::Value = client.put(url).send().await?.json().await?;
            let location = answer["Location"].as_str().context("no Location")?;
            let body = tokio::fs::File::open(&file).await?;
            let len = body.metadata().await?.len();
            let stream = tokio_util::io::ReaderStream::with_capacity(body, 256 << 10);
            let request = client.put(location).header("content-length", len).body(reqwest::Body::wrap_stream(stream));
            let status = request.send().await?.status();
            if status.as_u16() != 201 {
                bail!("{}: {status}", file.display());
            }
            Ok(())
        }
    }))
    .buffer_unordered(parallel);
    while let Some(put) = puts.next().await {
        put?;
    }
    Ok(format!("put {count} bare"))
}

fn name(path: &Path) -> Result<&str> {
    path.file_name().and_then(|n| n.to_str()).with_context(|| format!("no usable name: {}", path.display()))
}

/// The most memory this process ever had resident, in KiB.
fn peak_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[expect(clippy::print_stdout, reason = "an example's output is its purpose")]
fn writeln(line: &str) {
    println!("{line}");
}
