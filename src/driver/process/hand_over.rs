//! Programs that are the user's, not ours: a browser.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::Environment;

/// Starts a program that nobody waits for: it has a group of its own, is heard no more, and stays when we end.
///
/// # Errors
/// It cannot be started.
pub fn hand_over(program: &Path, argument: &str, env: &Environment) -> std::io::Result<()> {
    let mut command = Command::new(program);
    command.arg(argument).env_clear().envs(env.iter()).process_group(0);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // Only so that it leaves no zombie while we are there.
    tokio::spawn(async move { child.wait().await });
    Ok(())
}
