// A client of the Runtime API on one keep-alive connection. While the connection is idle it does not keep the event loop alive.

import http from "node:http";

const PREFIX = "/2018-06-01/runtime";
const JSON_TYPE = "application/json";
const CLOSED_BY_PEER = ["ECONNRESET", "EPIPE"];

export class RuntimeClient {
  #agent = new http.Agent({ keepAlive: true });
  #host;
  #port;

  constructor(address) {
    [this.#host, this.#port] = address.split(":");
  }

  /** Wait for the next event; rejects when the platform cannot be reached or refuses. */
  async next() {
    const { status, headers, body } = await this.#call("GET", "/invocation/next", {}, "");
    if (status !== 200) throw new Error(`the Runtime API answered ${status} to next`);
    return {
      body: body.toString("utf8"),
      requestId: headers["lambda-runtime-aws-request-id"],
      traceId: headers["lambda-runtime-trace-id"],
      functionArn: headers["lambda-runtime-invoked-function-arn"],
      deadlineMs: Number(headers["lambda-runtime-deadline-ms"]),
      clientContext: unicode(headers["lambda-runtime-client-context"]),
      cognitoIdentity: unicode(headers["lambda-runtime-cognito-identity"]),
      tenantId: headers["lambda-runtime-aws-tenant-id"],
    };
  }

  async postResponse(requestId, body) {
    const { status } = await this.#call("POST", `/invocation/${requestId}/response`, { "Content-Type": JSON_TYPE }, body);
    if (status >= 300) reportRefusal(status);
  }

  postError(requestId, failure) {
    return this.#postFailure(`/invocation/${requestId}/error`, failure);
  }

  postInitError(failure) {
    return this.#postFailure("/init/error", failure);
  }

  /** An open request for an answer that is written piece by piece, and the promise that it has been taken. */
  openResponse(requestId, contentType) {
    const headers = {
      "Content-Type": contentType,
      "Lambda-Runtime-Function-Response-Mode": "streaming",
      "Transfer-Encoding": "chunked",
      Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
    };
    const request = http.request(this.#options("POST", `/invocation/${requestId}/response`, headers));
    const taken = answerTo(request).then(({ status }) => void (status >= 300 && reportRefusal(status)));
    return { request, taken };
  }

  #postFailure(path, failure) {
    const headers = { "Content-Type": JSON_TYPE, "Lambda-Runtime-Function-Error-Type": headerSafe(failure.errorType) };
    return this.#call("POST", path, headers, JSON.stringify(failure));
  }

  /** Once more on a fresh connection when the other end had closed the idle one. */
  async #call(method, path, headers, body) {
    const lengthHeader = method === "POST" ? { "Content-Length": Buffer.byteLength(body) } : {};
    const request = http.request(this.#options(method, path, { ...headers, ...lengthHeader }));
    const answer = answerTo(request);
    request.end(body);
    try {
      return await answer;
    } catch (error) {
      if (request.reusedSocket && CLOSED_BY_PEER.includes(error.code)) return this.#call(method, path, headers, body);
      throw error;
    }
  }

  #options(method, path, headers) {
    return { agent: this.#agent, host: this.#host, port: this.#port, method, path: PREFIX + path, headers };
  }
}

function answerTo(request) {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }));
    });
  });
}

/** Node.js reads header bytes as Latin-1; the platform writes UTF-8. */
function unicode(header) {
  return header === undefined ? undefined : Buffer.from(header, "latin1").toString("utf8");
}

/** Text with what no header may carry replaced. */
export function headerSafe(text) {
  return String(text).replace(/[^\x20-\x7e]/g, "?");
}

/** The line of AWS's client for a result that the platform did not take. */
function reportRefusal(status) {
  const text = `LAMBDA_RUNTIME Failed to post handler success response. Http response code: ${status}.`;
  process.stderr.write(`[ERROR] [${Date.now()}] ${text}\n`);
}
