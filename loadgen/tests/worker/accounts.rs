//! Every planned request ends once, in the part and at the time where it belongs.

use std::time::Duration;

use falconry_loadgen::plan::{End, Load};
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::protocol::h2::H2;
use falconry_loadgen::record::Series;
use falconry_transport::memory::MemoryOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, sleep_until};

use crate::support::*;

#[test]
fn what_is_given_back_in_the_drain_is_sent_again_in_its_first_half() {
    // Answers the first of what is pipelined so long behind its request, 0.2 s and 0.6 s behind the end, and closes.
    for (answer, answered, put_back) in [(500, 4, 6 + 4), (900, 2, 6)] {
        on_virtual_time(async || {
            let (connector, _) = server(move |mut stream| async move {
                request(&mut stream).await;
                sleep(Duration::from_millis(answer)).await;
                let _ = stream.write_all(LAST).await;
            });
            let load = Load::Closed(End::After(Duration::from_millis(300)));
            let recording = h1(share(plan(load, 2, 4), connector, "/")).await;
            let counts = &recording.counts;
            assert_eq!((counts.planned, counts.answered, counts.failed), (8, answered, 0));
            assert_eq!((counts.unsent, counts.put_back), (8 - answered, put_back));
        });
    }
}

#[test]
fn the_drain_of_a_backlog_waits_for_what_is_in_flight() {
    on_virtual_time(async || {
        // Two connections, answered 0.6 s and 0.9 s behind the end. The first of them then rests, while
        // requests are due that nobody will send.
        let begin = Instant::now();
        let (connector, _) = server(move |mut stream| async move {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let at = if begin.elapsed() < Duration::from_millis(100) { 1600 } else { 1900 };
            sleep_until(begin + Duration::from_millis(at)).await;
            let _ = stream.write_all(OK).await;
            sleep(3600 * SECOND).await;
        });
        let recording = h1(share(plan(rate(10.0, SECOND), 2, 1), connector, "/")).await;
        let counts = &recording.counts;
        assert_eq!((counts.planned, counts.answered, counts.unsent), (10, 2, 8));
    });
}

#[test]
fn a_backlog_is_sent_in_the_drain_and_its_waits_are_measured() {
    on_virtual_time(async || {
        // Frozen for the last second of two, until the end and 0.2 s more.
        let begin = Instant::now();
        let (connector, _) = server(move |mut stream| async move {
            while request(&mut stream).await {
                let at = begin.elapsed();
                if (SECOND..Duration::from_millis(2200)).contains(&at) {
                    sleep_until(begin + Duration::from_millis(2200)).await;
                }
                let _ = stream.write_all(OK).await;
            }
        });
        let recording = h1(share(plan(rate(10.0, 2 * SECOND), 1, 1), connector, "/")).await;
        let counts = &recording.counts;
        assert_eq!((counts.planned, counts.answered, recording.drain.answered), (20, 20, 10));
        // Planned at 1.05 s, and answered at 2.2 s.
        let longest = recording.totals[&Series::Response].max();
        assert!((1_150_000_000..1_151_000_000).contains(&longest), "{longest}");
        assert_eq!(recording.drain_length, 200_000_000);
    });
}

#[test]
fn an_open_loop_lasts_as_long_as_its_schedule() {
    on_virtual_time(async || {
        // The last of ten is planned at 0.95 s.
        let recording = h1(share(plan(rate(10.0, SECOND), 1, 1), reference(), "/plaintext")).await;
        assert_eq!((recording.counts.answered, recording.length), (10, 1_000_000_000));
    });
}

#[test]
fn the_drain_of_an_interrupted_run_is_not_in_its_rate() {
    on_virtual_time(async || {
        let (connector, _) = server(|mut stream| async move {
            while request(&mut stream).await {
                sleep(Duration::from_millis(700)).await;
                let _ = stream.write_all(OK).await;
            }
        });
        let share = share(plan(rate(1.0, 3600 * SECOND), 1, 1), connector, "/");
        let stop = share.stop.clone();
        spawn_local(async move {
            // 0.1 s behind the second request.
            sleep(Duration::from_millis(1600)).await;
            stop.set();
        });
        let recording = h1(share).await;
        assert!(recording.interrupted);
        assert_eq!((recording.counts.answered, recording.drain.answered), (2, 1));
        assert!(recording.length < 1_750_000_000, "{}", recording.length);
    });
}

#[test]
fn a_count_with_a_long_warm_up_gives_up_when_its_server_is_gone() {
    on_virtual_time(async || {
        let connector = only(MemoryOptions::default(), |mut stream| async move {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(LAST).await;
        });
        let mut plan = plan(count(1_000_000_000_000), 1, 1);
        plan.warm_up = 3600 * SECOND;
        let recording = h1(share(plan, connector, "/")).await;
        let warm_up = &recording.warm_up;
        assert_eq!((warm_up.planned - warm_up.unsent, warm_up.answered), (1, 1));
        assert_eq!(warm_up.unsent, 1_000_000_000_000);
    });
}

#[test]
fn a_count_that_is_stopped_while_its_server_is_gone_is_interrupted() {
    on_virtual_time(async || {
        let connector = only(MemoryOptions::default(), |mut stream| async move {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(LAST).await;
        });
        let share = share(plan(count(10), 1, 1), connector, "/");
        let stop = share.stop.clone();
        spawn_local(async move {
            sleep(SECOND).await;
            stop.set();
        });
        let recording = h1(share).await;
        assert!(recording.interrupted);
        let counts = &recording.counts;
        assert_eq!((counts.planned, counts.answered, counts.unsent), (1, 1, 0));
    });
}

#[test]
fn a_count_ends_where_every_connection_is_closed_unused() {
    on_virtual_time(async || {
        let (connector, accepted) = server(|stream| async move { drop(stream) });
        let begin = Instant::now();
        let recording = h1(share(plan(count(10), 2, 1), connector, "/")).await;
        let counts = &recording.counts;
        assert_eq!(counts.planned, 10);
        assert!(begin.elapsed() < 30 * SECOND);
        assert!(accepted.get() < 60, "{}", accepted.get());
    });
}

/// Reads frames of HTTP/2 and answers each head by what `answer` makes of its stream.
async fn refusing(
    mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin,
    answer: fn(u32) -> Vec<u8>,
) {
    let mut preface = [0; 24];
    if stream.read_exact(&mut preface).await.is_err() {
        return;
    }
    let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let [a, b, c, kind, _, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        if stream.read_exact(&mut payload).await.is_err() {
            return;
        }
        if kind == 1 {
            sleep(Duration::from_millis(1)).await;
            if stream.write_all(&answer(u32::from_be_bytes(id))).await.is_err() {
                return;
            }
        }
    }
}

#[test]
fn a_count_ends_where_every_request_is_refused() {
    on_virtual_time(async || {
        let refused: fn(u32) -> Vec<u8> = |id| {
            // RST_STREAM of REFUSED_STREAM.
            [&[0, 0, 4, 3, 0][..], &id.to_be_bytes(), &[0, 0, 0, 7]].concat()
        };
        // GOAWAY that leaves all out.
        let leaves: fn(u32) -> Vec<u8> =
            |_| [&[0, 0, 8, 7, 0, 0, 0, 0, 0][..], &[0; 4], &[0; 4]].concat();
        for (answer, connections) in [(refused, 3), (leaves, 60)] {
            let (connector, accepted) = server(move |stream| refusing(stream, answer));
            let share = share(plan(count(10), 2, 2), connector, "/");
            let recording = work::<H2>(share, Protocol::H2).await;
            let counts = &recording.counts;
            assert_eq!((counts.planned, counts.answered), (10, 0));
            assert!(accepted.get() < connections, "{}", accepted.get());
        }
    });
}

#[test]
fn what_a_server_gives_back_is_no_lag_of_ours() {
    on_virtual_time(async || {
        // The first connection keeps half of what is pipelined for a while and gives it back; another one rests.
        let (connector, _) = server(move |mut stream| async move {
            let mut first = true;
            while request(&mut stream).await {
                if std::mem::take(&mut first) {
                    sleep(Duration::from_millis(300)).await;
                    let _ = stream.write_all(LAST).await;
                    return;
                }
            }
        });
        let mut plan = plan(rate(10.0, 2 * SECOND), 2, 8);
        plan.drain = SECOND;
        let recording = h1(share(plan, connector, "/")).await;
        let lag = recording.totals[&Series::Lag].max();
        assert!(lag < 50_000_000, "{lag}");
    });
}

#[test]
fn warm_up_that_was_given_back_does_not_hide_measured_requests() {
    on_virtual_time(async || {
        // One connection, which gives back half of the warm-up and is the last.
        let connector = only(MemoryOptions::default(), |mut stream| async move {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            sleep(Duration::from_millis(900)).await;
            let _ = stream.write_all(LAST).await;
        });
        let mut plan = plan(rate(10.0, SECOND), 1, 100);
        plan.warm_up = SECOND;
        // `work` adds up.
        let recording = h1(share(plan, connector, "/")).await;
        assert_eq!((recording.counts.planned, recording.counts.unsent), (10, 10));
        let warm_up = &recording.warm_up;
        assert_eq!((warm_up.planned, warm_up.answered, warm_up.unsent), (10, 1, 9));
    });
}

#[test]
fn a_request_is_written_when_the_server_takes_it() {
    on_virtual_time(async || {
        // Ten requests at once, of which the server lets in the first octets, and the rest a second later.
        let plan = plan(count(10), 1, 10);
        let connector = only(MemoryOptions { capacity: 10, backlog: 1 }, |mut stream| async move {
            sleep(SECOND).await;
            let mut buffer = [0; 4096];
            let mut ends = 0;
            let mut last = [0; 4];
            while let Ok(1..) = stream.read(&mut buffer[..1]).await {
                last = [last[1], last[2], last[3], buffer[0]];
                if last == *b"\r\n\r\n" {
                    ends += 1;
                    let _ = stream.write_all(OK).await;
                }
            }
            assert_eq!(ends, 10);
        });
        let recording = h1(share(plan, connector, "/")).await;
        assert_eq!(recording.counts.answered, 10);
        let service = &recording.totals[&Series::Service];
        // The first began to be written at once, the others a second later.
        assert!(service.max() > 900_000_000, "{}", service.max());
        assert!(service.value_at_quantile(0.5) < 100_000_000);
    });
}
