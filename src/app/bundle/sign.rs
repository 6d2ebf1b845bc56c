//! `windlass bundle sign` and `keygen`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::output::Output;
use super::super::trust::{reading, signature_file, signing};
use crate::driver::bundle::Bundle;
use crate::driver::bundle::sign::{self, PublicKey, SigningKey};

/// Where a signature comes from.
pub(super) struct From<'a> {
    /// A key that signs here.
    pub private_key: Option<&'a Path>,
    /// A signature that was made elsewhere ...
    pub signature: Option<&'a Path>,
    /// ... and its public key.
    pub key: Option<&'a Path>,
}

/// Writes a signature beside a bundle.
pub(super) fn sign(paths: &[PathBuf], from: &From<'_>, print_lock: bool, output: &Output) -> Result<Exit, Failed> {
    let bundle = Bundle::open(paths).map_err(reading)?;
    if print_lock {
        let text = std::str::from_utf8(bundle.lock_bytes()).or_exit(Exit::BadInput)?;
        output.text(text)?;
        return Ok(Exit::Done);
    }
    let (signature, key) = match (from.private_key, from.signature, from.key) {
        (Some(private), ..) => {
            let key = SigningKey::read(private).map_err(signing)?;
            (key.sign(bundle.lock_bytes()), key.public())
        }
        (None, Some(signature), Some(key)) => {
            let key = PublicKey::read(key).map_err(signing)?;
            let adopted = sign::adopt(&signature_file(signature)?, bundle.lock_bytes(), &key).map_err(signing)?;
            (adopted, key)
        }
        _ => return Err(Failed::text(Exit::BadInput, "--private-key, or --signature and --key are required")),
    };
    if bundle.is_signed_inside() {
        output.remark("note: the offline bundle also contains a signature; the one in its own file takes precedence");
    }
    let first = bundle.files().files.first().cloned().unwrap_or_default();
    let path = first.with_file_name(format!("{}.sig", bundle.files().name));
    sign::write_beside(&path, &signature).map_err(|error| Failed::new(Exit::Unexpected, error))?;
    if output.json {
        output.value(&json!({"signed": {"signature": path.display().to_string(), "key": key.fingerprint()}}))?;
    } else {
        output.say(&format!("{}\nsigned by {}\n", path.display(), key.fingerprint()))?;
    }
    Ok(Exit::Done)
}

/// Makes a pair of keys.
pub(super) fn keygen(name: &Path, output: &Output) -> Result<Exit, Failed> {
    let with = |suffix: &str| {
        let mut path = name.as_os_str().to_owned();
        path.push(suffix);
        PathBuf::from(path)
    };
    let (private, public) = (with(".key"), with(".pub"));
    let key = sign::generate(&private, &public).map_err(signing)?;
    if output.json {
        output.value(&json!({"keys": {"private": private.display().to_string(), "public": public.display().to_string(), "key": key.fingerprint()}}))?;
    } else {
        let text = format!(
            "{}: private key; keep it secret\n{}: public key; send it to the site separately from the offline bundle\n{}\n",
            private.display(),
            public.display(),
            key.fingerprint()
        );
        output.say(&text)?;
    }
    Ok(Exit::Done)
}
