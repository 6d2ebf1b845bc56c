//! From answers to what is to be installed: fetches the charts that are not in the catalog, and fills everything in.

use std::path::Path;

use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::bundled::BundledCharts;
use super::exit::{Exit, Failed, OrExit as _};
use super::output::say_stderr;
use super::session::{anchored, connect, find_helm};
use crate::answers::{Answer, Answers, Charts, Resolved, resolve_with};
use crate::catalog::{Catalog, ChartError, Component, chart_identity, read_dir, unpack, with_dependencies};
use crate::cli::Global;
use crate::driver::charts::ChartCache;
use crate::driver::helm::{FindError, Helm, PullError, PullFailure, PullOptions};
use crate::driver::kube::Cluster;
use crate::driver::registry::login;
use crate::driver::secrets;
use crate::model::{ChartRef, ChartSource, FileTree, Secret, SecretRef, bounded, digest, remember};

/// How many are pulled at the same time.
const AT_ONCE: usize = 4;

/// Why a chart cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// Its reference is not valid.
    #[error("the chart {0}")]
    Written(String),
    /// The folder or file cannot be read.
    #[error("failed to read the chart")]
    Read(#[source] anyhow::Error),
    /// It cannot be used as it is.
    #[error("{0}")]
    Unusable(String),
    /// It is another chart than the one that is named.
    #[error("not the requested chart: {0}")]
    Other(String),
    /// No Helm to pull it with.
    #[error("helm is required to pull the chart")]
    NoHelm(#[source] FindError),
    /// It was not pulled.
    #[error("failed to pull the chart{}", .login.describe(.source))]
    Pull {
        /// Which login of the answers counted.
        login: SiteLogin,
        /// Why.
        source: PullError,
    },
    /// The site's login for the registry cannot be read.
    #[error("failed to read the login for the registry, platform.pull_secret")]
    Login(#[source] secrets::SecretError),
}

/// The login that `platform.pull_secret` names, for the registry that `platform.registry` names.
#[derive(Debug, Clone)]
pub(super) enum SiteLogin {
    /// There is none, or the chart comes from elsewhere: Helm's own logins count.
    None,
    /// It was used.
    Used(SecretRef),
    /// It is in a cluster that was not asked, and why.
    UnreadableObject(SecretRef, String),
}

impl SiteLogin {
    /// Text about it where a registry refuses: where it is, never its content.
    fn describe(&self, error: &PullError) -> String {
        let refused = matches!(error, PullError::Helm { what: PullFailure::Unauthorized, .. });
        match self {
            Self::Used(from) if refused => format!(" with the login of platform.pull_secret, {from}"),
            Self::UnreadableObject(from, why) => {
                format!("; the login of platform.pull_secret, {from}, was not read, because {why}")
            }
            _ => String::new(),
        }
    }
}

/// Where a login in a Secret is read from.
#[derive(Debug, Clone, Copy)]
pub(super) enum LoginFrom<'a> {
    /// This cluster.
    Cluster(&'a Cluster),
    /// The target of the command, which is connected to only where a chart needs it.
    Target,
    /// Nowhere: no cluster is used.
    Nowhere,
}

impl FetchError {
    /// Whether the chart cannot be checked from here.
    pub(super) const fn is_out_of_reach(&self) -> bool {
        use PullFailure::{PlainHttp, Unauthorized, Unreachable};
        matches!(
            self,
            Self::NoHelm(_)
                | Self::Login(_)
                | Self::Pull { source: PullError::Helm { what: PlainHttp | Unauthorized | Unreachable, .. }, .. }
        )
    }

    const fn exit(&self) -> Exit {
        match self {
            Self::Pull {
                source:
                    PullError::Helm { what: PullFailure::NotFound | PullFailure::DigestMismatch, .. }
                    | PullError::Manifest { .. },
                ..
            } => Exit::BadInput,
            Self::NoHelm(_) | Self::Pull { .. } | Self::Login(secrets::SecretError::Api { .. }) => Exit::Unusable,
            _ => Exit::BadInput,
        }
    }
}

/// Fills the answers in, with the charts that they and the catalog name; those of an offline bundle come first.
pub(super) async fn resolved(
    global: &Global,
    catalog: &Catalog,
    answers: &Answers,
    from: LoginFrom<'_>,
    bundled: Option<&BundledCharts>,
) -> Result<Resolved, Failed> {
    let answers = anchored(catalog, answers)?;
    let charts = fetch(global, catalog, &answers, from, bundled).await?;
    filled_in(catalog, &answers, &charts)
}

/// The same for commands that install nothing: what is installed is observed and verified without its chart, which may be
/// gone.
pub(super) fn resolved_as_installed(catalog: &Catalog, answers: &Answers) -> Result<Resolved, Failed> {
    let charts = Charts { unneeded: true, ..Charts::default() };
    filled_in(catalog, &anchored(catalog, answers)?, &charts)
}

/// The same with the charts that are on this machine; nothing is pulled.
pub(super) fn resolved_with_charts_at_hand(
    global: &Global,
    catalog: &Catalog,
    answers: &Answers,
) -> Result<Resolved, Failed> {
    let answers = anchored(catalog, answers)?;
    let fetcher = Fetcher::new(global, &answers, LoginFrom::Nowhere);
    let of_answers = answers.catalog(catalog);
    let chosen = answers.components.iter().filter_map(|id| of_answers.components.get(id));
    let found = chosen.filter_map(|component| Some((component.id.clone(), fetcher.at_hand(component)?))).collect();
    filled_in(catalog, &answers, &Charts { found, unneeded: true })
}

fn filled_in(catalog: &Catalog, answers: &Answers, charts: &Charts) -> Result<Resolved, Failed> {
    let resolved = resolve_with(catalog, answers, charts).or_exit(Exit::BadInput)?;
    // Later messages are redacted by these.
    let releases = resolved.components.iter().filter_map(|component| component.release.as_ref());
    releases.flat_map(|release| release.values.secrets()).for_each(|secret| remember(&secret));
    Ok(resolved)
}

async fn fetch(
    global: &Global,
    catalog: &Catalog,
    answers: &Answers,
    from: LoginFrom<'_>,
    bundled: Option<&BundledCharts>,
) -> Result<Charts, Failed> {
    let fetcher = Fetcher { bundled, ..Fetcher::new(global, answers, from) };
    let catalog = &*answers.catalog(catalog);
    let chosen = answers.components.iter().filter_map(|id| catalog.components.get(id));
    let all: Vec<&Component> = chosen.filter(|component| component.chart.is_some()).collect();
    let fetched: Vec<_> = futures::stream::iter(all)
        .map(async |component| (component, fetcher.component(component).await))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut charts = Charts::default();
    for (component, found) in fetched {
        match found {
            Ok(None) => {}
            Ok(Some(files)) => drop(charts.found.insert(component.id.clone(), files)),
            Err((chart, error)) => return Err(failed(component, &chart, error)),
        }
    }
    Ok(charts)
}

/// What failed, and the workaround.
fn failed(component: &Component, chart: &str, error: FetchError) -> Failed {
    let id = &component.id;
    let workaround = match &error {
        FetchError::Pull { .. } | FetchError::NoHelm(_) | FetchError::Login(_) => {
            format!("; to work around this, download the archive elsewhere and add --set {id}.chart=FILE")
        }
        _ => String::new(),
    };
    let text = format!("the chart of {id}, {chart}, cannot be used{workaround}");
    Failed { exit: error.exit(), error: anyhow::Error::new(error).context(text) }
}

/// Gets charts from wherever they are.
pub(super) struct Fetcher<'a> {
    global: &'a Global,
    answers: &'a Answers,
    from: LoginFrom<'a>,
    /// Charts that an offline bundle brought.
    bundled: Option<&'a BundledCharts>,
    cache: ChartCache,
    helm: tokio::sync::OnceCell<Helm>,
    /// The login of the answers, read once: where it is, and what was found.
    login: tokio::sync::OnceCell<(SiteLogin, Option<Secret>)>,
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(global: &'a Global, answers: &'a Answers, from: LoginFrom<'a>) -> Self {
        let (helm, login) = (tokio::sync::OnceCell::new(), tokio::sync::OnceCell::new());
        Self { global, answers, from, bundled: None, cache: ChartCache::of_user(), helm, login }
    }

    /// The chart of a component, if it does not lie in the catalog; an error comes with what was asked for.
    pub(super) async fn component(&self, component: &Component) -> Result<Option<FileTree>, (String, FetchError)> {
        let Some(chart) = self.named(component)? else { return Ok(None) };
        if let Some(files) = self.bundled.and_then(|bundled| bundled.get(&component.id, &chart)) {
            return Ok(Some(files.clone()));
        }
        let found = match &chart.source {
            ChartSource::Path(path) => local(path, chart.sha256.as_deref()),
            _ => self.remote(&chart).await,
        };
        found.map(Some).map_err(|error| (chart.to_string(), error))
    }

    /// The same where it is on this machine and can be used.
    fn at_hand(&self, component: &Component) -> Option<FileTree> {
        let chart = self.named(component).ok().flatten()?;
        match &chart.source {
            ChartSource::Path(path) => local(path, chart.sha256.as_deref()).ok(),
            _ => self.kept(&chart),
        }
    }

    /// Where a component's chart is, if not in the catalog.
    fn named(&self, component: &Component) -> Result<Option<ChartRef>, (String, FetchError)> {
        let answer = self.answers.get(&component.id, "chart").text();
        let chart = match (answer, &component.chart) {
            (Some(text), _) => ChartRef::parse(text).map_err(|what| (text.to_owned(), what)),
            (None, Some(spec)) if component.chart_files.is_none() => {
                spec.source().map_err(|what| ("its `chart`".to_owned(), what))
            }
            _ => return Ok(None),
        };
        chart.map(Some).map_err(|(text, what)| (text, FetchError::Written(what)))
    }

    /// What was pulled for it earlier.
    fn kept(&self, chart: &ChartRef) -> Option<FileTree> {
        let packed = self.cache.get(&chart.to_string()).or_else(|| self.cache.by_digest(chart.sha256.as_deref()?))?;
        // What was kept by its digest alone may be another chart of the same bytes: asked for by a wrong name.
        self.checked(chart, &packed).ok()
    }

    async fn remote(&self, chart: &ChartRef) -> Result<FileTree, FetchError> {
        if let Some(files) = self.kept(chart) {
            return Ok(files);
        }
        if !self.global.silent && !self.global.json {
            say_stderr(&format!("pulling {chart} …"));
        }
        let packed = self.pull(chart).await?;
        let files = self.checked(chart, &packed)?;
        if let Err(error) = self.cache.put(&chart.to_string(), &packed) {
            tracing::warn!("failed to cache {chart}: {error}");
        }
        Ok(files)
    }

    /// The files of an archive that is the one that was asked for.
    fn checked(&self, chart: &ChartRef, packed: &[u8]) -> Result<FileTree, FetchError> {
        whole(packed, chart.sha256.as_deref())?;
        let files = unpack(packed).map_err(|error| FetchError::Unusable(error.to_string()))?;
        let (name, version) = chart_identity(&files).map_err(|error| FetchError::Unusable(error.to_string()))?;
        if let Some((wanted, of)) = chart.source.wanted()
            && (name != wanted || version.trim_start_matches('v') != of.trim_start_matches('v'))
        {
            return Err(FetchError::Other(format!("got `{name}` {version}, expected `{wanted}` {of}")));
        }
        with_dependencies(files, &|_| Vec::new()).map_err(|error| unusable(error, None))
    }

    async fn pull(&self, chart: &ChartRef) -> Result<Vec<u8>, FetchError> {
        let helm = self.helm.get_or_try_init(|| find_helm(self.global)).await.map_err(FetchError::NoHelm)?;
        let (options, login) = self.options(chart).await?;
        let pulled = helm.pull(chart, &options, &CancellationToken::new()).await;
        pulled.map_err(|source| FetchError::Pull { login, source })
    }

    /// The settings of the site for its own registry.
    async fn options(&self, chart: &ChartRef) -> Result<(PullOptions, SiteLogin), FetchError> {
        let platform = |question: &str| self.answers.get("platform", question);
        let registry = platform("registry").text().and_then(|registry| registry.split('/').next());
        let Some(host) = chart.source.registry_host().filter(|host| registry == Some(host)) else {
            return Ok((PullOptions::default(), SiteLogin::None));
        };
        let (site_login, config) = match platform("pull_secret") {
            Answer::Secret(from) => self.login.get_or_try_init(|| self.config(from)).await?.clone(),
            _ => (SiteLogin::None, None),
        };
        let known = config.as_ref().and_then(|config| login(config, host));
        known.iter().for_each(|login| remember(login.password.expose()));
        let site_login = if config.is_some() && known.is_none() { SiteLogin::None } else { site_login };
        let plain_http = platform("registry_plain_http").json() == serde_json::Value::Bool(true);
        let options = PullOptions { plain_http, login: config.filter(|_| known.is_some()), ..PullOptions::default() };
        Ok((options, site_login))
    }

    /// The site's Docker config.json, from this machine or from a Secret of the cluster. One that each namespace has of its
    /// own (`secret:NAME`) is not read.
    async fn config(&self, from: &SecretRef) -> Result<(SiteLogin, Option<Secret>), FetchError> {
        let used = || SiteLogin::Used(from.clone());
        if let Some(found) = secrets::here(from) {
            return found.map(|config| (used(), Some(config))).map_err(FetchError::Login);
        }
        if from.is_in_place() {
            return Ok((SiteLogin::None, None));
        }
        let connected;
        let cluster = match self.from {
            LoginFrom::Cluster(cluster) => cluster,
            LoginFrom::Nowhere => {
                return Ok((SiteLogin::UnreadableObject(from.clone(), "no cluster is used".to_owned()), None));
            }
            LoginFrom::Target => match connect(self.global).await {
                Ok(cluster) => {
                    connected = cluster;
                    &connected
                }
                // Whatever needs the cluster reports that; the chart may be public.
                Err(failed) => {
                    let why = failed.chain().join(": ");
                    return Ok((SiteLogin::UnreadableObject(from.clone(), why), None));
                }
            },
        };
        let config = secrets::docker_config(from, cluster).await.map_err(FetchError::Login)?;
        Ok((used(), Some(config)))
    }
}

/// A chart on this machine.
fn local(path: &Path, sha256: Option<&str>) -> Result<FileTree, FetchError> {
    let cannot = |error: anyhow::Error| FetchError::Read(error);
    if path.is_dir() {
        if sha256.is_some() {
            return Err(FetchError::Written("is a folder, but only an archive has a digest".to_owned()));
        }
        let found: Vec<_> = read_dir(path).map_err(|error| cannot(error.into()))?.into_iter().collect();
        if !found.iter().any(|(name, _)| name == "Chart.yaml") {
            return Err(FetchError::Unusable("no Chart.yaml in the folder".to_owned()));
        }
        // A folder that is missing is reported as the missing dependency.
        let read = |below: &str| read_dir(&path.join(below)).unwrap_or_default().into_iter().collect();
        return with_dependencies(found, &read).map_err(|error| unusable(error, Some(path)));
    }
    let packed = bounded::bytes(path, bounded::CHART).map_err(|error| cannot(error.into()))?;
    whole(&packed, sha256)?;
    let files = unpack(&packed).map_err(|error| FetchError::Unusable(error.to_string()))?;
    with_dependencies(files, &|_| Vec::new()).map_err(|error| unusable(error, None))
}

fn whole(packed: &[u8], sha256: Option<&str>) -> Result<(), FetchError> {
    let found = digest(packed);
    match sha256.filter(|wanted| *wanted != found) {
        Some(wanted) => Err(FetchError::Other(format!("got the archive {found}, expected {wanted}"))),
        None => Ok(()),
    }
}

/// A chart that Helm would refuse, with the workaround.
fn unusable(error: ChartError, folder: Option<&Path>) -> FetchError {
    let workaround = match (&error, folder) {
        (ChartError::Unvendored(_), Some(folder)) => {
            format!("; run `helm dependency build {}`, or specify an archive that contains them", folder.display())
        }
        (ChartError::Unvendored(_) | ChartError::Missing { .. }, None) => {
            "; unpack the archive, run `helm dependency build` in its folder, and specify that folder".to_owned()
        }
        _ => String::new(),
    };
    FetchError::Unusable(format!("{error}{workaround}"))
}
