//! Challenges (RFC 9110 §11.6.1), taken apart.

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h1.auth.parameters-once",
                Level::Must,
                "401, with a look at the parameters of each challenge",
                "Of two values for one parameter each client picks its own.",
            )
            .rfc(9110, "11.2")
            .covers(&["rfc9110-11.2-1"])
            .needing(&[Capability::Auth]),
            run!(parameters_occur_once),
        ),
        CodeCase::new(
            Meta::new(
                "h1.auth.realm-quoted",
                Level::Must,
                "401, with a look at the syntax of realm",
                "Clients in the field read realm in quotes and not otherwise.",
            )
            .rfc(9110, "11.5")
            .covers(&["rfc9110-11.5-1"])
            .needing(&[Capability::Auth]),
            run!(realm_is_quoted),
        ),
    ]
}

async fn parameters_occur_once(probe: &Probe) -> Result<(), Miss> {
    for challenge in challenges(probe).await? {
        let mut names: Vec<_> =
            challenge.parameters.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        let twice = names.windows(2).find_map(|pair| match pair {
            [name, next] if name == next => Some(name),
            _ => None,
        });
        if let Some(twice) = twice {
            let scheme = challenge.scheme;
            return Err(Miss::new(format!(
                "expected each parameter once, got {twice} twice in {scheme}"
            )));
        }
    }
    Ok(())
}

async fn realm_is_quoted(probe: &Probe) -> Result<(), Miss> {
    for challenge in challenges(probe).await? {
        for (name, value) in challenge.parameters {
            let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
            if name.eq_ignore_ascii_case("realm") && !quoted {
                return Err(Miss::new(format!("expected realm in quotes, got {value:?}")));
            }
        }
    }
    Ok(())
}

/// A challenge: its scheme and parameters, values as they stand.
#[derive(Debug, Eq, PartialEq)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

/// The challenges of the protected resource.
async fn challenges(probe: &Probe) -> Result<Vec<Challenge>, Miss> {
    let response = probe.get(probe.capability(Capability::Auth)?).await?;
    response.expect_status(&[401])?;
    response.expect_field("WWW-Authenticate")?;
    let found = take_apart(&response.members("WWW-Authenticate"));
    if found.is_empty() {
        return Err(Miss::new("expected a challenge in WWW-Authenticate, got none"));
    }
    Ok(found)
}

/// Takes the members of WWW-Authenticate apart: a comma separates challenges as well as parameters, and
/// a member that begins with a word and no `=` behind it begins a challenge.
fn take_apart(members: &[String]) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    for member in members {
        let word = member.split([' ', '\t', '=']).next().unwrap_or_default();
        let rest = member.get(word.len()..).unwrap_or_default().trim();
        let parameter = if rest.starts_with('=') && !found.is_empty() {
            member.as_str()
        } else {
            found.push(Challenge { scheme: word.to_owned(), parameters: Vec::new() });
            rest
        };
        if let (Some(challenge), Some((name, value))) =
            (found.last_mut(), parameter.split_once('='))
        {
            challenge.parameters.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_told_from_parameters() {
        let members = [
            "Basic realm=\"a, b\"",
            "charset=\"UTF-8\"",
            "Negotiate",
            "Digest realm = x",
            "qop=\"auth\"",
        ];
        let found = take_apart(&members.map(String::from));
        let schemes: Vec<_> = found.iter().map(|challenge| challenge.scheme.as_str()).collect();
        assert_eq!(schemes, ["Basic", "Negotiate", "Digest"]);
        assert_eq!(found[0].parameters[0], ("realm".into(), "\"a, b\"".into()));
        assert_eq!(found[1].parameters, []);
        assert_eq!(found[2].parameters[0], ("realm".into(), "x".into()));
        assert_eq!(found[2].parameters.len(), 2);
    }
}
