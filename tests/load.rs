//! `falconry load` and `falconry merge` as their users meet them: exit codes, messages, files.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Output;
use std::time::Duration;

use falconry_server::reference::{self, ReferenceOptions};
use falconry_server::{Endpoint, Running, Server};
use serde_json::Value;
use support::{Directory, command, output};

fn load(arguments: &[&str]) -> Output {
    output(command(&["load"]).args(arguments))
}

fn merge(arguments: &[&str]) -> Output {
    output(command(&["merge"]).args(arguments))
}

/// A reference server in this process, whose counters tell what it saw.
struct Target {
    running: Running,
    url: String,
}

impl Target {
    fn start() -> Self {
        let running = Server::new(reference::application(ReferenceOptions::default()))
            .threads(1)
            .listen(Endpoint::new("http://127.0.0.1:0".parse().unwrap()))
            .start()
            .unwrap();
        let url = format!("{}/plaintext", running.endpoints()[0]);
        Self { running, url }
    }

    /// How many requests it answered, and on how many connections.
    fn end(self) -> (u64, u64) {
        self.running.shutdown(Duration::ZERO);
        let totals = self.running.join();
        (totals.requests, totals.connections)
    }
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).unwrap()
}

/// The report on standard output, which holds nothing else.
fn json(output: &Output) -> Value {
    let fault = |error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(fault)
}

/// A count of the first lane.
fn count(report: &Value, name: &str) -> u64 {
    report["lanes"][0]["counts"][name].as_u64().unwrap()
}

fn names(report: &Value) -> Vec<&str> {
    report["lanes"].as_array().unwrap().iter().map(|lane| lane["name"].as_str().unwrap()).collect()
}

/// Asserts that the run ended well: where the generator was the limit, on a busy machine, too.
fn ended_well(output: &Output) {
    let code = output.status.code();
    assert!(
        matches!(code, Some(0 | 4)),
        "{code:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

/// Asserts that these arguments are refused with a sentence that holds `word`, and without a report.
fn refused(arguments: &[&str], word: &str) {
    let output = output(&mut command(arguments));
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
    assert!(message.contains(word), "{arguments:?}: {message}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
}

#[test]
fn a_newcomer_sees_both_protocols_side_by_side() {
    let output = load(&["-d", "1s", "--blocks", "2", "--no-tui"]);
    ended_well(&output);
    let text = text(&output.stdout);
    assert!(text.contains("loads the reference server by HTTP/1.1 and HTTP/2"), "{text}");
    assert!(text.contains("Blocks      2: the lanes took turns"), "{text}");
    assert!(text.contains("h2 against h1"), "{text}");
}

#[test]
fn a_count_is_sent_exactly_and_the_server_agrees() {
    for protocol in ["h1", "h2"] {
        let target = Target::start();
        let plan = ["-n", "500", "-c", "3", "-m", "4", "-t", "2", "--proto", protocol];
        let output = load(&[&[&*target.url, "--json", "-"][..], &plan].concat());
        ended_well(&output);
        let report = json(&output);
        assert_eq!(report["schema"], 1);
        assert_eq!(names(&report), [protocol]);
        assert_eq!(count(&report, "planned"), 500);
        assert_eq!(count(&report, "answered"), 500);
        assert_eq!(count(&report, "failed"), 0);
        assert_eq!(report["lanes"][0]["counts"]["statuses"]["200"], 500);
        assert_eq!(target.end().0, 500, "{protocol}");
    }
}

#[test]
fn an_open_loop_sends_what_its_schedule_says() {
    let target = Target::start();
    let output = load(&[&target.url, "-R", "1000", "-n", "300", "-c", "4", "--json", "-"]);
    ended_well(&output);
    let report = json(&output);
    let counts = ["answered", "failed", "unsent"].map(|name| count(&report, name));
    assert_eq!(count(&report, "planned"), 300);
    assert_eq!(counts.iter().sum::<u64>(), 300, "{counts:?}");
}

#[test]
fn a_count_by_a_rate_is_of_whole_arrivals_in_each_block() {
    let target = Target::start();
    // As in a closed loop, what does not divide is rounded up.
    for (plan, each) in [
        (&["-n", "7", "-R", "300"][..], 3 * 3),
        (&["-n", "10", "-R", "100", "--session", "5"], 3 * 5),
        (&["-n", "7"], 3 * 3),
    ] {
        let blocks = ["--proto", "h1,h2", "--blocks", "3", "-c", "1", "-t", "1", "--json", "-"];
        let report = json(&load(&[&[&*target.url][..], plan, &blocks].concat()));
        assert_eq!(names(&report), ["h1", "h2"]);
        assert_eq!(count(&report, "planned"), each, "{plan:?}");
    }
}

#[test]
fn sessions_arrive_by_the_rate_and_count_with_all_their_requests() {
    let target = Target::start();
    let options = ["-R", "100", "--session", "5", "--think", "10ms", "-n", "100", "--json", "-"];
    let output = load(&[&[&*target.url][..], &options].concat());
    ended_well(&output);
    let report = json(&output);
    assert_eq!((count(&report, "planned"), count(&report, "answered")), (100, 100));
    let plan = report["manifest"]["plan"].as_str().unwrap();
    assert!(plan.contains("100/s for 200ms"), "{plan}");
    assert!(plan.contains("sessions of 5 requests, 10ms apart"), "{plan}");
    assert_eq!(target.end().0, 100);
}

#[test]
fn options_of_other_generators_are_understood() {
    let target = Target::start();
    for length in [["-d", "250ms"], ["-z", "250ms"], ["-D", "0.25"]] {
        let habits = ["-c2", "-t1", "-m", "1", "-R", "100", "-H", "Accept: */*", "-X", "GET", "-q"];
        ended_well(&load(&[&[&*target.url][..], &habits, &length].concat()));
    }
    ended_well(&load(&[&target.url, "-n", "10", "-c", "2", "--no-keepalive"]));
    let (_, connections) = target.end();
    assert!(connections >= 10, "{connections}");
}

#[test]
fn expectations_decide_the_exit_code() {
    let target = Target::start();
    // One connection waits for the server more than it works: the generator is never the limit.
    let plan = [&*target.url, "-n", "500", "-c", "1", "--expect"];
    for (expectation, code) in [("errors==0", 0), ("status.200==500", 0), ("errors>0", 2)] {
        let output = load(&[&plan[..], &[expectation]].concat());
        let text = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{expectation}: {text}");
        assert!(text.contains(expectation), "{text}");
    }
    // Ten samples have no 99th percentile.
    let output = load(&[&target.url, "-n", "10", "-c", "1", "--expect", "p99<10s"]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stdout));
}

#[test]
fn bad_arguments_are_refused_with_a_sentence_that_helps() {
    let dir = Directory::new("bad-arguments");
    let file = &*dir.file("no-shard", "");
    refused(&["load", "ftp://localhost"], "ftp");
    refused(&["load", "localhost"], "port");
    refused(&["load", "-R", "many"], "many");
    refused(&["load", "--expect", "p99"], "p99");
    refused(&["load", "--expect", "p99<5"], "5ms");
    refused(&["load", "-d", "soon"], "soon");
    refused(&["load", "-n", "0"], "above 0");
    refused(&["load", "-n", "5", "-d", "5s"], "cannot be used with");
    refused(&["load", "-n", "100", "-R", "1..100/s for 5s"], "constant rate");
    refused(&["load", "--arrivals", "poisson"], "--rate");
    refused(&["load", "--session", "5"], "--rate");
    refused(&["load", "-R", "10", "--session", "0"], "--session");
    refused(&["load", "-R", "10", "--think", "1s"], "--session");
    refused(&["load", "-R", "10", "-n", "12", "--session", "5"], "multiple of 5");
    refused(&["load", "--shard", "0/2"], "shares count from 1");
    refused(&["load", "--shard", "1/2"], "one target by one protocol");
    refused(&["load", "--proto", "h4"], "possible values");
    refused(&["load", "--proto", "h1", "--h2-window", "1MiB"], "--proto h2");
    refused(&["load", "--h2-window", "0"], "octets");
    refused(&["load", "--h2-connection-window", "1KiB"], "65535");
    refused(&["load", "--interval", "300ms"], "250ms");
    refused(&["load", "-H", "no field"], "no field");
    refused(&["load", "-X", "NO METHOD"], "NO METHOD");
    refused(&["load", "--mix", "cases:h1.feilds.*"], "h1.feilds");
    refused(&["load", "--body-file", "/nonexistent"], "/nonexistent");
    refused(&["load", "--urls", "/nonexistent"], "/nonexistent");
    refused(&["load", "--samples", "/nonexistent/all.tsv"], "cannot write /nonexistent/all.tsv");
    refused(&["load", "https://localhost:1", "--cacert", "/nonexistent"], "/nonexistent");
    refused(&["load", "--nonesuch"], "--nonesuch");
    refused(&["load", "--bind", "here"], "no IP address");
    // RFC 5737: an address of no machine.
    refused(&["load", "--bind", "127.0.0.1,192.0.2.1"], "cannot come from 192.0.2.1");
    refused(&["load", "--start-at", "noon"], "since 1970");
    refused(&["load", "--seed", "x"], "`x` is no whole number");
    refused(&["load", "--pid", "x"], "`x` is no whole number");
    refused(&["load", "--pin", "0,x"], "`x` is no whole number");
    refused(&["load", "--run-id", "a"], "--shard-dir");
    refused(&["load", "--attempt", "1"], "--shard-dir");
    refused(&["load", "--proto", "h1,h1"], "h1 is there twice");
    refused(&["load", "h:1", "--vs", "h:1"], "h:1 is there twice");
    refused(&["load", "--proto", "h1", "--expect", "h2:p99<5ms"], "`h2` is not measured");
    for option in [&["--sni", "a"][..], &["--no-sni"], &["--resume"], &["--cacert", file]] {
        refused(&[&["load", "http://h:1"][..], option].concat(), "is for TLS");
    }
    for command in [&["load", "--samples", "-"][..], &["load", "--csv", "-"], &["merge", file]] {
        refused(&[command, &["--json", "-", "--junit", "-"]].concat(), "cannot both go to");
    }
    #[cfg(feature = "witness")]
    refused(&["load", "--vs", "witness:hypre"], "hyper");
    refused(&["merge"], "<DIR>");
    refused(&["merge", "/nonexistent"], "/nonexistent");
    refused(&["merge", file], file);
}

#[test]
#[cfg(unix)]
fn a_target_that_is_not_there_is_named_with_its_error() {
    refused(&["load", "unix:/nonexistent.sock", "--no-tui"], "ENOENT");
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_is_not_there_is_told_before_anything_else() {
    let target = Target::start();
    // Above the largest number that Linux gives.
    let output = load(&[&target.url, "--pid", "1073741824", "-d", "1h", "--no-tui"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "falconry: there is no process 1073741824 (--pid)\n");
    assert_eq!(text(&output.stdout), "");
    assert_eq!(target.end(), (0, 0));
}

#[test]
fn files_hold_what_they_are_named_for() {
    let (target, dir) = (Target::start(), Directory::new("files"));
    let files = ["json", "csv", "hgrm", "hlog", "junit", "html"];
    let mut arguments =
        vec![target.url.clone(), "-n".into(), "200".into(), "-c".into(), "2".into()];
    for name in files {
        arguments.extend([format!("--{name}"), dir.path(&format!("out.{name}"))]);
    }
    arguments.extend(["--expect".into(), "errors==0".into()]);
    let output = load(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    ended_well(&output);
    assert!(text(&output.stdout).starts_with("falconry "), "{}", text(&output.stdout));
    let read = |name: &str| fs::read_to_string(dir.path(name)).unwrap();
    let report: Value = serde_json::from_str(&read("out.json")).unwrap();
    assert_eq!(count(&report, "answered"), 200);
    let csv = read("out.csv");
    let columns = csv.lines().next().unwrap().split(',').count();
    assert!(
        csv.lines().count() > 1 && csv.lines().all(|row| row.split(',').count() == columns),
        "{csv}"
    );
    for name in ["out.hgrm", "out.service.hgrm"] {
        let hgrm = read(name);
        assert!(hgrm.trim_start().starts_with("Value"), "{hgrm}");
        assert!(hgrm.contains("Total count    =          200]"), "{hgrm}");
    }
    let hlog = read("out.hlog");
    assert!(hlog.starts_with("#[") && hlog.contains("Tag="), "{hlog}");
    assert!(read("out.junit").starts_with("<?xml"));
    assert!(read("out.junit").contains("errors==0"));
    let html = read("out.html");
    assert!(html.starts_with("<!DOCTYPE html>") && html.trim_end().ends_with("</html>"));
}

#[test]
fn each_lane_has_percentile_files_of_its_own() {
    let (target, dir) = (Target::start(), Directory::new("lanes"));
    let hgrm = dir.path("out.hgrm");
    let plan = ["--proto", "h1,h2", "-n", "40", "--blocks", "2", "-c", "2", "--hgrm"];
    ended_well(&load(&[&[&*target.url][..], &plan, &[&hgrm]].concat()));
    let mut names: Vec<_> = fs::read_dir(dir.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = ["out.h1.hgrm", "out.h1.service.hgrm", "out.h2.hgrm", "out.h2.service.hgrm"];
    assert_eq!(names, expected);
}

#[test]
fn one_file_that_cannot_be_written_costs_no_other() {
    let (target, dir) = (Target::start(), Directory::new("unwritable"));
    let csv = dir.path("out.csv");
    let plan = [&*target.url, "-n", "20", "--json", "/nonexistent/report.json", "--csv"];
    let output = load(&[&plan[..], &[&csv]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot write /nonexistent/report.json"));
    assert!(fs::metadata(csv).unwrap().len() > 0);
    let output = load(&[&target.url, "-n", "20", "--shard-dir", "/dev/null/shard"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot write /dev/null/shard"));
    assert!(text(&output.stdout).contains("20 answered"), "{}", text(&output.stdout));
}

/// The rows of a file of all requests, without the names of the columns, cut into their fields.
fn rows(file: &str) -> Vec<Vec<&str>> {
    assert!(file.is_empty() || file.ends_with('\n'), "{file}");
    let mut rows: Vec<Vec<_>> = file.lines().map(|row| row.split('\t').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 13), "{file}");
    let columns = rows.remove(0);
    assert_eq!((columns[0], columns[2], columns[12]), ("lane", "number", "failure"));
    rows
}

#[test]
fn every_request_that_ended_has_its_row() {
    let (target, dir) = (Target::start(), Directory::new("samples"));
    let file = dir.path("all.tsv");
    let origin = target.url.strip_suffix("/plaintext").unwrap();
    // Responses to the second do not end as they should.
    let list = dir.file("urls.txt", &format!("{origin}/plaintext\n{origin}/broken\n"));
    let plan = ["-n", "40", "--blocks", "2", "-c", "2", "--proto", "h1,h2"];
    let files = ["--urls", &list, "--samples", &file, "--json", "-"];
    let output = load(&[&plan[..], &files].concat());
    ended_well(&output);
    let report = json(&output);
    let text = fs::read_to_string(file).unwrap();
    let rows = rows(&text);
    for lane in report["lanes"].as_array().unwrap() {
        let counts = &lane["counts"];
        let of_lane: Vec<_> = rows.iter().filter(|row| lane["name"] == row[0]).collect();
        let (answered, failed): (Vec<_>, Vec<_>) =
            of_lane.into_iter().partition(|row| row[12].is_empty());
        assert_eq!(counts["answered"], answered.len(), "{text}");
        assert_eq!(counts["failed"], failed.len(), "{text}");
        assert!(!answered.is_empty() && !failed.is_empty());
        assert!(answered.iter().all(|row| row[3] == "GET /plaintext" && row[9] == "200"));
        assert!(failed.iter().all(|row| row[3] == "GET /broken" && row[9].is_empty()));
        assert!(failed.iter().all(|row| counts["failures"][row[12]].is_u64()), "{counts}");
        for block in ["1", "2"] {
            let all = answered.iter().chain(&failed).filter(|row| row[1] == block);
            let mut numbers: Vec<u64> = all.map(|row| row[2].parse().unwrap()).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..20).collect::<Vec<_>>());
        }
    }
}

#[test]
fn every_request_can_go_to_standard_output() {
    let target = Target::start();
    let output = load(&[&target.url, "-n", "50", "-c", "2", "--samples", "-"]);
    ended_well(&output);
    assert_eq!(rows(text(&output.stdout)).len(), 50);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_costs_the_rows_and_no_other_report() {
    let target = Target::start();
    let output = load(&[&target.url, "-n", "20", "--samples", "/dev/full", "--json", "-"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot write /dev/full: "), "{}", text(&output.stderr));
    assert_eq!(count(&json(&output), "answered"), 20);
}

#[test]
fn requests_come_from_a_file_with_their_weights() {
    let (target, dir) = (Target::start(), Directory::new("urls"));
    let origin = target.url.strip_suffix("/plaintext").unwrap();
    let list = dir.file("urls.txt", &format!("{origin}/plaintext\n{origin}/status/404\n"));
    // The file says where to, too.
    let output = load(&["--urls", &list, "-n", "100", "-c", "2", "--json", "-"]);
    ended_well(&output);
    let report = json(&output);
    let statuses = &report["lanes"][0]["counts"]["statuses"];
    let [found, missing] = ["200", "404"].map(|status| statuses[status].as_u64().unwrap());
    assert!(found > 0 && missing > 0 && found + missing == 100, "{statuses}");
    assert_eq!(target.end().0, 100);
}

#[test]
fn shared_cases_are_a_mix() {
    let mix = ["--mix", "cases:h1", "--proto", "h1", "-n", "200", "-c", "2", "--json", "-"];
    let output = load(&mix);
    ended_well(&output);
    assert!(text(&output.stderr).contains("cases:h1: "), "{}", text(&output.stderr));
    let report = json(&output);
    assert_eq!(count(&report, "answered") + count(&report, "failed"), 200);
    assert!(report["manifest"]["requests"].as_array().unwrap().len() > 1);
}

#[test]
fn the_reference_server_breaks_no_rule_under_load() {
    for protocol in ["h1", "h2"] {
        let verify =
            ["--verify", "--proto", protocol, "-n", "300", "-c", "2", "-m", "3", "--json", "-"];
        let output = load(&verify);
        ended_well(&output);
        let report = json(&output);
        assert_eq!(report["manifest"]["verified"], true);
        assert_eq!(report["lanes"][0]["violations"], serde_json::json!({}), "{protocol}");
        assert_eq!(count(&report, "answered"), 300);
    }
}

#[test]
#[cfg(feature = "witness")]
fn two_targets_are_compared_in_blocks() {
    let target = Target::start();
    let plan = ["--vs", "witness:hyper", "-n", "40", "--blocks", "2", "-c", "2", "--json", "-"];
    let output = load(&[&[&*target.url][..], &plan].concat());
    ended_well(&output);
    let report = json(&output);
    assert_eq!(names(&report), [&*target.url, "witness:hyper"]);
    assert_eq!(report["comparisons"][0]["pairs"], 2);
    assert_eq!(report["comparisons"][0]["other"], "witness:hyper");
}

#[test]
fn a_self_test_compares_a_target_with_itself() {
    let output =
        load(&["--self-test", "--proto", "h1", "-n", "40", "--blocks", "2", "--json", "-"]);
    ended_well(&output);
    let report = json(&output);
    assert_eq!(names(&report), ["A", "B"]);
    assert_eq!(report["comparisons"][0]["pairs"], 2);
}

#[test]
fn windows_of_http2_are_kept_and_told() {
    let target = Target::start();
    let url = target.url.replace("/plaintext", "/bytes/200000");
    let windows = ["--h2-window", "1000", "--h2-connection-window", "64KiB"];
    let plan = ["--proto", "h2", "-n", "20", "-c", "2", "-m", "3", "--verify", "--json", "-"];
    let output = load(&[&[&*url][..], &windows, &plan].concat());
    ended_well(&output);
    let report = json(&output);
    assert_eq!(count(&report, "answered"), 20);
    assert_eq!(report["manifest"]["facts"]["h2 stream window"], "1000");
    assert_eq!(report["manifest"]["facts"]["h2 connection window"], "65536");
}

/// Runs a shard and gives its directory.
fn shard(target: &Target, dir: &Directory, share: &str, requests: &str) -> String {
    let name = dir.path(&format!("{}-{requests}", share.replace('/', "-")));
    let plan = ["-n", requests, "-c", "4", "--shard", share, "--shard-dir", &name, "-q"];
    ended_well(&load(&[&[&*target.url][..], &plan].concat()));
    name
}

#[test]
fn shards_merge_into_the_whole() {
    let (target, dir) = (Target::start(), Directory::new("shards"));
    let [one, two] = ["1/2", "2/2"].map(|share| shard(&target, &dir, share, "301"));
    let other = shard(&target, &dir, "2/2", "400");

    let whole = merge(&[&two, &one, "--json", "-", "--expect", "errors==0"]);
    ended_well(&whole);
    let whole = json(&whole);
    assert_eq!(count(&whole, "answered"), 301);
    assert_eq!(whole["expectations"][0]["held"], true);

    let part = merge(&[&one]);
    ended_well(&part);
    assert!(text(&part.stdout).contains("1 of 2 shards is missing ("), "{}", text(&part.stdout));

    refused(&["merge", &one, &other], "different plans");
    // And half of another plan.
    assert_eq!(target.end().0, 301 + 200);
}

#[test]
fn a_merge_without_an_answer_ends_like_its_shards() {
    let dir = Directory::new("unanswered");
    // It accepts nothing; the system connects for it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let shard = dir.path("shard");
    let plan = ["-n", "2", "-c", "1", "--timeout", "50ms", "--shard", "1/1", "-q"];
    for output in [load(&[&[&*url, "--shard-dir", &shard][..], &plan].concat()), merge(&[&shard])] {
        let message = text(&output.stderr);
        assert!(message.contains("has not answered one request by HTTP/1.1: "), "{message}");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stdout).contains("2 planned: 0 answered, 2 failed"));
    }
}

#[test]
#[cfg(unix)]
fn an_interrupt_gives_a_partial_report() {
    use rustix::process::{Pid, Signal, kill_process};
    use support::Running;
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let long = ["load", "-R", "100", "-d", "1h", "--proto", "h1", "--json", "-"];
        let dir = Directory::new(&format!("interrupted-load-{code}"));
        let file = dir.path("all.tsv");
        let expect = ["--expect", "errors>100%", "--samples", &file];
        let mut running = Running::start(&mut command(&[&long[..], &expect].concat()));
        let mut lines = BufReader::new(running.stderr.take().unwrap());
        let mut line = String::new();
        // A second with answers is over.
        while !line.contains("/s  ") || line.contains(" 0/s") {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "no progress was told");
        }
        let pid = Pid::from_raw(i32::try_from(running.id).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        running.stderr = Some(lines.into_inner());
        let output = running.end();
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        let report = json(&output);
        assert_eq!(report["lanes"][0]["interrupted"], true);
        assert!(count(&report, "answered") > 0);
        let ended = count(&report, "answered") + count(&report, "failed");
        assert_eq!(rows(&fs::read_to_string(file).unwrap()).len() as u64, ended);
    }
}

#[test]
fn quiet_says_nothing_while_it_runs() {
    let output = load(&["-q", "-n", "20"]);
    ended_well(&output);
    assert_eq!(text(&output.stderr), "");
    assert_ne!(text(&output.stdout), "");
}

#[test]
#[cfg(unix)]
fn a_reader_that_goes_away_is_no_error() {
    for report in [&[][..], &["--json", "-"], &["--samples", "-"]] {
        let arguments = [&["-n", "20"][..], report].concat();
        // A write to a pipe without a reader fails at once.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = output(command(&["load", "-q"]).args(arguments).stdout(writer));
        assert_eq!(text(&output.stderr), "");
        ended_well(&output);
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let refused = output(command(&["load", "localhost"]).stderr(writer));
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn help_and_completions_know_the_commands() {
    let help = load(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let help = text(&help.stdout);
    assert!(help.contains("Examples") && help.contains("Exit codes"), "{help}");
    // It fits a terminal of a hundred columns.
    // What it says of schedules and expectations is taken: the target is what is amiss.
    for (option, word, more) in [
        ("-R", "1.5k/s for 30s", ""),
        ("-R", "100..2000/s for 60s", ""),
        ("-R", "steps 100..500/s by 100 each 10s", ""),
        ("-R", "6x(100/s for 9s, 1k/s for 1s)", ""),
        ("--expect", "p99.9", "<5ms"),
        ("--expect", "mean", "<=5ms"),
        ("--expect", "service.p99", "<5ms"),
        ("--expect", "connect.max", "<5ms"),
        ("--expect", "rate", ">=1000"),
        ("--expect", "errors", "<0.1%"),
        ("--expect", "status.5xx", "==0"),
        ("--expect", "status.404", ">1"),
        ("--expect", "violations", "==0"),
    ] {
        assert!(help.contains(word), "{word}");
        refused(&["load", "localhost", option, &format!("{word}{more}")], "port");
    }
    let wide = help.lines().find(|line| line.chars().count() > 100);
    assert_eq!(wide, None);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = output(&mut command(&["completions", shell]));
        let script = text(&script.stdout);
        for word in ["load", "merge", "h2-connection-window", "shard-dir"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}
