/*
 * The floor that capture is measured against: an AFTER ROW trigger that does nothing but append a ready-made payload,
 * with the columns and indexes of a segment of the change log.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(append_ready);

typedef struct Ready
{
	Oid			table;
	Oid			by_position;
	Oid			by_xid;
	bool		first_only;
	bytea	   *payload;
	IndexInfo  *info;
} Ready;

/*
 * append_ready('table', 'index on position', 'index on xid, position', 'bytes of payload', 'first' or 'every'): which
 * entries of a transaction the second index gets. The change log's gets the first.
 */
static Ready *
ready(FunctionCallInfo fcinfo, Trigger *trigger)
{
	MemoryContext before;
	Ready	   *it = fcinfo->flinfo->fn_extra;

	if (it != NULL)
		return it;
	before = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	it = palloc0(sizeof(Ready));
	it->table = atooid(trigger->tgargs[0]);
	it->by_position = atooid(trigger->tgargs[1]);
	it->by_xid = atooid(trigger->tgargs[2]);
	it->first_only = strcmp(trigger->tgargs[4], "first") == 0;
	it->payload = palloc0(VARHDRSZ + atoi(trigger->tgargs[3]));
	SET_VARSIZE(it->payload, VARHDRSZ + atoi(trigger->tgargs[3]));
	it->info = makeNode(IndexInfo);
	MemoryContextSwitchTo(before);
	fcinfo->flinfo->fn_extra = it;
	return it;
}

static void
add(Oid index, Relation table, ItemPointer tid, Datum *keys, IndexInfo *info)
{
	bool		nulls[2] = {false, false};
	Relation	opened = index_open(index, RowExclusiveLock);

	index_insert(opened, keys, nulls, tid, table, UNIQUE_CHECK_NO, false, info);
	index_close(opened, NoLock);
}

Datum
append_ready(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	static int64 last_xid = 0;
	Ready	   *it = ready(fcinfo, data->tg_trigger);
	Relation	table = table_open(it->table, RowExclusiveLock);
	int64		xid = (int64) U64FromFullTransactionId(GetTopFullTransactionId());
	int64		position = (int64) ProcLastRecPtr;
	Datum		values[9];
	bool		nulls[9] = {false, false, false, false, false, false, false, true, true};
	Datum		keys[2];
	HeapTuple	tuple;

	values[0] = Int64GetDatum(position);
	values[1] = Int64GetDatum(xid);
	values[2] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	values[3] = Int64GetDatum(1);
	values[4] = ObjectIdGetDatum(RelationGetRelid(data->tg_relation));
	values[5] = CharGetDatum('I');
	values[6] = PointerGetDatum(it->payload);
	tuple = heap_form_tuple(RelationGetDescr(table), values, nulls);
	heap_insert(table, tuple, GetCurrentCommandId(true), 0, NULL);
	keys[0] = values[0];
	add(it->by_position, table, &tuple->t_self, keys, it->info);
	keys[0] = values[1];
	keys[1] = values[0];
	if (!it->first_only || xid != last_xid)
		add(it->by_xid, table, &tuple->t_self, keys, it->info);
	last_xid = xid;
	heap_freetuple(tuple);
	table_close(table, NoLock);
	return PointerGetDatum(NULL);
}
