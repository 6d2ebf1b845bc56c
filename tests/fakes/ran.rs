//! Commands as tests run them.

use tokio::process::Command;

/// Runs it: its exit code, stdout and stderr.
pub(crate) async fn ran(mut command: Command) -> (i32, String, String) {
    let ran = command.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.code().unwrap(), text(&ran.stdout), text(&ran.stderr))
}
