//! `windlass bundle` as types.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::RegistryArgs;
use crate::app::parse_split;

/// `bundle`.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BundleCommand,
}

/// What to do with offline bundles.
#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Create an offline bundle from a registry or from OCI layouts; run the same command again to resume
    #[command(after_help = "Examples:
  windlass bundle create --output platform.tar                      each image from its own registry
  windlass bundle create --from mirror.example/hub --platform linux/amd64 --platform linux/arm64
  windlass bundle create --components livy --split dvd
  windlass bundle create --since last-year.tar --output update.tar
  windlass bundle create --layout docker.io/apache/spark:3.5.6=./spark --output platform.tar

Charts and files of the chosen components come from the catalog and are checked against the lock; this windlass and its Helm
are included for the platform of this machine. If the lock has an index and a single platform is requested, only the manifest
of that platform is included.

The command first prints what will be fetched and written. The output is reproducible: the same inputs give the same bytes.
An interrupted offline bundle is kept with the suffix .partial, and data that was already fetched is not fetched again.")]
    Create(CreateArgs),
    /// Show the contents of an offline bundle: components, images, platforms, sizes
    #[command(after_help = "Examples:
  windlass bundle inspect platform.tar
  windlass bundle inspect platform.tar --format cyclonedx > inventory.json
  windlass bundle inspect platform.tar --sbom ./sboms     every SBOM of its images, and which have none")]
    Inspect {
        /// The offline bundle.
        #[command(flatten)]
        open: OpenArgs,
        /// Output format
        #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
        format: Option<InventoryFormat>,
        /// Write the SBOMs of its images (SPDX, CycloneDX) into this folder
        #[arg(long, value_name = "DIR")]
        sbom: Option<PathBuf>,
    },
    /// Read every byte of an offline bundle and verify its signature
    #[command(after_help = "Examples:
  windlass bundle verify platform.tar
  windlass bundle verify /mnt/a:/mnt/b --key site.pub

With --key, exits with 8 if the offline bundle is not signed by that key. Exits with 7 if data is corrupt.")]
    Verify(OpenArgs),
    /// Write images of an offline bundle to an OCI layout, for scanners
    #[command(after_help = "Examples:
  windlass bundle extract docker.io/apache/spark:3.5.6 platform.tar --to oci:./spark
  windlass bundle extract all platform.tar --to oci:./all")]
    Extract {
        /// Full image name, or `all`
        image: String,
        /// The offline bundle.
        #[command(flatten)]
        open: OpenArgs,
        /// A new folder: oci:DIR
        #[arg(long, value_name = "oci:DIR", value_parser = oci_folder)]
        to: PathBuf,
    },
    /// Show what was added, removed and changed between two offline bundles
    #[command(after_help = "Example:
  windlass bundle diff last-year.tar platform.tar     each may be a lock alone")]
    Diff {
        /// The older offline bundle or its lock
        old: PathBuf,
        /// The newer offline bundle or its lock
        new: PathBuf,
    },
    /// Push the images of an offline bundle to a registry; run the same command again to resume an interrupted push
    #[command(after_help = "Examples:
  windlass bundle push platform.tar --registry harbor.site/mirror --plan
  windlass bundle push /mnt/a:/mnt/b --registry harbor.site/mirror --ca site-ca.pem --key site.pub --receipt pushed.json
  windlass bundle push platform.tar --registry gitlab.site:5050/group/project --max-depth 2

Nothing is unpacked: blobs are read in place and verified while sending; blobs that the registry has are skipped.
Problems that would make the push fail (missing projects, rights, conflicting tags) are reported at once, with exit code 11.")]
    Push(PushArgs),
    /// Serve the images of an offline bundle as a read-only registry, directly from its files, until Ctrl-C
    #[command(after_help = "Examples:
  windlass bundle serve platform.tar                                     for this machine
  windlass bundle serve platform.tar --listen 0.0.0.0:5000 --tls-cert cert.pem --tls-key key.pem

An image is served under PATH and REGISTRY/PATH: docker.io/apache/spark:3.5.6 is available as HOST:5000/apache/spark:3.5.6,
and containerd can use HOST:5000 as a mirror of docker.io. Anyone who can reach the address can read; nothing can be written.
Exits with 6 on Ctrl-C.")]
    Serve(ServeArgs),
    /// Split an offline bundle into parts for media
    #[command(after_help = "Example:
  windlass bundle split platform.tar --size fat32 --output /mnt/usb/platform.tar")]
    Split {
        /// The offline bundle.
        #[command(flatten)]
        open: OpenArgs,
        /// Size of a part: dvd, bd25, fat32, or a size such as 4G
        #[arg(long, value_name = "SIZE", value_parser = parse_split)]
        size: u64,
        /// Prefix of the names of parts
        #[arg(long, short = 'o', value_name = "FILE")]
        output: PathBuf,
    },
    /// Join parts, or a difference and its base
    #[command(after_help = "Examples:
  windlass bundle join /mnt/a:/mnt/b --output platform.tar       join parts (other commands read parts directly)
  windlass bundle join base.tar update.tar --output platform.tar merge a difference and its base, byte for byte as from one create")]
    Join {
        /// Parts or their folders; or base and difference
        #[arg(required = true, num_args = 1..)]
        bundles: Vec<PathBuf>,
        /// The new file
        #[arg(long, short = 'o', value_name = "FILE")]
        output: PathBuf,
    },
    /// Sign an offline bundle; the signature is written to FILE.sig
    #[command(after_help = "Examples:
  windlass bundle sign platform.tar --private-key site.key
  windlass bundle sign platform.tar --print-lock > images.lock          to sign elsewhere, on an HSM or by cosign:
  cosign sign-blob --key site-p256.key images.lock > images.lock.sig
  windlass bundle sign platform.tar --signature images.lock.sig --key site-p256.pub")]
    Sign {
        /// The offline bundle: a file, a part, or folders of parts
        #[arg(required = true, num_args = 1..)]
        bundle: Vec<PathBuf>,
        /// Sign with this private key (ed25519, PEM)
        #[arg(long, value_name = "FILE", required_unless_present_any = ["signature", "print_lock"])]
        private_key: Option<PathBuf>,
        /// Use a signature that was created elsewhere: base64, as printed by cosign
        #[arg(long, value_name = "FILE", conflicts_with = "private_key", requires = "key")]
        signature: Option<PathBuf>,
        /// The public key of that signature: ed25519, or ECDSA on P-256 (PEM)
        #[arg(long, value_name = "FILE", requires = "signature")]
        key: Option<PathBuf>,
        /// Print the bytes to sign
        #[arg(long, conflicts_with_all = ["private_key", "signature", "json"])]
        print_lock: bool,
    },
    /// Generate a key pair for signing
    #[command(after_help = "Example:
  windlass bundle keygen site          creates site.key (keep it secret) and site.pub")]
    Keygen {
        /// Prefix of the names of both key files
        name: PathBuf,
    },
}

/// Which offline bundle, and whose.
#[derive(Debug, Clone, Default, Args)]
pub struct OpenArgs {
    /// The offline bundle: a file, a part, or folders of parts, separated by colons or given as several arguments
    #[arg(required = true, num_args = 1.., value_name = "BUNDLE")]
    pub bundle: Vec<PathBuf>,
    /// Accept it only if it is signed by this public key (PEM)
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Signature file, if the signature is neither inside the offline bundle nor next to it
    #[arg(long, value_name = "FILE")]
    pub signature: Option<PathBuf>,
}

/// An install from an offline bundle.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Offline")]
pub struct OfflineArgs {
    /// Install from this offline bundle, using only the cluster and the registry: a file, a part, or folders of parts,
    /// separated by colons; may be repeated
    #[arg(long, value_name = "BUNDLE")]
    pub bundle: Vec<PathBuf>,
    /// Push the images of the offline bundle to this registry, below this path, and pull them from there; default:
    /// platform.registry
    #[arg(long, value_name = "HOST[:PORT][/PATH]", requires = "bundle")]
    pub registry: Option<String>,
    /// Nodes pull the images from here: what the registry is called inside, or a mirror of it; default: --registry
    #[arg(long, value_name = "HOST[:PORT][/PATH]", requires = "registry")]
    pub pull_registry: Option<String>,
    /// Accept the offline bundle only if it is signed by this public key (PEM)
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub key: Option<PathBuf>,
    /// Signature file, if the signature is neither inside the offline bundle nor next to it
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub signature: Option<PathBuf>,
    /// Write to FILE, as JSON, where each pushed image is and by which digest, for `bundle create --since`; only an install does
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub receipt: Option<PathBuf>,
    /// How images are named in the registry.
    #[command(flatten)]
    pub into: PushTargetArgs,
    /// How the registry is reached.
    #[command(flatten)]
    pub reach: RegistryArgs,
}

/// How images are named in a registry, and what happens if a tag exists.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct PushTargetArgs {
    /// Use a single path component below the path: docker.io/apache/spark becomes PATH/apache-spark
    #[arg(long, conflicts_with = "max_depth")]
    pub flatten: bool,
    /// Use at most N path components below the path; the rest are joined with dashes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub max_depth: Option<u8>,
    /// If a tag already exists for another image: fail before anything is sent, keep it, or overwrite it
    #[arg(long, value_name = "RULE", value_enum, default_value_t = TagRule::Fail)]
    pub tag_conflict: TagRule,
    /// Omit signatures and attestations of images; the receipt says so
    #[arg(long)]
    pub without_signatures: bool,
}

impl PushTargetArgs {
    /// The most parts of a repository below the path.
    #[must_use]
    pub fn depth(&self) -> Option<usize> {
        if self.flatten { Some(1) } else { self.max_depth.map(usize::from) }
    }
}

/// How `inspect --format` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum InventoryFormat {
    /// CycloneDX 1.6 as JSON: the inventory of the offline bundle itself
    Cyclonedx,
}

/// `bundle create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Use the images of this lock, or of the lock of this offline bundle, instead of ./images.lock or, if that does
    /// not exist, the built-in lock
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
    /// Fetch all images from this registry, `host[:port][/path]`, under their original paths; `published` (the default)
    /// fetches each image from its own registry
    #[arg(long, value_name = "REGISTRY")]
    pub from: Option<String>,
    /// Take images from an OCI layout, an oci-archive or a `docker save` archive; with --from, other images come from
    /// the registry; may be repeated
    #[arg(long, value_name = "[IMAGE=]PATH")]
    pub layout: Vec<LayoutArg>,
    /// Include images for this platform; may be repeated
    #[arg(long, value_name = "OS/ARCH", default_value = "linux/amd64")]
    pub platform: Vec<String>,
    /// Omit signatures and attestations that are stored beside images, without asking for them
    #[arg(long)]
    pub without_signatures: bool,
    /// Include only what these components use
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub components: Option<Vec<String>>,
    /// A difference: include only images that OLD does not contain, with all charts, files and programs; OLD is an offline
    /// bundle, its lock, or the receipt of its push (`bundle push --receipt`)
    #[arg(long, value_name = "OLD")]
    pub since: Option<PathBuf>,
    /// Use this chart for a component instead of the one in the catalog: an archive or a folder; may be repeated
    #[arg(long, value_name = "ID=PATH")]
    pub chart: Vec<LocalArg>,
    /// Use these files for a component to upload: an archive or a folder; may be repeated
    #[arg(long, value_name = "ID.QUESTION=PATH")]
    pub file: Vec<LocalArg>,
    /// A program to include, such as helm@3.19.0=./helm; may be repeated
    #[arg(long, value_name = "NAME@VERSION=PATH")]
    pub program: Vec<LocalArg>,
    /// Do not include the windlass and Helm programs
    #[arg(long)]
    pub no_programs: bool,
    /// Split into parts of this size: dvd, bd25, fat32, or a size such as 4G
    #[arg(long, value_name = "SIZE", value_parser = parse_split)]
    pub split: Option<u64>,
    /// Sign the offline bundle with this private key (ed25519, PEM); the signature is stored inside
    #[arg(long, value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Write the offline bundle to FILE
    #[arg(long, short = 'o', value_name = "FILE", default_value = "windlass-bundle.tar")]
    pub output: PathBuf,
    /// Remove an incomplete offline bundle that was started with other inputs, and start over
    #[arg(long)]
    pub restart: bool,
    /// Print what would be fetched and written, and exit
    #[arg(long)]
    pub dry_run: bool,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: RegistryArgs,
}

/// `bundle push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// The offline bundle.
    #[command(flatten)]
    pub open: OpenArgs,
    /// Push to this registry, below this path
    #[arg(long, value_name = "HOST[:PORT][/PATH]")]
    pub registry: String,
    /// Show what would be sent, mounted and tagged, and what would keep the push from starting; change nothing
    #[arg(long, conflicts_with = "receipt")]
    pub plan: bool,
    /// How images are named there.
    #[command(flatten)]
    pub into: PushTargetArgs,
    /// Write the location and digest of each image to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// How the registry is reached.
    #[command(flatten)]
    pub reach: RegistryArgs,
}

/// The rules of `--tag-conflict`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TagRule {
    /// Nothing is pushed
    #[default]
    Fail,
    /// The tag is kept; the image is available by its digest
    Keep,
    /// The tag is overwritten
    Overwrite,
}

/// `bundle serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The offline bundle.
    #[command(flatten)]
    pub open: OpenArgs,
    /// Listen on this address
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5000")]
    pub listen: std::net::SocketAddr,
    /// Serve TLS with this certificate (PEM, with its chain)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Serve plain HTTP although other machines can reach the address
    #[arg(long, conflicts_with = "tls_cert")]
    pub plain_http: bool,
}

/// `[IMAGE=]PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutArg {
    /// The image that it holds.
    pub image: Option<String>,
    /// The folder or the archive.
    pub path: PathBuf,
}

/// `NAME=PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalArg {
    /// Of what.
    pub name: String,
    /// The file or folder.
    pub path: PathBuf,
}

impl std::str::FromStr for LayoutArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((image, path)) if !image.is_empty() && !path.is_empty() && !image.starts_with(['.', '/']) => {
                Ok(Self { image: Some(image.to_owned()), path: path.into() })
            }
            _ if text.is_empty() => Err("expected a path".to_owned()),
            _ => Ok(Self { image: None, path: text.into() }),
        }
    }
}

impl std::str::FromStr for LocalArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(Self { name: name.to_owned(), path: path.into() })
            }
            _ => Err("expected a name, = and a path".to_owned()),
        }
    }
}

fn oci_folder(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("oci:").filter(|path| !path.is_empty());
    path.map(PathBuf::from).ok_or_else(|| "expected oci: and a folder, such as oci:./images".to_owned())
}
