//! The checksum HDFS keeps of a file, computed from local bytes, so that a file is verified without reading it back
//! and skipped when it is already there.
//!
//! HDFS answers GETFILECHECKSUM with an MD5 over the MD5s of the blocks, each over the big-endian CRCs of the block's
//! chunks. The last step digests a Java buffer, not its filled part: the block MD5s are followed by zeros up to
//! 32·2^k bytes. The value depends on the *file's* block size and chunk size, hence [`Layout`].

use std::fmt;

use md5::{Digest, Md5};
use serde::Deserialize;

/// MD5 of 32 zero bytes: what HDFS answers for a file without blocks.
const EMPTY_MD5: [u8; 16] =
    [0x70, 0xbc, 0x8f, 0x4b, 0x72, 0xa8, 0x69, 0x21, 0x46, 0x8b, 0xf8, 0xe8, 0x44, 0x1d, 0xce, 0x51];

/// Which CRC HDFS keeps per chunk (`dfs.checksum.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CrcKind {
    /// The default since Hadoop 2.
    Crc32c,
    /// zlib's; also what HDFS says for an empty file.
    Crc32,
}

/// How HDFS cuts a file up. It belongs to the file, not to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bytes per block (`FileStatus.blockSize`).
    pub block_size: u64,
    /// Bytes per CRC (`dfs.bytes-per-checksum`).
    pub bytes_per_crc: u32,
    /// The CRC.
    pub kind: CrcKind,
}

impl Default for Layout {
    /// Hadoop's defaults: blocks of 128 MiB, CRC32C per 512 bytes.
    fn default() -> Self {
        Self { block_size: 128 << 20, bytes_per_crc: 512, kind: CrcKind::Crc32c }
    }
}

/// A file's checksum as HDFS gives it. Equal values mean equal content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileChecksum {
    bytes_per_crc: u32,
    crcs_per_block: u64,
    md5: [u8; 16],
    kind: CrcKind,
}

impl FileChecksum {
    /// The algorithm's name, as in `hdfs dfs -checksum`: `MD5-of-0MD5-of-512CRC32C`.
    #[must_use]
    pub fn algorithm(&self) -> String {
        let kind = match self.kind {
            CrcKind::Crc32c => "CRC32C",
            CrcKind::Crc32 => "CRC32",
        };
        format!("MD5-of-{}MD5-of-{}{kind}", self.crcs_per_block, self.bytes_per_crc)
    }

    /// The 28 bytes in hex, as in the last column of `hdfs dfs -checksum`.
    #[must_use]
    pub fn hex(&self) -> String {
        let mut bytes = Vec::with_capacity(28);
        bytes.extend_from_slice(&self.bytes_per_crc.to_be_bytes());
        bytes.extend_from_slice(&self.crcs_per_block.to_be_bytes());
        bytes.extend_from_slice(&self.md5);
        to_hex(&bytes)
    }

    /// The layout this checksum was made with, as far as it tells: a file of one block hides its block size, so
    /// `block_size` (from the file's status) is taken on trust there.
    #[must_use]
    pub fn layout(&self, block_size: u64) -> Layout {
        if self.bytes_per_crc == 0 {
            return Layout { block_size, ..Layout::default() };
        }
        let block_size = match self.crcs_per_block {
            0 => block_size,
            n => n.saturating_mul(u64::from(self.bytes_per_crc)),
        };
        Layout { block_size, bytes_per_crc: self.bytes_per_crc, kind: self.kind }
    }

    /// Reads the body of a GETFILECHECKSUM answer.
    ///
    /// # Errors
    /// [`ChecksumError`] where the body is not JSON, or names an algorithm that is not MD5 of MD5 of CRC.
    pub fn parse(body: &[u8]) -> Result<Self, ChecksumError> {
        let ChecksumAnswer { checksum } = serde_json::from_slice(body).map_err(ChecksumError::Json)?;
        let unknown = || ChecksumError::Algorithm(checksum.algorithm.clone());
        let (crcs_per_block, bytes_per_crc, kind) = parse_algorithm(&checksum.algorithm).ok_or_else(unknown)?;
        // 28 bytes, and four more of padding that carry nothing.
        let bytes = from_hex(&checksum.bytes).filter(|b| b.len() >= 28);
        let bytes = bytes.ok_or_else(|| ChecksumError::Bytes(checksum.bytes.clone()))?;
        let mut md5 = [0; 16];
        md5.copy_from_slice(&bytes[12..28]);
        let parsed = Self { bytes_per_crc, crcs_per_block, md5, kind };
        if to_hex(&bytes[..28]) == parsed.hex() { Ok(parsed) } else { Err(ChecksumError::Bytes(checksum.bytes)) }
    }
}

impl fmt::Display for FileChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex())
    }
}

impl fmt::Debug for FileChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileChecksum({self})")
    }
}

/// Why a GETFILECHECKSUM answer could not be parsed.
#[derive(Debug, thiserror::Error)]
pub enum ChecksumError {
    /// The body is not the JSON it should be.
    #[error("the response is not a FileChecksum")]
    Json(#[source] serde_json::Error),
    /// Another algorithm, such as COMPOSITE-CRC, which cannot be compared.
    #[error("checksum algorithm {0:?} is not supported, expected MD5-of-nMD5-of-nCRC32C")]
    Algorithm(String),
    /// The bytes do not fit the algorithm's name.
    #[error("checksum bytes {0:?} do not fit their algorithm")]
    Bytes(String),
}

#[derive(Deserialize)]
struct ChecksumAnswer {
    #[serde(rename = "FileChecksum")]
    checksum: Wire,
}

#[derive(Deserialize)]
struct Wire {
    algorithm: String,
    bytes: String,
}

/// `MD5-of-{crcs per block}MD5-of-{bytes per crc}{CRC32C or CRC32}`.
fn parse_algorithm(name: &str) -> Option<(u64, u32, CrcKind)> {
    let (crcs_per_block, rest) = name.strip_prefix("MD5-of-")?.split_once("MD5-of-")?;
    let (bytes_per_crc, kind) = rest.split_once("CRC")?;
    let kind = match kind {
        "32C" => CrcKind::Crc32c,
        "32" => CrcKind::Crc32,
        _ => return None,
    };
    Some((crcs_per_block.parse().ok()?, bytes_per_crc.parse().ok()?, kind))
}

/// Computes a [`FileChecksum`] from bytes in order, in constant memory.
pub struct Hasher {
    layout: Layout,
    /// The CRC of the chunk in progress, whichever of the two the layout names, and the chunk's length.
    crc32c: u32,
    crc32: flate2::Crc,
    chunk_len: u32,
    /// Bytes in the block in progress, and the MD5 over its CRCs.
    block_len: u64,
    block: Md5,
    /// CRCs not yet digested: MD5 in steps of 4 bytes would cost more than the CRC itself.
    crcs: Vec<u8>,
    /// The MD5 over the block MD5s, and how many there were.
    file: Md5,
    blocks: u64,
}

/// CRCs gathered before they are digested: 1024 of them.
const CRC_BUFFER: usize = 4096;

impl Hasher {
    /// Starts a file. A layout of zeros is read as Hadoop's defaults.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let default = Layout::default();
        let layout = Layout {
            block_size: if layout.block_size == 0 { default.block_size } else { layout.block_size },
            bytes_per_crc: if layout.bytes_per_crc == 0 { default.bytes_per_crc } else { layout.bytes_per_crc },
            kind: layout.kind,
        };
        Self {
            layout,
            crc32c: 0,
            crc32: flate2::Crc::new(),
            chunk_len: 0,
            block_len: 0,
            block: Md5::new(),
            crcs: Vec::with_capacity(CRC_BUFFER),
            file: Md5::new(),
            blocks: 0,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let in_chunk = u64::from(self.layout.bytes_per_crc - self.chunk_len);
            let room = in_chunk.min(self.layout.block_size - self.block_len);
            let take = usize::try_from(room).unwrap_or(usize::MAX).min(data.len());
            let (head, tail) = data.split_at(take);
            match self.layout.kind {
                CrcKind::Crc32c => self.crc32c = crc32c::crc32c_append(self.crc32c, head),
                CrcKind::Crc32 => self.crc32.update(head),
            }
            // `take` is at most `bytes_per_crc`, a u32.
            self.chunk_len += u32::try_from(take).unwrap_or(u32::MAX);
            self.block_len += take as u64;
            data = tail;
            if self.chunk_len == self.layout.bytes_per_crc || self.block_len == self.layout.block_size {
                self.end_chunk();
            }
            if self.block_len == self.layout.block_size {
                self.end_block();
            }
        }
    }

    /// The checksum of all bytes taken.
    #[must_use]
    pub fn finish(mut self) -> FileChecksum {
        if self.chunk_len > 0 {
            self.end_chunk();
        }
        if self.block_len > 0 {
            self.end_block();
        }
        if self.blocks == 0 {
            return FileChecksum { bytes_per_crc: 0, crcs_per_block: 0, md5: EMPTY_MD5, kind: CrcKind::Crc32 };
        }
        let filled = self.blocks * 16;
        let mut padding = filled.next_power_of_two().max(32) - filled;
        let zeros = [0; 512];
        while padding > 0 {
            let step = padding.min(zeros.len() as u64);
            self.file.update(&zeros[..usize::try_from(step).unwrap_or(zeros.len())]);
            padding -= step;
        }
        let bytes_per_crc = self.layout.bytes_per_crc;
        let crcs_per_block = if self.blocks > 1 { self.layout.block_size / u64::from(bytes_per_crc) } else { 0 };
        FileChecksum { bytes_per_crc, crcs_per_block, md5: self.file.finalize().into(), kind: self.layout.kind }
    }

    fn end_chunk(&mut self) {
        let crc = match self.layout.kind {
            CrcKind::Crc32c => std::mem::take(&mut self.crc32c),
            CrcKind::Crc32 => {
                let crc = self.crc32.sum();
                self.crc32.reset();
                crc
            }
        };
        self.crcs.extend_from_slice(&crc.to_be_bytes());
        if self.crcs.len() >= CRC_BUFFER {
            self.block.update(&self.crcs);
            self.crcs.clear();
        }
        self.chunk_len = 0;
    }

    fn end_block(&mut self) {
        self.block.update(&self.crcs);
        self.crcs.clear();
        let md5 = self.block.finalize_reset();
        self.file.update(md5);
        self.blocks += 1;
        self.block_len = 0;
    }
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests;
