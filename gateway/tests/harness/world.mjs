// A database, and a gateway in front of it, for one suite.
import { disconnectAll } from './clients.mjs';
import { Database, LOGIN } from './database.mjs';
import { Gateway } from './gateway.mjs';
import { closeAll } from './socket.mjs';
import { Wire } from './wire.mjs';

export class World {
  // The name is that of the database and of the gateway's log; `args` go to the gateway.
  // `hosts` are those of the servers that the gateway knows; without any, it knows the one that has the database.
  static async open(name, args = [], hosts = undefined) {
    const world = new World();
    world.database = await Database.create(`gateway_${name}`);
    const uri = hosts ? new Database(world.database.name, hosts[0]).uri(LOGIN, ...hosts.slice(1)) : world.database.uri();
    world.gateway = await Gateway.start(name, uri, ['--drain-seconds', '0', ...args]);
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
