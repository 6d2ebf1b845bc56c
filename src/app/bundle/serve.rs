//! `windlass bundle serve`.

use serde_json::json;

use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::output::Output;
use super::super::run::signalled;
use super::super::trust::{open, signed_text};
use crate::cli::ServeArgs;
use crate::driver::bundle::{ServeError, Server};

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
    tokio::select! {
        () = signalled => {}
        () = server.run() => {}
    }
    match output.json {
        true => output.value(&json!({"event": "stopped"}))?,
        false => output.remark("stopped"),
    }
    Ok(Exit::Stopped)
}
