//! Progress of what takes longer than a second, and sizes for people.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::output::Output;
use crate::model::human;

/// Between two lines.
const EVERY: Duration = Duration::from_secs(2);

/// The first line.
const FIRST: Duration = Duration::from_secs(1);

/// Prints progress: at most every two seconds, and never less than before.
pub(in crate::app) struct Progress<'a> {
    output: &'a Output,
    what: &'static str,
    total: u64,
    state: Mutex<State>,
}

struct State {
    started: Instant,
    next: Instant,
    done: u64,
    /// Of these, what was there before this run.
    resumed: u64,
}

impl<'a> Progress<'a> {
    pub(in crate::app) fn new(output: &'a Output, what: &'static str, total: u64) -> Self {
        let started = Instant::now();
        Self { output, what, total, state: Mutex::new(State { started, next: started + FIRST, done: 0, resumed: 0 }) }
    }

    /// Adds bytes.
    pub(in crate::app) fn add(&self, bytes: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += bytes;
        self.print(&mut state);
    }

    /// Sets the number of bytes, and how many of them were there before this run: they count, but took it no time.
    pub(in crate::app) fn set(&self, bytes: u64, resumed: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done = state.done.max(bytes);
        state.resumed = state.resumed.max(resumed);
        self.print(&mut state);
    }

    fn print(&self, state: &mut State) {
        let now = Instant::now();
        // Without a total there is no progress.
        if now < state.next || self.total == 0 {
            return;
        }
        state.next = now + EVERY;
        let rate = state.rate(now - state.started);
        if self.output.json {
            let value = json!({"progress": {"what": self.what, "bytes": state.done, "of": self.total, "bytes_per_second": rate}});
            // Progress may be lost; an error ends the command elsewhere.
            let _ = self.output.value(&value);
            return;
        }
        let percent = u128::from(state.done) * 100 / u128::from(self.total.max(1));
        let left = left(self.total, state.done, rate).map(|seconds| format!(", {} left", time(seconds)));
        self.output.remark(&format!(
            "{} {percent} %: {} of {}, {}/s{}",
            self.what,
            human(state.done),
            human(self.total),
            human(rate),
            left.unwrap_or_default()
        ));
    }
}

impl State {
    /// Bytes a second, of what came in this run.
    fn rate(&self, time: Duration) -> u64 {
        let bytes = self.done.saturating_sub(self.resumed);
        u64::try_from(u128::from(bytes) * 1000 / time.as_millis().max(1)).unwrap_or(u64::MAX)
    }
}

/// Seconds; nothing without a rate.
fn left(total: u64, done: u64, rate: u64) -> Option<u64> {
    total.saturating_sub(done).checked_div(rate)
}

fn time(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (hours, minutes) => format!("{hours}h {minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 900 of 1000 bytes were there before: what is left takes as long as what came has taken.
    #[test]
    fn what_was_there_before_is_no_speed() {
        let started = Instant::now();
        let state = State { started, next: started, done: 950, resumed: 900 };
        let rate = state.rate(Duration::from_secs(10));
        assert_eq!((rate, left(1000, 950, rate)), (5, Some(10)));
        assert_eq!(left(1000, 900, 0), None);
    }

    #[test]
    fn times_are_short() {
        assert_eq!((time(59), time(61), time(3660)), ("59s".into(), "1m 1s".into(), "1h 1m".into()));
    }
}
