//! How much of a blob goes into one request: all of it, until something on the way does not bear that.

use std::time::Duration;

use crate::driver::registry::Limits;

/// What a blob's requests have shown so far.
#[derive(Debug, Clone)]
pub(super) struct Sizing {
    /// All that is left, or so much.
    chunk: Option<u64>,
    usual: u64,
    floor: u64,
    last_cut: Option<Duration>,
}

impl Sizing {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { chunk: None, usual: limits.chunk, floor: limits.chunk_least.min(limits.chunk), last_cut: None }
    }

    /// The registry takes no smaller chunks (`OCI-Chunk-Min-Length`).
    pub(super) fn at_least(&mut self, least: u64) {
        self.usual = self.usual.max(least);
        self.floor = self.floor.max(least);
        self.chunk = self.chunk.map(|chunk| chunk.max(least));
    }

    /// Whether a blob goes in one request.
    pub(super) const fn is_whole(&self) -> bool {
        self.chunk.is_none()
    }

    /// How many bytes go into the next request.
    pub(super) fn next(&self, left: u64) -> u64 {
        self.chunk.map_or(left, |chunk| chunk.min(left))
    }

    /// A request of `tried` bytes was too large. Gives whether a smaller one is left to try.
    pub(super) fn too_large(&mut self, tried: u64) -> bool {
        if tried <= self.floor {
            return false;
        }
        let next = if self.chunk.is_none() { self.usual } else { tried / 2 };
        // What was too large is not tried again, however small a blob is.
        self.chunk = Some(if next < tried { next } else { tried / 2 }.max(self.floor));
        true
    }

    /// A request was cut off after `elapsed`, when `sent` bytes of it were on their way. `kept` says whether the registry
    /// has kept any of them.
    pub(super) fn cut(&mut self, sent: u64, elapsed: Duration, kept: bool) {
        let alike = self.last_cut.is_some_and(|last| last.abs_diff(elapsed) <= last.max(elapsed) / 5);
        self.last_cut = Some(elapsed);
        let chunk = match self.chunk {
            // Something ends every request after the same time: half of that is what one may take.
            _ if alike && sent > 0 => {
                let fits = sent / 20 * 9;
                self.chunk.map_or(fits, |chunk| chunk.min(fits))
            }
            None => self.usual,
            Some(chunk) if kept => chunk,
            Some(chunk) => chunk / 2,
        };
        self.chunk = Some(chunk.max(self.floor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_is_too_large_is_made_smaller_down_to_a_bound() {
        let mut sizing = Sizing::new(&Limits::default());
        assert!(sizing.is_whole());
        assert_eq!(sizing.next(300 * MIB), 300 * MIB);
        let mut sizes = Vec::new();
        while sizing.too_large(sizing.next(300 * MIB)) {
            sizes.push(sizing.next(300 * MIB) / MIB);
        }
        assert_eq!(sizes, [16, 8, 4, 2, 1]);
        let mut small = Sizing::new(&Limits::default());
        assert!(small.too_large(10 * MIB));
        assert_eq!(small.next(10 * MIB), 5 * MIB, "never what was too large");
        let mut least = Sizing::new(&Limits::default());
        least.at_least(20 * MIB);
        assert!(least.too_large(300 * MIB));
        assert_eq!(least.next(300 * MIB), 20 * MIB);
        assert!(!least.too_large(20 * MIB));
    }

    #[test]
    fn two_cuts_after_the_same_time_give_requests_of_under_half_of_it() {
        let mut sizing = Sizing::new(&Limits::default());
        // 10 MB/s, cut after 5 s.
        sizing.cut(50 * MIB, Duration::from_millis(5000), false);
        assert_eq!(sizing.next(300 * MIB), 16 * MIB);
        // 2 MB/s: 16 MiB do not get through either.
        sizing.cut(10 * MIB, Duration::from_millis(4800), true);
        let next = sizing.next(300 * MIB);
        assert!(next < 5 * MIB && next > 4 * MIB, "{next}");
        // Others that come at any time change nothing as long as something gets through.
        let mut sizing = Sizing::new(&Limits::default());
        sizing.cut(MIB, Duration::from_secs(1), true);
        sizing.cut(MIB, Duration::from_secs(9), true);
        assert_eq!(sizing.next(300 * MIB), 16 * MIB);
        sizing.cut(MIB, Duration::from_secs(3), false);
        assert_eq!(sizing.next(300 * MIB), 8 * MIB);
    }
}
