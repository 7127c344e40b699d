//! The content of responses, made while it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// What a response holds.
pub(super) enum Content {
    /// Octets in one piece.
    Whole(Bytes),
    /// Octets in one piece, and a trailer section behind them.
    Trailed(Bytes, HeaderMap),
    /// The alphabet over and over: that many octets.
    Letters(u64),
    /// Lines in as many pieces, of a length not told before.
    Lines {
        /// The number of the next, from 1.
        next: u64,
        /// How many there are.
        count: u64,
    },
    /// Octets one by one, with a wait before each.
    Dribble {
        /// How many.
        left: u64,
        /// How long to wait.
        every: Duration,
        /// The wait.
        wait: Pin<Box<Sleep>>,
    },
}

impl Content {
    /// `left` octets, one each `every`.
    pub(super) fn dribble(left: u64, every: Duration) -> Self {
        Self::Dribble { left, every, wait: Box::pin(sleep(every)) }
    }
}

impl Default for Content {
    /// Nothing.
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

/// The alphabet over and over; a whole number of times, so that pieces can follow each other.
static LETTERS: [u8; 26 * 2520] = {
    let mut letters = [0; 26 * 2520];
    let mut at = 0;
    while at < letters.len() {
        letters[at] = b'a' + (at % 26) as u8;
        at += 1;
    }
    letters
};

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = match &mut *self {
            Self::Whole(octets) if octets.is_empty() => return Poll::Ready(None),
            Self::Whole(octets) => Frame::data(std::mem::take(octets)),
            Self::Trailed(octets, _) if !octets.is_empty() => Frame::data(std::mem::take(octets)),
            Self::Trailed(_, trailers) => {
                let trailers = std::mem::take(trailers);
                *self = Self::default();
                Frame::trailers(trailers)
            }
            Self::Letters(0) => return Poll::Ready(None),
            Self::Letters(left) => {
                let whole = usize::try_from(*left).ok().and_then(|left| LETTERS.get(..left));
                let piece = whole.unwrap_or(&LETTERS);
                *left -= piece.len() as u64;
                Frame::data(Bytes::from_static(piece))
            }
            Self::Lines { next, count } if *next > *count => return Poll::Ready(None),
            Self::Lines { next, count } => {
                let line = format!("line {next} of {count}\n");
                *next += 1;
                Frame::data(line.into())
            }
            Self::Dribble { left: 0, .. } => return Poll::Ready(None),
            Self::Dribble { left, every, wait } => {
                ready!(wait.as_mut().poll(cx));
                *left -= 1;
                wait.set(sleep(*every));
                Frame::data(Bytes::from_static(b"."))
            }
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(octets) => octets.is_empty(),
            Self::Letters(left) | Self::Dribble { left, .. } => *left == 0,
            Self::Trailed(..) | Self::Lines { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(octets) => SizeHint::with_exact(octets.len() as u64),
            Self::Letters(left) | Self::Dribble { left, .. } => SizeHint::with_exact(*left),
            Self::Trailed(..) | Self::Lines { .. } => SizeHint::default(),
        }
    }
}
