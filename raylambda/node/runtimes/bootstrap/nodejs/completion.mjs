// The ways in which a handler can say that it is done, and what "done" waits for.

import { describeError, formatted } from "./errors.mjs";

/** One listener for the moment when the event loop has nothing left to do. */
export const beforeExit = {
  listener: undefined,
  set(listener) {
    this.listener = listener;
  },
  reset() {
    this.listener = undefined;
  },
};

process.on("beforeExit", () => {
  const listener = beforeExit.listener;
  beforeExit.reset();
  listener?.();
});

/** The answer of one invocation: the first call decides, later ones are ignored. */
export class Completion {
  #client;
  #requestId;
  #served;
  #isDone = false;
  #waitsForEmptyEventLoop = true;

  constructor(client, requestId, served) {
    this.#client = client;
    this.#requestId = requestId;
    this.#served = served;
  }

  succeed = (value) => {
    let body;
    try {
      body = JSON.stringify(value === undefined ? null : value) ?? "null";
    } catch {
      this.fail(new Error("Unable to stringify response body"));
      return;
    }
    this.#finish(() => this.#client.postResponse(this.#requestId, body));
  };

  fail = (error) => {
    const reason = error ?? "handled";
    this.#finish(() => {
      console.error("Invoke Error", formatted(reason));
      return this.#client.postError(this.#requestId, describeError(reason));
    });
  };

  /** The third argument of a handler. A value waits for the event loop to run empty, unless the context says otherwise. */
  callback = (error, value) => {
    if (error !== undefined && error !== null) this.fail(error);
    else if (this.#waitsForEmptyEventLoop) beforeExit.set(() => this.succeed(value));
    else this.succeed(value);
  };

  /** What the context of AWS has for handlers of the first years. */
  contextMembers() {
    const completion = this;
    return Object.defineProperty(
      {
        succeed: this.succeed,
        fail: this.fail,
        done: (error, value) => (error === undefined || error === null ? this.succeed(value) : this.fail(error)),
      },
      "callbackWaitsForEmptyEventLoop",
      {
        enumerable: true,
        get: () => completion.#waitsForEmptyEventLoop,
        set: (value) => {
          completion.#waitsForEmptyEventLoop = Boolean(value);
        },
      },
    );
  }

  #finish(post) {
    if (this.#isDone) return;
    this.#isDone = true;
    beforeExit.reset();
    post().then(this.#served);
  }
}
