//! Keys to commands: the only place that knows keys. The help screen and the line at the bottom are made from it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::words::Word;

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// To the left, or the choice before.
    Left,
    /// To the right, or the choice after.
    Right,
    /// A screenful up.
    PageUp,
    /// A screenful down.
    PageDown,
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// To the next group or pane.
    Next,
    /// To the group or pane before.
    Previous,
    /// Do what the row is for.
    Enter,
    /// Switch what the row is about on or off.
    Toggle,
    /// Continue to the next screen.
    Continue,
    /// Back to the screen before.
    Back,
    /// What keys do here.
    Help,
    /// Show only rows that contain a text; search in logs.
    Filter,
    /// Undo the answer that was given here.
    Undo,
    /// The next place that was searched for.
    NextMatch,
    /// The place before.
    PreviousMatch,
    /// Copy the equivalent command.
    Copy,
    /// Check again.
    Refresh,
    /// Read every byte of the offline bundle, or stop that.
    Verify,
    /// Waive the finding.
    Waive,
    /// Add an instance of a component.
    Another,
    /// Write the answers file.
    Write,
    /// Keep to the end of a log, or not.
    Follow,
    /// Break long lines, or not.
    Wrap,
    /// Retry what failed.
    Retry,
    /// Change answers before the retry.
    Edit,
    /// Skip what failed.
    Skip,
    /// Stop; running steps may end.
    Stop,
    /// Leave.
    Quit,
    /// Stop, or leave at once.
    Interrupt,
    /// To the shell, until `fg`.
    Suspend,
}

impl Command {
    /// Whether it only moves the view.
    pub(super) const fn is_navigation(self) -> bool {
        use Command::{Down, First, Help, Last, Left, Next, PageDown, PageUp, Previous, Right, Up};
        matches!(self, Up | Down | Left | Right | PageUp | PageDown | First | Last | Next | Previous | Help)
    }
}

/// Where keys are pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everywhere.
    Any,
    /// Where there are rows.
    List,
    /// Where images come from.
    Source,
    /// Where findings are shown.
    Preflight,
    /// Where components are chosen.
    Components,
    /// Where the plan is shown.
    Review,
    /// Where a run is shown.
    Run,
}

/// One line of the help: where it counts, the keys, the command, and what it does.
pub(super) struct Binding {
    pub(super) scope: Scope,
    pub(super) keys: &'static [(KeyCode, KeyModifiers)],
    pub(super) command: Command,
    pub(super) word: Word,
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
const CTRL: KeyModifiers = KeyModifiers::CONTROL;

const fn c(c: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(c), NONE)
}

const fn k(code: KeyCode) -> (KeyCode, KeyModifiers) {
    (code, NONE)
}

macro_rules! bindings {
    ($($scope:ident $command:ident $word:ident [$($key:expr),+];)+) => {
        &[$(Binding { scope: Scope::$scope, keys: &[$($key),+], command: Command::$command, word: Word::$word }),+]
    };
}

/// Every binding, in the order in which help shows them.
pub(super) const BINDINGS: &[Binding] = bindings! {
    List Up KeyUp [k(KeyCode::Up), c('k')];
    List Down KeyDown [k(KeyCode::Down), c('j')];
    List Left KeyLeft [k(KeyCode::Left), c('h')];
    List Right KeyRight [k(KeyCode::Right), c('l')];
    List Next KeyNext [k(KeyCode::Tab)];
    List Previous KeyPrevious [(KeyCode::BackTab, SHIFT), k(KeyCode::BackTab)];
    List PageUp KeyPageUp [k(KeyCode::PageUp), (KeyCode::Char('b'), CTRL)];
    List PageDown KeyPageDown [k(KeyCode::PageDown), (KeyCode::Char('f'), CTRL)];
    List First KeyFirst [k(KeyCode::Home), c('g')];
    List Last KeyLast [k(KeyCode::End), c('G')];
    Any Enter KeyEnter [k(KeyCode::Enter)];
    List Toggle KeyToggle [c(' ')];
    Any Continue KeyContinue [c('c')];
    Any Back KeyBack [k(KeyCode::Esc)];
    List Filter KeyFilter [c('/')];
    List Undo KeyUndo [c('u'), k(KeyCode::Delete)];
    Run NextMatch KeyNextMatch [c('n')];
    Run PreviousMatch KeyPreviousMatch [c('N')];
    List Refresh KeyRefresh [c('r')];
    Source Verify KeyVerify [c('v')];
    Preflight Waive KeyWaive [c('w')];
    Components Another KeyAnother [c('n')];
    Review Write KeyWrite [c('w')];
    Run Retry KeyRetry [c('r')];
    Run Edit KeyEdit [c('e')];
    Run Skip KeySkip [c('s')];
    Run Stop KeyStop [c('a')];
    Run Follow KeyFollow [c('f')];
    Run Wrap KeyWrap [c('w')];
    Any Copy KeyCopy [c('y')];
    Any Help KeyHelp [c('?'), k(KeyCode::F(1))];
    Any Quit KeyQuit [c('q')];
    Any Suspend KeySuspend [(KeyCode::Char('z'), CTRL)];
    Any Interrupt KeyInterrupt [(KeyCode::Char('c'), CTRL)];
};

/// The command that a key means in a scope; what the scope itself binds counts first.
pub(super) fn command(scope: Scope, key: KeyEvent) -> Option<Command> {
    let within = |wanted: Scope| BINDINGS.iter().filter(move |binding| binding.scope == wanted);
    let list = if scope == Scope::Any { Scope::Any } else { Scope::List };
    let found = [scope, list, Scope::Any].into_iter().flat_map(within).find(|binding| fits(binding, key));
    found.map(|binding| binding.command)
}

/// What a key means where there are rows and nothing else.
#[must_use]
pub fn list_command(key: KeyEvent) -> Option<Command> {
    command(Scope::List, key)
}

/// The answer that a key gives to a question: in both languages, on any keyboard layout.
pub(super) fn yes_or_no(key: KeyEvent) -> Option<bool> {
    match key.code {
        _ if key.modifiers.intersects(CTRL | KeyModifiers::ALT) => None,
        KeyCode::Char('y' | 'Y' | 'д' | 'Д') => Some(true),
        KeyCode::Char('n' | 'N' | 'н' | 'Н' | 'т' | 'Т') => Some(false),
        _ => None,
    }
}

/// The answer to leaving with unsaved answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// Write them first.
    Write,
    /// Without them.
    Without,
    /// Not at all.
    Stay,
}

/// The same where answers can be written or not: yes writes them, no stays.
pub(super) fn leaving(key: KeyEvent) -> Option<Leaving> {
    match (key.code, yes_or_no(key)) {
        _ if key.modifiers.intersects(CTRL | KeyModifiers::ALT) => None,
        (_, Some(yes)) => Some(if yes { Leaving::Write } else { Leaving::Stay }),
        (KeyCode::Esc, _) => Some(Leaving::Stay),
        (KeyCode::Char(c), _) if latin(c).eq_ignore_ascii_case(&'d') => Some(Leaving::Without),
        _ => None,
    }
}

/// The Latin letter on the key of a Cyrillic one: keys work on a Russian layout as well.
fn latin(c: char) -> char {
    const CYRILLIC: &str = "йцукенгшщзхъфывапролджэячсмитьбю";
    const LATIN: &str = "qwertyuiop[]asdfghjkl;'zxcvbnm,.";
    let lower = c.to_lowercase().next().unwrap_or(c);
    let found = CYRILLIC.chars().position(|known| known == lower).and_then(|at| LATIN.chars().nth(at));
    found.map_or(c, |found| if c.is_uppercase() { found.to_ascii_uppercase() } else { found })
}

fn fits(binding: &Binding, key: KeyEvent) -> bool {
    let code = match key.code {
        KeyCode::Char(c) => KeyCode::Char(latin(c)),
        other => other,
    };
    let key = KeyEvent { code, ..key };
    // A capital letter comes with or without the shift key's mark.
    let modifiers = match key.code {
        KeyCode::Char(c) if c.is_uppercase() || !c.is_alphanumeric() => key.modifiers - SHIFT,
        _ => key.modifiers,
    };
    binding.keys.contains(&(key.code, modifiers))
}

/// A key as people call it.
pub(super) fn name((code, modifiers): (KeyCode, KeyModifiers), ascii: bool) -> String {
    let key = match code {
        KeyCode::Up if !ascii => "↑".to_owned(),
        KeyCode::Down if !ascii => "↓".to_owned(),
        KeyCode::Left if !ascii => "←".to_owned(),
        KeyCode::Right if !ascii => "→".to_owned(),
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::BackTab => return "Shift-Tab".to_owned(),
        KeyCode::PageUp => "PgUp".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        other => other.to_string(),
    };
    if modifiers.contains(CTRL) { format!("Ctrl-{}", key.to_uppercase()) } else { key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for scope in
            [Scope::Any, Scope::List, Scope::Source, Scope::Preflight, Scope::Components, Scope::Review, Scope::Run]
        {
            let mut seen: Vec<(KeyCode, KeyModifiers)> = Vec::new();
            for binding in BINDINGS.iter().filter(|binding| binding.scope == scope) {
                for key in binding.keys {
                    assert!(!seen.contains(key), "{key:?} in {scope:?}");
                    seen.push(*key);
                }
            }
        }
    }

    #[test]
    fn capitals_need_no_mark_of_the_shift_key() {
        let press = |c, modifiers| command(Scope::Run, KeyEvent::new(KeyCode::Char(c), modifiers));
        assert_eq!(press('G', NONE), Some(Command::Last));
        assert_eq!(press('G', SHIFT), Some(Command::Last));
        assert_eq!(press('?', SHIFT), Some(Command::Help));
        assert_eq!(press('c', CTRL), Some(Command::Interrupt));
        assert_eq!(press('w', NONE), Some(Command::Wrap));
        assert_eq!(press('с', CTRL), Some(Command::Interrupt), "the key that has a Latin c");
        assert_eq!(press('П', SHIFT), Some(Command::Last));
        let press = |scope, c| command(scope, KeyEvent::new(KeyCode::Char(c), NONE));
        assert_eq!((press(Scope::Preflight, 'w'), press(Scope::List, 'w')), (Some(Command::Waive), None));
    }
}
