//! The only code that touches the world.

pub mod helm;
pub mod http;
pub mod kube;
pub mod process;
pub mod webhdfs;
