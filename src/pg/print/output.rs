//! Prints values by their types' own functions: output functions or casts to json.

use super::makers::Makers;
use crate::error::{ErrorReport, Result};
use crate::pg::backend::memory::Memory;
use crate::pg::backend::memory::Scratch;
use crate::pg::backend::settings::Pin;
use crate::pg::backend::sqlstate::noting;
use crate::pg::backend::syscache::Cached;
use crate::pg::catalog::acting::refuse_strangers;
use crate::pg::catalog::privilege::current_role;
use crate::pg::row::scalar::bytes;
use crate::pg::row::types::Type;
use crate::pg::row::value::Value;
use pgrx::pg_sys::Oid;
use pgrx::{pg_sys, PgLogLevel};
use std::ffi::CStr;
use std::rc::Rc;

/// What prints values of one type.
pub struct Output {
    base: Type,
    /// The type's output function.
    text: *mut pg_sys::FmgrInfo,
    /// Used instead where it is trusted.
    cast: Option<Cast>,
    pin: Pin,
    /// Whether it runs code that is not Postgres's own, and so may raise errors.
    foreign: bool,
    _memory: Rc<Memory>,
}

/// A cast to json.
struct Cast {
    function: Function,
    makers: Makers,
}

enum Function {
    /// In C, looked up once.
    InC(*mut pg_sys::FmgrInfo),
    /// In another language. It is looked up at each call, since the look-up data of such functions is valid for one
    /// transaction only.
    ByOid(Oid),
}

/// A printed value.
pub enum Printed<'s> {
    Json(&'s [u8]),
    Text(&'s [u8]),
}

impl Output {
    /// The type's output function. Only superusers can create such functions.
    pub fn text_of(memory: &Rc<Memory>, base: Type) -> Output {
        let mut function = Oid::INVALID;
        let mut is_varlena = false;
        // SAFETY: a syscache look-up, which raises an error for a type without an output function (a shell type).
        unsafe { pg_sys::getTypeOutputInfo(base.oid(), &mut function, &mut is_varlena) };
        Output {
            base,
            text: look_up(memory, function),
            cast: None,
            pin: text_pin(base, function),
            foreign: is_foreign(function) || base.range_subtype().is_some_and(Type::is_users),
            _memory: memory.clone(),
        }
    }

    /// The type's cast to json, if there is one. As in `row_to_json`, not for arrays and composite types.
    pub fn json_of(memory: &Rc<Memory>, base: Type) -> Option<Output> {
        if !base.is_users() || base.element().is_some() || base.relation().is_some() {
            return None;
        }
        let mut function = Oid::INVALID;
        // SAFETY: syscache look-ups.
        let path = unsafe {
            pg_sys::find_coercion_pathway(
                pg_sys::JSONOID,
                base.oid(),
                pg_sys::CoercionContext::COERCION_EXPLICIT,
                &mut function,
            )
        };
        if path != pg_sys::CoercionPathType::COERCION_PATH_FUNC || function == Oid::INVALID {
            return None;
        }
        let facts = Facts::of(function)?;
        let text = Output::text_of(memory, base);
        Some(Output {
            pin: facts.pin().max(text.pin),
            foreign: is_foreign(function) || text.foreign,
            cast: Some(Cast {
                function: if facts.in_c {
                    Function::InC(look_up(memory, function))
                } else {
                    Function::ByOid(function)
                },
                makers: Makers { base, function },
            }),
            ..text
        })
    }

    /// The settings that must be pinned while it runs.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// Whether it runs a function that is not Postgres's own.
    pub fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Prints a value; `None` when the value has another type, or the cast returned NULL.
    pub fn print<'s>(&self, value: Value<'s>, scratch: &'s Scratch) -> Option<Printed<'s>> {
        let datum = value.datum_of(self.base)?;
        if let Some(cast) = self.cast.as_ref().filter(|cast| raised(cast.is_trusted())) {
            return cast.call(datum, scratch).map(Printed::Json);
        }
        // SAFETY: the function takes values of this type. What it returns is a C string in the scratch context.
        let text = unsafe { CStr::from_ptr(pg_sys::OutputFunctionCall(self.text, datum)) };
        Some(match self.base.oid() {
            pg_sys::JSONBOID => Printed::Json(text.to_bytes()),
            _ => Printed::Text(text.to_bytes()),
        })
    }
}

impl Cast {
    fn is_trusted(&self) -> Result<bool> {
        let trusted = self.makers.are_trusted()?;
        if let (true, Function::ByOid(_)) = (trusted, &self.function) {
            // The pinned search_path names the temporary schema, which a function with a path of its own keeps out.
            refuse_strangers(current_role())?;
        }
        Ok(trusted)
    }

    fn call<'s>(&self, datum: pg_sys::Datum, scratch: &'s Scratch) -> Option<&'s [u8]> {
        // SAFETY: the function takes values of this type. The varlena that it returns is in the scratch context.
        unsafe {
            match self.function {
                Function::InC(info) => call(info, datum).map(|json| bytes(json, scratch)),
                Function::ByOid(oid) => {
                    let mut info = pg_sys::FmgrInfo::default();
                    pg_sys::fmgr_info(oid, &mut info);
                    noting(|| call(&mut info, datum)).map(|json| bytes(json, scratch))
                }
            }
        }
    }
}

/// Raises an error here: rows are written without results to hand on.
fn raised(trusted: Result<bool>) -> bool {
    trusted.unwrap_or_else(|error| {
        ErrorReport::from(error).report(PgLogLevel::ERROR);
        false
    })
}

fn is_foreign(function: Oid) -> bool {
    function.to_u32() >= pg_sys::FirstNormalObjectId
}

/// Look-up data of a function, in the plan's memory.
fn look_up(memory: &Memory, function: Oid) -> *mut pg_sys::FmgrInfo {
    // SAFETY: allocated in the plan's memory and filled there.
    unsafe {
        let info = pg_sys::MemoryContextAllocZero(
            memory.context(),
            std::mem::size_of::<pg_sys::FmgrInfo>(),
        );
        let info = info.cast::<pg_sys::FmgrInfo>();
        pg_sys::fmgr_info_cxt(function, info, memory.context());
        info
    }
}

/// How a function depends on the session, according to pg_proc.
struct Facts {
    in_c: bool,
    immutable: bool,
}

impl Facts {
    fn of(function: Oid) -> Option<Facts> {
        // INTERNALlanguageId, ClanguageId (pg_language.dat)
        const IN_C: [u32; 2] = [12, 13];
        let form = Cached::<pg_sys::FormData_pg_proc>::by_oid(function)?;
        Some(Facts {
            in_c: IN_C.contains(&form.prolang.to_u32()),
            immutable: form.provolatile as u8 == pg_sys::PROVOLATILE_IMMUTABLE,
        })
    }

    /// A function in C that its owner declared immutable may still read the variables (Postgres's own functions do),
    /// but resolves no names. Nothing is known of other functions.
    fn pin(&self) -> Pin {
        if self.in_c && self.immutable {
            Pin::Variables
        } else {
            Pin::Settings
        }
    }
}

/// The settings that an output function needs pinned. Of Postgres's own functions, those of the "reg" types depend on
/// search_path, and money's on lc_monetary. Ranges print their bounds by the bounds' function.
fn text_pin(base: Type, function: Oid) -> Pin {
    if function.to_u32() >= pg_sys::FirstNormalObjectId {
        return Facts::of(function).map_or(Pin::Settings, |facts| facts.pin());
    }
    if let Some(subtype) = base.range_subtype() {
        if subtype.relation().is_some() || subtype.element().is_some() {
            return Pin::Settings;
        }
        let mut function = Oid::INVALID;
        let mut is_varlena = false;
        // SAFETY: as in `text_of`.
        unsafe { pg_sys::getTypeOutputInfo(subtype.oid(), &mut function, &mut is_varlena) };
        return text_pin(subtype, function);
    }
    match base.oid() {
        pg_sys::MONEYOID
        | pg_sys::REGPROCOID
        | pg_sys::REGPROCEDUREOID
        | pg_sys::REGOPEROID
        | pg_sys::REGOPERATOROID
        | pg_sys::REGCLASSOID
        | pg_sys::REGCOLLATIONOID
        | pg_sys::REGTYPEOID
        | pg_sys::REGCONFIGOID
        | pg_sys::REGDICTIONARYOID => Pin::Settings,
        _ => Pin::Variables,
    }
}

/// A call frame with room for the arguments that a cast may take: the value, a type modifier, "explicitly".
#[repr(C)]
struct Frame {
    base: pg_sys::FunctionCallInfoBaseData,
    arguments: [pg_sys::NullableDatum; 3],
}

const _: () = assert!(
    std::mem::offset_of!(Frame, arguments)
        == std::mem::offset_of!(pg_sys::FunctionCallInfoBaseData, args)
);

/// Calls a cast. `FunctionCall1` would raise XX000 where a user's function returns NULL.
///
/// # Safety
/// The function is a cast that takes the datum's type.
unsafe fn call(info: *mut pg_sys::FmgrInfo, datum: pg_sys::Datum) -> Option<pg_sys::Datum> {
    let argument = |value| pg_sys::NullableDatum {
        value,
        isnull: false,
    };
    // SAFETY: the frame outlives the call and has room for every argument that the function may take; the closure
    // holds no value with a destructor.
    unsafe {
        let function = (*info).fn_addr?;
        let mut frame = Frame {
            base: pg_sys::FunctionCallInfoBaseData {
                flinfo: info,
                nargs: (*info).fn_nargs.min(3),
                ..Default::default()
            },
            arguments: [
                argument(datum),
                argument(pg_sys::Datum::from(-1i32)),
                argument(pg_sys::Datum::from(true)),
            ],
        };
        let frame = (&raw mut frame).cast::<pg_sys::FunctionCallInfoBaseData>();
        let result = pg_sys::ffi::pg_guard_ffi_boundary(|| function(frame));
        (!(*frame).isnull).then_some(result)
    }
}
