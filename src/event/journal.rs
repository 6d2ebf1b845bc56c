//! The one channel that puts events in order.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Envelope, Event};
use crate::model::known;

/// How many events may wait before progress is dropped.
const MOST_WAITING: usize = 1024;

/// The sending side. Clones share one count.
#[derive(Debug, Clone)]
pub struct Channel {
    sender: mpsc::UnboundedSender<Envelope>,
    count: Arc<Mutex<u64>>,
    waiting: Arc<std::sync::atomic::AtomicUsize>,
}

/// The receiving side.
#[derive(Debug)]
pub struct Listener {
    receiver: mpsc::UnboundedReceiver<Envelope>,
    waiting: Arc<std::sync::atomic::AtomicUsize>,
}

/// A new channel.
#[must_use]
pub fn channel() -> (Channel, Listener) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    (Channel { sender, count: Arc::default(), waiting: waiting.clone() }, Listener { receiver, waiting })
}

impl Channel {
    /// Sends an event. Progress is dropped while the reader is far behind; everything else always goes through, so
    /// memory is bounded by the number of steps.
    pub fn send(&self, mut event: Event) {
        use std::sync::atomic::Ordering::Relaxed;
        if event.is_progress() && self.waiting.load(Relaxed) > MOST_WAITING {
            return;
        }
        // Screens, lines, JSON and the journal all read from here: secrets are removed before.
        event.redact(&known());
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        self.waiting.fetch_add(1, Relaxed);
        // A reader that is closed has seen the run's end or does not need it.
        let _ = self.sender.send(Envelope { seq: *count, at: Timestamp::now(), event });
    }
}

impl Listener {
    /// The next event, `None` once every sender is gone.
    pub async fn next(&mut self) -> Option<Envelope> {
        let next = self.receiver.recv().await;
        if next.is_some() {
            self.waiting.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cluster::{Finding, ObjectRef};
    use crate::model::remember;

    #[tokio::test]
    async fn no_secret_goes_through() {
        remember("correct horse battery");
        let lines = || vec!["login with correct%20horse%20battery".to_owned(), "db.password=planted1".to_owned()];
        let finding = Finding {
            object: ObjectRef::namespaced("v1", "Pod", "ns", "p"),
            pod: None,
            container: None,
            reason: "Failed".to_owned(),
            message: "redis://:planted2@h".to_owned(),
            event: Some("Failed: --token planted3".to_owned()),
            log: ["-----BEGIN PRIVATE KEY-----", "planted4", "-----END PRIVATE KEY-----"].map(str::to_owned).into(),
            fatal: true,
        };
        let (channel, mut listener) = channel();
        let id = || "a".to_owned();
        channel.send(Event::Note { id: id(), text: "pwd=planted5".to_owned() });
        channel.send(Event::Waiting { id: id(), what: "Authorization: Basic dTpwbGFudGVk".to_owned() });
        channel.send(Event::StepRetried { id: id(), attempt: 1, after_seconds: 1, errors: lines() });
        channel.send(Event::StepFailed {
            id: id(),
            seconds: 1.0,
            errors: lines(),
            findings: vec![finding],
            log: lines(),
        });
        channel.send(Event::StepFinished {
            log: vec![],
            id: id(),
            seconds: 1.0,
            summary: Some("ghp_planted6planted6planted6".to_owned()),
        });
        drop(channel);
        while let Some(envelope) = listener.next().await {
            let text = serde_json::to_string(&envelope).unwrap();
            assert!(!text.contains("planted") && !text.contains("horse") && !text.contains("dTpw"), "{text}");
        }
    }
}
