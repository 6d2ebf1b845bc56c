//! What happens in a run: events, and the one reducer that every renderer reads.

mod journal;
mod state;
mod types;

pub use journal::{Channel, Listener, channel};
pub use state::{ActionState, Counts, RunState, Status};
pub use types::{Announced, EVENT_SCHEMA, Envelope, Event, Outcome, Skip};
