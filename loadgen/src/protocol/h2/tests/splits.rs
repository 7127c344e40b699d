//! Any split of the input gives the same events.

use super::support::{Client, octets, post};
use proptest::prelude::*;

fn lines() -> impl Strategy<Value = String> {
    let stream = (0..7u32).prop_map(|at| 2 * at + 1);
    (stream, 0..22usize, 0..300usize).prop_map(|(stream, which, length)| {
        let text = "d".repeat(length);
        match which {
            0..5 => format!("HEADERS {stream} +END_HEADERS :status=200 x={length}"),
            5 => format!("HEADERS {stream} +END_HEADERS +END_STREAM :status=404 x={text}"),
            6 => format!("HEADERS {stream} +END_HEADERS :status=100"),
            7 => format!("HEADERS {stream} +END_HEADERS +PADDED=9 0x884001780179"),
            8 => format!("HEADERS {stream} +END_HEADERS 0x88be"),
            9 => format!("HEADERS {stream} :status=200\nCONTINUATION {stream} x={text}\nCONTINUATION {stream} +END_HEADERS"),
            10 => format!("HEADERS {stream} +END_HEADERS +END_STREAM x-sum=1"),
            11..15 => format!("DATA {stream} \"{text}\""),
            15 => format!("DATA {stream} +PADDED={} \"{text}\"", length % 256),
            16 => format!("DATA {stream} +END_STREAM \"{text}\""),
            17 => format!("WINDOW_UPDATE {stream} {}", length + 1),
            18 => format!("WINDOW_UPDATE 0 {}", length + 1),
            19 => format!("SETTINGS 0 INITIAL_WINDOW_SIZE={}", length * 1000),
            20 => format!("RST_STREAM {stream} CANCEL"),
            _ => "PING 0 \"12345678\"".into(),
        }
    })
}

/// All that is told, and how much content was sent.
fn play(octets: &[u8], step: usize) -> (Vec<String>, usize, Vec<String>) {
    let mut client = Client::with(post(30_000), 7);
    let error = client.octets(octets, step).err();
    let mut log = client.log();
    log.extend(error.map(|cause| cause.name()));
    let (data, others): (Vec<_>, Vec<_>) =
        client.sent().into_iter().partition(|line| line.starts_with("DATA"));
    let lengths = data.iter().filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
    (log, lengths.sum(), others)
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(
        lines in prop::collection::vec(lines(), 1..30), step in 1..500usize,
    ) {
        let octets = octets(&lines.join("\n"));
        let (log, content, others) = play(&octets, usize::MAX);
        let split = play(&octets, step);
        prop_assert_eq!(&split.0, &log);
        prop_assert_eq!(&split.2, &others);
        // Content that waits is sent behind each batch: a stream that ends in the same one sends no more.
        prop_assert!(split.1 >= content, "{} octets, {content} at once", split.1);
    }
}
