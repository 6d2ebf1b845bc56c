//! Pauses between attempts.

use std::time::Duration;

/// Pauses of which each is twice as long as the one before, up to a bound.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    /// The first pause, and the longest.
    #[must_use]
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { next: first, most }
    }

    /// The pause that comes next.
    #[must_use]
    pub const fn peek(&self) -> Duration {
        self.next
    }

    /// The next pause; the one after it is longer.
    #[must_use = "the caller has to wait for this long"]
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.most);
        pause
    }

    /// The pause after that many failures, from 1.
    #[must_use]
    pub fn after(self, failures: u32) -> Duration {
        self.next.saturating_mul(1 << failures.saturating_sub(1).min(30)).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_one_after_the_other_or_by_number() {
        let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
        let mut one_by_one = backoff;
        for (failures, wanted) in [(1, 200), (2, 400), (3, 800), (4, 1600), (5, 2000), (6, 2000)] {
            let wanted = Duration::from_millis(wanted);
            assert_eq!((one_by_one.peek(), backoff.after(failures)), (wanted, wanted));
            assert_eq!(one_by_one.pause(), wanted);
        }
        assert_eq!(backoff.after(u32::MAX), Duration::from_secs(2));
    }
}
