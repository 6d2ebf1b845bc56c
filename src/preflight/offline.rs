//! Findings of an install from an offline bundle.

use super::table::{IMAGE_NOT_IN_BUNDLE, PLATFORM_NOT_IN_BUNDLE, REGISTRY_PUSH};
use crate::model::preflight::Finding;

/// An image that would be pulled and is not the offline bundle's. `holds` is the offline bundle if it holds the component at
/// all, `components` are those that it holds.
#[must_use]
pub fn image_outside(
    component: &str,
    at: &str,
    image: &str,
    reason: &str,
    holds: Option<&str>,
    components: &[&str],
) -> Finding {
    let what = if image.is_empty() { reason.to_owned() } else { format!("{image}: {reason}") };
    let fix = match holds {
        None => format!(
            "install only its components (--components {}), or use an offline bundle that has {component}",
            components.join(",")
        ),
        Some(name) => format!(
            "change the answer that names the image to match {name} (`windlass bundle inspect`), or create an offline bundle with it (`windlass lock --answers`, `windlass bundle create`)"
        ),
    };
    IMAGE_NOT_IN_BUNDLE.found(format!("{component}: {at}"), what, fix)
}

/// Nodes of a platform for which images are missing.
#[must_use]
pub fn platform_missing(platform: &str, images: &[String]) -> Finding {
    let fix = format!("`windlass bundle create --platform {platform} ...`, or keep pods off such nodes");
    PLATFORM_NOT_IN_BUNDLE.found(format!("nodes of {platform}"), format!("no {}", images.join(", ")), fix)
}

/// Something that keeps the images of an offline bundle from the registry.
#[must_use]
pub fn push_problem(registry: &str, problem: &str) -> Finding {
    REGISTRY_PUSH.found(
        format!("registry {registry}"),
        problem,
        "`windlass bundle push --plan` shows what would be pushed",
    )
}
