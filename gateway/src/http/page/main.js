// The page: a token, what to follow, and what comes of it.

import { socketAddress, tables } from './api.js';
import { Changes, latencyOf } from './changes.js';
import { showCode } from './code.js';
import { byId, parse } from './dom.js';
import { Form } from './form.js';
import { Frames } from './frames.js';
import { Meter } from './meter.js';
import { Follower } from './phoenix.js';
import { showTab, tabs } from './tabs.js';
import { why } from './why.js';

const form = new Form({ changed, tokenChanged });
const frames = new Frames();
const meter = new Meter();
const changes = new Changes((schema, table) => form.keysOf(schema, table), askWhy);
let followed = form.choice;
let isLate = false;
let cutAt = null;
let late = 0;

const follower = new Follower(socketAddress(), parse, {
  frame: (way, text) => frames.add(way, text),
  state: setState,
  joined() {
    isLate = Boolean(follower.resumedFrom);
    late = 0;
    if (cutAt && !isLate) changes.notice('The connection is back. Without since, what happened meanwhile is not here.', { kind: 'bad' });
    if (!isLate) cutAt = null;
  },
  change(change) {
    if (isLate) late += 1;
    meter.add(isLate ? null : latencyOf(change));
    changes.add(change, isLate);
    meter.show(changes.count);
  },
  caughtUp() {
    if (!isLate) return;
    isLate = false;
    const away = cutAt ? `after ${((Date.now() - cutAt) / 1000).toFixed(1)} s` : '';
    cutAt = null;
    changes.notice(`The connection is back ${away}: ${late} ${late === 1 ? 'change' : 'changes'} caught up, nothing lost.`, { kind: 'good' });
  },
  system({ status, message, extension }) {
    const isError = status !== 'ok';
    if (isError) isLate = false;
    // A channel stays open when what it asks for is refused; the gateway tries again what may come.
    if (extension === 'postgres_changes' && follower.isJoined) setState(isError ? 'warned' : 'live');
    changes.notice(message, { kind: isError ? 'bad' : '', why: isError && extension === 'postgres_changes' });
  },
  refused(reason, isFinal) {
    changes.notice(`The gateway refuses the channel: ${reason}`, { kind: 'bad', why: true });
    if (isFinal) setState('refused', reason);
  },
  broken(reason) {
    changes.notice(`Read the table again, the channel was broken off: ${reason}`, { kind: 'bad' });
  },
  closed() {
    changes.notice('The gateway has closed the channel.', { kind: 'bad' });
    setState('refused', 'closed by the gateway');
  },
  unopened: findReason,
});

// A browser does not tell why a handshake was refused. The same token is asked for what answers in words.
async function findReason() {
  try {
    await tables(follower.token);
  } catch (refused) {
    if (refused.status === 401 || refused.status === 403) {
      follower.stop();
      changes.notice(`The gateway refuses the token: ${refused.message}.`, { kind: 'bad' });
      setState('refused', refused.message);
    }
  }
}

function setState(name, detail) {
  const { schema, table, filter } = followed;
  const what = `${schema}.${table}${filter ? `, ${filter}` : ''}`;
  const texts = {
    idle: 'Not connected',
    connecting: 'Connecting …',
    joining: 'Joining …',
    live: `Live: ${what}`,
    warned: `Connected, but refused: ${what}`,
    waiting: `No connection; again in ${Math.round((detail ?? 0) / 1000)} s`,
    refused: `Refused: ${detail}`,
  };
  if (name === 'waiting') cutAt ??= changes.count || follower.cursor ? Date.now() : null;
  byId('status').dataset.state = name;
  byId('status-text').textContent = texts[name];
  const isOn = name !== 'idle' && name !== 'refused';
  byId('disconnect').hidden = !isOn;
  byId('cut').hidden = name !== 'live' && name !== 'warned';
  byId('connect').textContent = isOn ? 'Reconnect' : 'Connect';
  byId('summary').textContent = name === 'idle' ? 'What to follow' : what;
  showEmpty(name);
}

function showEmpty(state = byId('status').dataset.state) {
  byId('empty').hidden = !changes.isEmpty;
  const isLive = state === 'live';
  byId('empty-why').hidden = !isLive;
  if (isLive) byId('empty-text').textContent = 'Connected. Nothing has changed yet that this token may see.';
}

function connect() {
  const { token } = form;
  if (!token) {
    byId('token').focus();
    return;
  }
  form.write();
  followed = form.choice;
  if (!changes.isEmpty) changes.notice(`From here on: ${followed.schema}.${followed.table}${followed.filter ? `, ${followed.filter}` : ''}`);
  cutAt = null;
  isLate = false;
  showTab('changes');
  if (narrow.matches) byId('choices').open = false;
  follower.start({ token, bindings: form.bindings, resume: followed.resume });
}

function askWhy() {
  showTab('why');
  why(form.token, form.choice);
}

function changed() {
  if (!byId('panel-code').hidden) showCode(form.choice);
}

// While something is followed, another token takes the place of the old one without a gap.
function tokenChanged(token) {
  if (follower.isWanted && token && token !== follower.token) follower.renew(token);
}

function pause() {
  const isPaused = !changes.isPaused;
  frames.isPaused = isPaused;
  changes.pause(isPaused);
  byId('pause').setAttribute('aria-pressed', isPaused);
  byId('pause').textContent = isPaused ? 'Go on' : 'Pause';
  if (!isPaused) frames.show();
}

changes.onshown = () => showEmpty();
changes.onheld = (count) => (byId('pause').textContent = `Go on (${count})`);
byId('form').addEventListener('submit', (event) => {
  event.preventDefault();
  connect();
});
byId('disconnect').addEventListener('click', () => follower.stop());
byId('cut').addEventListener('click', () => follower.cut(5000));
byId('pause').addEventListener('click', pause);
byId('clear').addEventListener('click', () => {
  changes.clear();
  frames.clear();
  meter.show(0);
});
byId('empty-why').addEventListener('click', askWhy);
byId('ask').addEventListener('click', askWhy);
tabs({
  frames: () => frames.show(),
  why: () => why(form.token, form.choice),
  code: () => showCode(form.choice),
});
setInterval(() => form.describeToken(), 10_000);
// Where there is room, the form is always there.
const narrow = matchMedia('(max-width: 1000px)');
narrow.addEventListener('change', () => !narrow.matches && (byId('choices').open = true));
addEventListener('hashchange', () => form.read() && connect());
if (form.read()) connect();
