//! Identifies processes, and whether they still run.

use std::io;

use crate::model::lock::Process;

/// This process.
///
/// # Errors
/// `/proc` cannot be read.
pub fn own_process() -> io::Result<Process> {
    let pid = std::process::id();
    Ok(Process { machine: machine()?, pid, started: started(pid)? })
}

/// Whether a process of this machine still runs; `None` for one that cannot be seen from here.
#[must_use]
pub fn still_runs(process: &Process) -> Option<bool> {
    if machine().ok()? != process.machine {
        return None;
    }
    Some(started(process.pid).is_ok_and(|started| started == process.started))
}

/// The machine since its last start, and the pid namespace of this process.
fn machine() -> io::Result<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let namespace = std::fs::read_link("/proc/self/ns/pid")?;
    let namespace: String = namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    Ok(format!("{}/{namespace}", boot.trim()))
}

/// When a process started, in ticks since the machine did. A zombie counts as ended.
fn started(pid: u32) -> io::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything; the state follows it, and the start is the 20th field from there.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let bad = || io::Error::new(io::ErrorKind::InvalidData, format!("failed to parse /proc/{pid}/stat"));
    if fields.first().is_some_and(|state| *state == "Z") {
        return Err(io::Error::new(io::ErrorKind::NotFound, "process has ended"));
    }
    fields.get(19).and_then(|field| field.parse().ok()).ok_or_else(bad)
}

/// The pids of running processes of this machine that have all of these words among their arguments.
#[must_use]
pub fn running_with(words: &[&str]) -> Vec<u32> {
    let own = std::process::id();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| *pid != own);
    let fits = |pid: &u32| {
        // One that ended in between, or that is not ours to look at, does not count.
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let has = |word: &&str| line.split(|byte| *byte == 0).any(|arg| arg == word.as_bytes());
        words.iter().all(has)
    };
    pids.filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_distinguished() {
        let own = own_process().unwrap();
        assert_eq!(still_runs(&own), Some(true));
        assert_eq!(
            still_runs(&Process { started: own.started + 1, ..own.clone() }),
            Some(false),
            "another's pid by now"
        );
        assert_eq!(still_runs(&Process { machine: "elsewhere/1".to_owned(), ..own }), None);
    }

    #[test]
    fn a_process_is_found_by_its_arguments() {
        let mut child = std::process::Command::new("sleep").args(["0.0097", "30"]).spawn().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while running_with(&["sleep", "0.0097"]).is_empty() {
            assert!(std::time::Instant::now() < deadline, "it was never seen");
        }
        assert_eq!(running_with(&["sleep", "0.0097"]), [child.id()]);
        assert_eq!(running_with(&["sleep", "0.0097", "31"]), Vec::<u32>::new());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(running_with(&["sleep", "0.0097"]), Vec::<u32>::new());
    }
}
