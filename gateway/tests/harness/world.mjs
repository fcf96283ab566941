// A database, and a gateway in front of it, for one suite.
import { disconnectAll } from './clients.mjs';
import { Database } from './database.mjs';
import { Gateway } from './gateway.mjs';
import { closeAll } from './socket.mjs';
import { Wire } from './wire.mjs';

export class World {
  // The name is that of the database and of the gateway's log; `args` go to the gateway.
  static async open(name, args = []) {
    const world = new World();
    world.database = await Database.create(`gateway_${name}`);
    world.gateway = await Gateway.start(name, world.database, ['--drain-seconds', '0', ...args]);
    world.wire = await Wire.to(world.gateway.port);
    return world;
  }

  query(text, values) {
    return this.database.query(text, values);
  }

  async close() {
    disconnectAll();
    closeAll();
    this.wire.close();
    try {
      await this.gateway.stop();
    } finally {
      await this.database.drop();
    }
  }
}
