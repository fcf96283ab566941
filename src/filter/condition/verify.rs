//! Checks that Postgres understood the condition as intended: it uses the operators that were chosen and runs nothing
//! else.

use crate::error::{report, Error, Result};
use crate::pg::sql::typeinfo::JSONB_TYPEOF;
use crate::pg::Oid;

/// Every kind of node that a condition consists of. None of these runs a function besides its operator.
const NODES: [&str; 16] = [
    "OPEXPR",
    "SCALARARRAYOPEXPR",
    "FUNCEXPR",
    "BOOLEXPR",
    "NULLTEST",
    "BOOLEANTEST",
    "CASE",
    "WHEN",
    "CASEEXPR",
    "CASEWHEN",
    "CONST",
    "VAR",
    "RELABELTYPE",
    "COLLATE",
    "COLLATEEXPR",
    "ARRAY",
];

/// Nodes of arrays that are read with another element type of the same representation.
const ARRAY_NODES: [&str; 4] = [
    "ARRAYEXPR",
    "ARRAYCOERCEEXPR",
    "CASETESTEXPR",
    "ARRAYCOERCE",
];

/// Checks an analysed tree. It contains no text of the filter, since constants are written as numbers. Errors: 42P17
/// for any other node, operator or function.
pub fn check(tree: &str, operators: &[Oid]) -> Result<()> {
    for node in tree.split('{').skip(1) {
        let tag = node.split([' ', '}']).next().unwrap_or_default();
        if !NODES.contains(&tag) && !ARRAY_NODES.contains(&tag) {
            return Err(other_meaning(&format!("It contains {tag}.")));
        }
        let known = match tag {
            "OPEXPR" | "SCALARARRAYOPEXPR" => field(node, ":opno ")
                .is_some_and(|oid| operators.iter().any(|known| known.to_u32() == oid)),
            "FUNCEXPR" => field(node, ":funcid ") == Some(JSONB_TYPEOF),
            _ => true,
        };
        if !known {
            return Err(other_meaning(
                "It uses an operator that is not the one of the column's type.",
            ));
        }
    }
    Ok(())
}

fn field(node: &str, name: &str) -> Option<u32> {
    let digits = node.split(name).nth(1)?;
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn other_meaning(detail: &str) -> Error {
    Error::invalid_object_definition(
        report("Postgres does not read the filter's condition as intended").detail(detail),
    )
}
