//! Which of several questions was the last.

/// How often something was asked for.
#[derive(Default)]
pub(super) struct RequestCount(u64);

impl RequestCount {
    /// Once more; gives its number.
    pub(super) const fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    /// Whether nothing was asked for since.
    pub(super) const fn is_last(&self, number: u64) -> bool {
        self.0 == number
    }
}
