//! What this terminal can show.

use std::io::{self, IsTerminal as _};

use crate::cli::Global;
use crate::render::language;
use crate::render::tui::Look;

/// Whether screens can be shown here.
pub(in crate::app) fn possible(global: &Global) -> bool {
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    !global.json && !global.plain && !dumb && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// How the screens look here.
pub(super) fn look(ascii: bool) -> Look {
    Look {
        lang: language::current(),
        color: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        ascii: ascii || !utf8(),
    }
}

/// Whether the locale can show more than ASCII.
fn utf8() -> bool {
    let value =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    value.is_none_or(|value| value.to_lowercase().replace('-', "").contains("utf8"))
}
