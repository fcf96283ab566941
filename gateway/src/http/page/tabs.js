// The tabs, as keyboards and screen readers expect them.

import { byId } from './dom.js';

const all = () => [...document.querySelectorAll('[role="tab"]')];
let opened = {};

// `open` has a function for each tab that is to do something when it is shown.
export function tabs(open) {
  opened = open;
  for (const tab of all()) {
    tab.addEventListener('click', () => showTab(tab.id.replace('tab-', '')));
    tab.addEventListener('keydown', move);
  }
}

export function showTab(name) {
  for (const tab of all()) {
    const isShown = tab.id === `tab-${name}`;
    tab.setAttribute('aria-selected', isShown);
    tab.tabIndex = isShown ? 0 : -1;
    byId(tab.getAttribute('aria-controls')).hidden = !isShown;
  }
  // Nothing to pause or to clear there.
  byId('list-tools').hidden = name === 'why' || name === 'code';
  opened[name]?.();
}

function move(event) {
  const list = all();
  const place = list.indexOf(event.currentTarget);
  const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: list.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  const tab = list[(next + list.length) % list.length];
  tab.focus();
  tab.click();
}
