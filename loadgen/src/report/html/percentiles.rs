//! Latency by percentile: from the plan, and from sending.

use hdrhistogram::Histogram;
use maud::{Markup, html};

use super::axis::Axis;
use super::chart::{
    ACROSS, Stretch, chart, figure, frame, hit, key, latency_ticks, number, path, upwards,
};
use super::{Section, clean, drawn, is_open, named, range};
use crate::clock::Nanos;
use crate::record::Series;
use crate::report::{Lane, Report, units};
use crate::stats::Distribution;

const HEIGHT: f64 = 400.0;

/// Units of the chart from one point of a curve to the next.
const GRAIN: f64 = 4.0;

/// Units of the chart between the whiskers of two lanes.
const APART: f64 = 7.0;

pub(super) fn section(report: &Report) -> Option<Section> {
    let curves: Vec<_> = drawn(report).flat_map(|(colour, lane)| curves(&colour, lane)).collect();
    let most = curves.iter().map(|curve| curve.histogram.len()).max()?;
    let (low, high) = range(curves.iter().flat_map(|curve| {
        let histogram = curve.histogram;
        [histogram.value_at_quantile(0.1), histogram.max()]
    }))?;
    // At least to the 90th percentile; to the last sample of the largest.
    let x = Axis::between((0.0, (most as f64).log10().max(1.0)), ACROSS);
    let y = Axis::of_latencies(low, high, upwards(HEIGHT));
    let ticks = ticks(x.ends().1);
    let body = html! {
        (frame((&x, "percentile", &ticks), (&y, "latency", &latency_ticks(&y))))
        @for curve in &curves { (curve.draw(&x, &y)) }
        @for (from, to, text) in readings(&curves, &x) { (hit((from, to), y.places(), &text)) }
    };
    let keys = html! { @for curve in &curves { (key(&curve.class, &format!("{} {}", clean(&curve.lane.name), curve.name))) } };
    let sentence = html! {
        "The share of requests that were answered within a time. Every step to the right is ten times as rare. "
        "Whiskers are 95% intervals; a curve is pale where fewer than ten samples lie beyond it."
    };
    let title = "Latency by percentile";
    Some(Section {
        id: "percentiles",
        title,
        body: figure("", &sentence, &keys, &chart(HEIGHT, title, &body), &table(report)),
    })
}

/// One distribution of one lane.
struct Curve<'a> {
    lane: &'a Lane,
    name: &'static str,
    class: String,
    histogram: &'a Histogram<u64>,
    distribution: Option<&'a Distribution>,
    /// By how much whiskers are moved aside.
    aside: f64,
}

fn curves<'a>(colour: &str, lane: &'a Lane) -> Vec<Curve<'a>> {
    let both = [
        (Series::Response, "from plan", colour.to_owned()),
        (Series::Service, "from send", format!("{colour} dashed")),
    ];
    let place: f64 = colour.trim_start_matches('c').parse().unwrap_or(0.0);
    let curve = |(series, name, class)| {
        let histogram = lane.recording.totals.get(&series).filter(|all| !all.is_empty())?;
        let is_there = series == Series::Service || is_open(lane);
        let aside = place * APART;
        let distribution = lane.summary.distribution(series);
        is_there.then_some(Curve { lane, name, class, histogram, distribution, aside })
    };
    both.into_iter().filter_map(curve).collect()
}

impl Curve<'_> {
    fn draw(&self, x: &Axis, y: &Axis) -> Markup {
        let count = self.histogram.len() as f64;
        // Where ten samples lie beyond, and where one does.
        let (sure, end) = ((count / 10.0).max(1.0).log10(), count.log10());
        let mut points = Vec::new();
        let mut ranks = Ranks::new(self.histogram);
        let mut place = x.places().0;
        let last = x.at(end);
        while place < last {
            let beyond = (place - x.places().0) / (x.places().1 - x.places().0) * x.ends().1;
            points.push((place, y.at(ranks.value(1.0 - 10f64.powf(-beyond)) as f64)));
            place += GRAIN;
        }
        points.push((last, y.at(self.histogram.max() as f64)));
        let split = points.partition_point(|(place, _)| *place <= x.at(sure));
        let (firm, pale) =
            (points.get(..split).unwrap_or_default(), points.get(split.saturating_sub(1)..));
        let line = |points: &[(f64, f64)]| {
            let stretches: Vec<Stretch> = points.iter().map(|(x, y)| Some((*x, *x, *y))).collect();
            super::chart::line(&stretches)
        };
        html! {
            (path(&format!("line pale {}", self.class), &line(pale.unwrap_or_default())))
            (path(&format!("line {}", self.class), &line(firm)))
            (path(&format!("whisker {}", self.class), &self.whiskers(x, y)))
        }
    }

    /// Intervals of confidence, of the corrected curve alone where there are two.
    fn whiskers(&self, x: &Axis, y: &Axis) -> String {
        if is_open(self.lane) && self.name != "from plan" {
            return String::new();
        }
        let quantiles = self.distribution.map(|it| it.quantiles.as_slice()).unwrap_or_default();
        let whisker = |quantile: &crate::stats::Quantile| {
            let (low, high) = quantile.confidence?;
            let place = (x.at(-(1.0 - quantile.q).log10()) + self.aside).min(x.places().1);
            let (low, high) = (y.at(low as f64), y.at(high as f64));
            let [left, right] = [place - 3.0, place + 3.0].map(number);
            let [place, low, high] = [place, low, high].map(number);
            Some(format!("M{left} {low}H{right}M{place} {low}V{high}M{left} {high}H{right}"))
        };
        quantiles.iter().filter_map(whisker).collect()
    }
}

/// The values of a histogram by rising rank, in one pass.
struct Ranks<'a> {
    steps: Box<dyn Iterator<Item = (Nanos, u64)> + 'a>,
    value: Nanos,
    seen: u64,
    count: f64,
}

impl<'a> Ranks<'a> {
    fn new(histogram: &'a Histogram<u64>) -> Self {
        let steps =
            histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()));
        Self { steps: Box::new(steps), value: 0, seen: 0, count: histogram.len() as f64 }
    }

    /// The value of a quantile that is not below the one before.
    fn value(&mut self, q: f64) -> Nanos {
        while (self.seen as f64) < (q * self.count).max(1.0) {
            let Some((value, count)) = self.steps.next() else { break };
            self.value = value;
            self.seen += count;
        }
        self.value
    }
}

/// 50%, 90%, 99%, 99.9%… up to so many nines.
fn ticks(nines: f64) -> Vec<(f64, String)> {
    let mut ticks = vec![(0.0, "0%".to_owned()), (2f64.log10(), "50%".to_owned())];
    let all = [
        "90%",
        "99%",
        "99.9%",
        "99.99%",
        "99.999%",
        "99.9999%",
        "99.99999%",
        "99.999999%",
        "99.9999999%",
    ];
    let far = (1..).zip(all).map(|(at, text)| (f64::from(at), text.to_owned()));
    ticks.extend(far.take_while(|(at, _)| *at <= nines));
    ticks
}

/// What is read over each part of the chart.
fn readings(curves: &[Curve<'_>], x: &Axis) -> Vec<(f64, f64, String)> {
    let (first, last) = x.places();
    let step = (last - first) / 80.0;
    let mut ranks: Vec<_> =
        curves.iter().map(|curve| (curve, Ranks::new(curve.histogram))).collect();
    let reading = |at: u32| {
        let from = first + f64::from(at) * step;
        let beyond = (f64::from(at) + 0.5) / 80.0 * x.ends().1;
        let q = 1.0 - 10f64.powf(-beyond);
        // As many digits as tell it from its neighbours.
        let digits = beyond.max(0.0) as usize;
        let mut text = format!("{:.digits$}%", q * 100.0);
        for (curve, ranks) in &mut ranks {
            if beyond <= (curve.histogram.len() as f64).log10() {
                let value = units::duration(ranks.value(q));
                text.push_str(&format!("\n{} {}: {value}", clean(&curve.lane.name), curve.name));
            }
        }
        (from, from + step, text)
    };
    (0..80).map(reading).collect()
}

fn table(report: &Report) -> Markup {
    html! {
        table {
            thead {
                tr {
                    @for name in ["Lane", "Latency", "Percentile", "Value", "95% interval", "Samples"] { th scope="col" { (name) } }
                }
            }
            tbody {
                @for (at, (_, lane)) in drawn(report).enumerate() {
                    @for curve in curves("c0", lane) {
                        @for quantile in curve.distribution.map(|it| it.quantiles.as_slice()).unwrap_or_default() {
                            tr {
                                th scope="row" { (named(at, lane)) }
                                td { (curve.name) }
                                td { (units::quantile(quantile.q)) }
                                @match quantile.value {
                                    Some(value) => { td { (units::duration(value)) } }
                                    None => { td { "n/a (needs " (units::count(quantile.needs)) ")" } }
                                }
                                td { @if let Some(ends) = quantile.confidence { (units::durations(ends)) } }
                                td { (units::count(curve.histogram.len())) }
                            }
                        }
                    }
                }
            }
        }
    }
}
