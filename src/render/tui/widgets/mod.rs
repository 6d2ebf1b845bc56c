//! Pieces that several screens are made of. They draw from plain values and keep nothing.

mod edit;
mod lines;
mod list;

pub(super) use edit::LineEdit;
pub(super) use lines::{fill, frame, gauge, inner, paragraph, put, put_all, row_of, styled};
pub(super) use list::{Cursor, rows};
