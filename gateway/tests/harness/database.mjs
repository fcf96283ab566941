// A database of a suite's own in the running cluster, with the application of schema.sql.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { until } from './wait.mjs';

// As the database writes them: what a client gets is compared with it.
for (const type of [20, 700, 701, 1082, 1114, 1184, 1700]) pg.types.setTypeParser(type, (text) => text);

const run = promisify(execFile);
const here = (name) => readFile(new URL(name, import.meta.url), 'utf8');
const quoted = (name) => `"${name.replaceAll('"', '""')}"`;

// The role that the gateway logs in as.
export const LOGIN = 'pgrealtime_gateway';

const setup = (uri) =>
  run(process.env.PGREALTIME_GATEWAY, ['setup', '--run', '--create-roles', '--roles', 'anon,authenticated', '--login-role', LOGIN, '--db-uri', uri]);

// Several programs share a cluster: its roles are made by one at a time.
const ROLES_LOCK = 4711;

async function connect(database, host = process.env.PGHOST) {
  const client = new pg.Client({ database, host });
  // A server that goes away is noticed by the next statement.
  client.on('error', () => {});
  await client.connect();
  return client;
}

export class Database {
  static async create(name) {
    const database = await Database.createEmpty(name);
    await database.prepare();
    await database.query(await here('schema.sql'));
    return database;
  }

  // Without the extension, and without anything for the gateway.
  static async createEmpty(name) {
    const admin = await connect('postgres');
    await admin.query(`DROP DATABASE IF EXISTS ${quoted(name)} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${quoted(name)} TEMPLATE template0 ENCODING 'UTF8'`);
    await admin.end();
    return new Database(name);
  }

  // `host` is the directory of the server's socket: that of the cluster unless another is named.
  constructor(name, host = process.env.PGHOST) {
    this.name = name;
    this.host = host;
  }

  // As an administrator does.
  async prepare() {
    const admin = await connect('postgres');
    await admin.query(`SELECT pg_advisory_lock(${ROLES_LOCK})`);
    await setup(this.uri('postgres'));
    await admin.query(await here('roles.sql'));
    await admin.end();
  }

  // As superuser. After a restart of the server it connects anew.
  async query(text, values) {
    const again = !this.client;
    this.client ??= await connect(this.name, this.host);
    try {
      return (await this.client.query(text, values)).rows;
    } catch (error) {
      const isGone = /terminat|Connection|ECONN|not queryable|starting up|shutting down/i.test(error.message);
      if (!isGone) throw error;
      this.client = undefined;
      if (again) throw error;
      return this.query(text, values);
    }
  }

  // A session of its own, for what must stay open.
  session() {
    return connect(this.name, this.host);
  }

  // What a role with these claims sees: rows as JSON objects, in one snapshot with the cursor from which changes follow.
  async seenBy({ role, claims }, selects) {
    const session = await this.session();
    try {
      await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await session.query("SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", [
        role,
        JSON.stringify(claims),
      ]);
      const [{ cursor }] = (await session.query('SELECT pgrealtime.current_cursor() AS cursor')).rows;
      const tables = [];
      for (const select of selects) {
        const rows = (await session.query(`SELECT row_to_json(s) AS row FROM (${select}) AS s`)).rows;
        tables.push(rows.map(({ row }) => row));
      }
      await session.query('COMMIT');
      return { cursor, tables };
    } finally {
      await session.end().catch(() => {});
    }
  }

  // Whether the gateway may log in.
  admitGateway(isAdmitted) {
    return this.query(`ALTER ROLE ${LOGIN} ${isAdmitted ? 'LOGIN' : 'NOLOGIN'}`);
  }

  // Ends the gateway's sessions here; returns how many there were.
  async terminateGateway() {
    const rows = await this.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${LOGIN}' AND datname = current_database()`,
    );
    return rows.length;
  }

  async close() {
    await this.client?.end().catch(() => {});
  }

  async drop() {
    await this.close();
    const admin = await connect('postgres');
    await admin.query(`DROP DATABASE IF EXISTS ${quoted(this.name)} WITH (FORCE)`);
    await admin.end();
  }

  // Where the gateway finds it; on several servers if more hosts are named.
  uri(user = LOGIN, ...more) {
    const port = process.env.PGPORT;
    const hosts = [this.host, ...more].map((host) => `${encodeURIComponent(host)}:${port}`);
    return `postgresql://${user}@${hosts.join()}/${this.name}`;
  }
}

const command = (...words) => run(process.env.CLUSTER, words);

// The whole server; the commands are those of .ci/cluster.
export const cluster = {
  restart: (mode = 'fast', name = process.env.CLUSTER_NAME) => command('restart', name, '-m', mode),
  kill: () => command('kill', process.env.CLUSTER_NAME),

  // As a crash of the machine's server would.
  async crash() {
    await this.kill();
    await command('restart', process.env.CLUSTER_NAME);
  },

  // A streaming standby of the server; returns the directory of its socket.
  async standby(name) {
    await command('standby', name, process.env.CLUSTER_NAME, 'hot_standby_feedback=on');
    return join(dirname(process.env.PGHOST), name);
  },
  promote: (name) => command('promote', name),
  remove: (name) => command('stop', name),

  answers: () =>
    until('the database server answers', async () => {
      try {
        await (await connect('postgres')).end();
        return true;
      } catch {
        return false;
      }
    }),
};
