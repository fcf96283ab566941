//! Makes the configuration of the arguments.

use super::arguments::{DatabaseArguments, PoolArguments, ServeArguments, TokenArguments};
use super::{ApiKey, Config, Database, Error, Jwks, JwksPlace, KeySources, Log, Secret};
use std::path::{Path, PathBuf};

/// Shortest shared secret in bytes (RFC 7518: as long as the hash).
const MIN_SECRET: usize = 32;
/// Shortest opaque key in bytes.
const MIN_API_KEY: usize = 16;

impl Config {
    /// Reads the files that are named, and checks everything that can be checked without a database.
    pub fn read(arguments: &ServeArguments) -> Result<Config, Error> {
        let (tokens, network) = (&arguments.tokens, &arguments.network);
        let roles = roles(&tokens.roles)?;
        if network.listen == network.admin_listen && network.listen.port() != 0 {
            return Err(Error::OnePort(network.listen));
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&network.log) {
            return Err(Error::Filter(error.to_string()));
        }
        Ok(Config {
            database: arguments.database.read()?,
            pool_database: arguments.pool.read()?,
            pool_size: network.pool_size,
            keys: keys(tokens, &roles)?,
            roles,
            listen: network.listen,
            admin_listen: network.admin_listen,
            page: network.page,
            drain: network.drain_seconds,
            limits: arguments.limits.clone(),
            log: Log {
                filter: network.log.clone(),
                format: network.log_format,
            },
        })
    }
}

impl DatabaseArguments {
    /// The database that is named, if by PGHOST and the like only.
    pub fn read(&self) -> Result<Database, Error> {
        let text = secret(
            ("--db-uri", &self.db_uri),
            ("--db-uri-file", &self.db_uri_file),
        )?;
        match text {
            Some(text) => Database::read(text.reveal()),
            None if std::env::var_os("PGHOST").is_some() => Database::read(""),
            None => Err(Error::NoDatabase),
        }
    }
}

impl PoolArguments {
    fn read(&self) -> Result<Option<Database>, Error> {
        let text = secret(
            ("--pool-uri", &self.pool_uri),
            ("--pool-uri-file", &self.pool_uri_file),
        )?;
        text.map(|text| Database::read(text.reveal())).transpose()
    }
}

/// The roles, without white space and each once.
pub fn roles(given: &[String]) -> Result<Vec<String>, Error> {
    let mut roles: Vec<String> = Vec::new();
    for role in given.iter().map(|role| role.trim()) {
        if !role.is_empty() && !roles.iter().any(|known| known == role) {
            roles.push(role.to_string());
        }
    }
    match roles.is_empty() {
        true => Err(Error::NoRoles),
        false => Ok(roles),
    }
}

fn keys(tokens: &TokenArguments, roles: &[String]) -> Result<KeySources, Error> {
    let secret = secret(
        ("--jwt-secret", &tokens.jwt_secret),
        ("--jwt-secret-file", &tokens.jwt_secret_file),
    )?;
    if let Some(secret) = secret
        .as_ref()
        .filter(|secret| secret.reveal().len() < MIN_SECRET)
    {
        return Err(Error::ShortSecret(secret.reveal().len()));
    }
    let jwks = tokens
        .jwks
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let jwks = jwks.map(jwks_place).transpose()?.map(|place| Jwks {
        place,
        refresh: tokens.jwks_refresh_seconds,
        at_most_every: tokens.jwks_min_seconds,
    });
    let sources = KeySources {
        secret,
        jwks,
        api_keys: api_keys(tokens, roles)?,
        required_claims: required_claims(&tokens.require_claims)?,
    };
    if sources.secret.is_none() && sources.jwks.is_none() && sources.api_keys.is_empty() {
        return Err(Error::NoKeys);
    }
    Ok(sources)
}

fn jwks_place(text: &str) -> Result<JwksPlace, Error> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(JwksPlace::Url(text.to_string()));
    }
    if text.starts_with('{') {
        return Ok(JwksPlace::Text(text.to_string()));
    }
    // What it holds is for the keyring to judge: it may be another by then.
    file("--jwks", Path::new(text))?;
    Ok(JwksPlace::File(PathBuf::from(text)))
}

fn api_keys(tokens: &TokenArguments, roles: &[String]) -> Result<Vec<ApiKey>, Error> {
    let mut lines: Vec<Secret> = tokens.api_keys.clone();
    if let Some(path) = &tokens.api_keys_file {
        let text = file("--api-keys-file", path)?;
        lines.extend(
            text.lines()
                .filter(|line| !line.starts_with('#'))
                .map(Secret::new),
        );
    }
    let lines = lines
        .iter()
        .map(|line| line.reveal().trim())
        .filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(before, line)| {
            let number = before + 1;
            // Keys in base64 end in the same sign.
            let (key, role) = line.rsplit_once('=').ok_or(Error::ApiKey(number))?;
            let (key, role) = (key.trim(), role.trim());
            if key.is_empty() || role.is_empty() {
                return Err(Error::ApiKey(number));
            }
            if key.len() < MIN_API_KEY {
                return Err(Error::ShortApiKey(number));
            }
            if !roles.iter().any(|known| known == role) {
                let role = role.to_string();
                return Err(Error::ApiKeyRole { number, role });
            }
            Ok(ApiKey {
                key: Secret::new(key),
                role: role.to_string(),
            })
        })
        .collect()
}

fn required_claims(given: &[String]) -> Result<Vec<(String, String)>, Error> {
    let lines = given.iter().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| match line.split_once('=') {
            Some((claim, value)) if !claim.trim().is_empty() => {
                Ok((claim.trim().to_string(), value.to_string()))
            }
            _ => Err(Error::Form {
                flag: "--require-claim",
                text: line.clone(),
                form: "CLAIM=VALUE",
            }),
        })
        .collect()
}

/// A secret that is given by itself or by a file.
fn secret(
    (flag, text): (&'static str, &Option<Secret>),
    (file_flag, path): (&'static str, &Option<PathBuf>),
) -> Result<Option<Secret>, Error> {
    let text = text
        .as_ref()
        .map(|text| text.reveal().trim())
        .filter(|text| !text.is_empty());
    let path = path.as_deref().filter(|path| !path.as_os_str().is_empty());
    match (text, path) {
        (Some(_), Some(_)) => Err(Error::Both {
            one: flag,
            other: file_flag,
        }),
        (Some(text), None) => Ok(Some(Secret::new(text))),
        (None, Some(path)) => Ok(Some(Secret::new(file(file_flag, path)?.trim()))),
        (None, None) => Ok(None),
    }
}

fn file(flag: &'static str, path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::File {
        flag,
        path: path.to_path_buf(),
        error,
    })?;
    match text.trim().is_empty() {
        true => Err(Error::EmptyFile {
            flag,
            path: path.to_path_buf(),
        }),
        false => Ok(text),
    }
}
