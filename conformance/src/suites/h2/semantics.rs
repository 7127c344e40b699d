//! HTTP semantics over HTTP/2 where one answer is held against another: validators, and HEAD beside GET.

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe, expect_equal};
use crate::run;
use crate::transcript::Response;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            of_file(
                "h2.semantics.head-like-get",
                Level::Should,
                "HEAD and GET of one resource, their fields compared",
                "HEAD is asked to learn what GET would say.",
            )
            .rfc(9110, "9.3.2")
            .covers(&["rfc9110-9.3.2-1", "rfc9110-9.3.2-2", "rfc9113-8.1.1-i2"]),
            run!(head_is_like_get),
        ),
        CodeCase::new(
            of_file(
                "h2.semantics.not-modified",
                Level::Must,
                "If-None-Match and If-Modified-Since with the validators of the response before",
                "The client has it already; the response is a head that ends the stream.",
            )
            .rfc(9110, "13.1.2")
            .rfc(9110, "15.4.5")
            .rfc(9113, "8.1.1")
            .covers(&["rfc9110-13.1.2-1", "rfc9110-13.1.2-4", "rfc9113-8.1.1-i2"]),
            run!(not_modified),
        ),
        CodeCase::new(
            of_file(
                "h2.semantics.not-modified-by-second-line",
                Level::Must,
                "If-None-Match in two lines, the validator of the response before in the second",
                "Lines of one name are one list; encoders cut it where that saves octets.",
            )
            .rfc(9110, "5.2")
            .rfc(9110, "13.1.2")
            .covers(&["rfc9110-13.1.2-4"]),
            run!(not_modified_by_second_line),
        ),
        CodeCase::new(
            of_file(
                "h2.semantics.precondition-failed",
                Level::Must,
                "If-Match and If-Unmodified-Since with validators that are and are not those of the resource",
                "A condition that holds changes nothing; one that does not keeps the method from being applied.",
            )
            .rfc(9110, "13.1.1")
            .rfc(9110, "13.1.4")
            .covers(&["rfc9110-13.1.1-1", "rfc9110-13.1.1-3", "rfc9110-13.1.4-6"]),
            run!(precondition_failed),
        ),
        CodeCase::new(
            of_file(
                "h2.semantics.if-range",
                Level::Must,
                "If-Range with the validator of the resource, and with another",
                "A part is of use to a client only if it has the rest of the same representation.",
            )
            .rfc(9110, "13.1.5")
            .rfc(9110, "14.2")
            .covers(&["rfc9110-13.1.5-7", "rfc9110-13.1.5-8"]),
            run!(if_range),
        ),
        CodeCase::new(
            of_file(
                "h2.semantics.range-joins",
                Level::Must,
                "two ranges that make up the whole, on two streams at once",
                "Parts that were fetched side by side are put together by the client.",
            )
            .rfc(9110, "14.2")
            .rfc(9110, "15.3.7")
            .covers(&["rfc9110-14.2-5"]),
            run!(ranges_join),
        ),
    ]
}

fn of_file(id: &'static str, level: Level, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, level, title, why).needing(&[Capability::File])
}

async fn head_is_like_get(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let get = ask(&mut peer, 1, "GET", "").await?;
    let head = ask(&mut peer, 3, "HEAD", "").await?;
    get.expect_status(&[200])?;
    head.expect_status(&[200])?;
    head.expect_content("")?;
    // RFC 9110 §9.3.2: what is known only once there is content may be left out.
    for name in ["content-type", "etag", "last-modified", "vary", "accept-ranges"] {
        expect_equal(name, &get.text(name), &head.text(name))?;
    }
    if let (Some(get), Some(head)) = (get.text("content-length"), head.text("content-length")) {
        expect_equal("content-length", get.as_str(), head.as_str())?;
    }
    Ok(())
}

async fn not_modified(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let first = ask(&mut peer, 1, "GET", "").await?;
    let (tag, date) = (first.expect_field("etag")?, first.expect_field("last-modified")?);
    let conditions = [
        field("if-none-match", &tag),
        // RFC 9110 §13.1.2: compared weakly.
        field("if-none-match", &format!("W/{}", tag.trim_start_matches("W/"))),
        field("if-none-match", &format!("\"another\", {tag}")),
        field("if-modified-since", &date),
    ];
    for (stream, condition) in (3..).step_by(2).zip(conditions) {
        let response = ask(&mut peer, stream, "GET", &condition).await?;
        if response.status != 304 {
            return Err(Miss::new(format!("expected 304 with {condition}, got {response}")));
        }
        response.expect_content("")?;
        response.expect_value("etag", &tag)?;
    }
    Ok(())
}

async fn not_modified_by_second_line(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let tag = ask(&mut peer, 1, "GET", "").await?.expect_field("etag")?;
    let (first, second) = (field("if-none-match", "\"another\""), field("if-none-match", &tag));
    ask(&mut peer, 3, "GET", &format!("{first} {second}")).await?.expect_status(&[304])
}

async fn precondition_failed(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let first = ask(&mut peer, 1, "GET", "").await?;
    let (tag, date) = (first.expect_field("etag")?, first.expect_field("last-modified")?);
    let conditions = [
        (200, field("if-match", &tag)),
        (412, field("if-match", "\"another\"")),
        // RFC 9110 §13.1.1: compared strongly.
        (412, field("if-match", &format!("W/{}", tag.trim_start_matches("W/")))),
        (200, field("if-unmodified-since", &date)),
        (412, field("if-unmodified-since", "Sat, 29 Oct 1994 19:43:31 GMT")),
    ];
    for (stream, (status, condition)) in (3..).step_by(2).zip(conditions) {
        let response = ask(&mut peer, stream, "GET", &condition).await?;
        if response.status != status {
            return Err(Miss::new(format!("expected {status} with {condition}, got {response}")));
        }
    }
    Ok(())
}

async fn if_range(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let whole = ask(&mut peer, 1, "GET", "").await?;
    let tag = whole.expect_field("etag")?;
    let part = format!("range=bytes=0-4 {}", field("if-range", &tag));
    let part = ask(&mut peer, 3, "GET", &part).await?;
    if part.status == 200 {
        return Err(Miss::skip("the server has no ranges here"));
    }
    part.expect_status(&[206])?;
    expect_equal("the part", &whole.content.get(..5), &Some(&part.content[..]))?;
    let other = format!("range=bytes=0-4 {}", field("if-range", "\"another\""));
    let other = ask(&mut peer, 5, "GET", &other).await?;
    other.expect_status(&[200])?;
    other.expect_content(&whole.content)
}

async fn ranges_join(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let whole = ask(&mut peer, 1, "GET", "").await?;
    let streams = [(3, "range=bytes=0-6"), (5, "range=bytes=7-")];
    let lines = streams.map(|(stream, range)| line(stream, "GET", range));
    peer.send(&lines.join("\n")).await?;
    let mut content = Vec::new();
    for (stream, _) in streams {
        let part = peer.response(stream).await?;
        if part.status == 200 {
            return Err(Miss::skip("the server has no ranges here"));
        }
        part.expect_status(&[206])?;
        content.extend(part.content);
    }
    expect_equal("the parts", &whole.content, &content)
}

async fn ask(peer: &mut Peer, stream: u32, method: &str, fields: &str) -> Result<Response, Miss> {
    peer.send(&line(stream, method, fields)).await?;
    peer.response(stream).await
}

/// A request of `file`, as a line.
fn line(stream: u32, method: &str, fields: &str) -> String {
    let target = ":scheme={scheme} :authority={host} :path={file}";
    format!("HEADERS {stream} +END_STREAM +END_HEADERS :method={method} {target} {fields}")
}

/// A field as a word of a frame's line.
fn field(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{name}=\"{}\"", value.replace('{', "{{").replace('}', "}}"))
}
