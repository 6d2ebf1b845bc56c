//! The only code that touches the world.

pub mod webhdfs;
