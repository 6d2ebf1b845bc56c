//! What updates would change in values and objects: for `windlass plan --diff` and `windlass install --diff`.

use serde::Serialize;

use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::session;
use crate::answers::Resolved;
use crate::cli::Global;
use crate::driver::kube::Cluster;
use crate::model::observed::Observed;
use crate::plan::{DIFF_SCHEMA, DiffReport, Plan, ReleaseDiff, release_diff, updates};
use crate::preflight::render;
use crate::render::diff_table;

/// A plan with the differences of its updates, as JSON; without them a plan's own JSON is what it always was.
#[derive(Serialize)]
pub(super) struct PlanWithDiff<'a> {
    /// The plan.
    #[serde(flatten)]
    pub plan: &'a Plan,
    /// The releases that would be updated.
    pub diff: &'a [ReleaseDiff],
}

/// Renders what would be updated and compares it with what Helm recorded. Needs Helm only if there is such a release.
pub(super) async fn diffs(
    resolved: &Resolved,
    observed: &Observed,
    cluster: &Cluster,
    global: &Global,
) -> Result<Vec<ReleaseDiff>, Failed> {
    let resolved = &*resolved.with_versions(&observed.versions);
    let updates = updates(resolved, observed);
    if updates.is_empty() {
        return Ok(Vec::new());
    }
    let helm = session::helm(global, cluster).await?;
    let rendered = render(resolved, observed, cluster, &helm, |key| updates.contains(key)).await;
    let rendered = rendered.or_exit(Exit::Unusable)?;
    let releases: Vec<_> = resolved.components.iter().filter_map(|component| component.release.as_ref()).collect();
    let diff = rendered.iter().filter_map(|one| {
        let found = &observed.releases.get(&one.key)?.state;
        let wanted =
            releases.iter().find(|wanted| (&wanted.namespace, &wanted.name) == (&one.key.namespace, &one.key.name))?;
        let objects = one.objects.as_deref().map_err(String::as_str);
        Some(release_diff(found, &wanted.values, objects, &wanted.ignored))
    });
    Ok(diff.collect())
}

/// Shows them before the confirmation.
pub(super) fn show(diff: &[ReleaseDiff], output: &Output) -> Result<(), Failed> {
    if output.json {
        return output.value(&DiffReport { schema: DIFF_SCHEMA, event: "diff", diff });
    }
    output.text(&format!("\n{}", diff_table(diff, &output.look())))
}

/// Hints at `--diff`.
pub(super) fn hint(resolved: &Resolved, observed: &Observed, output: &Output) {
    if !updates(resolved, observed).is_empty() {
        output.remark("add --diff to `windlass plan` to see what the updates would change in values and objects");
    }
}
