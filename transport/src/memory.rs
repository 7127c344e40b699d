//! The in-memory transport: connections made of two pipes, for tests, embedding and benchmarks.
//!
//! Behaves as TCP does as far as one process can tell: writes are taken up to a capacity, a
//! shutdown is an end for the peer, dropping ends both directions, and
//! [`set_reset_on_close`](crate::Stream::set_reset_on_close) makes the peer see
//! [`io::ErrorKind::ConnectionReset`]. It uses neither clock nor I/O driver, hence works with
//! tokio's paused time.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::task::coop;

use crate::pipe::{PipeOptions, PipeReader, PipeWriter, pipe};
use crate::{Accepted, Bound, Endpoint, Listener, Stream};

/// Options of an in-memory transport.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemoryOptions {
    /// Octets one direction takes before writes wait; at least 1. Default 64 KiB, about what a
    /// socket's send buffer gives. With 1, every write and read moves a single octet.
    pub capacity: usize,
    /// Connections that may wait to be accepted; at least 1. Default 512, as for sockets.
    pub backlog: usize,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self { capacity: 64 * 1024, backlog: 512 }
    }
}

/// Makes a listener, and the connector that reaches it.
pub fn listener(options: MemoryOptions) -> (Connector, MemoryListener) {
    let (queue, accepted) = mpsc::channel(options.backlog.max(1));
    let connector = Connector { queue, clients: Arc::default(), capacity: options.capacity };
    (connector, MemoryListener { accepted, endpoint: Endpoint::Memory(0) })
}

/// Makes the two ends of one connection.
pub fn pair(options: MemoryOptions) -> (MemoryStream, MemoryStream) {
    let capacity = options.capacity.max(1);
    let thresholds = PipeOptions { pause: capacity, resume: capacity };
    let (a_writer, b_reader) = pipe(thresholds);
    let (b_writer, a_reader) = pipe(thresholds);
    let end = |reader, writer| MemoryStream { reader, writer, capacity, reset: false };
    (end(a_reader, a_writer), end(b_reader, b_writer))
}

/// Makes connections to one in-memory listener, from any thread.
#[derive(Clone)]
pub struct Connector {
    queue: mpsc::Sender<(MemoryStream, u64)>,
    clients: Arc<AtomicU64>,
    capacity: usize,
}

impl Connector {
    /// Connects; waits while the backlog is full, but not until the connection is accepted.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] when the listener is gone.
    pub async fn connect(&self) -> io::Result<MemoryStream> {
        let place = self.queue.reserve().await;
        let place = place.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        let number = self.clients.fetch_add(1, Relaxed) + 1;
        let (ours, theirs) = pair(MemoryOptions { capacity: self.capacity, backlog: 1 });
        place.send((theirs, number));
        Ok(ours)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

/// Accepts what its [`Connector`]s connect. Waits for ever once these are all gone.
pub struct MemoryListener {
    accepted: mpsc::Receiver<(MemoryStream, u64)>,
    endpoint: Endpoint,
}

impl Bound for MemoryListener {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn listen(self: Box<Self>) -> io::Result<Box<dyn Listener>> {
        Ok(self)
    }
}

impl Listener for MemoryListener {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match ready!(self.accepted.poll_recv(cx)) {
            Some((stream, number)) => Poll::Ready(Ok(Accepted::new(
                Box::new(stream),
                self.endpoint.clone(),
                Endpoint::Memory(number),
            ))),
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for MemoryListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryListener").finish_non_exhaustive()
    }
}

/// One end of an in-memory connection.
#[derive(Debug)]
pub struct MemoryStream {
    reader: PipeReader,
    writer: PipeWriter,
    capacity: usize,
    reset: bool,
}

impl MemoryStream {
    /// Waits for room, then writes of `octets` as much as one write takes.
    fn poll_write_some<'a>(
        &mut self,
        cx: &mut Context<'_>,
        slices: impl Iterator<Item = &'a [u8]>,
    ) -> Poll<io::Result<usize>> {
        let budget = ready!(coop::poll_proceed(cx));
        if self.writer.is_completed() || ready!(self.writer.poll_flush(cx))?.reader_done {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        budget.made_progress();
        for octets in slices {
            let room = self.capacity - self.writer.unflushed();
            self.writer.put(octets.get(..room).unwrap_or(octets));
        }
        let written = self.writer.unflushed();
        self.writer.publish();
        Poll::Ready(Ok(written))
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        // As sockets do: a task that always finds octets lets the others run now and then.
        let budget = ready!(coop::poll_proceed(cx));
        let view = ready!(self.reader.poll_read(cx))?;
        budget.made_progress();
        let before = buf.filled().len();
        for segment in view.segments() {
            buf.put_slice(segment.get(..buf.remaining()).unwrap_or(segment));
        }
        let read = buf.filled().len() - before;
        view.advance(read, read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_some(cx, std::iter::once(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_some(cx, bufs.iter().map(|slice| &**slice))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A write has reached the peer's queue already, as with a socket.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.complete(None);
        Poll::Ready(Ok(()))
    }
}

impl Stream for MemoryStream {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.reader.poll_readable(cx).map(Ok)
    }

    fn set_reset_on_close(&mut self) {
        self.reset = true;
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        let reset = || self.reset.then(|| io::Error::from(io::ErrorKind::ConnectionReset));
        self.writer.complete(reset());
        self.reader.complete(reset());
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;
    use crate::block;

    #[tokio::test]
    async fn octets_arrive_in_order_and_a_shutdown_is_the_end() {
        let (mut a, mut b) = pair(MemoryOptions::default());
        a.write_all(b"hello ").await.unwrap();
        let parts = [io::IoSlice::new(b"wor"), io::IoSlice::new(b"ld")];
        assert_eq!(a.write_vectored(&parts).await.unwrap(), 5);
        a.shutdown().await.unwrap();
        let mut text = String::new();
        b.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello world");
        b.write_all(b"the other direction is open").await.unwrap();
        assert_eq!(a.read(&mut [0; 9]).await.unwrap(), 9);
        let error = a.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test(start_paused = true)]
    async fn writes_wait_when_the_capacity_is_used() {
        let (mut a, mut b) = pair(MemoryOptions { capacity: 1, ..MemoryOptions::default() });
        assert_eq!(a.write(b"xyz").await.unwrap(), 1);
        timeout(Duration::from_secs(1), a.write(b"yz")).await.unwrap_err();
        assert_eq!(b.read_u8().await.unwrap(), b'x');
        assert_eq!(a.write(b"yz").await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_reset_is_seen_by_both_directions() {
        let (mut a, mut b) = pair(MemoryOptions::default());
        a.write_all(b"x").await.unwrap();
        a.set_reset_on_close();
        drop(a);
        assert_eq!(b.read_u8().await.unwrap(), b'x');
        assert_eq!(b.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(b.write(b"x").await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_dropped_end_is_an_end_and_a_broken_pipe() {
        let (a, mut b) = pair(MemoryOptions::default());
        drop(a);
        assert_eq!(b.read(&mut [0; 1]).await.unwrap(), 0);
        assert_eq!(b.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test(start_paused = true)]
    async fn readable_comes_with_octets_and_with_the_end() {
        let (mut a, mut b) = pair(MemoryOptions::default());
        let second = Duration::from_secs(1);
        timeout(second, crate::readable(&mut b)).await.unwrap_err();
        a.write_all(b"x").await.unwrap();
        timeout(second, crate::readable(&mut b)).await.unwrap().unwrap();
        assert_eq!(b.read_u8().await.unwrap(), b'x');
        timeout(second, crate::readable(&mut b)).await.unwrap_err();
        a.shutdown().await.unwrap();
        timeout(second, crate::readable(&mut b)).await.unwrap().unwrap();
        assert_eq!(b.read(&mut [0; 1]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_idle_connection_holds_no_block() {
        let in_use = || block::counters().rented() - block::counters().returned();
        let (mut a, mut b) = pair(MemoryOptions::default());
        assert_eq!(in_use(), 0);
        a.write_all(&[7; 10_000]).await.unwrap();
        assert_eq!(in_use(), 3);
        b.read_exact(&mut [0; 10_000]).await.unwrap();
        assert_eq!(in_use(), 0);
    }

    #[tokio::test]
    async fn connections_are_accepted_with_their_numbers() {
        let (connector, listener) = listener(MemoryOptions::default());
        let mut listener = Box::new(listener).listen().unwrap();
        let from_elsewhere = connector.clone();
        let mut client = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(from_elsewhere.connect()).unwrap()
        })
        .join()
        .unwrap();
        let _second = connector.connect().await.unwrap();
        for number in [1, 2] {
            let accepted = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
            let mut server = accepted.open().unwrap();
            assert_eq!(server.local, Endpoint::Memory(0));
            assert_eq!(server.remote, Endpoint::Memory(number));
            if number == 1 {
                client.write_all(b"x").await.unwrap();
                assert_eq!(server.stream.read_u8().await.unwrap(), b'x');
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_backlog_makes_clients_wait_and_a_missing_listener_refuses_them() {
        let (connector, listener) =
            listener(MemoryOptions { backlog: 1, ..MemoryOptions::default() });
        let _first = connector.connect().await.unwrap();
        timeout(Duration::from_secs(1), connector.connect()).await.unwrap_err();
        drop(listener);
        let error = connector.connect().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn the_client_half_is_send() {
        fn is_send<T: Send>() {}
        is_send::<MemoryStream>();
        is_send::<Connector>();
        is_send::<Accepted>();
        is_send::<Box<dyn Bound>>();
    }
}
