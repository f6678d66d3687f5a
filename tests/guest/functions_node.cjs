// Handlers of every kind that AWS allows; they run inside the runtime under test.

exports.callback = (event, context, callback) => {
  setTimeout(() => console.log("the loop is empty"), 10);
  callback(null, event);
};

exports.impatientCallback = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setTimeout(() => console.log("too late"), 60_000);
  callback(null, context.callbackWaitsForEmptyEventLoop);
};

exports.failedCallback = (event, context, callback) => callback(new RangeError("from the callback"));
exports.textCallback = (event, context, callback) => callback("just text");
exports.twice = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  callback(null, 1);
  callback(null, 2);
};

exports.promise = (event) => Promise.resolve(event);
exports.asynchronous = async (event) => event;
exports.nothing = () => {};
exports.asyncNothing = async () => {};
exports.never = async () => new Promise(() => {});
exports.succeed = (event, context) => context.succeed("succeeded");
exports.fail = (event, context) => context.fail(new Error("failed"));
exports.failWithoutReason = (event, context) => context.fail();
exports.done = (event, context) => context.done(null, "done");
exports.circular = async () => {
  const value = {};
  value.value = value;
  return value;
};

class OwnError extends Error {
  constructor(message) {
    super(message);
    this.name = "OwnError";
    this.code = "OWN";
  }
}

exports.throws = async () => {
  throw new OwnError("thrown");
};
exports.throwsAtOnce = () => {
  throw new OwnError("thrown");
};
exports.throwsObject = async () => {
  throw Object.create(null);
};
exports.rejectsUnseen = async () => {
  Promise.reject(new Error("unseen"));
  await new Promise((resolve) => setTimeout(resolve, 60_000));
};
exports.throwsLater = (event, context, callback) => {
  setTimeout(() => {
    throw new OwnError("later");
  }, 1);
};
exports.exits = async () => process.exit(3);

exports.describe = async (event, context) => ({
  ...context,
  left: context.getRemainingTimeInMillis() > 0,
  trace: process.env._X_AMZN_TRACE_ID,
});

exports.speak = async () => {
  console.log("text %s", "formatted", { a: 1 });
  console.info("info");
  console.warn("warn");
  console.error("two\nlines");
  console.debug("debug");
  console.trace("trace");
  console.log({ an: "object" });
  console.error("with", new OwnError("inside"));
  console.error(new OwnError("alone"));
};

exports.nested = { deep: { handler: async () => "nested" } };
exports.notAFunction = 3;

exports.streamed = awslambda.streamifyResponse(async (event, stream, context) => {
  stream.setContentType("text/plain");
  for (const piece of event) stream.write(piece);
  stream.end();
});

exports.streamedWithPrelude = awslambda.streamifyResponse(async (event, stream) => {
  const response = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: "b" } });
  response.write("body");
  response.end();
});

exports.streamFailsInside = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("begun");
  throw new OwnError("in the middle");
});

exports.streamFailsBefore = awslambda.streamifyResponse(async () => {
  throw new OwnError("before the first byte");
});
