//! The crate's files, parsed.

use crate::Problem;
use proc_macro2::{Span, TokenStream};
use std::path::Path as FilePath;
use std::str::FromStr;
use std::{fs, io};

/// A module or item by its names from the crate's root: `crate::log::cursor` is `["log", "cursor"]`.
pub type Path = Vec<String>;

/// A file's text.
pub struct Source {
    /// From the directory of the crate's root: `log/cursor.rs`.
    pub path: String,
    pub text: String,
}

/// A file that could be parsed.
pub struct File {
    pub path: String,
    pub module: Path,
    pub tokens: TokenStream,
    pub syntax: syn::File,
}

/// Every Rust file below a directory, in the order of their paths.
pub fn read(directory: &FilePath) -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    read_below(directory, "", &mut sources)?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn read_below(directory: &FilePath, prefix: &str, sources: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read_below(&entry.path(), &format!("{path}/"), sources)?;
        } else if path.ends_with(".rs") {
            let text = fs::read_to_string(entry.path())?;
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

impl Source {
    pub fn judge_first_line(&self) -> Option<Problem> {
        let first = self.text.lines().next();
        let about = first.and_then(|line| line.strip_prefix("//!"));
        let is_there = about.is_some_and(|about| !about.trim().is_empty());
        let what = "does not begin with a //! line";
        (!is_there).then(|| Problem::new(&self.path, 1, what))
    }

    pub fn parse(&self) -> Result<File, Problem> {
        let refuse = |at: Span, error: String| {
            Problem::new(&self.path, at.start().line, format!("is no Rust: {error}"))
        };
        let tokens = TokenStream::from_str(&self.text)
            .map_err(|error| refuse(error.span(), error.to_string()))?;
        let syntax =
            syn::parse2(tokens.clone()).map_err(|error| refuse(error.span(), error.to_string()))?;
        Ok(File {
            path: self.path.clone(),
            module: module_of(&self.path),
            tokens,
            syntax,
        })
    }
}

/// The module that a file is: `log/cursor.rs` and `log/cursor/mod.rs` are `log::cursor`.
fn module_of(path: &str) -> Path {
    let mut names: Path = path
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_string)
        .collect();
    if names.last().is_some_and(|name| name == "mod") || names == ["lib"] {
        names.pop();
    }
    names
}
