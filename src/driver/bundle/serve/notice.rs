//! What goes wrong while an offline bundle is served, each once: a node asks again and again.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::model::oci::Digest;

/// The most of one kind.
const MOST: usize = 1000;

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServeNotice {
    /// A blob cannot be read, or its bytes are wrong; nobody got the whole of it.
    Blob(Digest, String),
    /// Somebody does not speak TLS, or not with this certificate.
    Handshake(IpAddr, String),
}

/// Takes notices, and hands on those that are new.
#[derive(Default)]
pub(super) struct Notices {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    blobs: BTreeSet<Digest>,
    peers: BTreeSet<IpAddr>,
    out: Option<UnboundedSender<ServeNotice>>,
}

impl Notices {
    /// Where they come out from now on.
    pub(super) fn listen(&self) -> UnboundedReceiver<ServeNotice> {
        let (sender, receiver) = unbounded_channel();
        self.state.lock().unwrap_or_else(PoisonError::into_inner).out = Some(sender);
        receiver
    }

    /// A blob cannot be handed out.
    pub(super) fn blob(&self, digest: Digest, error: &(dyn std::error::Error + 'static)) {
        tracing::debug!("blob {digest}: {error}");
        self.say(|state| is_new(&mut state.blobs, digest), ServeNotice::Blob(digest, causes(error)));
    }

    /// A handshake failed.
    pub(super) fn handshake(&self, peer: IpAddr, error: String) {
        tracing::debug!("TLS handshake with {peer} failed: {error}");
        self.say(|state| is_new(&mut state.peers, peer), ServeNotice::Handshake(peer, error));
    }

    fn say(&self, is_new: impl Fn(&mut State) -> bool, notice: ServeNotice) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if is_new(&mut state)
            && let Some(out) = &state.out
        {
            // Nobody who listens is no reason to stop.
            let _ = out.send(notice);
        }
    }
}

fn is_new<T: Ord>(seen: &mut BTreeSet<T>, one: T) -> bool {
    seen.len() < MOST && seen.insert(one)
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    crate::model::causes(error).join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_said_once() {
        let notices = Notices::default();
        let mut heard = notices.listen();
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        for peer in [a, b, a, a] {
            notices.handshake(peer, "x".to_owned());
        }
        let digest = Digest::of(b"x");
        notices.blob(digest, &std::io::Error::other("y"));
        notices.blob(digest, &std::io::Error::other("y"));
        let mut found = Vec::new();
        while let Ok(notice) = heard.try_recv() {
            found.push(notice);
        }
        let said = |peer| ServeNotice::Handshake(peer, "x".to_owned());
        assert_eq!(found, [said(a), said(b), ServeNotice::Blob(digest, "y".to_owned())]);
    }
}
