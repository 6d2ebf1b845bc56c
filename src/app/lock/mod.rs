//! `windlass lock`.

mod command;
mod render;
mod said;
mod site_files;
mod source;

pub(super) use command::lock;
pub(super) use site_files::digest_of;
