//! Percentile text (`.hgrm`), as plotters of HdrHistogram read it.
//!
//! A line each step: value in milliseconds, percentile in 0..=1, samples up to there, 1/(1−percentile). Steps halve with the
//! distance to 100%, five each half. One file holds one distribution.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;

use crate::record::Series;

/// Writes a distribution of nanoseconds.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl Write, histogram: &Histogram<u64>) -> io::Result<()> {
    let milliseconds = |nanos: f64| nanos / 1e6;
    writeln!(
        out,
        "{:>12} {:>14} {:>10} {:>14}",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    writeln!(out)?;
    let mut count = 0;
    for step in histogram.iter_quantiles(STEPS) {
        count += step.count_since_last_iteration();
        let value = milliseconds(step.value_iterated_to() as f64);
        let quantile = step.quantile_iterated_to();
        write!(out, "{value:12.6} {quantile:.12} {count:10}")?;
        if quantile < 1.0 {
            write!(out, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        writeln!(out)?;
    }
    let (mean, deviation) = (milliseconds(histogram.mean()), milliseconds(histogram.stdev()));
    let (max, total) = (milliseconds(histogram.max() as f64), histogram.len());
    writeln!(out, "#[Mean    = {mean:12.6}, StdDeviation   = {deviation:12.6}]")?;
    writeln!(out, "#[Max     = {max:12.6}, Total count    = {total:12}]")?;
    writeln!(out, "#[Buckets = {:12}, SubBuckets     = {SUB_BUCKETS:12}]", histogram.buckets())
}

/// The file of one distribution, if the user asked for `path`: `path` itself for the response time of a run of one lane;
/// else lane and series stand in front of the extension, `out.h2.hgrm`, `out.h2.service.hgrm`.
///
/// What is not a letter, digit, `.`, `-` or `_` in the lane's name becomes `-`.
pub fn file(path: &Path, lane: Option<&str>, series: Series) -> PathBuf {
    let mut stem = path.file_stem().unwrap_or_default().to_os_string();
    if let Some(lane) = lane {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        stem.push(".");
        stem.push(lane.replace(|c| !plain(c), "-"));
    }
    if series != Series::Response {
        stem.push(".");
        stem.push(series.name());
    }
    if let Some(extension) = path.extension() {
        stem.push(".");
        stem.push(extension);
    }
    path.with_file_name(stem)
}

/// Steps in each halving of the distance to 100%.
const STEPS: u32 = 5;
/// Slots of the first bucket at 3 significant digits.
const SUB_BUCKETS: u32 = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_value_percentile_count_and_odds() {
        let mut histogram = crate::record::histogram();
        histogram.record_n(1_000_000, 3).unwrap();
        histogram.record_n(2_000_000, 1).unwrap();
        let mut text = Vec::new();
        write(&mut text, &histogram).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
        assert_eq!(lines[2], "    1.000447 0.000000000000          3           1.00");
        assert!(lines.contains(&"    2.000895 1.000000000000          4"));
        assert!(text.contains("Total count    =            4]"));
    }

    #[test]
    fn files_are_told_apart_by_lane_and_series() {
        let path = Path::new("dir/out.hgrm");
        assert_eq!(file(path, None, Series::Response), path);
        assert_eq!(file(path, None, Series::Service), Path::new("dir/out.service.hgrm"));
        let lane = Some("http://a:1 h2");
        assert_eq!(file(path, lane, Series::Response), Path::new("dir/out.http---a-1-h2.hgrm"));
        assert_eq!(file(Path::new("x"), Some("h1"), Series::Lag), Path::new("x.h1.lag"));
    }
}
