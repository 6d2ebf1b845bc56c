//! The steps of a run as rows: each below its component, which is folded once all of them are done; and what is left, by
//! the times of earlier runs.

use std::collections::{BTreeMap, HashMap};

use super::keymap::Command;
use super::rows::{Forecast, StepRow};
use super::run::RunView;
use crate::event::{Announced, Status};
use crate::plan::{PathStep, critical_path};

impl RunView {
    /// The rows: components in the order of their first steps.
    pub(super) fn rows(&self) -> Vec<StepRow> {
        let mut groups: Vec<(&str, bool, Vec<usize>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (at, step) in self.state.order.iter().enumerate() {
            let group = *places.entry(&step.component).or_insert_with(|| {
                groups.push((&step.component, true, Vec::new()));
                groups.len() - 1
            });
            groups[group].1 &= self.is_over(&step.id);
            groups[group].2.push(at);
        }
        let rows = groups.into_iter().flat_map(|(component, done, steps)| {
            let shown = if done == self.toggled.contains(component) { steps } else { Vec::new() };
            let steps = shown.into_iter().map(StepRow::Step);
            std::iter::once(StepRow::Component(component.to_owned())).chain(steps)
        });
        rows.collect()
    }

    /// Where the selection is among them. A step that is folded is at its component.
    pub(super) fn row(&self, rows: &[StepRow]) -> usize {
        let Some(at) = &self.at else { return 0 };
        let place = |wanted: &StepRow| rows.iter().position(|row| row == wanted);
        let above = || match at {
            StepRow::Step(at) => place(&StepRow::Component(self.state.order.get(*at)?.component.clone())),
            StepRow::Component(_) => None,
        };
        place(at).or_else(above).unwrap_or(0)
    }

    /// The steps of a component, in their order.
    pub(super) fn steps_of(&self, component: &str) -> impl Iterator<Item = &Announced> {
        self.state.order.iter().filter(move |step| step.component == component)
    }

    /// Whether the steps of a component are not shown.
    pub(super) fn is_folded(&self, component: &str) -> bool {
        self.steps_of(component).all(|step| self.is_over(&step.id)) != self.toggled.contains(component)
    }

    /// The component whose row is selected.
    pub(super) fn selected_component(&self) -> Option<&str> {
        match self.at.as_ref() {
            None => self.state.order.first().map(|step| step.component.as_str()),
            Some(StepRow::Component(id)) => Some(id),
            Some(StepRow::Step(at)) => {
                let step = self.state.order.get(*at)?;
                self.is_folded(&step.component).then_some(step.component.as_str())
            }
        }
    }

    /// Folds or unfolds, or goes from a step to its component; whether the command was one of these here.
    pub(super) fn fold(&mut self, command: Command) -> bool {
        let Some(component) = self.selected_component().map(str::to_owned) else {
            let Some(StepRow::Step(at)) = self.at.as_ref().filter(|_| command == Command::Left) else { return false };
            let component = self.state.order.get(*at).map(|step| StepRow::Component(step.component.clone()));
            self.at = component;
            return true;
        };
        let folded = self.is_folded(&component);
        if !matches!((command, folded), (Command::Enter, _) | (Command::Right, true) | (Command::Left, false)) {
            return false;
        }
        self.at = Some(StepRow::Component(component.clone()));
        if !self.toggled.remove(&component) {
            self.toggled.insert(component);
        }
        true
    }

    /// Whether a step was done, or had nothing to do.
    pub(super) fn is_over(&self, id: &str) -> bool {
        matches!(self.state.steps.get(id).map(|known| &known.status), Some(Status::Done | Status::Skipped(_)))
    }

    /// Estimates the time left from `now`: the longest way through the steps that are left, by what each took before.
    pub(super) fn update_forecast(&mut self, now: i64) {
        if self.expected.is_empty() {
            return;
        }
        let mut seconds = BTreeMap::new();
        for (id, took) in &self.expected {
            let begun = self.state.steps.get(id).filter(|known| known.status == Status::Running);
            let begun = begun.and_then(|known| known.started);
            let elapsed = begun.map_or(0.0, |begun| seconds_between(begun.as_millisecond(), now));
            seconds.insert(id.clone(), (took - elapsed).max(0.0));
        }
        let waits = |id: &str| {
            let status = self.state.steps.get(id).map(|known| &known.status);
            matches!(status, None | Some(Status::Waiting | Status::Running))
        };
        let steps =
            self.state.order.iter().map(|step| PathStep { id: &step.id, needs: &step.needs, works: waits(&step.id) });
        self.forecast = critical_path(steps, &seconds).map(|path| Forecast {
            path: path.steps.into_iter().map(|(id, _)| id).collect(),
            seconds: path.seconds,
            at: now,
        });
    }

    /// About how many seconds are left; nothing where it is not known, or where it takes longer than before.
    pub(super) fn left(&self, now: i64) -> Option<u64> {
        let forecast = self.forecast.as_ref().filter(|_| self.is_live())?;
        let left = forecast.seconds - seconds_between(forecast.at, now);
        std::time::Duration::try_from_secs_f64(left).ok().map(|left| left.as_secs()).filter(|left| *left > 0)
    }

    /// Whether the run takes as long as this step and others like it.
    pub(super) fn is_critical(&self, id: &str) -> bool {
        self.is_live() && self.forecast.as_ref().is_some_and(|forecast| forecast.path.contains(id))
    }
}

/// Seconds from one time to a later one, both in milliseconds; none where the clock went back.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run")]
fn seconds_between(from: i64, until: i64) -> f64 {
    (until - from).max(0) as f64 / 1000.0
}
