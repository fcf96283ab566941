//! The password file of libpq: `host:port:database:user:password` in each line, for nobody but its owner to read.

use super::{Database, Host, Secret};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What the group and others may do.
const OTHERS: u32 = 0o077;

/// The password of the first line that fits. A file that cannot be read, or that others can read, has none.
pub(super) fn find(path: &Path, database: &Database, host: &Host) -> Option<Secret> {
    let file = std::fs::metadata(path).ok()?;
    if file.permissions().mode() & OTHERS != 0 {
        tracing::warn!(
            path = %path.display(),
            "the password file is not used, since others have access to it: chmod 600"
        );
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    // Sockets go by the name localhost there, too.
    let name = if host.is_local() {
        "localhost"
    } else {
        &host.name
    };
    let port = host.port.to_string();
    let wanted = [name, &port, &database.name, &database.user];
    text.lines().find_map(|line| {
        let fields = fields(line);
        let fits = |(field, wanted): (&String, &&str)| field == "*" || field == wanted;
        let (password, others) = fields.split_last()?;
        let all = others.len() == wanted.len() && others.iter().zip(&wanted).all(fits);
        all.then(|| Secret::new(password.as_str()))
    })
}

/// The five fields of a line; a backslash takes the next character as it is.
fn fields(line: &str) -> Vec<String> {
    if line.starts_with('#') {
        return Vec::new();
    }
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(one) = characters.next() {
        let last = fields.len() - 1;
        match one {
            ':' if last < 4 => fields.push(String::new()),
            '\\' => fields[last].extend(characters.next()),
            one => fields[last].push(one),
        }
    }
    fields
}
