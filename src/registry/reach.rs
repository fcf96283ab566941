//! Which captured relations a command names: DDL of one table is nothing that another's owner should feel.

use super::watch::{self, Watched};
use crate::error::Result;
use crate::pg::call::rename::Named;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::Oid;

/// What a command names, and for a column what else has it.
pub struct Reach {
    pub schema: Option<Oid>,
    pub column: bool,
    relations: Vec<Oid>,
    /// The row type of a composite type, which tables may be made of.
    types: Vec<Oid>,
}

impl Reach {
    pub fn of(named: Named) -> Reach {
        let types = match named.column {
            true => named
                .relations
                .iter()
                .filter_map(|one| relation::row_type(*one))
                .collect(),
            false => Vec::new(),
        };
        Reach {
            schema: named.schema,
            relations: named.relations,
            types,
            column: named.column,
        }
    }

    /// The relations themselves.
    pub fn relations(relations: Vec<Oid>) -> Reach {
        Reach::of(Named {
            relations,
            ..Named::default()
        })
    }

    /// The captured relations whose column has another name.
    pub fn captured(&self) -> Result<Vec<Watched>> {
        let mut all = self.relations.clone();
        for one in &self.relations {
            all.extend(inheritance::descendants(*one));
        }
        let remembered = watch::all()?.into_iter().map(|one| one.class);
        all.extend(
            remembered
                .filter(|class| self.has(class))
                .map(|class| class.oid),
        );
        watch::captured(all)
    }

    /// The types of the rows of what is named.
    pub fn row_types(&self) -> Vec<Oid> {
        let types = self
            .relations
            .iter()
            .filter_map(|one| relation::row_type(*one));
        types.collect()
    }

    pub fn has(&self, class: &Class) -> bool {
        let itself = |oid: Oid| {
            let of_type = || relation::of_type(oid).is_some_and(|one| self.types.contains(&one));
            self.relations.contains(&oid) || (!self.types.is_empty() && of_type())
        };
        self.schema == Some(class.schema)
            || itself(class.oid)
            || (self.column && inheritance::above(class.oid).into_iter().any(itself))
    }
}
