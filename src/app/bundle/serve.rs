//! `windlass bundle serve`.

use serde_json::json;

use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::output::Output;
use super::super::run::signalled;
use super::super::trust::{open, signed_text};
use crate::cli::ServeArgs;
use crate::driver::bundle::{ServeError, ServeNotice, Server, in_base};
use crate::model::few;

/// Serves until a signal comes.
pub(super) async fn serve(args: &ServeArgs, output: &Output) -> Result<Exit, Failed> {
    let signalled = signalled().or_exit(Exit::Unexpected)?;
    let tls = args.tls_cert.as_deref().zip(args.tls_key.as_deref());
    if tls.is_none() && !args.plain_http && !args.listen.ip().is_loopback() {
        let text = format!(
            "{} is reachable from other machines: add --tls-cert and --tls-key, or allow plain HTTP with --plain-http",
            args.listen
        );
        return Err(Failed::text(Exit::BadInput, text));
    }
    let (bundle, signed) = open(&args.open)?;
    let (name, images) = (bundle.files().name.clone(), bundle.lock().images.len());
    let missing = in_base(&bundle);
    if !missing.is_empty() {
        output.remark(&format!(
            "warning: {name} is a difference: {} of {images} images are in its base and cannot be pulled: {}; merge both with `windlass bundle join BASE DIFFERENCE`",
            missing.len(),
            few(&missing, 5)
        ));
    }
    let server = Server::bind(bundle, args.listen, tls).await.map_err(|error| {
        let exit = if matches!(error, ServeError::Listen { .. } | ServeError::Tls(_)) {
            Exit::BadInput
        } else {
            Exit::Unexpected
        };
        Failed::new(exit, error)
    })?;
    let address = format!("{}://{}", if tls.is_some() { "https" } else { "http" }, server.address());
    match output.json {
        true => output.value(&json!({"serving": {"address": address, "images": images}}))?,
        false => output.say(&format!(
            "serving {name} ({images} images; {}) at {address}; press Ctrl-C to stop\n",
            signed_text(&signed)
        ))?,
    }
    let mut notices = server.notices();
    let run = server.run();
    tokio::pin!(signalled, run);
    loop {
        tokio::select! {
            () = &mut signalled => break,
            () = &mut run => break,
            Some(notice) = notices.recv() => print(&notice, output),
        }
    }
    match output.json {
        true => output.value(&json!({"event": "stopped"}))?,
        false => output.remark("stopped"),
    }
    Ok(Exit::Stopped)
}

/// Whoever pulls sees that something fails; here is why.
fn print(notice: &ServeNotice, output: &Output) {
    output.remark(&match notice {
        ServeNotice::Blob(digest, error) => {
            format!("error: failed to serve blob {digest}: {error}; `windlass bundle verify` reads all of them")
        }
        ServeNotice::Handshake(peer, error) => format!("warning: TLS handshake with {peer} failed: {error}"),
    });
}
