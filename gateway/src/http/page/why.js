// Why the token receives, or does not receive, the changes of the chosen table.

import { diagnose } from './api.js';
import { byId, element } from './dom.js';

const finding = ({ check, status, detail, hint }) =>
  element('li', { class: 'finding', 'data-status': status },
    element('span', { class: 'badge' }, status),
    element('div', {},
      element('h3', {}, check),
      element('p', {}, detail),
      hint && element('p', { class: 'advice' }, hint)));

function counted(findings) {
  const problems = findings.filter(({ status }) => status === 'problem').length;
  if (problems) return problems === 1 ? 'One problem.' : `${problems} problems; begin with the first.`;
  return 'No problem: what the role may see reaches it.';
}

function show(says, findings) {
  const open = ['problem', 'note'].flatMap((kind) => findings.filter(({ status }) => status === kind));
  const fine = findings.filter(({ status }) => status === 'ok');
  byId('why-says').textContent = says;
  byId('findings').replaceChildren(
    element('ol', {}, ...open.map(finding)),
    fine.length
      ? element('details', { class: 'fine', open: open.length === 0 },
        element('summary', {}, `${fine.length} checks are in order`),
        element('ol', {}, ...fine.map(finding)))
      : '');
}

// Asks with the token, for { schema, table, filter }.
export async function why(token, { schema, table, filter }) {
  if (!token) return show('Paste a token or make one first.', []);
  if (!table || table === '*' || schema === '*') return show('Choose one table: every table has its own reasons.', []);
  const name = `${schema}.${table}`;
  byId('why-says').textContent = `Asking about ${name} …`;
  try {
    const findings = await diagnose(token, { schema, table, filter });
    show(`${name}${filter ? `, ${filter}` : ''}: ${counted(findings)}`, findings);
  } catch (refused) {
    const hint = refused.status === 404
      ? 'It does not exist, or GRANT SELECT ON the table TO the role is missing. Which of them, a client is not told.'
      : '';
    show(`${name}: the question was refused.`, [{ check: 'access', status: 'problem', detail: `${refused.message}.`, hint }]);
  }
}
