//! The distributions that are kept.

/// A distribution that is kept. All values are nanoseconds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Series {
    /// From the planned time to the end of the response: what a user waits. The corrected latency.
    Response,
    /// From the written request to the end of the response: what a stopped clock would show. Uncorrected.
    Service,
    /// From the planned time until a connection could take the request: a wait that the server or the number of
    /// connections causes. Nil where one was free.
    Queue,
    /// From the moment at which a request was planned and a connection free to the written request: the generator's own
    /// lag. With [`Series::Queue`] it is what lies between [`Series::Response`] and [`Series::Service`].
    Lag,
    /// From the written request to the first octet of the response.
    FirstByte,
    /// From the first octet of the response to the last.
    Content,
    /// The service time of the first request of a connection.
    New,
    /// The service time of all other requests.
    Reused,
    /// Looking the name up.
    Resolve,
    /// Opening the transport.
    Connect,
    /// The TLS handshake.
    Tls,
}

impl Series {
    /// All, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::Response,
        Self::Service,
        Self::Queue,
        Self::Lag,
        Self::FirstByte,
        Self::Content,
        Self::New,
        Self::Reused,
        Self::Resolve,
        Self::Connect,
        Self::Tls,
    ];

    /// The name in tags, files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Service => "service",
            Self::Queue => "queue",
            Self::Lag => "lag",
            Self::FirstByte => "first-byte",
            Self::Content => "content",
            Self::New => "new",
            Self::Reused => "reused",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
        }
    }

    /// The series of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|series| series.name() == name)
    }
}
