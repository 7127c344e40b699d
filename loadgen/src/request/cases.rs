//! Accepted fixtures as a mix: cases whose first request stands for itself and is to succeed.

use std::collections::BTreeMap;
use std::fmt;

use falconry_fixtures::h1::Script;
use falconry_fixtures::{
    Capability, Case, End, Need, Script as AnyScript, Step, Values, load_builtin,
};
use falconry_wire::field::FieldSection;
use falconry_wire::h1::{
    ChunkLimits, ChunkedDecoder, Decoded, Framing, HeadLimits, Parsed, Profile, RequestHead,
    RequestParser, Version,
};
use falconry_wire::method::Method;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::{Mix, Request, Text};

/// A mix of fixtures, and what had to be left out of it.
#[derive(Clone, Debug)]
pub struct Cases {
    /// One request for each case, named by its id.
    pub mix: Mix,
    /// How many of the chosen cases were left out, by reason.
    pub left_out: BTreeMap<LeftOut, usize>,
}

/// Why a case is no part of a mix.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum LeftOut {
    /// Its first request is to be refused, or may be.
    Refused,
    /// The target does not offer what it needs.
    Lacking,
    /// It depends on pauses, drips, or a connection that we close.
    Timed,
    /// Its first request is no whole valid one for a strict parser.
    Invalid,
    /// Its request ends the connection, or is HTTP/1.0.
    Closes,
    /// It leaves HTTP: CONNECT, or an upgrade.
    Leaves,
}

impl LeftOut {
    const fn words(self) -> &'static str {
        match self {
            Self::Refused => "may be refused",
            Self::Lacking => "need what the target does not offer",
            Self::Timed => "depend on time or on how the connection ends",
            Self::Invalid => "are no whole valid request",
            Self::Closes => "end their connection",
            Self::Leaves => "change the protocol",
        }
    }
}

impl Mix {
    /// The accepted fixtures that `filter` chooses: `cases:h1`, or globs on ids, `cases:h1.chunked.*`.
    ///
    /// `values` are those of the target: its authority, and what it offers.
    ///
    /// # Errors
    /// A filter that chooses nothing that could be sent, and how to mend it.
    pub fn of_cases(filter: &str, values: &Values, seed: u64) -> Result<Cases, String> {
        let known = load_builtin(None).map_err(|errors| errors.to_string())?;
        mix(&known, filter, values, seed)
    }
}

impl fmt::Display for Cases {
    /// A sentence: `31 cases; left out are 400 that may be refused, 3 that end their connection`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mix.requests.len();
        write!(f, "{count} case{}", if count == 1 { "" } else { "s" })?;
        let mut before = "; left out are";
        for (reason, count) in &self.left_out {
            write!(f, "{before} {count} that {}", reason.words())?;
            before = ",";
        }
        Ok(())
    }
}

fn mix(known: &[Case], filter: &str, values: &Values, seed: u64) -> Result<Cases, String> {
    let globs = globs(filter)?;
    let mut left_out = BTreeMap::new();
    let mut requests = Vec::new();
    let (mut chosen, mut frames) = (0_usize, 0_usize);
    for case in known.iter().filter(|case| globs.is_match(case.id())) {
        chosen += 1;
        match &case.script {
            AnyScript::H1(script) => match request(case, script, values) {
                Ok(request) => requests.push(request),
                Err(reason) => *left_out.entry(reason).or_default() += 1,
            },
            AnyScript::H2(_) => frames += 1,
        }
    }
    if chosen == 0 {
        return Err(format!(
            "no case matches `{filter}`; write `cases:h1`, or an id like `cases:h1.chunked.*`"
        ));
    }
    if frames > 0 {
        return Err(format!(
            "`{filter}` chooses cases of HTTP/2, which are frames of a connection of their own and no \
             requests; use `cases:h1`"
        ));
    }
    let cases = Cases { mix: Mix::new(requests, seed), left_out };
    if cases.mix.requests.is_empty() {
        return Err(format!("`{filter}` chooses nothing that can be sent over and over: {cases}"));
    }
    Ok(cases)
}

/// A filter without wildcards also chooses what is below the id, as with `falconry check --filter`.
fn globs(filter: &str) -> Result<GlobSet, String> {
    let Some(ids) = filter.strip_prefix("cases:").filter(|ids| !ids.is_empty()) else {
        return Err(format!(
            "`{filter}` is no mix; write `cases:h1`, or an id like `cases:h1.chunked.*`"
        ));
    };
    let mut globs = GlobSetBuilder::new();
    for pattern in [ids.to_owned(), format!("{ids}.*")] {
        let glob = GlobBuilder::new(&pattern).build().map_err(|error| {
            format!("`{filter}` is no filter: {}; write it like `cases:h1.chunked.*`", error.kind())
        })?;
        globs.add(glob);
    }
    globs.build().map_err(|error| error.to_string())
}

/// The first request of a case. What follows it, as a rule a probe that closes the connection, is not sent.
fn request(case: &Case, script: &Script, values: &Values) -> Result<Request, LeftOut> {
    if !case.lacks(values).is_empty() || case.meta.needs.iter().any(waits) {
        return Err(LeftOut::Lacking);
    }
    if case.meta.tags.iter().any(|tag| tag == "slow") {
        return Err(LeftOut::Timed);
    }
    let mut octets = Vec::new();
    for step in &script.steps {
        match step {
            Step::Send(sent) => octets.extend(sent.render(values)),
            Step::Await(_) => {}
            Step::Drip(_) | Step::Pause(_) | Step::Fin | Step::Reset => return Err(LeftOut::Timed),
        }
    }
    let (head, len) = first_request(&mut octets).ok_or(LeftOut::Invalid)?;
    let behind = count_requests(octets.get(len..).unwrap_or_default()).ok_or(LeftOut::Invalid)?;
    if head.method == Method::Connect || head.upgrade {
        return Err(LeftOut::Leaves);
    }
    if !head.persistent || head.version == Version::Http10 {
        return Err(LeftOut::Closes);
    }
    if !succeeds(script, behind) {
        return Err(LeftOut::Refused);
    }
    let text =
        |span: falconry_wire::span::Span| String::from_utf8_lossy(span.of(&octets)).into_owned();
    let (method_name, authority) = (text(head.method_span), text(head.authority));
    let target = octets.split(|octet| *octet == b' ').nth(1).unwrap_or_default().to_vec();
    octets.truncate(len);
    Ok(Request {
        name: case.id().to_owned(),
        method: head.method,
        method_name,
        scheme: if values.scheme == "https" { "https" } else { "http" },
        authority,
        path: Text::fixed(target),
        fields: Vec::new(),
        content: Text::default(),
        octets: Some(octets.into()),
        weight: 1,
    })
}

/// Whether a resource makes its clients wait, or fails on purpose.
fn waits(need: &Need) -> bool {
    [Capability::Slow, Capability::Broken].map(Need::from).contains(need)
}

/// The head of the request at the front, and its length with its content; `None` if it is not whole and
/// valid for a strict parser.
fn first_request(octets: &mut [u8]) -> Option<(RequestHead, usize)> {
    let mut head = RequestHead::default();
    let mut parser = RequestParser::new(Profile::default(), HeadLimits::default());
    if parser.parse(octets, &mut head) != Ok(Parsed::Complete) {
        return None;
    }
    let content = octets.get(head.len..)?;
    let len = match head.framing {
        Framing::Length(length) => {
            usize::try_from(length).ok().filter(|len| *len <= content.len())?
        }
        Framing::Chunked => chunked_len(content)?,
        _ => 0,
    };
    let len = head.len + len;
    Some((head, len))
}

/// Octets of chunked content with its framing; `None` if they are not whole and valid.
fn chunked_len(content: &[u8]) -> Option<usize> {
    let mut decoder = ChunkedDecoder::new(Profile::default(), ChunkLimits::default());
    let mut trailers = FieldSection::default();
    let mut at = 0;
    loop {
        match decoder.decode(content.get(at..)?, &mut trailers).ok()? {
            Decoded::Data { skip, len } => at += skip + len,
            Decoded::Partial { .. } => return None,
            Decoded::End { consumed } => return Some(at + consumed),
        }
    }
}

/// How many requests follow, which have to be whole and valid as well.
fn count_requests(octets: &[u8]) -> Option<usize> {
    let mut octets = octets.to_vec();
    let mut count = 0;
    while !octets.is_empty() {
        let (_, len) = first_request(&mut octets)?;
        octets.drain(..len);
        count += 1;
    }
    Some(count)
}

/// Whether the first request is to succeed, where the others behind it do: a success is accepted as required,
/// and nothing else is.
fn succeeds(script: &Script, behind: usize) -> bool {
    let passes = |first: u16| {
        let mut statuses = vec![200; behind + 1];
        if let Some(status) = statuses.first_mut() {
            *status = first;
        }
        let outcomes = script.outcomes.pass.iter();
        let ends = [End::Closed, End::Open];
        outcomes.into_iter().any(|outcome| ends.iter().any(|end| outcome.matches(&statuses, *end)))
    };
    (200..300).any(passes) && !(300..600).any(passes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    static KNOWN: LazyLock<Vec<Case>> = LazyLock::new(|| load_builtin(None).unwrap());

    fn choose(filter: &str) -> Result<Cases, String> {
        mix(&KNOWN, filter, &values(), 1)
    }

    fn values() -> Values {
        Values::reference("localhost:8080", "http")
    }

    fn names(cases: &Cases) -> Vec<&str> {
        cases.mix.requests.iter().map(|request| request.name.as_str()).collect()
    }

    fn request_of<'a>(cases: &'a Cases, name: &str) -> &'a Request {
        cases.mix.requests.iter().find(|request| request.name == name).unwrap()
    }

    fn error(filter: &str) -> String {
        choose(filter).unwrap_err()
    }

    #[test]
    fn the_fixtures_of_http_11_make_a_mix() {
        let cases = choose("cases:h1").unwrap();
        assert!(cases.mix.requests.len() > 60, "{cases}");
        let sentence = cases.to_string();
        assert!(
            sentence.contains("cases; left out are") && sentence.contains("that may be refused")
        );
        let all = cases.left_out.values().sum::<usize>() + cases.mix.requests.len();
        assert_eq!(all, KNOWN.iter().filter(|case| case.id().starts_with("h1.")).count());
    }

    #[test]
    fn a_request_is_the_octets_of_its_case_without_the_probe() {
        let cases = choose("cases:h1.chunked.*").unwrap();
        let echoed = request_of(&cases, "h1.chunked.echoed");
        let octets = echoed.octets.as_deref().unwrap();
        assert!(octets.starts_with(b"POST /echo HTTP/1.1\r\nHost: localhost:8080\r\n"));
        assert!(octets.ends_with(b" world\r\n000\r\n\r\n"));
        assert_eq!((echoed.method, echoed.authority.as_str()), (Method::Post, "localhost:8080"));
        assert_eq!(echoed.path, Text::fixed(&b"/echo"[..]));
        assert!(echoed.is_fixed());
    }

    #[test]
    fn every_request_is_whole_and_keeps_its_connection() {
        let cases = choose("cases:h1").unwrap();
        for request in &cases.mix.requests {
            let mut octets = request.octets.as_deref().unwrap().to_vec();
            let (head, len) = first_request(&mut octets).unwrap();
            assert_eq!(len, octets.len(), "{}", request.name);
            assert!(head.persistent && head.version == Version::Http11, "{}", request.name);
        }
    }

    #[test]
    fn a_filter_chooses_ids_and_what_is_below() {
        let cases = choose("cases:h1.target.query").unwrap();
        assert!(names(&cases).len() > 3);
        assert!(names(&cases).iter().all(|name| name.starts_with("h1.target.query.")));
        let cases = choose("cases:*chunked.echoed").unwrap();
        assert_eq!(names(&cases), ["h1.chunked.echoed"]);
    }

    #[test]
    fn a_target_without_capabilities_is_sent_what_it_can_answer() {
        let values = Values::new("h", "http");
        let cases = mix(&KNOWN, "cases:h1", &values, 1).unwrap();
        assert!(!names(&cases).contains(&"h1.chunked.echoed"));
        assert!(cases.left_out.contains_key(&LeftOut::Lacking));
    }

    #[test]
    fn a_filter_that_gives_nothing_is_an_error_that_helps() {
        assert!(error("h1").contains("write `cases:h1`"));
        assert!(error("cases:").contains("write `cases:h1`"));
        assert!(error("cases:h1.nothing").contains("no case matches"));
        assert!(error("cases:[x").contains("is no filter"));
        assert!(error("cases:h2").contains("frames"));
        assert!(error("cases:h1.smuggling").contains("may be refused"));
    }
}
