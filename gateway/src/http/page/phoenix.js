// One channel over one WebSocket, as supabase-js keeps it: Phoenix's protocol, version 2, with heartbeats, rejoining,
// reconnecting, and the cursor from which to go on.

const TOPIC = 'realtime:page';
const HEARTBEAT = 25_000;
const ANSWER = 10_000;
const PAUSES = [1000, 2000, 5000, 10_000];

// Refusals after which the same join cannot succeed.
const FINAL = /^(InvalidJWTToken|MalformedJWT|JwtSignatureError|JwtSignerError|Unauthorized|TopicNameRequired|PrivateOnly)/;

export class Follower {
  // `hear` has a function for each: frame(direction, text), state(name, detail), joined(bindings), change(data),
  // caughtUp(), system(payload), refused(reason), broken(reason), closed(), unopened().
  constructor(url, parse, hear) {
    this.url = url;
    this.parse = parse;
    this.hear = hear;
    this.cursor = null;
    this.attempts = 0;
    this.isWanted = false;
  }

  start({ token, bindings, resume, since = null }) {
    this.stop();
    Object.assign(this, { token, bindings, resume, cursor: since, attempts: 0, isWanted: true });
    this.connect();
  }

  // Ends the connection; no more is heard of it.
  stop() {
    this.isWanted = false;
    clearTimeout(this.again);
    this.leave();
    this.hear.state('idle');
  }

  // Loses the connection, as a network would.
  cut(milliseconds) {
    this.leave();
    this.hear.state('waiting', milliseconds);
    this.later(() => this.connect(), milliseconds);
  }

  // Another token for what is followed: nothing is lost or repeated.
  renew(token) {
    this.token = token;
    if (this.isJoined) this.send('access_token', { access_token: token });
  }

  connect() {
    this.hear.state('connecting');
    const address = new URL(this.url);
    address.searchParams.set('apikey', this.token);
    address.searchParams.set('vsn', '2.0.0');
    const socket = new WebSocket(address);
    this.socket = socket;
    this.isJoined = false;
    let opened = false;
    const heard = (handle) => (event) => socket === this.socket && handle(event);
    socket.onopen = heard(() => {
      opened = true;
      this.beat = setInterval(() => this.heartbeat(), HEARTBEAT);
      this.join();
    });
    socket.onmessage = heard(({ data }) => typeof data === 'string' && this.receive(data));
    socket.onclose = heard(() => {
      this.leave();
      if (!opened) this.hear.unopened();
      if (this.isWanted) this.retry(() => this.connect());
    });
  }

  // Lets the socket go without listening to it any more.
  leave() {
    clearInterval(this.beat);
    clearTimeout(this.answer);
    const socket = this.socket;
    this.socket = null;
    this.pendingBeat = null;
    this.isJoined = false;
    socket?.close();
  }

  retry(what) {
    const pause = PAUSES[Math.min(this.attempts, PAUSES.length - 1)];
    this.attempts += 1;
    this.hear.state('waiting', pause);
    this.later(what, pause);
  }

  later(what, milliseconds) {
    clearTimeout(this.again);
    this.again = setTimeout(() => this.isWanted && what(), milliseconds);
  }

  send(event, payload, topic = TOPIC) {
    this.next = (this.next ?? 0) + 1;
    const ref = String(this.next);
    if (event === 'phx_join') this.joinRef = ref;
    const joinRef = topic === TOPIC ? this.joinRef : null;
    const text = JSON.stringify([joinRef, ref, topic, event, payload]);
    this.socket.send(text);
    this.hear.frame('out', text);
    return ref;
  }

  join() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.hear.state('joining');
    this.resumedFrom = this.resume ? this.cursor : null;
    const since = this.resume ? { since: this.cursor } : {};
    const config = {
      broadcast: { ack: false, self: false },
      presence: { key: '', enabled: false },
      postgres_changes: this.bindings.map((binding) => ({ ...binding, ...since })),
      private: false,
    };
    this.isJoined = false;
    const ref = this.send('phx_join', { config, access_token: this.token });
    clearTimeout(this.answer);
    this.answer = setTimeout(() => ref === this.joinRef && this.refuse('no answer within 10 s'), ANSWER);
  }

  heartbeat() {
    // The one before was not answered: the connection is dead.
    if (this.pendingBeat) this.cut(1000);
    else this.pendingBeat = this.send('heartbeat', {}, 'phoenix');
  }

  receive(text) {
    this.hear.frame('in', text);
    let message;
    try {
      message = this.parse(text);
    } catch {
      return;
    }
    const [joinRef, ref, topic, event, payload] = message;
    if (topic === 'phoenix') {
      if (ref === this.pendingBeat) this.pendingBeat = null;
    } else if (topic === TOPIC && (joinRef === null || joinRef === this.joinRef)) {
      this.handle(event, ref, payload);
    }
  }

  handle(event, ref, payload) {
    if (event === 'phx_reply') {
      if (ref === this.joinRef && !this.isJoined) this.answered(payload);
    } else if (event === 'postgres_changes') {
      this.hear.change(payload.data);
    } else if (event === 'pgrealtime') {
      this.cursor = payload.cursor;
      this.hear.caughtUp(this.cursor);
    } else if (event === 'system') {
      this.hear.system(payload);
    } else if (event === 'phx_error') {
      this.isJoined = false;
      this.hear.broken(payload.reason);
      this.retry(() => this.join());
    } else if (event === 'phx_close') {
      this.isWanted = false;
      this.leave();
      this.hear.closed();
    }
  }

  answered({ status, response }) {
    clearTimeout(this.answer);
    if (status !== 'ok') {
      this.refuse(response?.reason ?? 'refused');
      return;
    }
    this.isJoined = true;
    this.attempts = 0;
    this.hear.state('live');
    this.hear.joined(response.postgres_changes ?? []);
  }

  refuse(reason) {
    this.joinRef = null;
    const isFinal = FINAL.test(reason);
    if (isFinal) {
      this.isWanted = false;
      this.leave();
    }
    this.hear.refused(reason, isFinal);
    if (!isFinal) this.retry(() => this.join());
  }
}
