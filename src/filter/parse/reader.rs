//! The cursor over a filter string, and the rules for commas and parentheses.

use super::error::Fault;

/// The place of a condition. It decides how the condition is written and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// `column=operator.value`, up to a comma.
    Top,
    /// `column.operator.value`, up to a comma or the parenthesis that closes the group.
    Group,
}

impl Context {
    /// The separator between the column and the operator.
    pub(super) const fn separator(self) -> char {
        match self {
            Context::Top => '=',
            Context::Group => '.',
        }
    }
}

/// A cursor that only moves forward.
pub(super) struct Reader<'a> {
    input: &'a str,
    offset: usize,
    /// A byte offset and the number of characters before it. Positions are asked for in ascending order, so that
    /// counting on from the last answer keeps the whole parse linear.
    counted: (usize, usize),
    #[cfg(test)]
    pub(super) steps: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a str) -> Self {
        Reader {
            input,
            offset: 0,
            counted: (0, 0),
            #[cfg(test)]
            steps: 0,
        }
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn rest(&self) -> &'a str {
        self.slice(self.offset, self.input.len())
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &'a str {
        self.input.get(from..to).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.offset += c.len_utf8();
        #[cfg(test)]
        {
            self.steps += 1;
        }
        Some(c)
    }

    /// Moves past `expected` if it comes next.
    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.offset += expected.len();
        }
        found
    }

    pub(super) fn skip_whitespace(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.bump();
        }
    }

    /// The 1-based character position of a byte offset.
    pub(super) fn position(&mut self, offset: usize) -> usize {
        let (from, before) = match self.counted {
            (from, before) if from <= offset => (from, before),
            _ => (0, 0),
        };
        let characters = self.slice(from, offset).chars().count();
        #[cfg(test)]
        {
            self.steps += characters;
        }
        self.counted = (offset, before + characters);
        before + characters + 1
    }
}

/// The depth in parentheses and quotes within one condition.
///
/// A quote opens only right after `.`, `(` or `,`, so that `5" tall` needs no quoting. A surplus `)` is an ordinary
/// character.
#[derive(Default)]
pub(super) struct Nesting {
    depth: usize,
    outermost: usize,
    quote: Option<usize>,
    escaped: bool,
    previous: Option<char>,
    in_list: bool,
}

impl Nesting {
    /// Whether `next` is the first character after the condition.
    pub(super) fn ends_at(&self, next: char, context: Context) -> bool {
        let outside = self.depth == 0 && self.quote.is_none();
        outside && (next == ',' || (next == ')' && context == Context::Group))
    }

    /// Announces that the next `(` opens an `in` list. Its members are array input, where spaces are allowed before a
    /// quote.
    pub(super) fn open_list(&mut self) {
        self.in_list = self.depth == 0 && self.quote.is_none();
    }

    /// Processes one character.
    pub(super) fn step(&mut self, c: char, offset: usize) {
        if self.escaped {
            self.escaped = false;
        } else if self.quote.is_some() {
            match c {
                '\\' => self.escaped = true,
                '"' => self.quote = None,
                _ => {}
            }
        } else {
            self.step_unquoted(c, offset);
        }
        if !(self.in_list && is_array_space(c)) {
            self.previous = Some(c);
        }
    }

    fn step_unquoted(&mut self, c: char, offset: usize) {
        match c {
            '"' if matches!(self.previous, Some('.' | '(' | ',')) => self.quote = Some(offset),
            '(' => {
                if self.depth == 0 {
                    self.outermost = offset;
                }
                self.depth += 1;
            }
            ')' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    /// Refuses a condition that ran to the end of the input only because something in it was left open: the rest of the
    /// filter would silently become part of its value. Errors: a quote, parenthesis or brace that is never closed.
    pub(super) fn check_closed(&self, reader: &Reader<'_>, context: Context) -> Result<(), Fault> {
        if let Some(quote) = self.quote {
            let hides_more = reader.slice(quote, reader.offset()).contains(',');
            if self.depth > 0 || hides_more || context == Context::Group {
                return Err(Fault::new(quote, "this quote is never closed").hint(
                    "close it; inside quotes write \\\" for a quote and \\\\ for a backslash",
                ));
            }
        } else if self.depth > 0 {
            return Err(Fault::new(
                self.outermost,
                "unbalanced parentheses: this `(` is never closed",
            )
            .hint("close it, or quote a value that contains it: column=eq.\"a(b\""));
        }
        Ok(())
    }
}

/// The characters that are white space in Postgres's array input.
pub(super) fn is_array_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// Removes the quoting of a text that is quoted whole: a backslash stands for the character after it. `None` for any
/// other text.
pub(super) fn unquote(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.strip_prefix('"')?.chars();
    loop {
        match characters.next()? {
            '"' => return characters.as_str().is_empty().then_some(plain),
            '\\' => plain.push(characters.next()?),
            c => plain.push(c),
        }
    }
}
