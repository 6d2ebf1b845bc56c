//! The guided install on a terminal. State changes only by `update`, `draw` reads the state and nothing else; keys are in
//! `keymap`, texts in `words`, colours in `look`. What is to be done in the world comes out as an `Intent`, for `app`.

mod draw;
mod keymap;
mod look;
mod picture;
mod run;
mod screens;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod update;
mod watch;
mod widgets;
mod words;

pub use draw::draw;
pub use keymap::{Command, list_command as command};
pub use look::Look;
pub use picture::picture;
pub use run::{Ended, PodRow, RunView, Then};
pub use screens::source::{Origin, Source};
pub use screens::source_news::{BundleView, OfflineChoice, PushView, Reading, Signed, SourceIntent, SourceNews};
pub use state::{Answer, Connected, Planned, Screen, Site, State, Target};
pub use terminal::{Aside, Tui};
pub use update::{Input, Intent, News, leaves, update};
pub use watch::{Watch, draw_watch};
pub use words::Lang;
