//! The guided install on a terminal. State changes only by `update`, `draw` reads the state and nothing else; keys are in
//! `keymap`, texts in `words`, colours in `look`. What `app` has to do comes out as an `Intent`.

mod answering;
mod change;
mod draw;
mod flow;
mod help;
mod keymap;
mod known;
mod look;
mod message;
mod parts;
mod picture;
mod rows;
mod run;
mod screens;
mod source;
mod state;
mod steps;
mod terminal;
#[cfg(test)]
mod tests;
mod typing;
mod update;
mod view;
mod watch;
mod widgets;
mod words;

pub use super::language::Lang;
pub use draw::draw;
pub use keymap::{Command, list_command as command};
pub use known::{Connected, Planned, Site, Target, TargetState};
pub use look::Look;
pub use message::{BackendEvent, Input, Intent, SourceEvent, SourceIntent};
pub use parts::RunPhase;
pub use picture::picture;
pub use run::{Ended, Pending, PodRow, RunView};
pub use source::{BundleView, OfflineChoice, Origin, PushView, Signed, Source, VerifyState};
pub use state::{Screen, State};
pub use terminal::{DiagnosticsWriter, Tui};
pub use update::{leaves, update};
pub use watch::{Watch, draw_watch};
