// What the page asks the gateway beside the WebSocket.

// Relative to the page: a proxy may have it below a path.
const address = (path, parameters = {}) => {
  const url = new URL(`realtime/v1/${path}`, location.href);
  url.hash = '';
  url.search = new URLSearchParams(parameters);
  return url;
};

export function socketAddress() {
  const url = address('websocket');
  url.protocol = url.protocol.replace('http', 'ws');
  return url;
}

// Why the gateway does not answer as wished. `status` is 0 where it did not answer at all.
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, token, parameters) {
  let answer;
  try {
    answer = await fetch(address(path, parameters), { headers: { authorization: `Bearer ${token}` }, cache: 'no-store' });
  } catch {
    throw new Refused(0, 'The gateway does not answer');
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, body?.message ?? `HTTP ${answer.status}`);
  return body;
}

// The realtime tables that the token's role may read.
export const tables = (token) => ask('tables', token);

// Why the token receives, or does not receive, the changes of a table.
export const diagnose = (token, { schema, table, filter }) =>
  ask('diagnose', token, { schema, table, ...(filter && { filter }) });

export const apiAddress = address;
