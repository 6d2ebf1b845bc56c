//! `windlass bundle push`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::output::Output;
use super::super::push_requests::{conflict, pushes, requests, unprepared};
use super::super::registries::registries;
use super::super::run::signalled;
use super::super::trust::{open, signed_text};
use super::progress::Progress;
use crate::cli::PushArgs;
use crate::driver::bundle::{Bundle, BundleStore};
use crate::driver::registry::Registry;
use crate::driver::registry::push::{
    Journal, LockedPushJournal, PartialUpload, PlanError, Push, PushError, PushPlan, PushProgress, Receipt,
    TagConflict, Target,
};
use crate::model::human;

/// How often the progress of a push is read.
const POLL: Duration = Duration::from_millis(200);

/// Pushes until a signal comes.
pub(super) async fn push(args: &PushArgs, output: &Output) -> Result<Exit, Failed> {
    let signalled = signalled().or_exit(Exit::Unexpected)?;
    tokio::select! {
        biased;
        () = signalled => Err(Failed::text(Exit::Stopped, "stopped; run the same command again to resume")),
        ended = push_bundle(args, output) => ended,
    }
}

async fn push_bundle(args: &PushArgs, output: &Output) -> Result<Exit, Failed> {
    let target = Target::parse(&args.registry, args.into.depth()).or_exit(Exit::BadInput)?;
    let (bundle, signed) = open(&args.open)?;
    output.remark(&format!("{}: {}", bundle.files().name, signed_text(&signed)));
    let requests = requests(bundle.lock(), &target, args.into.without_signatures)?;
    let repositories: BTreeSet<String> = requests.iter().map(|request| request.repository.clone()).collect();
    let images = requests.len();
    let registries = registries(&args.reach, &[target.host.clone()].into(), None, output)?;
    let registry = registries.registry_for(&target.host, &target.prefix).await.or_exit(Exit::Unusable)?;
    let store = BundleStore::new(&bundle);
    // A plan changes nothing, here or there.
    let (journal, held) = match args.plan {
        true => (Journal::in_memory(), None),
        false => {
            let held = held_journal(&target, &bundle)?;
            (held.open().or_exit(Exit::Unexpected)?, Some(held))
        }
    };
    let conflict = conflict(args.into.tag_conflict);
    let push = match Push::prepare(registry.clone(), &store, requests.clone(), conflict, journal).await {
        Ok(push) => push,
        // Tags that are in the way keep nobody from seeing the rest of the plan.
        Err(PushError::Plan(error @ PlanError::TagConflicts(_))) if args.plan => {
            let kept = Push::prepare(registry, &store, requests, TagConflict::Keep, Journal::in_memory()).await;
            return shown(&kept.map_err(unprepared)?, vec![error.to_string()], output).await;
        }
        Err(PushError::Plan(error)) => return refused(&registry, &repositories, error, output).await,
        Err(error) => return Err(unprepared(error)),
    };
    if args.plan {
        return shown(&push, Vec::new(), output).await;
    }
    let problems = push.problems().await.or_exit(Exit::Unusable)?;
    if !problems.is_empty() {
        return Err(reported(&problems.iter().map(ToString::to_string).collect::<Vec<_>>(), output)?);
    }
    announce(push.plan(), images, output)?;
    let nothing = push.plan().is_empty();
    let result = run_with_progress(&push, output).await;
    match result {
        Ok(receipt) => {
            let receipt = keep(args, &bundle, receipt)?;
            if let Some(held) = held {
                held.remove();
            }
            done(&target, &receipt, nothing, output)
        }
        Err(error) => {
            if let PushError::Incomplete { receipt, failed, .. } = &error {
                keep(args, &bundle, (**receipt).clone())?;
                failed.iter().for_each(|name| output.remark(&format!("error: not pushed: {name}")));
            }
            Err(Failed::new(if error.is_damage() { Exit::VerifyFailed } else { Exit::Failed }, error))
        }
    }
}

/// Prints the plan, and all that would keep the push from starting, beside what is known of that already.
async fn shown(push: &Push<'_>, mut problems: Vec<String>, output: &Output) -> Result<Exit, Failed> {
    if !output.json {
        output.say(&push.plan().table())?;
    }
    problems.extend(push.problems().await.or_exit(Exit::Unusable)?.iter().map(ToString::to_string));
    if output.json {
        output.value(&json!({"plan": push.plan(), "problems": problems}))?;
    }
    match problems.is_empty() {
        true => Ok(Exit::Done),
        false => Err(refusal(&problems)),
    }
}

/// Runs it, and prints its progress.
pub(in crate::app) async fn run_with_progress(push: &Push<'_>, output: &Output) -> Result<Receipt, PushError> {
    let (_, mounted, sent) = push.plan().bytes();
    let progress = Progress::new(output, "pushing", mounted + sent);
    let counts = PushProgress::default();
    let run = push.run(&counts);
    tokio::pin!(run);
    let mut resumed = 0;
    loop {
        let ended = tokio::select! {
            ended = &mut run => Some(ended),
            () = tokio::time::sleep(POLL) => None,
        };
        for half in counts.take_partial_uploads() {
            print_partial_upload(&half, output);
            resumed += half.kept;
        }
        if let Some(ended) = ended {
            return ended;
        }
        progress.set(counts.snapshot().done, resumed);
    }
}

/// Prints whether the upload of a blob that an earlier push had sent in part resumes there.
fn print_partial_upload(half: &PartialUpload, output: &Output) {
    if output.json {
        let PartialUpload { repository, digest, size, kept } = half;
        let value =
            json!({"half_sent": {"repository": repository, "digest": digest, "bytes": size, "kept_bytes": kept}});
        // As with progress, an error ends the push elsewhere.
        let _ = output.value(&value);
    } else {
        output.remark(&half.to_string());
    }
}

fn announce(plan: &PushPlan, images: usize, output: &Output) -> Result<(), Failed> {
    let (there, mounted, sent) = plan.bytes();
    if output.json {
        return output.value(
            &json!({"plan": {"images": images, "upload_bytes": sent, "mount_bytes": mounted, "existing_bytes": there}}),
        );
    }
    output.remark(&format!(
        "{images} images: {} to upload, {} to mount, {} already present",
        human(sent),
        human(mounted),
        human(there)
    ));
    Ok(())
}

fn done(target: &Target, receipt: &Receipt, nothing: bool, output: &Output) -> Result<Exit, Failed> {
    if output.json {
        output.value(&json!({"pushed": receipt, "nothing": nothing}))?;
        return Ok(Exit::Done);
    }
    let (to, images) = (target, receipt.images.len());
    let without = if receipt.without_signatures { "; without signatures" } else { "" };
    if nothing {
        output.say(&format!("nothing to push: {to} has all {images} images{without}\n"))?;
        return Ok(Exit::Done);
    }
    let (existing, mounted, sent) = receipt.bytes();
    output.say(&format!(
        "pushed {images} images to {to}: {} sent, {} mounted, {} already present{without}\n",
        human(sent),
        human(mounted),
        human(existing)
    ))?;
    Ok(Exit::Done)
}

/// Conflicting tags and a missing base are found before missing rights; all are reported together.
async fn refused(
    registry: &Registry,
    repositories: &BTreeSet<String>,
    error: PlanError,
    output: &Output,
) -> Result<Exit, Failed> {
    let mut texts = vec![error.to_string()];
    texts.extend(registry.push_problems(repositories).await.or_exit(Exit::Unusable)?.iter().map(ToString::to_string));
    Err(reported(&texts, output)?)
}

/// Reports everything that keeps a push from starting.
fn reported(texts: &[String], output: &Output) -> Result<Failed, Failed> {
    if output.json {
        output.value(&json!({"problems": texts}))?;
    }
    Ok(refusal(texts))
}

fn refusal(texts: &[String]) -> Failed {
    let count = texts.len();
    let head =
        if count == 1 { "nothing was pushed".to_owned() } else { format!("nothing was pushed, for {count} reasons") };
    Failed::text(Exit::Preflight, format!("{head}:\n{}", texts.join("\n")))
}

/// Completes the receipt with what only the command knows, and writes it whole or not at all where that was asked for.
fn keep(args: &PushArgs, bundle: &Bundle, receipt: Receipt) -> Result<Receipt, Failed> {
    let receipt = receipt.of(bundle.lock_digest(), bundle.about().base, args.into.without_signatures);
    if let Some(path) = args.receipt.as_deref() {
        receipt.write(path).map_err(|error| {
            let error = anyhow::Error::new(error).context(format!("failed to write the receipt {}", path.display()));
            Failed::new(Exit::Unexpected, error)
        })?;
    }
    Ok(receipt)
}

/// The journal of earlier pushes of this offline bundle to this target, in the state folder.
fn held_journal(target: &Target, bundle: &Bundle) -> Result<LockedPushJournal, Failed> {
    let failed = |error| {
        Failed::new(Exit::Unexpected, anyhow::Error::new(error).context("failed to write the journal of the push"))
    };
    let folder = pushes().map_err(failed)?;
    let held = LockedPushJournal::take(&folder, target, bundle.lock_digest()).map_err(failed)?;
    held.ok_or_else(|| {
        let text = format!("another windlass is pushing {} to {}", bundle.files().name, target.host);
        Failed::text(Exit::Locked, text)
    })
}
