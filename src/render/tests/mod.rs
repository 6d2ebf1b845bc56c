//! What users see, as snapshots at several widths, from invented plans and replayed events.

mod made;
mod run;
mod screen;
mod tables;
