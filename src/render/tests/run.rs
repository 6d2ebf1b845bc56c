//! Runs replayed: in pipes, on terminals, as JSON, with repeats and gaps.

use insta::assert_snapshot;

use super::made::{Sink, at, cluster, envelopes, failing, finding, pipe, reduced, stopped, succeeding, terminal};
use super::screen::Screen;
use crate::event::{Announced, EVENT_SCHEMA, Envelope, Event, Outcome, RunState, Skip, Status};
use crate::plan::Change;
use crate::processor_seconds;
use crate::render::LineOptions;
use crate::render::json::Json;
use crate::render::line::Line;

fn replay(events: &[Envelope], options: LineOptions) -> String {
    let sink = Sink::default();
    let mut line = Line::new(Box::new(sink.clone()), options);
    let mut state = RunState::default();
    for event in events {
        state.apply(event);
        line.event(event, &state).unwrap();
    }
    drop(line);
    sink.text()
}

/// What is on the screen when an event has been written and drawn.
fn screen_after(events: &[Envelope], options: LineOptions, seq: u64, later: i64) -> String {
    let sink = Sink::default();
    let mut line = Line::new(Box::new(sink.clone()), options);
    let mut state = RunState::default();
    for event in events.iter().take_while(|event| event.seq <= seq) {
        state.apply(event);
        line.event(event, &state).unwrap();
        line.tick_at(event.at, &state).unwrap();
    }
    let last = events.iter().find(|event| event.seq == seq).unwrap();
    line.tick_at(last.at + jiff::SignedDuration::from_millis(later), &state).unwrap();
    let mut screen = Screen::new(options.width);
    screen.feed(&sink.text());
    screen.text()
}

#[test]
fn a_failing_run_in_a_pipe() {
    assert_snapshot!(replay(&failing(), pipe()));
    assert_snapshot!("failing_verbose", replay(&failing(), LineOptions { verbose: true, ..pipe() }));
}

#[test]
fn a_failing_run_on_a_terminal() {
    // Retry announced, upload begun; then waiting for an image; then the end.
    for (width, height) in [(80, 24), (40, 10)] {
        for seq in [13, 21] {
            assert_snapshot!(
                format!("live_{width}_{seq}"),
                screen_after(&failing(), terminal(width, height), seq, 1000)
            );
        }
        let mut screen = Screen::new(usize::MAX);
        screen.feed(&replay(&failing(), terminal(width, height)));
        assert_snapshot!(format!("live_{width}_end"), screen.text());
    }
}

#[test]
fn a_low_terminal_keeps_its_totals() {
    for height in [1, 3, 5, 6] {
        let screen = screen_after(&failing(), terminal(80, height), 13, 1000);
        let last = screen.trim_end().lines().last().unwrap();
        assert!(last.starts_with("1 of 6 finished, 2 running"), "{last}");
        let footer = screen.lines().skip_while(|line| !line.contains("the NameNode is in safe mode")).skip(1);
        assert!(footer.filter(|line| !line.is_empty()).count() < height.max(2), "{height}: {screen}");
    }
}

#[test]
fn a_stopped_run() {
    assert_snapshot!("stopped_pipe", replay(&stopped(), pipe()));
    assert_snapshot!("stopped_live", screen_after(&stopped(), terminal(80, 24), 6, 0));
}

#[test]
fn a_run_that_succeeds() {
    assert_snapshot!(replay(&succeeding(), pipe()));
}

#[test]
fn colours_are_the_terminals_own_sixteen() {
    let options = LineOptions { color: true, ..terminal(80, 24) };
    assert_snapshot!(replay(&failing(), options).replace('\u{1b}', "␛"));
}

#[test]
fn repeated_events_are_shown_once_and_gaps_are_survived() {
    let once = failing();
    let twice: Vec<Envelope> = once.iter().flat_map(|event| [event.clone(), event.clone()]).collect();
    let mut replayed = once.clone();
    replayed.extend(once.clone());
    let output = replay(&once, pipe());
    assert_eq!(replay(&twice, pipe()), output);
    assert_eq!(replay(&replayed, pipe()), output);
    for skipped in 0..once.len() {
        let rest = &once[skipped..];
        assert_eq!(replay(rest, pipe()).matches("FAILED").count(), usize::from(skipped < once.len() - 2));
        let mut screen = Screen::new(usize::MAX);
        screen.feed(&replay(rest, terminal(80, 24)));
        let holed: Vec<Envelope> =
            once.iter().enumerate().filter(|(place, _)| *place != skipped).map(|(_, event)| event.clone()).collect();
        replay(&holed, pipe());
    }
    assert_snapshot!("without_beginning", replay(&once[9..], pipe()));
}

#[test]
fn another_run_begins_at_one_again() {
    let sink = Sink::default();
    let mut line = Line::new(Box::new(sink.clone()), pipe());
    let mut counts = Vec::new();
    for run in ["one", "two"] {
        let mut events = succeeding();
        if let Event::RunStarted { run: id, .. } = &mut events[0].event {
            *id = run.into();
        }
        let mut state = RunState::default();
        for event in &events {
            state.apply(event);
            line.event(event, &state).unwrap();
        }
        counts.push(sink.text().lines().count());
    }
    assert_eq!(counts[1], counts[0] * 2);
}

#[test]
fn a_pipe_gets_slow_progress_between_events() {
    let events: Vec<Envelope> = failing().into_iter().take(14).collect();
    let sink = Sink::default();
    let mut line = Line::new(Box::new(sink.clone()), pipe());
    let mut state = RunState::default();
    for event in &events {
        state.apply(event);
        line.event(event, &state).unwrap();
    }
    let before = sink.text().len();
    for tenth in 0..400 {
        line.tick_at(at(15_100 + tenth * 100), &state).unwrap();
    }
    assert_snapshot!(&sink.text()[before..]);
}

#[test]
fn a_terminal_is_drawn_at_most_ten_times_a_second() {
    let events: Vec<Envelope> = failing().into_iter().take(5).collect();
    let state = reduced(&events);
    let sink = Sink::default();
    let mut line = Line::new(Box::new(sink.clone()), terminal(80, 24));
    for milli in 0..1000 {
        line.tick_at(at(milli), &state).unwrap();
    }
    assert_eq!(sink.text().matches("running").count(), 10);
    // The clock is set back by an hour.
    line.tick_at(at(-3_600_000), &state).unwrap();
    assert_eq!(sink.text().matches("running").count(), 11);
}

#[test]
fn a_terminal_made_narrower_is_cleared_as_a_whole() {
    let events: Vec<Envelope> = failing().into_iter().take(5).collect();
    let state = reduced(&events);
    let sink = Sink::default();
    let mut line = Line::new(Box::new(sink.clone()), terminal(80, 24));
    line.tick_at(at(1000), &state).unwrap();
    let drawn = sink.text();
    line.resize(20, 24);
    line.clear().unwrap();
    let rows: usize = drawn.lines().map(|row| row.chars().count().div_ceil(20)).sum();
    assert!(rows > drawn.lines().count());
    assert_eq!(&sink.text()[drawn.len()..], format!("\r\u{1b}[{rows}A\u{1b}[J"));
    line.clear().unwrap();
    assert!(sink.text().ends_with(&format!("\u{1b}[{rows}A\u{1b}[J")), "nothing is cleared twice");
}

#[test]
fn what_a_container_writes_cannot_reach_the_terminal() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}1mx\r\u{8}\u{202e}y\nz\u{0}";
    let dirty = |_: &str| evil.to_owned();
    let mut bad = finding();
    bad.object.name = dirty("");
    bad.pod = Some(dirty(""));
    bad.container = Some(dirty(""));
    bad.reason = dirty("");
    bad.message = dirty("");
    bad.event = Some(dirty(""));
    bad.log = vec![dirty("")];
    let id = dirty("");
    let mut events: Vec<(i64, Event)> = vec![
        (0, Event::StepStarted { id: id.clone(), attempt: 1 }),
        (1, Event::Waiting { id: id.clone(), what: dirty("") }),
        (2, Event::Note { id: id.clone(), text: dirty("") }),
        (3, Event::StepRetried { id: id.clone(), attempt: 1, after_seconds: 1, errors: vec![dirty("")] }),
        (4, Event::Stopping),
        (5, Event::StepFinished { id: id.clone(), seconds: 1.0, summary: Some(dirty("")), log: vec![dirty("")] }),
        (
            6,
            Event::StepFailed {
                id: id.clone(),
                seconds: 1.0,
                errors: vec![dirty(""), dirty("x")],
                findings: vec![bad],
                log: vec![dirty("")],
            },
        ),
        (7, Event::StepBlocked { id: id.clone(), by: id.clone() }),
    ];
    let mut first = failing().remove(0).event;
    if let Event::RunStarted { run, command, cluster, steps, .. } = &mut first {
        *run = dirty("");
        *command = dirty("");
        cluster.context = dirty("");
        steps[0].id.clone_from(&id);
        steps[0].component = dirty("");
        steps[0].title = dirty("");
        steps[0].why = vec![dirty("")];
    }
    events.insert(0, (0, first));
    for options in [pipe(), LineOptions { verbose: true, ..terminal(80, 24) }] {
        let shown = replay(&envelopes(events.clone()), options);
        // Only the footer's own two sequences are left.
        Screen::new(usize::MAX).feed(&shown);
        let shown = shown.replace("\u{1b}[J", "");
        assert!(!shown.contains(['\u{7}', '\u{8}', '\u{9b}', '\u{202e}', '\0']) && !shown.contains("[2J"), "{shown:?}");
        assert!(!shown.contains("owned"), "{shown:?}");
    }
}

#[test]
fn machines_get_every_event_as_it_is() {
    let sink = Sink::default();
    let mut json = Json::new(Box::new(sink.clone()));
    let events = failing();
    for event in &events {
        json.event(event).unwrap();
        assert!(sink.text().ends_with('\n'), "each line is whole when it is written");
    }
    let read: Vec<Envelope> = sink.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, events);
    let first: serde_json::Value = serde_json::from_str(sink.text().lines().next().unwrap()).unwrap();
    assert_eq!((&first["event"], &first["schema"]), (&"run-started".into(), &1.into()));
}

#[test]
fn a_closed_pipe_is_an_error() {
    struct Closed;
    impl std::io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let event = &failing()[0];
    let state = reduced(std::slice::from_ref(event));
    assert!(Line::new(Box::new(Closed), pipe()).event(event, &state).is_err());
    assert!(Json::new(Box::new(Closed)).event(event).is_err());
}

#[test]
fn any_order_of_events_is_survived() {
    let config = proptest::test_runner::Config::with_cases(100);
    let places = proptest::collection::vec((0..failing().len(), 0_i64..200_000, proptest::bool::ANY), 0..60);
    proptest::proptest!(config, |(places in places)| {
        for options in [pipe(), terminal(30, 6)] {
            let known = failing();
            let sink = Sink::default();
            let mut line = Line::new(Box::new(sink.clone()), options);
            let mut state = RunState::default();
            for (seq, (place, millis, tick)) in (1..).zip(&places) {
                let event = Envelope { seq, at: at(*millis), event: known[*place].event.clone() };
                state.apply(&event);
                line.event(&event, &state).unwrap();
                if *tick {
                    line.tick_at(at(*millis), &state).unwrap();
                }
            }
            line.clear().unwrap();
            let mut screen = Screen::new(usize::MAX);
            screen.feed(&sink.text());
            assert!(!screen.text().contains(" running"), "the footer is gone in the end");
        }
    });
}

/// All that is counted as events come, counted anew.
fn assert_counted(state: &RunState) {
    let status = |id: &str| state.steps.get(id).map_or(&Status::Waiting, |step| &step.status);
    let with = |wanted: fn(&Status) -> bool| state.steps.values().filter(|step| wanted(&step.status)).count();
    let counts = state.counts();
    assert_eq!(counts.done, with(|status| *status == Status::Done));
    assert_eq!(counts.unchanged, with(|status| matches!(status, Status::Skipped(Skip::Unchanged))));
    assert_eq!(counts.skipped, with(|status| matches!(status, Status::Skipped(Skip::NotApplicable(_)))));
    assert_eq!(counts.failed, with(|status| matches!(status, Status::Failed { .. })));
    assert_eq!(counts.blocked, with(|status| matches!(status, Status::Blocked(_))));
    let all = counts.done + counts.unchanged + counts.skipped + counts.failed + counts.blocked + counts.stopped;
    assert_eq!(all, state.steps.len());
    let running: Vec<&str> = state.ids().filter(|id| *status(id) == Status::Running).collect();
    assert_eq!(state.running().collect::<Vec<_>>(), running);
    let work: Vec<&str> =
        state.order.iter().filter(|it| it.change != Change::Nothing).map(|it| it.id.as_str()).collect();
    let open = |id: &&&str| matches!(status(id), Status::Waiting | Status::Running | Status::Stopped(false));
    assert_eq!(state.ended(), (work.len() - work.iter().filter(open).count(), work.len()));
}

#[test]
fn what_is_counted_on_the_way_is_what_is_there() {
    let known: Vec<Envelope> = failing().into_iter().chain(stopped()).chain(succeeding()).collect();
    proptest::proptest!(|(places in proptest::collection::vec(0..known.len(), 0..80))| {
        let mut state = RunState::default();
        for place in places {
            state.apply(&known[place]);
            assert_counted(&state);
        }
    });
}

#[test]
#[ignore = "measures the processor's time: for a quiet machine"]
fn what_is_shown_grows_with_the_steps_and_not_with_their_square() {
    let cost = |count: usize| {
        let ids: Vec<String> = (0..count).map(|at| format!("c{}/s{at}", at / 10)).collect();
        let announced = |id: &String| Announced {
            id: id.clone(),
            component: "c".into(),
            title: "t".into(),
            change: Change::Create,
            why: vec![],
            needs: vec![],
            verify: false,
        };
        let mut events = vec![Event::RunStarted {
            schema: EVENT_SCHEMA,
            run: "r".into(),
            command: "install".into(),
            follows: None,
            cluster: cluster(),
            steps: ids.iter().map(announced).collect(),
        }];
        for id in &ids {
            events.push(Event::StepStarted { id: id.clone(), attempt: 1 });
            events.push(Event::StepFinished { id: id.clone(), seconds: 1.0, summary: None, log: vec![] });
        }
        events.push(Event::RunFinished { outcome: Outcome::Succeeded, seconds: 1.0 });
        let events = envelopes(events.into_iter().map(|event| (0, event)).collect());
        let begin = processor_seconds();
        replay(&events, pipe());
        replay(&events, terminal(100, 30));
        let lines = processor_seconds();
        let mut view = crate::render::tui::RunView::default();
        events.iter().for_each(|event| view.event(event));
        [lines - begin, processor_seconds() - lines]
    };
    let (few, many) = (cost(400), cost(2400));
    for (what, (few, many)) in ["lines", "screens"].iter().zip(few.into_iter().zip(many)) {
        assert!(many / few < 15.0, "{what}: {few:.3} s for 400 steps, {many:.3} s for 2,400");
    }
}
