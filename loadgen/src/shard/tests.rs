//! One run in several shards is one run.

use std::path::PathBuf;
use std::{env, fs, process};

use proptest::prelude::*;

use super::*;
use crate::clock::Nanos;
use crate::error::{Cause, Failure, Phase};
use crate::plan::{Planned, Unsent};
use crate::record::{Lost, Opened, Options, Recorder, SLICE, Sample, Violation};

/// Something that a worker tells its recorder.
#[derive(Clone, Copy, Debug)]
enum Event {
    Answer { wait: Nanos, service: Nanos, status: u16, request: usize, new: bool },
    Failure { errno: i32 },
    Open { connect: Nanos },
    Octets { sent: u64, received: u64 },
    Violation { rule: u8 },
}

const FROM: Nanos = 3 * SLICE;
const TO: Nanos = 9 * SLICE + 1000;
const END: Nanos = 10 * SLICE;

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0u64..3_000_000, 1u64..2_000_000_000, 200u16..210, 0usize..3, any::<bool>()).prop_map(
            |(wait, service, status, request, new)| {
                Event::Answer { wait, service, status, request, new }
            }
        ),
        1 => (1i32..5).prop_map(|errno| Event::Failure { errno }),
        1 => (1u64..1_000_000).prop_map(|connect| Event::Open { connect }),
        1 => (0u64..1000, 0u64..1000).prop_map(|(sent, received)| Event::Octets { sent, received }),
        1 => (0u8..3).prop_map(|rule| Event::Violation { rule }),
    ]
}

/// Events of four workers, in the order of time.
fn events() -> impl Strategy<Value = Vec<(Nanos, usize, Event)>> {
    prop::collection::vec((0..END, 0usize..4, event()), 0..120).prop_map(|mut events| {
        events.sort_by_key(|(at, ..)| *at);
        events
    })
}

/// What one worker saw of those events that are its own, and how many it never sent.
fn recording(
    open_loop: bool,
    to: Option<Nanos>,
    events: impl Iterator<Item = (Nanos, Event)>,
    unsent: u64,
) -> Recording {
    let mut recorder = Recorder::new(Options {
        measured_from: FROM,
        measured_to: to,
        open_loop,
        requests: 3,
        samples: false,
    });
    let mut recording = Recording::default();
    for (at, event) in events {
        // As the worker's tick does.
        while let Some(slice) = recorder.rolled(at) {
            recording.absorb(slice);
        }
        tell(&mut recorder, at, event, to);
    }
    recorder.unsent(Unsent { waiting: unsent, ..Unsent::default() });
    while let Some(slice) = recorder.rolled(END) {
        recording.absorb(slice);
    }
    recording.merge(recorder.finish(END));
    recording
}

fn tell(recorder: &mut Recorder, at: Nanos, event: Event, to: Option<Nanos>) {
    match event {
        Event::Answer { wait, service, status, request, new } => {
            let written = at.saturating_sub(service);
            let planned = written.saturating_sub(wait);
            let measured = (FROM..to.unwrap_or(END)).contains(&planned);
            recorder.planned(&Planned {
                at: planned,
                number: 0,
                measured,
                again: false,
                brings: 1,
            });
            let first = written + service / 2;
            let free = planned + wait / 3;
            let sample = Sample {
                number: 0,
                planned,
                free,
                written,
                first,
                finished: at,
                status,
                content: 7,
                request,
                new,
            };
            recorder.answered(&sample, measured);
        }
        Event::Failure { errno } => {
            let failure = Failure { phase: Phase::Response, cause: Cause::Os(errno) };
            let lost = Lost {
                number: 0,
                planned: at,
                free: Some(at),
                written: Some(at),
                first: Some(at),
                at,
                failure,
                request: 0,
                new: Some(false),
            };
            recorder.failed(&lost, at >= FROM);
        }
        // Where a number of requests is the end, only those have a time.
        _ if to.is_none() => {}
        Event::Open { connect } => {
            recorder.opened(&Opened { connect, ..Opened::default() }, at);
        }
        Event::Octets { sent, received } => recorder.transferred(sent, received),
        Event::Violation { rule } => {
            recorder.violation(&format!("rule.{rule}"), &|| Violation {
                what: format!("at {at}"),
                octets: vec![0xff, rule],
            });
        }
    }
}

fn shard(index: u32, count: u32, recordings: [Recording; 2]) -> Shard {
    let manifest = Manifest {
        run: "a run".to_owned(),
        plan_hash: plan_hash(["2000/s", "http://127.0.0.1"]),
        index,
        count,
        started: 1_700_000_000.25,
        plan: "open loop, 2000/s".to_owned(),
        load: "open loop, 2000/s for 2s, constant arrivals".to_owned(),
        ..Manifest::default()
    };
    let names = [("h1", Protocol::H1), ("http://a:1, x h2", Protocol::H2)];
    let lane = |((name, protocol), recording): ((&str, Protocol), Recording)| Lane {
        name: name.to_owned(),
        target: "http://127.0.0.1".to_owned(),
        protocol,
        recording,
    };
    Shard { manifest, lanes: names.into_iter().zip(recordings).map(lane).collect() }
}

/// Shards of the events, by worker, and the one run of all of them.
fn shards(open: bool, to: Option<Nanos>, events: &[(Nanos, usize, Event)]) -> (Vec<Shard>, Shard) {
    // Without an end in time nothing is left over.
    let unsent = |worker: usize| if to.is_some() { worker as u64 * 3 } else { 0 };
    let of = |worker: usize| events.iter().filter(move |event| event.1 == worker);
    let shard_of = |worker: usize| {
        let [one, two] = [0, 1].map(|lane| {
            let events = of(worker).skip(lane).map(|&(at, _, event)| (at, event));
            recording(open, to, events, unsent(worker))
        });
        shard(worker as u32, 4, [one, two])
    };
    let all = [0, 1].map(|lane| {
        let mut all: Vec<_> = (0..4).flat_map(|worker| of(worker).skip(lane)).collect();
        all.sort_by_key(|(at, ..)| *at);
        let unsent = (0..4).map(unsent).sum();
        recording(open, to, all.into_iter().map(|&(at, _, event)| (at, event)), unsent)
    });
    ((0..4).map(shard_of).collect(), shard(0, 1, all))
}

fn octets(lanes: &[Lane]) -> (String, String) {
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (text(series(1_700_000_000.0, lanes).unwrap()), text(counts(lanes).unwrap()))
}

/// A directory for one test.
fn directory(name: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("falconry-shard-{}-{name}", process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn merging_shards_is_one_run_of_the_same_samples(
        events in events(),
        open in any::<bool>(),
        timed in any::<bool>(),
    ) {
        let (shards, one) = shards(open, timed.then_some(TO), &events);
        let merged = Merged::of(shards).unwrap();
        prop_assert_eq!(octets(&merged.lanes()), octets(&one.lanes));
        for (merged, one) in merged.lanes().iter().zip(&one.lanes) {
            prop_assert_eq!(&merged.recording.totals, &one.recording.totals);
            prop_assert_eq!(&merged.recording.counts, &one.recording.counts);
            prop_assert_eq!(merged.recording.length, one.recording.length);
            prop_assert_eq!(merged.recording.threads, 4);
        }
    }

    #[test]
    fn merging_takes_any_order_and_any_grouping(
        events in events(),
        order in Just(vec![0, 1, 2, 3]).prop_shuffle(),
    ) {
        let (shards, _) = shards(true, Some(TO), &events);
        let at = |index: usize| Merged::of([shards[order[index]].clone()]).unwrap();
        let (mut left, mut right, mut inner) = (at(0), at(0), at(2));
        for index in 1..4 {
            left.add(at(index)).unwrap();
        }
        inner.add(at(3)).unwrap();
        right.add(at(1)).unwrap();
        inner.add(right).unwrap();
        prop_assert_eq!(&left, &inner);
        prop_assert_eq!(&left, &Merged::of(shards.clone()).unwrap());
    }

    #[test]
    fn recordings_merge_in_any_order_and_grouping(events in events()) {
        let (shards, _) = shards(true, Some(TO), &events);
        let at = |index: usize| shards[index].lanes[0].recording.clone();
        let (mut left, mut right) = (at(0), at(1));
        left.merge(at(1));
        left.merge(at(2));
        right.merge(at(2));
        right.merge(at(0));
        prop_assert_eq!(left, right);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn a_directory_reads_as_it_was_written(events in events(), timed in any::<bool>()) {
        let path = directory("round-trip");
        for shard in shards(true, timed.then_some(TO), &events).0 {
            write(&path, &shard).unwrap();
            prop_assert_eq!(read(&path).unwrap(), shard);
        }
        fs::remove_dir_all(path).unwrap();
    }
}

fn few() -> Vec<Shard> {
    let answer = Event::Answer { wait: 5, service: 1000, status: 200, request: 0, new: true };
    let events: Vec<_> = (0..8)
        .flat_map(|index| {
            let at = FROM + index * 100_000_000 + 5000;
            let worker = index as usize % 4;
            [
                (at, worker, answer),
                (at, worker, Event::Violation { rule: 1 }),
                (TO + 5, worker, answer),
            ]
        })
        .collect();
    shards(true, Some(TO), &events).0
}

#[test]
fn different_plans_are_refused_by_name() {
    let mut shards = few();
    shards[2].manifest.plan_hash = plan_hash(["3000/s"]);
    shards[2].manifest.plan = "open loop, 3000/s".to_owned();
    let refused = Merged::of(shards).unwrap_err().to_string();
    assert!(refused.contains("2000/s") && refused.contains("3000/s"), "{refused}");
}

#[test]
fn different_runs_numbers_and_lanes_are_refused() {
    let change = |what: &dyn Fn(&mut Shard)| {
        let mut shards = few();
        what(&mut shards[1]);
        Merged::of(shards).unwrap_err()
    };
    let runs = Refused::Runs("a run".to_owned(), "other".to_owned());
    assert_eq!(change(&|shard| shard.manifest.run = "other".to_owned()), runs);
    assert_eq!(change(&|shard| shard.manifest.count = 5), Refused::Counts(4, 5));
    assert_eq!(change(&|shard| drop(shard.lanes.pop())), Refused::Lanes(0, 1));
    assert_eq!(change(&|shard| shard.manifest.index = 0), Refused::Ambiguous(0, 0));
    assert_eq!(Merged::of([]).unwrap_err(), Refused::None);
}

#[test]
fn gaps_are_named() {
    let merged = Merged::of(few().into_iter().skip(2)).unwrap();
    assert_eq!(merged.missing(), [0, 1]);
    assert_eq!(
        merged.notes(),
        ["2 of 4 shards are missing (number 1, 2): rates and counts are those of the others."]
    );
    let merged = Merged::of(few().into_iter().skip(1)).unwrap();
    assert!(merged.notes()[0].starts_with("1 of 4 shards is missing (number 1):"));
    let mut last = few().remove(3);
    last.manifest.count = 50;
    let merged = Merged::of([last]).unwrap();
    assert!(merged.notes()[0].contains(", 20, 21 and 29 more): "), "{:?}", merged.notes());
}

#[test]
fn of_two_attempts_the_later_counts() {
    let shards = few();
    let mut again = shards[1].clone();
    again.manifest.attempt = 1;
    again.lanes[0].recording = Recording::default();
    let expected = Merged::of([shards[0].clone(), again.clone()]).unwrap().lanes();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let all = [shards[0].clone(), shards[1].clone(), again.clone()];
        let merged = Merged::of(order.map(|index| all[index].clone())).unwrap();
        assert_eq!(merged.lanes(), expected);
        assert_eq!(
            merged.notes()[1],
            "Shard 2 was tried again: attempt 1 counts, attempt 0 does not."
        );
    }
}

#[test]
fn a_shard_that_stands_there_twice_counts_once() {
    let shards = few();
    let once = Merged::of(shards.clone()).unwrap();
    assert_eq!(Merged::of([shards.clone(), shards].concat()).unwrap(), once);
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let path = directory("faults");
    let fault = |name: &str, change: &dyn Fn(String) -> String| {
        write(&path, &few()[0]).unwrap();
        let file = path.join(name);
        fs::write(&file, change(fs::read_to_string(&file).unwrap())).unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.path, file);
        (error.line, error.to_string())
    };
    let broken = |text: String| text.replacen("HISTFAAAA", "HISTFAA!A", 1);
    let (line, text) = fault(SERIES, &broken);
    assert_eq!(line, Some(7));
    assert!(text.contains("line 7: the histogram is not Base64 (copy the"), "{text}");
    // A line less reads well, and is found out.
    let shorter = |text: String| text[..text.trim_end().rfind('\n').unwrap() + 1].to_owned();
    assert!(fault(SERIES, &shorter).1.contains("manifest.json belongs to"));
    let renamed = |text: String| text.replacen("Tag=h1.", "Tag=h3.", 1);
    assert_eq!(fault(SERIES, &renamed).0, Some(7));
    assert_eq!(fault(COUNTS, &|text| text.replacen("\"start\"", "\"start", 1)).0, Some(22));
    assert!(fault(COUNTS, &|text| text.replace("\"h1\"", "\"h9\"")).1.contains("`h9`"));
    assert!(fault(ERRORS, &|text| text.replace("/wE=", "~")).1.contains("`rule.1`"));
    let newer = |text: String| text.replacen("\"format\": 1", "\"format\": 2", 1);
    assert!(fault(MANIFEST, &newer).1.contains("format 2, and this version reads 1"));
    let index = |text: String| text.replacen("\"index\": 0", "\"index\": 4", 1);
    assert!(fault(MANIFEST, &index).1.contains("shard 5 of 4"));
    let load = |text: String| text.replacen("\"load\": \"", "\"load\": \"no ", 1);
    assert!(fault(MANIFEST, &load).1.contains("describes no load"));
    let name = |text: String| text.replacen("l\": \"h1\"", "l\": \"\\u001b[2J\"", 1);
    write(&path, &few()[0]).unwrap();
    fs::write(path.join(MANIFEST), name(fs::read_to_string(path.join(MANIFEST)).unwrap())).unwrap();
    let text = read(&path).unwrap_err().to_string();
    assert!(text.contains("\\u{1b}[2J") && !text.contains(char::is_control), "{text:?}");
    fs::remove_file(path.join(MANIFEST)).unwrap();
    assert!(matches!(read(&path).unwrap_err().fault, Fault::NoManifest));
    fs::remove_dir_all(path).unwrap();
}

#[test]
fn what_has_no_end_is_not_read() {
    let path = directory("endless");
    write(&path, &few()[0]).unwrap();
    for name in [MANIFEST, SERIES, COUNTS, ERRORS] {
        let file = path.join(name);
        let text = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error.fault, Fault::NoFile) && error.path == file, "{error}");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(matches!(read(&path).unwrap_err().fault, Fault::NoFile));
        fs::remove_dir(&file).unwrap();
        fs::write(&file, b"\xff").unwrap();
        assert!(matches!(read(&path).unwrap_err().fault, Fault::NoText));
        fs::write(&file, text).unwrap();
    }
    fs::remove_dir_all(&path).unwrap();
    let error = read(&path).unwrap_err();
    assert!(matches!(error.fault, Fault::Io(_)) && error.path == path, "{error}");
}

#[test]
fn counts_that_could_not_be_added_are_refused() {
    let path = directory("huge");
    for (what, change) in [
        ("requests", (|counts| counts.answered = u64::MAX) as fn(&mut crate::record::Counts)),
        ("answers", |counts| _ = counts.statuses.insert(200, 1 << 45)),
        ("failures", |counts| {
            let failure = Failure { phase: Phase::Response, cause: Cause::Os(1) };
            counts.failures.insert(failure, u64::MAX);
        }),
        ("violations", |counts| _ = counts.violations.insert("rule.1".to_owned(), u64::MAX)),
    ] {
        let mut shard = few().remove(0);
        let recording = &mut shard.lanes[0].recording;
        change(&mut recording.slices[0].counts);
        write(&path, &shard).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error.fault, Fault::Count(it) if it == what), "{what}: {error}");
    }
    let mut shard = few().remove(0);
    shard.lanes[0].recording.drain_length = u64::MAX;
    write(&path, &shard).unwrap();
    assert!(matches!(read(&path).unwrap_err().fault, Fault::Time(u64::MAX)));
    fs::remove_dir_all(&path).unwrap();
}

#[test]
fn plans_of_different_words_have_different_hashes() {
    assert_ne!(plan_hash(["ab", "c"]), plan_hash(["a", "bc"]));
    assert_eq!(plan_hash(["ab"]), plan_hash(["ab"]));
}
