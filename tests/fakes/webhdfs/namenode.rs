//! The NameNode's answers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};

use super::http::{Reply, Request, read_head, skip_body};
use super::{Entry, State};

pub(super) async fn serve(listener: TcpListener, state: Arc<Mutex<State>>, index: usize, datanode: SocketAddr) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        tokio::spawn(connection(stream, Arc::clone(&state), index, datanode));
    }
}

async fn connection(stream: TcpStream, state: Arc<Mutex<State>>, index: usize, datanode: SocketAddr) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_head(&mut stream).await {
        skip_body(&mut stream, request.len).await;
        if state.lock().unwrap().faults.hung.contains(&index) {
            tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        }
        let reply = answer(&mut state.lock().unwrap(), &request, index, datanode);
        let Some(reply) = reply else { return };
        reply.send(&mut stream, false).await;
    }
}

/// `None` breaks the connection.
fn answer(state: &mut State, request: &Request, index: usize, datanode: SocketAddr) -> Option<Reply> {
    let (op, path) = (request.op(), request.path.as_str());
    state.requests.push(format!("{} {op} {path}", request.method).replace(" /jmx", " jmx"));
    if state.faults.captive {
        return Some(Reply::html(200, "<html>please log in</html>"));
    }
    if path == "/jmx" {
        return Some(jmx(state, request, index));
    }
    if state.strike(|f| &mut f.starting) || (op == "DELETE" && state.strike(|f| &mut f.failed_deletes)) {
        return Some(Reply::exception(403, "RetriableException", "Namenode is in startup mode"));
    }
    // A standby redirects all the same.
    if state.faults.standby.contains(&index) && op != "CREATE" {
        let category = if request.method == "GET" { "READ" } else { "WRITE" };
        let message = format!(
            "Operation category {category} is not supported in state standby. Visit https://s.apache.org/sbnn-error"
        );
        return Some(Reply::exception(403, "StandbyException", &message));
    }
    let redirect = matches!(op, "CREATE" | "OPEN" | "GETFILECHECKSUM");
    if !redirect && request.method != "GET" && state.strike(|f| &mut f.safe_mode) {
        let message = format!("Cannot {op} {path}. Name node is in safe mode.\nIt was turned on manually.");
        return Some(Reply::exception(403, "SafeModeException", &message));
    }
    if redirect {
        if op != "CREATE" && !state.entries.contains_key(path) {
            return Some(Reply::exception(404, "FileNotFoundException", &format!("File {path} not found.")));
        }
        let host = state.faults.datanode_name.clone().unwrap_or(datanode.ip().to_string());
        let query = request.raw_query.replace("&noredirect=true", "");
        let encoded = path.replace('%', "%25").replace(' ', "%20").replace('?', "%3F").replace('#', "%23");
        let location = format!(
            "http://{host}:{}/webhdfs/v1{encoded}?{query}&namenoderpcaddress=ns&createparent=true",
            datanode.port()
        );
        if state.faults.old {
            return Some(Reply { status: 307, headers: format!("Location: {location}\r\n"), body: Vec::new() });
        }
        assert_eq!(request.query("noredirect"), "true", "a body must not follow a redirect");
        return Some(Reply::json(serde_json::json!({"Location": location}).to_string()));
    }
    Some(match op {
        "GETFILESTATUS" => match state.entries.get(path) {
            Some(entry) => Reply::json(format!(r#"{{"FileStatus":{}}}"#, status("", entry))),
            None => Reply::exception(404, "FileNotFoundException", &format!("File does not exist: {path}")),
        },
        "LISTSTATUS_BATCH" if state.faults.old => unknown_op(op),
        "LISTSTATUS" | "LISTSTATUS_BATCH" => list(state, request),
        "GETSERVERDEFAULTS" if state.faults.old => unknown_op(op),
        "GETSERVERDEFAULTS" => {
            let defaults = serde_json::json!({"replication": state.replication, "blockSize": state.block_size});
            Reply::json(serde_json::json!({"FsServerDefaults": defaults}).to_string())
        }
        "CHECKACCESS" if state.faults.old => unknown_op(op),
        "CHECKACCESS" if state.faults.denied => Reply::exception(403, "AccessControlException", DENIED),
        "CHECKACCESS" => Reply::empty(),
        "MKDIRS" => mkdirs(state, path, request.query("permission")),
        "SETPERMISSION" => match state.entries.get_mut(path) {
            Some(entry) => {
                entry.mode = u16::from_str_radix(request.query("permission"), 8).unwrap();
                Reply::empty()
            }
            None => Reply::exception(404, "FileNotFoundException", &format!("Directory/File does not exist {path}")),
        },
        "DELETE" => Reply::json(format!(r#"{{"boolean":{}}}"#, state.entries.remove(path).is_some())),
        "RENAME" => rename(state, path, request)?,
        _ => unknown_op(op),
    })
}

pub(super) const DENIED: &str = "Permission denied: user=joe, access=WRITE, inode=\"/\":hdfs:supergroup:drwxr-xr-x";

fn unknown_op(op: &str) -> Reply {
    let message = format!("Invalid value for webhdfs parameter \"op\": {op} is not a valid GET operation.");
    Reply::exception(400, "IllegalArgumentException", &message)
}

fn jmx(state: &mut State, request: &Request, index: usize) -> Reply {
    if state.faults.jmx_forbidden {
        return Reply::html(403, "<html>no</html>");
    }
    if let Some(said) = &state.faults.jmx_says {
        return Reply::bytes(said.clone());
    }
    let wanted = request.query("qry");
    let beans = match state.beans.get(&index) {
        Some(beans) => beans.clone(),
        None => {
            let name = |name: &str| format!("Hadoop:service=NameNode,name={name}");
            let active = if state.faults.standby.contains(&index) { "standby" } else { "active" };
            let safe = !wanted.contains("NameNode,name=NameNode") && state.strike(|f| &mut f.jmx_safe);
            let fs_state = if safe { "safeMode" } else { "Operational" };
            vec![
                serde_json::json!({"name": name("NameNodeStatus"), "State": active}),
                serde_json::json!({"name": name("FSNamesystemState"), "FSState": fs_state, "NumLiveDataNodes": state.live_datanodes}),
            ]
        }
    };
    // A pattern ends with `*`. What is not there is no error.
    let meant = |bean: &&serde_json::Value| match wanted.strip_suffix('*') {
        Some(start) => bean["name"].as_str().unwrap().starts_with(start),
        None => bean["name"] == wanted,
    };
    let beans: Vec<_> = beans.iter().filter(meant).collect();
    Reply::json(serde_json::json!({"beans": beans}).to_string())
}

fn status(name: &str, entry: &Entry) -> String {
    let kind = if entry.dir { "DIRECTORY" } else { "FILE" };
    serde_json::json!({"accessTime": 0, "blockSize": entry.block_size, "childrenNum": 0, "fileId": 16387,
        "group": "supergroup", "length": entry.len, "modificationTime": entry.modified_ms, "owner": "hdfs",
        "pathSuffix": name, "permission": format!("{:o}", entry.mode), "replication": 1, "storagePolicy": 0, "type": kind})
    .to_string()
}

fn list(state: &State, request: &Request) -> Reply {
    let path = request.path.as_str();
    let batch = request.op() == "LISTSTATUS_BATCH";
    let (mut all, mut remaining) = (Vec::new(), 0);
    match state.entries.get(path) {
        None => return Reply::exception(404, "FileNotFoundException", &format!("File {path} does not exist.")),
        Some(entry) if !entry.dir => all.push(status("", entry)),
        Some(_) => {
            let start = if path == "/" { "/".to_owned() } else { format!("{path}/") };
            let names = state.entries.iter().filter_map(|(k, e)| Some((k.strip_prefix(&start)?, e)));
            let mut names: Vec<_> =
                names.filter(|(n, _)| !n.is_empty() && !n.contains('/') && *n > request.query("startAfter")).collect();
            let page = state.faults.page.filter(|_| batch).unwrap_or(usize::MAX);
            remaining = names.len().saturating_sub(page);
            names.truncate(page);
            all.extend(names.into_iter().map(|(n, e)| status(n, e)));
        }
    }
    let statuses = format!(r#"{{"FileStatuses":{{"FileStatus":[{}]}}}}"#, all.join(","));
    Reply::json(if batch {
        format!(r#"{{"DirectoryListing":{{"partialListing":{statuses},"remainingEntries":{remaining}}}}}"#)
    } else {
        statuses
    })
}

/// An existing folder keeps its mode; missing parents get that of the leaf, as in a real one.
fn mkdirs(state: &mut State, path: &str, permission: &str) -> Reply {
    match state.entries.get(path) {
        Some(entry) if !entry.dir => {
            return Reply::exception(403, "FileAlreadyExistsException", &format!("Path is not a directory: {path}"));
        }
        Some(_) => {}
        None => {
            let mode = u16::from_str_radix(permission, 8).unwrap();
            let ends = path.match_indices('/').map(|(i, _)| i).skip(1).chain([path.len()]);
            for end in ends {
                state.entries.entry(path[..end].to_owned()).or_insert_with(|| Entry::dir(mode));
            }
        }
    }
    Reply::json(r#"{"boolean":true}"#)
}

fn rename(state: &mut State, from: &str, request: &Request) -> Option<Reply> {
    let to = request.query("destination");
    assert_eq!(request.query("renameoptions"), "OVERWRITE");
    let Some(entry) = state.entries.get(from).cloned() else {
        return Some(Reply::exception(404, "FileNotFoundException", &format!("rename source {from} is not found.")));
    };
    let parent = to.rsplit_once('/').map(|(p, _)| if p.is_empty() { "/" } else { p }).unwrap();
    if !state.entries.contains_key(parent) {
        let message = format!("rename destination parent {to} not found.");
        return Some(Reply::exception(404, "FileNotFoundException", &message));
    }
    if state.entries.get(to).is_some_and(|e| e.dir) {
        let message = format!("Source {from} and destination {to} must both be directories");
        return Some(Reply::exception(403, "IOException", &message));
    }
    state.entries.remove(from);
    state.put(to, entry);
    if state.strike(|f| &mut f.unanswered_renames) { None } else { Some(Reply::empty()) }
}
