//! What the conditions of filters depend on in a relation.

use crate::feed::relation::Relation;
use crate::pg::backend::invalidation::{self, Fresh};
use crate::pg::catalog::columns::enum_labels;
use crate::pg::row::record::Column;
use crate::pg::Oid;
use std::rc::Rc;

/// The columns with their types, and the labels of enum types. Any other change leaves conditions as they are; so an
/// ANALYZE costs no look at the filters.
#[derive(Clone)]
pub struct Signature {
    columns: Vec<Column>,
    base_types: Vec<Oid>,
    labels: Vec<(u32, String)>,
    /// The relation that it was taken of.
    of: Rc<Relation>,
    types: Fresh,
}

impl Signature {
    pub fn of(relation: &Rc<Relation>) -> Signature {
        // Watched before they are read, so that changes made meanwhile are noticed.
        let types = invalidation::watch_types();
        let all = relation.shape.types();
        Signature {
            columns: relation.shape.columns().to_vec(),
            base_types: all.iter().map(|one| one.oid()).collect(),
            labels: all
                .iter()
                .filter(|one| one.is_enum())
                .flat_map(|one| enum_labels(one.oid()))
                .collect(),
            of: relation.clone(),
            types,
        }
    }

    /// The signature now, if it has to be taken again.
    pub fn renewed(&self, relation: &Rc<Relation>) -> Option<Signature> {
        let is_current = Rc::ptr_eq(&self.of, relation) && self.types.get();
        (!is_current).then(|| Signature::of(relation))
    }

    /// Whether filters mean the same.
    pub fn is_like(&self, other: &Signature) -> bool {
        let Signature {
            columns,
            base_types,
            labels,
            ..
        } = self;
        (columns, base_types, labels) == (&other.columns, &other.base_types, &other.labels)
    }
}
