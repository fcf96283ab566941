//! What filters have in common that differ in their values only.

use crate::filter::parse::{Comparison, Expr, Operand, Operator};

/// The filter without its values; `None` where more than the values' own types decides whether they are valid.
pub fn of(expr: &Expr) -> Option<Vec<u8>> {
    let mut shape = Vec::with_capacity(64);
    write(expr, &mut shape).then_some(shape)
}

fn write(expr: &Expr, shape: &mut Vec<u8>) -> bool {
    let (tag, members) = match expr {
        Expr::And(members) => (b'a', members.as_slice()),
        Expr::Or(members) => (b'o', members.as_slice()),
        Expr::Not(inner) => (b'n', std::slice::from_ref(&**inner)),
        Expr::Compare(comparison) => return compare(comparison, shape),
    };
    shape.push(tag);
    shape.extend((members.len() as u32).to_ne_bytes());
    members.iter().all(|one| write(one, shape))
}

fn compare(comparison: &Comparison, shape: &mut Vec<u8>) -> bool {
    use Operator::*;
    let by_value = matches!(
        comparison.operator,
        Eq | Neq | Lt | Lte | Gt | Gte | In | Is | IsDistinct | Like
    );
    shape.extend([b'c', comparison.operator as u8, comparison.negated.into()]);
    shape.push(match &comparison.operand {
        Operand::Text(_) => b't',
        Operand::List(_) => b'l',
        Operand::Is(test) => *test as u8,
    });
    shape.extend((comparison.column.len() as u32).to_ne_bytes());
    shape.extend(comparison.column.as_bytes());
    by_value && comparison.path.is_empty()
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::filter::parse::parse;

    fn shape(filter: &str) -> Option<Vec<u8>> {
        of(&parse(filter).ok().flatten()?)
    }

    #[test]
    fn values_make_no_difference_and_all_else_does() {
        assert_eq!(shape("a=eq.1,b=in.(x,y)"), shape("a=eq.22,b=in.(z)"));
        let different = [
            "a=eq.1",
            "a=neq.1",
            "a=not.eq.1",
            "b=eq.1",
            "a=in.(1)",
            "a=is.null",
            "a=is.true",
            "a=eq.1,b=eq.1",
            "or=(a.eq.1,b.eq.1)",
            "not.or=(a.eq.1,b.eq.1)",
            "a=eq.1,bb=eq.1",
        ];
        for (i, one) in different.iter().enumerate() {
            assert!(shape(one).is_some(), "{one}");
            for other in &different[..i] {
                assert_ne!(shape(one), shape(other), "{one} and {other}");
            }
        }
        for unsettled in ["a->>b=eq.1", "a=match.x", "a=ilike.x", "a=cs.{1}"] {
            assert_eq!(shape(unsettled), None, "{unsettled}");
        }
    }
}
