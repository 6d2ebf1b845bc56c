//! The terminal itself: taken over whole, and given back on every way out.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::draw::draw;
use super::state::State;
use super::watch::{Watch, draw_watch};
use crate::render::{fit, look::screen_size};

/// Whether the terminal is ours now. One process has one terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the terminal has been lost. It does not come back.
static GONE: AtomicBool = AtomicBool::new(false);

/// What was written to stderr while screens were shown.
static HELD: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// How much of that is kept, in bytes.
const HOLDS: usize = 256 * 1024;

/// The terminal while screens are shown.
pub struct Tui {
    terminal: Terminal<CrosstermBackend<Out>>,
    /// Whether the terminal does not report its size.
    blind: bool,
}

/// Standard output. A terminal that is lost is remembered rather than an error: ratatui would report it on stderr while
/// it is dropped, and panic, because that is lost as well.
struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().write(bytes) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                GONE.store(true, Ordering::SeqCst);
                Ok(bytes.len())
            }
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if io::stdout().flush().is_err() {
            GONE.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// Standard error for diagnostics: it is held while screens are shown, and written after them.
#[derive(Debug, Default)]
pub struct DiagnosticsWriter;

impl Write for DiagnosticsWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Messages of libraries about servers may contain anything.
        let text = fit(&String::from_utf8_lossy(bytes), false);
        if !TAKEN.load(Ordering::SeqCst) {
            return io::stderr().write_all(text.as_bytes()).map(|()| bytes.len());
        }
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend_from_slice(text.as_bytes());
        let over = held.len().saturating_sub(HOLDS);
        held.drain(..over);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl std::fmt::Debug for Tui {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tui").finish_non_exhaustive()
    }
}

impl Tui {
    /// Takes the terminal. It is given back when this is dropped, and when the process panics.
    ///
    /// # Errors
    /// There is none, or it cannot be written to.
    pub fn enter() -> io::Result<Self> {
        on_panic();
        take()?;
        let (terminal, blind) = sized().inspect_err(|_| restore_terminal())?;
        Ok(Self { terminal, blind })
    }

    /// Draws the state. Only what has changed is written.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, state: &State) -> io::Result<()> {
        self.fit()?;
        self.terminal.draw(|frame| draw(state, frame))?;
        check_terminal()
    }

    /// Draws what is watched.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw_watch(&mut self, watch: &Watch) -> io::Result<()> {
        self.fit()?;
        self.terminal.draw(|frame| draw_watch(watch, frame))?;
        check_terminal()
    }

    /// Columns and rows.
    ///
    /// # Errors
    /// The terminal does not report them.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        self.terminal.size().map(|size| screen_size((size.width, size.height)))
    }

    /// Gives the terminal back and stops the process, as a shell's user expects of Ctrl-Z; takes it again after `fg`.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore_terminal();
        // Not SIGTSTP, which is watched: this cannot be.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        self.resume()
    }

    /// Takes the terminal after the process was stopped from outside and goes on.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn resume(&mut self) -> io::Result<()> {
        TAKEN.store(false, Ordering::SeqCst);
        take()?;
        // Not ratatui's own `clear`: it asks the terminal where the cursor is, and others read the answer.
        execute!(io::stdout(), Clear(ClearType::All))?;
        (self.terminal, self.blind) = sized()?;
        Ok(())
    }

    /// Uses the terminal's size once it is reported.
    fn fit(&mut self) -> io::Result<()> {
        if reports_size() == self.blind {
            execute!(io::stdout(), Clear(ClearType::All))?;
            (self.terminal, self.blind) = sized()?;
        }
        Ok(())
    }

    /// Puts a text into the clipboard of the terminal's user, where the terminal lets it (OSC 52).
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let coded = base64::engine::general_purpose::STANDARD.encode(text);
        let mut out = io::stdout();
        write!(out, "\u{1b}]52;c;{coded}\u{7}")?;
        out.flush()
    }
}

impl Drop for Tui {
    fn drop(&mut self) {
        restore_terminal();
    }
}

fn reports_size() -> bool {
    crossterm::terminal::size().is_ok_and(|size| screen_size(size) == size)
}

/// The terminal at its size, and whether it does not report it: a serial console reports 0 x 0, and shows 80 x 24.
fn sized() -> io::Result<(Terminal<CrosstermBackend<Out>>, bool)> {
    let backend = CrosstermBackend::new(Out);
    if reports_size() {
        return Ok((Terminal::new(backend)?, false));
    }
    let (columns, rows) = screen_size((0, 0));
    let viewport = Viewport::Fixed(Rect::new(0, 0, columns, rows));
    Ok((Terminal::with_options(backend, TerminalOptions { viewport })?, true))
}

fn check_terminal() -> io::Result<()> {
    if GONE.load(Ordering::SeqCst) { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste).inspect_err(|_| restore_terminal())
}

/// Gives the terminal back, if it was taken. Safe to call at any time, from any thread.
fn restore_terminal() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // What fails here fails because the terminal is gone.
        let _ = execute!(io::stdout(), DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
        let held = std::mem::take(&mut *HELD.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = io::stderr().write_all(&held);
    }
}

/// A panic is printed on a terminal that can show it. One of a task in the background does not end the screens, and is
/// printed after them.
fn on_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        let screens = std::thread::current().id();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == screens {
                restore_terminal();
            }
            match TAKEN.load(Ordering::SeqCst) {
                true => drop(writeln!(DiagnosticsWriter, "{info}")),
                false => before(info),
            }
        }));
    });
}
