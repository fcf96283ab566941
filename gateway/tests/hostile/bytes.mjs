// Bytes that no client library would send: handshakes and frames made by hand.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { until } from '../harness/wait.mjs';

export class Bytes {
  static async to(port) {
    const bytes = new Bytes();
    bytes.socket = connect(port, '127.0.0.1');
    bytes.received = 0;
    bytes.head = '';
    bytes.socket.on('data', (data) => {
      bytes.received += data.length;
      if (bytes.head.length < 4096) bytes.head += data.toString('latin1');
    });
    bytes.isClosed = false;
    bytes.socket.on('error', () => {});
    bytes.socket.on('close', () => {
      bytes.isClosed = true;
    });
    await new Promise((resolve, reject) => {
      bytes.socket.once('connect', resolve);
      bytes.socket.once('error', reject);
    });
    return bytes;
  }

  // With the handshake done.
  static async upgraded(port, token, vsn = '2.0.0') {
    const bytes = await Bytes.to(port);
    bytes.send(handshake(token, vsn));
    await until(() => `an upgrade; there was ${bytes.head.slice(0, 200)}`, () => bytes.head.includes('\r\n\r\n'));
    if (!bytes.head.startsWith('HTTP/1.1 101')) throw new Error(`expected an upgrade: ${bytes.head.slice(0, 200)}`);
    return bytes;
  }

  send(data) {
    if (!this.isClosed) this.socket.write(data);
  }

  // Waits until the other side has ended the connection.
  closed(what, seconds) {
    return until(`the gateway ends the connection after ${what}`, () => this.isClosed, seconds);
  }

  end() {
    this.socket.destroy();
  }
}

export const handshake = (token, vsn = '2.0.0') =>
  [
    `GET /realtime/v1/websocket?vsn=${vsn}&apikey=${token} HTTP/1.1`,
    ...['Host: 127.0.0.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    '\r\n',
  ].join('\r\n');

export const TEXT = 1;
export const BINARY = 2;
export const PING = 9;

// A frame as a client masks it; the mask is zeros, so that the payload is what it was.
export function frame(opcode, payload, { isLast = true, isMasked = true, reserved = 0, length } = {}) {
  const size = length ?? BigInt(payload.length);
  const head = Buffer.alloc(size < 126n ? 2 : size < 65_536n ? 4 : 10);
  head[0] = (isLast ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = isMasked ? 0x80 : 0;
  if (size < 126n) head[1] = mask | Number(size);
  else if (size < 65_536n) {
    head[1] = mask | 126;
    head.writeUInt16BE(Number(size), 2);
  } else {
    head[1] = mask | 127;
    head.writeBigUInt64BE(size, 2);
  }
  return Buffer.concat([head, isMasked ? Buffer.alloc(4) : Buffer.alloc(0), Buffer.from(payload)]);
}
