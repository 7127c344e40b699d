//! Expectations: what users hold a run against (`--expect`).
//!
//! ```text
//! [lane:]figure comparison value
//! ```
//!
//! | figure | value |
//! | --- | --- |
//! | `p50`, `p99.9`, `mean`, `max` | a duration: `5ms`, `1.5s`, `250us` |
//! | `service.p99`, `first-byte.mean`, `connect.max`… | the same of another series |
//! | `rate` | answers per second: `1000`, `1000/s` |
//! | `errors`, `status.5xx`, `status.404` | a count, or a share of all requests: `0`, `0.1%` |
//! | `violations` | a count; told only of responses that were verified |
//!
//! Without a series, latency is the response time: corrected, from the planned time on. Comparisons are `<`, `<=`, `>`, `>=`
//! and `==`. A lane is named by its name, its protocol or its target; without one, every lane has to hold the expectation.

use std::str::FromStr;

use super::{Judged, by_status, needs, quantile, ratio};
use crate::clock::Nanos;
use crate::protocol::Protocol;
use crate::record::Series;
use crate::report::Lane;
use crate::units;

/// An expectation as the user wrote it, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// As written.
    pub text: String,
    /// The lane that it is for; `None` for all.
    pub lane: Option<String>,
    figure: Figure,
    comparison: Comparison,
    bound: Bound,
}

/// What is expected of what.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    Quantile(Series, f64),
    Mean(Series),
    Max(Series),
    Rate,
    Errors,
    /// Answers with a status from the first to the last.
    Status(u16, u16),
    Violations,
}

/// The value on the right.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// Nanoseconds.
    Duration(f64),
    /// Per second.
    Rate(f64),
    Count(f64),
    /// In 0..=1.
    Share(f64),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
}

/// Spellings; where one begins with another, the longer comes first.
const COMPARISONS: [(&str, Comparison); 5] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::More),
];

/// Why an expectation could not be understood.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadExpectation {
    /// Nothing is compared.
    #[error("no comparison: write <, <=, >, >= or == between figure and value, as in `p99<5ms`")]
    NoComparison,
    /// The word on the left is none that we know.
    #[error(
        "unknown figure `{0}`: it is one of p50, p99.9…, mean, max, rate, errors, status.5xx, status.404, violations"
    )]
    UnknownFigure(String),
    /// The word before the dot is no series.
    #[error("unknown series `{name}`: it is one of {}", Series::ALL.map(Series::name).join(", "))]
    UnknownSeries {
        /// As written.
        name: String,
    },
    /// A percentile that does not exist, or is an end.
    #[error("`{0}` is no percentile: it lies between p0 and p100, for which write `max`")]
    NoPercentile(String),
    /// A status that does not exist.
    #[error("`{0}` is no status: write a code, as 404, or a class, as 5xx")]
    NoStatus(String),
    /// The figure is a latency and the value is not.
    #[error("`{0}` is no duration: write a number and ns, us, ms, s or min, as in `5ms`")]
    NoDuration(String),
    /// The value is no number that the figure could have.
    #[error("`{0}` is no value for {1}")]
    NoNumber(String, &'static str),
}

impl FromStr for Expectation {
    type Err = BadExpectation;

    fn from_str(text: &str) -> Result<Self, BadExpectation> {
        let at = text.find(['<', '>', '=']).ok_or(BadExpectation::NoComparison)?;
        let (left, right) = text.split_at(at);
        let (comparison, value) = COMPARISONS
            .iter()
            .find_map(|(sign, comparison)| Some((*comparison, right.strip_prefix(sign)?.trim())))
            .ok_or(BadExpectation::NoComparison)?;
        let (lane, figure) = match left.trim().rsplit_once(':') {
            Some((lane, figure)) => (Some(lane.trim().to_owned()), figure.trim()),
            None => (None, left.trim()),
        };
        let figure = Figure::parse(figure)?;
        let bound = figure.bound(value)?;
        Ok(Self { text: text.trim().to_owned(), lane, figure, comparison, bound })
    }
}

impl Figure {
    fn parse(text: &str) -> Result<Self, BadExpectation> {
        match text {
            "rate" => return Ok(Self::Rate),
            "errors" => return Ok(Self::Errors),
            "violations" => return Ok(Self::Violations),
            _ => (),
        }
        if let Some(status) = text.strip_prefix("status.") {
            return Self::status(status).ok_or_else(|| BadExpectation::NoStatus(status.to_owned()));
        }
        if let Some(found) = Self::of(Series::Response, text) {
            return found;
        }
        let unknown = || BadExpectation::UnknownFigure(text.to_owned());
        let (name, figure) = text.split_once('.').ok_or_else(unknown)?;
        let series = Series::ALL
            .into_iter()
            .find(|series| series.name() == name)
            .ok_or_else(|| BadExpectation::UnknownSeries { name: name.to_owned() })?;
        Self::of(series, figure).ok_or_else(unknown)?
    }

    /// A figure of a series; `None` if it is none, whatever the series.
    fn of(series: Series, text: &str) -> Option<Result<Self, BadExpectation>> {
        match text {
            "mean" => return Some(Ok(Self::Mean(series))),
            "max" => return Some(Ok(Self::Max(series))),
            _ => (),
        }
        let digits =
            text.strip_prefix('p').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))?;
        let percent =
            units::parse_number(digits).filter(|percent| *percent > 0.0 && *percent < 100.0);
        let no_percentile = || BadExpectation::NoPercentile(text.to_owned());
        // Decimals are divided so that p99.9 is the 0.999 of the reports.
        let quantile = percent.map(|percent| (percent * 1e9).round() / 1e11);
        Some(quantile.map(|q| Self::Quantile(series, q)).ok_or_else(no_percentile))
    }

    fn status(text: &str) -> Option<Self> {
        if let Some(class) = text.strip_suffix("xx") {
            let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
            return Some(Self::Status(class * 100, class * 100 + 99));
        }
        let code = text.parse().ok().filter(|code| (100..=999).contains(code))?;
        Some(Self::Status(code, code))
    }

    /// The value on the right of this figure.
    fn bound(self, text: &str) -> Result<Bound, BadExpectation> {
        let number = |text: &str, what| {
            let no_number = || BadExpectation::NoNumber(text.to_owned(), what);
            units::parse_number(text).ok_or_else(no_number)
        };
        match self {
            Self::Quantile(..) | Self::Mean(_) | Self::Max(_) => units::parse_duration(text)
                .map(Bound::Duration)
                .ok_or_else(|| BadExpectation::NoDuration(text.to_owned())),
            Self::Rate => {
                let plain = text.strip_suffix("/s").unwrap_or(text);
                number(plain, "a rate, as 1000 or 1000/s").map(Bound::Rate)
            }
            Self::Errors | Self::Status(..) => match text.strip_suffix('%') {
                Some(percent) => {
                    // Decimals are divided so that 0.7% is the share of 7 in 1000.
                    let share = |percent: f64| Bound::Share((percent * 1e9).round() / 1e11);
                    number(percent, "a share").map(share)
                }
                None => number(text, "a count or a share, as 0 or 0.1%").map(Bound::Count),
            },
            Self::Violations => number(text, "a count").map(Bound::Count),
        }
    }
}

impl Comparison {
    fn holds(self, measured: f64, bound: f64) -> bool {
        match self {
            Self::Less => measured < bound,
            Self::AtMost => measured <= bound,
            Self::More => measured > bound,
            Self::AtLeast => measured >= bound,
            Self::Equal => measured == bound,
        }
    }
}

impl Expectation {
    /// Whether it is for the lane of that name, by that protocol and of that target: one of the three, or all lanes.
    pub fn is_for(&self, name: &str, protocol: Protocol, target: &str) -> bool {
        let names = [name, protocol.name(), target];
        self.lane.as_deref().is_none_or(|lane| names.contains(&lane))
    }

    fn judge(&self, lane: &Lane, verified: bool) -> Judged {
        let (measured, words) = match self.figure {
            Figure::Violations if !verified => {
                (None, "no response was held against the rules, which `--verify` does".to_owned())
            }
            _ => self.measure(lane),
        };
        let held = measured.map(|measured| self.comparison.holds(measured, self.bound.number()));
        let (held, words) = match held {
            _ if lane.recording.interrupted => (None, format!("{words}, interrupted")),
            // Counts are what they are; speed that held by chance of when it was measured did not hold.
            Some(true) if self.is_of_speed() && lane.summary.verdict.steady == Some(false) => {
                (None, format!("{words}, but the run was not steady"))
            }
            held => (held, words),
        };
        Judged { lane: lane.name.clone(), text: self.text.clone(), held, measured: words }
    }

    fn is_of_speed(&self) -> bool {
        matches!(self.bound, Bound::Duration(_) | Bound::Rate(_))
    }

    /// What was measured, in the unit of the bound and in words; no number where there were too few samples.
    fn measure(&self, lane: &Lane) -> (Option<f64>, String) {
        let counts = &lane.recording.counts;
        let requests = counts.answered + counts.failed + counts.unsent;
        let total =
            |series: Series| lane.recording.totals.get(&series).filter(|all| !all.is_empty());
        let time = |time: f64| {
            let words = units::duration(time as Nanos);
            let exact = || format!("{words}, {} ns", units::count(time as Nanos));
            (Some(time), self.told_apart(time, |bound| units::duration(bound as Nanos), exact))
        };
        let none = |series: Series| (None, format!("no samples of {}", series.name()));
        match self.figure {
            Figure::Quantile(series, q) => {
                match (total(series), quantile(&lane.recording, series, q)) {
                    (_, Some(value)) => {
                        let (value, words) = time(value as f64);
                        (value, format!("{words}{}", interval(lane, series, q)))
                    }
                    (Some(all), None) => {
                        let (count, needs) = (units::count(all.len()), units::count(needs(q)));
                        (None, format!("too few samples: {count} of {needs}"))
                    }
                    (None, None) => none(series),
                }
            }
            Figure::Mean(series) => {
                total(series).map_or_else(|| none(series), |all| time(all.mean()))
            }
            Figure::Max(series) => {
                total(series).map_or_else(|| none(series), |all| time(all.max() as f64))
            }
            Figure::Rate => {
                let rate = lane.summary.rate;
                (Some(rate), self.told_apart(rate, units::rate, || format!("{rate:.3}/s")))
            }
            Figure::Errors => {
                let bad = by_status(counts, |status| status >= 400);
                self.count(bad + counts.failed + counts.unsent, requests)
            }
            Figure::Status(first, last) => {
                self.count(by_status(counts, |status| (first..=last).contains(&status)), requests)
            }
            // A response may break several rules.
            Figure::Violations => {
                let count = counts.violations.values().sum();
                (Some(count as f64), units::counted(count, "violation"))
            }
        }
    }

    /// A measured value in words: the usual ones, but exact where those would be the same as of the bound, and it is not.
    fn told_apart(
        &self,
        measured: f64,
        words: impl Fn(f64) -> String,
        exact: impl Fn() -> String,
    ) -> String {
        let (usual, bound) = (words(measured), self.bound.number());
        if usual == words(bound) && measured != bound { exact() } else { usual }
    }

    /// So many of all requests; a share can be told only if there were any.
    fn count(&self, count: u64, requests: u64) -> (Option<f64>, String) {
        let share = ratio(count as f64, requests as f64);
        let measured = match self.bound {
            Bound::Share(_) => (requests > 0).then_some(share),
            _ => Some(count as f64),
        };
        let (count, requests) = (units::count(count), units::counted(requests, "request"));
        (measured, format!("{count} of {requests} ({})", units::percent(share)))
    }
}

impl Bound {
    fn number(self) -> f64 {
        match self {
            Self::Duration(number)
            | Self::Rate(number)
            | Self::Count(number)
            | Self::Share(number) => number,
        }
    }
}

/// The interval of a percentile of the summary in words, nothing for others.
fn interval(lane: &Lane, series: Series, q: f64) -> String {
    let distribution = lane.summary.distribution(series);
    let quantiles = distribution.map(|all| all.quantiles.as_slice()).unwrap_or_default();
    let confidence =
        quantiles.iter().find(|quantile| quantile.q == q).and_then(|quantile| quantile.confidence);
    confidence
        .map_or_else(String::new, |(low, high)| format!(" ({})", units::durations((low, high))))
}

/// Judges every expectation against every lane it is for: in the order of expectations, then of lanes.
///
/// One that names a lane that is not there comes out as not judged, and so does one of violations unless responses were `verified`.
pub fn judge(expectations: &[Expectation], lanes: &[Lane], verified: bool) -> Vec<Judged> {
    let mut judged = Vec::new();
    for expectation in expectations {
        let before = judged.len();
        let own =
            lanes.iter().filter(|lane| expectation.is_for(&lane.name, lane.protocol, &lane.target));
        judged.extend(own.map(|lane| expectation.judge(lane, verified)));
        if judged.len() == before {
            judged.push(Judged {
                lane: expectation.lane.clone().unwrap_or_default(),
                text: expectation.text.clone(),
                held: None,
                measured: "no such lane".to_owned(),
            });
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic;

    fn parsed(text: &str) -> Expectation {
        text.parse().unwrap()
    }

    fn held(text: &str, lanes: &[Lane]) -> Vec<Option<bool>> {
        judge(&[parsed(text)], lanes, true).into_iter().map(|judged| judged.held).collect()
    }

    #[test]
    fn expectations_are_read_as_they_are_written() {
        let read = |text| {
            let Expectation { lane, figure, comparison, bound, .. } = parsed(text);
            (lane, figure, comparison, bound)
        };
        use Comparison::{AtLeast, AtMost, Equal, Less, More};
        let response = Series::Response;
        let expected = [
            ("p99<5ms", None, Figure::Quantile(response, 0.99), Less, Bound::Duration(5e6)),
            (
                "p99.9 <= 20ms",
                None,
                Figure::Quantile(response, 0.999),
                AtMost,
                Bound::Duration(2e7),
            ),
            ("p99.999>1us", None, Figure::Quantile(response, 0.99999), More, Bound::Duration(1e3)),
            ("mean<1ms", None, Figure::Mean(response), Less, Bound::Duration(1e6)),
            ("max<1s", None, Figure::Max(response), Less, Bound::Duration(1e9)),
            ("rate>=1000", None, Figure::Rate, AtLeast, Bound::Rate(1e3)),
            ("rate>=1000/s", None, Figure::Rate, AtLeast, Bound::Rate(1e3)),
            ("errors<0.1%", None, Figure::Errors, Less, Bound::Share(0.001)),
            ("errors==0", None, Figure::Errors, Equal, Bound::Count(0.0)),
            (
                "service.p99<5ms",
                None,
                Figure::Quantile(Series::Service, 0.99),
                Less,
                Bound::Duration(5e6),
            ),
            (
                "first-byte.p50<1ms",
                None,
                Figure::Quantile(Series::FirstByte, 0.5),
                Less,
                Bound::Duration(1e6),
            ),
            (
                "connect.p99.9<1s",
                None,
                Figure::Quantile(Series::Connect, 0.999),
                Less,
                Bound::Duration(1e9),
            ),
            ("violations==0", None, Figure::Violations, Equal, Bound::Count(0.0)),
            ("status.5xx==0", None, Figure::Status(500, 599), Equal, Bound::Count(0.0)),
            ("status.404<1%", None, Figure::Status(404, 404), Less, Bound::Share(0.01)),
            (
                "h2:p99<5ms",
                Some("h2"),
                Figure::Quantile(response, 0.99),
                Less,
                Bound::Duration(5e6),
            ),
            (
                "http://[::1]:80 h2: max<1s",
                Some("http://[::1]:80 h2"),
                Figure::Max(response),
                Less,
                Bound::Duration(1e9),
            ),
        ];
        for (text, lane, figure, comparison, bound) in expected {
            assert_eq!(read(text), (lane.map(str::to_owned), figure, comparison, bound), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_expectation_is_said() {
        let said = |text: &str| text.parse::<Expectation>().unwrap_err().to_string();
        for (text, part) in [
            ("", "no comparison"),
            ("p99", "no comparison"),
            ("p99=5ms", "no comparison"),
            ("p99<5", "`5` is no duration"),
            ("p99<", "`` is no duration"),
            ("p99<-5ms", "`-5ms` is no duration"),
            ("p99<<5ms", "`<5ms` is no duration"),
            ("p100<5ms", "for which write `max`"),
            ("p0<5ms", "`p0` is no percentile"),
            ("p9.9.9<5ms", "`p9.9.9` is no percentile"),
            ("latency<5ms", "unknown figure `latency`"),
            ("tls.latency<5ms", "unknown figure `tls.latency`"),
            ("wire.p99<5ms", "unknown series `wire`: it is one of response, service, queue, lag"),
            ("rate>fast", "`fast` is no value for a rate"),
            ("rate>1%", "`1%` is no value for a rate"),
            ("errors<few%", "`few` is no value for a share"),
            ("violations<1%", "`1%` is no value for a count"),
            ("status.6xx==0", "`6xx` is no status"),
            ("status.20==0", "`20` is no status"),
        ] {
            assert!(said(text).contains(part), "{text}: {}", said(text));
        }
    }

    #[test]
    fn expectations_hold_or_break() {
        let lanes = synthetic::report().lanes;
        for (text, expected) in [
            ("p99<5ms", true),
            ("p99<1ms", false),
            ("service.max<=1001us", true),
            ("mean>0.9ms", true),
            ("rate>=400", true),
            ("rate>400", false),
            ("errors==0", true),
            ("errors<0.1%", true),
            ("status.2xx==4000", true),
            ("status.2xx<50%", false),
            ("violations==0", true),
        ] {
            assert_eq!(held(text, &lanes), [Some(expected); 2], "{text}");
        }
    }

    #[test]
    fn errors_are_failures_unsent_requests_and_bad_statuses() {
        let mut lanes = synthetic::report().lanes;
        lanes[0].recording.counts.failed = 10;
        lanes[0].recording.counts.unsent = 5;
        lanes[0].recording.counts.statuses.insert(500, 5);
        let judged = judge(&[parsed("errors<=20"), parsed("errors<0.1%")], &lanes[..1], true);
        assert_eq!(judged[0].held, Some(true));
        assert_eq!(judged[0].measured, "20 of 4,015 requests (0.50%)");
        assert_eq!(judged[1].held, Some(false));
    }

    #[test]
    fn a_lane_of_its_own_is_named_by_name_protocol_or_target() {
        let mut lanes = synthetic::report().lanes;
        lanes[1].name = "other h2".to_owned();
        assert_eq!(judge(&[parsed("h2:rate>1")], &lanes, true)[0].lane, "other h2");
        assert_eq!(held("other h2:rate>1", &lanes), [Some(true)]);
        assert_eq!(held("http://127.0.0.1:8080:rate>1", &lanes), [Some(true); 2]);
        assert_eq!(held("h3:rate>1", &lanes), [None]);
    }

    #[test]
    fn what_has_too_few_samples_is_not_judged() {
        let lanes = synthetic::report().lanes;
        let judged = judge(&[parsed("p99.9<5ms"), parsed("tls.p50<5ms")], &lanes[..1], true);
        assert_eq!((judged[0].held, judged[1].held), (None, None));
        assert_eq!(judged[0].measured, "too few samples: 4,000 of 10,000");
        assert_eq!(judged[1].measured, "no samples of tls");
    }

    #[test]
    fn a_share_in_percent_is_the_share_itself() {
        let mut lanes = synthetic::report().lanes;
        lanes.truncate(1);
        for failed in [1, 3, 7, 29, 57, 113] {
            lanes[0].recording.counts.failed = failed;
            lanes[0].recording.counts.answered = 1_000 - failed;
            lanes[0].recording.counts.statuses = [(200, 1_000 - failed)].into();
            let percent = format!("{}.{}%", failed / 10, failed % 10);
            assert_eq!(held(&format!("errors<={percent}"), &lanes), [Some(true)], "{percent}");
            assert_eq!(held(&format!("errors=={percent}"), &lanes), [Some(true)], "{percent}");
            assert_eq!(held(&format!("errors<{percent}"), &lanes), [Some(false)], "{percent}");
        }
    }

    #[test]
    fn what_rounds_to_the_bound_is_told_exactly() {
        let mut lanes = synthetic::report().lanes;
        lanes.truncate(1);
        lanes[0].summary.rate = 399.96;
        let judged =
            judge(&[parsed("rate>=400"), parsed("p50<1ms"), parsed("p50<2ms")], &lanes, true);
        let words: Vec<_> = judged.iter().map(|judged| judged.measured.as_str()).collect();
        assert_eq!(words[0], "399.960/s");
        assert!(words[1].starts_with("1.00 ms, 1,000,447 ns (1.00"), "{}", words[1]);
        assert!(words[2].starts_with("1.00 ms (1.00"), "{}", words[2]);
    }

    #[test]
    fn violations_are_judged_where_responses_were_verified() {
        let mut lanes = synthetic::report().lanes;
        lanes.truncate(1);
        let judged = judge(&[parsed("violations==0")], &lanes, false);
        assert_eq!(judged[0].held, None);
        assert!(judged[0].measured.contains("--verify"), "{judged:?}");
        lanes[0].recording.counts.violations =
            [("a".to_owned(), 3_000), ("b".to_owned(), 2_000)].into();
        let judged = judge(&[parsed("violations==0")], &lanes, true);
        assert_eq!(
            (judged[0].held, judged[0].measured.as_str()),
            (Some(false), "5,000 violations")
        );
    }

    #[test]
    fn what_was_interrupted_is_not_judged() {
        let mut lanes = synthetic::report().lanes;
        lanes[0].recording.interrupted = true;
        assert_eq!(held("p99<5ms", &lanes), [None, Some(true)]);
    }

    #[test]
    fn speed_that_held_is_not_judged_in_a_run_that_was_not_steady() {
        let mut lanes = synthetic::report().lanes;
        lanes.truncate(1);
        lanes[0].summary.verdict.steady = Some(false);
        assert_eq!(held("p99<5ms", &lanes), [None]);
        assert_eq!(held("p99<1ms", &lanes), [Some(false)]);
        assert_eq!(held("errors==0", &lanes), [Some(true)]);
    }
}
