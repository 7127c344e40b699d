//! `falconry serve` as its users meet it: what it prints, logs and ends with.
#![cfg(unix)] // it is told to stop by signals
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::ChildStdout;

use rustix::process::{Pid, Signal, kill_process};
use support::{Running, command, output};

/// A server with these arguments, and the lines that it prints.
fn serve(arguments: &[&str]) -> (Running, BufReader<ChildStdout>) {
    let mut running = Running::start(command(&["serve"]).args(arguments));
    let lines = BufReader::new(running.stdout.take().unwrap());
    (running, lines)
}

/// A connection to it.
fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(support::LIMIT)).unwrap();
    stream
}

/// The address of the next endpoint that it prints.
fn address(lines: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.trim_end().rsplit_once('/').expect("a URL").1.to_owned()
}

fn terminate(running: &Running) {
    let pid = Pid::from_raw(i32::try_from(running.id).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
}

#[test]
fn a_connection_that_ends_by_a_fault_is_told_and_one_that_does_not_is_not() {
    let (mut running, mut lines) = serve(&["--listen", "http://127.0.0.1:0"]);
    let address = address(&mut lines);
    let mut good = connect(&address);
    good.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    good.read_to_end(&mut Vec::new()).unwrap();
    let mut secure = connect(&address);
    // The begin of a TLS handshake on a port without TLS.
    secure.write_all(&[0x16, 0x03, 0x01]).unwrap();
    secure.read_to_end(&mut Vec::new()).unwrap();
    drop(secure);
    let mut log = BufReader::new(running.stderr.take().unwrap()).lines();
    let told = log.find(|line| line.as_ref().unwrap().contains("ended by faults"));
    let told = told.expect("a line about it").unwrap();
    assert!(told.contains(r#"{"tls_not_supported": 1}"#), "{told}");
    terminate(&running);
    log.for_each(drop);
    assert_eq!(running.end().status.code(), Some(0));
}

#[test]
fn a_connection_error_of_http2_is_logged_with_its_connection_and_rule() {
    let (mut running, mut lines) = serve(&["--listen", "http://127.0.0.1:0", "--log", "debug"]);
    let mut stream = connect(&address(&mut lines));
    // PING where SETTINGS have to come first.
    let octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x08\x06\0\0\0\0\0falconry";
    stream.write_all(octets).unwrap();
    let mut log = BufReader::new(running.stderr.take().unwrap()).lines();
    let told = log.find(|line| line.as_ref().unwrap().contains("connection error"));
    let told = told.expect("a line about it").unwrap();
    assert!(told.contains("connection=") && told.contains("RFC 9113 §3.4"), "{told}");
    drop(stream);
    terminate(&running);
    log.for_each(drop);
    assert_eq!(running.end().status.code(), Some(0));
}

#[test]
fn a_number_that_is_none_is_told_as_such() {
    for option in ["--max-connections", "--max-request-line", "--max-field-lines", "--min-rate"] {
        let output = output(&mut command(&["serve", option, "many"]));
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{option}: {message}");
        assert!(message.contains("`many` is no whole number"), "{option}: {message}");
    }
}

#[test]
fn a_log_that_nobody_reads_does_not_end_the_server() {
    let (mut running, mut lines) = serve(&["--listen", "http://127.0.0.1:0", "--log", "debug"]);
    let address = address(&mut lines);
    drop(running.stderr.take());
    for _ in 0..2 {
        let mut stream = connect(&address);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    terminate(&running);
    assert_eq!(running.end().status.code(), Some(0));
}

#[test]
fn a_client_that_stalls_in_its_tls_handshake_does_not_hold_a_shutdown() {
    let (mut running, mut lines) = serve(&["--listen", "https://127.0.0.1:0", "--log", "debug"]);
    let mut stalled = connect(&address(&mut lines));
    let mut log = BufReader::new(running.stderr.take().unwrap()).lines();
    log.find(|line| line.as_ref().unwrap().contains("accepted")).unwrap().unwrap();
    terminate(&running);
    assert_eq!(stalled.read_to_end(&mut Vec::new()).unwrap(), 0);
    let last = log.last().expect("the totals").unwrap();
    assert_eq!(running.end().status.code(), Some(0));
    assert!(last.contains(r#"{"app_shutdown": 1}"#), "{last}");
}
