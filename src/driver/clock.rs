//! The clock of this machine that nobody sets.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since this machine started. It never goes back, whatever is done to the machine's date, and continues while the
/// machine sleeps, which the clock of timers does not.
#[must_use]
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    // Neither is ever negative.
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on() {
        let before = since_boot();
        std::thread::sleep(Duration::from_millis(20));
        let passed = since_boot().checked_sub(before).unwrap();
        assert!(passed >= Duration::from_millis(20) && passed < Duration::from_secs(20), "{passed:?}");
    }
}
