//! What the screens cost: the first frame, frames under load, standing still, and memory. `bench/tui` runs it.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot be made ends where it stands")]

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use windlass::answers::AnswerSources;
use windlass::catalog::load;
use windlass::event::{Announced, EVENT_SCHEMA, Envelope, Event};
use windlass::model::cluster::ClusterInfo;
use windlass::plan::Change;
use windlass::render::tui::{BackendEvent, Input, Lang, Look, PodRow, RunView, State, draw, update};

const WINDLASS: &str = env!("CARGO_BIN_EXE_windlass");
const STEPS: usize = 60;
const PODS: usize = 500;
const EVENTS_A_SECOND: usize = 2000;
const FRAMES_A_SECOND: usize = 30;
const COLUMNS: u16 = 200;
const ROWS: u16 = 60;

fn main() {
    let mut rows: Vec<(String, String, &str)> = Vec::new();
    let first = median(20, first_frame);
    rows.push(("first frame after start".into(), millis(first), "under 50 ms"));
    for (name, program, arguments) in [
        ("helm version", "WINDLASS_BENCH_HELM", &["version"][..]),
        ("kubectl version --client", "WINDLASS_BENCH_KUBECTL", &["version", "--client"][..]),
    ] {
        let Some(program) = std::env::var_os(program) else { continue };
        let peer = median(20, || time(Command::new(&program).args(arguments)));
        let ratio = peer.as_secs_f64() / first.as_secs_f64();
        rows.push((name.into(), format!("{} ({ratio:.1} times the first frame)", millis(peer)), "beside it"));
    }
    let (p50, p99, most) = frames();
    rows.push((
        format!("frame at {COLUMNS}x{ROWS}, {PODS} pods, {EVENTS_A_SECOND} events a second: p50"),
        millis(p50),
        "",
    ));
    rows.push(("the same: p99".into(), millis(p99), "under 8 ms"));
    rows.push(("the same: longest".into(), millis(most), ""));
    rows.push(("processor while nothing moves".into(), format!("{:.2} % of a core", idle(guide())), "under 1 %"));
    rows.push(("processor while a run waits".into(), format!("{:.2} % of a core", idle(waiting())), "under 1 %"));
    rows.push(("memory after a million events".into(), format!("{:.1} MiB", million()), "under 64 MiB"));
    for (what, value, goal) in rows {
        println!("{what:<66} {value:<40} {goal}");
    }
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn median(runs: usize, mut measure: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..runs).map(|_| measure()).collect();
    times.sort();
    times[runs / 2]
}

fn time(command: &mut Command) -> Duration {
    let begun = Instant::now();
    assert!(command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success(), "{command:?}");
    begun.elapsed()
}

fn guide() -> CommandBuilder {
    let mut command = CommandBuilder::new(WINDLASS);
    command.arg("guide");
    for (name, value) in
        [("TERM", "xterm-256color"), ("KUBECONFIG", "/nonexistent"), ("WINDLASS_SANDBOX_DIR", "/nonexistent")]
    {
        command.env(name, value);
    }
    command
}

const SIZE: PtySize = PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };

/// From the start of the process until the first screen has arrived at the terminal.
fn first_frame() -> Duration {
    let pair = native_pty_system().openpty(SIZE).unwrap();
    let mut reader = pair.master.try_clone_reader().unwrap();
    let begun = Instant::now();
    let mut child = pair.slave.spawn_command(guide()).unwrap();
    let (mut seen, mut bytes) = (Vec::new(), [0_u8; 8192]);
    // The footer is drawn last.
    while !seen.windows(4).any(|part| part == b"help") {
        let count = reader.read(&mut bytes).unwrap();
        seen.extend_from_slice(&bytes[..count]);
    }
    let took = begun.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    took
}

/// A recorded run, so slow that nothing happens in it.
fn waiting() -> CommandBuilder {
    let mut command = guide();
    let replay = [WINDLASS, "replay", concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pictures/install.jsonl")];
    *command.get_argv_mut() = replay.map(Into::into).to_vec();
    command.args(["--speed", "0.01"]);
    command
}

/// Hundredths of a core that it takes while nobody does anything.
fn idle(command: CommandBuilder) -> f64 {
    const SECONDS: u64 = 10;
    let pair = native_pty_system().openpty(SIZE).unwrap();
    let mut child = pair.slave.spawn_command(command).unwrap();
    let mut reader = pair.master.try_clone_reader().unwrap();
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    std::thread::sleep(Duration::from_secs(3));
    let pid = child.process_id().unwrap();
    let ticks = || -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // User and system time are the twelfth and thirteenth behind the name.
        let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let before = ticks();
    std::thread::sleep(Duration::from_secs(SECONDS));
    let used = ticks() - before;
    child.kill().unwrap();
    child.wait().unwrap();
    // A tick is a hundredth of a second.
    f64::from(u32::try_from(used).unwrap()) / f64::from(u32::try_from(SECONDS).unwrap())
}

fn running() -> State {
    let look = Look { lang: Lang::En, color: true, ascii: false };
    let catalog = Arc::new(load(&[]).unwrap());
    let mut state = State::new(look, (COLUMNS, ROWS), catalog, AnswerSources::default(), |_| true).unwrap();
    let run = RunView::new((0..STEPS).map(|step| (id(step), 600)).collect(), None);
    tell(&mut state, BackendEvent::RunStarted(Box::new(run)));
    let steps = (0..STEPS).map(|step| Announced {
        id: id(step),
        component: format!("component-{}", step / 10),
        title: format!("release my-component-{step} in namespace-{}", step / 10),
        change: Change::Create,
        why: Vec::new(),
        needs: Vec::new(),
        verify: false,
    });
    let cluster = ClusterInfo { context: "c".into(), server: "s".into(), user: "u".into(), version: "v".into() };
    let started = Event::RunStarted {
        schema: EVENT_SCHEMA,
        run: "r".into(),
        command: "install".into(),
        follows: None,
        cluster,
        steps: steps.collect(),
    };
    event(&mut state, 0, started);
    for step in 0..STEPS {
        event(&mut state, 0, Event::StepStarted { id: id(step), attempt: 1 });
    }
    state
}

fn id(step: usize) -> String {
    format!("component-{}/release-{step}", step / 10)
}

fn tell(state: &mut State, news: BackendEvent) {
    update(state, Input::BackendEvent(Box::new(news)));
}

fn event(state: &mut State, seq: u64, event: Event) {
    tell(state, BackendEvent::Event(Envelope { seq, at: Timestamp::now(), event }));
}

/// One of the many events that a busy run has.
fn busy(number: usize) -> Event {
    let id = id(number % STEPS);
    let count = u64::try_from(number).unwrap();
    match number % 3 {
        0 => Event::Bytes { id, done: count % (1 << 30), total: 1 << 30 },
        1 => Event::Waiting { id, what: format!("pod my-component-{number}: ContainerCreating, for {number} ms") },
        _ => Event::Note { id, text: format!("helm: level=INFO msg=\"working on resource\" number={number} kind=Pod") },
    }
}

fn pods(round: usize) -> BackendEvent {
    let pods = (0..PODS).map(|pod| {
        let pending = (pod + round).is_multiple_of(7);
        PodRow {
            namespace: format!("namespace-{}", pod / 50),
            name: format!("my-component-{pod}-7d9f8b6c5d-x2x{}", pod % 10),
            phase: if pending { "Pending".into() } else { "Running".into() },
            ready: (usize::from(!pending), 1),
            restarts: u32::try_from(pod % 3).unwrap(),
            reason: if pending { "ContainerCreating".into() } else { String::new() },
        }
    });
    BackendEvent::Pods(pods.collect())
}

/// Ten seconds of a busy run: how long a frame takes, with all that happened since the one before.
fn frames() -> (Duration, Duration, Duration) {
    let mut state = running();
    let area = Rect::new(0, 0, COLUMNS, ROWS);
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(std::io::sink()), options).unwrap();
    let (mut times, mut number) = (Vec::new(), 0);
    for frame in 0..10 * FRAMES_A_SECOND {
        let begun = Instant::now();
        for _ in 0..EVENTS_A_SECOND / FRAMES_A_SECOND {
            event(&mut state, 0, busy(number));
            number += 1;
        }
        if frame % (2 * FRAMES_A_SECOND) == 0 {
            tell(&mut state, pods(frame));
        }
        update(&mut state, Input::Tick(Timestamp::now().as_millisecond()));
        terminal.draw(|frame| draw(&state, frame)).unwrap();
        times.push(begun.elapsed());
    }
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100], times[times.len() - 1])
}

/// Resident memory after a million events, in MiB: the screens keep the last lines, the journal on disk has all.
fn million() -> f64 {
    let mut state = running();
    for number in 0..1_000_000 {
        event(&mut state, 0, busy(number));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: u32 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    drop(state);
    f64::from(kib) / 1024.0
}
