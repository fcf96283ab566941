// What a client follows: a table, a filter, columns; as the client writes it, as SQL, and as a rule that every row obeys.

export const TENANTS = ['red', 'blue', 'green'];
export const USERS = ['ann', 'bob', 'cyd', 'dee'];
export const STATES = ['open', 'done', 'late'];
export const ROOMS = 6;

// Who is in which room; it does not change while changes are read.
export const memberships = USERS.flatMap((user, n) =>
  Array.from({ length: ROOMS }, (_, room) => room).filter((room) => (room + n) % 3 !== 0).map((room) => ({ room, user })));

// For each table: the columns that clients may read, which rows a client sees, and filters with what they mean.
const tables = {
  board: {
    columns: ['id', 'label', 'value'],
    roles: ['anon', 'authenticated'],
    sees: () => true,
    filters: (random) => [
      range('id', random),
      compare('value', random.of(['gt', 'lte']), random.between(10, 90)),
      { filter: 'label=is.null', sql: 'label IS NULL', test: (row) => row.label === null },
      either(random.between(0, 50), random.between(50, 99)),
    ],
  },
  notes: {
    columns: ['id', 'tenant', 'title', 'status', 'score', 'body'],
    roles: ['authenticated'],
    sees: (row, claims) => row.tenant === claims.tenant,
    filters: (random) => {
      const [one, two] = [random.of(STATES), random.of(STATES)];
      return [
        range('id', random),
        compare('score', random.of(['gte', 'lt', 'neq']), random.between(0, 10)),
        { filter: `status=eq.${one}`, sql: `status = '${one}'`, test: (row) => row.status === one },
        { filter: `status=in.(${one},${two})`, sql: `status IN ('${one}', '${two}')`, test: (row) => [one, two].includes(row.status) },
        { filter: `status=not.in.(${one},${two})`, sql: `status NOT IN ('${one}', '${two}')`, test: (row) => row.status !== null && ![one, two].includes(row.status) },
        { filter: 'title=like.a%', sql: "title LIKE 'a%'", test: (row) => Boolean(row.title?.startsWith('a')) },
      ];
    },
  },
  letters: {
    columns: ['id', 'owner', 'subject'],
    roles: ['authenticated'],
    sees: (row, claims) => row.owner === claims.sub,
    filters: (random) => [range('id', random), { filter: 'subject=not.is.null', sql: 'subject IS NOT NULL', test: (row) => row.subject !== null }],
  },
  talks: {
    columns: ['id', 'room', 'line'],
    roles: ['authenticated'],
    sees: (row, claims) => memberships.some(({ room, user }) => room === row.room && user === claims.sub),
    filters: (random) => [range('id', random), compare('room', random.of(['eq', 'neq', 'gt']), random.below(ROOMS))],
  },
};

const none = { filter: undefined, sql: 'true', test: () => true };

const signs = { eq: '=', neq: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' };
const tests = {
  eq: (a, b) => a === b,
  neq: (a, b) => a !== b,
  gt: (a, b) => a > b,
  gte: (a, b) => a >= b,
  lt: (a, b) => a < b,
  lte: (a, b) => a <= b,
};

function compare(column, operator, value) {
  return {
    filter: `${column}=${operator}.${value}`,
    sql: `${column} ${signs[operator]} ${value}`,
    test: (row) => row[column] !== null && tests[operator](row[column], value),
  };
}

function range(column, random) {
  const low = random.between(0, 60);
  const high = low + random.between(20, 120);
  return {
    filter: `${column}=gte.${low},${column}=lt.${high}`,
    sql: `${column} >= ${low} AND ${column} < ${high}`,
    test: (row) => row[column] >= low && row[column] < high,
  };
}

function either(low, high) {
  return {
    filter: `or=(value.lt.${low},value.gt.${high})`,
    sql: `(value < ${low} OR value > ${high})`,
    test: (row) => row.value !== null && (row.value < low || row.value > high),
  };
}

export const names = Object.keys(tables);

// Of a table, or of those that the role may read.
export const readable = (role) => names.filter((name) => tables[name].roles.includes(role));

// A view of a table for a role: with a filter and a column list, or without.
export function view(table, random) {
  const { columns, filters } = tables[table];
  const chosen = random.chance(0.65) ? random.of(filters(random)) : none;
  const wanted = columns.filter((column) => column !== 'id');
  const select = random.chance(0.25) ? wanted.filter(() => random.chance(0.5)) : [];
  return make(table, chosen, select);
}

export const whole = (table) => make(table, none, []);

function make(table, chosen, select) {
  const columns = select.length > 0 ? ['id', ...select] : tables[table].columns;
  return {
    table,
    filter: chosen.filter,
    select: select.length > 0 ? select : undefined,
    columns,
    query: `SELECT ${columns.join(', ')} FROM ${table} WHERE ${chosen.sql}`,
    // Why a client with these claims must not have received this row; undefined where it may.
    fault: (row, claims) => {
      const strange = Object.keys(row).filter((column) => !columns.includes(column));
      if (strange.length > 0) return `the columns ${strange}`;
      if (Object.keys(row).length < tables[table].columns.length) return undefined;
      if (!tables[table].sees(row, claims)) return 'a row that is hidden from it';
      if (!chosen.test(row)) return `a row that the filter ${chosen.filter} excludes`;
      return undefined;
    },
  };
}
