// Makes elements. Texts are always text nodes: what the database holds is never read as markup.

export const byId = (id) => document.getElementById(id);

// element('p', { class: 'hint' }, 'text', otherElement, null): null and false are left out.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// A value of a row as a short text.
export function shown(value) {
  if (value === undefined) return 'not known';
  if (value === null) return 'null';
  return typeof value === 'object' ? stringify(value) : String(value);
}

// JSON with big numbers as they were sent.
export function stringify(value, indent) {
  const big = (_, inner) => (typeof inner === 'bigint' ? `\u0000${inner}\u0000` : inner);
  return JSON.stringify(value, big, indent).replaceAll(/"\\u0000(-?\d+)\\u0000"/g, '$1');
}

// Reads JSON; whole numbers beyond 2^53 keep their digits where the browser can tell them.
export function parse(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const exact = (_, value, context) => {
    const source = context?.source;
    return typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? '') ? BigInt(source) : value;
  };
  return JSON.parse(text, exact);
}

const PART = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;

// JSON text with its parts marked for colours.
export function coloured(text) {
  const parts = document.createDocumentFragment();
  let end = 0;
  for (const match of text.matchAll(PART)) {
    parts.append(text.slice(end, match.index));
    const kind = match[2] ? 'key' : match[1] ? 'string' : 'plain';
    parts.append(element('span', { class: `j-${kind}` }, match[1] ?? match[0]), match[2] ?? '');
    end = match.index + match[0].length;
  }
  parts.append(text.slice(end));
  return parts;
}

// A time of the day with milliseconds.
export function clock(date) {
  const part = (number, width = 2) => String(number).padStart(width, '0');
  return `${part(date.getHours())}:${part(date.getMinutes())}:${part(date.getSeconds())}.${part(date.getMilliseconds(), 3)}`;
}

// Copies a text, and says so on the button.
export function copyButton(text) {
  const button = element('button', { type: 'button', class: 'small' }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Select it and copy';
    }
    setTimeout(() => (button.textContent = 'Copy'), 2000);
  });
  return button;
}
