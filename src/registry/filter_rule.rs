//! The one place where the registry meets row filters.

use crate::error::Result;
use crate::pg::Oid;

/// Checks that the filter means something on the relation.
pub fn check(_relation: Oid, _filter: &str) -> Result<()> {
    Ok(())
}

/// The filter as an SQL condition over a row called `alias`, for the WHEN of a capture trigger; `None` leaves the
/// trigger without WHEN.
pub fn condition(_relation: Oid, _filter: &str, _alias: &str) -> Result<Option<String>> {
    Ok(None)
}
