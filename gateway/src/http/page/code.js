// The same in an application: what is chosen in the form, as code to copy.

import { apiAddress } from './api.js';
import { byId, copyButton, element } from './dom.js';

const quoted = (text) => `'${String(text).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function javascript({ schema, table, events, filter, select }) {
  const parts = [`event: ${quoted(events[0])}`, `schema: ${quoted(schema)}`, `table: ${quoted(table)}`];
  if (filter) parts.push(`filter: ${quoted(filter)}`);
  if (select) parts.push(`select: ${quoted(select)}`);
  const origin = new URL('.', location.href);
  return `import { createClient } from '@supabase/supabase-js'

const client = createClient(${quoted(origin.origin + origin.pathname.replace(/\/$/, ''))}, token)
const wanted = { ${parts.join(', ')}, since: null }

client.channel('my-channel')
  .on('postgres_changes', wanted, (change) => console.log(change.eventType, change.new, change.old))
  .on('pgrealtime', { event: '*' }, ({ cursor }) => { wanted.since = cursor })  // no gap after a reconnect
  .subscribe((status, error) => console.log(status, error ?? ''))`;
}

function changesAddress({ schema, table, events, filter, select }) {
  const all = { schema: schema === 'public' ? '' : schema, table, filter, select, events: events[0] === '*' ? '' : events.join() };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value));
  return String(apiAddress('changes', given)).replaceAll("'", '%27');
}

const curl = (choice) => `curl -N -H "Authorization: Bearer $TOKEN" '${changesAddress(choice)}'`;

const python = (choice) => `import json, os, urllib.request

request = urllib.request.Request(${JSON.stringify(changesAddress(choice))},
    headers={"Authorization": "Bearer " + os.environ["TOKEN"], "Accept": "text/event-stream"})
for line in urllib.request.urlopen(request, timeout=60):
    if line.startswith(b"data:") and "type" in (change := json.loads(line[5:])):
        print(change["type"], change.get("record"), change.get("old_record"))`;

const block = (title, hint, text) =>
  element('section', { class: 'code' },
    element('h2', {}, title, copyButton(() => text)),
    element('p', { class: 'hint' }, hint),
    element('pre', { class: 'json' }, text));

export function showCode(choice) {
  const more = choice.events.length > 1 ? ' One .on(…) for each event.' : '';
  const blocks = [block('supabase-js', `Unmodified. The key since and the second .on() make reconnects gapless.${more}`, javascript(choice))];
  if (choice.table !== '*' && choice.schema !== '*') {
    blocks.push(
      block('curl', 'Server-sent events; each id is a cursor, Last-Event-ID goes on from it.', curl(choice)),
      block('Python', 'The same, with the standard library only.', python(choice)));
  }
  byId('panel-code').replaceChildren(...blocks);
}
