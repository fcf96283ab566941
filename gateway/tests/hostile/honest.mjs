// A client that does nothing wrong: what it must still get while others do, and how long that takes.
import assert from 'node:assert/strict';
import { client, Heard, newest } from '../harness/clients.mjs';
import { anonymous } from '../harness/token.mjs';
import { pause, until } from '../harness/wait.mjs';

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

export class Honest {
  static async start(world) {
    const honest = new Honest();
    Object.assign(honest, { world, last: 0, sent: new Map(), times: [] });
    honest.own = client(newest, world.gateway.url, anonymous());
    honest.heard = await Heard.on(honest.own, 'honest', [{ event: 'INSERT', schema: 'public', table: 'board' }]);
    honest.writing = honest.write();
    return honest;
  }

  async write() {
    while (!this.isOver) {
      this.last += 1;
      const id = this.last;
      const from = performance.now();
      await this.world.query('INSERT INTO board VALUES ($1)', [id]);
      await until('the honest client’s next row', () => this.heard.changes.length >= id, 60);
      this.times.push(performance.now() - from);
      await pause(10);
    }
  }

  // Runs what the hostile do, and then checks that this client was served all the time.
  async during(what, hostile) {
    const before = this.world.gateway.memory();
    this.times = [];
    await until('some rows before', () => this.times.length >= 10);
    const usual = median(this.times);
    this.times = [];
    await hostile();
    await until(`the honest client is served after ${what}`, () => this.times.length >= 10, 60);
    const { statuses, changes } = this.heard;
    assert.deepEqual(statuses, ['SUBSCRIBED'], `the honest client kept its channel during ${what}`);
    assert.ok(changes.every((change, place) => change.new.id === place + 1), `every row, once, in order, during ${what}`);
    const after = this.world.gateway.memory();
    const tell = (number) => number.toFixed(1);
    console.log(
      `${what}: memory ${tell(before)} → ${tell(after)} MB; write to receipt ${tell(usual)} ms before, ` +
        `${tell(median(this.times))} ms (at most ${tell(Math.max(...this.times))}) during, ${this.times.length} rows`,
    );
    return { before, after };
  }

  async end() {
    this.isOver = true;
    await this.writing;
    this.own.disconnect();
  }
}
