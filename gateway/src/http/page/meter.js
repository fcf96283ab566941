// Counts, rate and latency of changes, and the last minute as a row of bars.

import { byId } from './dom.js';

const SECONDS = 60;
const SVG = 'http://www.w3.org/2000/svg';

export class Meter {
  constructor() {
    this.latencies = [];
    this.perSecond = new Array(SECONDS).fill(0);
    this.bars = this.perSecond.map((_, place) => {
      const bar = document.createElementNS(SVG, 'rect');
      bar.setAttribute('x', place * 2);
      bar.setAttribute('width', 1.5);
      return bar;
    });
    byId('meter-spark').append(...this.bars);
    this.second = Math.floor(Date.now() / 1000);
    setInterval(() => this.show(), 1000);
    this.show();
  }

  // A change; `latency` in milliseconds, null where it came from the log.
  add(latency) {
    this.move();
    this.perSecond[SECONDS - 1] += 1;
    if (latency === null || !Number.isFinite(latency)) return;
    this.latencies.push(latency);
    if (this.latencies.length > 50) this.latencies.shift();
  }

  // Shifts the bars to the current second.
  move() {
    const now = Math.floor(Date.now() / 1000);
    const passed = Math.min(now - this.second, SECONDS);
    if (passed > 0) {
      this.perSecond.splice(0, passed);
      this.perSecond.push(...new Array(passed).fill(0));
      this.second = now;
    }
  }

  show(count) {
    this.move();
    if (count !== undefined) byId('meter-count').textContent = count.toLocaleString('en');
    const last = this.perSecond.slice(-6, -1);
    const rate = last.reduce((sum, one) => sum + one, 0) / last.length;
    byId('meter-rate').textContent = rate >= 10 ? String(Math.round(rate)) : rate.toFixed(1);
    byId('meter-latency').textContent = this.latency();
    const top = Math.max(4, ...this.perSecond);
    this.bars.forEach((bar, place) => {
      const height = Math.max((this.perSecond[place] / top) * 26, 1);
      bar.setAttribute('y', 28 - height);
      bar.setAttribute('height', height);
      bar.setAttribute('opacity', this.perSecond[place] ? 1 : 0.3);
    });
  }

  latency() {
    if (!this.latencies.length) return '–';
    const sorted = [...this.latencies].sort((one, other) => one - other);
    const median = sorted[Math.floor(sorted.length / 2)];
    return median < 1000 ? `${Math.round(median)} ms` : `${(median / 1000).toFixed(1)} s`;
  }
}
