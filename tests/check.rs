//! `falconry check` as its users meet it: exit codes, messages, files.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn check(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_falconry")).arg("check").args(arguments).output().unwrap()
}

/// A file of this test run.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
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
    let socket = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("http1.sock");
    let _ = fs::remove_file(&socket);
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
    let target = format!("unix:{}", socket.display());
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
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let socket = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("held-{code}.sock"));
        let _ = fs::remove_file(&socket);
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let junit = file(&format!("partial-{code}.xml"), "");
        let baseline = file(&format!("partial-{code}.toml"), "");
        let child = Command::new(env!("CARGO_BIN_EXE_falconry"))
            .args(["check", &format!("unix:{}", socket.display()), "--proto", "h1", "--jobs", "1"])
            .args(["--filter", "h1.host.missing*", "--timeout", "600s", "--json", "-"])
            .args([Path::new("--junit"), &junit, Path::new("--write-baseline"), &baseline])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // `GET /` and the first case are answered; the next one waits for an answer that never comes.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let response = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(response.as_bytes()).unwrap();
        }
        let (mut held, _) = listener.accept().unwrap();
        let _ = held.read(&mut [0; 4096]).unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        let output = child.wait_with_output().unwrap();
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
    let caps = file("bad-caps.toml", "ecko = '/echo'");
    let known = file("bad-known.toml", "[known.'h1.nothing.of-the-kind']\nverdict = 'fail'");
    let pem = file("bad.pem", "no certificate");
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
    refused(&["--caps", caps.to_str().unwrap()], "did you mean echo");
    refused(&["--caps", "/nonexistent.toml"], "/nonexistent.toml");
    refused(&["--baseline", known.to_str().unwrap()], "is no case");
    refused(&["--cases", "/nonexistent"], "/nonexistent");
    refused(&["https://localhost:1", "--verify", pem.to_str().unwrap()], "certificate");
}

#[test]
#[cfg(unix)]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in [&["completions", "bash"][..], &["check", "--list"]] {
        // A write to a pipe without a reader fails at once.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_falconry"))
            .args(arguments)
            .stdout(writer)
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*message), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn a_log_filter_that_is_none_is_a_matter_of_usage() {
    let output = Command::new(env!("CARGO_BIN_EXE_falconry"))
        .args(["serve", "--log", "=="])
        .output()
        .unwrap();
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
    let junit = file("report.xml", "");
    let output =
        check(&["--filter", "h1.dates.*", "--json", "-", "--junit", junit.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("{\n  \"schema\": 1,"), "{text}");
    assert!(fs::read_to_string(junit).unwrap().contains("<testsuites"));
}

#[test]
fn one_file_that_cannot_be_written_costs_no_other() {
    let markdown = file("report.md", "");
    let arguments = ["--filter", "h1.dates.*", "--json", "/nonexistent/report.json", "--markdown"];
    let output = check(&[&arguments[..], &[markdown.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write /nonexistent"));
    assert!(fs::read_to_string(markdown).unwrap().contains("h1.dates"));
}

#[test]
fn a_case_of_ones_own_runs_and_becomes_a_known_deviation() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("own-cases");
    fs::create_dir_all(&dir).unwrap();
    fs::write(
        dir.join("own.toml"),
        "[[case]]\nid = \"own.teapot\"\ntitle = \"a teapot\"\nwhy = \"Tea.\"\nlevel = \"MUST\"\n\
         rfc = [\"RFC 2324 §2.3.2\"]\npass = [\"418 close\"]\n\
         send = \"GET / HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n\"\n",
    )
    .unwrap();
    let known = file("own-known.toml", "");
    let (dir, known) = (dir.to_str().unwrap(), known.to_str().unwrap());
    let arguments = ["--cases", dir, "--filter", "own.teapot"];
    let first = check(&[&arguments[..], &["--write-baseline", known]].concat());
    assert_eq!(first.status.code(), Some(1));
    let text = String::from_utf8_lossy(&first.stdout);
    assert!(text.contains("expected 418 close, got 200 close"), "{text}");
    assert!(text.contains("| nc 127.0.0.1"), "{text}");
    let other = check(&["--cases", dir, "--filter", "h1.dates.*", "--write-baseline", known]);
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
