//! The findings of preflight about an install from an offline bundle.

use std::collections::BTreeSet;

use super::registry::Offline;
use crate::answers::{Resolved, ResolvedRelease};
use crate::lock::{RenderedImage, missing_platforms, unlocked_images, unlocked_references};
use crate::model::preflight::Finding;
use crate::model::site::Node;
use crate::preflight::{Rendered, image_outside, platform_missing, push_problem};

impl Offline {
    /// Rendered images that are not in the offline bundle, nodes that it has no images for, and what prevents a push of its
    /// images.
    pub(in crate::app) fn findings(
        &self,
        wanted: &Resolved,
        rendered: &[Rendered],
        nodes: &[Node],
        problems: &[String],
    ) -> Vec<Finding> {
        let lock = self.bundle().lock();
        let name = &self.bundle().files().name;
        let objects = rendered.iter().flat_map(|one| {
            let component = owner(wanted, one);
            one.objects.iter().flatten().chain(&one.hooks).map(move |object| RenderedImage { component, object })
        });
        let mut all = unlocked_images(objects, lock, &self.map);
        let jobs = wanted.components.iter().flat_map(|component| {
            component.actions().filter_map(move |act| {
                let run = act.kind.jobs()?;
                Some((component.id.as_str(), act.id.as_str(), run.image.as_str()))
            })
        });
        all.extend(unlocked_references(jobs, lock, &self.map));
        let held: Vec<&str> = self.bundle().about().components.iter().map(String::as_str).collect();
        let mut findings: Vec<Finding> =
            problems.iter().map(|problem| push_problem(&self.target.to_string(), problem)).collect();
        let mut seen = BTreeSet::new();
        for one in all.into_iter().filter(|one| one.reason.stops()) {
            if seen.insert((one.component.clone(), one.image.clone(), one.reason.to_string())) {
                let holds = held.contains(&one.component.as_str());
                findings.push(image_outside(
                    &one.component,
                    &one.at,
                    &one.image,
                    &one.reason.to_string(),
                    holds.then_some(name.as_str()),
                    &held,
                ));
            }
        }
        let platforms: BTreeSet<&str> =
            nodes.iter().filter(|node| node.ready).map(|node| node.platform.as_str()).collect();
        for (platform, lacking) in missing_platforms(lock, platforms) {
            findings.push(platform_missing(platform, &lacking));
        }
        findings
    }
}

/// The component whose release it is.
fn owner<'a>(wanted: &'a Resolved, one: &'a Rendered) -> &'a str {
    let is_of = |release: &ResolvedRelease| (&release.namespace, &release.name) == (&one.key.namespace, &one.key.name);
    let component = wanted.components.iter().find(|component| component.release.as_ref().is_some_and(is_of));
    component.map_or(one.key.name.as_str(), |component| component.id.as_str())
}
