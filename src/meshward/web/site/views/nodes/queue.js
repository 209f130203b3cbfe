// Requests in turn: a page of thirty charts must not ask for all of them at once.
const AT_ONCE = 4;

let under = 0;
const waiting = [];

/** Do something when its turn comes; `signal` takes it out of the queue. Gives what `doing` gives. */
export function inTurn(doing, signal) {
  return new Promise((resolve, reject) => {
    const turn = { start: () => run(doing, resolve, reject) };
    signal?.addEventListener("abort", () => {
      const at = waiting.indexOf(turn);
      if (at < 0) return;
      waiting.splice(at, 1);
      reject(new DOMException("not needed any more", "AbortError"));
    });
    waiting.push(turn);
    next();
  });
}

function next() {
  while (under < AT_ONCE && waiting.length) {
    under += 1;
    waiting.shift().start();
  }
}

async function run(doing, resolve, reject) {
  try {
    resolve(await doing());
  } catch (error) {
    reject(error);
  } finally {
    under -= 1;
    next();
  }
}
