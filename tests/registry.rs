//! The client of registries against one in memory, well-behaved and not. Each test asserts what was asked of the server.

#[path = "registry/certificates.rs"]
mod certificates;
#[path = "registry/push.rs"]
mod push;
#[path = "registry/read.rs"]
mod read;
#[path = "registry/refuse.rs"]
mod refuse;
#[path = "registry/rough.rs"]
mod rough;
#[path = "registry/store.rs"]
mod store;
