//! What a screen is: a title, keys, what commands do on it, and how it is drawn.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::keymap::{Binding, Command, Scope};
use super::message::Intent;
use super::state::State;
use super::words::Word;

/// A screen. Each screen's file has one, and `screens::view` has a line for it.
pub(super) struct View {
    /// What it is called.
    pub(super) title: Word,
    /// Where its keys count.
    pub(super) scope: Scope,
    /// Which commands of lists do something on it.
    pub(super) list: &'static [Command],
    /// What Enter does, where that is not what it does elsewhere.
    pub(super) enter: Option<Word>,
    /// The keys that are worth a place in the footer.
    pub(super) keys: fn(&State) -> Vec<(Scope, Command)>,
    /// What a command does.
    pub(super) act: fn(&mut State, Command) -> Vec<Intent>,
    /// Draws it into what is left beside title and footer.
    pub(super) draw: fn(&State, &mut Buffer, Rect),
    /// What is typed on it, if anything ever is.
    pub(super) input: Option<TextInput>,
}

/// Texts that are typed on a screen.
pub(super) struct TextInput {
    /// Whether keys are letters now.
    pub(super) is_open: fn(&State) -> bool,
    /// A key while they are.
    pub(super) key: fn(&mut State, KeyEvent) -> Vec<Intent>,
    /// A text that was pasted.
    pub(super) paste: fn(&mut State, &str),
}

impl View {
    /// Whether a command does something on it.
    pub(super) fn knows(&self, command: Command) -> bool {
        use Command::{Continue, Filter, Left, Next, Previous, Refresh, Right, Toggle, Undo};
        let some = [Continue, Filter, Left, Next, Previous, Refresh, Right, Toggle, Undo];
        !some.contains(&command) || self.list.contains(&command)
    }

    /// What a binding is called on it.
    pub(super) fn word_of(&self, binding: &Binding) -> Word {
        self.enter.filter(|_| binding.command == Command::Enter).unwrap_or(binding.word)
    }
}

/// The footer of most screens.
pub(super) fn usual_keys(_: &State) -> Vec<(Scope, Command)> {
    vec![
        (Scope::Any, Command::Enter),
        (Scope::List, Command::Toggle),
        (Scope::Any, Command::Continue),
        (Scope::List, Command::Refresh),
        (Scope::List, Command::Filter),
    ]
}
