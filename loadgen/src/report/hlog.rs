//! Interval logs of HdrHistogram, V2 (`.hlog`): every distribution of every interval, as a histogram.
//!
//! A line an interval and series. Its tag is the lane and the series: `h1.response`. Times are seconds from the begin of
//! the measured part, which is StartTime and BaseTime; values are nanoseconds, but the largest value of an interval, which
//! is there to be read by people, is in milliseconds. What was finished behind the end is the last interval of its tag: it
//! begins where the measured part ends, rounded up to a millisecond. Adding all lines of a tag gives what reports show.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, IntervalLogWriter, IntervalLogWriterBuilder,
    IntervalLogWriterError, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use crate::clock::{Nanos, nanos};
use crate::record::{Compact, Recording, Series};

/// Writes an interval log of recordings, each with the name of its lane, in intervals of that length.
///
/// `started` is the begin of the measured part in seconds since 1970.
///
/// # Errors
/// Those of `out`.
pub fn write<'a>(
    out: &mut impl Write,
    started: f64,
    interval: Nanos,
    lanes: impl IntoIterator<Item = (&'a str, &'a Recording)>,
) -> io::Result<()> {
    let start = UNIX_EPOCH + Duration::try_from_secs_f64(started).unwrap_or_default();
    let mut serializer = V2DeflateSerializer::new();
    IntervalLogWriterBuilder::new()
        .add_comment(VERSION)
        .add_comment(UNITS)
        .with_start_time(start)
        .with_base_time(start)
        .begin_log_with(out, &mut serializer)?;
    // Neither comment nor interval, and unknown to the library's writer; older readers look for it.
    out.write_all(LEGEND)?;
    let mut lines = IntervalLogWriterBuilder::new()
        .with_max_value_divisor(1e6)
        .begin_log_with(out, &mut serializer)?;
    for (lane, recording) in lanes {
        for slice in recording.joined(interval) {
            put(&mut lines, &slice.series, lane, slice.start, slice.length)?;
        }
        let end = drain_start(recording.length);
        put(&mut lines, &recording.drain_series, lane, end, recording.drain_length)?;
    }
    Ok(())
}

/// When the interval of what was drained begins: at the end of the measured part, in whole milliseconds as times in logs are.
pub fn drain_start(length: Nanos) -> Nanos {
    length.div_ceil(MILLISECOND).saturating_mul(MILLISECOND)
}

/// The tag of a series of a lane.
///
/// What may not be in a tag is percent-encoded in the lane's name.
pub fn tag(lane: &str, series: Series) -> String {
    let mut tag = String::with_capacity(lane.len() + 16);
    for character in lane.chars() {
        if matches!(character, ',' | ' ' | '%' | '"') || character.is_ascii_control() {
            tag.push_str(&format!("%{:02X}", u32::from(character)));
        } else {
            tag.push(character);
        }
    }
    tag.push('.');
    tag.push_str(series.name());
    tag
}

/// Lane and series of a tag; `None` if it is not one of [`tag`].
pub fn untag(tag: &str) -> Option<(String, Series)> {
    let (lane, series) = tag.rsplit_once('.')?;
    let mut parts = lane.split('%');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        name.push(char::from(u8::from_str_radix(code, 16).ok()?));
        name.push_str(rest);
    }
    Some((name, Series::from_name(series)?))
}

/// One line of an interval log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interval {
    /// Its line, from 1.
    pub line: usize,
    /// Its tag.
    pub tag: Option<String>,
    /// When it began, as the log tells times.
    pub start: Nanos,
    /// How long it took.
    pub length: Nanos,
    /// What was seen, rounded as our histograms are.
    pub values: Compact,
}

/// An interval log that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// StartTime: seconds since 1970.
    pub started: Option<f64>,
    /// BaseTime, to which intervals are relative: seconds since 1970.
    pub base: Option<f64>,
    /// The intervals, in order.
    pub intervals: Vec<Interval>,
}

/// Why a line of an interval log could not be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct Unreadable {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a line of an interval log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It has no line end: the rest of the file is missing.
    #[error("the line is cut off")]
    CutOff,
    /// It is neither comment, legend nor interval.
    #[error("neither comment nor interval")]
    Form,
    /// The histogram is not Base64.
    #[error("the histogram is not Base64")]
    Base64,
    /// The histogram cannot be inflated, or gets larger than any histogram is.
    #[error("the histogram cannot be decompressed")]
    Compression,
    /// The histogram is not one in V2 encoding.
    #[error("the histogram is not in V2 encoding")]
    Encoding,
}

/// Reads an interval log, whoever wrote it.
///
/// # Errors
/// The first line that cannot be read.
pub fn read(text: &str) -> Result<Log, Unreadable> {
    let mut log = Log::default();
    for (line, text) in (1..).zip(text.split_inclusive('\n')) {
        let fail = |fault| Unreadable { line, fault };
        if text.trim().is_empty() {
            continue;
        }
        if !text.ends_with('\n') {
            return Err(fail(Fault::CutOff));
        }
        // Line by line, so that faults have a line.
        match IntervalLogIterator::new(text.as_bytes()).next() {
            None => {}
            Some(Ok(LogEntry::StartTime(time))) => log.started = Some(time.as_secs_f64()),
            Some(Ok(LogEntry::BaseTime(time))) => log.base = Some(time.as_secs_f64()),
            Some(Ok(LogEntry::Interval(entry))) => {
                log.intervals.push(interval(line, &entry).map_err(fail)?);
            }
            Some(Err(_)) => return Err(fail(Fault::Form)),
        }
    }
    Ok(log)
}

fn interval(line: usize, entry: &IntervalLogHistogram<'_>) -> Result<Interval, Fault> {
    let encoded = BASE64_STANDARD.decode(entry.encoded_histogram()).map_err(|_| Fault::Base64)?;
    Ok(Interval {
        line,
        tag: entry.tag().map(|tag| tag.as_str().to_owned()),
        start: nanos(entry.start_timestamp()),
        length: nanos(entry.duration()),
        values: decode(&encoded)?,
    })
}

/// Reads a histogram in V2 encoding, compressed or not.
fn decode(encoded: &[u8]) -> Result<Compact, Fault> {
    let inflated;
    let plain = match encoded.strip_prefix(&COMPRESSED) {
        // The length of what follows; the compressed data know their end.
        Some(rest) => {
            let compressed = rest.get(4..).ok_or(Fault::Encoding)?;
            let mut octets = Vec::new();
            ZlibDecoder::new(compressed)
                .take(LARGEST)
                .read_to_end(&mut octets)
                .map_err(|_| Fault::Compression)?;
            if octets.len() as u64 == LARGEST {
                return Err(Fault::Compression);
            }
            inflated = octets;
            &inflated[..]
        }
        None => encoded,
    };
    // The library sets aside as much as the length says, so that it has to be the true one.
    let length = plain.get(4..8).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes);
    let counts = plain.get(HEADER..).ok_or(Fault::Encoding)?;
    if !plain.starts_with(&PLAIN) || length.map(|length| length as usize) != Some(counts.len()) {
        return Err(Fault::Encoding);
    }
    let histogram = Deserializer::new().deserialize(&mut &*plain).map_err(|_| Fault::Encoding)?;
    Ok(Compact::of(&histogram))
}

/// Writes the distributions of one interval.
fn put(
    lines: &mut IntervalLogWriter<'_, '_, impl Write, V2DeflateSerializer>,
    series: &BTreeMap<Series, Compact>,
    lane: &str,
    start: Nanos,
    length: Nanos,
) -> io::Result<()> {
    for (&series, values) in series {
        let name = tag(lane, series);
        let (start, length) = (Duration::from_nanos(start), Duration::from_nanos(length));
        lines.write_histogram(&values.histogram(), start, length, Tag::new(&name)).map_err(
            |error| match error {
                IntervalLogWriterError::IoError(error) => error,
                IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
            },
        )?;
    }
    Ok(())
}

const VERSION: &str = "[Histogram log format version 1.3]";
const UNITS: &str = "[falconry: values in nanoseconds, Interval_Max in milliseconds]";
const LEGEND: &[u8] =
    b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

const MILLISECOND: Nanos = 1_000_000;

/// How a histogram begins that is in V2 encoding, and one that is compressed on top.
const PLAIN: [u8; 4] = 0x1c84_9313_u32.to_be_bytes();
const COMPRESSED: [u8; 4] = 0x1c84_9314_u32.to_be_bytes();
/// Octets in front of the counts: cookie, length, offset, digits, lowest and highest value, ratio.
const HEADER: usize = 40;
/// More than any histogram of 5 digits takes.
const LARGEST: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{SLICE, Slice};

    fn recording() -> Recording {
        let mut recording = Recording::default();
        for index in 0..5 {
            let values = Compact { values: vec![(1023, 2 + index), (1_000_447, 1)] };
            let series = BTreeMap::from([(Series::Service, values)]);
            let start = index * SLICE;
            recording.absorb(Slice { start, length: SLICE, series, ..Slice::default() });
        }
        recording.drain_series =
            BTreeMap::from([(Series::Service, Compact { values: vec![(5, 1)] })]);
        recording
    }

    fn text(interval: Nanos) -> String {
        let mut out = Vec::new();
        write(&mut out, 1_700_000_000.25, interval, [("a, b", &recording())]).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_log_reads_as_it_was_written() {
        let log = read(&text(SLICE)).unwrap();
        assert_eq!((log.started, log.base), (Some(1_700_000_000.25), Some(1_700_000_000.25)));
        assert_eq!(log.intervals.len(), 6);
        for (index, interval) in (0..5).zip(&log.intervals) {
            assert_eq!(untag(interval.tag.as_deref().unwrap()).unwrap().0, "a, b");
            assert_eq!((interval.start, interval.length), (index * SLICE, SLICE));
            assert_eq!(interval.values.values, [(1023, 2 + index), (1_000_447, 1)]);
        }
        assert_eq!(log.intervals[5].start, 5 * SLICE);
        assert_eq!(log.intervals[5].values.values, [(5, 1)]);
    }

    #[test]
    fn version_comes_first_and_the_legend_before_the_intervals() {
        let text = text(4 * SLICE);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "#[Histogram log format version 1.3]");
        assert_eq!(lines[2], "#[StartTime: 1700000000.250 (seconds since epoch)]");
        assert!(lines[4].starts_with("\"StartTimestamp\","));
        assert!(lines[6].starts_with("Tag=a%2C%20b.service,0.000,1.000,1.000,HISTFAAAA"));
    }

    #[test]
    fn tags_tell_lane_and_series() {
        for lane in ["h1", "http://127.0.0.1:8080 h2", "50%, a.b\n", ""] {
            for series in Series::ALL {
                let tag = tag(lane, series);
                assert!(Tag::new(&tag).is_some());
                assert_eq!(untag(&tag), Some((lane.to_owned(), series)));
            }
        }
        assert_eq!(untag("h1"), None);
        assert_eq!(untag("h1.other"), None);
        assert_eq!(untag("h1%4.service"), None);
    }

    #[test]
    fn a_fault_has_its_line() {
        let fault = |text: &str| read(text).unwrap_err();
        assert_eq!(fault("#x\nno\n"), Unreadable { line: 2, fault: Fault::Form });
        assert_eq!(fault("1.0,1.0,1.0,!\n"), Unreadable { line: 1, fault: Fault::Base64 });
        assert_eq!(fault("1.0,1.0,1.0,AAAA\n").fault, Fault::Encoding);
        assert_eq!(fault("1.0,1.0,1.0,HISTFAAAAAR4\n").fault, Fault::Compression);
        let text = text(SLICE);
        assert_eq!(fault(&text[..text.len() - 5]).fault, Fault::CutOff);
    }

    proptest! {
        #[test]
        fn no_octets_break_the_reader(at in any::<prop::sample::Index>(), octet in any::<u8>()) {
            let log = text(4 * SLICE).into_bytes();
            let at = at.index(log.len());
            let mut broken = log.clone();
            broken[at] = octet;
            let _ = read(&String::from_utf8_lossy(&broken));
            let mut histogram = BASE64_STANDARD
                .decode(log.rsplit(|octet| *octet == b',').next().unwrap().trim_ascii())
                .unwrap();
            let at = at % histogram.len();
            histogram[at] = octet;
            let _ = decode(&histogram);
            let mut plain = Vec::new();
            ZlibDecoder::new(&histogram[8..]).take(LARGEST).read_to_end(&mut plain).ok();
            if !plain.is_empty() {
                let at = at % plain.len();
                plain[at] = octet;
                let _ = decode(&plain);
            }
        }
    }
}
