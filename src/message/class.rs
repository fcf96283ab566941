//! How types become JSON. This is determined once per plan.
//!
//! The rule is `row_to_json`'s (json.c): domains by their base type, arrays and composites nested, casts to json
//! honoured where superusers own type and function, everything else as a string by its output function.

use super::json;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::backend::invalidation::{watch, watch_types};
use crate::pg::backend::memory::Memory;
use crate::pg::backend::settings::Pin;
use crate::pg::print::output::Output;
use crate::pg::row::array::ArrayType;
use crate::pg::row::record::RowBuffer;
use crate::pg::row::record::RowShape;
use crate::pg::row::scalar::Native;
use crate::pg::row::types::check_stack_depth;
use crate::pg::row::types::Type;
use crate::pg::Oid;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The JSON form of a type's values.
pub struct Class {
    pub(super) base: Type,
    pub(super) how: How,
}

pub(super) enum How {
    Native(Native),
    /// Written natively, except for some values that are printed.
    Mixed(Native, Output, Labels),
    Printed(Output),
    Array(ArrayType, Box<Class>),
    Record(Box<Composite>),
}

/// The enum labels seen so far, as JSON, in the order of their OIDs.
pub(super) type Labels = RefCell<Vec<(u32, Box<[u8]>)>>;

/// A composite type: an object with a member for each of its columns.
pub(super) struct Composite {
    pub(super) shape: RowShape,
    pub(super) fields: Vec<Field>,
    /// Taken while in use: a user's cast may return to the same type.
    pub(super) buffer: Cell<RowBuffer>,
}

/// A member of an object.
pub struct Field {
    /// `,"name":`
    pub key: Box<[u8]>,
    /// Place of the column in the row.
    pub place: usize,
    pub class: Class,
    /// Kept whatever its size.
    pub is_key: bool,
}

impl Field {
    /// The name as a JSON string without its quotes.
    pub fn escaped_name(&self) -> &[u8] {
        &self.key[2..self.key.len() - 2]
    }
}

/// Determines how types become JSON, and records what the answers depend on.
pub struct Resolver {
    memory: Rc<Memory>,
    fresh: Vec<Fresh>,
    pin: Pin,
    foreign: bool,
}

impl Resolver {
    pub fn new() -> Resolver {
        Resolver {
            memory: Rc::new(Memory::new()),
            fresh: vec![watch_types()],
            pin: Pin::Variables,
            foreign: false,
        }
    }

    /// What must be pinned while values of the resolved types are written.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// Whether writing values of the resolved types runs functions that are not Postgres's own, and so may raise
    /// errors.
    pub fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Whether all recorded facts still hold.
    pub fn is_fresh(&self) -> bool {
        self.fresh.iter().all(Fresh::get)
    }

    /// The JSON form of a type; of a domain, that of its base type.
    pub fn class(&mut self, type_oid: Oid) -> Class {
        check_stack_depth();
        let base = Type::base_of(type_oid);
        let how = if let Some(output) = Output::json_of(&self.memory, base) {
            self.printed(output)
        } else if let Some(native) = Native::of(base) {
            if native.needs_output() {
                let output = Output::text_of(&self.memory, base);
                How::Mixed(native, output, Labels::default())
            } else {
                How::Native(native)
            }
        } else if let Some(array) = ArrayType::of(base) {
            let element = self.class(array.element().oid());
            How::Array(array, Box::new(element))
        } else if let Some(relation) = base.relation() {
            self.fresh.push(watch(relation));
            How::Record(Box::new(self.composite(base)))
        } else {
            self.printed(Output::text_of(&self.memory, base))
        };
        Class { base, how }
    }

    fn printed(&mut self, output: Output) -> How {
        self.pin = self.pin.max(output.pin());
        self.foreign |= output.is_foreign();
        How::Printed(output)
    }

    fn composite(&mut self, base: Type) -> Composite {
        let shape = RowShape::of_type(&self.memory, base.oid());
        let fields = shape.columns().iter();
        let fields = fields
            .map(|column| self.field(&column.name, column.number, column.type_oid, false))
            .collect();
        Composite {
            shape,
            fields,
            buffer: Cell::default(),
        }
    }

    /// The object member for a column.
    pub fn field(&mut self, name: &str, number: i16, type_oid: Oid, is_key: bool) -> Field {
        let mut key = vec![b','];
        json::string(&mut key, name.as_bytes());
        key.push(b':');
        Field {
            key: key.into_boxed_slice(),
            place: usize::try_from(number - 1).unwrap_or(usize::MAX),
            class: self.class(type_oid),
            is_key,
        }
    }
}
