//! Reads a child's pipes to their end while keeping only so much of them.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A line longer than this is cut: no line of a tool that we run comes near it.
const LINE_CAP: usize = 16 * 1024;

/// Takes each line of stderr as it comes. Must not block.
pub type StderrLine = Arc<dyn Fn(&str) + Send + Sync>;

/// Reads everything and keeps the first `cap` bytes. The second value says whether there was more.
pub(super) async fn read_head(mut pipe: impl AsyncRead + Unpin, cap: usize) -> io::Result<(Vec<u8>, bool)> {
    let mut kept = Vec::new();
    let mut more = false;
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let n = pipe.read(&mut chunk).await?;
        if n == 0 {
            return Ok((kept, more));
        }
        // Reading goes on past the cap: a child that blocks on a full pipe never ends.
        let room = cap.saturating_sub(kept.len()).min(n);
        kept.extend_from_slice(&chunk[..room]);
        more |= room < n;
    }
}

/// The last lines of a stream, within a bound on their bytes.
#[derive(Default)]
pub(super) struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Tail {
    fn push(&mut self, line: String, cap: usize) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.bytes > cap && self.lines.len() > 1 {
            if let Some(gone) = self.lines.pop_front() {
                self.bytes -= gone.len();
            }
        }
    }

    /// The last `n` lines.
    pub(super) fn last(&self, n: usize) -> Vec<String> {
        self.lines.iter().skip(self.lines.len().saturating_sub(n)).cloned().collect()
    }

    /// All that was kept, as one text.
    pub(super) fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

/// Splits bytes into lines as they arrive; what is not UTF-8 is replaced, empty lines are dropped.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Takes bytes in and gives the lines that they complete.
    pub(super) fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(String)) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                self.end(&mut line);
            } else if self.0.len() < LINE_CAP {
                self.0.push(byte);
            }
        }
    }

    /// Gives the last line if the stream did not end it.
    pub(super) fn end(&mut self, mut line: impl FnMut(String)) {
        let bytes = std::mem::take(&mut self.0);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end();
        if !text.is_empty() {
            line(text.to_owned());
        }
    }
}

/// Reads stderr to its end, gives every line to `on_line`, and puts the last ones into `tail` as they come, so that
/// they are there even if the reading is broken off.
pub(super) async fn read_lines(
    mut pipe: impl AsyncRead + Unpin,
    cap: usize,
    tail: &std::sync::Mutex<Tail>,
    on_line: Option<&StderrLine>,
) -> io::Result<()> {
    let mut lines = Lines::default();
    let mut chunk = vec![0; 8 * 1024];
    let keep = |line: String| {
        if let Some(on_line) = on_line {
            on_line(&line);
        }
        // A poisoned lock means that on_line panicked before; the lines are still good.
        tail.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line, cap);
    };
    loop {
        let n = pipe.read(&mut chunk).await?;
        if n == 0 {
            lines.end(keep);
            return Ok(());
        }
        lines.feed(&chunk[..n], keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn head_is_cut_but_read_to_the_end() {
        let (kept, more) = read_head(&b"abcdef"[..], 4).await.unwrap();
        assert_eq!((kept.as_slice(), more), (&b"abcd"[..], true));
        let (kept, more) = read_head(&b"abcd"[..], 4).await.unwrap();
        assert_eq!((kept.as_slice(), more), (&b"abcd"[..], false));
    }

    #[test]
    fn lines_across_chunks_and_without_an_end() {
        let mut lines = Lines::default();
        let mut got = Vec::new();
        lines.feed(b"one\ntw", |l| got.push(l));
        lines.feed(b"o\r\n\n\xff", |l| got.push(l));
        lines.end(|l| got.push(l));
        assert_eq!(got, ["one", "two", "\u{fffd}"]);
    }

    #[test]
    fn a_tail_forgets_the_oldest_but_never_the_last() {
        let mut tail = Tail::default();
        for line in ["aaaa", "bbbb", "cccc"] {
            tail.push(line.to_owned(), 8);
        }
        assert_eq!(tail.last(9), ["bbbb", "cccc"]);
        tail.push("d".repeat(100), 8);
        assert_eq!(tail.last(9).len(), 1);
    }
}
