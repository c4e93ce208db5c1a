// Makes a process believe that it runs on macOS: it says so, and has no /proc. Import it before
// everything else (NODE_OPTIONS=--import=…).
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';

// DuckDB's native code is chosen by the platform.
createRequire(import.meta.url)('@duckdb/node-api');
Object.defineProperty(process, 'platform', { value: 'darwin' });

const isProc = path => typeof path === 'string' && /^\/proc(\/|$)/.test(path);
const missing = path => Object.assign(new Error(`ENOENT: no such file, open '${path}'`), { code: 'ENOENT' });

const { existsSync } = fs;
fs.existsSync = path => !isProc(path) && existsSync(path);
for (const name of ['lstatSync', 'openSync', 'readFileSync', 'readdirSync', 'readlinkSync', 'statSync']) {
  const real = fs[name];
  const own = (path, ...rest) => {
    if (!isProc(path)) return real(path, ...rest);
    if (rest.at(-1)?.throwIfNoEntry === false) return undefined;
    throw missing(path);
  };
  fs[name] = Object.assign(own, real);
}
for (const name of ['copyFile', 'lstat', 'open', 'readFile', 'readdir', 'readlink', 'stat']) {
  const real = fs.promises[name];
  fs.promises[name] = async (path, ...rest) => {
    if (isProc(path)) throw missing(path);
    return real(path, ...rest);
  };
}
syncBuiltinESMExports();
