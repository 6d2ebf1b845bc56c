//! What comes from outside while screens are shown: keys, and signals.

use std::io;

use crossterm::event::{Event, EventStream};
use futures::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// An input.
#[derive(Debug)]
pub(super) enum InputEvent {
    /// A key, a pasted text, another size.
    Terminal(Event),
    /// A signal.
    Signal(Kind),
    /// There will be no more keys.
    Gone,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// To end; twice: immediately.
    End,
    /// Nothing: the terminal is gone.
    HungUp,
    /// To stop until it is continued.
    Stop,
    /// To continue.
    Continue,
}

/// The source of inputs. Once it exists, signals do not kill the process.
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

    /// Waits for the next input. Cancel safe.
    pub(super) async fn next(&mut self) -> InputEvent {
        loop {
            let Some(keys) = &mut self.keys else {
                return match self.signals.recv().await {
                    Some(kind) => InputEvent::Signal(kind),
                    None => std::future::pending().await,
                };
            };
            tokio::select! {
                biased;
                Some(kind) = self.signals.recv() => return InputEvent::Signal(kind),
                key = keys.next() => match key {
                    Some(Ok(event)) => return InputEvent::Terminal(event),
                    // A signal interrupted the read, as when the process continues after it was stopped.
                    Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    ended => {
                        tracing::debug!("end of keyboard input: {ended:?}");
                        self.no_keys();
                        return InputEvent::Gone;
                    }
                },
            }
        }
    }

    /// Stops reading keys: where the terminal is gone that would be a busy loop.
    pub(super) fn no_keys(&mut self) {
        self.keys = None;
    }
}

/// Ctrl-C is a key while screens are shown, and SIGINT comes from outside only.
fn listen(to: &UnboundedSender<Kind>) {
    // SIGTSTP and SIGCONT have no names there.
    let (stop, resume) = (rustix::process::Signal::TSTP.as_raw(), rustix::process::Signal::CONT.as_raw());
    let kinds = [
        (SignalKind::terminate(), Kind::End),
        (SignalKind::hangup(), Kind::HungUp),
        (SignalKind::interrupt(), Kind::End),
        (SignalKind::from_raw(stop), Kind::Stop),
        (SignalKind::from_raw(resume), Kind::Continue),
    ];
    for (number, kind) in kinds {
        let Ok(mut signal) = signal(number) else {
            tracing::warn!("failed to watch signal {number:?}");
            continue;
        };
        let to = to.clone();
        tokio::spawn(async move { while signal.recv().await.is_some() && to.send(kind).is_ok() {} });
    }
}
