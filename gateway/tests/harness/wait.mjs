// Waiting for a state: nothing in these tests sleeps for a time and hopes.

// Factor for all limits below: a machine that does other work needs more.
const patience = Number(process.env.GATEWAY_PATIENCE ?? 1);

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Waits until the condition holds and returns its value. `what` says what was expected, or is a function that also
// tells what there is instead.
export async function until(what, condition, seconds = 20) {
  const limit = seconds * patience;
  const end = Date.now() + limit * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) {
      throw new Error(`expected within ${limit} s: ${typeof what === 'function' ? what() : what}`);
    }
    await pause(5);
  }
}

// The promise's value, or an error that says what did not come.
export function within(what, promise, seconds = 20) {
  const limit = seconds * patience;
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`expected within ${limit} s: ${what}`)), limit * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
