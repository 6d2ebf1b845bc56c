//! `windlass bundle verify`, `extract`, `split` and `join`.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::exit::{Exit, Failed};
use super::super::output::Output;
use super::super::trust::{open, reading, signed_json, signed_text, signing, writing};
use super::progress::Progress;
use super::stop::{Stop, interrupted};
use crate::cli::OpenArgs;
use crate::driver::bundle::sign::write_beside;
use crate::driver::bundle::{self, Bundle, BundleError, BundleRequest, CreateError, Created, Target, Union};
use crate::model::human;

/// Reads every byte.
pub(super) fn verify(args: &OpenArgs, output: &Output) -> Result<Exit, Failed> {
    let stop = Stop::on_signal()?;
    let (found, signed) = open(args)?;
    checked(&found, &stop, output)?;
    let (blobs, bytes) = (found.about().blobs.len(), found.parts().total());
    if output.json {
        output.value(&json!({"verified": {"blobs": blobs, "bytes": bytes, "lock": found.lock_digest(), "signature": signed_json(&signed), "base": found.about().base}}))?;
        return Ok(Exit::Done);
    }
    let base =
        found.about().base.map(|base| format!("\na difference based on the offline bundle with the lock {base}"));
    output.say(&format!(
        "{} is intact: {blobs} blobs, {}\nlock {}\n{}{}\n",
        found.files().name,
        human(bytes),
        found.lock_digest(),
        signed_text(&signed),
        base.unwrap_or_default()
    ))?;
    Ok(Exit::Done)
}

/// Checks all blobs, and reports all that are damaged.
fn checked(found: &Bundle, stop: &Stop, output: &Output) -> Result<(), Failed> {
    let progress = Progress::new(output, "reading", found.about().blobs.values().sum());
    let read = bundle::verify_while(found, &|bytes| {
        progress.add(bytes);
        stop.go_on()
    });
    let errors = match read {
        Ok(Some(_)) => return Ok(()),
        Ok(None) => return Err(Failed::text(Exit::Stopped, "stopped")),
        Err(errors) => errors,
    };
    let mut errors = errors.into_iter();
    let first = errors.next();
    for error in errors {
        let text = crate::model::causes(&error).join(": ");
        output.remark(&format!("error: {text}"));
    }
    Err(first.map_or_else(
        || Failed::text(Exit::VerifyFailed, "the offline bundle is damaged"),
        |error| Failed::new(Exit::VerifyFailed, error),
    ))
}

/// Writes images as an OCI layout.
pub(super) fn extract(image: &str, args: &OpenArgs, to: &Path, output: &Output) -> Result<Exit, Failed> {
    let stop = Stop::on_signal()?;
    let (found, _) = open(args)?;
    let names = named(&found, image)?;
    let progress = OnceCell::new();
    let bytes = bundle::extract(&found, &names, to, &|bytes, of| {
        progress.get_or_init(|| Progress::new(output, "writing", of)).add(bytes);
        stop.go_on()
    });
    let bytes = bytes.map_err(|error| match error {
        CreateError::Bundle(error @ BundleError::Blob { .. }) => Failed::new(Exit::VerifyFailed, error),
        other => writing(other, true),
    })?;
    if output.json {
        output.value(&json!({"extracted": {"images": names, "to": to.display().to_string(), "bytes": bytes}}))?;
    } else {
        output.say(&format!("{}: {} images, {}\n", to.display(), names.len(), human(bytes)))?;
    }
    Ok(Exit::Done)
}

/// The images that a name means: its own, in whichever form it was written, or all.
fn named(found: &Bundle, image: &str) -> Result<BTreeSet<String>, Failed> {
    let names: BTreeSet<String> = found.lock().images.keys().cloned().collect();
    if image == "all" {
        return Ok(names);
    }
    let whole = crate::model::ImageName::parse(image).map_or_else(|_| image.to_owned(), |name| name.whole());
    if names.contains(&whole) {
        return Ok([whole].into());
    }
    let near = names.iter().max_by(|a, b| strsim::jaro(a, &whole).total_cmp(&strsim::jaro(b, &whole))).cloned();
    Err(reading(BundleError::NoImage { image: image.to_owned(), name: found.files().name.clone(), nearest: near }))
}

/// Splits an offline bundle into parts.
pub(super) fn split(args: &OpenArgs, size: u64, target: &Path, output: &Output) -> Result<Exit, Failed> {
    let stop = Stop::on_signal()?;
    let (found, _) = open(args)?;
    checked(&found, &stop, output)?;
    let progress = Progress::new(output, "writing", found.parts().total());
    let made = bundle::split(&found, target, size, &|bytes| {
        progress.add(bytes);
        stop.go_on()
    });
    let made = made.map_err(|error| writing(error, true))?;
    keep_signature(&found, target)?;
    print_created(&made, found.parts().total(), output)
}

/// A signature beside a bundle goes with it: it is of the lock, which stays the same.
fn keep_signature(found: &Bundle, target: &Path) -> Result<(), Failed> {
    let Some(_) = &found.files().signature else { return Ok(()) };
    let Some(bytes) = found.signature().map_err(signing)? else { return Ok(()) };
    let mut path = target.as_os_str().to_owned();
    path.push(".sig");
    write_beside(Path::new(&path), &bytes).map_err(|error| Failed::new(Exit::Unexpected, error))
}

/// Puts parts together, or a difference and its base.
pub(super) async fn join(given: &[PathBuf], target: &Path, output: &Output) -> Result<Exit, Failed> {
    let stop = Stop::on_signal()?;
    // Parts are one bundle; base and difference are two, each by itself.
    let whole = match Bundle::open(given) {
        Ok(found) => Some(found),
        Err(BundleError::Several(_)) if given.len() == 2 => None,
        Err(error) => return Err(reading(error)),
    };
    if let Some(found) = whole {
        checked(&found, &stop, output)?;
        let progress = Progress::new(output, "writing", found.parts().total());
        let made = bundle::join(&found, target, &|bytes| {
            progress.add(bytes);
            stop.go_on()
        });
        let made = made.map_err(|error| writing(error, true))?;
        keep_signature(&found, target)?;
        return print_created(&made, found.parts().total(), output);
    }
    let one = |path: &PathBuf| Bundle::open(std::slice::from_ref(path)).map_err(reading);
    let (first, second) = (one(&given[0])?, one(&given[1])?);
    let (base, difference) = if first.about().base.is_some() { (second, first) } else { (first, second) };
    let Some(expected) = difference.about().base else {
        let text = format!("neither {} nor {} is a difference", base.files().name, difference.files().name);
        return Err(Failed::text(Exit::BadInput, text));
    };
    if base.lock_digest() != expected {
        let (difference, found) = (difference.files().name.clone(), base.lock_digest());
        let error = CreateError::WrongBase { difference, expected, base: base.files().name.clone(), found };
        return Err(writing(error, true));
    }
    let about = difference.about().clone();
    let request = BundleRequest {
        lock: difference.lock().clone(),
        windlass: about.windlass,
        platforms: about.platforms,
        components: about.components,
        charts: BTreeMap::new(),
        files: BTreeMap::new(),
        programs: BTreeMap::new(),
        base: None,
        signer: None,
    };
    let source = Union::new(vec![&difference, &base]);
    let plan = bundle::plan(&source, request).await.map_err(|error| writing(error, true))?;
    let target = Target { path: target.to_owned(), split: None, restart: false };
    let progress = Progress::new(output, "writing", plan.blobs);
    let report = |done, resumed| progress.set(done, resumed);
    let made = tokio::select! {
        biased;
        () = stop.came() => return Err(interrupted(&target.path)),
        made = bundle::create(&source, &plan, &target, &report) => made,
    };
    print_created(&made.map_err(|error| writing(error, false))?, plan.total, output)
}

fn print_created(made: &Created, total: u64, output: &Output) -> Result<Exit, Failed> {
    let names: Vec<_> = made.files.iter().map(|path| path.display().to_string()).collect();
    if output.json {
        let sums = made.sums.as_ref().map(|path| path.display().to_string());
        output.value(&json!({"created": {"files": names, "bytes": total, "sums": sums}}))?;
        return Ok(Exit::Done);
    }
    let sums = made.sums.as_ref().map(|path| format!("{}: checksums, for sha256sum -c\n", path.display()));
    output.say(&format!("{}\n{} in total\n{}", names.join("\n"), human(total), sums.unwrap_or_default()))?;
    Ok(Exit::Done)
}
