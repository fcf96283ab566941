// The gateway's process: starts, is killed, starts again at the same address, and must end without a panic.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { until } from './wait.mjs';
import { SECRET } from './token.mjs';

const binary = process.env.PGREALTIME_GATEWAY;
const logs = process.env.GATEWAY_LOGS ?? new URL('../../../target/test-logs', import.meta.url).pathname;

async function freePorts(count) {
  const servers = [];
  for (let n = 0; n < count; n += 1) {
    const server = createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
  }
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export class Gateway {
  static async start(name, uri, args = []) {
    const gateway = Gateway.prepared(name, uri, args);
    await gateway.choosePorts();
    await gateway.run();
    return gateway;
  }

  // One that was not started.
  static prepared(name, uri, args = []) {
    assert.ok(binary, 'PGREALTIME_GATEWAY names the gateway; gateway/tests/start sets it');
    const gateway = new Gateway();
    const roles = args.includes('--roles') ? [] : ['--roles', 'anon,authenticated'];
    gateway.arguments = ['--db-uri', uri, '--jwt-secret', SECRET, ...roles, ...args];
    mkdirSync(logs, { recursive: true });
    gateway.log = `${logs}/gateway-${name}.log`;
    writeFileSync(gateway.log, '');
    return gateway;
  }

  async choosePorts() {
    [this.port, this.adminPort] = await freePorts(2);
    this.arguments.push('--listen', `127.0.0.1:${this.port}`, '--admin-listen', `127.0.0.1:${this.adminPort}`);
  }

  // Starts the process and waits until it says that it is ready.
  async run() {
    this.launch();
    await this.ready();
  }

  launch() {
    const log = openSync(this.log, 'a');
    const { PGHOST, PGPORT, PGUSER, PGDATABASE, ...env } = process.env;
    this.process = spawn(binary, this.arguments, { stdio: ['ignore', log, log], env });
    closeSync(log);
    // A suite that breaks off leaves no process behind.
    process.once('exit', () => this.process.kill('SIGKILL'));
    this.ended = new Promise((resolve) => this.process.once('exit', (code, signal) => resolve({ code, signal })));
  }

  async ready() {
    await until(
      () => `the gateway is ready; it wrote: ${this.output().slice(-2000)}`,
      async () => {
        assert.equal(this.process.exitCode, null, `the gateway ended as it started; it wrote: ${this.output()}`);
        return (await this.status('/ready')) === 200;
      },
    );
  }

  // The status of a page of the admin port; 0 without an answer.
  async status(path) {
    return fetch(`http://127.0.0.1:${this.adminPort}${path}`).then((answer) => answer.status, () => 0);
  }

  output() {
    return readFileSync(this.log, 'utf8');
  }

  get url() {
    return `ws://127.0.0.1:${this.port}/realtime/v1`;
  }

  get httpUrl() {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid() {
    return this.process.pid;
  }

  // Resident memory in MB.
  memory() {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) / 1024;
  }

  // Sum of a metric over its labels; 0 where it has not been counted yet.
  async metric(name) {
    const text = await (await fetch(`http://127.0.0.1:${this.adminPort}/metrics`)).text();
    const values = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  // An orderly end.
  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGTERM');
    const { code, signal } = await this.ended;
    assert.doesNotMatch(this.output(), /panicked/, `expected no panic in ${this.log}`);
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, `expected an orderly end; see ${this.log}`);
  }
}
