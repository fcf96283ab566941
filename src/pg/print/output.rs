//! Prints values by their types' own functions: output functions or casts to json.

use super::makers::Makers;
use super::makers::Runs;
use crate::error::ErrorReport;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::memory::Scratch;
use crate::pg::backend::settings::Pin;
use crate::pg::backend::sqlstate::noting;
use crate::pg::backend::syscache::Cached;
use crate::pg::catalog::acting::act_as;
use crate::pg::catalog::acting::refuse_strangers;
use crate::pg::catalog::privilege::current_role;
use crate::pg::row::scalar::bytes;
use crate::pg::row::types::Type;
use crate::pg::row::value::Value;
use pgrx::pg_sys::Oid;
use pgrx::{pg_sys, PgLogLevel};
use std::ffi::CStr;
use std::rc::Rc;

/// A function that prints values of one type.
pub struct Output {
    base: Type,
    function: Function,
    pin: Pin,
    /// Whether it runs code that is not Postgres's own, and so may raise errors.
    foreign: bool,
    /// For a cast: the roles that made the code that it runs.
    makers: Option<Makers>,
    _memory: Rc<Memory>,
}

enum Function {
    /// The type's output function.
    Text(*mut pg_sys::FmgrInfo),
    /// A cast to json in C, looked up once.
    Json(*mut pg_sys::FmgrInfo),
    /// A cast to json in another language. It is looked up at each call, since the look-up data of such functions is
    /// valid for one transaction only.
    JsonByOid(Oid),
}

impl Output {
    /// The type's output function.
    pub fn text_of(memory: &Rc<Memory>, base: Type) -> Output {
        let mut function = Oid::INVALID;
        let mut is_varlena = false;
        // SAFETY: a syscache look-up, which raises an error for a type without an output function (a shell type).
        unsafe { pg_sys::getTypeOutputInfo(base.oid(), &mut function, &mut is_varlena) };
        Output {
            base,
            function: Function::Text(look_up(memory, function)),
            pin: text_pin(base, function),
            foreign: is_foreign(function) || base.range_subtype().is_some_and(Type::is_users),
            // Only superusers can create output functions.
            makers: None,
            _memory: memory.clone(),
        }
    }

    /// The type's cast to json, if its owner has created one. As in `row_to_json`, not for arrays and composite types.
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
        Some(Output {
            base,
            function: if facts.in_c {
                Function::Json(look_up(memory, function))
            } else {
                Function::JsonByOid(function)
            },
            pin: facts.pin(),
            foreign: is_foreign(function),
            makers: Some(Makers { base, function }),
            _memory: memory.clone(),
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

    /// Whether it prints JSON instead of text. jsonb's output function does, too.
    pub fn is_json(&self) -> bool {
        !matches!(self.function, Function::Text(_)) || self.base.oid() == pg_sys::JSONBOID
    }

    /// Prints a value; `None` when the value has another type, or the cast returned NULL.
    pub fn print<'s>(&self, value: Value<'s>, scratch: &'s Scratch) -> Option<&'s [u8]> {
        let datum = value.datum_of(self.base)?;
        let Some(makers) = &self.makers else {
            return self.call(datum, scratch);
        };
        let runs = makers.runs().and_then(|runs| match runs {
            Runs::As(role) => act_as(role, &[], || Ok(self.call(datum, scratch))),
            Runs::Freely => {
                if let Function::JsonByOid(_) = self.function {
                    // The pinned search_path names the temporary schema, which a function with a path of its own keeps
                    // out.
                    refuse_strangers(current_role())?;
                }
                Ok(self.call(datum, scratch))
            }
        });
        runs.unwrap_or_else(|error| {
            ErrorReport::from(error).report(PgLogLevel::ERROR);
            None
        })
    }

    fn call<'s>(&self, datum: pg_sys::Datum, scratch: &'s Scratch) -> Option<&'s [u8]> {
        // SAFETY: the function takes values of this type. What it returns is allocated in the scratch context: a
        // C string, or a varlena.
        unsafe {
            match self.function {
                Function::Text(info) => {
                    let text = pg_sys::OutputFunctionCall(info, datum);
                    Some(CStr::from_ptr(text).to_bytes())
                }
                Function::Json(info) => cast(info, datum).map(|json| bytes(json, scratch)),
                Function::JsonByOid(oid) => {
                    let mut info = pg_sys::FmgrInfo::default();
                    pg_sys::fmgr_info(oid, &mut info);
                    noting(|| cast(&mut info, datum)).map(|json| bytes(json, scratch))
                }
            }
        }
    }
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
unsafe fn cast(info: *mut pg_sys::FmgrInfo, datum: pg_sys::Datum) -> Option<pg_sys::Datum> {
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
