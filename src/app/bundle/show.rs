//! `windlass bundle inspect` and `diff`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::output::Output;
use super::super::trust::{open, reading, signed_json, signed_text};
use super::inventory::{self, ImageRow};
use crate::cli::{InventoryFormat, OpenArgs};
use crate::driver::bundle::sign::SignedBy;
use crate::driver::bundle::{Bundle, lock_of, sboms};
use crate::model::human;
use crate::model::images_lock::LockMode;
use crate::model::oci::Digest;
use crate::render::clean;

/// Shows the content of an offline bundle.
pub(super) fn inspect(
    args: &OpenArgs,
    format: Option<InventoryFormat>,
    sbom: Option<&Path>,
    output: &Output,
) -> Result<Exit, Failed> {
    let (bundle, signed) = open(args)?;
    if let Some(folder) = sbom {
        return write_sboms(&bundle, folder, output);
    }
    if format == Some(InventoryFormat::Cyclonedx) {
        output.document(&inventory::cyclonedx(&bundle)?)?;
        return Ok(Exit::Done);
    }
    let rows = inventory::images(&bundle)?;
    if output.json {
        let images: Vec<_> = rows.iter().map(ImageRow::json).collect();
        output.value(&json!({"bundle": {"name": bundle.files().name, "bytes": bundle.parts().total(), "parts": bundle.files().files.len(), "lock": bundle.lock_digest(), "about": about(&bundle), "signature": signed_json(&signed), "images": images, "charts": bundle.lock().charts, "files": bundle.lock().files, "programs": bundle.lock().programs}}))?;
        return Ok(Exit::Done);
    }
    output.say(&tree(&bundle, &rows, &signed))?;
    Ok(Exit::Done)
}

/// What the lock has about the offline bundle, without the long list of blobs.
fn about(bundle: &Bundle) -> serde_json::Value {
    let about = bundle.about();
    json!({"windlass": about.windlass, "platforms": about.platforms, "components": about.components, "base": about.base, "blobs": about.blobs.len()})
}

fn tree(bundle: &Bundle, rows: &[ImageRow], signed: &SignedBy) -> String {
    let about = bundle.about();
    let list = |all: &std::collections::BTreeSet<String>| clean(&all.iter().cloned().collect::<Vec<_>>().join(", "));
    let mut text = String::new();
    let parts = bundle.files().files.len();
    let parts = if bundle.files().parts { format!(" in {parts} parts") } else { String::new() };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}  {}{parts}", clean(&bundle.files().name), human(bundle.parts().total()));
    let _ = writeln!(text, "windlass {}, for {}", clean(&about.windlass), list(&about.platforms));
    let _ = writeln!(text, "lock {}, {}", bundle.lock_digest(), signed_text(signed));
    if let Some(base) = about.base {
        let _ = writeln!(text, "a difference based on the offline bundle with the lock {base}");
    }
    let mut by_component: BTreeMap<&str, Vec<&ImageRow>> = BTreeMap::new();
    for row in rows {
        for component in &row.components {
            by_component.entry(component).or_default().push(row);
        }
    }
    for component in about.components.iter().map(String::as_str).chain(by_component.clone().into_keys()) {
        by_component.entry(component).or_default();
    }
    for (component, rows) in by_component {
        let _ = writeln!(text, "\n{}", clean(component));
        for row in rows {
            let _ = writeln!(text, "  {}", line(row));
        }
        let mine = |key: &&String| key.as_str() == component || key.starts_with(&format!("{component}."));
        let locked = bundle.lock();
        for (kind, all) in [("chart", &locked.charts), ("files", &locked.files)] {
            for key in all.keys().filter(mine) {
                let size = all.get(key).and_then(|files| files.size).unwrap_or_default();
                let _ = writeln!(text, "  {kind} {}  {}", clean(key), human(size));
            }
        }
    }
    if !bundle.lock().programs.is_empty() {
        let _ = writeln!(text, "\nprograms");
    }
    for (name, program) in &bundle.lock().programs {
        for (platform, file) in &program.platforms {
            let _ = writeln!(
                text,
                "  {} {}  {}  {}",
                clean(name),
                clean(&program.version),
                clean(platform),
                human(file.size)
            );
        }
    }
    let unique: BTreeMap<_, _> = rows.iter().flat_map(|row| row.blobs.clone()).collect();
    let sum: u64 = rows.iter().map(ImageRow::size).sum();
    let bytes: u64 = unique.values().sum();
    let unresolved = rows.iter().filter(|row| row.resolved.is_none()).count();
    let unresolved = if unresolved > 0 { format!(", {unresolved} unresolved") } else { String::new() };
    let _ = writeln!(
        text,
        "\n{} images{unresolved}: {}, of which {} are shared and stored once",
        rows.len(),
        human(bytes),
        human(sum - bytes)
    );
    text
}

fn line(row: &ImageRow) -> String {
    let Some(image) = &row.resolved else { return format!("{}  unresolved", clean(&row.name)) };
    let mode = match image.mode {
        LockMode::Index => "index",
        LockMode::Manifest => "manifest",
    };
    let platforms = clean(&image.platforms.keys().cloned().collect::<Vec<_>>().join(", "));
    let shared = if row.shared > 0 { format!(", {} of it shared", human(row.shared)) } else { String::new() };
    let size = if row.in_base { "in the base".to_owned() } else { format!("{}{shared}", human(row.size())) };
    let attached = match image.attached.len() {
        0 => String::new(),
        count => format!(", {count} attached"),
    };
    format!("{}  {size}  {mode} of {platforms}{attached}\n    {}", clean(&row.name), image.digest)
}

/// Writes the SBOMs of all images, and prints which have none.
fn write_sboms(bundle: &Bundle, folder: &Path, output: &Output) -> Result<Exit, Failed> {
    std::fs::create_dir_all(folder).or_exit(Exit::BadInput)?;
    let (mut found, mut without) = (Vec::new(), Vec::new());
    for name in bundle.lock().images.keys() {
        let all = sboms(bundle, name).map_err(reading)?;
        if all.is_empty() {
            without.push(name.clone());
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
        let plain: String = name.chars().map(plain).collect();
        for sbom in all {
            let mut text = serde_json::to_vec_pretty(&sbom.document).or_exit(Exit::Unexpected)?;
            text.push(b'\n');
            found.push((format!("{plain}.{}", &sbom.subject.hex()[..12]), sbom.kind.suffix(), text));
        }
    }
    let mut alike: BTreeMap<(String, &str), usize> = BTreeMap::new();
    found.iter().for_each(|(name, suffix, _)| *alike.entry((name.clone(), *suffix)).or_default() += 1);
    let mut written = Vec::new();
    for (name, suffix, text) in found {
        // An image may have several of one kind, and none of them may take another's place.
        let own = match alike.get(&(name.clone(), suffix)) {
            Some(count) if *count > 1 => format!(".{}", &Digest::of(&text).hex()[..12]),
            _ => String::new(),
        };
        let file = format!("{name}{own}.{suffix}");
        std::fs::write(folder.join(&file), text).or_exit(Exit::Unexpected)?;
        written.push(file);
    }
    if output.json {
        output.value(&json!({"sboms": {"written": written, "without": without}}))?;
        return Ok(Exit::Done);
    }
    let mut text: String = written.iter().map(|file| format!("{}\n", folder.join(file).display())).collect();
    for name in without {
        let _ = writeln!(text, "{}: no SBOM", clean(&name));
    }
    output.say(&text)?;
    Ok(Exit::Done)
}

/// Shows the differences between two offline bundles.
pub(super) fn diff(old: &Path, new: &Path, output: &Output) -> Result<Exit, Failed> {
    let (before, _) = lock_of(old).map_err(reading)?;
    let (after, _) = lock_of(new).map_err(reading)?;
    let found = inventory::differences(&before, &after);
    let blobs = |lock: &crate::model::images_lock::ImagesLock| lock.bundle.clone().map(|bundle| bundle.blobs);
    let fresh = match (blobs(&before), blobs(&after)) {
        (Some(before), Some(after)) => {
            Some(after.iter().filter(|(digest, _)| !before.contains_key(digest)).map(|(_, size)| size).sum::<u64>())
        }
        _ => None,
    };
    if output.json {
        let rows: Vec<_> = found
            .iter()
            .map(
                |one| json!({"kind": one.kind, "name": one.name, "state": one.state(), "old": one.old, "new": one.new}),
            )
            .collect();
        output.value(&json!({"differences": rows, "new_blob_bytes": fresh}))?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for one in &found {
        let _ = writeln!(text, "{:<8} {:<8} {}", one.state(), one.kind, clean(&one.name));
        for digest in [&one.old, &one.new].into_iter().flatten() {
            let _ = writeln!(text, "           {}", clean(digest));
        }
    }
    if found.is_empty() {
        let _ = writeln!(text, "no differences");
    }
    if let Some(fresh) = fresh {
        let _ = writeln!(text, "{} of blobs are new", human(fresh));
    }
    output.say(&text)?;
    Ok(Exit::Done)
}
