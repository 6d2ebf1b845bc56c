//! Tables, summaries and reports.

use insta::{assert_json_snapshot, assert_snapshot};

use super::made::{envelopes, extras, failing, look, plan, reduced, report, stopped, succeeding};
use crate::event::{Event, Outcome, RunState};
use crate::plan::Change;
use crate::render::{ComponentStatus, Look, SummaryExtras, plan_table, status_table, summary};

const WIDTHS: [usize; 2] = [80, 40];

fn name(what: &str, width: usize) -> String {
    format!("{what}_{width}")
}

#[test]
fn a_plan() {
    for width in WIDTHS {
        assert_snapshot!(name("plan", width), plan_table(&plan(), &look(width)));
    }
    assert_snapshot!("plan_verbose", plan_table(&plan(), &Look { verbose: true, ..look(120) }));
    assert_snapshot!("plan_color", plan_table(&plan(), &Look { color: true, ..look(120) }).replace('\u{1b}', "␛"));
}

#[test]
fn a_plan_without_work_says_so() {
    let mut unchanged = plan();
    unchanged.overlaid.clear();
    for step in &mut unchanged.steps {
        step.change = Change::Nothing;
        step.why.clear();
    }
    let table = plan_table(&unchanged, &look(80));
    assert!(table.ends_with("\nnothing to do, 8 unchanged\n"), "{table}");
    unchanged.steps.clear();
    assert_eq!(plan_table(&unchanged, &look(80)), "nothing to do\n");
}

#[test]
fn a_summary() {
    for width in WIDTHS {
        assert_snapshot!(name("summary", width), summary(&reduced(&succeeding()), &extras(), &look(width)));
    }
}

#[test]
fn a_summary_of_a_failure() {
    let mut extras = extras();
    extras.releases[1].healthy = false;
    extras.releases[1].verified = None;
    extras.endpoints.clear();
    extras.next_command = Some("windlass --sandbox install --set livy.image_tag=0.9.0-incubating".into());
    for width in WIDTHS {
        assert_snapshot!(name("summary_failed", width), summary(&reduced(&failing()), &extras, &look(width)));
    }
}

#[test]
fn a_summary_of_what_was_stopped() {
    let extras = SummaryExtras { next_command: Some("windlass install".into()), ..SummaryExtras::default() };
    assert_snapshot!("summary_stopped", summary(&reduced(&stopped()), &extras, &look(80)));
}

#[test]
fn a_summary_distinguishes_installed_from_verified() {
    let mut state = reduced(&succeeding());
    state.outcome = Some(Outcome::VerifyFailed);
    let first = |state: &RunState| summary(state, &SummaryExtras::default(), &look(80));
    assert!(first(&state).starts_with("install succeeded but verification failed, after 2m 05s: "));
    state.command = "verify".into();
    assert!(first(&state).starts_with("verify failed after 2m 05s: "));
    assert_eq!(first(&RunState::default()), "run did not finish\n");
}

#[test]
fn a_summary_counts_releases() {
    let first_line = |healthy: [bool; 3], passed: [bool; 3]| {
        let mut extras = extras();
        for (index, row) in extras.releases.iter_mut().enumerate() {
            row.healthy = healthy[index];
            if !passed[index] {
                row.verified = None;
            }
        }
        summary(&reduced(&succeeding()), &extras, &look(200)).lines().next().unwrap().to_owned()
    };
    assert_eq!(first_line([true; 3], [true; 3]), "3 releases healthy, verified");
    assert_eq!(first_line([true; 3], [false; 3]), "3 releases healthy, 0 verified");
    assert_eq!(first_line([true; 3], [true, false, true]), "3 releases healthy, 2 verified");
    assert_eq!(first_line([true, true, false], [false; 3]), "3 releases: 2 healthy, 0 verified");
}

#[test]
fn blocked_by_what_a_journal_does_not_hold() {
    let events = envelopes(vec![(0, Event::StepBlocked { id: "a/1".into(), by: "b/1".into() })]);
    let shown = summary(&reduced(&events), &SummaryExtras::default(), &look(80));
    assert!(shown.contains("blocked: a/1 by b/1 (b/1)\n"), "{shown}");
}

#[test]
fn a_status() {
    for width in WIDTHS {
        assert_snapshot!(name("status", width), status_table(&report(), &look(width)));
    }
    assert_json_snapshot!("status", report());
}

#[test]
fn a_status_of_nothing() {
    let mut report = report();
    report.components.iter_mut().for_each(|row| row.state = ComponentStatus::NotInstalled);
    assert!(status_table(&report, &look(80)).ends_with("\nnothing installed\n"));
    report.components.clear();
    assert!(status_table(&report, &look(80)).ends_with("\nnothing installed\n"));
}

#[test]
fn tables_keep_within_the_terminal() {
    // Only a word that is longer than its column goes beyond: it stays whole, so that addresses can be copied.
    for width in [40, 60, 80, 100, 120, 200] {
        for line in plan_table(&plan(), &look(width)).lines() {
            let alone = !line.trim_start_matches([' ', '-']).contains(' ');
            assert!(line.chars().count() <= width || alone, "{width}: {line}");
        }
    }
}
