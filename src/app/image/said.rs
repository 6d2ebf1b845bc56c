//! Prints the result of a build, for people and machines, and the answers for the site.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::super::exit::Failed;
use super::super::output::Output;
use super::base::BaseImages;
use super::target::Buildable;
use crate::cli::{BuildArgs, ImageTarget};
use crate::driver::image_build::BuiltImage;
use crate::model::ImageName;
use crate::model::human;

/// The result of a build.
pub(super) struct BuildReport<'a> {
    pub(super) args: &'a BuildArgs,
    pub(super) buildable: &'a Buildable<'a>,
    pub(super) found: &'a BaseImages,
    pub(super) made: &'a BuiltImage,
    /// What it is called, where that is known.
    pub(super) name: Option<&'a ImageName>,
    /// Name, path and SHA-512 of each distribution.
    pub(super) archives: &'a [(String, String, String)],
}

/// Prints it.
pub(super) fn print_report(report: &BuildReport<'_>, output: &Output) -> Result<(), Failed> {
    let BuildReport { args, buildable, found, made, name, archives } = report;
    let to = match &args.to {
        ImageTarget::Oci(path) => format!("oci:{}", path.display()),
        ImageTarget::Bundle(path) => format!("bundle:{}", path.display()),
        ImageTarget::Registry(name) => format!("registry:{name}"),
    };
    let answers = name.map(|name| answers(buildable, name, &made.top.digest.to_string())).unwrap_or_default();
    if output.json {
        let images: Vec<_> = made
            .images
            .iter()
            .map(|image| {
                json!({
                    "platform": image.base.platform.to_string(), "digest": image.digest(), "base": image.base.manifest.digest,
                    "layer": {"digest": image.layer.digest, "diff_id": image.layer.diff_id, "bytes": image.layer.size},
                })
            })
            .collect();
        let archives: Vec<_> =
            archives.iter().map(|(name, path, sum)| json!({"name": name, "path": path, "sha512": sum})).collect();
        return output.value(&json!({"made": {
            "image": buildable.name(), "to": to, "digest": made.top.digest, "media_type": made.top.media_type,
            "base": {"name": found.image, "locked": found.pinned}, "images": images, "distributions": archives,
            "answers": answers.iter().cloned().collect::<BTreeMap<_, _>>(),
        }}));
    }
    let mut text = format!("{to}: {}\ndigest {}\n", buildable.name(), made.top.digest);
    for image in &made.images {
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "{}: layer {}, {}, on {}",
            image.base.platform,
            image.layer.digest,
            human(image.layer.size),
            image.base.manifest.digest
        );
    }
    if answers.is_empty() {
        text.push_str("the image has no name: set one with --tag, or with --layout IMAGE=PATH where it is read\n");
    } else {
        text.push_str("\nfor the answers file:\n");
        answers.iter().for_each(|(question, answer)| _ = writeln!(text, "{question}: {answer}"));
    }
    output.say(&text)
}

/// The answers of a site that installs this image.
fn answers(buildable: &Buildable<'_>, name: &ImageName, digest: &str) -> Vec<(String, String)> {
    let names = buildable.component.image_names(buildable.image);
    let mut found =
        vec![(names.repository, name.whole_repository()), (names.tag, name.tag.clone().unwrap_or_default())];
    if buildable.image.takes_digest() {
        found.push((names.digest, digest.to_owned()));
    }
    found.into_iter().map(|(question, answer)| (format!("{}.{question}", buildable.component.id), answer)).collect()
}
