// The network between clients and the gateway: passes bytes on, and can be cut, or stop passing them.
import { connect, createServer } from 'node:net';

export class Wire {
  static async to(port) {
    const wire = new Wire();
    wire.pairs = new Set();
    wire.target = port;
    wire.server = createServer({ pauseOnConnect: true }, (near) => wire.join(near));
    await new Promise((resolve) => wire.server.listen(0, '127.0.0.1', resolve));
    return wire;
  }

  join(near) {
    const far = connect(this.target, '127.0.0.1');
    const pair = { near, far };
    this.pairs.add(pair);
    const end = () => {
      near.destroy();
      far.destroy();
      this.pairs.delete(pair);
    };
    for (const side of [near, far]) side.on('error', end).on('close', end);
    near.pipe(far);
    far.pipe(near);
  }

  get port() {
    return this.server.address().port;
  }

  get url() {
    return `ws://127.0.0.1:${this.port}/realtime/v1`;
  }

  get httpUrl() {
    return `http://127.0.0.1:${this.port}`;
  }

  // From now on another gateway is at the other end.
  lead(port) {
    this.target = port;
    this.cut();
  }

  // Cuts every connection, as a lost network does.
  cut() {
    for (const { near, far } of this.pairs) {
      near.destroy();
      far.destroy();
    }
  }

  // The clients stop reading: the gateway's writes pile up in the kernel, then in the gateway.
  hold() {
    for (const { near, far } of this.pairs) far.unpipe(near).pause();
  }

  // They read again.
  release() {
    for (const { near, far } of this.pairs) far.pipe(near);
  }

  close() {
    this.cut();
    this.server.close();
  }
}
