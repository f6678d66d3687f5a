// Answers that are written piece by piece: the global object awslambda, and the stream that such a handler gets.

import { Writable } from "node:stream";

import { describeError } from "./errors.mjs";
import { headerSafe } from "./runtime_client.mjs";

const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const INTEGRATION_TYPE = "application/vnd.awslambda.http-integration-response";
const PRELUDE_END = Buffer.alloc(8);

export function isStreaming(handler) {
  return handler[STREAMING] === "response";
}

/** Define ``awslambda.streamifyResponse`` and ``awslambda.HttpResponseStream``, before the function is loaded. */
export function defineStreaming() {
  globalThis.awslambda = {
    ...globalThis.awslambda,
    streamifyResponse(handler) {
      handler[STREAMING] = "response";
      return handler;
    },
    HttpResponseStream: {
      from(stream, prelude) {
        stream.setContentType(INTEGRATION_TYPE);
        stream.writeFirst(Buffer.concat([Buffer.from(JSON.stringify(prelude)), PRELUDE_END]));
        return stream;
      },
    },
  };
}

/** A stream into the response of one invocation; the request is opened with the first byte, or at the end. */
export class ResponseStream extends Writable {
  #client;
  #requestId;
  #contentType = "application/octet-stream";
  #first = [];
  #open;
  #sent = Promise.withResolvers?.() ?? resolvers();

  constructor(client, requestId) {
    super();
    this.#client = client;
    this.#requestId = requestId;
    this.#sent.promise.catch(() => {}); // whoever waits for it is told; nobody has to
    this.on("error", this.#sent.reject);
  }

  /** Settles when the platform has taken the whole response. */
  get sent() {
    return this.#sent.promise;
  }

  setContentType(contentType) {
    this.#contentType = contentType;
  }

  /** Bytes that go ahead of everything that the handler writes. */
  writeFirst(bytes) {
    this.#first.push(bytes);
  }

  /** Report a failure: in the trailers of a response that has begun, or as the invocation's error. */
  async failWith(error) {
    const failure = describeError(error);
    if (this.#open === undefined) {
      this.destroy();
      await this.#client.postError(this.#requestId, failure);
      return;
    }
    this.#open.request.addTrailers({
      "Lambda-Runtime-Function-Error-Type": headerSafe(failure.errorType),
      "Lambda-Runtime-Function-Error-Body": Buffer.from(JSON.stringify(failure)).toString("base64"),
    });
    this.end();
    await this.sent;
  }

  _write(chunk, encoding, callback) {
    this.#request().write(chunk, encoding, callback);
  }

  _final(callback) {
    this.#request().end();
    this.#open.taken.then(this.#sent.resolve, this.#sent.reject);
    callback();
  }

  #request() {
    if (this.#open === undefined) {
      this.#open = this.#client.openResponse(this.#requestId, this.#contentType);
      for (const bytes of this.#first) this.#open.request.write(bytes);
    }
    return this.#open.request;
  }
}

function resolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
