//! `windlass preflight`, and the same before an install.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;

use super::charts::LoginFrom;
use super::exit::{Exit, Failed, OrExit as _};
use super::install_target::{InstallTarget, filled, unobserved};
use super::offline::{Offline, Opened};
use super::output::Output;
use super::{journal, session};
use crate::answers::Answers;
use crate::catalog::Catalog;
use crate::cli::{Global, PreflightArgs};
use crate::driver::helm::Helm;
use crate::driver::kube::Cluster;
use crate::driver::registry::login;
use crate::driver::secrets;
use crate::model::cluster::ReleaseKey;
use crate::model::observed::{Observed, ObservedHdfs};
use crate::model::offline::ObservedOffline;
use crate::model::preflight::{Finding, Report, Severity, adopt_waiver, waiver_flag};
use crate::model::yaml::{Findings, Pos};
use crate::observe::{ObserveError, observe};
use crate::preflight::{
    ADOPTABLE, CHECKS, Facts, PULL_TESTS, PreflightInputs, check, cluster_facts, connect_finding, gather, helm_finding,
    judge, markdown, short_login,
};
use crate::render::{language, preflight_table, target};

/// The timeout of HDFS. A failed direct connection takes two seconds of it.
const HDFS_DEADLINE: Duration = Duration::from_secs(5);

/// `windlass preflight`.
pub(super) async fn preflight(global: &Global, args: &PreflightArgs, output: &Output) -> Result<Exit, Failed> {
    if args.list {
        output.text(&markdown(|text| language::say_lines(text).into_owned()))?;
        return Ok(Exit::Done);
    }
    check_waivers(&args.waive)?;
    let opened = Opened::new(&args.offline, output)?;
    let global = &Opened::global(opened.as_ref(), global);
    let catalog = session::load_catalog(global)?;
    let answers =
        session::answers(global, &Opened::answer_args(opened.as_ref(), &args.answers, &catalog), &catalog, None)?;
    check_components(&args.adopt, answers.components.iter().map(String::as_str))?;
    let offline = opened.map(|opened| Offline::new(opened, &answers, output)).transpose()?;
    let report = report(global, &catalog, (&answers, offline), &leaves(&args.waive, &args.adopt), output).await?;
    if output.json {
        output.value(&report)?;
    } else {
        output.text(&preflight_table(&report, &output.look()))?;
    }
    Ok(if report.errors > 0 { Exit::Preflight } else { Exit::Done })
}

/// All findings with these answers.
pub(super) async fn report(
    global: &Global,
    catalog: &Catalog,
    (answers, offline): (&Answers, Option<Offline>),
    waive: &[String],
    output: &Output,
) -> Result<Report, Failed> {
    let (answers, resolved) = filled(global, catalog, answers.clone(), LoginFrom::Target, offline.as_ref()).await?;
    let options = session::target(global)?;
    let ((helm, mut findings), cluster) = tokio::join!(helm(global), Cluster::connect(&options));
    let cluster = match cluster {
        Ok(cluster) => cluster,
        Err(error) => {
            let Some(finding) = connect_finding(&error) else { return Err(Failed::new(Exit::Unusable, error)) };
            findings.push(finding);
            // Nothing else can be checked, so nothing can be waived.
            return Ok(Report::new(None, findings, &[]));
        }
    };
    output.remark(&format!("checking {} …", target(cluster.info())));
    // What an install would plan: with what is installed and of use.
    let resolved = match session::with_installed(catalog, &answers, &cluster).await? {
        Some(answers) => filled(global, catalog, answers, LoginFrom::Cluster(&cluster), offline.as_ref()).await?.1,
        None => resolved,
    };
    let install = InstallTarget::on(cluster, resolved, String::new(), offline)?;
    findings.extend(found(&install, helm.as_ref()).await?);
    Ok(Report::new(Some(install.cluster.info().clone()), findings, waive))
}

/// All findings on a cluster that was reached.
pub(super) async fn on(install: &InstallTarget, global: &Global, waive: &[String]) -> Result<Report, Failed> {
    let (helm, mut findings) = helm(global).await;
    findings.extend(found(install, helm.as_ref()).await?);
    Ok(Report::new(Some(install.cluster.info().clone()), findings, waive))
}

/// The same with what was observed already.
pub(super) async fn with_observed(
    install: &InstallTarget,
    (observed, problems): (&Observed, &[String]),
    global: &Global,
    waive: &[String],
) -> Result<Report, Failed> {
    let (helm, mut findings) = helm(global).await;
    findings.extend(find(install, helm.as_ref(), observed, problems).await?);
    Ok(Report::new(Some(install.cluster.info().clone()), findings, waive))
}

/// Helm, or what is wrong with it.
async fn helm(global: &Global) -> (Option<Helm>, Vec<Finding>) {
    match session::find_helm(global).await {
        Ok(helm) => (Some(helm), Vec::new()),
        Err(error) => (None, vec![helm_finding(&error)]),
    }
}

async fn found(install: &InstallTarget, helm: Option<&Helm>) -> Result<Vec<Finding>, Failed> {
    let runs = journal::root().or_exit(Exit::Unexpected)?;
    // A large cluster takes seconds to list: what is installed is observed and rendered meanwhile.
    let around = cluster_facts(&install.resolved, &install.cluster, &runs).shared();
    let found = async {
        // Without HDFS: its content does not matter here, and may take long to compare.
        let mut observed = match observe(&install.resolved, &install.cluster, None, None).await {
            // The missing rights are reported by preflight below.
            Err(error) if error.is_forbidden() => Observed::default(),
            other => other.map_err(unobserved)?,
        };
        observed.hdfs = hdfs(install, &observed).await;
        let problems = install.observe_offline().await?.1.problems;
        compare(install, helm, &observed, &problems, around.clone()).await
    };
    let (found, _) = tokio::try_join!(found, around.clone().map(Ok))?;
    Ok(found)
}

/// Whether HDFS answers, where it is installed and ready.
async fn hdfs(install: &InstallTarget, observed: &Observed) -> ObservedHdfs {
    let (Some(hdfs), Some(access)) = (&install.hdfs, &install.resolved.hdfs) else { return ObservedHdfs::Absent };
    let provider = install.resolved.components.iter().find(|component| component.id == access.component);
    let release = provider.and_then(|component| component.release.as_ref());
    let found = release.and_then(|it| observed.releases.get(&ReleaseKey::new(&it.namespace, &it.name)));
    let Some(found) = found.filter(|found| found.unready.is_empty() && found.drift.is_empty()) else {
        return ObservedHdfs::Absent;
    };
    tracing::debug!(release = %found.state.key, "asking HDFS for its root folder");
    match hdfs.with_deadline(HDFS_DEADLINE).status("/").await {
        Ok(_) => ObservedHdfs::Reached { folders: BTreeMap::new(), uploads: BTreeMap::new() },
        Err(error) => ObservedHdfs::Unreachable(format!("{:#}", anyhow::Error::new(error))),
    }
}

/// Before an install is confirmed, and again under the lock: the findings for this plan. Without Helm what the
/// charts render is skipped.
pub(super) async fn with(
    install: &InstallTarget,
    observed: &Observed,
    problems: &[String],
    helm: Option<&Helm>,
    waive: &[String],
) -> Result<Report, Failed> {
    let findings = find(install, helm, observed, problems).await?;
    Ok(Report::new(Some(install.cluster.info().clone()), findings, waive))
}

/// After an observation that failed for a missing right: preflight reports all that are missing, not only the first.
pub(super) async fn after_forbidden(
    error: ObserveError,
    install: &InstallTarget,
    global: &Global,
    waive: &[String],
    output: &Output,
) -> Failed {
    if !error.is_forbidden() {
        return unobserved(error);
    }
    let reported = async {
        let helm = session::find_helm(global).await.or_exit(Exit::Unusable)?;
        let findings = find(install, Some(&helm), &Observed::default(), &[]).await?;
        judged(&Report::new(Some(install.cluster.info().clone()), findings, waive), output)
    };
    // Waived or not, no plan can be made without an observation.
    reported.await.err().unwrap_or_else(|| unobserved(error))
}

/// Shows the findings, if any. Fails if there is an error that was not waived.
pub(super) fn judged(report: &Report, output: &Output) -> Result<(), Failed> {
    if report.findings.is_empty() {
        return Ok(());
    }
    if output.json {
        output.value(report)?;
    } else {
        output.text(&format!("{}\n", preflight_table(report, &output.look())))?;
    }
    if report.errors == 0 {
        return Ok(());
    }
    Err(Failed::text(Exit::Preflight, refusal(report)))
}

/// The errors that prevent an install, and the flags that waive them, if there are any.
fn refusal(report: &Report) -> String {
    let errors = if report.errors == 1 { "1 error".to_owned() } else { format!("{} errors", report.errors) };
    let open: Vec<&Finding> =
        report.findings.iter().filter(|finding| finding.severity == Severity::Error && !finding.waived).collect();
    let ids: BTreeSet<&str> = open.iter().map(|finding| finding.id).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let can = |finding: &&&Finding| finding.adopt.is_some() || check(finding.id).is_some_and(|check| check.waivable);
    let flags: BTreeSet<String> = open.iter().filter(can).map(|finding| waiver_flag(&finding.waiver())).collect();
    let all = open.iter().all(|finding| can(&finding));
    let flags: Vec<String> = flags.into_iter().collect();
    let waive = if all { format!(", or proceed with {}", flags.join(" ")) } else { String::new() };
    format!("preflight found {errors} ({}), nothing was changed: fix the reported errors{waive}", ids.join(", "))
}

/// `problems` are those of a push to the registry.
async fn find(
    install: &InstallTarget,
    helm: Option<&Helm>,
    observed: &Observed,
    problems: &[String],
) -> Result<Vec<Finding>, Failed> {
    let runs = journal::root().or_exit(Exit::Unexpected)?;
    compare(install, helm, observed, problems, cluster_facts(&install.resolved, &install.cluster, &runs)).await
}

async fn compare(
    install: &InstallTarget,
    helm: Option<&Helm>,
    observed: &Observed,
    problems: &[String],
    around: impl Future<Output = Facts>,
) -> Result<Vec<Finding>, Failed> {
    let resolved = &install.resolved;
    let gathered = gather(resolved, observed, &install.cluster, helm, around).await.or_exit(Exit::Unusable)?;
    let PreflightInputs { needs, facts, rendered } = gathered;
    let mut findings = judge(&needs, &facts, observed);
    findings.extend(pull_login(install).await);
    if let Some(offline) = &install.offline {
        let nodes = facts.nodes.as_deref().unwrap_or_default();
        findings.extend(offline.findings(resolved, &rendered, nodes, problems));
    }
    Ok(findings)
}

/// Whether the login that nodes pull with ends soon. What cannot be read is reported elsewhere.
async fn pull_login(install: &InstallTarget) -> Option<Finding> {
    let registry = install.resolved.answers.pointer("/platform/registry")?.as_str()?;
    let host = registry.split('/').next().unwrap_or(registry);
    let from = install.resolved.pull_secret.as_ref().filter(|from| !from.is_in_place())?;
    let config = secrets::docker_config(from, &install.cluster).await.ok()?;
    short_login(host, &login(&config, host)?, Timestamp::now())
}

/// The waived findings, and the releases of these components that may be adopted.
pub(super) fn leaves(waive: &[String], adopt: &[String]) -> Vec<String> {
    waive.iter().cloned().chain(adopt.iter().map(|component| adopt_waiver(component))).collect()
}

/// Refuses `--adopt` of components that are not installed.
pub(super) fn check_adopted(adopt: &[String], install: &InstallTarget) -> Result<(), Failed> {
    check_components(adopt, install.resolved.components.iter().map(|component| component.id.as_str()))
}

fn check_components<'a>(adopt: &[String], known: impl Iterator<Item = &'a str> + Clone) -> Result<(), Failed> {
    let mut findings = Findings::default();
    for id in adopt.iter().filter(|id| !known.clone().any(|known| known == **id)) {
        let message = format!("`{id}` is not a component of this install");
        findings.add_unknown("--adopt", Pos::default(), message, id, known.clone());
    }
    findings.into_result(()).or_exit(Exit::BadInput)
}

/// Without pull tests where these are waived.
pub(super) fn waived_pull_tests(offline: ObservedOffline, waive: &[String]) -> ObservedOffline {
    if waive.iter().any(|id| id == PULL_TESTS) { offline.without_pull_tests() } else { offline }
}

/// Refuses unknown ids, and findings that cannot be waived.
pub(super) fn check_waivers(waive: &[String]) -> Result<(), Failed> {
    let mut findings = Findings::default();
    for id in waive {
        match check(id) {
            Some(check) if check.waivable => {}
            Some(check) if check.id == ADOPTABLE => {
                let message = format!("`{id}` is waived per component: add --adopt COMPONENT");
                findings.add("--waive", Pos::default(), message);
            }
            Some(_) => findings.add("--waive", Pos::default(), format!("`{id}` cannot be waived")),
            None => {
                let known = CHECKS.iter().filter(|check| check.waivable).map(|check| check.id);
                findings.add_unknown("--waive", Pos::default(), format!("unknown finding `{id}`"), id, known);
            }
        }
    }
    findings.into_result(()).or_exit(Exit::BadInput)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, id: &'static str, adopt: Option<&str>) -> Finding {
        let text = |text: &str| text.to_owned();
        let adopt = adopt.map(text);
        Finding { severity, id, place: text("p"), what: text("w"), fix: text("m"), waived: false, adopt }
    }

    #[test]
    fn a_refusal_names_what_was_found_and_the_flags_that_help() {
        let message = |findings| refusal(&Report::new(None, findings, &[]));
        let resources = || finding(Severity::Error, "resources", None);
        assert_eq!(
            message(vec![resources(), finding(Severity::Warning, "storage-expansion", None)]),
            "preflight found 1 error (resources), nothing was changed: fix the reported errors, or proceed with \
             --waive resources"
        );
        assert_eq!(
            message(vec![resources(), finding(Severity::Error, ADOPTABLE, Some("livy"))]),
            format!(
                "preflight found 2 errors ({ADOPTABLE}, resources), nothing was changed: fix the reported errors, or proceed with --adopt livy --waive resources"
            )
        );
        // No flag helps against this one.
        assert_eq!(
            message(vec![resources(), finding(Severity::Error, "kubeconfig", None)]),
            "preflight found 2 errors (kubeconfig, resources), nothing was changed: fix the reported errors"
        );
    }
}
