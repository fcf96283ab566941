//! Errors of the parser: what is wrong with a filter, where, and how to correct it.

use std::fmt;

/// Why a filter string was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// Where: the 1-based character position in the filter.
    pub position: usize,
    /// How to correct it.
    pub hint: Option<String>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at character {}", self.message, self.position)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ParseError {}

/// An error whose place is still a byte offset. Characters are counted only once, when the error is returned.
#[derive(Debug)]
pub(super) struct Fault {
    offset: usize,
    message: String,
    hint: Option<String>,
}

impl Fault {
    pub(super) fn new(offset: usize, message: impl Into<String>) -> Self {
        Fault {
            offset,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn locate(self, input: &str) -> ParseError {
        let before = input
            .char_indices()
            .take_while(|(offset, _)| *offset < self.offset)
            .count();
        ParseError {
            message: self.message,
            position: before + 1,
            hint: self.hint,
        }
    }
}

/// The text as quoted in a message: short, so that an error never repeats a 64 kB input, and without control
/// characters, which would garble a log.
pub(super) fn excerpt(text: &str) -> String {
    const LIMIT: usize = 40;
    let mut short: String = text
        .chars()
        .take(LIMIT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(LIMIT).is_some() {
        short.push('…');
    }
    short
}
