//! What happens in a run: events, and the one reducer that every renderer reads.

mod journal;
mod state;
mod types;

pub use journal::{Channel, Listener, channel};
pub use state::{Counts, RunState, Status, StepState};
pub use types::{Announced, EVENT_SCHEMA, Envelope, Event, Outcome, Skip};
