// Finding and loading the handler that "folder/module.function" names, as CommonJS or as an ECMAScript module.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { HandlerNotFound, ImportModuleError, MalformedHandlerName, UserCodeSyntaxError } from "./errors.mjs";

const require = createRequire(import.meta.url);
const NOT_FOUND_CODES = ["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"];

/** The function; throws errors with AWS's types and texts, and whatever the module itself throws. */
export async function loadHandler(taskRoot, name) {
  const { folder, moduleName, members } = parse(name);
  const module = await load(taskRoot, folder, moduleName);
  const handler = members.split(".").reduce((found, member) => found?.[member], module);
  if (handler === undefined || handler === null) throw new HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new HandlerNotFound(`${name} is not a function`);
  return handler;
}

function parse(name) {
  if (name.includes("..")) {
    const advice = "Use absolute paths when specifying root directories in handler names.";
    throw new MalformedHandlerName(`'${name}' is not a valid handler name. ${advice}`);
  }
  const file = path.basename(name);
  const match = file.match(/^([^.]*)\.(.*)$/);
  if (match === null) throw new MalformedHandlerName("Bad handler");
  return { folder: name.slice(0, name.length - file.length), moduleName: match[1], members: match[2] };
}

async function load(taskRoot, folder, moduleName) {
  try {
    return await loadFile(path.resolve(taskRoot, folder, moduleName), taskRoot, moduleName);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error);
    if (NOT_FOUND_CODES.includes(error?.code)) throw new ImportModuleError(error);
    throw error;
  }
}

/** The first that exists of the file as named, .js, .mjs and .cjs; otherwise what Node.js resolves the name to. */
async function loadFile(file, taskRoot, moduleName) {
  if (existsSync(`${file}.js`) && isModuleFolder(path.dirname(file))) return import(pathToFileURL(`${file}.js`));
  if (existsSync(`${file}.js`)) return require(`${file}.js`);
  if (existsSync(`${file}.mjs`)) return import(pathToFileURL(`${file}.mjs`));
  if (existsSync(`${file}.cjs`)) return require(`${file}.cjs`);
  return require(require.resolve(moduleName, { paths: [taskRoot, path.dirname(file)] }));
}

/** Whether the nearest package.json says that .js files are ECMAScript modules. */
function isModuleFolder(folder) {
  const description = path.join(folder, "package.json");
  if (existsSync(description)) return JSON.parse(readFileSync(description, "utf8")).type === "module";
  const parent = path.dirname(folder);
  return parent !== folder && isModuleFolder(parent);
}
