//! Whether what an install will push is what the offline bundle's lock says: read before anything is written, so that a damaged
//! medium costs no half-made install.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::registry::Offline;
use crate::app::bundle::progress::Progress;
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::output::Output;
use crate::driver::bundle::{BundleError, verify_some_while};
use crate::model::causes;
use crate::model::oci::Digest;

/// How often the number of bytes is read.
const POLL: Duration = Duration::from_millis(100);

/// Stops the threads that read once nobody waits for them.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Offline {
    /// Reads the blobs that will be sent, on all cores. What was read before is not read again, so that the second time, under
    /// the lock, costs nothing. Manifests were checked when they were read.
    ///
    /// # Errors
    /// Some of them are damaged: each is named with the images that need it and the file or part that it is in.
    pub(in crate::app) async fn check_bytes(
        &self,
        to_send: &BTreeMap<Digest, BTreeSet<String>>,
        output: &Output,
    ) -> Result<(), Failed> {
        let sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let unread: BTreeSet<Digest> = to_send.keys().filter(|digest| !sound.contains(*digest)).copied().collect();
        if unread.is_empty() {
            return Ok(());
        }
        let sizes = &self.bundle().about().blobs;
        let progress = Progress::new(output, "checking", unread.iter().filter_map(|digest| sizes.get(digest)).sum());
        let (done, stop) = (Arc::new(AtomicU64::new(0)), Stop(Arc::default()));
        let mut reading = {
            let (bundle, blobs) = (self.shared(), unread.clone());
            let (done, stopped) = (Arc::clone(&done), Arc::clone(&stop.0));
            let more = move |bytes| {
                done.fetch_add(bytes, Ordering::Relaxed);
                !stopped.load(Ordering::Relaxed)
            };
            tokio::task::spawn_blocking(move || verify_some_while(&bundle, &blobs, &more))
        };
        let read = loop {
            tokio::select! {
                read = &mut reading => break read.or_exit(Exit::Unexpected)?,
                () = tokio::time::sleep(POLL) => progress.set(done.load(Ordering::Relaxed), 0),
            }
        };
        match read {
            Ok(_) => {
                self.sound.lock().unwrap_or_else(PoisonError::into_inner).extend(unread);
                Ok(())
            }
            Err(errors) => Err(damaged(errors, to_send, output)),
        }
    }
}

/// Reports all blobs that are damaged.
fn damaged(errors: Vec<BundleError>, to_send: &BTreeMap<Digest, BTreeSet<String>>, output: &Output) -> Failed {
    let needed_by = |error: &BundleError| match error {
        BundleError::Blob { digest, .. } => {
            to_send.get(digest).map(|images| images.iter().cloned().collect::<Vec<_>>().join(", "))
        }
        _ => None,
    };
    let named = |error: &BundleError| match needed_by(error) {
        Some(images) => format!("the offline bundle is damaged, nothing was changed; not intact: {images}"),
        None => "the offline bundle is damaged, nothing was changed".to_owned(),
    };
    let mut errors = errors.into_iter();
    let first = errors.next();
    for error in errors {
        output.remark(&format!("error: {}: {}", named(&error), causes(&error).join(": ")));
    }
    match first {
        Some(error) => {
            let text = named(&error);
            Failed { exit: Exit::VerifyFailed, error: anyhow::Error::new(error).context(text) }
        }
        None => Failed::text(Exit::VerifyFailed, "the offline bundle is damaged, nothing was changed"),
    }
}
