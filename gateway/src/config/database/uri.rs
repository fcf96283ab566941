//! The two forms of a connection string, taken apart into parameters.

use percent_encoding::percent_decode_str;

type Pairs = Vec<(String, String)>;
type Result<T> = std::result::Result<T, String>;

/// The parameters of a URI, without its scheme: `user:password@host:port,host:port/database?key=value&…`.
pub(super) fn parameters(rest: &str) -> Result<Pairs> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
    let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let (names, ports) = hosts_and_ports(hosts)?;
    let mut pairs = Vec::new();
    let whole = [
        ("user", decoded(user)?),
        ("password", decoded(password)?),
        ("dbname", decoded(name)?),
        ("host", names.join(",")),
        ("port", ports.join(",")),
    ];
    for (key, value) in whole {
        if !value.trim_matches(',').is_empty() {
            pairs.push((key.to_string(), value));
        }
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(
            "a parameter behind ? has no value (in passwords, : / ? # @ % are percent-encoded)",
        )?;
        pairs.push((decoded(key)?, decoded(value)?));
    }
    Ok(pairs)
}

fn hosts_and_ports(text: &str) -> Result<(Vec<String>, Vec<String>)> {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for host in text.split(',') {
        let (name, port) = match host.strip_prefix('[') {
            // An IPv6 address.
            Some(rest) => {
                let (name, rest) = rest
                    .split_once(']')
                    .ok_or("a host that begins with [ has no ]")?;
                (name, rest.strip_prefix(':').unwrap_or(rest))
            }
            None => host.split_once(':').unwrap_or((host, "")),
        };
        names.push(decoded(name)?);
        ports.push(port.to_string());
    }
    Ok((names, ports))
}

fn decoded(text: &str) -> Result<String> {
    let text = percent_decode_str(text).decode_utf8();
    let text = text.map_err(|_| "it has percent signs that make no UTF-8 text".to_string())?;
    match text.contains('\0') {
        true => Err("it has a zero byte".to_string()),
        false => Ok(text.into_owned()),
    }
}

/// The parameters of `key=value key='a value'`.
pub(super) fn words(text: &str) -> Result<Pairs> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((key, after)) = rest.split_once('=') else {
            return Err("it is neither a URI (postgresql://…) nor a list of key=value".to_string());
        };
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err("it is neither a URI (postgresql://…) nor a list of key=value".to_string());
        }
        let (value, after) = value(after.trim_start()).ok_or("a value has no closing quote")?;
        pairs.push((key.to_string(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// A value, and what is behind it. A backslash takes the next character as it is.
fn value(text: &str) -> Option<(String, &str)> {
    let quoted = text.strip_prefix('\'');
    let text = quoted.unwrap_or(text);
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, one)) = characters.next() {
        match one {
            '\\' => value.push(characters.next()?.1),
            '\'' if quoted.is_some() => return Some((value, &text[at + 1..])),
            one if one.is_whitespace() && quoted.is_none() => return Some((value, &text[at..])),
            one => value.push(one),
        }
    }
    match quoted {
        Some(_) => None,
        None => Some((value, "")),
    }
}
