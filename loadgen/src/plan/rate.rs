//! What `--rate` says.

use std::str::FromStr;
use std::time::Duration;

use super::length::{Length, NoLength, split};
use super::schedule::{Piece, Schedule};

/// Pieces of a schedule, one of which may leave its length to the length of the run.
///
/// | written | meaning |
/// | --- | --- |
/// | `1000`, `1000/s`, `60/m`, `1.5k/s`, `2M/s` | so many requests a second (`/m` a minute, `/h` an hour) |
/// | `100..2000/s` | from one rate to the other in a straight line |
/// | `… for 30s` | for so long; without it, for what the other pieces leave of the run's length |
/// | `steps 100..500/s by 100 each 10s` | 100/s, 200/s and so on up to 500/s, 10 seconds each; down as well |
/// | `6x(100/s for 9s, 1k/s for 1s)` | the list in parentheses so many times, for bursts and saw teeth |
/// | `a, b, c` | one behind the other |
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    pieces: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    from: f64,
    to: f64,
    length: Option<Duration>,
}

/// What is wrong with a rate, and how to mend it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RateFault {
    /// There is nothing between two commas, or nothing at all.
    #[error(
        "a rate is missing: write one as in `1000/s`, or a list as in `100..2000/s for 60s, 2000/s for 30s`"
    )]
    Missing,
    /// It is no number with a unit of time.
    #[error(
        "{0:?} is no rate: write a number and the time it is for, as in `1000/s`, `60/m` or `1.5k/s`"
    )]
    NoRate(String),
    /// It is more than can be planned.
    #[error("a rate of {0} is too high: at most 1000M/s can be planned")]
    TooHigh(String),
    /// What follows `for` or `each` is no length of time.
    #[error(transparent)]
    NoLength(#[from] NoLength),
    /// A length is zero.
    #[error("{0:?} takes no time: give it a length above 0")]
    NoTime(String),
    /// The words of `steps` are not in place.
    #[error("{0:?} is no series of steps: write it as in `steps 100..1000/s by 100 each 10s`")]
    NoSteps(String),
    /// The parentheses of a repetition are not in place.
    #[error("{0:?} is no repetition: write it as in `6x(100/s for 9s, 1000/s for 1s)`")]
    NoRepetition(String),
    /// More pieces than are held.
    #[error("the schedule has more than {MAX_PIECES} pieces: use ramps, or larger steps")]
    TooManyPieces,
    /// Two pieces leave their length open.
    #[error(
        "{0} pieces have no length: only one may leave it to the length of the run, give the others theirs by `for 30s`"
    )]
    Open(usize),
    /// A piece leaves its length to a run that has none.
    #[error(
        "the rate has no length: say how long by `for 30s` behind it, or by `-d 30s` for the run"
    )]
    NoRunLength,
    /// The pieces with a length leave nothing to the one without.
    #[error(
        "the pieces take {pieces} and the run {run}, which leaves nothing to the piece without a length: make the run longer"
    )]
    NothingLeft {
        /// Length of all pieces that have one.
        pieces: Length,
        /// Length of the run.
        run: Length,
    },
    /// The pieces do not take as long as the run.
    #[error(
        "the schedule takes {pieces} and the run {run}: leave out the length of the run, or of one piece"
    )]
    LengthsDiffer {
        /// Length of all pieces.
        pieces: Length,
        /// Length of the run.
        run: Length,
    },
}

/// Most pieces of a schedule.
const MAX_PIECES: usize = 10_000;

/// The highest rate, in requests per second: one a nanosecond.
pub(super) const MAX_RATE: f64 = 1e9;

impl Rate {
    /// Whether one piece leaves its length to the run.
    pub fn is_open(&self) -> bool {
        self.pieces.iter().any(|piece| piece.length.is_none())
    }

    /// The schedule over a run of this length; without one every piece must have its own.
    ///
    /// # Errors
    /// The lengths do not fit: [`RateFault::NoRunLength`], [`RateFault::NothingLeft`], [`RateFault::LengthsDiffer`].
    pub fn over(&self, run: Option<Duration>) -> Result<Schedule, RateFault> {
        let lengths = self.pieces.iter().filter_map(|piece| piece.length);
        let sum = lengths.fold(Duration::ZERO, Duration::saturating_add);
        let rest = match (self.is_open(), run) {
            (true, None) => return Err(RateFault::NoRunLength),
            (true, Some(run)) if run <= sum => {
                return Err(RateFault::NothingLeft { pieces: Length(sum), run: Length(run) });
            }
            (false, Some(run)) if run != sum => {
                return Err(RateFault::LengthsDiffer { pieces: Length(sum), run: Length(run) });
            }
            (_, run) => run.unwrap_or_default().saturating_sub(sum),
        };
        let pieces = self.pieces.iter();
        let pieces = pieces.map(|&Part { from, to, length }| Piece {
            from,
            to,
            length: length.unwrap_or(rest),
        });
        Ok(Schedule { pieces: pieces.collect() })
    }
}

impl FromStr for Schedule {
    type Err = RateFault;

    /// Reads a [`Rate`] of which every piece has a length.
    fn from_str(text: &str) -> Result<Self, RateFault> {
        text.parse::<Rate>()?.over(None)
    }
}

impl FromStr for Rate {
    type Err = RateFault;

    fn from_str(text: &str) -> Result<Self, RateFault> {
        let pieces = list(text)?;
        match pieces.iter().filter(|piece| piece.length.is_none()).count() {
            0 | 1 => Ok(Self { pieces }),
            open => Err(RateFault::Open(open)),
        }
    }
}

/// Pieces between commas; those within parentheses belong to their repetition.
fn list(text: &str) -> Result<Vec<Part>, RateFault> {
    let mut depth = 0_usize;
    let items = text.split(|c| {
        depth = match c {
            '(' => depth.saturating_add(1),
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        c == ',' && depth == 0
    });
    let mut pieces = Vec::new();
    for item in items {
        let item = item.trim();
        if let Some(steps) = item.strip_prefix("steps ") {
            series(item, steps, &mut pieces)?;
        } else if item.contains(['(', ')']) {
            repetition(item, &mut pieces)?;
        } else {
            pieces.push(piece(item)?);
        }
        if pieces.len() > MAX_PIECES {
            return Err(RateFault::TooManyPieces);
        }
    }
    Ok(pieces)
}

/// `100..2000/s for 60s`
fn piece(text: &str) -> Result<Part, RateFault> {
    let (rates, length) = match text.split_once(" for ") {
        Some((rates, length)) => (rates, Some(time(length)?)),
        None => (text, None),
    };
    let (from, to) = range(rates)?;
    Ok(Part { from, to, length })
}

/// `steps 100..1000/s by 100 each 10s`, of which `words` stand behind the first word.
fn series(text: &str, words: &str, pieces: &mut Vec<Part>) -> Result<(), RateFault> {
    let mend = || RateFault::NoSteps(text.to_owned());
    let (rates, rest) = words.split_once(" by ").ok_or_else(mend)?;
    let (by, each) = rest.split_once(" each ").ok_or_else(mend)?;
    let (from, to) = range(rates)?;
    // Without a unit the step has that of the rates.
    let unit = rates.split_once('/').map_or("s", |(_, unit)| unit);
    let by =
        if by.contains('/') { range(by)?.0 } else { range(&format!("{}/{unit}", by.trim()))?.0 };
    let length = Some(time(each)?);
    if by <= 0.0 {
        return Err(mend());
    }
    // A millionth of a step is rounding: 0..1 by 0.1 has eleven.
    let steps = ((to - from).abs() / by + 1e-6).floor();
    if steps >= MAX_PIECES as f64 {
        return Err(RateFault::TooManyPieces);
    }
    for step in 0..=steps as u32 {
        let rate = from + f64::from(step) * by.copysign(to - from);
        let rate = rate.clamp(from.min(to), from.max(to));
        pieces.push(Part { from: rate, to: rate, length });
    }
    Ok(())
}

/// `6x(100/s for 9s, 1000/s for 1s)`
fn repetition(text: &str, pieces: &mut Vec<Part>) -> Result<(), RateFault> {
    let mend = || RateFault::NoRepetition(text.to_owned());
    let (times, rest) = text.split_once('(').ok_or_else(mend)?;
    let inner = rest.strip_suffix(')').ok_or_else(mend)?;
    let times: usize =
        times.trim().strip_suffix('x').and_then(|n| n.trim().parse().ok()).ok_or_else(mend)?;
    // One level is enough, and no input makes this call itself without end.
    if times == 0 || inner.contains(['(', ')']) {
        return Err(mend());
    }
    let inner = list(inner)?;
    if inner.len().saturating_mul(times) > MAX_PIECES {
        return Err(RateFault::TooManyPieces);
    }
    pieces.extend(inner.iter().cycle().take(inner.len() * times));
    Ok(())
}

/// A length that takes time.
fn time(text: &str) -> Result<Duration, RateFault> {
    let Length(length) = text.parse()?;
    if length.is_zero() { Err(RateFault::NoTime(text.trim().to_owned())) } else { Ok(length) }
}

/// `100..2000/s`, or one rate twice. A rate without a unit has that of the other.
fn range(text: &str) -> Result<(f64, f64), RateFault> {
    let Some((from, to)) = text.split_once("..") else {
        let rate = rate(text, "s")?;
        return Ok((rate, rate));
    };
    let unit = to.split_once('/').or(from.split_once('/')).map_or("s", |(_, unit)| unit);
    Ok((rate(from, unit)?, rate(to, unit)?))
}

/// Requests per second of `1.5k/s`; `other` is the unit if there is none.
fn rate(text: &str, other: &str) -> Result<f64, RateFault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(RateFault::Missing);
    }
    let mend = || RateFault::NoRate(text.to_owned());
    let (number, unit) = text.split_once('/').unwrap_or((text, other));
    let (digits, factor) = split(number.trim(), |c| c.is_ascii_digit() || c == '.');
    let factor = match factor.trim() {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        _ => return Err(mend()),
    };
    let seconds = match unit.trim() {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(mend()),
    };
    let rate = digits.parse::<f64>().map_err(|_| mend())? * factor / seconds;
    if rate <= MAX_RATE { Ok(rate) } else { Err(RateFault::TooHigh(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Option<Duration> = Some(Duration::from_secs(10));

    fn read(text: &str) -> Result<String, RateFault> {
        Ok(text.parse::<Rate>()?.over(None)?.to_string())
    }

    #[test]
    fn a_rate_has_a_factor_and_a_unit_of_time() {
        for (text, shown) in [
            ("1000", "1000/s for 10s"),
            ("1000/s", "1000/s for 10s"),
            (" 60 / m ", "1/s for 10s"),
            ("1.5k/s", "1500/s for 10s"),
            ("2M/s", "2000000/s for 10s"),
            ("36/h", "0.01/s for 10s"),
        ] {
            let schedule = text.parse::<Rate>().and_then(|rate| rate.over(RUN));
            assert_eq!(
                schedule.map(|schedule| schedule.to_string()),
                Ok(shown.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn pieces_follow_each_other() {
        let text = "100..2000/s for 60s, 2000/s for 30s";
        assert_eq!(read(text), Ok(text.to_owned()));
        assert_eq!(
            read("1k..2k/m for 1m"),
            Ok(format!("{}..{}/s for 60s", 1000.0 / 60.0, 2000.0 / 60.0))
        );
        assert_eq!(read("60/m..2/s for 1s"), Ok("1..2/s for 1s".to_owned()));
    }

    #[test]
    fn steps_are_pieces() {
        assert_eq!(
            read("steps 1..3/s by 1 each 5s"),
            Ok("1/s for 5s, 2/s for 5s, 3/s for 5s".to_owned())
        );
        assert_eq!(read("steps 120..60/m by 60 each 5s"), Ok("2/s for 5s, 1/s for 5s".to_owned()));
        assert_eq!(
            read("steps 10..25/s by 10/s each 1s"),
            Ok("10/s for 1s, 20/s for 1s".to_owned())
        );
        let tenths = "steps 0..1/s by 0.1 each 1s".parse::<Schedule>().expect("steps");
        assert_eq!(tenths.pieces.len(), 11);
    }

    #[test]
    fn a_repetition_is_its_list_so_many_times() {
        let burst = "1/s for 2s, 9/s for 1s";
        assert_eq!(
            read(&format!("3x({burst}), 5/s for 1s")),
            Ok(format!("{burst}, {burst}, {burst}, 5/s for 1s"))
        );
    }

    #[test]
    fn a_piece_without_a_length_takes_what_the_others_leave_of_the_run() {
        let rate: Rate = "0..100/s for 4s, 100/s".parse().expect("rate");
        assert!(rate.is_open());
        assert_eq!(
            rate.over(RUN).map(|s| s.to_string()),
            Ok("0..100/s for 4s, 100/s for 6s".to_owned())
        );
        assert_eq!(rate.over(None), Err(RateFault::NoRunLength));
        let run = Duration::from_secs(4);
        assert_eq!(
            rate.over(Some(run)),
            Err(RateFault::NothingLeft { pieces: Length(run), run: Length(run) })
        );
    }

    #[test]
    fn pieces_with_lengths_must_agree_with_the_run() {
        let rate: Rate = "100/s for 4s".parse().expect("rate");
        assert!(!rate.is_open());
        assert!(matches!(rate.over(RUN), Err(RateFault::LengthsDiffer { .. })));
        assert!(rate.over(Some(Duration::from_secs(4))).is_ok());
    }

    #[test]
    fn other_text_is_refused_by_its_fault() {
        type Is = fn(&RateFault) -> bool;
        let cases: [(&str, Is); 17] = [
            ("", |fault| matches!(fault, RateFault::Missing)),
            ("100/s for 1s,", |fault| matches!(fault, RateFault::Missing)),
            ("100..", |fault| matches!(fault, RateFault::Missing)),
            ("fast", |fault| matches!(fault, RateFault::NoRate(_))),
            ("-5/s", |fault| matches!(fault, RateFault::NoRate(_))),
            ("5/fortnight", |fault| matches!(fault, RateFault::NoRate(_))),
            ("1e3/s", |fault| matches!(fault, RateFault::NoRate(_))),
            ("2000M/s", |fault| matches!(fault, RateFault::TooHigh(_))),
            ("5/s for ever", |fault| matches!(fault, RateFault::NoLength(_))),
            ("5/s for 0s", |fault| matches!(fault, RateFault::NoTime(_))),
            ("5/s, 6/s", |fault| matches!(fault, RateFault::Open(2))),
            ("steps 1..5 by 0 each 1s", |fault| matches!(fault, RateFault::NoSteps(_))),
            ("steps 1..5", |fault| matches!(fault, RateFault::NoSteps(_))),
            ("steps 0..1k by 0.001 each 1s", |fault| matches!(fault, RateFault::TooManyPieces)),
            ("99999x(1/s for 1s)", |fault| matches!(fault, RateFault::TooManyPieces)),
            ("2x(2x(1/s for 1s))", |fault| matches!(fault, RateFault::NoRepetition(_))),
            ("x(1/s for 1s", |fault| matches!(fault, RateFault::NoRepetition(_))),
        ];
        for (text, is) in cases {
            let fault = text.parse::<Rate>().expect_err(text);
            assert!(is(&fault), "{text}: {fault:?}");
        }
        let endless = "9".repeat(400);
        assert!(matches!(endless.parse::<Rate>(), Err(RateFault::TooHigh(_))));
    }
}
