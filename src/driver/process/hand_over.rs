//! Programs of the user that outlive us: a browser.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::Environment;

/// Starts a program without waiting for it: in a group of its own, without output, and it keeps running when we end.
///
/// # Errors
/// It cannot be started.
pub fn spawn_detached(program: &Path, argument: &str, env: &Environment) -> std::io::Result<()> {
    let mut command = Command::new(program);
    command.arg(argument).env_clear().envs(env.iter()).process_group(0);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // Only so that it leaves no zombie while we run.
    tokio::spawn(async move { child.wait().await });
    Ok(())
}
