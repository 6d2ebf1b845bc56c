//! The options of `image`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{LayoutArg, RegistryArgs, TagRule};

/// `image`.
#[derive(Debug, Args)]
pub struct ImageArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ImageCommand,
}

/// What to do with images that nobody publishes.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Build an image: a layer on top of its base image, from a released distribution
    #[command(after_help = "Examples:
  windlass image build livy --dist apache-livy-0.9.0-incubating_2.12-bin.zip \\
      --to registry:harbor.site/platform/livy:0.9.0-incubating
  windlass image build livy --dist livy.zip --to oci:./livy --tag harbor.site/platform/livy:0.9.0-incubating
  windlass image build livy --dist livy.zip --to bundle:livy.tar --tag harbor.site/platform/livy:0.9.0-incubating
  windlass bundle create --lock site.lock --layout ./livy --from published     the layout goes into an offline bundle
  windlass image build livy --dist livy.zip --bundle platform.tar --to oci:./livy   the base from an offline bundle

The component's Containerfile is used; instructions that need a container engine (RUN) are rejected with their line number.
The base image is the one pinned in images.lock, whatever source it comes from. Builds are reproducible on any machine:
no timestamps, fixed order and modes.

Exit codes: 0 done, 1 a local error (disk full), 2 bad input (a wrong distribution, a base for another platform, a
folder that exists), 4 the base or the registry cannot be reached, 5 a fetch or a push failed, 6 stopped, 8 the offline bundle
is not signed by the pinned key, 11 not enough space, or the registry is not ready for a push; see docs/exit-codes.md")]
    Build(Box<BuildArgs>),
    /// List the images that components have a Containerfile for, and whether they need a container engine
    #[command(after_help = "Example:
  windlass image list --catalog definitions")]
    List,
}

/// `image build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Component, or COMPONENT.IMAGE if it has several images that can be built
    pub component: String,
    /// A released distribution (.zip, .tar.gz, .tar); NAME is the name in COPY --from, `dist` by default; may be
    /// repeated
    #[arg(long, value_name = "[NAME=]ARCHIVE", required = true)]
    pub dist: Vec<LayoutArg>,
    /// The target: a new folder, a new offline bundle of this image alone, or a registry
    #[arg(long, value_name = "oci:DIR|bundle:FILE|registry:HOST/REPOSITORY:TAG")]
    pub to: ImageTarget,
    /// With --to oci: or bundle: the name of the image there, such as harbor.site/platform/livy:0.9.0; may be repeated
    #[arg(long, value_name = "IMAGE")]
    pub tag: Vec<String>,
    /// Build for this platform; may be repeated for a multi-platform index
    #[arg(long, value_name = "OS/ARCH", default_value = "linux/amd64")]
    pub platform: Vec<String>,
    /// Set an ARG of the Containerfile to another value; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub build_arg: Vec<BuildArg>,
    /// Take the base from this registry, `host[:port][/path]`, under its original path; `published` (the default) takes
    /// it from its own registry
    #[arg(long, value_name = "REGISTRY", conflicts_with_all = ["layout", "bundle"], help_heading = "Base image")]
    pub from: Option<String>,
    /// Take the base from an OCI layout, an oci-archive or a `docker save` archive; may be repeated
    #[arg(long, value_name = "[IMAGE=]PATH", conflicts_with = "bundle", help_heading = "Base image")]
    pub layout: Vec<LayoutArg>,
    /// Take the base from an offline bundle; may be repeated for its parts
    #[arg(long, value_name = "BUNDLE", help_heading = "Base image")]
    pub bundle: Vec<PathBuf>,
    /// Accept that offline bundle only if it is signed by this public key (PEM)
    #[arg(long, value_name = "FILE", requires = "bundle", help_heading = "Base image")]
    pub key: Option<PathBuf>,
    /// Signature file, if the signature is neither inside the offline bundle nor next to it
    #[arg(long, value_name = "FILE", requires = "bundle", help_heading = "Base image")]
    pub signature: Option<PathBuf>,
    /// Check the base against this lock instead of ./images.lock or, if that does not exist, the built-in lock
    #[arg(long, value_name = "FILE", help_heading = "Base image")]
    pub lock: Option<PathBuf>,
    /// With --to registry: if the tag already exists for another image: fail before anything is sent, keep it, or
    /// overwrite it
    #[arg(long, value_name = "RULE", value_enum, default_value_t = TagRule::Fail)]
    pub tag_conflict: TagRule,
    /// How registries are reached.
    #[command(flatten)]
    pub reach: RegistryArgs,
}

/// Where an image goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageTarget {
    /// A new OCI layout.
    Oci(PathBuf),
    /// A new offline bundle.
    Bundle(PathBuf),
    /// An image's name in a registry.
    Registry(String),
}

impl std::str::FromStr for ImageTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("oci", path)) if !path.is_empty() => Ok(Self::Oci(path.into())),
            Some(("bundle", path)) if !path.is_empty() => Ok(Self::Bundle(path.into())),
            Some(("registry", name)) if !name.is_empty() => Ok(Self::Registry(name.to_owned())),
            _ => Err("expected oci: and a folder, bundle: and a file, or registry: and an image's name, such as oci:./image, \
                      bundle:./image.tar or registry:harbor.site/platform/name:1.0"
                .to_owned()),
        }
    }
}

/// `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildArg {
    /// The argument.
    pub name: String,
    /// Its value, which may be empty.
    pub value: String,
}

impl std::str::FromStr for BuildArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            _ => Err("expected a name, = and a value".to_owned()),
        }
    }
}
