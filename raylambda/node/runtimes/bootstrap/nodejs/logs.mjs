// The console of a function: every line gets its time, its invocation and its level, as text or as JSON.

import { format } from "node:util";

/** The invocation that log lines belong to. */
export const currentInvocation = { requestId: undefined };

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const METHODS = { trace: "TRACE", debug: "DEBUG", log: "INFO", info: "INFO", warn: "WARN", error: "ERROR", fatal: "FATAL" };

/** Replace the console's methods; those below the function's log level do nothing. */
export function patchConsole(env) {
  const lineOf = env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON" ? jsonLine : textLine;
  const lowest = Math.max(0, LEVELS.indexOf(env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()));
  for (const [method, level] of Object.entries(METHODS)) {
    const isSilent = LEVELS.indexOf(level) < lowest;
    console[method] = isSilent ? () => {} : (...values) => void process.stdout.write(lineOf(level, values) + "\n");
  }
}

function textLine(level, values) {
  return `${new Date().toISOString()}\t${currentInvocation.requestId}\t${level}\t${format(...values)}`;
}

function jsonLine(level, values) {
  const line = { timestamp: new Date().toISOString(), level, requestId: currentInvocation.requestId };
  if (values.length !== 1) return JSON.stringify({ ...line, message: format(...values), ...firstError(values) });
  try {
    return JSON.stringify({ ...line, message: values[0] }, (_, value) => (value instanceof Error ? errorMembers(value) : value));
  } catch {
    return JSON.stringify({ ...line, message: format(values[0]) });
  }
}

function firstError(values) {
  const error = values.find((value) => value instanceof Error);
  return error === undefined ? {} : errorMembers(error);
}

function errorMembers(error) {
  return {
    errorType: error.constructor?.name ?? "UnknownError",
    errorMessage: error.message,
    stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : [],
  };
}
