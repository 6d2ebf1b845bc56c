//! The state as the bytes of Secrets, each of which takes one mebibyte.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use crate::model::digest;
use crate::model::state::{InstallState, STATE_SCHEMA, SeparateUploads, UPLOADS_ROOM};

/// The key of the state as JSON, readable by people and by the first windlass.
const KEY: &str = "state.json";

/// The key of what is too long for that, compressed; `state.json` then says the format only.
const PACKED_KEY: &str = "state.json.gz";

/// What a part holds: a Secret takes 1 MiB.
pub(super) const PART_BYTES: usize = 1_000_000;

/// A list of files that is longer than this is kept apart ...
const LONG_LIST: usize = 32 * 1024;

/// ... and any list of a state that is longer than this.
const LONG_STATE: usize = 512 * 1024;

/// A longer state is compressed.
const LONGEST_TEXT: usize = 768 * 1024;

/// What a state may unpack to.
const STATE_CAP: u64 = 64 * 1024 * 1024;

/// Why a state could not be packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum PackingError {
    /// It cannot be written as JSON.
    #[error("failed to encode the data as JSON")]
    Json(#[from] serde_json::Error),
    /// It cannot be compressed.
    #[error("failed to compress the data")]
    Gzip(#[from] std::io::Error),
    /// It is larger than a Secret may be.
    #[error(
        "{0} bytes compressed exceed the limit of a Secret, {PART_BYTES}: install fewer components, or use shorter answers"
    )]
    TooLarge(usize),
    /// It is no text, or too long a one.
    #[error("invalid content of key `{0}`")]
    Text(&'static str),
}

/// What is to be written.
pub(super) struct Packed {
    /// The data of the state's own Secret.
    pub head: BTreeMap<String, Vec<u8>>,
    /// Names and contents of the Secrets with parts of lists.
    pub parts: Vec<(String, Vec<u8>)>,
}

/// Packs a state; long lists of files in it are replaced by where they are.
pub(super) fn pack(state: &mut InstallState) -> Result<Packed, PackingError> {
    let mut parts = Vec::new();
    move_apart(state, LONG_LIST, &mut parts)?;
    let mut text = serde_json::to_vec(state)?;
    if text.len() > LONG_STATE {
        move_apart(state, 0, &mut parts)?;
        text = serde_json::to_vec(state)?;
    }
    if text.len() <= LONGEST_TEXT {
        return Ok(Packed { head: BTreeMap::from([(KEY.to_owned(), text)]), parts });
    }
    let packed = gzip(&text)?;
    if packed.len() > PART_BYTES {
        return Err(PackingError::TooLarge(packed.len()));
    }
    let format = format!("{{\"schema\":{STATE_SCHEMA}}}").into_bytes();
    Ok(Packed { head: BTreeMap::from([(KEY.to_owned(), format), (PACKED_KEY.to_owned(), packed)]), parts })
}

/// The state's JSON; `None` where there is none yet.
pub(super) fn unpack_head(data: &BTreeMap<String, Vec<u8>>) -> Result<Option<String>, PackingError> {
    let (key, bytes) = match (data.get(PACKED_KEY), data.get(KEY)) {
        (Some(packed), _) => (PACKED_KEY, gunzip(packed, STATE_CAP)?),
        (None, Some(text)) => (KEY, text.clone()),
        (None, None) => return Ok(None),
    };
    String::from_utf8(bytes).map(Some).map_err(|_| PackingError::Text(key))
}

/// The files of a list, if it is the one that was written.
pub(super) fn unpack_part(packed: &[u8], wanted: &str) -> Option<BTreeMap<String, String>> {
    let text = gunzip(packed, UPLOADS_ROOM as u64).ok().filter(|text| digest(text) == wanted)?;
    serde_json::from_slice(&text).ok()
}

fn move_apart(state: &mut InstallState, longer: usize, parts: &mut Vec<(String, Vec<u8>)>) -> Result<(), PackingError> {
    for component in state.components.values_mut() {
        for (folder, files) in std::mem::take(&mut component.uploads) {
            let text = serde_json::to_vec(&files)?;
            if text.len() <= longer {
                component.uploads.insert(folder, files);
                continue;
            }
            let digest = digest(&text);
            let id: String = digest.chars().skip_while(|c| *c != ':').skip(1).take(16).collect();
            let packed = gzip(&text)?;
            let made = packed.chunks(PART_BYTES).enumerate();
            let made: Vec<_> =
                made.map(|(index, part)| (format!("windlass-files-{id}-{index}"), part.to_vec())).collect();
            let names = made.iter().map(|(name, _)| name.clone()).collect();
            component.apart.insert(folder, SeparateUploads { files: files.len(), digest, parts: names });
            parts.extend(made);
        }
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes)?;
    gzip.finish()
}

fn gunzip(bytes: &[u8], cap: u64) -> Result<Vec<u8>, std::io::Error> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).take(cap + 1).read_to_end(&mut text)?;
    if text.len() as u64 > cap {
        return Err(std::io::Error::other(format!("unpacks to more than {cap} bytes")));
    }
    Ok(text)
}
