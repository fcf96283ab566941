//! Which captured relations a command names. DDL on one table must not affect tables of other owners.

use super::watch::{self, Watched};
use crate::error::Result;
use crate::pg::call::rename::Named;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::type_use;
use crate::pg::Oid;

/// What a command names and, if that is a column, which other relations have the column.
pub struct Reach {
    pub schema: Option<Oid>,
    pub column: bool,
    relations: Vec<Oid>,
    /// Row types with the column. Typed tables may be based on them.
    types: Vec<Oid>,
}

impl Reach {
    pub fn of(named: Named) -> Reach {
        let mut types: Vec<Oid> = match named.column {
            true => named
                .relations
                .iter()
                .filter_map(|one| relation::row_type(*one))
                .collect(),
            false => Vec::new(),
        };
        types.retain(|one| type_use::is_used(*one));
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

    /// All that it names; `None` where only [`Reach::has`] says it: everything in a schema, and tables of a row type.
    pub fn named(&self) -> Option<Vec<Oid>> {
        if self.schema.is_some() || !self.types.is_empty() {
            return None;
        }
        let mut all = self.relations.clone();
        if self.column {
            let below = |one: &Oid| inheritance::descendants(*one);
            all.extend(self.relations.iter().flat_map(below));
        }
        Some(all)
    }

    /// The captured relations in which the column has a new name. Errors: 42P01 when the extension does not exist in
    /// this database.
    pub fn captured(&self) -> Result<Vec<Watched>> {
        let mut all = self.relations.clone();
        for one in &self.relations {
            all.extend(inheritance::descendants(*one));
        }
        if self.named().is_none() {
            let remembered = watch::all()?.into_iter().map(|one| one.class);
            all.extend(
                remembered
                    .filter(|class| self.has(class))
                    .map(|class| class.oid),
            );
        }
        watch::captured(all)
    }

    /// The relations that the command names, without those that get its column, too.
    pub fn relations_themselves(&self) -> &[Oid] {
        &self.relations
    }

    /// Whether the command names the relation.
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
