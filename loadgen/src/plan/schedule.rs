//! The rate as a function of time, in closed form.

use std::time::Duration;

/// A rate over time: pieces, one behind the other.
///
/// Written `1000/s for 30s`, and as a list: `100..2000/s for 60s, 2000/s for 30s`.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The pieces, at least one.
    pub pieces: Vec<Piece>,
}

/// A part of a schedule: the rate goes from one value to the other in a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Requests per second at its begin.
    pub from: f64,
    /// Requests per second at its end.
    pub to: f64,
    /// How long it takes.
    pub length: Duration,
}

/// How arrivals lie about the schedule.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Arrivals {
    /// Evenly: the n-th request when the integral of the rate reaches n.
    #[default]
    Constant,
    /// As a Poisson process of that rate, from the plan's seed.
    Poisson,
}
