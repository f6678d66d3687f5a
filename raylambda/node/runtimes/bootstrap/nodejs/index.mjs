// The Node.js runtime: takes events from the Runtime API, calls the function's handler, and gives back what it answers.
//
// It runs inside the jail on Node.js 20 and newer, with the standard library only. What functions can observe follows AWS's
// own client (the npm package aws-lambda-ric): handler kinds, the context, error types, log lines, the rules of the callback.

import { describeError, formatted, NodeJsExit, UnhandledPromiseRejection } from "./errors.mjs";
import { invokeContext } from "./context.mjs";
import { beforeExit, Completion } from "./completion.mjs";
import { currentInvocation, patchConsole } from "./logs.mjs";
import { RuntimeClient } from "./runtime_client.mjs";
import { defineStreaming, isStreaming, ResponseStream } from "./streaming.mjs";
import { loadHandler } from "./user_function.mjs";

const UNHANDLED_REJECTION_STATUS = 128;
const UNCAUGHT_EXCEPTION_STATUS = 129;

const client = new RuntimeClient(process.env.AWS_LAMBDA_RUNTIME_API);

/** How a failure outside of the handler's own answer is reported; it changes with every invocation. */
let reportCrash = (error) => client.postInitError(describeError(error));

async function crash(title, error, status) {
  console.error(title, formatted(error));
  await reportCrash(error);
  process.exit(status);
}

process.on("uncaughtException", (error) => crash("Uncaught Exception", error, UNCAUGHT_EXCEPTION_STATUS));
process.on("unhandledRejection", (reason, promise) =>
  crash("Unhandled Promise Rejection", new UnhandledPromiseRejection(reason, promise), UNHANDLED_REJECTION_STATUS),
);

async function serveNext(handler) {
  const invocation = await client.next();
  currentInvocation.requestId = invocation.requestId;
  setTraceId(invocation.traceId);
  reportCrash = (error) => client.postError(invocation.requestId, describeError(error));
  const serve = isStreaming(handler) ? serveStreaming : serveBuffered;
  await serve(handler, invocation);
  reportCrash = async () => {}; // between invocations there is nobody to tell
}

function setTraceId(traceId) {
  if (traceId === undefined) delete process.env._X_AMZN_TRACE_ID;
  else process.env._X_AMZN_TRACE_ID = traceId;
}

/** Run a handler that answers with a value, by promise or by callback; resolves when the answer has been sent. */
function serveBuffered(handler, invocation) {
  return new Promise((served) => {
    const completion = new Completion(client, invocation.requestId, served);
    const isAsync = handler.constructor.name === "AsyncFunction";
    beforeExit.set(() => (isAsync ? completion.fail(new NodeJsExit()) : completion.succeed(null)));
    try {
      const context = Object.assign(completion.contextMembers(), invokeContext(invocation, process.env));
      const result = handler(JSON.parse(invocation.body), context, completion.callback);
      if (typeof result?.then === "function") result.then(completion.succeed, completion.fail);
    } catch (error) {
      completion.fail(error);
    }
  });
}

/** Run a handler that writes its answer piece by piece; resolves when the answer has been sent. */
async function serveStreaming(handler, invocation) {
  const stream = new ResponseStream(client, invocation.requestId);
  const unanswered = new Promise((_, reject) => beforeExit.set(() => reject(new NodeJsExit())));
  try {
    const context = invokeContext(invocation, process.env);
    const answered = Promise.all([handler(JSON.parse(invocation.body), stream, context), stream.sent]);
    await Promise.race([answered, unanswered]);
  } catch (error) {
    console.error("Invoke Error", formatted(error));
    await stream.failWith(error);
  } finally {
    beforeExit.reset();
  }
}

patchConsole(process.env);
defineStreaming();
let handler;
try {
  handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
} catch (error) {
  await crash("Uncaught Exception", error, UNCAUGHT_EXCEPTION_STATUS);
}
for (;;) await serveNext(handler);
