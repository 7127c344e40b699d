//! Several requests with weights, from a file: lines, or TOML.

use std::path::Path;

use falconry_transport::Origin;
use serde::Deserialize;
use toml::Spanned;

use super::origin::{is_same, split};
use super::{Content, Mix, Options, Request};

/// The requests of a file, `docs/load-requests.md` has both forms.
#[derive(Clone, Debug)]
pub struct List {
    /// The file as the user knows it.
    file: String,
    entries: Vec<Entry>,
    /// That of the first URL, and its line.
    origin: Option<(Origin, usize)>,
}

/// One request, and the line where it begins.
#[derive(Clone, Debug)]
struct Entry {
    line: usize,
    name: Option<String>,
    weight: u32,
    target: String,
    own: Options,
}

/// The TOML form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    request: Vec<Spanned<Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    url: String,
    name: Option<String>,
    method: Option<String>,
    weight: Option<u32>,
    #[serde(default)]
    headers: Vec<String>,
    body: Option<String>,
    body_file: Option<String>,
}

impl List {
    /// Reads a file: TOML if its name ends in `.toml`, else one request a line.
    ///
    /// # Errors
    /// `file:line: what is wrong and how to mend it`.
    pub fn read(path: &Path) -> Result<Self, String> {
        let file = path.display().to_string();
        let octets =
            std::fs::read(path).map_err(|error| format!("{file}: cannot be read: {error}"))?;
        let text = match std::str::from_utf8(&octets) {
            Ok(text) => text,
            Err(error) => {
                let before = octets.get(..error.valid_up_to()).unwrap_or_default();
                let line = 1 + before.iter().filter(|octet| **octet == b'\n').count();
                return Err(format!(
                    "{file}:{line}: not UTF-8; write such octets as `%C3`, or keep them in a body-file"
                ));
            }
        };
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
            let dir = path.parent().unwrap_or(Path::new(""));
            Self::toml(&file, text, |name| {
                std::fs::read(dir.join(name)).map_err(|error| error.to_string())
            })
        } else {
            Self::lines(&file, text)
        }
    }

    /// Reads `[WEIGHT] [METHOD] URL-or-path`, one a line.
    fn lines(file: &str, text: &str) -> Result<Self, String> {
        let mut list = Self::new(file);
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if !content.is_empty() && !content.starts_with('#') {
                entry(line, content)
                    .and_then(|entry| list.add(entry))
                    .map_err(|message| list.at(line, &message))?;
            }
        }
        list.complete()
    }

    /// Reads tables `[[request]]`; `read` gives the octets of a `body-file`.
    fn toml(
        file: &str,
        text: &str,
        read: impl Fn(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Self, String> {
        let mut list = Self::new(file);
        let line_of = |offset: usize| {
            let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
            1 + before.iter().filter(|octet| **octet == b'\n').count()
        };
        let parsed: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(span.start));
            list.at(line, error.message().lines().next().unwrap_or("no TOML"))
        })?;
        for table in parsed.request {
            let line = line_of(table.span().start);
            let table = table.into_inner();
            let content = match (table.body, table.body_file) {
                (Some(_), Some(_)) => {
                    return Err(
                        list.at(line, "`body` and `body-file` exclude each other; keep one")
                    );
                }
                (Some(body), None) => Some(Content::Template(body)),
                (None, Some(name)) => Some(Content::Octets(
                    read(&name)
                        .map_err(|error| {
                            list.at(line, &format!("`{name}` cannot be read: {error}"))
                        })?
                        .into(),
                )),
                (None, None) => None,
            };
            let own = Options { method: table.method, fields: table.headers, content };
            let weight = table.weight.unwrap_or(1);
            let entry = Entry { line, name: table.name, weight, target: table.url, own };
            list.add(entry).map_err(|message| list.at(line, &message))?;
        }
        list.complete()
    }

    fn new(file: &str) -> Self {
        Self { file: file.to_owned(), entries: Vec::new(), origin: None }
    }

    fn at(&self, line: usize, message: &str) -> String {
        format!("{}:{line}: {message}", self.file)
    }

    fn add(&mut self, entry: Entry) -> Result<(), String> {
        if entry.target.contains("://") && !entry.target.starts_with('/') {
            let (origin, _) = split(&entry.target)?;
            match &self.origin {
                Some((first, line)) if !is_same(first, &origin) => {
                    return Err(format!(
                        "{origin} is another origin than {first} of line {line}; a run loads one, so make a \
                         file for each"
                    ));
                }
                Some(_) => {}
                None => self.origin = Some((origin, entry.line)),
            }
        }
        self.entries.push(entry);
        Ok(())
    }

    fn complete(self) -> Result<Self, String> {
        if self.entries.is_empty() {
            return Err(format!("{}: holds no request; write a path or a URL a line", self.file));
        }
        if self.entries.iter().all(|entry| entry.weight == 0) {
            return Err(format!("{}: all weights are 0; give one request a weight", self.file));
        }
        Ok(self)
    }

    /// The origin that its URLs name; `None` if it has paths only.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref().map(|(origin, _)| origin)
    }

    /// The mix of its requests for that origin. `options` hold for all of them, where an entry does not
    /// say otherwise.
    ///
    /// # Errors
    /// `file:line: what is wrong and how to mend it`.
    pub fn mix(&self, origin: &Origin, options: &Options, seed: u64) -> Result<Mix, String> {
        let request = |entry: &Entry| {
            let options = options.overridden_by(entry.own.clone());
            let request = options.request(origin, &entry.target);
            let request = request.map_err(|message| self.at(entry.line, &message))?;
            let name = entry.name.clone().unwrap_or(request.name);
            Ok(Request { name, weight: entry.weight, ..request })
        };
        let requests = self.entries.iter().map(request).collect::<Result<Vec<_>, String>>()?;
        Ok(Mix::new(requests, seed))
    }
}

/// Reads one line. The target is all that follows weight and method, so that its holes may have spaces.
fn entry(line: usize, text: &str) -> Result<Entry, String> {
    let is_target = |text: &str| {
        let word = text.split_whitespace().next().unwrap_or_default();
        word.starts_with('/') || word.contains("://")
    };
    let (mut weight, mut method, mut rest) = (1, None, text);
    if let Some((word, behind)) = rest.split_once(char::is_whitespace)
        && word
            .starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.'))
    {
        weight = word.parse().map_err(|_| {
            format!("`{word}` is no weight; write a whole number below {}", u64::from(u32::MAX) + 1)
        })?;
        rest = behind.trim_start();
    }
    if !is_target(rest)
        && let Some((word, behind)) = rest.split_once(char::is_whitespace)
    {
        (method, rest) = (Some(word.to_owned()), behind.trim_start());
    }
    let own = Options { method, ..Options::default() };
    Ok(Entry { line, name: None, weight, target: rest.to_owned(), own })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Text;
    use falconry_wire::method::Method;

    fn origin() -> Origin {
        Origin::split("http://a").unwrap().0
    }

    fn lines(text: &str) -> Result<Mix, String> {
        List::lines("urls.txt", text)?.mix(&origin(), &Options::default(), 1)
    }

    fn toml(text: &str, options: &Options) -> Result<Mix, String> {
        let read = |name: &str| match name {
            "body.bin" => Ok(b"{{\xff".to_vec()),
            _ => Err("no such file".into()),
        };
        List::toml("mix.toml", text, read)?.mix(&origin(), options, 1)
    }

    #[test]
    fn a_line_has_weight_method_and_target() {
        let mix =
            lines("# comment\n\n/a\n  3 /b\nHEAD http://A:80/c?d\n2 DELETE /e/{{random 1..9}}\n")
                .unwrap();
        let found: Vec<_> = mix.requests.iter().map(|r| (r.name.as_str(), r.weight)).collect();
        assert_eq!(
            found,
            [("GET /a", 1), ("GET /b", 3), ("HEAD /c?d", 1), ("DELETE /e/{{random 1..9}}", 2)]
        );
        assert_eq!(mix.requests[2].method, Method::Head);
        assert!(!mix.requests[3].path.is_fixed());
    }

    #[test]
    fn the_origin_is_that_of_the_urls() {
        let list = List::lines("u", "/x\nhttps://h:1/y\n").unwrap();
        assert_eq!(list.origin().unwrap().to_string(), "https://h:1");
        assert!(List::lines("u", "/x\n").unwrap().origin().is_none());
    }

    #[test]
    fn errors_of_lines_name_the_line() {
        for (text, place, word) in [
            ("/a\nb\n", "urls.txt:2:", "slash"),
            ("/a\n\n/a b\n", "urls.txt:3:", "%20"),
            ("http://a/\n# x\nhttp://b/\n", "urls.txt:3:", "of line 1"),
            ("http://b/\n", "urls.txt:1:", "another origin than http://a"),
            ("-1 /a\n", "urls.txt:1:", "no weight"),
            ("1.5 /a\n", "urls.txt:1:", "no weight"),
            ("5\n", "urls.txt:1:", "slash"),
            ("G@T /a\n", "urls.txt:1:", "no method"),
            ("/{{x}}\n", "urls.txt:1:", "known are"),
            ("# nothing\n", "urls.txt:", "no request"),
            ("0 /a\n0 /b", "urls.txt:", "all weights are 0"),
        ] {
            let message = lines(text).unwrap_err();
            assert!(message.starts_with(place) && message.contains(word), "{text:?}: {message}");
        }
    }

    #[test]
    fn toml_gives_headers_and_bodies() {
        let text = r#"
[[request]]
url = "/echo"
method = "PUT"
weight = 3
name = "put"
headers = ["Content-Type: application/json", "x-id: {{number}}"]
body = '{"n":{{number}}}'

[[request]]
url = "http://a/b"
body-file = "body.bin"
"#;
        let fields = vec!["X-ID: none".into(), "Accept: */*".into()];
        let mix = toml(text, &Options { fields, ..Options::default() }).unwrap();
        let [put, post] = mix.requests.as_slice() else { panic!("two requests") };
        assert_eq!((put.name.as_str(), put.weight, put.method), ("put", 3, Method::Put));
        let names: Vec<_> = put.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["accept", "content-type", "x-id"]);
        assert!(!put.content.is_fixed());
        assert_eq!((post.name.as_str(), post.method), ("POST /b", Method::Post));
        assert_eq!(post.content, Text::fixed(&b"{{\xff"[..]));
    }

    #[test]
    fn errors_of_toml_name_the_line() {
        let error = |text| toml(text, &Options::default()).unwrap_err();
        for (text, place, word) in [
            ("[[request]]\nurl = '/'\nbody = 'a'\nbody-file = 'b'\n", "mix.toml:1:", "exclude"),
            ("[[request]]\nurl = '/'\n\n[[request]]\nurl = 'x'\n", "mix.toml:4:", "slash"),
            ("[[request]]\nurl = '/'\ncolour = 1\n", "mix.toml:3:", "colour"),
            ("[[request]]\nurl = '/'\nbody-file = 'x'\n", "mix.toml:1:", "no such file"),
            ("[[request]]\nurl = '/'\nheaders = ['x']\n", "mix.toml:1:", "no colon"),
            ("[[request]\n", "mix.toml:1:", ""),
            ("[[request]]\nmethod = 'GET'\n", "mix.toml:1:", "url"),
            ("", "mix.toml:1:", "request"),
        ] {
            let message = error(text);
            assert!(message.starts_with(place) && message.contains(word), "{text:?}: {message}");
        }
    }

    #[test]
    fn files_are_read_by_their_names() {
        let dir = std::env::temp_dir().join(format!("falconry-list-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("b"), b"\xff").unwrap();
        std::fs::write(dir.join("a.toml"), "[[request]]\nurl = '/'\nbody-file = 'b'\n").unwrap();
        std::fs::write(dir.join("a.txt"), b"/a\n/\xff\n").unwrap();
        let mix = List::read(&dir.join("a.toml")).unwrap().mix(&origin(), &Options::default(), 1);
        assert_eq!(mix.unwrap().requests[0].content, Text::fixed(&b"\xff"[..]));
        let error = List::read(&dir.join("a.txt")).unwrap_err();
        assert!(error.contains("a.txt:2: not UTF-8"), "{error}");
        assert!(List::read(&dir.join("none")).unwrap_err().contains("cannot be read"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
