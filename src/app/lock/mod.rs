//! `windlass lock`.

mod command;
mod render;
mod said;
mod site_files;

pub(super) use command::{lock, unresolved};
pub(super) use site_files::digest_of;
