// For `node --require`: loads the version of DuckDB that has extensions in the registries. Two
// versions in one process would share one library, because it has the same name.
const Module = require('node:module');
const { dirname } = require('node:path');

const api = require.resolve('@duckdb/node-api-with-extensions');
const bindings = Module.createRequire(api).resolve('@duckdb/node-bindings');
const fromBindings = Object.assign(new Module(bindings), {
  filename: bindings,
  paths: Module._nodeModulePaths(dirname(bindings)),
});
const original = Module._resolveFilename;

Module._resolveFilename = function resolve(request, parent, ...rest) {
  const isNative = typeof request === 'string' && request.startsWith('@duckdb/node-bindings-');
  return original.call(this, request, isNative ? fromBindings : parent, ...rest);
};
