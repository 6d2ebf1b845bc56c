//! The one way in which texts from outside are read: from regular files only, no more than a stated number of bytes.
//! The one place of `model` that touches the disk, since every layer reads files, and none may read one in another way.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;

/// The most of an answers file: ten thousand times what anybody writes by hand.
pub const ANSWERS: u64 = 4 << 20;

/// The most of a file of values for a chart.
pub const VALUES: u64 = 4 << 20;

/// The most of a packed chart: Helm keeps a release in 1 MiB, and a chart may bring much that is not rendered.
pub const CHART: u64 = 32 << 20;

/// The most of a kubeconfig, a certificate, a key or a token. kubectl has no limit; thousands of contexts fit.
pub const KUBECONFIG: u64 = 16 << 20;

/// The most of a file that holds a secret: what a Secret of the cluster may hold.
pub const SECRET: u64 = 1 << 20;

/// The most of a file of a run's folder: the journal of a run with 100,000 files.
pub const JOURNAL: u64 = 256 << 20;

/// How long a pipe that another program fills (`--answers <(sops …)`) may take to its end.
const PIPE: Duration = Duration::from_secs(60);

/// The bytes of a file.
///
/// # Errors
/// It cannot be read, is not a regular file, or is larger than `limit` bytes; the message says which.
pub fn bytes(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Asked first, since opening alone makes some devices act.
    regular(path, &std::fs::metadata(path)?)?;
    // Whatever takes the file's place meanwhile must not hold us up.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    regular(path, &found)?;
    if found.file_type().is_fifo() {
        return piped(file, limit, PIPE);
    }
    if found.len() > limit {
        return Err(too_large(limit));
    }
    capped(file, limit)
}

/// The text of a file.
///
/// # Errors
/// As [`bytes()`], and where it is not UTF-8.
pub fn text(path: &Path, limit: u64) -> io::Result<String> {
    utf8(bytes(path, limit)?)
}

/// All that a reader gives, up to `limit` bytes: of an archive, a pipe or a socket too.
///
/// # Errors
/// It cannot be read, or there is more.
pub fn capped(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

/// Bytes as a text.
///
/// # Errors
/// They are not UTF-8; the message says in which line.
pub fn utf8(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8 (line {line})"))
    })
}

/// A number of bytes in words, for messages.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

fn too_large(limit: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than the limit of {}", size(limit)))
}

/// Whether it may be read: a regular file, or a pipe that was opened for this process.
fn regular(path: &Path, found: &std::fs::Metadata) -> io::Result<()> {
    let kind = found.file_type();
    let handed = path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") || path == Path::new("/dev/stdin");
    let what = match kind {
        _ if kind.is_file() || (kind.is_fifo() && handed) => return Ok(()),
        _ if kind.is_dir() => return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder, not a file")),
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("is {what}, not a regular file")))
}

/// Reads a pipe to its end, within a time.
fn piped(mut file: File, limit: u64, within: Duration) -> io::Result<Vec<u8>> {
    let end = Instant::now() + within;
    let mut bytes = Vec::new();
    let mut chunk = [0; 64 * 1024];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let left = end.saturating_duration_since(Instant::now());
                let wait = left.try_into().map_err(io::Error::other)?;
                if left.is_zero() || poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&wait))? == 0 {
                    let text = format!("timed out after {}s waiting for the end of the pipe", within.as_secs());
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
            }
            Err(error) => return Err(error),
        }
        if bytes.len() as u64 > limit {
            return Err(too_large(limit));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    fn said<T: std::fmt::Debug>(result: io::Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a"), "12345").unwrap();
        std::os::unix::fs::symlink(at("a"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("loop"), at("loop")).unwrap();
        std::fs::write(at("latin"), b"ab\nc\xe9").unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), 0o600.into()).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(text(&at("a"), 5).unwrap(), "12345");
        assert_eq!(text(&at("link"), 5).unwrap(), "12345");
        assert_eq!(said(text(&at("a"), 4)), "larger than the limit of 4 bytes");
        assert_eq!(said(text(&at("latin"), 9)), "not UTF-8 (line 2)");
        assert_eq!(said(text(&at("fifo"), 9)), "is a named pipe, not a regular file");
        assert_eq!(said(text(&at("socket"), 9)), "is a socket, not a regular file");
        assert_eq!(said(text(folder.path(), 9)), "is a folder, not a file");
        assert_eq!(said(text(Path::new("/dev/zero"), 9)), "is a device, not a regular file");
        assert!(said(text(&at("loop"), 9)).contains("symbolic links"), "a loop");
        assert_eq!(text(&at("none"), 9).unwrap_err().kind(), io::ErrorKind::NotFound);
        // A file whose size the kernel does not report.
        assert!(text(Path::new("/proc/self/status"), 1 << 20).unwrap().contains("Name:"));
        assert_eq!(said(text(Path::new("/proc/self/status"), 8)), "larger than the limit of 8 bytes");
    }

    #[test]
    fn a_pipe_of_a_shell_is_read_within_a_time() {
        let (reader, mut writer) = io::pipe().unwrap();
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        let wrote = std::thread::spawn(move || {
            use std::io::Write as _;
            writer.write_all(b"a: 1\n").unwrap();
            std::thread::sleep(Duration::from_millis(50));
            writer.write_all(b"b: 2\n").unwrap();
        });
        assert_eq!(text(Path::new(&path), 100).unwrap(), "a: 1\nb: 2\n");
        wrote.join().unwrap();
        let (reader, _writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(reader));
        assert_eq!(said(piped(file, 9, Duration::ZERO)), "timed out after 0s waiting for the end of the pipe");
    }
}
