//! The constants of a reader: what a policy asks of the claims, worked out and kept.

use super::execute;
use super::tree;
use crate::error::Result as Analysed;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::subtransaction::{attempt, Raised};
use pg_sys::{Node, Oid};
use pgrx::pg_sys;

/// The type of a constant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub type_oid: Oid,
    pub typmod: i32,
    pub collation: Oid,
    length: i16,
    by_value: bool,
}

/// The constants of one reader: their values in the form in which Postgres stores them. Readers with equal ones see the
/// same rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Constants(Box<[u8]>);

/// What works out the constants.
pub(super) struct Evaluator {
    how: How,
    pub forms: Vec<Form>,
    /// Owns the memory of the other fields.
    _memory: Memory,
}

enum How {
    /// Compiled expressions.
    Expressions(Vec<*mut pg_sys::ExprState>, *mut pg_sys::ExprContext),
    /// A statement without parameters, where there are sub-selects.
    Statement(*mut pg_sys::PlannedStmt),
}

impl Evaluator {
    /// # Safety
    /// The nodes are simplified expressions that read no table.
    pub(super) unsafe fn new(nodes: &[*mut Node]) -> Analysed<Evaluator> {
        let memory = Memory::new();
        // SAFETY: as promised; all is made in the memory that lives as long as the evaluator.
        let (how, forms) = unsafe {
            let selects = |node: &*mut Node| {
                let mut is_select = |node| tree::tag(node) == pg_sys::NodeTag::T_SubLink;
                tree::any(*node, &mut is_select)
            };
            let expression = |node: &*mut Node| {
                let copy = pg_sys::copyObjectImpl(node.cast()).cast();
                pg_sys::ExecInitExpr(pg_sys::expression_planner(copy), std::ptr::null_mut())
            };
            let how = match nodes.iter().any(selects) {
                true => {
                    let statement = execute::plan(execute::select("SELECT", &[], nodes)?);
                    How::Statement(
                        memory.within(|| pg_sys::copyObjectImpl(statement.cast()).cast()),
                    )
                }
                false => memory.within(|| {
                    let context = pg_sys::CreateStandaloneExprContext();
                    How::Expressions(nodes.iter().map(expression).collect(), context)
                }),
            };
            (how, nodes.iter().map(|node| Form::of(*node)).collect())
        };
        Ok(Evaluator {
            how,
            forms,
            _memory: memory,
        })
    }

    /// The constants under the claims that are set. Errors: those of the expressions.
    pub(super) fn evaluate(&self) -> Result<Constants, Raised> {
        if self.forms.is_empty() {
            return Ok(Constants(Box::default()));
        }
        let mut out = Vec::new();
        attempt(|| {
            match &self.how {
                How::Expressions(expressions, context) => {
                    // SAFETY: the expressions are of the forms, and live as long as this.
                    unsafe { self.run(expressions, *context, &mut out) }
                }
                How::Statement(statement) => {
                    let scratch = Memory::new();
                    let mut write = |values: &[pg_sys::Datum], nulls: &[bool]| {
                        for ((value, null), form) in values.iter().zip(nulls).zip(&self.forms) {
                            // SAFETY: the statement's columns are of the forms.
                            unsafe { form.write((!null).then_some(*value), &mut out) }
                        }
                    };
                    // SAFETY: the statement has no parameters, and one row.
                    scratch.within(|| unsafe { execute::execute(*statement, &[], &mut write) });
                }
            }
            Ok(())
        })?;
        Ok(Constants(out.into_boxed_slice()))
    }

    /// # Safety
    /// The expressions are of the forms, and read no row.
    unsafe fn run(
        &self,
        expressions: &[*mut pg_sys::ExprState],
        context: *mut pg_sys::ExprContext,
        out: &mut Vec<u8>,
    ) {
        for (expression, form) in expressions.iter().zip(&self.forms) {
            // SAFETY: as promised; what an expression allocates is freed after it.
            unsafe {
                let mut null = false;
                let before = pg_sys::MemoryContextSwitchTo((*context).ecxt_per_tuple_memory);
                let value = pg_sys::ExecEvalExpr(*expression, context, &mut null);
                form.write((!null).then_some(value), out);
                pg_sys::MemoryContextSwitchTo(before);
                pg_sys::ReScanExprContext(context);
            }
        }
    }
}

impl Form {
    /// # Safety
    /// The node is an expression.
    unsafe fn of(node: *mut Node) -> Form {
        let (mut length, mut by_value) = (0, false);
        // SAFETY: as promised; its type exists.
        unsafe {
            let type_oid = pg_sys::exprType(node);
            pg_sys::get_typlenbyval(type_oid, &mut length, &mut by_value);
            Form {
                type_oid,
                typmod: pg_sys::exprTypmod(node),
                collation: pg_sys::exprCollation(node),
                length,
                by_value,
            }
        }
    }

    /// Appends a value: its length, or that it is NULL, and its bytes.
    ///
    /// # Safety
    /// The value is of the form's type.
    unsafe fn write(&self, value: Option<pg_sys::Datum>, out: &mut Vec<u8>) {
        let Some(value) = value else {
            out.extend_from_slice(&u32::MAX.to_ne_bytes());
            return;
        };
        let mut push = |bytes: &[u8]| {
            out.extend_from_slice(&(bytes.len() as u32).to_ne_bytes());
            out.extend_from_slice(bytes);
        };
        // SAFETY: a value by reference is `length` bytes, a varlena (-1), whole, or a C string (-2).
        unsafe {
            match self.length {
                _ if self.by_value => push(&value.value().to_ne_bytes()),
                -1 => {
                    let whole = pg_sys::pg_detoast_datum(value.cast_mut_ptr());
                    let length = pgrx::varsize_any(whole);
                    push(std::slice::from_raw_parts(whole.cast(), length));
                }
                -2 => push(std::ffi::CStr::from_ptr(value.cast_mut_ptr()).to_bytes_with_nul()),
                fixed => push(std::slice::from_raw_parts(
                    value.cast_mut_ptr(),
                    fixed as usize,
                )),
            }
        }
    }

    /// An array of values.
    ///
    /// # Safety
    /// They are of the form's type, which has an array type.
    pub(super) unsafe fn array(&self, mut values: Vec<pg_sys::Datum>) -> pg_sys::Datum {
        let (mut length, mut by_value, mut alignment) = (0, false, 0);
        // SAFETY: as promised.
        unsafe {
            pg_sys::get_typlenbyvalalign(self.type_oid, &mut length, &mut by_value, &mut alignment);
            let (count, length) = (values.len() as i32, length.into());
            let array = pg_sys::construct_array(
                values.as_mut_ptr(),
                count,
                self.type_oid,
                length,
                by_value,
                alignment,
            );
            pg_sys::Datum::from(array)
        }
    }

    /// A value from its bytes, in the current memory context.
    fn datum(&self, bytes: &[u8]) -> pg_sys::Datum {
        if self.by_value {
            let mut value = [0; size_of::<usize>()];
            value.copy_from_slice(bytes);
            return pg_sys::Datum::from(usize::from_ne_bytes(value));
        }
        // SAFETY: allocations are aligned for any type, and this one has room for the bytes.
        unsafe {
            let copy = pg_sys::palloc(bytes.len()).cast::<u8>();
            copy.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            pg_sys::Datum::from(copy)
        }
    }
}

impl Constants {
    /// The values, in the current memory context.
    pub(super) fn values(&self, forms: &[Form]) -> Vec<Option<pg_sys::Datum>> {
        let mut rest = &*self.0;
        let mut take = |length: usize| {
            let (taken, behind) = rest.split_at(length);
            rest = behind;
            taken
        };
        let mut value = |form: &Form| {
            let mut length = [0; 4];
            length.copy_from_slice(take(4));
            match u32::from_ne_bytes(length) {
                u32::MAX => None,
                length => Some(form.datum(take(length as usize))),
            }
        };
        forms.iter().map(&mut value).collect()
    }
}
