//! The constants of a reader: the parts of a policy that depend on nothing but the claims.

use super::known;
use super::tree;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::subtransaction::{attempt, Raised};
use pg_sys::{Node, NodeTag as Tag, Oid};
use pgrx::{pg_sys, FromDatum};
use std::ffi::c_void;

/// Stand-ins for constants are parameters from this number on.
const FIRST: i32 = 1000;

/// The type of a constant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub type_oid: Oid,
    pub typmod: i32,
    pub collation: Oid,
    length: i16,
    by_value: bool,
}

/// The number of the constant that a node stands for.
///
/// # Safety
/// The node is valid.
pub(super) unsafe fn number_of(node: *mut Node) -> Option<usize> {
    // SAFETY: the tag says what it is.
    unsafe {
        if tree::tag(node) != Tag::T_Param {
            return None;
        }
        let parameter = &*node.cast::<pg_sys::Param>();
        let is_ours =
            parameter.paramkind == pg_sys::ParamKind::PARAM_EXTERN && parameter.paramid >= FIRST;
        is_ours.then(|| (parameter.paramid - FIRST) as usize)
    }
}

/// Replaces what depends on the claims alone by stand-ins, the largest such parts, and adds them to `found`.
///
/// # Safety
/// The node is a simplified condition; `found` are expressions.
pub(super) unsafe fn take_out(node: *mut Node, found: &mut Vec<*mut Node>) -> *mut Node {
    // SAFETY: as promised; a stand-in has the type of what it stands for.
    unsafe {
        tree::rewrite(node, 0, &mut |node, _| {
            if !known::is_expression(tree::tag(node)) || !is_of_claims(node) {
                return None;
            }
            let same = |known: &*mut Node| pg_sys::equal(known.cast(), node.cast());
            let number = found.iter().position(same).unwrap_or(found.len());
            if number == found.len() {
                found.push(node);
            }
            Some(stand_in(number, node))
        })
    }
}

/// # Safety
/// The node is an expression.
unsafe fn stand_in(number: usize, node: *mut Node) -> *mut Node {
    // SAFETY: as promised.
    unsafe {
        let (type_oid, typmod) = (pg_sys::exprType(node), pg_sys::exprTypmod(node));
        tree::parameter(
            FIRST + number as i32,
            type_oid,
            typmod,
            pg_sys::exprCollation(node),
        )
    }
}

/// # Safety
/// The node is an expression.
unsafe fn is_of_claims(node: *mut Node) -> bool {
    // SAFETY: as promised.
    unsafe {
        let mut reads = false;
        tree::any(node, &mut |node| {
            reads |= setting_of(node).is_some_and(is_claim);
            reads
        });
        reads && is_fixed(node, 0, false)
    }
}

/// Whether an expression, within so many sub-selects of it, reads nothing but claims, and always has the same value for
/// the same claims.
///
/// # Safety
/// The node is an expression or a part of one.
unsafe fn is_fixed(node: *mut Node, depth: u32, in_case: bool) -> bool {
    // SAFETY: the tag says what a node is.
    unsafe {
        let inner = match tree::tag(node) {
            Tag::T_Const | Tag::T_RelabelType | Tag::T_CollateExpr | Tag::T_BoolExpr => in_case,
            Tag::T_OpExpr | Tag::T_DistinctExpr | Tag::T_NullIfExpr => in_case,
            Tag::T_ScalarArrayOpExpr | Tag::T_CoerceViaIO | Tag::T_CoalesceExpr => in_case,
            Tag::T_ArrayExpr | Tag::T_MinMaxExpr | Tag::T_NullTest | Tag::T_BooleanTest => in_case,
            Tag::T_SubscriptingRef | Tag::T_CaseWhen | Tag::T_List => in_case,
            Tag::T_FuncExpr if !(*node.cast::<pg_sys::FuncExpr>()).funcretset || depth > 0 => {
                in_case
            }
            // What a CASE compares stands for itself within it; two within each other are not told apart here.
            Tag::T_CaseExpr | Tag::T_ArrayCoerceExpr if !in_case => true,
            Tag::T_CaseTestExpr if in_case => in_case,
            _ => return false,
        };
        let reads_claim = setting_of(node).is_some_and(is_claim);
        (reads_claim
            || !pg_sys::check_functions_in_node(node, Some(can_change), std::ptr::null_mut()))
            && !tree::any_child(node, &mut |child| !is_fixed(child, depth, inner))
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn can_change(function: Oid, _context: *mut c_void) -> bool {
    // SAFETY: a look-up of a function that an expression calls.
    unsafe { pg_sys::func_volatile(function) as u8 != pg_sys::PROVOLATILE_IMMUTABLE }
}

/// The name of the setting that a call of `current_setting` reads, where the call has it as a constant.
///
/// # Safety
/// The node is valid.
unsafe fn setting_of(node: *mut Node) -> Option<String> {
    // SAFETY: the function's first argument is a text.
    unsafe {
        let name = setting_argument(node)?;
        if tree::tag(name) != Tag::T_Const {
            return None;
        }
        let name = &*name.cast::<pg_sys::Const>();
        String::from_datum(name.constvalue, name.constisnull)
    }
}

/// # Safety
/// The node is valid.
unsafe fn setting_argument(node: *mut Node) -> Option<*mut Node> {
    const READS: [u32; 2] = [
        pg_sys::F_CURRENT_SETTING_TEXT,
        pg_sys::F_CURRENT_SETTING_TEXT_BOOL,
    ];
    // SAFETY: the tag says what it is.
    unsafe {
        if tree::tag(node) != Tag::T_FuncExpr {
            return None;
        }
        let call = &*node.cast::<pg_sys::FuncExpr>();
        READS
            .contains(&call.funcid.to_u32())
            .then(|| tree::nodes(call.args).first().copied())
            .flatten()
    }
}

/// Whether a setting is one that is emptied when work is done as another role, and set for a reader.
fn is_claim(name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    name.len() >= 8 && name[..8].eq_ignore_ascii_case(b"request.")
}

/// Why a call of `current_setting` that was not taken out cannot be answered for several readers.
///
/// # Safety
/// The node is valid.
pub(super) unsafe fn unknown_setting(node: *mut Node) -> Option<String> {
    // SAFETY: as promised.
    unsafe {
        setting_argument(node)?;
        match setting_of(node) {
            None => Some("read a setting whose name is not a constant".to_string()),
            Some(name) if is_claim(&name) => Some(format!(
                "read the setting \"{name}\" in a way that is not looked into"
            )),
            Some(_) => None,
        }
    }
}

/// The constants of one reader: their values in the form in which Postgres stores them. Readers with equal ones see the
/// same rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Constants(Box<[u8]>);

/// Compiled expressions, one for each constant.
pub(super) struct Evaluator {
    expressions: Vec<*mut pg_sys::ExprState>,
    context: *mut pg_sys::ExprContext,
    pub forms: Vec<Form>,
    /// Owns the memory of the other fields.
    _memory: Memory,
}

impl Evaluator {
    /// # Safety
    /// The nodes are simplified expressions without columns and sub-selects.
    pub(super) unsafe fn new(nodes: &[*mut Node]) -> Evaluator {
        let memory = Memory::new();
        // SAFETY: as promised; all is made in the memory that lives as long as the evaluator.
        let (expressions, context, forms) = memory.within(|| unsafe {
            let expression = |node: &*mut Node| {
                let planned =
                    pg_sys::expression_planner(pg_sys::copyObjectImpl(node.cast()).cast());
                pg_sys::ExecInitExpr(planned, std::ptr::null_mut())
            };
            (
                nodes.iter().map(expression).collect(),
                pg_sys::CreateStandaloneExprContext(),
                nodes.iter().map(|node| Form::of(*node)).collect(),
            )
        });
        Evaluator {
            expressions,
            context,
            forms,
            _memory: memory,
        }
    }

    /// The constants under the claims that are set. Errors: those of the expressions.
    pub(super) fn evaluate(&self) -> Result<Constants, Raised> {
        if self.expressions.is_empty() {
            return Ok(Constants(Box::default()));
        }
        attempt(|| {
            let mut out = Vec::new();
            for (expression, form) in self.expressions.iter().zip(&self.forms) {
                // SAFETY: the expressions read no row; what they allocate is freed after each of them.
                unsafe {
                    let mut null = false;
                    let before =
                        pg_sys::MemoryContextSwitchTo((*self.context).ecxt_per_tuple_memory);
                    let value = pg_sys::ExecEvalExpr(*expression, self.context, &mut null);
                    form.write((!null).then_some(value), &mut out);
                    pg_sys::MemoryContextSwitchTo(before);
                    pg_sys::ReScanExprContext(self.context);
                }
            }
            Ok(Constants(out.into_boxed_slice()))
        })
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
