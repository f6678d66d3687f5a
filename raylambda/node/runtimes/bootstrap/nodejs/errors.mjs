// Errors as the caller of a function and the reader of its log see them.

import util from "node:util";

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = `Runtime.${name}`;
  }
}

export class ImportModuleError extends RuntimeError {
  constructor(reason) {
    super("ImportModuleError", String(reason));
  }
}

export class HandlerNotFound extends RuntimeError {
  constructor(message) {
    super("HandlerNotFound", message);
  }
}

export class MalformedHandlerName extends RuntimeError {
  constructor(message) {
    super("MalformedHandlerName", message);
  }
}

export class UserCodeSyntaxError extends RuntimeError {
  constructor(reason) {
    super("UserCodeSyntaxError", String(reason));
  }
}

export class UnhandledPromiseRejection extends RuntimeError {
  constructor(reason, promise) {
    super("UnhandledPromiseRejection", String(reason));
    this.reason = reason;
    this.promise = promise;
  }
}

export class NodeJsExit extends RuntimeError {
  constructor() {
    super(
      "NodeJsExit",
      "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was " +
        "never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes",
    );
  }
}

function isError(value) {
  return util.types.isNativeError(value) || (value?.name !== undefined && value?.message !== undefined && value?.stack !== undefined);
}

/** The body that the platform is told of a failure with; anything can be thrown, so anything is described. */
export function describeError(error) {
  try {
    if (!isError(error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
  } catch {
    const text =
      "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack";
    return { errorType: "handled", errorMessage: text, trace: [] };
  }
}

/** The same for the log: with the error's own members, and those of errors within. */
export function formatted(error) {
  try {
    return "\t" + JSON.stringify(isError(error) ? error : new Error(error), (_, value) => withOwnMembers(value));
  } catch {
    return "\t" + JSON.stringify(describeError(error));
  }
}

function withOwnMembers(value) {
  if (!util.types.isNativeError(value)) return value;
  const members = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
  delete members.name;
  return { ...members, stack: String(value.stack).split("\n") };
}
