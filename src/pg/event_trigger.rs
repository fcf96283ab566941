//! What an event trigger is called for.

use super::catalog::relation_by_name;
use super::CallInfo;
use pgrx::pg_sys;
use pgrx::pg_sys::{NodeTag, Oid};
use std::ffi::CStr;

/// The commands that can concern the extension, as far as their parse tree tells without looking anything up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A name is about to change: RENAME, SET SCHEMA.
    BeforeRename,
    /// A name or an owner has changed: RENAME, SET SCHEMA, OWNER TO.
    AfterRename,
    /// Something was dropped.
    AfterDrop,
    /// This relation is a new, empty partition: CREATE TABLE … PARTITION OF.
    PartitionCreated(Option<Oid>),
    /// A relation became a partition, with what it held: ATTACH PARTITION.
    PartitionAttached(Partition),
    /// A relation stopped being a partition: DETACH PARTITION.
    PartitionDetached(Partition),
    /// Anything else.
    Other,
}

/// The two relations of ATTACH and DETACH PARTITION, as far as they exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    pub parent: Option<Oid>,
    pub partition: Option<Oid>,
}

/// Reads the call. Called by hand, or for a server that is being upgraded, it is nothing that concerns us.
pub fn command(call: CallInfo) -> Command {
    // SAFETY: Postgres passes a valid call; its context, when it is an EventTriggerData node, holds the parse tree of
    // the running command, whose first field is its tag.
    unsafe {
        let data = (*call).context.cast::<pg_sys::EventTriggerData>();
        if data.is_null() || (*data).type_ != NodeTag::T_EventTriggerData || pg_sys::IsBinaryUpgrade
        {
            return Command::Other;
        }
        let at_start = CStr::from_ptr((*data).event) == c"ddl_command_start";
        let tree = (*data).parsetree;
        match (*tree).type_ {
            NodeTag::T_RenameStmt | NodeTag::T_AlterObjectSchemaStmt if at_start => {
                Command::BeforeRename
            }
            _ if at_start => Command::Other,
            NodeTag::T_RenameStmt | NodeTag::T_AlterObjectSchemaStmt => Command::AfterRename,
            NodeTag::T_DropStmt | NodeTag::T_DropOwnedStmt => Command::AfterDrop,
            NodeTag::T_CreateStmt => of_create_table(tree.cast()),
            NodeTag::T_AlterTableStmt => of_alter_table(tree.cast()),
            _ => Command::Other,
        }
    }
}

/// # Safety
/// `statement` is a CREATE TABLE.
unsafe fn of_create_table(statement: *mut pg_sys::CreateStmt) -> Command {
    // SAFETY: as promised by the caller; `relation` is the RangeVar of the new table.
    unsafe {
        if (*statement).partbound.is_null() {
            return Command::Other;
        }
        Command::PartitionCreated(named_relation((*statement).relation))
    }
}

/// # Safety
/// `statement` is an ALTER TABLE.
unsafe fn of_alter_table(statement: *mut pg_sys::AlterTableStmt) -> Command {
    use pg_sys::AlterTableType as Kind;
    // SAFETY: `cmds` is a list of AlterTableCmd; the definition of ATTACH and DETACH is a PartitionCmd.
    unsafe {
        let commands = pgrx::PgList::<pg_sys::AlterTableCmd>::from_pg((*statement).cmds);
        for command in commands.iter_ptr() {
            let definition = (*command).def.cast::<pg_sys::PartitionCmd>();
            let relations = || Partition {
                parent: named_relation((*statement).relation),
                partition: named_relation((*definition).name),
            };
            match (*command).subtype {
                Kind::AT_AttachPartition => return Command::PartitionAttached(relations()),
                Kind::AT_DetachPartition | Kind::AT_DetachPartitionFinalize => {
                    return Command::PartitionDetached(relations())
                }
                Kind::AT_ChangeOwner => return Command::AfterRename,
                _ => {}
            }
        }
        Command::Other
    }
}

/// # Safety
/// `range` is a RangeVar.
unsafe fn named_relation(range: *mut pg_sys::RangeVar) -> Option<Oid> {
    // SAFETY: as promised by the caller; its strings are NUL-terminated.
    unsafe {
        let name = CStr::from_ptr((*range).relname).to_str().ok()?;
        if (*range).schemaname.is_null() {
            return super::catalog::relation_on_path(name);
        }
        relation_by_name(CStr::from_ptr((*range).schemaname).to_str().ok()?, name)
    }
}
