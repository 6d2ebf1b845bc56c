//! `windlass connect`.

use std::path::PathBuf;

use serde::Serialize;
use tokio::sync::mpsc::channel;
use tokio::task::JoinSet;

use super::endpoints::logins;
use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::run::signalled;
use super::session;
use super::status::not_installed;
use crate::cli::{ConnectArgs, Global};
use crate::driver::kube::{ApiErrorKind, LocalPort, PortEvent, TunnelError};
use crate::driver::process::{Environment, spawn_detached};
use crate::driver::state_store;
use crate::model::cluster::ReleaseKey;
use crate::model::state::{ComponentRecord, InstallState};
use crate::model::{Login, causes};

/// The version of the JSON.
const SCHEMA: u32 = 1;

/// How many messages may wait to be printed.
const NEWS: usize = 64;

/// What opens an address in the browser: on Linux, and on a Mac.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

/// What can be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Endpoint {
    title: String,
    address: ClusterAddress,
    login: Option<Login>,
}

/// An address in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ClusterAddress {
    scheme: String,
    /// With its namespace, as the cluster's DNS has it.
    host: String,
    port: u16,
    /// Path and query.
    path: String,
}

/// A forwarded endpoint, as it is printed.
#[derive(Debug, Serialize)]
struct Opened {
    title: String,
    /// The address on this machine.
    url: String,
    port: u16,
    /// The pod that connections go to now, if any.
    pod: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<Login>,
}

/// Forwards ports of this machine to a component until a signal comes.
pub(super) async fn connect(global: &Global, args: &ConnectArgs, output: &Output) -> Result<Exit, Failed> {
    let signalled = signalled().or_exit(Exit::Unexpected)?;
    tokio::pin!(signalled);
    let work = async {
        let cluster = session::connect(global).await?;
        let state = state_store::load(&cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default().with_unfinished();
        let chosen = chosen(endpoints(global, &state, &args.component)?, args)?;
        let (tell, mut news) = channel(NEWS);
        let mut ports = JoinSet::new();
        let mut opened: Vec<Opened> = Vec::new();
        let mut waiting = Vec::new();
        for (number, endpoint) in chosen.into_iter().enumerate() {
            let ClusterAddress { scheme, host, port, path } = endpoint.address;
            let bound = LocalPort::bind(&cluster, (&host, port), (args.port, port), (number, tell.clone())).await;
            let bound = bound.map_err(|error| cannot_bind(error, args.port))?;
            let pod = match bound.target().await {
                Ok(pod) => Some(pod),
                Err(error) => {
                    waiting.push((number, PortEvent::Waiting(unless_permanent(error)?)));
                    None
                }
            };
            let url = format!("{scheme}://127.0.0.1:{}{path}", bound.port());
            opened.push(Opened { title: endpoint.title, url, port: bound.port(), pod, login: endpoint.login });
            ports.spawn(bound.serve());
        }
        print_opened(args, &opened, output)?;
        let titles: Vec<&str> = opened.iter().map(|endpoint| endpoint.title.as_str()).collect();
        let mut reported = vec![String::new(); titles.len()];
        for (number, port_event) in waiting {
            report_event(&titles, &mut reported, number, &port_event, output)?;
        }
        if args.open {
            let pages = opened.iter().filter(|endpoint| endpoint.url.starts_with("http"));
            pages.for_each(|endpoint| browse(&endpoint.url, output));
        }
        while let Some((number, port_event)) = news.recv().await {
            report_event(&titles, &mut reported, number, &port_event, output)?;
        }
        Ok::<_, Failed>(())
    };
    tokio::select! {
        () = &mut signalled => {}
        ended = work => ended?,
    }
    if output.json {
        output.value(&serde_json::json!({"event": "stopped"}))?;
    } else {
        output.remark("stopped");
    }
    Ok(Exit::Stopped)
}

/// The endpoints of a component.
fn endpoints(global: &Global, state: &InstallState, id: &str) -> Result<Vec<Endpoint>, Failed> {
    let Some(component) = state.components.get(id) else { return Err(not_installed(state, id)) };
    let catalog = session::load_catalog(global)?;
    let catalog = catalog.with_instances(state.components.keys().map(String::as_str));
    Ok(endpoints_of(&component.record, logins(&catalog, state, id)))
}

fn endpoints_of(record: &ComponentRecord, mut logins: Vec<(String, Login)>) -> Vec<Endpoint> {
    let each = record.endpoints.iter().filter_map(|(title, url, _)| {
        let login = logins.iter().position(|(of, _)| of == title).map(|at| logins.remove(at).1);
        let address = cluster_address(url.as_deref()?, record.release.as_ref()?)?;
        Some(Endpoint { title: title.clone(), address, login })
    });
    each.collect()
}

/// Reads an address in the cluster; of several, the first.
fn cluster_address(url: &str, release: &ReleaseKey) -> Option<ClusterAddress> {
    let (scheme, rest) = url.split(',').next()?.trim().split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = authority.rsplit('@').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (
            authority,
            match scheme {
                "http" => 80,
                "https" => 443,
                _ => return None,
            },
        ),
    };
    // A Service by its name alone is of the release's namespace.
    let host = match host.split('.').count() {
        _ if host.is_empty() => return None,
        1 => format!("{host}.{}.svc", release.namespace),
        2 => format!("{host}.svc"),
        _ => host.to_owned(),
    };
    Some(ClusterAddress { scheme: scheme.to_owned(), host, port, path: path.to_owned() })
}

/// The endpoints that the flags select.
fn chosen(endpoints: Vec<Endpoint>, args: &ConnectArgs) -> Result<Vec<Endpoint>, Failed> {
    let id = &args.component;
    let titles = endpoints.iter().map(|endpoint| endpoint.title.as_str()).collect::<Vec<_>>().join(", ");
    if endpoints.is_empty() {
        let text =
            format!("`{id}` has no endpoint in the cluster to connect to; `windlass status` shows its addresses");
        return Err(Failed::text(Exit::BadInput, text));
    }
    let endpoints = match &args.endpoint {
        None => endpoints,
        Some(title) => {
            let same = |endpoint: &Endpoint| endpoint.title.to_lowercase() == title.to_lowercase();
            let found: Vec<Endpoint> = endpoints.into_iter().filter(same).collect();
            if found.is_empty() {
                let text = format!("`{id}` has no endpoint called `{title}`; it has: {titles}");
                return Err(Failed::text(Exit::BadInput, text));
            }
            found
        }
    };
    match args.port {
        Some(port) if endpoints.len() > 1 => {
            let text =
                format!("`{id}` has several endpoints ({titles}): choose the one for port {port} with --endpoint");
            Err(Failed::text(Exit::BadInput, text))
        }
        _ => Ok(endpoints),
    }
}

fn cannot_bind(error: TunnelError, wanted: Option<u16>) -> Failed {
    match wanted {
        Some(port) => {
            let what =
                format!("cannot use local port {port}: choose another with --port, or omit it for any free port");
            Failed::new(Exit::BadInput, anyhow::Error::new(error).context(what))
        }
        None => Failed::new(Exit::Unexpected, error),
    }
}

/// Keeps an error that may pass: a pod may become ready later, a missing Service will not appear.
fn unless_permanent(error: TunnelError) -> Result<TunnelError, Failed> {
    let exit = match &error {
        TunnelError::NoService { .. } | TunnelError::NoPort { .. } => Exit::Failed,
        TunnelError::Resolve { source, .. } if source.kind() == ApiErrorKind::Forbidden => Exit::Unusable,
        _ => return Ok(error),
    };
    let error =
        anyhow::Error::new(error).context("failed to forward; `windlass status` shows the state of the component");
    Err(Failed::new(exit, error))
}

fn print_opened(args: &ConnectArgs, opened: &[Opened], output: &Output) -> Result<(), Failed> {
    if output.json {
        let all = serde_json::json!({"schema": SCHEMA, "component": args.component, "endpoints": opened});
        return output.value(&all);
    }
    let mut text = String::new();
    for endpoint in opened {
        let pod = endpoint.pod.as_ref().map(|pod| format!("  (pod {pod})")).unwrap_or_default();
        text += &format!("{}  {}{pod}\n", endpoint.title, endpoint.url);
        text.extend(endpoint.login.iter().map(|login| format!("  {}\n", login.describe())));
    }
    output.say(&text)?;
    output.remark("forwarding; press Ctrl-C to stop");
    Ok(())
}

/// Prints what happened, unless it is the same as the last time.
fn report_event(
    titles: &[&str],
    reported: &mut [String],
    number: usize,
    port_event: &PortEvent,
    output: &Output,
) -> Result<(), Failed> {
    let Some((title, last)) = titles.get(number).zip(reported.get_mut(number)) else { return Ok(()) };
    let (event, text) = match port_event {
        PortEvent::Pod { pod, reconnected: true } => ("connected", format!("reconnected: pod {pod}")),
        PortEvent::Pod { pod, reconnected: false } => ("connected", format!("connected: pod {pod}")),
        PortEvent::Waiting(error) => ("waiting", format!("waiting for a pod: {}", causes(error).join(": "))),
        PortEvent::Broken(error) => ("broken", format!("connection lost: {}", causes(error).join(": "))),
        PortEvent::Full(most) => ("full", format!("{most} connections are open; new ones wait until one is closed")),
    };
    if *last == text {
        return Ok(());
    }
    last.clone_from(&text);
    if !output.json {
        return output.say(&format!("{title}: {text}\n"));
    }
    let mut value = serde_json::json!({"event": event, "endpoint": title, "message": text});
    if let PortEvent::Pod { pod, reconnected } = port_event {
        value["pod"] = pod.as_str().into();
        value["again"] = (*reconnected).into();
    }
    output.value(&value)
}

/// Opens an address in the browser, if this machine has a program for that.
fn browse(url: &str, output: &Output) {
    let Some(program) = OPENERS.iter().find_map(|name| on_path(name)) else {
        output.remark(&format!("neither {} is on PATH: open {url} yourself", OPENERS.join(" nor ")));
        return;
    };
    if let Err(error) = spawn_detached(&program, url, &Environment::inherited_without(&["WINDLASS_"])) {
        output.remark(&format!("failed to start {}: {error}: open {url} yourself", program.display()));
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(title: &str) -> Endpoint {
        let address = cluster_address("http://web.ns.svc.cluster.local:80", &ReleaseKey::new("ns", "web")).unwrap();
        Endpoint { title: title.to_owned(), address, login: None }
    }

    fn args(port: Option<u16>, endpoint: Option<&str>) -> ConnectArgs {
        ConnectArgs { component: "web".to_owned(), port, endpoint: endpoint.map(str::to_owned), open: false }
    }

    #[test]
    fn addresses_in_the_cluster() {
        for (url, expected) in [
            ("http://web.ns.svc.cluster.local:8080/a?b#c", Some(("http", "web.ns.svc.cluster.local", 8080, "/a?b#c"))),
            ("https://web.ns.svc", Some(("https", "web.ns.svc", 443, ""))),
            ("http://web", Some(("http", "web.there.svc", 80, ""))),
            ("http://web.ns/x", Some(("http", "web.ns.svc", 80, "/x"))),
            ("http://n0.nn.ns.svc:9870,http://n1.nn.ns.svc:9870", Some(("http", "n0.nn.ns.svc", 9870, ""))),
            ("postgresql://u@db.ns.svc:5432/d", Some(("postgresql", "db.ns.svc", 5432, "/d"))),
            ("hdfs://cluster", None),
            ("http://:80", None),
            ("http://web:http", None),
            ("web:80", None),
        ] {
            let found = cluster_address(url, &ReleaseKey::new("there", "web"));
            let found = found.as_ref().map(|it| (it.scheme.as_str(), it.host.as_str(), it.port, it.path.as_str()));
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn flags_choose_endpoints() {
        let outcome =
            |titles: &[&str], args: &ConnectArgs| match chosen(titles.iter().map(|it| endpoint(it)).collect(), args) {
                Ok(chosen) => chosen.into_iter().map(|endpoint| endpoint.title).collect::<Vec<_>>().join(", "),
                Err(failed) => {
                    assert_eq!(failed.exit, Exit::BadInput);
                    failed.error.to_string()
                }
            };
        let two = ["One", "Two"];
        assert_eq!(outcome(&two, &args(None, None)), "One, Two");
        assert_eq!(outcome(&two, &args(Some(80), Some("two"))), "Two");
        assert_eq!(outcome(&two, &args(None, Some("Three"))), "`web` has no endpoint called `Three`; it has: One, Two");
        let several = "`web` has several endpoints (One, Two): choose the one for port 80 with --endpoint";
        assert_eq!(outcome(&two, &args(Some(80), None)), several);
        assert!(outcome(&[], &args(None, None)).starts_with("`web` has no endpoint in the cluster"));
    }
}
