//! Requests of cases in code.

/// A well-formed HTTP/1.1 request, unless a case makes it otherwise.
///
/// Host and Content-Length are added when it is sent, unless the case set them; everything else is as
/// given. For octets that are no request, use [`Peer::send_raw`](super::Peer::send_raw).
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    version: &'static str,
    fields: Vec<(String, Vec<u8>)>,
    content: Option<Vec<u8>>,
}

impl Request {
    /// A request of `method` for `target`.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            version: "HTTP/1.1",
            fields: Vec::new(),
            content: None,
        }
    }

    /// A GET of `target`.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A HEAD of `target`.
    pub fn head(target: &str) -> Self {
        Self::new("HEAD", target)
    }

    /// Adds a field line.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Gives it content, and Content-Length with it.
    #[must_use]
    pub fn content(mut self, content: impl AsRef<[u8]>) -> Self {
        self.content = Some(content.as_ref().to_vec());
        self
    }

    /// Makes it a request of HTTP/1.0.
    #[must_use]
    pub fn version_10(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// Asks for the close of the connection behind the response.
    #[must_use]
    pub fn close(self) -> Self {
        self.field("Connection", "close")
    }

    /// Whether it has a field of that name.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(spelled, _)| spelled.eq_ignore_ascii_case(name))
    }

    /// The octets to send to `host`.
    pub(super) fn octets(&self, host: &str) -> Vec<u8> {
        let mut octets =
            format!("{} {} {}\r\n", self.method, self.target, self.version).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            octets.extend_from_slice(name.as_bytes());
            octets.extend_from_slice(b": ");
            octets.extend_from_slice(value);
            octets.extend_from_slice(b"\r\n");
        };
        if !self.has("Host") {
            line("Host", host.as_bytes());
        }
        for (name, value) in &self.fields {
            line(name, value);
        }
        let content = self.content.as_deref();
        if let Some(content) = content
            && !self.has("Content-Length")
            && !self.has("Transfer-Encoding")
        {
            line("Content-Length", content.len().to_string().as_bytes());
        }
        octets.extend_from_slice(b"\r\n");
        octets.extend_from_slice(content.unwrap_or_default());
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_length_are_added() {
        let request = Request::new("POST", "/x").field("X-A", "1").content("hello");
        assert_eq!(
            request.octets("h:1"),
            b"POST /x HTTP/1.1\r\nHost: h:1\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello"
        );
    }

    #[test]
    fn fields_of_the_case_win() {
        let request = Request::get("/").field("Host", "other").close();
        assert_eq!(
            request.octets("h:1"),
            b"GET / HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n"
        );
    }
}
