// A socket without a client library: what is sent and received is plain to see.
import WebSocket from 'ws';
import { until } from './wait.mjs';

export const V1 = '1.0.0';
export const V2 = '2.0.0';

// All that were opened, so that none outlives its suite.
const opened = new Set();

export function closeAll() {
  for (const socket of opened) socket.close();
  opened.clear();
}

export class Socket {
  // Of the address `ws://…/realtime/v1`. Fails as the handshake does, with the answer's status and body.
  static async open(url, token, { vsn = V2, headers, query = '' } = {}) {
    const socket = new Socket();
    socket.vsn = vsn;
    const key = token === undefined ? '' : `&apikey=${encodeURIComponent(token)}`;
    socket.raw = new WebSocket(`${url}/websocket?vsn=${vsn}${key}${query}`, { headers });
    opened.add(socket);
    socket.messages = [];
    socket.next = 0;
    socket.closed = new Promise((resolve) => {
      socket.raw.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
    socket.raw.on('message', (data, isBinary) => socket.hear(data, isBinary));
    await new Promise((resolve, reject) => {
      socket.raw.once('open', resolve);
      socket.raw.on('error', reject);
      socket.raw.once('unexpected-response', (_, answer) => refused(answer).then(reject));
    });
    return socket;
  }

  hear(data, isBinary) {
    if (isBinary) {
      this.messages.push({ binary: data });
      return;
    }
    const value = JSON.parse(String(data));
    const [join_ref, ref, topic, event, payload] = Array.isArray(value)
      ? value
      : [undefined, value.ref, value.topic, value.event, value.payload];
    const message = { join_ref, ref, topic, event, payload };
    this.messages.push(message);
    this.onmessage?.(message);
  }

  // Sends a message; its reference is returned.
  send(topic, event, payload = {}, join_ref = null) {
    this.next += 1;
    const ref = String(this.next);
    const own = event === 'phx_join' ? ref : join_ref;
    const value = this.vsn === V2 ? [own, ref, topic, event, payload] : { topic, event, payload, ref, join_ref: own };
    this.raw.send(JSON.stringify(value));
    return ref;
  }

  // Sends a message and returns the payload of its reply.
  async ask(topic, event, payload, join_ref, seconds) {
    const ref = this.send(topic, event, payload, join_ref);
    return (await this.reply(ref, `${event} of ${topic}`, seconds)).payload;
  }

  reply(ref, what, seconds) {
    return this.message(`the reply to ${what}`, (message) => message.event === 'phx_reply' && message.ref === ref, seconds);
  }

  // Joins with bindings; returns the reply's payload and the reference of the join.
  async join(topic, bindings = [], { token, seconds, ...config } = {}) {
    const payload = { config: { ...config, postgres_changes: bindings } };
    if (token !== undefined) payload.access_token = token;
    const ref = this.send(`realtime:${topic}`, 'phx_join', payload);
    return { ref, ...(await this.reply(ref, `the join of ${topic}`, seconds)).payload };
  }

  // Waits for a message for which the test holds.
  message(what, test, seconds) {
    return until(
      () => `${what}; the last messages were ${JSON.stringify(this.messages.slice(-5)).slice(0, 2000)}`,
      () => this.messages.find(test),
      seconds,
    );
  }

  heartbeat(seconds) {
    return this.ask('phoenix', 'heartbeat', {}, null, seconds);
  }

  // The changes that came for a topic.
  changes(topic) {
    const full = `realtime:${topic}`;
    return this.messages.filter((message) => message.event === 'postgres_changes' && message.topic === full);
  }

  close() {
    this.raw.terminate();
  }
}

async function refused(answer) {
  let body = '';
  for await (const part of answer) body += part;
  const error = new Error(`refused with ${answer.statusCode}: ${body}`);
  return Object.assign(error, { status: answer.statusCode, body });
}
