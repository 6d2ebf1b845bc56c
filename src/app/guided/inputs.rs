//! What comes from outside while screens are shown: keys, and signals.

use std::io;

use crossterm::event::{Event, EventStream};
use futures::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// Something that came.
#[derive(Debug)]
pub(super) enum Heard {
    /// A key, a pasted text, another size.
    Terminal(Event),
    /// A signal.
    Signal(Kind),
    /// There will be no more keys.
    Gone,
}

/// What a signal wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// That it ends; twice: at once.
    End,
    /// Nothing: the terminal is gone.
    HungUp,
    /// That it stops until it is to go on.
    Stop,
    /// That it goes on.
    Continue,
}

/// Where it comes from. Signals are no longer deadly once this was made.
pub(super) struct Inputs {
    keys: Option<EventStream>,
    signals: UnboundedReceiver<Kind>,
}

impl Inputs {
    pub(super) fn new() -> Self {
        let (to, signals) = mpsc::unbounded_channel();
        listen(&to);
        Self { keys: Some(EventStream::new()), signals }
    }

    /// Waits for the next. Loses nothing if it is dropped before.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            let Some(keys) = &mut self.keys else {
                return match self.signals.recv().await {
                    Some(kind) => Heard::Signal(kind),
                    None => std::future::pending().await,
                };
            };
            tokio::select! {
                biased;
                Some(kind) = self.signals.recv() => return Heard::Signal(kind),
                key = keys.next() => match key {
                    Some(Ok(event)) => return Heard::Terminal(event),
                    // A signal came in between, as it does when the process goes on after it was stopped.
                    Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    ended => {
                        tracing::debug!("no more keys: {ended:?}");
                        self.no_keys();
                        return Heard::Gone;
                    }
                },
            }
        }
    }

    /// Looks for keys no longer: where the terminal is gone that would be without a pause.
    pub(super) fn no_keys(&mut self) {
        self.keys = None;
    }
}

/// Ctrl-C is a key while screens are shown, and SIGINT comes from outside only.
fn listen(to: &UnboundedSender<Kind>) {
    // SIGTSTP and SIGCONT have no names there.
    let (stop, go_on) = (rustix::process::Signal::TSTP.as_raw(), rustix::process::Signal::CONT.as_raw());
    let kinds = [
        (SignalKind::terminate(), Kind::End),
        (SignalKind::hangup(), Kind::HungUp),
        (SignalKind::interrupt(), Kind::End),
        (SignalKind::from_raw(stop), Kind::Stop),
        (SignalKind::from_raw(go_on), Kind::Continue),
    ];
    for (number, kind) in kinds {
        let Ok(mut signal) = signal(number) else {
            tracing::warn!("signal {number:?} cannot be watched");
            continue;
        };
        let to = to.clone();
        tokio::spawn(async move { while signal.recv().await.is_some() && to.send(kind).is_ok() {} });
    }
}
