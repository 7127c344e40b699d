//! What no HTTP server can undercut on these sockets: reads, counts ends of heads, writes.

use std::cell::RefCell;

use memchr::memmem::Finder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// As many octets as the others send for /plaintext. The date is wrong all day.
const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: no-servr\r\n\
    Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

/// The same, and the connection ends.
const LAST: &[u8] =
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: no-servr\r\n\
    Content-Type: text/plain\r\nContent-Length: 13\r\nConnection: close\r\n\r\nHello, World!";

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// How much of [`END_OF_HEAD`] may stand at the end of a read without being whole.
const TAIL: usize = END_OF_HEAD.len() - 1;

thread_local! {
    /// One buffer for all connections: empty but during a write.
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

pub(super) async fn serve(mut stream: TcpStream) {
    let finder = Finder::new(END_OF_HEAD);
    // The tail of the last read, and room for the next one: all a connection holds.
    let mut buffer = [0; TAIL + 4096];
    loop {
        let Some(room) = buffer.get_mut(TAIL..) else { return };
        let Ok(read @ 1..) = stream.read(room).await else { return };
        let received = buffer.get(..TAIL + read).unwrap_or_default();
        let requests = finder.find_iter(received).count();
        let last = memchr::memmem::find(received, b"Connection: close\r\n").is_some();
        buffer.copy_within(read..read + TAIL, 0);
        let mut output = OUTPUT.take();
        output.clear();
        for _ in 0..requests {
            output.extend_from_slice(if last { LAST } else { RESPONSE });
        }
        let sent = stream.write_all(&output).await;
        OUTPUT.set(output);
        if sent.is_err() || last {
            return;
        }
    }
}
