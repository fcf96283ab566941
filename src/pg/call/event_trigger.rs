//! The commands that event triggers are called for.

use super::of_publication;
pub use super::of_publication::{OfPublication, PublicationChange};
use super::rename::{self, named_relation, Named};
use crate::pg::catalog::columns::text;
use crate::pg::catalog::keys;
use crate::pg::sys::compat;
use crate::pg::CallInfo;
use pgrx::pg_sys;
use pgrx::pg_sys::{NodeTag, Oid};
use std::ffi::CStr;

/// The commands that can concern the extension, as far as the parse tree shows without many look-ups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The names of these objects are about to change: RENAME, SET SCHEMA.
    BeforeRename(Named),
    /// The names of these objects have changed: RENAME, SET SCHEMA.
    AfterRename(Named),
    /// A relation is about to become a partition: ATTACH PARTITION.
    BeforeAttach(Partition),
    /// A partition is about to leave this table in a transaction of its own: DETACH PARTITION CONCURRENTLY.
    BeforeDetach(Option<Oid>),
    /// This relation is a new, empty partition: CREATE TABLE … PARTITION OF.
    PartitionCreated(Option<Oid>),
    /// A relation became a partition, with the rows that it held: ATTACH PARTITION.
    PartitionAttached(Partition),
    /// A relation stopped being a partition: DETACH PARTITION.
    PartitionDetached(Partition),
    /// ALTER TABLE and similar commands, as far as they concern the extension.
    Altered(Altered),
    /// This table is new: CREATE TABLE.
    TableCreated(Option<Oid>),
    /// The tables of a publication are others: CREATE PUBLICATION, ALTER PUBLICATION.
    OfPublication(OfPublication),
    /// A value of an enum has another label: ALTER TYPE … RENAME VALUE.
    ValueRenamed(ValueRenamed),
    /// The values of this relation were replaced by new ones.
    Rewritten(Oid),
    /// Something was dropped; [`super::dropped`] lists it.
    Dropped,
    /// A command that contains commands.
    Several(Vec<Command>),
    /// Anything else.
    Other,
}

/// The two relations of ATTACH and DETACH PARTITION, as far as they exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    pub parent: Option<Oid>,
    pub partition: Option<Oid>,
}

/// The new label of a value of an enum type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRenamed {
    pub of: Oid,
    pub then: String,
    pub now: String,
}

/// What a command changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Altered {
    /// The inheritance children of these relations, their triggers, or their key may have changed.
    pub tables: Vec<Oid>,
    /// The values of this relation are computed in another way now.
    pub values: Option<Oid>,
    /// This relation is unlogged now, or was.
    pub logging: Option<Oid>,
    /// Columns were added to this relation, dropped, or given another type: what holds its rows as values has others.
    pub columns: Option<Oid>,
    /// Whether columns were given another type.
    pub retyped: bool,
    /// The names of the added ones.
    pub added: Vec<String>,
    /// A trigger of this name was created on this relation.
    pub trigger: Option<(Oid, String)>,
    /// This relation has another owner.
    pub owner: Option<Oid>,
}

impl Altered {
    fn tables(tables: impl IntoIterator<Item = Oid>) -> Command {
        Command::Altered(Altered {
            tables: tables.into_iter().collect(),
            ..Altered::default()
        })
    }
}

/// Reads the call. A call by hand, or in a server that is being upgraded, concerns nothing.
pub fn command(call: CallInfo) -> Command {
    // SAFETY: Postgres passes a valid call; its context, when it is an EventTriggerData node, holds the parse tree of
    // the running command, whose first field is its tag.
    unsafe {
        let data = (*call.raw()).context.cast::<pg_sys::EventTriggerData>();
        if data.is_null() || (*data).type_ != NodeTag::T_EventTriggerData || pg_sys::IsBinaryUpgrade
        {
            return Command::Other;
        }
        let tree = (*data).parsetree;
        match CStr::from_ptr((*data).event).to_bytes() {
            b"ddl_command_start" => before(tree),
            b"sql_drop" => Command::Dropped,
            b"table_rewrite" => rewritten(),
            _ => after(tree),
        }
    }
}

/// Whether the session runs a script of pg_dump, which makes by itself all that belongs to a realtime table. Such a script
/// begins with these two settings (pg_dump.c, setup_connection; pg_backup_archiver.c, _doSetFixedOutputState), and nobody
/// else is likely to have both.
pub fn is_restoring() -> bool {
    // SAFETY: variables of the backend; the text ends with a NUL.
    unsafe {
        let path = pg_sys::namespace_search_path;
        // set_config() makes an empty text, SET an empty name.
        let has_no_path =
            !path.is_null() && matches!(CStr::from_ptr(path).to_bytes(), b"" | b"\"\"");
        has_no_path && !pg_sys::check_function_bodies
    }
}

/// # Safety
/// `tree` is the parse tree of a command.
unsafe fn before(tree: *mut pg_sys::Node) -> Command {
    // SAFETY: as promised by the caller.
    unsafe {
        match (*tree).type_ {
            NodeTag::T_RenameStmt => Command::BeforeRename(rename::before(tree.cast())),
            NodeTag::T_AlterObjectSchemaStmt => {
                Command::BeforeRename(rename::before_move(tree.cast()))
            }
            NodeTag::T_AlterTableStmt => before_alter_table(tree.cast()),
            _ => Command::Other,
        }
    }
}

/// # Safety
/// `tree` is the parse tree of a command.
unsafe fn after(tree: *mut pg_sys::Node) -> Command {
    // SAFETY: as promised by the caller; the first field of a CREATE FOREIGN TABLE is a CREATE TABLE.
    unsafe {
        match (*tree).type_ {
            NodeTag::T_RenameStmt => Command::AfterRename(rename::after(tree.cast())),
            NodeTag::T_AlterObjectSchemaStmt => {
                Command::AfterRename(rename::after_move(tree.cast()))
            }
            NodeTag::T_CreateStmt | NodeTag::T_CreateForeignTableStmt => {
                of_create_table(tree.cast())
            }
            NodeTag::T_ViewStmt if (*tree.cast::<pg_sys::ViewStmt>()).replace => {
                let statement = tree.cast::<pg_sys::ViewStmt>();
                Command::Altered(Altered {
                    columns: named_relation((*statement).view),
                    ..Altered::default()
                })
            }
            NodeTag::T_CreateTrigStmt => of_create_trigger(tree.cast()),
            NodeTag::T_CreateSchemaStmt => {
                // The command has already written its schema into the names of the objects that it creates.
                let statement = tree.cast::<pg_sys::CreateSchemaStmt>();
                let elements = pgrx::PgList::<pg_sys::Node>::from_pg((*statement).schemaElts);
                let mut all: Vec<Command> = elements.iter_ptr().map(|one| after(one)).collect();
                all.retain(|one| *one != Command::Other);
                Command::Several(all)
            }
            NodeTag::T_AlterTableStmt => of_alter_table(tree.cast()),
            NodeTag::T_AlterEnumStmt => of_alter_enum(tree.cast()),
            NodeTag::T_CreatePublicationStmt => {
                Command::OfPublication(of_publication::created(tree.cast()))
            }
            NodeTag::T_AlterPublicationStmt => {
                of_publication::altered(tree.cast()).map_or(Command::Other, Command::OfPublication)
            }
            _ => Command::Other,
        }
    }
}

/// # Safety
/// `statement` is an ALTER TYPE of an enum.
unsafe fn of_alter_enum(statement: *mut pg_sys::AlterEnumStmt) -> Command {
    // SAFETY: as promised by the caller; the command has found the type under this name.
    unsafe {
        let labels = [(*statement).oldVal, (*statement).newVal];
        if labels.iter().any(|label| label.is_null()) {
            return Command::Other;
        }
        let [then, now] = labels.map(|label| text(label));
        let name = pg_sys::makeTypeNameFromNameList((*statement).typeName);
        let of = pg_sys::typenameTypeId(std::ptr::null_mut(), name);
        Command::ValueRenamed(ValueRenamed { of, then, now })
    }
}

/// # Safety
/// `statement` is a CREATE TABLE.
unsafe fn of_create_table(statement: *mut pg_sys::CreateStmt) -> Command {
    // SAFETY: as promised by the caller; `relation` is the RangeVar of the new table, `inhRelations` those of its parents.
    unsafe {
        if !(*statement).partbound.is_null() {
            return Command::PartitionCreated(named_relation((*statement).relation));
        }
        let name = (*statement).relation;
        if (*name).relpersistence as u8 == pg_sys::RELPERSISTENCE_TEMP {
            return Command::Other;
        }
        let created = Command::TableCreated(named_relation(name));
        if (*statement).inhRelations.is_null() {
            return created;
        }
        let parents = pgrx::PgList::<pg_sys::RangeVar>::from_pg((*statement).inhRelations);
        let parents = parents.iter_ptr();
        let parents = Altered::tables(parents.filter_map(|parent| named_relation(parent)));
        Command::Several(vec![parents, created])
    }
}

/// # Safety
/// `statement` is a CREATE TRIGGER.
unsafe fn of_create_trigger(statement: *mut pg_sys::CreateTrigStmt) -> Command {
    // SAFETY: as promised by the caller; the trigger has a name.
    unsafe {
        let table = named_relation((*statement).relation);
        let name = CStr::from_ptr((*statement).trigname).to_str().ok();
        Command::Altered(Altered {
            tables: table.into_iter().collect(),
            trigger: table.zip(name.map(str::to_owned)),
            ..Altered::default()
        })
    }
}

/// # Safety
/// `statement` is an ALTER TABLE.
unsafe fn commands(statement: *mut pg_sys::AlterTableStmt) -> Vec<*mut pg_sys::AlterTableCmd> {
    // SAFETY: `cmds` is a list of AlterTableCmd.
    let list = unsafe { pgrx::PgList::<pg_sys::AlterTableCmd>::from_pg((*statement).cmds) };
    list.iter_ptr().collect()
}

/// # Safety
/// `command` is an ATTACH or DETACH PARTITION of the statement.
unsafe fn partition(
    statement: *mut pg_sys::AlterTableStmt,
    command: *mut pg_sys::AlterTableCmd,
) -> Partition {
    // SAFETY: the definition of ATTACH and DETACH is a PartitionCmd.
    unsafe {
        let definition = (*command).def.cast::<pg_sys::PartitionCmd>();
        Partition {
            parent: named_relation((*statement).relation),
            partition: named_relation((*definition).name),
        }
    }
}

/// # Safety
/// `statement` is an ALTER TABLE.
unsafe fn before_alter_table(statement: *mut pg_sys::AlterTableStmt) -> Command {
    use pg_sys::AlterTableType as Kind;
    // SAFETY: as promised by the caller.
    unsafe {
        for command in commands(statement) {
            match (*command).subtype {
                Kind::AT_AttachPartition => {
                    return Command::BeforeAttach(partition(statement, command))
                }
                Kind::AT_DetachPartition => {
                    let definition = (*command).def.cast::<pg_sys::PartitionCmd>();
                    if (*definition).concurrent {
                        return Command::BeforeDetach(named_relation((*statement).relation));
                    }
                }
                _ => {}
            }
        }
        Command::Other
    }
}

/// # Safety
/// `statement` is an ALTER TABLE.
unsafe fn of_alter_table(statement: *mut pg_sys::AlterTableStmt) -> Command {
    use pg_sys::AlterTableType as Kind;
    let mut altered = Altered::default();
    // SAFETY: as promised by the caller; the definition of INHERIT and NO INHERIT is the parent's RangeVar, that of ADD COLUMN
    // a ColumnDef with a name.
    unsafe {
        let itself = || named_relation((*statement).relation);
        for command in commands(statement) {
            match (*command).subtype {
                Kind::AT_AttachPartition => match itself().and_then(keys::table_of_index) {
                    // The key of the table, and of those above it, may have become valid.
                    Some(table) => altered.tables.push(table),
                    None => return Command::PartitionAttached(partition(statement, command)),
                },
                Kind::AT_DetachPartition | Kind::AT_DetachPartitionFinalize => {
                    return Command::PartitionDetached(partition(statement, command))
                }
                Kind::AT_AddInherit | Kind::AT_DropInherit => {
                    altered.tables.extend(named_relation((*command).def.cast()));
                }
                Kind::AT_EnableTrig
                | Kind::AT_EnableAlwaysTrig
                | Kind::AT_EnableReplicaTrig
                | Kind::AT_EnableTrigAll
                | Kind::AT_EnableTrigUser
                | Kind::AT_DisableTrig
                | Kind::AT_DisableTrigAll
                | Kind::AT_DisableTrigUser => altered.tables.extend(itself()),
                Kind::AT_SetLogged | Kind::AT_SetUnLogged => altered.logging = itself(),
                Kind::AT_AddColumn | Kind::AT_DropColumn | Kind::AT_AlterColumnType => {
                    if (*command).subtype == Kind::AT_AddColumn {
                        let definition = (*command).def.cast::<pg_sys::ColumnDef>();
                        let name = CStr::from_ptr((*definition).colname);
                        altered.added.extend(name.to_str().map(str::to_owned));
                    }
                    altered.retyped |= (*command).subtype == Kind::AT_AlterColumnType;
                    altered.columns = itself();
                    altered.tables.extend(itself());
                }
                Kind::AT_AddConstraint
                | Kind::AT_AddIndexConstraint
                | Kind::AT_DropConstraint
                | Kind::AT_ReplicaIdentity => altered.tables.extend(itself()),
                Kind::AT_ChangeOwner => altered.owner = itself(),
                other if compat::sets_virtual_expression(other) => altered.values = itself(),
                _ => {}
            }
        }
    }
    match altered == Altered::default() {
        true => Command::Other,
        false => Command::Altered(altered),
    }
}

/// The relation that a table_rewrite event is about, unless the command keeps its values: SET LOGGED, SET ACCESS
/// METHOD.
fn rewritten() -> Command {
    const VALUES: u32 = pg_sys::AT_REWRITE_DEFAULT_VAL | pg_sys::AT_REWRITE_COLUMN_REWRITE;
    // SAFETY: called inside a table_rewrite event, where both functions answer.
    let (relation, reason) = unsafe {
        (
            pgrx::direct_function_call::<Oid>(pg_sys::pg_event_trigger_table_rewrite_oid, &[]),
            pgrx::direct_function_call::<i32>(pg_sys::pg_event_trigger_table_rewrite_reason, &[]),
        )
    };
    match (relation, reason) {
        (Some(relation), Some(reason)) if reason as u32 & VALUES != 0 => {
            Command::Rewritten(relation)
        }
        _ => Command::Other,
    }
}
