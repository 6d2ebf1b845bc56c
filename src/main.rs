//! The `windlass` binary: parse, run, outcome to exit code.

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;
use windlass::app::{self, DiagnosticsWriter, Exit};

fn main() -> ExitCode {
    let cli = match app::parse() {
        Ok(cli) => cli,
        Err(refused) => return app::refused(&refused),
    };
    log(cli.global.verbose);
    // TLS needs one provider for the whole process; it is not an error if it is set already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A run is one future, which does not fit into two megabytes in a build without optimisation. Unused stack costs
    // nothing.
    let stack = 16 << 20;
    let exit = match tokio::runtime::Builder::new_multi_thread().thread_stack_size(stack).enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(app::run(cli));
            // A read that hangs in the background must not keep the process alive.
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            exit
        }
        Err(error) => {
            tracing::error!("failed to start the runtime: {error}");
            Exit::Unexpected
        }
    };
    ExitCode::from(exit as u8)
}

/// Diagnostics go to stderr, apart from the events: `-vv` for ours, `WINDLASS_LOG` for a filter.
fn log(verbose: u8) {
    let default = match verbose {
        // kube logs requests that it will retry as errors.
        0 | 1 => "error,kube_client=off",
        2 => "windlass=debug,warn",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("WINDLASS_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // The internal errors would go to stderr, and panic when stderr is closed.
    let format = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    format.with_writer(DiagnosticsWriter::default).init();
}
