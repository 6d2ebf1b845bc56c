//! What users see, as snapshots at several widths, from invented plans and replayed events.

mod hdfs;
pub(super) mod made;
mod run;
mod screen;
mod tables;
