//! What a run saw: samples go in, recordings come out.
//!
//! Each worker has a [`Recorder`]. It ends a [`Slice`] every [`SLICE`] and hands it out; the slices of all workers are
//! gathered in a [`Recording`], which is all that a run has to say. Recordings merge without loss, in any order.

mod compact;
mod counts;
mod recorder;
mod recording;
mod sample;
mod series;
mod slice;
mod slots;
mod tally;

pub use compact::Compact;
pub use counts::Counts;
pub use recorder::{Options, Recorder};
pub use recording::{Recording, Violation};
pub use sample::{Ended, Lost, Opened, Sample};
pub use series::Series;
pub use slice::{SLICE, Slice};
pub(crate) use slots::slot;
pub use slots::{HIGHEST, histogram};
