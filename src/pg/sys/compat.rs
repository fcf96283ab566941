//! Differences between Postgres versions, except those of attributes (attributes.rs).

use super::raw;
use pgrx::pg_sys;
use std::ffi::{c_char, c_void, CStr};

/// Subtransaction in which a relation first got a new file in this transaction.
#[cfg(feature = "pg15")]
pub fn first_relfilenumber_subid(relation: &pg_sys::RelationData) -> pg_sys::SubTransactionId {
    relation.rd_firstRelfilenodeSubid
}

/// Subtransaction in which a relation first got a new file in this transaction.
#[cfg(not(feature = "pg15"))]
pub fn first_relfilenumber_subid(relation: &pg_sys::RelationData) -> pg_sys::SubTransactionId {
    relation.rd_firstRelfilelocatorSubid
}

/// Whether the replica identity of a publication's tables may hold stored generated columns
/// (publicationcmds.c, pub_contains_invalid_column).
#[cfg(not(feature = "pg18"))]
pub fn takes_generated(_publication: &pg_sys::FormData_pg_publication) -> bool {
    true
}

/// Whether the replica identity of a publication's tables may hold stored generated columns
/// (publicationcmds.c, pub_contains_invalid_column).
#[cfg(feature = "pg18")]
pub fn takes_generated(publication: &pg_sys::FormData_pg_publication) -> bool {
    publication.pubgencols as u32 == pg_sys::PublishGencolsType::PUBLISH_GENCOLS_STORED
}

/// The schemas in which names are looked up now, in their order, with the implicit ones.
pub fn search_path() -> Vec<u32> {
    // SAFETY: copies the path as it is, and creates no schema; the list holds OIDs and is freed with its context.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        let path = &*pg_sys::GetOverrideSearchPath(pg_sys::CurrentMemoryContext);
        #[cfg(not(any(feature = "pg15", feature = "pg16")))]
        let path = &*pg_sys::GetSearchPathMatcher(pg_sys::CurrentMemoryContext);
        let schemas = pgrx::PgList::<pg_sys::Oid>::from_pg(path.schemas);
        let implicit = [u32::from(path.addCatalog), u32::from(path.addTemp)];
        let named = schemas.iter_oid().map(|schema| schema.to_u32());
        implicit.into_iter().chain(named).collect()
    }
}

/// Whether TRUNCATE triggers can be made on foreign tables (trigger.c, CreateTriggerFiringOn).
pub const FOREIGN_TRUNCATE_TRIGGERS: bool = cfg!(not(feature = "pg15"));

/// Number of the column pg_auth_members.roleid; the member is the next one.
pub const AUTH_MEMBERS_ROLEID: u32 = if cfg!(feature = "pg15") { 1 } else { 2 };

/// What pg_has_role() calls the right to SET ROLE to a role. Up to version 15 every member has it; since then a member may
/// have the grants and the objects of a role without it (WITH INHERIT TRUE, SET FALSE).
pub const SET_ROLE: &str = if cfg!(feature = "pg15") {
    "MEMBER"
} else {
    "SET"
};

/// Whether a role may SET ROLE to another.
///
/// # Safety
/// Called in a transaction; both are role OIDs, of roles that may have gone.
#[cfg(feature = "pg15")]
pub unsafe fn may_set_role(member: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    // SAFETY: as promised.
    unsafe { pg_sys::is_member_of_role(member, role) }
}

/// Whether a role may SET ROLE to another.
///
/// # Safety
/// Called in a transaction; both are role OIDs, of roles that may have gone.
#[cfg(not(feature = "pg15"))]
pub unsafe fn may_set_role(member: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    // SAFETY: as promised.
    unsafe { pg_sys::member_can_set_role(member, role) }
}

/// The value of [`takes_generated`] for a publication that is created without options.
pub const NEW_PUBLICATION_TAKES_GENERATED: bool = cfg!(not(feature = "pg18"));

/// Begins an index scan without ordering operators.
///
/// # Safety
/// The relations are open and outlive the scan, the snapshot too.
#[cfg(not(feature = "pg18"))]
pub unsafe fn index_beginscan(
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    keys: i32,
) -> pg_sys::IndexScanDesc {
    // SAFETY: as promised.
    unsafe { pg_sys::index_beginscan(table, index, snapshot, keys, 0) }
}

/// Begins an index scan without ordering operators.
///
/// # Safety
/// The relations are open and outlive the scan, the snapshot too.
#[cfg(feature = "pg18")]
pub unsafe fn index_beginscan(
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    keys: i32,
) -> pg_sys::IndexScanDesc {
    // SAFETY: as promised; without instrumentation nothing is counted.
    unsafe { pg_sys::index_beginscan(table, index, snapshot, std::ptr::null_mut(), keys, 0) }
}

/// Gives a relation a new, empty file.
///
/// # Safety
/// `relation` is open under AccessExclusiveLock.
pub unsafe fn set_new_file(relation: pg_sys::Relation) {
    // SAFETY: as promised.
    unsafe {
        let persistence = (*(*relation).rd_rel).relpersistence;
        #[cfg(feature = "pg15")]
        pg_sys::RelationSetNewRelfilenode(relation, persistence);
        #[cfg(not(feature = "pg15"))]
        pg_sys::RelationSetNewRelfilenumber(relation, persistence);
    }
}

/// Rebuilds the indexes of a table and of its TOAST table.
///
/// # Safety
/// The table is locked with AccessExclusiveLock.
pub unsafe fn reindex(table: pg_sys::Oid) {
    // SAFETY: as promised.
    unsafe {
        let parameters = pg_sys::ReindexParams::default();
        let flags = pg_sys::REINDEX_REL_PROCESS_TOAST as i32;
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        pg_sys::reindex_relation(table, flags, (&raw const parameters).cast_mut());
        #[cfg(not(any(feature = "pg15", feature = "pg16")))]
        pg_sys::reindex_relation(std::ptr::null(), table, flags, &parameters);
    }
}

/// How many transactions have completed since the server started, as counted for snapshots.
pub fn completed_transactions() -> u64 {
    // SAFETY: an aligned 64-bit read of shared memory; a value that is one behind is read again in a moment.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        let at = &raw const (*pg_sys::ShmemVariableCache).xactCompletionCount;
        #[cfg(not(any(feature = "pg15", feature = "pg16")))]
        let at = &raw const (*pg_sys::TransamVariables).xactCompletionCount;
        at.read_volatile()
    }
}

/// Whether a role has a privilege on a schema, a function or a database; `class` says on which of them.
///
/// # Safety
/// The object exists, or an error of Postgres's own may be raised.
pub unsafe fn may(
    class: pg_sys::Oid,
    object: pg_sys::Oid,
    role: pg_sys::Oid,
    mode: pg_sys::AclMode,
) -> bool {
    // SAFETY: as promised.
    unsafe {
        #[cfg(feature = "pg15")]
        let result = match class {
            pg_sys::NamespaceRelationId => pg_sys::pg_namespace_aclcheck(object, role, mode),
            pg_sys::ProcedureRelationId => pg_sys::pg_proc_aclcheck(object, role, mode),
            _ => pg_sys::pg_database_aclcheck(object, role, mode),
        };
        #[cfg(not(feature = "pg15"))]
        let result = pg_sys::object_aclcheck(class, object, role, mode);
        result == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Runs a query to its end.
///
/// # Safety
/// The executor was started for it.
pub unsafe fn executor_run(query: *mut pg_sys::QueryDesc) {
    let forward = pg_sys::ScanDirection::ForwardScanDirection;
    // SAFETY: as promised.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        pg_sys::ExecutorRun(query, forward, 0, true);
        #[cfg(feature = "pg18")]
        pg_sys::ExecutorRun(query, forward, 0);
    }
}

/// Makes SIGTERM end this process only where it checks for interrupts.
pub fn end_by_interrupt() {
    // SAFETY: the handler is Postgres's own for sessions; it sets flags (postgres.c).
    unsafe {
        #[cfg(not(feature = "pg18"))]
        pg_sys::pqsignal(pg_sys::SIGTERM as i32, Some(raw::die));
        #[cfg(feature = "pg18")]
        pg_sys::pqsignal_be(pg_sys::SIGTERM as i32, Some(raw::die));
    }
}

/// Whether this session holds a lock of this mode, or of a stronger one.
///
/// # Safety
/// The tag is a lock's.
pub unsafe fn holds_lock(tag: &pg_sys::LOCKTAG, mode: pg_sys::LOCKMODE) -> bool {
    // SAFETY: as promised; the function looks into this session's table of locks.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        let held = pg_sys::LockHeldByMe(tag, mode) || pg_sys::LockOrStrongerHeldByMe(tag, mode);
        #[cfg(not(any(feature = "pg15", feature = "pg16")))]
        let held = pg_sys::LockHeldByMe(tag, mode, true);
        held
    }
}

/// Takes a lock for this session, across its transactions, if it is free; false also when the server has no room for it.
///
/// # Safety
/// The tag is a lock's.
pub unsafe fn try_session_lock(tag: &pg_sys::LOCKTAG, mode: pg_sys::LOCKMODE) -> bool {
    let nobody = std::ptr::null_mut();
    // SAFETY: as promised; for the session, without waiting, without an error when the table of locks is full.
    let result = unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16", feature = "pg17"))]
        let result = pg_sys::LockAcquireExtended(tag, mode, true, true, false, nobody);
        #[cfg(not(any(feature = "pg15", feature = "pg16", feature = "pg17")))]
        let result = pg_sys::LockAcquireExtended(tag, mode, true, true, false, nobody, false);
        result
    };
    result != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

/// Every setting that the server knows.
///
/// # Safety
/// The slice is valid until a setting is defined.
pub unsafe fn settings() -> &'static [*mut pg_sys::config_generic] {
    // SAFETY: the server's own array and its own count of it.
    unsafe {
        #[cfg(feature = "pg15")]
        let (array, count) = (pg_sys::get_guc_variables(), pg_sys::GetNumConfigOptions());
        #[cfg(not(feature = "pg15"))]
        let (array, count) = {
            let mut count = 0;
            (pg_sys::get_guc_variables(&mut count), count)
        };
        std::slice::from_raw_parts(array, count as usize)
    }
}

/// Settings that cancel statements or end transactions after some time; all set to off.
pub const TIMEOUTS_OFF: &[(&CStr, &CStr)] = &[
    (c"statement_timeout", c"0"),
    (c"idle_in_transaction_session_timeout", c"0"),
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    (c"transaction_timeout", c"0"),
];

/// Whether an ALTER TABLE command changes the values of a virtual column without rewriting the table. Virtual columns
/// came with version 18.
pub fn sets_virtual_expression(_command: pg_sys::AlterTableType::Type) -> bool {
    #[cfg(not(feature = "pg18"))]
    return false;
    #[cfg(feature = "pg18")]
    return _command == pg_sys::AlterTableType::AT_SetExpression;
}

/// Writes a transactional logical message into the WAL.
///
/// # Safety
/// May raise: see raw.rs. The message has so many bytes.
pub unsafe fn log_logical_message(prefix: &CStr, message: *const c_char, size: usize) {
    // SAFETY: as promised; both are copied.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        raw::LogLogicalMessage(prefix.as_ptr(), message, size, true);
        #[cfg(not(any(feature = "pg15", feature = "pg16")))]
        raw::LogLogicalMessage(prefix.as_ptr(), message, size, true, false);
    }
}

/// How many bytes the session has received from its client and not read as messages yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    Exactly(usize),
    /// At least one; how many, Postgres does not tell before version 17.
    #[cfg_attr(not(any(feature = "pg15", feature = "pg16")), expect(dead_code))]
    Some,
}

/// What the session has received from its client and not read as messages yet.
pub fn received_bytes() -> Bytes {
    // SAFETY: reads two variables of the backend.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        return match raw::pq_buffer_has_data() {
            true => Bytes::Some,
            false => Bytes::Exactly(0),
        };
        #[cfg(not(any(feature = "pg15", feature = "pg16")))]
        return Bytes::Exactly(raw::pq_buffer_remaining_data().max(0) as usize);
    }
}

/// What copies a child of a node for [`mutate_expression`] and [`mutate_query`].
pub type Mutator = unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut c_void) -> *mut pg_sys::Node;

/// Until version 15 the headers declare mutators without their arguments.
#[cfg(feature = "pg15")]
type Declared = unsafe extern "C-unwind" fn() -> *mut pg_sys::Node;

/// A copy of an expression with its children replaced.
///
/// # Safety
/// The node is an expression or a part of a query; the context is the mutator's.
pub unsafe fn mutate_expression(
    node: *mut pg_sys::Node,
    mutator: Mutator,
    context: *mut c_void,
) -> *mut pg_sys::Node {
    // SAFETY: as promised; the server calls the mutator with a node and the context.
    unsafe {
        #[cfg(feature = "pg15")]
        let copy = {
            let mutator = std::mem::transmute::<Mutator, Declared>(mutator);
            pg_sys::expression_tree_mutator(node, Some(mutator), context)
        };
        #[cfg(not(feature = "pg15"))]
        let copy = pg_sys::expression_tree_mutator_impl(node, Some(mutator), context);
        copy
    }
}

/// A copy of a query with its expressions, range table entries' contents and sub-queries replaced.
///
/// # Safety
/// As [`mutate_expression`].
pub unsafe fn mutate_query(
    query: *mut pg_sys::Query,
    mutator: Mutator,
    context: *mut c_void,
) -> *mut pg_sys::Query {
    // SAFETY: as above.
    unsafe {
        #[cfg(feature = "pg15")]
        let copy = {
            let mutator = std::mem::transmute::<Mutator, Declared>(mutator);
            pg_sys::query_tree_mutator(query, Some(mutator), context, 0)
        };
        #[cfg(not(feature = "pg15"))]
        let copy = pg_sys::query_tree_mutator_impl(query, Some(mutator), context, 0);
        copy
    }
}

/// Whether the current role has all privileges that a planned SELECT needs.
///
/// # Safety
/// The statement came from the planner.
pub unsafe fn may_execute(statement: *mut pg_sys::PlannedStmt) -> bool {
    // SAFETY: as promised.
    unsafe {
        #[cfg(feature = "pg15")]
        let may = pg_sys::ExecCheckRTPerms((*statement).rtable, false);
        #[cfg(not(feature = "pg15"))]
        let may = pg_sys::ExecCheckPermissions((*statement).rtable, (*statement).permInfos, false);
        may
    }
}
