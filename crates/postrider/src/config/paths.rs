//! Paths of a configuration: `~` and `$VAR` expand, relative ones are relative to its file.

use super::surroundings::Surroundings;
use std::path::{Path, PathBuf};

/// Makes a path absolute; `Err` says what is wanted instead.
pub(super) fn expand(text: &str, base: &Path, around: &Surroundings) -> Result<PathBuf, String> {
    if text.contains('\0') {
        return Err("a path has no NUL".to_owned());
    }
    let text = variables(text, around)?;
    let Some(below_home) = text.strip_prefix('~') else {
        return Ok(base.join(text));
    };
    match (below_home.strip_prefix('/'), around.home()) {
        (_, None) => Err("there is no $HOME for `~` to stand for".to_owned()),
        (Some(below), Some(home)) => Ok(home.join(below.trim_start_matches('/'))),
        (None, Some(home)) if below_home.is_empty() => Ok(home.to_owned()),
        (None, Some(_)) => Err("only one's own home has a `~` here; write `~/...`".to_owned()),
    }
}

/// Puts values in the place of `$NAME` and `${NAME}`; what they hold is not looked at again.
fn variables(text: &str, around: &Surroundings) -> Result<String, String> {
    let mut parts = text.split('$');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = match part.strip_prefix('{') {
            Some(braced) => braced
                .split_once('}')
                .ok_or_else(|| "a `${` has no `}`".to_owned())?,
            None => {
                let end = part.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
                part.split_at(end.unwrap_or(part.len()))
            }
        };
        if name.is_empty() {
            return Err("a `$` begins the name of a variable".to_owned());
        }
        let value = around.var(name);
        expanded.push_str(value.ok_or_else(|| format!("${name} is not set"))?);
        expanded.push_str(rest);
    }
    Ok(expanded)
}
