//! The DataNode's answers.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use windlass::driver::webhdfs::{Hasher, Layout};

use super::http::{Reply, Request, read_head};
use super::namenode::DENIED;
use super::{Entry, State, now_ms};

pub(super) async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        tokio::spawn(connection(stream, Arc::clone(&state)));
    }
}

/// One request per connection: a DataNode closes after each.
async fn connection(stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut stream = BufReader::with_capacity(64 << 10, stream);
    let Some(request) = read_head(&mut stream).await else { return };
    state.lock().unwrap().requests.push(format!("{} DN-{} {}", request.method, request.op(), request.path));
    if state.lock().unwrap().strike(|f| &mut f.leaderless) {
        let message =
            "Operation category READ is not supported in state standby. Visit https://s.apache.org/sbnn-error";
        Reply::exception(403, "StandbyException", message).send(&mut stream, true).await;
        return;
    }
    let reply = match request.op() {
        "CREATE" => match create(&mut stream, &request, &state).await {
            Some(reply) => reply,
            None => return,
        },
        "OPEN" => {
            let state = state.lock().unwrap();
            let mut data = state.entries.get(&request.path).map(|e| e.data.clone()).unwrap_or_default();
            if state.faults.reads_differ {
                data.push(b'!');
            }
            Reply::bytes(data)
        }
        "GETFILECHECKSUM" => match state.lock().unwrap().entries.get(&request.path) {
            Some(entry) => {
                let (algorithm, hex) = (entry.checksum.algorithm(), entry.checksum.hex());
                Reply::json(format!(
                    r#"{{"FileChecksum":{{"algorithm":"{algorithm}","bytes":"{hex}00000000","length":28}}}}"#
                ))
            }
            None => Reply::exception(404, "FileNotFoundException", &format!("File {} not found.", request.path)),
        },
        other => Reply::exception(400, "IllegalArgumentException", &format!("Invalid operation {other}")),
    };
    reply.send(&mut stream, true).await;
}

async fn create(stream: &mut BufReader<TcpStream>, request: &Request, state: &Arc<Mutex<State>>) -> Option<Reply> {
    let path = &request.path;
    let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
    let (slow, hung, cut, damaged, denied, silently, modeless, forget, block_size);
    {
        let mut state = state.lock().unwrap();
        (denied, silently, modeless) = (state.faults.denied, state.faults.denied_silently, state.faults.modeless);
        (slow, forget, block_size) = (state.faults.slow, state.forget_data, state.block_size);
        hung = state.strike(|f| &mut f.hung_puts);
        cut = !hung && state.strike(|f| &mut f.cut_puts);
        damaged = !hung && !cut && state.strike(|f| &mut f.damaged_puts);
        if !denied && state.entries.contains_key(path) && request.query("overwrite") != "true" {
            let trace = "\n\tat org.apache.hadoop.hdfs.server.namenode.FSDirWriteFileOp";
            let message = format!("{path} for client 127.0.0.1 already exists{trace}");
            return Some(Reply::exception(403, "FileAlreadyExistsException", &message));
        }
    }
    if denied {
        if silently {
            return None;
        }
        return Some(Reply::exception(403, "AccessControlException", &format!("{DENIED}\n\tat org.apache.hadoop")));
    }
    if hung {
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    }
    // Open, empty and to be seen from here on; who deletes it now takes it from under the writer.
    state.lock().unwrap().entries.insert(path.clone(), Entry::file(Vec::new(), 0o644, block_size));
    let mut hasher = Hasher::new(Layout { block_size, ..Layout::default() });
    let mode = if modeless || request.query("permission").is_empty() { "644" } else { request.query("permission") };
    let mode = u16::from_str_radix(mode, 8).unwrap();
    let mut data = Vec::new();
    let mut len = 0;
    let end = if cut { request.len / 2 } else { request.len };
    let mut piece = vec![0; 64 << 10];
    while len < end {
        let want = usize::try_from((end - len).min(piece.len() as u64)).unwrap();
        let Ok(got @ 1..) = stream.read(&mut piece[..want]).await else { break };
        if damaged && len == 0 {
            piece[got / 2] ^= 1;
        }
        hasher.update(&piece[..got]);
        if !forget {
            data.extend_from_slice(&piece[..got]);
        }
        len += got as u64;
        if let Some(pause) = slow {
            tokio::time::sleep(pause).await;
        }
    }
    // Whatever came is closed and looks whole.
    let checksum = hasher.finish();
    let entry = Entry { dir: false, data, len, mode, modified_ms: now_ms(), block_size, checksum };
    let mut state = state.lock().unwrap();
    if !state.entries.contains_key(path) {
        let message = format!("File does not exist: {path} (inode 16387) does not have any open files.");
        return Some(Reply::exception(404, "FileNotFoundException", &message));
    }
    state.put(path, entry);
    if len < request.len {
        return None;
    }
    Some(Reply { status: 201, headers: format!("location: hdfs://ns{path}\r\n"), body: Vec::new() })
}
