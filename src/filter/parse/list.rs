//! The members of an `in` list, read by the rules of Postgres array input.

use super::error::Fault;
use super::reader::is_array_space;

/// Reads the members from `text`, which begins right after the opening parenthesis and ends with the condition;
/// `offset` is where it begins in the filter. Errors: a fault in the list.
pub(super) fn read(text: &str, offset: usize) -> Result<Vec<Option<String>>, Fault> {
    let mut list = List {
        text,
        at: 0,
        base: offset,
        depth: 0,
    };
    let mut members = Vec::new();
    list.skip_space();
    if list.peek() != Some(')') {
        loop {
            members.push(list.member()?);
            if list.peek() != Some(',') {
                break;
            }
            list.bump();
        }
    }
    list.close()?;
    Ok(members)
}

struct List<'a> {
    text: &'a str,
    at: usize,
    base: usize,
    depth: usize,
}

impl List<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_array_space) {
            self.bump();
        }
    }

    fn fault(&self, message: &str, hint: &str) -> Fault {
        Fault::new(self.base + self.at, message).hint(hint)
    }

    fn close(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(')') {
            return Err(Fault::new(
                self.base - 1,
                "unbalanced parentheses: this list is never closed",
            )
            .hint("close it with `)`"));
        }
        self.bump();
        match self.peek() {
            None => Ok(()),
            Some(')') => Err(self.fault(
                "unbalanced parentheses: this `)` has no matching `(`",
                "remove it, or quote the member that contains it: in.(\"a)\",b)",
            )),
            Some(_) => Err(self.fault(
                "text after the list",
                "conditions are separated by commas; quote a member that contains `)`",
            )),
        }
    }

    fn member(&mut self) -> Result<Option<String>, Fault> {
        self.skip_space();
        match self.peek() {
            Some('"') => self.quoted().map(Some),
            _ => self.bare(),
        }
    }

    fn quoted(&mut self) -> Result<String, Fault> {
        let start = self.base + self.at;
        self.bump();
        let mut member = String::new();
        loop {
            match self.bump() {
                None => {
                    return Err(Fault::new(start, "this quote is never closed").hint("close it"))
                }
                Some('"') => break,
                Some('\\') => member.extend(self.bump()),
                Some(c) => member.push(c),
            }
        }
        self.skip_space();
        match self.peek() {
            None | Some(',' | ')') => Ok(member),
            Some(_) => Err(self.fault(
                "text after a quoted member of the list",
                "quote the whole member; inside quotes write \\\" for a quote",
            )),
        }
    }

    fn bare(&mut self) -> Result<Option<String>, Fault> {
        let mut member = String::new();
        let mut kept = 0;
        let mut escaped = false;
        while let Some(c) = self.peek() {
            match c {
                ',' => break,
                ')' if self.depth == 0 => break,
                '"' | '{' | '}' => return Err(self.needs_quotes()),
                '(' => self.depth += 1,
                ')' => self.depth -= 1,
                _ => {}
            }
            self.bump();
            if c == '\\' {
                escaped = true;
                member.extend(self.escaped()?);
            } else {
                member.push(c);
            }
            if !is_array_space(c) {
                kept = member.len();
            }
        }
        member.truncate(kept);
        if member.is_empty() {
            return Err(self.fault(
                "empty member in the list",
                "remove the extra comma; the empty string is written \"\"",
            ));
        }
        let null = !escaped && member.eq_ignore_ascii_case("null");
        Ok((!null).then_some(member))
    }

    /// The character after a backslash. A parenthesis counts even here when conditions are split, so only quotes can
    /// hide it.
    fn escaped(&mut self) -> Result<Option<char>, Fault> {
        match self.peek() {
            Some('(' | ')') => Err(self.needs_quotes()),
            _ => Ok(self.bump()),
        }
    }

    fn needs_quotes(&self) -> Fault {
        let c = self.peek().unwrap_or_default();
        self.fault(
            &format!("`{c}` in an unquoted member of the list"),
            "quote the whole member: in.(\"a{b}\",\"say \\\"hi\\\"\")",
        )
    }
}
