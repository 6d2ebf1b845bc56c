//! What has been shown of a running step: how fast bytes move, and what was last written of it to a pipe.

use std::collections::VecDeque;

use super::text;

/// Speed is that of the last so many milliseconds: an average from the start would count files that were skipped.
const WINDOW: i64 = 10_000;

/// Samples closer than this are one.
const SAMPLE: i64 = 250;

/// A waiting line of the same step comes at most this often in a pipe.
const WORDS_PAUSE: i64 = 10_000;

/// In a pipe bytes are reported at quarters, and at least this often.
const BYTES_PAUSE: i64 = 15_000;

/// Quarters that follow each other faster than this are reported as one.
const QUARTER_PAUSE: i64 = 1_000;

/// After so long without a byte the transfer is reported as stalled.
const STALLED: i64 = 5_000;

/// One step. Times are milliseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    samples: VecDeque<(i64, u64)>,
    total: u64,
    /// When a byte moved last.
    moved: i64,
    words: Option<String>,
    reported_words: Option<(i64, String)>,
    reported_bytes: Option<(i64, u64)>,
    retry: Option<(u32, i64)>,
}

impl Track {
    /// An attempt begins: what the one before waited for and sent is over.
    pub(super) fn begin(&mut self) {
        self.samples.clear();
        self.words = None;
        self.retry = None;
        self.reported_bytes = None;
    }

    /// An attempt failed and the next begins at `at`.
    pub(super) fn retry(&mut self, attempt: u32, at: i64) {
        self.begin();
        self.retry = Some((attempt, at));
    }

    /// What it waits for.
    pub(super) fn words(&mut self, words: &str) {
        self.words = Some(words.to_owned());
    }

    /// Bytes done by `at`.
    pub(super) fn bytes(&mut self, at: i64, done: u64, total: u64) {
        self.total = total;
        if self.samples.back().is_some_and(|(_, last)| done < *last) {
            self.samples.clear();
        }
        let known = self.samples.len();
        if self.samples.back().is_none_or(|(_, last)| done != *last) {
            self.moved = at;
        }
        match self.samples.back_mut() {
            Some((last, amount)) if at - *last < SAMPLE && known > 1 => *amount = done,
            _ => self.samples.push_back((at, done)),
        }
        while self.samples.len() > 2 && self.samples.front().is_some_and(|(first, _)| at - first > WINDOW) {
            self.samples.pop_front();
        }
        self.reported_bytes.get_or_insert((at, 0));
    }

    /// "attempt 1 failed, retrying in 3s", while that is so.
    pub(super) fn retrying(&self, now: i64) -> Option<String> {
        let (attempt, at) = self.retry?;
        let left = u64::try_from((at - now).max(0)).unwrap_or_default().div_ceil(1000);
        Some(format!("attempt {attempt} failed, retrying in {}", text::whole(left)))
    }

    /// What it waits for now.
    pub(super) fn waiting(&self) -> Option<&str> {
        self.words.as_deref()
    }

    /// "25 %, 10.0 MiB of 40.0 MiB, 3.3 MiB/s, 9s left", or for how long it has stalled.
    pub(super) fn progress(&self, now: i64) -> Option<String> {
        let (_, done) = *self.samples.back()?;
        let done = done.min(self.total);
        let mut text = match percent(done, self.total) {
            Some(percent) => format!("{percent} %, {} of {}", text::bytes(done), text::bytes(self.total)),
            None => text::bytes(done),
        };
        if done < self.total && now - self.moved >= STALLED {
            let seconds = u64::try_from((now - self.moved) / 1000).unwrap_or_default();
            text.push_str(&format!(", stalled for {}", text::whole(seconds)));
        } else if let Some(rate) = self.rate(now).filter(|_| done < self.total) {
            text.push_str(&format!(", {}/s", text::bytes(rate)));
            if let Some(seconds) = (self.total - done).checked_div(rate) {
                text.push_str(&format!(", {} left", text::whole(seconds)));
            }
        }
        Some(text)
    }

    /// How much is done in percent, and bytes a second and seconds left where these are known.
    pub(super) fn speed(&self, now: i64) -> Option<(u64, Option<(u64, u64)>)> {
        let (_, done) = *self.samples.back()?;
        let done = done.min(self.total);
        let percent = percent(done, self.total)?;
        let rate = self.rate(now).filter(|_| done < self.total);
        Some((percent, rate.and_then(|rate| Some((rate, (self.total - done).checked_div(rate)?)))))
    }

    /// Bytes a second, once a second has been seen. Standing still counts.
    fn rate(&self, now: i64) -> Option<u64> {
        let (first, from) = *self.samples.front()?;
        let (last, to) = *self.samples.back()?;
        let millis = u64::try_from(now.max(last) - first).ok().filter(|millis| *millis >= 1000)?;
        Some(u64::try_from(u128::from(to - from) * 1000 / u128::from(millis)).unwrap_or(u64::MAX))
    }

    /// The words to write to a pipe now.
    pub(super) fn words_due(&mut self, now: i64) -> Option<String> {
        let words = self.words.as_ref()?;
        let due = match &self.reported_words {
            None => true,
            Some((at, reported)) => reported != words && now - at >= WORDS_PAUSE,
        };
        due.then(|| {
            self.reported_words = Some((now, words.clone()));
            words.clone()
        })
    }

    /// The progress to write to a pipe now.
    pub(super) fn bytes_due(&mut self, now: i64) -> Option<String> {
        let (at, reported) = self.reported_bytes?;
        let (_, done) = *self.samples.back()?;
        let quarter = percent(done, self.total).unwrap_or_default() / 25;
        let passed = now - at;
        (passed >= BYTES_PAUSE || (quarter > reported && passed >= QUARTER_PAUSE)).then_some(())?;
        self.reported_bytes = Some((now, quarter));
        self.progress(now)
    }
}

/// Hundredths done, 100 only when all is.
fn percent(done: u64, total: u64) -> Option<u64> {
    let done = u128::from(done.min(total));
    u64::try_from((done * 100).checked_div(u128::from(total))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn speed_is_that_of_the_last_seconds() {
        let mut track = Track::default();
        track.bytes(0, 0, 100 * MIB);
        // Half is there already.
        track.bytes(100, 50 * MIB, 100 * MIB);
        assert_eq!(track.progress(100).unwrap(), "50 %, 50.0 MiB of 100.0 MiB");
        for second in 1..=20 {
            track.bytes(second * 1000, 50 * MIB + u64::try_from(second).unwrap() * MIB, 100 * MIB);
        }
        assert_eq!(track.progress(20_000).unwrap(), "70 %, 70.0 MiB of 100.0 MiB, 1.0 MiB/s, 30s left");
        // No more bytes: the rate falls, and then the transfer is stalled.
        assert_eq!(track.progress(24_000).unwrap(), "70 %, 70.0 MiB of 100.0 MiB, 731.4 KiB/s, 42s left");
        assert_eq!(track.progress(30_000).unwrap(), "70 %, 70.0 MiB of 100.0 MiB, stalled for 10s");
        track.bytes(31_000, 100 * MIB, 100 * MIB);
        assert_eq!(track.progress(31_000).unwrap(), "100 %, 100.0 MiB of 100.0 MiB");
    }

    #[test]
    fn invalid_numbers_are_survived() {
        let mut track = Track::default();
        assert_eq!(track.progress(0), None);
        track.bytes(0, 5, 0);
        assert_eq!(track.progress(0).unwrap(), "0 B");
        track.bytes(-5, 50, 10);
        assert_eq!(track.progress(0).unwrap(), "100 %, 10 B of 10 B");
        track.bytes(10, u64::MAX, u64::MAX);
        track.bytes(5000, 1, u64::MAX);
        assert!(track.progress(9000).is_some());
    }

    #[test]
    fn a_pipe_gets_quarters_and_a_line_every_fifteen_seconds() {
        let mut track = Track::default();
        let mut reported = Vec::new();
        for second in 0..=40_u64 {
            let at = i64::try_from(second).unwrap() * 1000;
            let done = if second < 10 { second * 6 } else { 54 };
            track.bytes(at, done, 100);
            reported.extend(track.bytes_due(at).map(|_| second));
        }
        assert_eq!(reported, [5, 9, 24, 39]);
    }

    #[test]
    fn a_pipe_gets_new_words_every_ten_seconds() {
        let mut track = Track::default();
        let mut reported = Vec::new();
        for second in 0..=60_i64 {
            track.words(if second < 3 {
                "a"
            } else if second < 30 {
                "b"
            } else {
                "c"
            });
            reported.extend(track.words_due(second * 1000).map(|words| (second, words)));
        }
        assert_eq!(reported, [(0, "a".to_owned()), (10, "b".to_owned()), (30, "c".to_owned())]);
    }

    #[test]
    fn another_attempt_begins_anew() {
        let mut track = Track::default();
        track.words("x");
        track.bytes(0, 9, 10);
        track.retry(1, 4000);
        assert_eq!(track.retrying(500).unwrap(), "attempt 1 failed, retrying in 4s");
        assert_eq!(track.retrying(9000).unwrap(), "attempt 1 failed, retrying in 0s");
        track.begin();
        assert_eq!((track.retrying(0), track.waiting(), track.progress(0)), (None, None, None));
    }
}
