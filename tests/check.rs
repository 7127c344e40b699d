//! `falconry check` as its users meet it: exit codes, messages, files.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod support;

use std::fs;
use std::io::{Read, Write};
use std::process::Output;

use support::{Directory, command, output};

fn check(arguments: &[&str]) -> Output {
    output(command(&["check"]).args(arguments))
}

/// Asserts that these arguments are refused with a sentence that holds `word`.
fn refused(arguments: &[&str], word: &str) {
    let output = check(arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(message.contains(word), "{arguments:?}: {message}");
}

#[test]
fn a_newcomer_sees_the_reference_server_hold() {
    let output = check(&["--filter", "h1.host.*"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("All demands held."), "{text}");
}

#[test]
fn http2_is_checked_in_the_clear_and_over_tls() {
    let output = check(&["--filter", "h2.ping.*", "--proto", "h2", "--json", "-"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("\"key\": \"h2.server.survives\""), "{text}");
    assert!(text.contains("\"key\": \"h2.server.survives@tls\""), "{text}");
}

#[test]
#[cfg(unix)]
fn a_protocol_that_is_not_spoken_fails_a_run_that_asked_for_it() {
    let dir = Directory::new("http1");
    let socket = dir.path("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    // A server of HTTP/1.1 that answers every connection once; it ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let asks = stream.read(&mut head).is_ok_and(|len| head[..len].starts_with(b"GET "));
            let response: &[u8] = if asks {
                b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            } else {
                b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            };
            let _ = stream.write_all(response);
        }
    });
    let target = format!("unix:{socket}");
    let filters = ["--filter", "h1.host.missing", "--filter", "h2.ping.*"];
    let output = check(&[&[target.as_str()][..], &filters].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("HTTP/2 over cleartext was not judged"), "{text}");
    assert_ne!(output.status.code(), Some(3), "{text}");
    let output = check(&[&[target.as_str(), "--proto", "h1,h2"][..], &filters].concat());
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stdout).contains("octets of HTTP/1"));
}

#[test]
#[cfg(unix)]
fn an_interrupt_gives_a_partial_report() {
    use rustix::process::{Pid, Signal, kill_process};
    use support::Running;
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let dir = Directory::new(&format!("interrupted-check-{code}"));
        let socket = dir.path("held");
        let streams = support::accepted(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        let (junit, baseline) = (dir.path("partial.xml"), dir.file("partial.toml", ""));
        let target = format!("unix:{socket}");
        let one = ["--proto", "h1", "--jobs", "1", "--filter", "h1.host.missing*"];
        let reports = ["--json", "-", "--junit", &junit, "--write-baseline", &baseline];
        let running = Running::start(
            command(&["check", &target, "--timeout", "600s"]).args(one).args(reports),
        );
        // `GET /` and the first case are answered; the next one waits for an answer that never comes.
        for _ in 0..2 {
            let mut stream = streams.recv_timeout(support::LIMIT).unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let response = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(response.as_bytes()).unwrap();
        }
        let mut held = streams.recv_timeout(support::LIMIT).unwrap();
        let _ = held.read(&mut [0; 4096]).unwrap();
        let pid = Pid::from_raw(i32::try_from(running.id).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        let output = running.end();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains("is left as it was"), "{message}");
        assert_eq!(fs::read_to_string(baseline).unwrap(), "");
        assert!(fs::read_to_string(junit).unwrap().contains("run.whole"));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["outcome"], "interrupted");
        assert_eq!(report["interrupted"], true);
        assert_eq!(report["cases"].as_array().unwrap().len(), 1, "{report}");
        assert!(report["passes"][0]["unplayed"].as_u64().unwrap() > 0, "{report}");
    }
}

#[test]
fn bad_arguments_are_refused_with_a_sentence_that_helps() {
    let dir = Directory::new("bad-arguments-of-check");
    let caps = dir.file("caps.toml", "ecko = '/echo'");
    let known = dir.file("known.toml", "[known.'h1.nothing.of-the-kind']\nverdict = 'fail'");
    let pem = dir.file("bad.pem", "no certificate");
    refused(&["--filter", "h1.feilds.*"], "did you mean");
    refused(&["--filter", "h1.["], "is no filter");
    refused(&["--level", "perhaps"], "possible values");
    refused(&["--tag", "nonesuch"], "no case has the tag");
    refused(&["--explain", "h1.host.mising"], "did you mean");
    refused(&["--timeout", "soon"], "250ms");
    refused(&["--jobs", "0"], "1..=1024");
    refused(&["--proto", "h3"], "possible values");
    refused(&["ftp://localhost"], "no scheme for HTTP");
    refused(&["localhost"], "no port");
    refused(&["--beside", "localhost"], "no port");
    #[cfg(feature = "witness")]
    refused(&["witness:hypre"], "there is hyper");
    #[cfg(not(feature = "witness"))]
    refused(&["witness:hyper"], "--features witness");
    refused(&["--caps", &caps], "did you mean echo");
    refused(&["--caps", "/nonexistent.toml"], "/nonexistent.toml");
    refused(&["--baseline", &known], "is no case");
    refused(&["--cases", "/nonexistent"], "/nonexistent");
    refused(&["--json", "-", "--markdown", "-"], "--json and --markdown cannot both go to");
    refused(&["https://localhost:1", "--verify", &pem], "certificate");
}

#[test]
#[cfg(unix)]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in [&["completions", "bash"][..], &["check", "--list"]] {
        // A write to a pipe without a reader fails at once.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = output(command(arguments).stdout(writer));
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*message), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn a_log_filter_that_is_none_is_a_matter_of_usage() {
    let output = output(&mut command(&["serve", "--log", "=="]));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_target_that_is_not_there_is_told_from_failures() {
    let output = check(&["unix:/nonexistent.sock"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stdout).contains("cannot connect"));
}

#[test]
fn reports_go_to_files_and_to_standard_output() {
    let dir = Directory::new("reports");
    let junit = dir.path("report.xml");
    let output = check(&["--filter", "h1.dates.*", "--json", "-", "--junit", &junit]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("{\n  \"schema\": 1,"), "{text}");
    assert!(fs::read_to_string(junit).unwrap().contains("<testsuites"));
}

#[test]
fn one_file_that_cannot_be_written_costs_no_other() {
    let dir = Directory::new("unwritable-report");
    let markdown = dir.path("report.md");
    let arguments = ["--filter", "h1.dates.*", "--json", "/nonexistent/report.json", "--markdown"];
    let output = check(&[&arguments[..], &[&*markdown]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write /nonexistent"));
    assert!(fs::read_to_string(markdown).unwrap().contains("h1.dates"));
}

#[test]
fn a_case_of_ones_own_runs_and_becomes_a_known_deviation() {
    let (cases, dir) = (Directory::new("own-cases"), Directory::new("own-known"));
    cases.file(
        "own.toml",
        "[[case]]\nid = \"own.teapot\"\ntitle = \"a teapot\"\nwhy = \"Tea.\"\nlevel = \"MUST\"\n\
         rfc = [\"RFC 2324 §2.3.2\"]\npass = [\"418 close\"]\n\
         send = \"GET / HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n\"\n",
    );
    let (cases, known) = (&*cases.path(""), &*dir.path("known.toml"));
    let arguments = ["--cases", cases, "--filter", "own.teapot"];
    let first = check(&[&arguments[..], &["--write-baseline", known]].concat());
    assert_eq!(first.status.code(), Some(1));
    let text = String::from_utf8_lossy(&first.stdout);
    assert!(text.contains("expected 418 close, got 200 close"), "{text}");
    assert!(text.contains("| nc 127.0.0.1"), "{text}");
    let other = check(&["--cases", cases, "--filter", "h1.dates.*", "--write-baseline", known]);
    assert_eq!(other.status.code(), Some(0));
    assert!(fs::read_to_string(known).unwrap().contains("own.teapot"));
    let second = check(&[&arguments[..], &["--baseline", known]].concat());
    assert_eq!(second.status.code(), Some(0));
    let text = String::from_utf8_lossy(&second.stdout);
    assert!(text.contains("All demands held but for 1 known deviation."), "{text}");
}

#[test]
#[cfg(feature = "witness")]
fn a_witness_is_judged_like_any_other_server() {
    let output = check(&["witness:hyper", "--filter", "h1.host.missing*"]);
    let text = String::from_utf8_lossy(&output.stdout);
    // hyper leaves Host to the application.
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("falconry 0.1.0 checks witness:hyper\n"), "{text}");
    assert!(
        text.contains("falconry check witness:hyper --filter") || text.contains("| nc"),
        "{text}"
    );
}

#[test]
#[cfg(feature = "witness")]
fn verdicts_of_a_second_target_stand_beside_and_fail_nothing() {
    let output =
        check(&["--beside", "witness:hyper", "--filter", "h1.host.missing*", "--json", "-"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("\"target\": \"witness:hyper\",\n        \"verdict\": \"fail\""),
        "{text}"
    );
    let output = check(&[
        "witness:hyper",
        "--beside",
        "unix:/nonexistent.sock",
        "--filter",
        "h1.host.missing*",
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("Beside it, unix:/nonexistent.sock could not be judged: cannot connect"),
        "{text}"
    );
}
