//! Requests as the command line asks for them: method, fields, content.

use bytes::Bytes;
use falconry_transport::Origin;
use falconry_wire::field::{FieldFault, FieldSection, is_value, trim};
use falconry_wire::method::Method;

use super::origin::{check_authority, is_same, split};
use super::{Mix, Request, Text, place};

/// What the command line says about all requests.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// The method; without one GET, or POST where there is content.
    pub method: Option<String>,
    /// Field lines, `Name: value`; values may have holes, and Host replaces that of the URL.
    pub fields: Vec<String>,
    /// The content.
    pub content: Option<Content>,
}

/// The content of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// Text that may have holes.
    Template(String),
    /// Octets, of a file say, that are sent as they are, braces included.
    Octets(Bytes),
}

impl Options {
    /// A mix of one request for each target, a path or a URL of that origin, all equally often.
    ///
    /// # Errors
    /// What is wrong and how to mend it, with the place: the target, or the field.
    pub fn mix(&self, origin: &Origin, targets: &[String], seed: u64) -> Result<Mix, String> {
        let requests = targets
            .iter()
            .map(|target| self.request(origin, target))
            .collect::<Result<Vec<_>, _>>()?;
        if requests.is_empty() {
            return Ok(Mix::new(vec![self.request(origin, "/")?], seed));
        }
        Ok(Mix::new(requests, seed))
    }

    /// The request for one target, a path or a URL of that origin.
    ///
    /// # Errors
    /// As with [`Options::mix`].
    pub fn request(&self, origin: &Origin, target: &str) -> Result<Request, String> {
        let target = target_of(origin, target)?;
        let method_name = match (&self.method, &self.content) {
            (Some(method), _) => method.as_str(),
            (None, Some(_)) => "POST",
            (None, None) => "GET",
        };
        let method = method_of(method_name)?;
        // RFC 9110 §9.3.8.
        if method == Method::Trace && self.content.is_some() {
            return Err("TRACE has no content; leave it out, or use another method".into());
        }
        let path = path_of(&target)?;
        let mut authority = origin.authority().to_owned();
        let mut fields = Vec::new();
        for (place, line) in (place::FIELDS..).zip(&self.fields) {
            match field_of(line, place)? {
                Field::Host(host) => authority = host,
                Field::Other(name, value) => fields.push((name, value)),
            }
        }
        let content = match &self.content {
            None => Text::default(),
            Some(Content::Octets(octets)) => Text::fixed(octets.clone()),
            Some(Content::Template(template)) => Text::parse(template, place::CONTENT)
                .map_err(|message| format!("content: {message}"))?,
        };
        Ok(Request {
            name: format!("{method_name} {target}"),
            method,
            method_name: method_name.to_owned(),
            scheme: origin.scheme().name(),
            authority,
            path,
            fields,
            content,
            octets: None,
            weight: 1,
        })
    }

    /// These options, with what `own` says in place of what these do: method, content, and the fields of
    /// the same names.
    pub(super) fn overridden_by(&self, own: Self) -> Self {
        let name =
            |line: &str| line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut fields = self.fields.clone();
        fields.retain(|line| !own.fields.iter().any(|other| name(other) == name(line)));
        fields.extend(own.fields);
        Self {
            method: own.method.or_else(|| self.method.clone()),
            fields,
            content: own.content.or_else(|| self.content.clone()),
        }
    }
}

/// The target in origin-form of a path or a URL of that origin.
fn target_of(origin: &Origin, target: &str) -> Result<String, String> {
    if target.starts_with('/') {
        return Ok(target.to_owned());
    }
    if !target.contains("://") {
        return Err(format!(
            "`{target}` is neither a path, which begins with a slash, nor a URL like `{origin}/path`"
        ));
    }
    let (other, target) = split(target)?;
    if is_same(&other, origin) {
        Ok(target)
    } else {
        Err(format!(
            "{other} is another origin than {origin}; a run loads one, so load them one by one"
        ))
    }
}

fn method_of(name: &str) -> Result<Method, String> {
    let mut section = FieldSection::default();
    // A method is a token, as a field name is (RFC 9110 §9.1).
    if section.push_named(name.as_bytes(), b"").is_err() {
        return Err(format!("`{}` is no method; write a word like `GET`", name.escape_debug()));
    }
    match Method::recognise(name.as_bytes()) {
        Method::Connect => {
            Err("CONNECT makes tunnels, which are not loaded; use another method".into())
        }
        method => Ok(method),
    }
}

fn path_of(target: &str) -> Result<Text, String> {
    let fail = |message: String| format!("`{target}`: {message}");
    let text = Text::parse(target, place::PATH).map_err(fail)?;
    for octet in text.given().flatten() {
        match octet {
            b'#' => {
                return Err(fail(
                    "a fragment is never sent; leave out what begins with `#`".into(),
                ));
            }
            // RFC 3986 §2: what is not visible ASCII has to be encoded.
            octet if !octet.is_ascii_graphic() => {
                return Err(fail(format!(
                    "octet 0x{octet:02x} cannot stand in a URL; write it as `%{octet:02X}`"
                )));
            }
            _ => {}
        }
    }
    Ok(text)
}

/// A field line that was read.
enum Field {
    Host(String),
    Other(String, Text),
}

fn field_of(line: &str, place: u16) -> Result<Field, String> {
    read_field(line, place).map_err(|message| format!("field `{}`: {message}", line.escape_debug()))
}

fn read_field(line: &str, place: u16) -> Result<Field, String> {
    let fail = |message: &str| Err(message.to_owned());
    let Some((name, value)) = line.split_once(':') else {
        return fail("no colon; write it like `Name: value`");
    };
    match FieldSection::default().push_named(name.as_bytes(), b"") {
        Ok(()) => {}
        Err(FieldFault::EmptyName) => {
            return fail("no name before the colon; write it like `Name: value`");
        }
        Err(_) => {
            return fail(
                "a name is a word of letters, digits and hyphens, with the colon at its end",
            );
        }
    }
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "content-length" | "transfer-encoding" => {
            return fail("the content is counted and framed anyway; leave it out");
        }
        "connection" | "keep-alive" | "proxy-connection" => {
            return fail(
                "connections are kept open anyway; leave it out, or close them with --close",
            );
        }
        "upgrade" | "http2-settings" => {
            return fail(
                "connections stay with their protocol; leave it out, and choose one with --proto",
            );
        }
        _ => {}
    }
    let value = match std::str::from_utf8(trim(value.as_bytes())) {
        Ok(value) => value,
        Err(_) => return fail("the value is no text"),
    };
    let text = Text::parse(value, place)?;
    if !text.given().all(is_value) {
        return fail("a value holds no line end and no other control character; leave it out");
    }
    if name != "host" {
        return Ok(Field::Other(name, text));
    }
    if !text.is_fixed() {
        return fail("Host is the same for all requests; leave the braces out");
    }
    check_authority(value)?;
    Ok(Field::Host(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn origin() -> Origin {
        Origin::split("http://localhost:8080").unwrap().0
    }

    fn with(fields: &[&str]) -> Options {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Options { fields, ..Options::default() }
    }

    fn request(options: &Options, target: &str) -> Request {
        options.request(&origin(), target).unwrap()
    }

    fn error(options: &Options, target: &str) -> String {
        options.request(&origin(), target).unwrap_err()
    }

    #[test]
    fn nothing_but_a_path_is_a_get() {
        let request = request(&Options::default(), "/a?b");
        assert_eq!((request.method, request.method_name.as_str()), (Method::Get, "GET"));
        assert_eq!((request.scheme, request.authority.as_str()), ("http", "localhost:8080"));
        assert_eq!(request.path, Text::fixed(&b"/a?b"[..]));
        assert_eq!((request.name.as_str(), request.weight), ("GET /a?b", 1));
        assert!(
            request.fields.is_empty() && request.content.is_empty() && request.octets.is_none()
        );
    }

    #[test]
    fn content_alone_makes_it_a_post() {
        let content = Some(Content::Template("{\"n\":{{number}}}".into()));
        let options = Options { content, ..Options::default() };
        assert_eq!(request(&options, "/").method, Method::Post);
        let options = Options { method: Some("PURGE".into()), ..options };
        let purge = request(&options, "/");
        assert_eq!((purge.method, purge.method_name.as_str()), (Method::Other, "PURGE"));
    }

    #[test]
    fn octets_of_a_file_are_no_template() {
        let content = Some(Content::Octets(Bytes::from_static(b"{{number}}\xff")));
        let request = request(&Options { content, ..Options::default() }, "/");
        assert_eq!(request.content, Text::fixed(&b"{{number}}\xff"[..]));
    }

    #[test]
    fn fields_are_lower_case_and_host_is_the_authority() {
        let request = request(&with(&["X-A:  b c ", "HOST: example.org", "x-a:"]), "/");
        assert_eq!(request.authority, "example.org");
        let fields = [("x-a", Text::fixed(&b"b c"[..])), ("x-a", Text::default())];
        let found: Vec<_> = request.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, fields.clone().map(|(name, _)| name));
        assert_eq!(request.fields[0].1.given().collect::<Vec<_>>(), [b"b c"]);
        assert!(request.fields[1].1.is_empty());
    }

    #[test]
    fn urls_are_of_the_origin() {
        assert_eq!(request(&Options::default(), "http://LOCALHOST:8080/x").name, "GET /x");
        let message = error(&Options::default(), "http://other/x");
        assert!(message.contains("http://other is another origin than http://localhost:8080"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let plain = Options::default();
        assert!(error(&plain, "x").contains("begins with a slash"));
        let content = Some(Content::Template("x".into()));
        let trace = Options { method: Some("TRACE".into()), content, ..Options::default() };
        assert!(error(&trace, "/").contains("TRACE has no content"));
        assert!(error(&plain, "/a b").contains("`%20`"));
        assert!(error(&plain, "/ä").contains("`%C3`"));
        assert!(error(&plain, "/a#b").contains("`#`"));
        assert!(error(&plain, "/{{pick a b,c}}").contains("`%20`"));
        assert!(error(&plain, "/{{nope}}").contains("known are"));
        for (field, word) in [
            ("A", "no colon"),
            (": b", "no name"),
            ("A : b", "colon at its end"),
            (":path: b", "no name"),
            ("A: b\r\nC: d", "no line end"),
            ("A: {{pick x,y\nz}}", "no line end"),
            ("A: {{nope}}", "known are"),
            ("Content-Length: 5", "counted"),
            ("Transfer-Encoding: chunked", "framed"),
            ("Connection: close", "--close"),
            ("Upgrade: h2c", "--proto"),
            ("Host: a b", "localhost:8080"),
            ("Host: {{number}}", "braces"),
        ] {
            let message = error(&with(&[field]), "/");
            assert!(message.contains(word), "{field}: {message}");
            assert!(message.starts_with("field `"), "{message}");
        }
        let method = |name: &str| Options { method: Some(name.into()), ..Options::default() };
        assert!(error(&method("G T"), "/").contains("no method"));
        assert!(error(&method(""), "/").contains("no method"));
        assert!(error(&method("CONNECT"), "/").contains("tunnels"));
        let content = Some(Content::Template("{{x".into()));
        assert!(error(&Options { content, ..Options::default() }, "/").starts_with("content: "));
    }

    #[test]
    fn no_target_is_the_root() {
        let mix = Options::default().mix(&origin(), &[], 1).unwrap();
        assert_eq!(mix.requests[0].name, "GET /");
        let mix = Options::default().mix(&origin(), &["/a".into(), "/b".into()], 1).unwrap();
        assert_eq!(mix.requests.len(), 2);
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_a_legal_path_and_legal_values(
            path in "/[ -~]{0,10}", value in ".{0,20}", number in any::<u64>(),
            hole in prop::sample::select(vec!["", "{{number}}", "{{uuid}}", "{{hex 5}}", "{{pick a,b}}", "{{random 1..9}}"]),
        ) {
            let options = with(&[&format!("a: {value}{hole}")]);
            if let Ok(request) = options.request(&origin(), &format!("{path}{hole}")) {
                let mut out = Vec::new();
                request.path.render(number, 1, &mut out);
                prop_assert!(out.iter().all(|octet| octet.is_ascii_graphic() && *octet != b'#'));
                out.clear();
                request.fields[0].1.render(number, 1, &mut out);
                prop_assert!(is_value(&out));
            }
        }
    }
}
