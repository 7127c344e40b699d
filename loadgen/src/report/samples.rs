//! Every request as TSV: a row for each measured request that was answered or failed.
//!
//! | column | meaning |
//! | --- | --- |
//! | `lane`, `block` | which run: the lane by name, and which of its blocks, from 1 |
//! | `number` | number of the request in the plan, from 0 |
//! | `request` | name of the request of the mix |
//! | `planned_ns` | when it was planned |
//! | `free_ns` | when a connection could take it; not before it was planned |
//! | `written_ns` | when it was written |
//! | `first_ns` | when the first octet of its response came |
//! | `finished_ns` | when its response was whole, or it failed |
//! | `status`, `content_octets` | of its response, if that came whole |
//! | `connection` | `new` for the first request of a connection, else `reused` |
//! | `failure` | class of its failure, if it failed |
//!
//! Times are nanoseconds from the begin of the measured part of the block. What did not happen is empty. A field that holds a
//! tab, a quote or the end of a line stands in quotes, as in CSV (RFC 4180 §2).

use std::io::{self, Write};

use serde::Serialize;

use crate::clock::Nanos;
use crate::record::Ended;
use crate::request::Mix;

/// Writes rows while the run goes on: whatever ends it, the last row is whole as far as `out` takes it.
#[derive(Debug)]
pub struct Table<W> {
    out: W,
    /// Rows that go out together; empty in between.
    text: Vec<u8>,
}

/// Where requests belong.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Name of the lane.
    pub lane: &'a str,
    /// Which of its blocks, from 1.
    pub number: usize,
    /// What was sent.
    pub mix: &'a Mix,
    /// When the measured part of the block begins, in the time of its run.
    pub measured_from: Nanos,
}

impl<W: Write> Table<W> {
    /// A table without rows.
    pub fn new(out: W) -> Self {
        Self { out, text: Vec::new() }
    }

    /// Writes the names of the columns.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn begin(&mut self) -> io::Result<()> {
        self.write(|rows| Ok(rows.write_record(HEADER)?))
    }

    /// Writes a row for each of these requests, all in one go.
    ///
    /// # Errors
    /// Those of `out`. The last row may be cut then.
    pub fn add(&mut self, block: &Block<'_>, ended: &[Ended]) -> io::Result<()> {
        self.write(|rows| ended.iter().try_for_each(|ended| Ok(rows.serialize(row(block, ended))?)))
    }

    fn write(
        &mut self,
        rows: impl FnOnce(&mut csv::Writer<&mut Vec<u8>>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.text.clear();
        let mut writer = csv::WriterBuilder::new()
            .delimiter(b'\t')
            .has_headers(false)
            .from_writer(&mut self.text);
        rows(&mut writer)?;
        writer.flush()?;
        drop(writer);
        self.out.write_all(&self.text)?;
        self.out.flush()
    }
}

/// Names of the columns, as [`Row`] has them.
const HEADER: [&str; 13] = [
    "lane",
    "block",
    "number",
    "request",
    "planned_ns",
    "free_ns",
    "written_ns",
    "first_ns",
    "finished_ns",
    "status",
    "content_octets",
    "connection",
    "failure",
];

/// A row, its fields in the order of the columns.
#[derive(Serialize)]
struct Row<'a> {
    lane: &'a str,
    block: usize,
    number: u64,
    request: &'a str,
    planned: Nanos,
    free: Option<Nanos>,
    written: Option<Nanos>,
    first: Option<Nanos>,
    finished: Nanos,
    status: Option<u16>,
    content: Option<u64>,
    connection: Option<&'static str>,
    failure: Option<String>,
}

fn row<'a>(block: &Block<'a>, ended: &Ended) -> Row<'a> {
    let at = |time: Nanos| time.saturating_sub(block.measured_from);
    let name = |request: usize| block.mix.requests.get(request).map_or("", |it| it.name.as_str());
    let connection = |new: bool| if new { "new" } else { "reused" };
    let &Block { lane, number: block, .. } = block;
    match ended {
        Ended::Answered(sample) => Row {
            lane,
            block,
            number: sample.number,
            request: name(sample.request),
            planned: at(sample.planned),
            free: Some(at(sample.free.max(sample.planned))),
            written: Some(at(sample.written)),
            first: Some(at(sample.first)),
            finished: at(sample.finished),
            status: Some(sample.status),
            content: Some(sample.content),
            connection: Some(connection(sample.new)),
            failure: None,
        },
        Ended::Failed(lost) => Row {
            lane,
            block,
            number: lost.number,
            request: name(lost.request),
            planned: at(lost.planned),
            free: lost.free.map(|free| at(free.max(lost.planned))),
            written: lost.written.map(at),
            first: lost.first.map(at),
            finished: at(lost.at),
            status: None,
            content: None,
            connection: lost.new.map(connection),
            failure: Some(lost.failure.name()),
        },
    }
}

#[cfg(test)]
mod tests {
    use falconry_transport::Origin;

    use super::*;
    use crate::error::{Cause, Failure, Phase};
    use crate::record::{Lost, Sample};
    use crate::request::Options;

    fn mix(names: &[&str]) -> Mix {
        let (origin, _) = Origin::split("http://a").unwrap();
        let request = Options::default().request(&origin, "/").unwrap();
        let named = |&name: &&str| crate::request::Request { name: name.into(), ..request.clone() };
        Mix::new(names.iter().map(named).collect(), 1)
    }

    /// The text of these requests, whose measured part begins at 1000.
    fn text(lane: &str, mix: &Mix, ended: &[Ended]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out);
        table.begin().unwrap();
        table.add(&Block { lane, number: 2, mix, measured_from: 1000 }, ended).unwrap();
        String::from_utf8(out).unwrap()
    }

    const ANSWER: Sample = Sample {
        number: 7,
        planned: 1500,
        free: 900,
        written: 1600,
        first: 1700,
        finished: 1800,
        status: 204,
        content: 10,
        request: 1,
        new: true,
    };

    const LOST: Lost = Lost {
        number: 8,
        planned: 2000,
        free: Some(2500),
        written: Some(2600),
        first: None,
        at: 9000,
        failure: Failure { phase: Phase::FirstByte, cause: Cause::Timeout },
        request: 0,
        new: Some(false),
    };

    #[test]
    fn rows_say_what_happened_and_nothing_else() {
        let late = Lost {
            number: 9,
            free: None,
            written: None,
            failure: Failure { phase: Phase::Wait, cause: Cause::Deadline },
            new: None,
            ..LOST
        };
        let cut = Lost {
            number: 10,
            first: Some(2700),
            failure: Failure { phase: Phase::Response, cause: Cause::Closed },
            ..LOST
        };
        let ended = [
            Ended::Answered(ANSWER),
            Ended::Failed(LOST),
            Ended::Answered(Sample { number: 12, free: 1550, new: false, ..ANSWER }),
            Ended::Failed(late),
            Ended::Failed(cut),
        ];
        let rows = [
            "lane\tblock\tnumber\trequest\tplanned_ns\tfree_ns\twritten_ns\tfirst_ns\tfinished_ns\tstatus\tcontent_octets\tconnection\tfailure",
            "h1\t2\t7\tGET /b\t500\t500\t600\t700\t800\t204\t10\tnew\t",
            "h1\t2\t8\tGET /a\t1000\t1500\t1600\t\t8000\t\t\treused\tfirst-byte.timeout",
            "h1\t2\t12\tGET /b\t500\t550\t600\t700\t800\t204\t10\treused\t",
            "h1\t2\t9\tGET /a\t1000\t\t\t\t8000\t\t\t\twait.deadline",
            "h1\t2\t10\tGET /a\t1000\t1500\t1600\t1700\t8000\t\t\treused\tresponse.closed",
            "",
        ];
        assert_eq!(text("h1", &mix(&["GET /a", "GET /b"]), &ended), rows.join("\n"));
    }

    #[test]
    fn names_may_hold_anything() {
        let names = ["a\tb", "a \"b\"", "a\r\nb", "ä,b", ""];
        let mix = mix(&names);
        let ended = [0, 1, 2, 3, 4].map(|request| Ended::Answered(Sample { request, ..ANSWER }));
        let text = text("the\tlane", &mix, &ended);
        let mut table = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(text.as_bytes());
        let rows: Vec<_> = table.records().map(Result::unwrap).collect();
        assert!(rows.iter().all(|row| &row[0] == "the\tlane"));
        assert!(rows.iter().map(|row| &row[3]).eq(names), "{text}");
        assert!(text.contains("\"a \"\"b\"\"\"\t"), "{text}");
    }

    #[test]
    fn each_write_is_of_whole_rows() {
        struct Whole(usize);
        impl Write for Whole {
            fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
                assert_eq!(octets.last(), Some(&b'\n'));
                self.0 += 1;
                Ok(octets.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writes = Whole(0);
        let mut table = Table::new(&mut writes);
        table.begin().unwrap();
        let mix = mix(&["GET /"]);
        let block = Block { lane: "h1", number: 1, mix: &mix, measured_from: 0 };
        table.add(&block, &[Ended::Failed(LOST); 10_000]).unwrap();
        assert_eq!(writes.0, 2);
    }
}
