//! What a filter must know about a type: its components, how it is written, and whose code it runs.

use crate::pg::backend::syscache::Cached;
use crate::pg::catalog::columns::attributes;
use crate::pg::catalog::columns::text;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use std::ffi::CStr;

pub use pg_sys::{
    BOOLOID as BOOL, JSONBOID as JSONB, JSONOID as JSON, NAMEOID as NAME, TEXTOID as TEXT,
};
pub use pg_sys::{CHAROID as CHAR, INT4OID as INT4, VARCHAROID as VARCHAR};
/// OIDs of the types that filters mention.
pub use pg_sys::{TIMETZOID as TIMETZ, TSQUERYOID as TSQUERY};

/// Extensions whose types' functions were reviewed: comparing values raises nothing but out-of-memory errors. Functions
/// of other extensions may raise errors (pgvector, for one, has raised one for vectors of different lengths).
const KNOWN_EXTENSIONS: [&str; 3] = ["citext", "hstore", "ltree"];

/// The structure of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeKind {
    /// A type without components that SQL can access.
    Scalar,
    /// A domain over a type.
    Domain(Oid),
    /// An array of a type.
    Array(Oid),
    /// A range over a type.
    Range(Oid),
    /// A multirange over a range type.
    Multirange(Oid),
    /// A row of these types.
    Composite(Vec<Oid>),
}

/// The structure of a type.
pub fn type_kind(type_oid: Oid) -> TypeKind {
    // SAFETY: catalog look-ups, InvalidOid or '\0' for no hit; a composite type's descriptor is released after it was
    // copied.
    unsafe {
        let element = pg_sys::get_element_type(type_oid);
        if element != pg_sys::InvalidOid {
            return TypeKind::Array(element);
        }
        match pg_sys::get_typtype(type_oid) as u8 {
            pg_sys::TYPTYPE_DOMAIN => TypeKind::Domain(pg_sys::getBaseType(type_oid)),
            pg_sys::TYPTYPE_RANGE => TypeKind::Range(pg_sys::get_range_subtype(type_oid)),
            pg_sys::TYPTYPE_MULTIRANGE => {
                TypeKind::Multirange(pg_sys::get_multirange_range(type_oid))
            }
            pg_sys::TYPTYPE_COMPOSITE => {
                let descriptor = pg_sys::lookup_rowtype_tupdesc_copy(type_oid, -1);
                let columns = attributes(descriptor);
                pg_sys::FreeTupleDesc(descriptor);
                TypeKind::Composite(columns.into_iter().map(|column| column.type_oid).collect())
            }
            _ => TypeKind::Scalar,
        }
    }
}

/// The type with all domains resolved, also those of an array's elements.
pub fn base_type(type_oid: Oid) -> Oid {
    // SAFETY: catalog look-ups.
    let base = unsafe { pg_sys::getBaseType(type_oid) };
    let TypeKind::Array(element) = type_kind(base) else {
        return base;
    };
    let inner = base_type(element);
    if inner == element {
        return base;
    }
    // SAFETY: a catalog look-up, InvalidOid for a type without an array type.
    let array = unsafe { pg_sys::get_array_type(inner) };
    if array == pg_sys::InvalidOid {
        base
    } else {
        array
    }
}

/// The type's qualified name in SQL, valid under any search_path, without a type modifier.
pub fn qualified_name(type_oid: Oid) -> String {
    let flags = pg_sys::FORMAT_TYPE_TYPEMOD_GIVEN | pg_sys::FORMAT_TYPE_FORCE_QUALIFY;
    // SAFETY: returns a string, "???" for a type that does not exist.
    unsafe {
        text(pg_sys::format_type_extended(
            type_oid,
            -1,
            flags as pg_sys::bits16,
        ))
    }
}

/// The type's name for messages.
pub fn display_name(type_oid: Oid) -> String {
    // SAFETY: as in qualified_name.
    unsafe { text(pg_sys::format_type_be(type_oid)) }
}

/// Whether values of the type are rows. For rows, `IS NULL` asks whether all fields are NULL.
pub fn is_row(type_oid: Oid) -> bool {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::type_is_rowtype(type_oid) }
}

/// Whether the type is a character type.
pub fn is_string(type_oid: Oid) -> bool {
    let (mut category, mut preferred) = (0, false);
    // SAFETY: a catalog look-up of a type that exists.
    unsafe { pg_sys::get_type_category_preferred(type_oid, &mut category, &mut preferred) };
    category as u8 == b'S'
}

/// Whether the type's values are dates or times, whose input accepts `now`, `today` and the like.
pub fn is_datetime(type_oid: Oid) -> bool {
    [
        pg_sys::DATEOID,
        pg_sys::TIMEOID,
        pg_sys::TIMETZOID,
        pg_sys::TIMESTAMPOID,
        pg_sys::TIMESTAMPTZOID,
        pg_sys::INTERVALOID,
    ]
    .contains(&type_oid)
}

/// Whether a scalar's input function is trusted code, and always reads a text as the same value under pinned settings.
pub fn has_stable_input(type_oid: Oid) -> bool {
    let (input, output) = io_functions(type_oid);
    if !is_trusted(input) || !is_trusted(output) {
        return false;
    }
    // SAFETY: catalog look-ups of functions and a type that exist.
    let immutable = unsafe { pg_sys::func_volatile(input) as u8 == pg_sys::PROVOLATILE_IMMUTABLE };
    // SAFETY: as before.
    immutable || is_datetime(type_oid) || unsafe { pg_sys::type_is_enum(type_oid) }
}

fn io_functions(type_oid: Oid) -> (Oid, Oid) {
    let (mut input, mut output, mut parameter, mut varlena) = (
        pg_sys::InvalidOid,
        pg_sys::InvalidOid,
        pg_sys::InvalidOid,
        false,
    );
    // SAFETY: the functions write the variables, or raise for a shell type, which no column has.
    unsafe {
        pg_sys::getTypeInputInfo(type_oid, &mut input, &mut parameter);
        pg_sys::getTypeOutputInfo(type_oid, &mut output, &mut varlena);
    }
    (input, output)
}

/// Whether a range's own functions (the comparison of its bounds, its canonical function) are trusted.
pub fn range_is_trusted(range: Oid) -> bool {
    // SAFETY: the entry lives as long as the backend; the flags ask for the fields that are read.
    let (compare, canonical) = unsafe {
        let entry = pg_sys::lookup_type_cache(range, pg_sys::TYPECACHE_RANGE_INFO as i32);
        (
            (*entry).rng_cmp_proc_finfo.fn_oid,
            (*entry).rng_canonical_finfo.fn_oid,
        )
    };
    is_immutable(compare) && (canonical == pg_sys::InvalidOid || is_immutable(canonical))
}

/// Whether a function is trusted and immutable.
pub fn is_immutable(function: Oid) -> bool {
    // SAFETY: a catalog look-up of a function that exists.
    is_trusted(function)
        && unsafe { pg_sys::func_volatile(function) as u8 == pg_sys::PROVOLATILE_IMMUTABLE }
}

/// Whether a function is Postgres's own, or one of a known extension written in C: only a superuser can have created
/// it, and it raises no errors.
pub fn is_trusted(function: Oid) -> bool {
    if function == pg_sys::InvalidOid {
        return false;
    }
    if function.to_u32() < pg_sys::FirstNormalObjectId {
        return true;
    }
    let Some(language) =
        Cached::<pg_sys::FormData_pg_proc>::by_oid(function).map(|form| form.prolang)
    else {
        return false;
    };
    // SAFETY: catalog look-ups; the names end with a NUL.
    let (native, extension) = unsafe {
        let native = [c"internal", c"c"].map(|name| pg_sys::get_language_oid(name.as_ptr(), true));
        let extension = pg_sys::getExtensionOfObject(pg_sys::ProcedureRelationId, function);
        (native.contains(&language), extension)
    };
    native && extension_is_known(extension)
}

fn extension_is_known(extension: Oid) -> bool {
    if extension == pg_sys::InvalidOid {
        return false;
    }
    // SAFETY: returns NULL for an extension that does not exist.
    unsafe {
        let name = pg_sys::get_extension_name(extension);
        !name.is_null()
            && KNOWN_EXTENSIONS
                .iter()
                .any(|known| CStr::from_ptr(name).to_bytes() == known.as_bytes())
    }
}

/// The collation's name in SQL, valid under any search_path; `None` if there is none.
pub fn collation_name(collation: Oid) -> Option<String> {
    if collation == pg_sys::InvalidOid {
        return None;
    }
    let form = Cached::<pg_sys::FormData_pg_collation>::by_oid(collation)?;
    // SAFETY: catalog look-ups; names end with a NUL.
    unsafe {
        let schema = pg_sys::get_namespace_name(form.collnamespace);
        let name = pg_sys::quote_qualified_identifier(schema, form.collname.data.as_ptr());
        Some(text(name))
    }
}

/// Whether texts that are equal under the collation have the same bytes, which patterns need.
pub fn is_deterministic(collation: Oid) -> bool {
    // SAFETY: a catalog look-up of a collation that a column has.
    collation == pg_sys::InvalidOid || unsafe { pg_sys::get_collation_isdeterministic(collation) }
}

/// The default collation of columns of the type.
pub fn default_collation(type_oid: Oid) -> Oid {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::get_typcollation(type_oid) }
}

/// OIDs below this are those of Postgres itself.
pub const FIRST_USER_OID: u32 = pg_sys::FirstNormalObjectId;

/// The function jsonb_typeof.
pub const JSONB_TYPEOF: u32 = pg_sys::F_JSONB_TYPEOF;

/// The collation "C".
pub const COLLATION_C: Oid = pg_sys::C_COLLATION_OID;
