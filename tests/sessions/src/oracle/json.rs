//! JSON values, compared as values: objects keep their order, numbers their digits.
//!
//! Not the crate `serde_json`: its objects drop repeated keys and are equal in any order, and both are the server's promise.

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// A number, `true`, `false` or `null`, as it is written.
    Bare(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Panics on what is not JSON: a server that sends such a thing has failed the test.
    pub fn parse(text: &str) -> Json {
        let mut parser = Parser {
            text,
            rest: text.chars().peekable(),
        };
        let value = parser.value();
        parser.space();
        if parser.rest.next().is_some() {
            parser.fail("something behind the value");
        }
        value
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Json::Text(text) => text,
            _ => "",
        }
    }
}

impl std::fmt::Display for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let list = |f: &mut std::fmt::Formatter, items: &[Json]| {
            items.iter().enumerate().try_for_each(|(i, item)| {
                let comma = if i > 0 { "," } else { "" };
                write!(f, "{comma}{item}")
            })
        };
        match self {
            Json::Bare(text) => write!(f, "{text}"),
            Json::Text(text) => write!(f, "{text:?}"),
            Json::Array(items) => {
                write!(f, "[")?;
                list(f, items)?;
                write!(f, "]")
            }
            Json::Object(members) => {
                write!(f, "{{")?;
                for (i, (name, value)) in members.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(f, "{comma}{name:?}:{value}")?;
                }
                write!(f, "}}")
            }
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: std::iter::Peekable<std::str::Chars<'a>>,
}

impl Parser<'_> {
    fn fail(&self, what: &str) -> ! {
        panic!("not JSON ({what}): {}", self.text)
    }

    fn space(&mut self) {
        while self.rest.next_if(|c| c.is_ascii_whitespace()).is_some() {}
    }

    fn next(&mut self) -> char {
        self.rest.next().unwrap_or_else(|| self.fail("it ends"))
    }

    fn value(&mut self) -> Json {
        self.space();
        match self.rest.peek() {
            Some('"') => Json::Text(self.string()),
            Some('[') => Json::Array(self.list(']', Parser::value)),
            Some('{') => Json::Object(self.list('}', |parser| {
                parser.space();
                let name = parser.string();
                parser.space();
                if parser.next() != ':' {
                    parser.fail("a name without a value");
                }
                (name, parser.value())
            })),
            _ => {
                let mut bare = String::new();
                while let Some(c) = self
                    .rest
                    .next_if(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c))
                {
                    bare.push(c);
                }
                if bare.is_empty() {
                    self.fail("no value");
                }
                Json::Bare(bare)
            }
        }
    }

    fn list<T>(&mut self, end: char, item: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        self.next();
        self.space();
        if self.rest.next_if_eq(&end).is_some() {
            return items;
        }
        loop {
            items.push(item(self));
            self.space();
            match self.next() {
                ',' => {}
                c if c == end => return items,
                _ => self.fail("no comma"),
            }
        }
    }

    fn string(&mut self) -> String {
        let mut out = String::new();
        if self.next() != '"' {
            self.fail("no string");
        }
        loop {
            match self.next() {
                '"' => return out,
                '\\' => match self.next() {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    'b' => out.push('\u{8}'),
                    'f' => out.push('\u{c}'),
                    'u' => {
                        let code: String = (0..4).map(|_| self.next()).collect();
                        let code = u32::from_str_radix(&code, 16).ok();
                        match code.and_then(char::from_u32) {
                            Some(c) => out.push(c),
                            None => self.fail("an escape"),
                        }
                    }
                    c => out.push(c),
                },
                c => out.push(c),
            }
        }
    }
}
