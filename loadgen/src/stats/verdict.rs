//! Whether the numbers of a run say something about the server, in sentences with figures.
//!
//! The generator was the limit where its threads were busy all the time, where requests left late though a connection had room,
//! or where it did not send what was planned though connections had room. All else that limits what a number says is a caution.

use super::{Summary, Verdict, by_status, needs, ratio, steady};
use crate::clock::Nanos;
use crate::plan::{Load, Session};
use crate::record::{Recording, Series};
use crate::sample::Cores;
use crate::units;

/// Share of their time from which threads count as busy all the time: some of it goes where it is not charged.
const BUSY: f64 = 0.95;

/// Share of a latency from which on the generator's lag in it matters.
const LAG_SHARE: f64 = 0.2;

/// Percentiles at which lag is held against the latency, and the lag below which it is only that of a good timer.
const LAG_FLOORS: [(f64, &str, Nanos); 2] = [(0.99, "p99", 1_000_000), (0.5, "median", 250_000)];

/// Share of the planned requests that may go missing without a word.
const SLACK: f64 = 0.01;

/// Requests that may go missing without a word, however few were planned.
const FEW: f64 = 10.0;

/// Share of the CPU time asked for from which on what the machine's host gave to others matters.
const STOLEN_SHARE: f64 = 0.05;

/// Stolen time below which the share says nothing: the kernel counts in steps of 10 ms.
const MUCH_STOLEN: Nanos = 50_000_000;

/// Judges a run by its numbers. The verdict that `summary` has so far is not looked at.
pub(super) fn verdict(summary: &Summary, recording: &Recording, load: &Load) -> Verdict {
    let open = matches!(load, Load::Open(..));
    let in_sessions = matches!(load, Load::Open(.., Session { requests: 2.., .. }));
    let mut verdict = Verdict::default();
    verdict.generator.extend(busy(summary, recording, open));
    if open {
        verdict.generator.extend(late(summary));
        let (generator, caution) = missing(summary, recording, in_sessions);
        verdict.generator.extend(generator);
        verdict.cautions.extend(caution);
        // A session is planned when it arrives: what its user has not asked for yet is no backlog.
        if !in_sessions {
            verdict.cautions.extend(backlog(summary, recording));
        }
    } else {
        verdict.cautions.push(
            "Closed loop: while the server stalls it is asked less, so stalls weigh less than users feel; `--rate` shows them."
                .to_owned(),
        );
    }
    verdict.cautions.extend(errors(summary, recording));
    let answered = recording.counts.answered;
    if answered < needs(0.99) {
        verdict.cautions.push(format!(
            "Too few samples: {}, and p99 takes {}.",
            units::counted(answered, "answer"),
            units::count(needs(0.99))
        ));
    }
    let findings = steady::judge(recording, load);
    verdict.steady = findings.steady;
    verdict.cautions.extend(findings.cautions);
    verdict
}

/// What to add to the cautions of a run against a target on the same machine; `None` if it has cores enough for both.
pub fn shared_cores(threads: usize, cores: usize) -> Option<String> {
    // One for the target and one for the system's part of the network.
    (cores < threads.saturating_add(2)).then(|| {
        format!(
            "Generator ({}) and target share {} and slow each other down: compare with runs on this machine only.",
            units::counted(threads as u64, "thread"),
            units::counted(cores as u64, "core")
        )
    })
}

/// What to add to the cautions of runs during which so much CPU time was used and stolen; `None` if it is little.
pub fn stolen_time(cores: Cores) -> Option<String> {
    let share = ratio(cores.stolen as f64, cores.used as f64 + cores.stolen as f64);
    (cores.stolen >= MUCH_STOLEN && share >= STOLEN_SHARE).then(|| {
        format!(
            "The machine's host gave {} of the CPU time that was wanted here to others (steal): latencies hold that wait; measure again when it is quiet.",
            units::percent(share)
        )
    })
}

/// The generator's threads were busy all the time.
fn busy(summary: &Summary, recording: &Recording, open: bool) -> Option<String> {
    let sentence = || {
        let threads = recording.threads;
        let whose =
            if threads == 1 { "thread was".to_owned() } else { format!("{threads} threads were") };
        let so = if open {
            "its own delays are in the latencies"
        } else {
            "the rate is about what it can do, not the server"
        };
        format!(
            "The generator's {whose} busy for {} of the time: {so}; give it more threads (`-t`).",
            units::percent(summary.busy)
        )
    };
    (summary.busy >= BUSY).then(sentence)
}

/// Requests left late though a connection had room for them.
fn late(summary: &Summary) -> Option<String> {
    let lag = summary.distribution(Series::Lag)?;
    let response = summary.distribution(Series::Response)?;
    LAG_FLOORS.into_iter().find_map(|(q, name, floor)| {
        let (lag, response) = (lag.quantile(q)?, response.quantile(q)?);
        let matters = lag >= floor && lag as f64 >= LAG_SHARE * response as f64;
        matters.then(|| {
            format!(
                "The generator sent late though connections were free: {name} of its lag {}, of the response time {}.",
                units::duration(lag),
                units::duration(response)
            )
        })
    })
}

/// Planned requests that were never sent: a sentence for the generator if it let connections wait, otherwise a caution.
fn missing(
    summary: &Summary,
    recording: &Recording,
    in_sessions: bool,
) -> (Option<String>, Option<String>) {
    let (unsent, planned) = (recording.counts.unsent, recording.counts.planned);
    if unsent == 0 {
        return (None, None);
    }
    let figures = format!(
        "{} of {} planned requests ({}) were never sent",
        units::count(unsent),
        units::count(planned),
        units::percent(ratio(unsent as f64, planned as f64))
    );
    if in_sessions {
        // They may wait for the answer to the one before, or for their user.
        let why = "the run was over before their sessions were. No latency knows of them";
        return (None, Some(format!("{figures}: {why}.")));
    }
    // What delayed those that were sent, taken together.
    let sum = |series| summary.distribution(series).map_or(0.0, |all| all.mean * all.count as f64);
    let (own, waiting) = (sum(Series::Lag), sum(Series::Queue));
    if own <= waiting {
        return (
            None,
            Some(format!(
                "{figures}: the run was over before a connection was free. No latency knows of them."
            )),
        );
    }
    let wait = summary.distribution(Series::Lag).map_or(0, |lag| lag.mean as Nanos);
    let sentence =
        format!("{figures}, though connections were free: mean lag {}.", units::duration(wait));
    if unsent as f64 > FEW.max(SLACK * planned as f64) {
        (Some(sentence), None)
    } else {
        (None, Some(sentence))
    }
}

/// More was planned than was answered, all the time.
fn backlog(summary: &Summary, recording: &Recording) -> Option<String> {
    let offered = summary.offered?;
    let mut waiting = 0.0;
    // The points in time at which slices end, in seconds, and what was planned and not yet done by then.
    let ends: Vec<(f64, f64)> = recording
        .slices
        .iter()
        .zip(super::offered(&recording.slices))
        .map(|(slice, rate)| {
            let planned = rate * slice.length as f64 / 1e9;
            waiting += planned - slice.counts.answered as f64 - slice.counts.failed as f64;
            (slice.start.saturating_add(slice.length) as f64 / 1e9, waiting)
        })
        .collect();
    let slope = slope(&ends)?;
    let seconds = recording.length as f64 / 1e9;
    if slope < SLACK * offered || slope * seconds < FEW {
        return None;
    }
    Some(format!(
        "The backlog grew by {} (planned {}, answered {}): the longer the run, the longer the response times.",
        units::rate(slope),
        units::rate(offered),
        units::rate(summary.rate)
    ))
}

/// The slope of the straight line with the least squares; `None` of fewer than four points.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 4 {
        return None;
    }
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let both: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let square: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    Some(ratio(both, square))
}

/// Requests that failed, and answers that are errors.
fn errors(summary: &Summary, recording: &Recording) -> Option<String> {
    let counts = &recording.counts;
    let bad = by_status(counts, |status| status >= 400);
    if counts.failed + bad == 0 {
        return None;
    }
    let latencies = match (counts.failed, bad) {
        _ if summary.distribution(Series::Response).is_none() => "",
        (0, _) => "; latencies are of all answers, errors too",
        (_, 0) => "; latencies are of answers alone",
        _ => "; latencies are of all answers, errors too, and of no failures",
    };
    Some(format!(
        "{} of the requests went wrong ({} failed, {} by status, {} never sent){latencies}.",
        units::percent(summary.errors),
        units::count(counts.failed),
        units::count(bad),
        units::count(counts.unsent)
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stats::summary;
    use crate::stats::synthetic::{self, Part};

    const MILLISECOND: Nanos = 1_000_000;

    /// The verdict on 10 seconds in which a slice is `part`, with 400/s planned.
    fn open(part: impl Fn(u64) -> Part, tune: impl Fn(&mut Recording)) -> Verdict {
        let parts: Vec<_> = (0..40).map(part).collect();
        let mut recording = synthetic::recording(&parts, true);
        tune(&mut recording);
        summary(&recording, &synthetic::open(400.0, Duration::from_secs(10)), 1).verdict
    }

    fn closed(part: Part, tune: impl Fn(&mut Recording)) -> Verdict {
        let mut recording = synthetic::recording(&vec![part; 40], false);
        tune(&mut recording);
        summary(&recording, &synthetic::closed(Duration::from_secs(10)), 1).verdict
    }

    fn even() -> Part {
        Part::even(100, MILLISECOND)
    }

    #[test]
    fn a_good_open_run_has_nothing_to_say() {
        let verdict = open(|_| even(), |_| ());
        let nothing = Verdict { steady: Some(true), ..Verdict::default() };
        assert_eq!(verdict, nothing);
    }

    #[test]
    fn a_closed_loop_says_what_it_cannot_show() {
        let verdict = closed(even(), |_| ());
        assert!(verdict.generator.is_empty());
        assert_eq!(verdict.cautions.len(), 1);
        assert!(verdict.cautions[0].starts_with("Closed loop:"));
    }

    #[test]
    fn threads_that_are_busy_all_the_time_are_the_limit() {
        let busy = |recording: &mut Recording| {
            recording.threads = 2;
            recording.generator_cpu = recording.length * 2 / 100 * 97;
        };
        let sentence = &open(|_| even(), busy).generator[0];
        assert_eq!(
            sentence,
            "The generator's 2 threads were busy for 97.0% of the time: its own delays are in the latencies; give it more threads \
             (`-t`)."
        );
        let sentence = &closed(even(), busy).generator[0];
        assert!(sentence.contains("the rate is about what it can do"), "{sentence}");
        let idle =
            |recording: &mut Recording| recording.generator_cpu = recording.length / 100 * 94;
        assert!(open(|_| even(), idle).generator.is_empty());
    }

    #[test]
    fn lag_with_a_free_connection_is_the_generators() {
        let late = Part { planned: 100, answers: vec![(0, 5 * MILLISECOND, MILLISECOND); 100] };
        let verdict = open(|_| late.clone(), |_| ());
        assert_eq!(
            verdict.generator,
            [
                "The generator sent late though connections were free: p99 of its lag 5.00 ms, of the response time 6.00 ms."
            ]
        );
    }

    #[test]
    fn lag_that_is_small_against_the_latency_is_none() {
        let little =
            Part { planned: 100, answers: vec![(0, 5 * MILLISECOND, 50 * MILLISECOND); 100] };
        assert!(open(|_| little.clone(), |_| ()).generator.is_empty());
        let timer = Part { planned: 100, answers: vec![(0, 150_000, 150_000); 100] };
        assert!(open(|_| timer.clone(), |_| ()).generator.is_empty());
    }

    #[test]
    fn late_medians_count_where_one_stall_of_the_server_is_the_p99() {
        let stalled = |slice| Part {
            planned: 100,
            answers: vec![
                (0, 2 * MILLISECOND, if slice == 7 { 1000 } else { 1 } * MILLISECOND);
                100
            ],
        };
        let sentence = &open(stalled, |_| ()).generator[0];
        assert!(sentence.contains("median of its lag 2.00 ms"), "{sentence}");
    }

    #[test]
    fn waiting_for_a_connection_is_not_the_generators() {
        let waiting =
            Part { planned: 100, answers: vec![(50 * MILLISECOND, 10_000, MILLISECOND); 100] };
        assert!(open(|_| waiting.clone(), |_| ()).generator.is_empty());
    }

    #[test]
    fn requests_that_were_not_sent_with_connections_free_are_the_generators() {
        let slow = Part { planned: 100, answers: vec![(0, 400 * MILLISECOND, MILLISECOND); 95] };
        let unsent = |recording: &mut Recording| recording.counts.unsent = 200;
        let verdict = open(|_| slow.clone(), unsent);
        assert_eq!(
            verdict.generator[1],
            "200 of 4,000 planned requests (5.00%) were never sent, though connections were free: mean lag 400 ms."
        );
        assert!(!verdict.cautions.iter().any(|caution| caution.contains("were never sent:")));
    }

    #[test]
    fn a_few_that_a_late_generator_did_not_send_are_a_caution() {
        let slow = Part { planned: 100, answers: vec![(0, 100_000, MILLISECOND); 100] };
        let verdict = open(|_| slow.clone(), |recording| recording.counts.unsent = 9);
        assert!(verdict.generator.is_empty());
        let sentence = "9 of 4,000 planned requests (0.22%) were never sent, though connections were free: mean lag 100 µs.";
        assert_eq!(verdict.cautions[0], sentence);
    }

    #[test]
    fn requests_that_were_not_sent_for_want_of_a_connection_are_a_caution() {
        let full = Part { planned: 100, answers: vec![(400 * MILLISECOND, 0, MILLISECOND); 95] };
        let unsent = |recording: &mut Recording| recording.counts.unsent = 200;
        let verdict = open(|_| full.clone(), unsent);
        assert!(verdict.generator.is_empty());
        assert_eq!(
            verdict.cautions[0],
            "200 of 4,000 planned requests (5.00%) were never sent: the run was over before a connection was free. No latency knows of them."
        );
    }

    #[test]
    fn a_server_that_never_answers_is_not_the_generators() {
        let unsent = |recording: &mut Recording| recording.counts.unsent = 3_992;
        let verdict = open(|_| Part { planned: 100, answers: Vec::new() }, unsent);
        assert!(verdict.generator.is_empty(), "{verdict:?}");
    }

    #[test]
    fn a_backlog_that_grows_is_named_with_its_slope() {
        let verdict = open(|_| Part { planned: 100, ..Part::even(90, MILLISECOND) }, |_| ());
        let caution = &verdict.cautions[0];
        assert!(
            caution.starts_with("The backlog grew by 40/s (planned 400/s, answered 360/s):"),
            "{caution}"
        );
    }

    /// So many more were planned and never sent: they count in the last of 40 slices.
    fn never_sent(requests: u64) -> impl Fn(&mut Recording) {
        move |recording| {
            for counts in [&mut recording.counts, &mut recording.slices[39].counts] {
                counts.planned += requests;
                counts.unsent += requests;
            }
        }
    }

    #[test]
    fn requests_that_were_never_sent_are_part_of_the_backlog() {
        // Half of what is planned is served: by the end, what was planned in the first half.
        let half = |slice| Part {
            planned: if slice < 20 { 100 } else { 0 },
            ..Part::even(50, MILLISECOND)
        };
        let caution = &open(half, never_sent(2_000)).cautions[1];
        assert!(caution.starts_with("The backlog grew by 200/s (planned 400/s"), "{caution}");
    }

    #[test]
    fn what_sessions_have_not_asked_for_is_neither_backlog_nor_lag() {
        // Sessions of two, answered at once, whose users think longer than the run lasts.
        let half = Part { planned: 100, answers: vec![(0, 10_000, MILLISECOND); 50] };
        let mut recording = synthetic::recording(&vec![half; 40], true);
        recording.counts.unsent = 2_000;
        let Load::Open(schedule, arrivals, _) = synthetic::open(400.0, Duration::from_secs(10))
        else {
            panic!("open")
        };
        let session = Session { requests: 2, think: Duration::from_secs(10) };
        let verdict = summary(&recording, &Load::Open(schedule, arrivals, session), 1).verdict;
        assert!(verdict.generator.is_empty(), "{:?}", verdict.generator);
        assert_eq!(
            verdict.cautions,
            [
                "2,000 of 4,000 planned requests (50.0%) were never sent: the run was over before their sessions were. No latency knows of them."
            ]
        );
    }

    #[test]
    fn no_backlog_grows_faster_than_is_planned() {
        // Four requests are sent and never answered, and the rest is never sent.
        let stuck = |slice| Part { planned: if slice == 0 { 4 } else { 0 }, ..Part::default() };
        let caution = &open(stuck, never_sent(3_996)).cautions[1];
        assert!(caution.starts_with("The backlog grew by 400/s (planned 400/s"), "{caution}");
    }

    #[test]
    fn a_burst_that_is_worked_off_is_no_backlog() {
        let burst = |slice| match slice {
            20 => Part { planned: 100, ..Part::default() },
            21 => Part { planned: 100, ..Part::even(200, MILLISECOND) },
            _ => even(),
        };
        let verdict = open(burst, |_| ());
        assert!(!verdict.cautions.iter().any(|caution| caution.contains("backlog")), "{verdict:?}");
    }

    #[test]
    fn errors_and_few_samples_are_told() {
        let verdict = open(
            |_| Part::even(20, MILLISECOND),
            |recording| {
                recording.counts.failed = 4;
                recording.counts.statuses.insert(200, 794);
                recording.counts.statuses.insert(503, 6);
            },
        );
        assert_eq!(
            verdict.cautions,
            [
                "1.24% of the requests went wrong (4 failed, 6 by status, 0 never sent); latencies are of all answers, errors too, and of no failures.",
                "Too few samples: 800 answers, and p99 takes 1,000.",
            ]
        );
    }

    #[test]
    fn stolen_time_is_told_where_it_is_much() {
        let cores = |used: u64, stolen: u64| Cores {
            used: used * MILLISECOND,
            stolen: stolen * MILLISECOND,
        };
        assert_eq!(
            stolen_time(cores(900, 100)).unwrap(),
            "The machine's host gave 10.0% of the CPU time that was wanted here to others (steal): latencies hold that wait; measure again when it is quiet."
        );
        assert_eq!(stolen_time(cores(960, 40)), None, "too small a share");
        assert_eq!(stolen_time(cores(60, 40)), None, "too few steps");
        assert_eq!(stolen_time(Cores::default()), None);
    }

    #[test]
    fn few_cores_are_told_where_the_target_shares_them() {
        let caution = shared_cores(1, 2).unwrap();
        assert!(caution.starts_with("Generator (1 thread) and target share 2 cores "), "{caution}");
        assert_eq!(shared_cores(2, 4), None);
    }
}
