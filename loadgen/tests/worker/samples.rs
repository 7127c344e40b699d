//! Requests one by one. That counts and distributions can be had from them is seen in each run of these tests
//! ([`virtual_time`](crate::virtual_time)).

use std::time::Duration;

use falconry_loadgen::clock::Nanos;
use falconry_loadgen::plan::{End, Load};
use falconry_loadgen::protocol::h1::H1;
use falconry_loadgen::protocol::h2::H2;
use falconry_loadgen::record::{Ended, Lost, Recording, Sample};
use falconry_loadgen::report::samples::{Block, Table};
use falconry_loadgen::worker::{Blind, Share};
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::support::*;

const MS: Nanos = 1_000_000;

/// Those that were answered and those that failed.
fn parted(ended: &[Ended]) -> (Vec<Sample>, Vec<Lost>) {
    let (mut answered, mut failed) = (Vec::new(), Vec::new());
    for ended in ended {
        match ended {
            Ended::Answered(sample) => answered.push(*sample),
            Ended::Failed(lost) => failed.push(*lost),
        }
    }
    (answered, failed)
}

/// Runs by HTTP/1.1 and gives the rows, too, cut into their fields; the first are the names of the columns.
async fn rows(share: Share) -> (Recording, Vec<Vec<String>>) {
    let (mix, from) = (share.mix.clone(), share.plan.measured_from());
    let (recording, ended) = each::<H1, _>(share, Blind).await;
    let mut text = Vec::new();
    let mut table = Table::new(&mut text);
    table.begin().unwrap();
    table.add(&Block { lane: "h1", number: 1, mix: &mix, measured_from: from }, &ended).unwrap();
    let text = String::from_utf8(text).unwrap();
    let cut = |row: &str| row.split('\t').map(str::to_owned).collect();
    (recording, text.lines().map(cut).collect())
}

/// All that was planned was answered, and told once.
fn check(recording: &Recording, ended: &[Ended]) {
    let (answered, failed) = parted(ended);
    assert_eq!((answered.len() as u64, failed.len()), (recording.counts.planned, 0));
    let mut numbers: Vec<_> = answered.iter().map(|sample| sample.number).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..recording.counts.planned));
}

#[test]
fn each_measured_request_is_told_once_by_its_number() {
    on_virtual_time(async || {
        let mut with_warm_up = plan(rate(500.0, SECOND), 3, 4);
        with_warm_up.warm_up = Duration::from_millis(200);
        for plan in [plan(count(300), 3, 4), with_warm_up] {
            let warm_up = plan.warm_up.as_millis() as u64 / 2;
            let share = || share(plan.clone(), reference(), "/plaintext");
            let all = [each::<H1, _>(share(), Blind).await, each::<H2, _>(share(), Blind).await];
            for (recording, ended) in all {
                assert_eq!(recording.warm_up.answered, warm_up);
                check(&recording, &ended);
            }
        }
    });
}

#[test]
fn a_closed_loop_by_duration_tells_its_drain_and_not_its_warm_up() {
    on_virtual_time(async || {
        let (connector, _) = server(|mut stream| async move {
            while request(&mut stream).await {
                sleep(Duration::from_millis(7)).await;
                let _ = stream.write_all(OK).await;
            }
        });
        let mut plan = plan(Load::Closed(End::After(Duration::from_millis(300))), 2, 1);
        plan.warm_up = Duration::from_millis(100);
        let (recording, ended) = each::<H1, _>(share(plan, connector, "/"), Blind).await;
        assert!(recording.warm_up.answered > 0 && recording.drain.answered > 0);
        check(&recording, &ended);
    });
}

#[test]
fn a_row_has_the_times_of_its_request_from_the_begin_of_the_measured_part() {
    on_virtual_time(async || {
        // One connection, 30 ms for each response of the warm-up and then 10 ms, half of them behind the first octet.
        let (connector, _) = server(|mut stream| async move {
            let mut halves = [15; 3].into_iter().chain(std::iter::repeat(5));
            while request(&mut stream).await {
                let half = Duration::from_millis(halves.next().unwrap());
                sleep(half).await;
                let _ = stream.write_all(&OK[..10]).await;
                sleep(half).await;
                let _ = stream.write_all(&OK[10..]).await;
            }
        });
        let mut plan = plan(rate(50.0, Duration::from_millis(100)), 1, 1);
        plan.warm_up = Duration::from_millis(60);
        let (recording, rows) = rows(share(plan, connector, "/a")).await;
        assert_eq!((recording.warm_up.answered, recording.counts.answered), (3, 5));
        let row = |number: u64, planned: u64, free: u64| -> Vec<String> {
            let times = [planned, free, free, free + 5, free + 10].map(|ms| (ms * MS).to_string());
            let [planned, free, written, first, finished] = times;
            let number = number.to_string();
            let row = ["h1", "1", &number, "GET /a", &planned, &free, &written, &first, &finished];
            row.into_iter().chain(["200", "2", "reused", ""]).map(str::to_owned).collect()
        };
        // The warm-up keeps the connection for 40 ms. The last ends with the run, which is the begin of the drain.
        let expected =
            [row(0, 10, 40), row(1, 30, 50), row(2, 50, 60), row(3, 70, 70), row(4, 90, 90)];
        assert_eq!(rows[1..], expected);
        assert_eq!(recording.drain.answered, 1);
    });
}

#[test]
fn a_request_that_failed_says_how_far_it_came() {
    on_virtual_time(async || {
        // The first request is not answered, the second in part; the third is.
        let turn = std::rc::Rc::new(std::cell::Cell::new(0));
        let (connector, _) = server(move |mut stream| {
            let turn = turn.clone();
            async move {
                while request(&mut stream).await {
                    turn.set(turn.get() + 1);
                    match turn.get() {
                        1 => sleep(3600 * SECOND).await,
                        2 => {
                            sleep(Duration::from_millis(5)).await;
                            let _ = stream.write_all(&OK[..10]).await;
                            sleep(Duration::from_millis(5)).await;
                            return;
                        }
                        _ => {
                            let _ = stream.write_all(OK).await;
                        }
                    }
                }
            }
        });
        let mut share = share(plan(rate(5.0, Duration::from_millis(600)), 1, 1), connector, "/a");
        share.timeouts.first_byte = Some(Duration::from_millis(50));
        let (recording, rows) = rows(share).await;
        let counts = &recording.counts;
        assert_eq!((counts.planned, counts.answered, counts.failed), (3, 1, 2));
        assert_eq!(rows.len(), 4);
        let column = |name: &str| rows[0].iter().position(|column| column == name).unwrap();
        let of = |row: usize, name: &str| rows[row][column(name)].as_str();
        let time = |row: usize, name: &str| of(row, name).parse::<Nanos>().unwrap();

        assert_eq!((of(1, "number"), of(1, "failure")), ("0", "first-byte.timeout"));
        assert_eq!((time(1, "planned_ns"), time(1, "written_ns")), (100 * MS, 100 * MS));
        assert_eq!((of(1, "first_ns"), of(1, "connection")), ("", "new"));
        assert!(time(1, "finished_ns") > 150 * MS);

        assert_eq!((of(2, "number"), of(2, "failure")), ("1", "response.closed"));
        assert_eq!(time(2, "first_ns"), time(2, "written_ns") + 5 * MS);
        assert_eq!(time(2, "finished_ns"), time(2, "written_ns") + 10 * MS);
        assert_eq!((of(2, "status"), of(2, "content_octets")), ("", ""));

        assert_eq!((of(3, "number"), of(3, "failure"), of(3, "status")), ("2", "", "200"));
    });
}

#[test]
fn what_found_no_connection_before_its_deadline_was_neither_free_nor_written() {
    on_virtual_time(async || {
        let (connector, _) = server(|mut stream| async move {
            while request(&mut stream).await {
                sleep(Duration::from_millis(500)).await;
                let _ = stream.write_all(OK).await;
            }
        });
        let mut share = share(plan(rate(500.0, SECOND), 1, 1), connector, "/a");
        share.timeouts.deadline = Some(Duration::from_millis(100));
        let (recording, ended) = each::<H1, _>(share, Blind).await;
        let (_, failed) = parted(&ended);
        let waited: Vec<_> =
            failed.iter().filter(|lost| lost.failure.name() == "wait.deadline").collect();
        assert!(!waited.is_empty());
        for lost in waited {
            assert_eq!((lost.free, lost.written, lost.first, lost.new), (None, None, None, None));
            assert!(lost.at - lost.planned > 100 * MS);
        }
        assert_eq!(failed.len() as u64, recording.counts.failed);
    });
}

#[test]
fn what_was_never_sent_is_not_told_and_what_the_drain_gave_up_is() {
    on_virtual_time(async || {
        let (connector, _) = server(|mut stream| async move {
            request(&mut stream).await;
            sleep(3600 * SECOND).await;
        });
        let share = share(plan(rate(50.0, SECOND), 2, 1), connector, "/a");
        let (recording, ended) = each::<H1, _>(share, Blind).await;
        let (answered, failed) = parted(&ended);
        assert_eq!((answered.len(), failed.len(), recording.counts.unsent), (0, 2, 48));
        // A second of the run, and one of the drain.
        assert!(failed.iter().all(|lost| lost.at == 2_000 * MS), "{failed:?}");
    });
}

#[test]
fn an_interrupted_run_has_told_all_that_ended() {
    on_virtual_time(async || {
        let share = share(plan(rate(500.0, 3600 * SECOND), 2, 1), reference(), "/plaintext");
        let stop = share.stop.clone();
        spawn_local(async move {
            sleep(Duration::from_millis(777)).await;
            stop.set();
        });
        let (recording, rows) = rows(share).await;
        assert!(recording.interrupted);
        assert_eq!(rows.len() as u64 - 1, recording.counts.answered);
    });
}
