//! Registries of images: what is there, what is read from them, and what is pushed to them.
//!
//! ```no_run
//! # use windlass::driver::registry::{*, push::*};
//! # async fn example(store: &dyn BlobStore, requests: Vec<ImageRequest>) -> Result<(), Box<dyn std::error::Error>> {
//! let target = Target::parse("harbor.site:5000/mirror", None)?; // Some(1) for --flatten, Some(n) for --max-depth n
//! let registries = Registries::new(Settings {
//!     credentials: Credentials::none().with_user_config()?,
//!     ca_files: vec!["site-ca.pem".into()],
//!     proxies: Proxies::from_env()?,
//!     ..Settings::default()
//! })?;
//! println!("{} is reached {}", target.host, registries.way_to(&target.host));
//! let registry = registries.registry_for(&target.host, &target.prefix).await?;
//! // `requests` come from the lock; `target.names(…)` gives each its repository and tag.
//! let journal = Journal::open("push.jsonl".as_ref())?;
//! let push = Push::prepare(registry, store, requests, TagConflict::Fail, journal).await?;
//! print!("{}", push.plan().table()); // or as JSON: PushPlan is Serialize
//! for problem in push.problems().await? {
//!     println!("{problem}"); // missing projects and rights, all at once
//! }
//! let progress = PushProgress::default(); // progress.snapshot() from any other task
//! let receipt = push.run(&progress).await?; // dropped: stopped, and the journal knows what is half sent
//! # drop(receipt); Ok(()) }
//! ```
//!
//! To read images there is [`RegistrySource`], an [`crate::driver::image_source::ImageSource`].

mod auth;
mod blobs;
mod certificate;
mod client;
mod credentials;
mod error;
mod manifests;
mod proxy;
pub mod push;
mod referrers;
mod retry;
mod settings;
mod source;
mod tls;
mod verifier;
mod waits;

pub use client::{Registries, Registry};
pub use credentials::{Credentials, CredentialsError, Login, login};
pub use error::RegistryError;
pub use manifests::parts;
pub use proxy::{Proxies, ProxyError, ProxyRoute};
pub use settings::{Limits, Settings, Trust};
pub use source::RegistrySource;
pub use waits::{LongWait, WaitListener, WaitReason};
