//! Files that say what a target offers (`docs/target.md`).

use falconry_fixtures::{Capability, Need, Values};

use crate::registry::near;

/// Adds the capabilities of a file, `echo = "/api/echo"` each, to the values of a target.
///
/// # Errors
/// What is wrong with the text, and how to mend it.
pub fn read(text: &str, values: &mut Values) -> Result<(), String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    for (name, path) in &table {
        let Some(capability) = Capability::from_name(name) else {
            if Need::from_name(name).is_some() {
                return Err(format!(
                    "`{name}` is not for this file; the target's scheme decides it"
                ));
            }
            let known = Capability::ALL.iter().map(|capability| capability.name());
            let near = near(name, known.clone());
            let hint = if near.is_empty() {
                format!("there are {}", known.collect::<Vec<_>>().join(", "))
            } else {
                format!("did you mean {}?", near.join(", "))
            };
            return Err(format!("`{name}` is no capability; {hint}"));
        };
        let path = path.as_str().filter(|path| is_path(path)).ok_or_else(|| {
            format!("`{name}` needs a path that begins with a slash, `{name} = \"/some/path\"`")
        })?;
        values.offer(capability, path);
    }
    Ok(())
}

/// Whether it can stand in a request line as it is.
fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read(text, &mut Values::new("h", "http")).unwrap_err()
    }

    #[test]
    fn capabilities_are_paths() {
        let mut values = Values::new("h", "http");
        read("echo = \"/api/echo\"\nfile = '/a?b=c'", &mut values).unwrap();
        assert_eq!(values.path(Capability::Echo), Some("/api/echo"));
        assert!(!values.offers(Capability::Store));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(error("ecko = '/x'").contains("did you mean echo?"));
        assert!(error("zzzzzzzzz = '/x'").contains("there are missing"));
        assert!(error("echo = 'x'").contains("slash"));
        assert!(error("echo = '/a b'").contains("slash"));
        assert!(error("tls = '/x'").contains("scheme"));
        assert!(error("echo = 5").contains("slash"));
        assert!(error("echo").contains("line 1"));
    }
}
