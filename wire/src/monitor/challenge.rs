//! Challenges (RFC 9110 §11).

use super::value::members;
use super::{Finding, Level, Observed, Rule, is_tchar, show};
use crate::section::Section;

shared! {
    Rule {
        id: "challenge-parameters",
        title: "a parameter occurs once in a challenge",
        why: "Of two realms or nonces each client takes another.",
        level: Level::Must,
        section: Section::new(9110, "11.2"),
        requirements: &["rfc9110-11.2-1"],
        check: parameters_once,
    },
    Rule {
        id: "quoted-realm",
        title: "realm is a quoted-string",
        why: "Many clients read no other form, and then ask for credentials of a realm without a name.",
        level: Level::Must,
        section: Section::new(9110, "11.5"),
        requirements: &["rfc9110-11.5-1"],
        check: quoted_realm,
    },
}

/// One challenge: the names and values of its parameters.
type Challenge<'a> = Vec<(&'a [u8], &'a [u8])>;

fn parameters_once(response: &Observed<'_>) -> Finding {
    let challenges = challenges(response);
    Finding::when(!challenges.is_empty(), || {
        let repeated = challenges.iter().flat_map(|challenge| {
            challenge.iter().enumerate().filter_map(|(at, (name, _))| {
                let mut before = challenge.iter().take(at);
                before.any(|(other, _)| other.eq_ignore_ascii_case(name)).then(|| show(name))
            })
        });
        Finding::first(repeated)
    })
}

fn quoted_realm(response: &Observed<'_>) -> Finding {
    let challenges = challenges(response);
    let mut realms = challenges
        .iter()
        .flatten()
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"realm"))
        .peekable();
    Finding::when(realms.peek().is_some(), || {
        Finding::first(realms.filter(|(_, value)| !value.starts_with(b"\"")).map(|(_, v)| show(v)))
    })
}

/// The challenges of both fields that hold them.
///
/// Commas part challenges as well as parameters (RFC 9110 §11.6.1): a member that begins with a scheme
/// and a space begins a challenge.
fn challenges<'s>(response: &'s Observed<'_>) -> Vec<Challenge<'s>> {
    let mut challenges: Vec<Challenge<'s>> = Vec::new();
    for field in ["WWW-Authenticate", "Proxy-Authenticate"] {
        for value in response.all(field) {
            let mut begun = false;
            for member in members(value) {
                let name = member.iter().take_while(|octet| is_tchar(**octet)).count();
                let (scheme, rest) = member.split_at(name);
                let parameter = if rest.trim_ascii_start().starts_with(b"=") && !scheme.is_empty() {
                    member
                } else {
                    challenges.push(Vec::new());
                    begun = true;
                    rest.trim_ascii()
                };
                if !begun {
                    challenges.push(Vec::new());
                    begun = true;
                }
                let mut halves = parameter.splitn(2, |octet| *octet == b'=');
                if let (Some(name), Some(value), Some(challenge)) =
                    (halves.next(), halves.next(), challenges.last_mut())
                {
                    challenge.push((name.trim_ascii(), value.trim_ascii()));
                }
            }
        }
    }
    challenges
}

#[cfg(test)]
mod tests {
    use super::super::tests::bites;

    #[test]
    fn challenges_are_told_apart_by_their_schemes() {
        let two = "WWW-Authenticate: Basic realm=\"a\", Digest realm=\"b\", nonce=\"c\"";
        bites(
            "challenge-parameters",
            401,
            &[two, "WWW-Authenticate: Negotiate", "WWW-Authenticate: Basic realm=\"x, realm=y\""],
            &["WWW-Authenticate: Basic realm=\"a\", Realm=\"b\""],
        );
        bites("quoted-realm", 401, &[two], &["WWW-Authenticate: Basic realm=a"]);
    }
}
