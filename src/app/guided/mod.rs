//! `windlass` in a terminal: screens in front; catalog, answers, plan, engine and events behind them are those of
//! `windlass install`. One task owns the state and the terminal; all that takes time runs in others and sends news.

mod asked;
mod backend;
mod follow;
mod inputs;
mod places;
mod replay;
mod run;
mod screens;
mod source;
mod sources;
mod terminal;
mod thread;
mod watch;

pub(super) use replay::replay;
pub(super) use screens::guided;
pub(super) use terminal::possible;
pub(super) use watch::watch;
