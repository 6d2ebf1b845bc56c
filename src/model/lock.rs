//! Who works on a cluster: what the Lease says, and whether it still counts.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// How long a lock counts after it was last renewed.
pub const LOCK_LASTS: Duration = Duration::from_secs(30);

/// How often it is renewed: a lock survives two renewals that fail.
const RENEW_EVERY: Duration = Duration::from_secs(8);

/// After a renewal that failed, how soon it is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(2);

/// This long before it expires its holder gives up, so that the last write has ended by then.
const MARGIN: Duration = Duration::from_secs(5);

/// How old a lock is to its holder. All times are of a clock that never goes back and runs while the machine sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockAge {
    /// When the last renewal that succeeded was started.
    renewed: Duration,
    /// When the next is due.
    due: Duration,
}

impl LockAge {
    /// Taken or renewed by a call that was started at `at`.
    #[must_use]
    pub const fn renewed(at: Duration) -> Self {
        Self { renewed: at, due: at.saturating_add(RENEW_EVERY) }
    }

    /// A renewal failed at `now`.
    #[must_use]
    pub const fn missed(self, now: Duration) -> Self {
        Self { due: now.saturating_add(RENEW_AGAIN), ..self }
    }

    /// Whether it still keeps others out for sure. Where it does not, nothing may start before it is renewed.
    #[must_use]
    pub fn counts(self, now: Duration) -> bool {
        now.saturating_sub(self.renewed) < LOCK_LASTS.saturating_sub(MARGIN)
    }

    /// Whether it is to be renewed.
    #[must_use]
    pub fn is_due(self, now: Duration) -> bool {
        now >= self.due || !self.counts(now)
    }
}

/// The process that holds a lock, or wants to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// For people: `user@host`.
    pub who: String,
    /// What it runs: `install`.
    pub command: String,
    /// The run's id.
    pub run: String,
    /// Where it runs, for other processes of the same machine to see whether it still does.
    pub process: Process,
}

/// A process, identified as `machine/pid/start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The machine since its last start, and the pid namespace: pids mean something only there.
    pub machine: String,
    /// Its pid.
    pub pid: u32,
    /// When it started, in clock ticks since the machine did: a pid alone may by now be another's.
    pub started: u64,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.machine, self.pid, self.started)
    }
}

impl Process {
    /// The reverse of `Display`; `None` for what is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, '/');
        let started = parts.next()?.parse().ok()?;
        let pid = parts.next()?.parse().ok()?;
        let machine = parts.next().filter(|machine| !machine.is_empty())?.to_owned();
        Some(Self { machine, pid, started })
    }
}

/// A lock as the cluster has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// For people: who holds it, as they wrote it.
    pub who: String,
    /// What the holder runs.
    pub command: String,
    /// The run's id.
    pub run: String,
    /// The holder's process, if it said.
    pub process: Option<Process>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When it was last renewed, by the API server's clock.
    pub renewed: Option<Timestamp>,
    /// How long it counts after that.
    pub lasts: Duration,
    /// How often it changed hands.
    pub transitions: i32,
    /// The version of the object, so that two who see the same cannot both take it.
    pub version: String,
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.who)?;
        if !self.command.is_empty() {
            write!(f, " ({} {})", self.command, self.run)?;
        }
        if let Some(since) = self.since {
            write!(f, " since {}", since.strftime("%Y-%m-%d %H:%M:%S UTC"))?;
        }
        Ok(())
    }
}

/// Whether a lock keeps others out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockStatus {
    /// Its holder is at work, as far as is known.
    Held,
    /// It was not renewed for as long as it lasts.
    Expired,
    /// Its holder ran on this machine and does not any more.
    Dead,
}

impl Lock {
    /// Judges it at `now` of the API server's clock. `alive` says of a process of this machine whether it still runs,
    /// and `None` of any other.
    #[must_use]
    pub fn standing(&self, now: Timestamp, alive: impl Fn(&Process) -> Option<bool>) -> LockStatus {
        if self.process.as_ref().and_then(alive) == Some(false) {
            return LockStatus::Dead;
        }
        let Some(renewed) = self.renewed else { return LockStatus::Expired };
        // The clock has seconds; the odd one is the holder's.
        let lasts = self.lasts + Duration::from_secs(1);
        match Duration::try_from(now.duration_since(renewed)) {
            Ok(age) if age > lasts => LockStatus::Expired,
            // Renewed in the future: clocks differ, and nothing is known.
            _ => LockStatus::Held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(renewed: Option<&str>) -> Lock {
        Lock {
            who: "ann@a".to_owned(),
            command: "install".to_owned(),
            run: "20261121T160825Z-153444".to_owned(),
            process: Some(Process { machine: "boot/4026531836".to_owned(), pid: 7, started: 99 }),
            since: Some("2026-11-21T16:08:25Z".parse().unwrap()),
            renewed: renewed.map(|text| text.parse().unwrap()),
            lasts: LOCK_LASTS,
            transitions: 0,
            version: "1".to_owned(),
        }
    }

    #[test]
    fn a_lock_expires_when_it_is_not_renewed() {
        let now = "2026-11-21T16:10:00Z".parse().unwrap();
        for (renewed, expected) in [
            (Some("2026-11-21T16:10:00Z"), LockStatus::Held),
            (Some("2026-11-21T16:09:29Z"), LockStatus::Held),
            (Some("2026-11-21T16:09:28Z"), LockStatus::Expired),
            (Some("2026-11-21T16:20:00Z"), LockStatus::Held),
            (None, LockStatus::Expired),
        ] {
            assert_eq!(lock(renewed).standing(now, |_| None), expected, "{renewed:?}");
        }
    }

    #[test]
    fn a_holder_does_not_count_on_a_lock_that_grew_old_while_the_machine_slept() {
        let at = |seconds: u64| Duration::from_secs(1000 + seconds);
        let age = LockAge::renewed(at(0));
        for (now, counts, due) in [(0, true, false), (7, true, false), (8, true, true), (24, true, true)] {
            assert_eq!((age.counts(at(now)), age.is_due(at(now))), (counts, due), "{now}");
        }
        // It closes before the lock does for others, and is renewed at once after a sleep of any length.
        for now in [25, 31, 100_000] {
            assert_eq!((age.counts(at(now)), age.is_due(at(now))), (false, true), "{now}");
        }
        let missed = age.missed(at(8));
        assert_eq!((missed.is_due(at(9)), missed.is_due(at(10)), missed.counts(at(24))), (false, true, true));
        assert!(!missed.counts(at(25)), "a renewal that failed makes it no younger");
        assert!(LockAge::renewed(at(25)).counts(at(49)));
    }

    #[test]
    fn a_dead_holder_of_this_machine_is_known_at_once() {
        let now = "2026-11-21T16:10:00Z".parse().unwrap();
        let lock = lock(Some("2026-11-21T16:10:00Z"));
        assert_eq!(lock.standing(now, |_| Some(false)), LockStatus::Dead);
        assert_eq!(lock.standing(now, |_| Some(true)), LockStatus::Held);
    }

    #[test]
    fn a_process_reads_back() {
        let process = lock(None).process.unwrap();
        assert_eq!(Process::parse(&process.to_string()), Some(process));
        for other in ["", "a", "1/2", "/1/2", "a/x/2", "a/1/"] {
            assert_eq!(Process::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_lock_says_who_and_since_when() {
        assert_eq!(lock(None).to_string(), "ann@a (install 20261121T160825Z-153444) since 2026-11-21 16:08:25 UTC");
    }
}
