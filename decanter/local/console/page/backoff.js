// Retries with exponential backoff and jitter.

// The delays, in seconds: between a half and the whole of 0.5, 1, 2, 4 … at most 30.
export class Backoff {
  constructor({ first = 0.5, most = 30, random = Math.random } = {}) {
    Object.assign(this, { first, most, random, attempts: 0 });
  }

  next() {
    const ceiling = Math.min(this.most, this.first * 2 ** this.attempts);
    this.attempts += 1;
    return ceiling * (0.5 + this.random() / 2);
  }

  reset() {
    this.attempts = 0;
  }
}

// Runs an action after the next delay. Reports the seconds left, once a second.
export class Retry {
  constructor(action, onWait, backoff = new Backoff()) {
    Object.assign(this, { action, onWait, backoff, timer: null });
  }

  get isWaiting() {
    return this.timer !== null;
  }

  schedule() {
    this.cancel();
    this.wait(this.backoff.next());
  }

  wait(seconds) {
    this.onWait(seconds);
    const step = Math.min(seconds, 1);
    this.timer = setTimeout(() => {
      if (seconds > step) this.wait(seconds - step);
      else this.now();
    }, step * 1000);
  }

  now() {
    this.cancel();
    this.action();
  }

  cancel() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  reset() {
    this.cancel();
    this.backoff.reset();
  }
}
