//! `windlass connect`.

use std::path::PathBuf;

use serde::Serialize;
use tokio::sync::mpsc::channel;
use tokio::task::JoinSet;

use super::doors::logins;
use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::run::signalled;
use super::session;
use super::status::not_installed;
use crate::cli::{ConnectArgs, Global};
use crate::driver::kube::{ApiErrorKind, LocalPort, Passage, TunnelError};
use crate::driver::process::{Environment, hand_over};
use crate::driver::state_store;
use crate::model::cluster::ReleaseKey;
use crate::model::state::{ComponentRecord, InstallState};
use crate::model::{Login, causes};

/// The version of the JSON.
const SCHEMA: u32 = 1;

/// How many news may wait to be printed. Who asks more often than that does not read them anyway.
const NEWS: usize = 64;

/// What opens an address in the browser: on Linux, and on a Mac.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

/// What can be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Door {
    title: String,
    inside: Inside,
    login: Option<Login>,
}

/// An address in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Inside {
    scheme: String,
    /// With its namespace, as the cluster's DNS has it.
    host: String,
    port: u16,
    /// Path and query.
    path: String,
}

/// A way in that is open, as it is printed.
#[derive(Debug, Serialize)]
struct Opened {
    title: String,
    /// The address on this machine.
    url: String,
    port: u16,
    /// Where connections lead now, if anywhere.
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
        let state = state_store::load(&cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default().with_begun();
        let doors = chosen(doors(global, &state, &args.component)?, args)?;
        let (tell, mut news) = channel(NEWS);
        let mut ports = JoinSet::new();
        let mut opened: Vec<Opened> = Vec::new();
        let mut waiting = Vec::new();
        for (number, door) in doors.into_iter().enumerate() {
            let Inside { scheme, host, port, path } = door.inside;
            let bound = LocalPort::bind(&cluster, (&host, port), (args.port, port), (number, tell.clone())).await;
            let bound = bound.map_err(|error| taken(error, args.port))?;
            let pod = match bound.target().await {
                Ok(pod) => Some(pod),
                Err(error) => {
                    waiting.push((number, Passage::Waiting(not_for_good(error)?)));
                    None
                }
            };
            let url = format!("{scheme}://127.0.0.1:{}{path}", bound.port());
            opened.push(Opened { title: door.title, url, port: bound.port(), pod, login: door.login });
            ports.spawn(bound.serve());
        }
        tell_opened(args, &opened, output)?;
        let titles: Vec<&str> = opened.iter().map(|door| door.title.as_str()).collect();
        let mut said = vec![String::new(); titles.len()];
        for (number, passage) in waiting {
            happened(&titles, &mut said, number, &passage, output)?;
        }
        if args.open {
            let pages = opened.iter().filter(|door| door.url.starts_with("http"));
            pages.for_each(|door| browse(&door.url, output));
        }
        while let Some((number, passage)) = news.recv().await {
            happened(&titles, &mut said, number, &passage, output)?;
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
fn doors(global: &Global, state: &InstallState, id: &str) -> Result<Vec<Door>, Failed> {
    let Some(component) = state.components.get(id) else { return Err(not_installed(state, id)) };
    let catalog = session::load_catalog(global)?;
    let catalog = catalog.with_instances(state.components.keys().map(String::as_str));
    Ok(doors_of(&component.record, logins(&catalog, state, id)))
}

fn doors_of(record: &ComponentRecord, mut logins: Vec<(String, Login)>) -> Vec<Door> {
    let each = record.endpoints.iter().filter_map(|(title, url, _)| {
        let login = logins.iter().position(|(of, _)| of == title).map(|at| logins.remove(at).1);
        let inside = inside(url.as_deref()?, record.release.as_ref()?)?;
        Some(Door { title: title.clone(), inside, login })
    });
    each.collect()
}

/// Reads an address in the cluster; of several, the first.
fn inside(url: &str, release: &ReleaseKey) -> Option<Inside> {
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
    Some(Inside { scheme: scheme.to_owned(), host, port, path: path.to_owned() })
}

/// Those that the flags mean.
fn chosen(doors: Vec<Door>, args: &ConnectArgs) -> Result<Vec<Door>, Failed> {
    let id = &args.component;
    let titles = doors.iter().map(|door| door.title.as_str()).collect::<Vec<_>>().join(", ");
    if doors.is_empty() {
        let text =
            format!("`{id}` has no endpoint in the cluster to connect to; `windlass status` shows its addresses");
        return Err(Failed::text(Exit::BadInput, text));
    }
    let doors = match &args.endpoint {
        None => doors,
        Some(title) => {
            let same = |door: &Door| door.title.to_lowercase() == title.to_lowercase();
            let found: Vec<Door> = doors.into_iter().filter(same).collect();
            if found.is_empty() {
                let text = format!("`{id}` has no endpoint called `{title}`; it has: {titles}");
                return Err(Failed::text(Exit::BadInput, text));
            }
            found
        }
    };
    match args.port {
        Some(port) if doors.len() > 1 => {
            let text =
                format!("`{id}` has several endpoints ({titles}): --endpoint says which is to be on port {port}");
            Err(Failed::text(Exit::BadInput, text))
        }
        _ => Ok(doors),
    }
}

fn taken(error: TunnelError, wanted: Option<u16>) -> Failed {
    match wanted {
        Some(port) => {
            let what =
                format!("port {port} of this machine cannot be used: give another by --port, or none for any free one");
            Failed::new(Exit::BadInput, anyhow::Error::new(error).context(what))
        }
        None => Failed::new(Exit::Unexpected, error),
    }
}

/// A pod that is not ready may be so later; a Service that is not there will not.
fn not_for_good(error: TunnelError) -> Result<TunnelError, Failed> {
    let exit = match &error {
        TunnelError::NoService { .. } | TunnelError::NoPort { .. } => Exit::Failed,
        TunnelError::Ask { source, .. } if source.kind() == ApiErrorKind::Forbidden => Exit::Unusable,
        _ => return Ok(error),
    };
    let told = anyhow::Error::new(error).context("it leads nowhere; `windlass status` shows how the component is");
    Err(Failed::new(exit, told))
}

fn tell_opened(args: &ConnectArgs, opened: &[Opened], output: &Output) -> Result<(), Failed> {
    if output.json {
        let all = serde_json::json!({"schema": SCHEMA, "component": args.component, "endpoints": opened});
        return output.value(&all);
    }
    let mut text = String::new();
    for door in opened {
        let pod = door.pod.as_ref().map(|pod| format!("  (pod {pod})")).unwrap_or_default();
        text += &format!("{}  {}{pod}\n", door.title, door.url);
        text.extend(door.login.iter().map(|login| format!("  {}\n", login.told())));
    }
    output.text(&text)?;
    output.remark("forwarding until Ctrl-C");
    Ok(())
}

/// Tells what happened, unless the same was told last.
fn happened(
    titles: &[&str],
    said: &mut [String],
    number: usize,
    passage: &Passage,
    output: &Output,
) -> Result<(), Failed> {
    let Some((title, said)) = titles.get(number).zip(said.get_mut(number)) else { return Ok(()) };
    let (event, text) = match passage {
        Passage::Pod { pod, again: true } => ("connected", format!("connected again: pod {pod}")),
        Passage::Pod { pod, again: false } => ("connected", format!("connected: pod {pod}")),
        Passage::Waiting(error) => ("waiting", format!("waiting for a pod: {}", causes(error).join(": "))),
        Passage::Broken(error) => ("broken", format!("a connection broke: {}", causes(error).join(": "))),
        Passage::Full(most) => ("full", format!("{most} connections are open; more wait until one ends")),
    };
    if *said == text {
        return Ok(());
    }
    said.clone_from(&text);
    if !output.json {
        return output.text(&format!("{title}: {text}\n"));
    }
    let mut value = serde_json::json!({"event": event, "endpoint": title, "message": text});
    if let Passage::Pod { pod, again } = passage {
        value["pod"] = pod.as_str().into();
        value["again"] = (*again).into();
    }
    output.value(&value)
}

/// Opens an address in the browser, if there is what can.
fn browse(url: &str, output: &Output) {
    let Some(program) = OPENERS.iter().find_map(|name| on_path(name)) else {
        output.remark(&format!("neither {} is on PATH: open {url} yourself", OPENERS.join(" nor ")));
        return;
    };
    if let Err(error) = hand_over(&program, url, &Environment::inherited_without(&["WINDLASS_"])) {
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

    fn door(title: &str) -> Door {
        let inside = inside("http://web.ns.svc.cluster.local:80", &ReleaseKey::new("ns", "web")).unwrap();
        Door { title: title.to_owned(), inside, login: None }
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
            let found = inside(url, &ReleaseKey::new("there", "web"));
            let found = found.as_ref().map(|it| (it.scheme.as_str(), it.host.as_str(), it.port, it.path.as_str()));
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn flags_choose_endpoints() {
        let told = |doors: &[&str], args: &ConnectArgs| match chosen(doors.iter().map(|it| door(it)).collect(), args) {
            Ok(doors) => doors.into_iter().map(|door| door.title).collect::<Vec<_>>().join(", "),
            Err(failed) => {
                assert_eq!(failed.exit, Exit::BadInput);
                failed.error.to_string()
            }
        };
        let two = ["One", "Two"];
        assert_eq!(told(&two, &args(None, None)), "One, Two");
        assert_eq!(told(&two, &args(Some(80), Some("two"))), "Two");
        assert_eq!(told(&two, &args(None, Some("Three"))), "`web` has no endpoint called `Three`; it has: One, Two");
        let several = "`web` has several endpoints (One, Two): --endpoint says which is to be on port 80";
        assert_eq!(told(&two, &args(Some(80), None)), several);
        assert!(told(&[], &args(None, None)).starts_with("`web` has no endpoint in the cluster"));
    }
}
