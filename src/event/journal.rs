//! The one channel that puts events in order.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Envelope, Event};

/// How many events may wait before progress is dropped.
const ROOM: usize = 1024;

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
    /// memory is bounded by the number of actions.
    pub fn send(&self, event: Event) {
        use std::sync::atomic::Ordering::Relaxed;
        if event.is_progress() && self.waiting.load(Relaxed) > ROOM {
            return;
        }
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        self.waiting.fetch_add(1, Relaxed);
        // A reader that has gone away has seen the run's end or does not care about it.
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
