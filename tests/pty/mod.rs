//! A terminal for tests: keys go in, the screen comes out as people would see it.
#![allow(dead_code, reason = "each test uses what it needs of it")]

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// A program in a terminal of its own.
pub(crate) struct Pty {
    master: Option<Box<dyn MasterPty + Send>>,
    child: Box<dyn Child + Send + Sync>,
    writer: Option<Box<dyn std::io::Write + Send>>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Nobody reads any more what it draws.
    gone: Arc<AtomicBool>,
}

/// A shell in a terminal, with nothing in its environment but these. How the terminal is set is in `before`, in its
/// folder.
pub(crate) fn shell(home: &Path, more: &[(&str, &str)]) -> Pty {
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    command.env_clear();
    let home_text = home.display().to_string();
    for (name, value) in [
        ("HOME", home_text.as_str()),
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("TERM", "xterm-256color"),
        ("LANG", "C.UTF-8"),
        ("PS1", "ready> "),
        ("WINDLASS", env!("CARGO_BIN_EXE_windlass")),
    ] {
        command.env(name, value);
    }
    for (name, value) in more {
        command.env(name, value);
    }
    command.cwd(home);
    let mut shell = Pty::new(command, 100, 30);
    shell.shows("ready>", 10);
    shell.keys("bind 'set enable-bracketed-paste off'; stty -a > before; clear\r");
    shell.until("a clear screen", 10, |text| text.trim() == "ready>");
    shell
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

impl Pty {
    pub(crate) fn new(command: CommandBuilder, columns: u16, rows: u16) -> Self {
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let writer = pair.master.take_writer().unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(rows), cells(columns), 0)));
        let gone = Arc::new(AtomicBool::new(false));
        let (seen, left) = (screen.clone(), gone.clone());
        std::thread::spawn(move || {
            let mut bytes = [0_u8; 8192];
            while let Ok(count @ 1..) = reader.read(&mut bytes)
                && !left.load(Ordering::Relaxed)
            {
                seen.lock().unwrap().process(&bytes[..count]);
            }
        });
        Self { master: Some(pair.master), child, writer: Some(writer), screen, gone }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// How the terminal is set.
    pub(crate) fn settings(&self) -> String {
        let name = self.master.as_ref().and_then(|master| master.tty_name()).unwrap();
        let output = Command::new("stty").arg("-a").arg("-F").arg(name).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is to be seen.
    pub(crate) fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Whether the terminal shows its other screen, and whether its cursor is hidden.
    pub(crate) fn taken(&self) -> (bool, bool) {
        let parser = self.screen.lock().unwrap();
        (parser.screen().alternate_screen(), parser.screen().hide_cursor())
    }

    /// Presses keys: letters as they are, `\r` for Enter, `\u{1b}` for Esc, and so on.
    pub(crate) fn keys(&mut self, keys: &str) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.master.as_ref().unwrap().resize(size(columns, rows)).unwrap();
        self.screen.lock().unwrap().screen_mut().set_size(cells(rows), cells(columns));
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, seconds: u64, test: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            let text = self.text();
            if test(&text) {
                return text;
            }
            assert!(Instant::now() < deadline, "not within {seconds} s: {what}; the screen:\n{text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str, seconds: u64) -> String {
        self.until(text, seconds, |screen| screen.contains(text))
    }

    /// Waits for the end; gives the exit code.
    #[track_caller]
    pub(crate) fn ends(&mut self, seconds: u64) -> u32 {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "it has not ended within {seconds} s:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills the program as nothing can be killed more.
    pub(crate) fn kill(&mut self) {
        // The library's own sends SIGHUP first.
        let status = Command::new("kill").args(["-KILL", &self.pid().to_string()]).status();
        assert!(status.unwrap().success());
        self.child.wait().unwrap();
    }

    /// Takes the terminal away, as a connection does that drops: with the next frame at the latest, when the reader lets
    /// go of its end, too.
    pub(crate) fn hang_up(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        self.writer = None;
        self.master = None;
    }
}

/// Waits until no process of a terminal's session is left.
#[track_caller]
pub(crate) fn no_process_of(session: u32, seconds: u64) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        let output = Command::new("pgrep").args(["-a", "-s", &session.to_string()]).output().unwrap();
        if output.stdout.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still there: {}", String::from_utf8_lossy(&output.stdout));
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // A test that failed must not leave it behind.
        let _ = self.child.kill();
    }
}
