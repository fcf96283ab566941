//! Column names and the JSON paths that may follow them.

use super::ast::{PathKey, PathStep};
use super::error::{excerpt, Fault};
use super::hints;
use super::reader::{unquote, Context, Nesting, Reader};

/// The left side of a condition.
pub(super) struct Name {
    pub(super) column: String,
    pub(super) path: Vec<PathStep>,
}

/// A piece of a name as written.
struct Piece<'a> {
    text: &'a str,
    offset: usize,
    quoted: bool,
}

/// Reads the left side of a condition and the separator after it. Errors: a fault in the name or the path.
pub(super) fn read(
    reader: &mut Reader<'_>,
    nesting: &mut Nesting,
    context: Context,
) -> Result<Name, Fault> {
    let start = reader.offset();
    let piece = read_piece(reader, nesting, context)?;
    let at_arrow = reader.rest().starts_with("->");
    if !at_arrow && reader.peek() != Some(context.separator()) {
        nesting.check_closed(reader, context)?;
    }
    let column = column_name(&piece, reader, context)?;
    if at_arrow {
        reject_space(&piece)?;
    }
    let path = read_path(reader, nesting, context)?;
    match reader.peek() {
        Some(c) if c == context.separator() => {
            reader.bump();
            nesting.step(c, reader.offset());
            Ok(Name { column, path })
        }
        _ => {
            let text = reader.slice(start, reader.offset()).trim_end();
            Err(hints::missing_separator(text, start, context))
        }
    }
}

fn column_name(piece: &Piece<'_>, reader: &Reader<'_>, context: Context) -> Result<String, Fault> {
    let name = piece_text(piece)?;
    if name.is_empty() {
        return Err(Fault::new(piece.offset, "missing column name")
            .hint("a condition starts with the column: column=operator.value, such as id=eq.5"));
    }
    let reserved =
        !piece.quoted && context == Context::Group && matches!(&*name, "or" | "and" | "not");
    if reserved {
        return Err(hints::reserved_name(&name, reader.rest(), piece.offset));
    }
    Ok(name)
}

fn read_path(
    reader: &mut Reader<'_>,
    nesting: &mut Nesting,
    context: Context,
) -> Result<Vec<PathStep>, Fault> {
    let mut path: Vec<PathStep> = Vec::new();
    let mut text_arrow = None;
    loop {
        let arrow = reader.offset();
        if !reader.eat("->") {
            return Ok(path);
        }
        if let Some(offset) = text_arrow {
            return Err(
                Fault::new(offset, "`->>` is not the last step of the path").hint(
                    "`->>` gives text, which has no fields: write `->` for every step but the last",
                ),
            );
        }
        let as_text = reader.eat(">");
        if as_text {
            text_arrow = Some(arrow);
        }
        let piece = read_piece(reader, nesting, context)?;
        path.push(PathStep {
            key: path_key(&piece)?,
            as_text,
        });
    }
}

fn path_key(piece: &Piece<'_>) -> Result<PathKey, Fault> {
    if piece.quoted {
        return piece_text(piece).map(PathKey::Field);
    }
    reject_space(piece)?;
    let text = piece.text;
    if text.is_empty() {
        return Err(Fault::new(piece.offset, "missing key after the arrow")
            .hint("a path names a field or an array index: data->>plan, data->items->0"));
    }
    if text.len() > 1 && text.starts_with('\'') && text.ends_with('\'') {
        return Err(
            Fault::new(piece.offset, "a path key must not be in single quotes").hint(format!(
                "write it bare: {}",
                excerpt(text.trim_matches('\''))
            )),
        );
    }
    if !is_integer(text) {
        return Ok(PathKey::Field(text.to_owned()));
    }
    text.parse().map(PathKey::Index).map_err(|_| {
        Fault::new(piece.offset, "array index out of range").hint(format!(
            "for a field of that name, quote it: \"{}\"",
            excerpt(text)
        ))
    })
}

/// Whether an unquoted path key is an array index.
pub(super) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A key that began with an unnoticed space would silently match nothing.
fn reject_space(piece: &Piece<'_>) -> Result<(), Fault> {
    if piece.quoted || piece.text.trim() == piece.text {
        return Ok(());
    }
    Err(
        Fault::new(piece.offset, "space next to an arrow in a JSON path").hint(
            "write the path without spaces, as data->>plan, or quote a name that contains one",
        ),
    )
}

fn piece_text(piece: &Piece<'_>) -> Result<String, Fault> {
    if !piece.quoted {
        return Ok(piece.text.to_owned());
    }
    unquote(piece.text).ok_or_else(|| never_closed(piece.offset))
}

fn never_closed(offset: usize) -> Fault {
    Fault::new(offset, "this quoted name is never closed")
        .hint("a name that itself contains a quote is written \"a\\\"b\"")
}

/// Reads up to the separator, an arrow, or the end of the condition.
fn read_piece<'a>(
    reader: &mut Reader<'a>,
    nesting: &mut Nesting,
    context: Context,
) -> Result<Piece<'a>, Fault> {
    let offset = reader.offset();
    let quoted = reader.peek() == Some('"');
    if quoted {
        read_quoted(reader, nesting, context)?;
    } else {
        read_bare(reader, nesting, context)?;
    }
    Ok(Piece {
        text: reader.slice(offset, reader.offset()),
        offset,
        quoted,
    })
}

fn read_bare(
    reader: &mut Reader<'_>,
    nesting: &mut Nesting,
    context: Context,
) -> Result<(), Fault> {
    let start = reader.offset();
    while let Some(c) = reader.peek() {
        let arrow = c == '-' && reader.rest().starts_with("->");
        if arrow || c == context.separator() || nesting.ends_at(c, context) {
            break;
        }
        if c == '=' && context == Context::Group {
            let name = reader.slice(start, reader.offset());
            return Err(hints::equals_in_group(name, reader.offset()));
        }
        nesting.step(c, reader.offset());
        reader.bump();
    }
    Ok(())
}

fn read_quoted(reader: &mut Reader<'_>, nesting: &Nesting, context: Context) -> Result<(), Fault> {
    let start = reader.offset();
    reader.bump();
    loop {
        match reader.bump() {
            None => return Err(never_closed(start)),
            Some('"') => break,
            Some('\\') => {
                reader.bump();
            }
            Some(_) => {}
        }
    }
    let end = reader.offset();
    let text = reader.slice(start, end);
    match reader.peek() {
        None => Ok(()),
        Some(c) if c == context.separator() || nesting.ends_at(c, context) => Ok(()),
        Some('-') if reader.rest().starts_with("->") => Ok(()),
        Some(_) => Err(Fault::new(end, format!("text after the quoted name {}", excerpt(text))).hint(
            format!(
                "after it comes `{}` or an arrow; a name that itself contains a quote is written \"a\\\"b\"",
                context.separator()
            ),
        )),
    }
}
