//! A layer that is the same wherever and whenever it is made.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};
use tar::{EntryType, Header};
use tokio_util::sync::CancellationToken;

use super::tree::{Kind, Node, Tree};
use crate::model::oci::Digest;

/// When everything in an image was made, as far as it says: 1980-02-01, the first day that a zip can hold in every time zone.
pub(super) const EPOCH: u64 = 318_211_200;

/// The same as configs have it.
pub(super) const CREATED: &str = "1980-02-01T00:00:00Z";

/// A layer that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Of what is stored and sent.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Of what is in it, unpacked.
    pub diff_id: Digest,
}

/// Hashes and counts what passes.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W> Hashed<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Ends when it is to stop.
struct Stopping<'s, R> {
    inner: R,
    stop: &'s CancellationToken,
}

impl<R: Read> Read for Stopping<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            return Err(io::Error::other("stopped"));
        }
        self.inner.read(buffer)
    }
}

/// Writes the layer of a tree into a new file.
pub(super) fn write(tree: &Tree, to: &Path, stop: &CancellationToken, progress: &dyn Fn(u64)) -> io::Result<Layer> {
    let file = Hashed::new(BufWriter::with_capacity(1 << 20, File::create(to)?));
    // No time and no name in its head: GzBuilder writes neither, and says that it is of no system in particular.
    let packed: GzEncoder<_> = GzBuilder::new().write(file, Compression::default());
    let mut archive = tar::Builder::new(Hashed::new(packed));
    for (path, node) in &tree.nodes {
        append(&mut archive, path, node, stop)?;
        if let Kind::File(content) = &node.kind {
            progress(content.size());
        }
    }
    let Hashed { inner: packed, hash, .. } = archive.into_inner()?;
    let diff_id = Digest::finish(hash);
    let Hashed { mut inner, hash, bytes } = packed.finish()?;
    inner.flush()?;
    Ok(Layer { digest: Digest::finish(hash), size: bytes, diff_id })
}

fn append(archive: &mut tar::Builder<impl Write>, path: &str, node: &Node, stop: &CancellationToken) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(node.mode);
    header.set_uid(node.owner.0);
    header.set_gid(node.owner.1);
    header.set_mtime(EPOCH);
    header.set_size(0);
    match &node.kind {
        Kind::Folder => {
            header.set_entry_type(EntryType::Directory);
            archive.append_data(&mut header, format!("{path}/"), io::empty())
        }
        Kind::Link(to) => {
            header.set_entry_type(EntryType::Symlink);
            archive.append_link(&mut header, path, to)
        }
        Kind::File(content) => {
            header.set_entry_type(EntryType::Regular);
            header.set_size(content.size());
            archive.append_data(&mut header, path, Stopping { inner: content.reader(), stop })
        }
    }
}
