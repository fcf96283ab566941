// Random choices that a seed repeats.

export const seed = Number(process.env.PGREALTIME_SEED ?? Date.now() % 1_000_000_000);

export class Random {
  constructor(from) {
    this.state = from >>> 0;
  }

  // mulberry32: a number from 0 to 1.
  fraction() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  below(limit) {
    return Math.floor(this.fraction() * limit);
  }

  between(low, high) {
    return low + this.below(high - low + 1);
  }

  chance(probability) {
    return this.fraction() < probability;
  }

  of(list) {
    return list[this.below(list.length)];
  }
}
