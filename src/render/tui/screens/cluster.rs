//! Which cluster: the contexts of the kubeconfig and the sandbox, and whether each can be reached.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::common::page;
use crate::render::paint::{Paint, Spans};
use crate::render::text;
use crate::render::tui::flow::back;
use crate::render::tui::keymap::{Command, Scope};
use crate::render::tui::known::{Target, TargetState};
use crate::render::tui::look::{Glyph, Look};
use crate::render::tui::message::Intent;
use crate::render::tui::state::{State, Tone};
use crate::render::tui::view::{View, usual_keys};
use crate::render::tui::widgets::{paragraph, put, put_all, row_of, rows, styled};
use crate::render::tui::words::{Word, fill};

/// Which cluster.
pub(super) const VIEW: View = View {
    title: Word::Cluster,
    scope: Scope::List,
    list: &[Command::Refresh, Command::Continue],
    enter: None,
    keys: usual_keys,
    act,
    draw,
    input: None,
};

fn act(state: &mut State, command: Command) -> Vec<Intent> {
    let (count, page) = (state.cluster.targets.len(), page(state));
    if state.cluster.cursor.moved(command, count, page) {
        return Vec::new();
    }
    match command {
        Command::Enter | Command::Continue if count > 0 => match &state.cluster.targets[state.cluster.cursor.0].state {
            TargetState::Unreachable(why) => {
                state.notice = Some((Tone::Bad, why.clone()));
                Vec::new()
            }
            _ => {
                state.busy = Some((Word::Connecting, state.now));
                vec![Intent::Connect(state.cluster.cursor.0)]
            }
        },
        Command::Refresh => vec![Intent::Targets],
        Command::Back => back(state),
        _ => Vec::new(),
    }
}

fn draw(state: &State, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    if state.cluster.targets.is_empty() {
        let word = if state.cluster.known { Word::NoTargets } else { Word::LookingForClusters };
        put_all(buffer, area, paragraph(Paint::Plain, look.say(word), usize::from(area.width)), look);
        return;
    }
    let used =
        put_all(buffer, area, [Spans::new().add(Paint::Plain, look.say(Word::WhichCluster)), Spans::new()], look);
    let area = Rect { y: area.y + used, height: area.height - used, ..area };
    let name = state.cluster.targets.iter().map(|target| text::width(&target.context)).max().unwrap_or(0).clamp(8, 32);
    // Two rows each: its name, and its state.
    let shown = rows(state.cluster.cursor.0, state.cluster.targets.len(), area.height / 3);
    for (row, index) in shown.enumerate() {
        let target = &state.cluster.targets[index];
        let row = u16::try_from(row).unwrap_or(u16::MAX).saturating_mul(3);
        let (line, style) = row_of(index == state.cluster.cursor.0, look);
        let line =
            line.column(Paint::Bold, text::cut(&target.context, name), name).gap(2).add(Paint::Plain, &target.server);
        let line = if target.sandbox { line.gap(2).add(Paint::Accent, look.say(Word::TheSandbox)) } else { line };
        styled(buffer, area, row, line, look, style);
        put(buffer, area, row + 1, target_state(target, look, state.now), look);
    }
}

fn target_state(target: &Target, look: Look, now: i64) -> Spans {
    let line = Spans::indent(4);
    match &target.state {
        TargetState::Connecting => {
            let dots = ".".repeat(usize::try_from(now / 400 % 4).unwrap_or(0));
            line.add(Paint::Dim, format!("{}{dots}", look.say(Word::ConnectingTarget)))
        }
        TargetState::Reachable(version, Some(nodes)) => {
            let text = fill(look.say(Word::TargetVersionNodes), &[("version", version), ("nodes", &nodes.to_string())]);
            line.add_label(Paint::Good, look.glyph(Glyph::Done)).gap(1).add(Paint::Plain, text)
        }
        TargetState::Reachable(version, None) => {
            let text = fill(look.say(Word::TargetVersion), &[("version", version)]);
            line.add_label(Paint::Good, look.glyph(Glyph::Done)).gap(1).add(Paint::Plain, text)
        }
        TargetState::Unreachable(why) => {
            line.add_label(Paint::Bad, look.glyph(Glyph::Failed)).gap(1).add(Paint::Plain, why)
        }
    }
}
