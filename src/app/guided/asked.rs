//! Which of several requests was the last.

/// Numbers requests of one kind.
#[derive(Default)]
pub(super) struct RequestCount(u64);

impl RequestCount {
    /// The number of the next request.
    pub(super) const fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    /// Whether this request is the last one.
    pub(super) const fn is_last(&self, number: u64) -> bool {
        self.0 == number
    }
}
