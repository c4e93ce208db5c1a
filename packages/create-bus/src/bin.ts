#!/usr/bin/env node
// An old Node.js must be able to read this file: it imports nothing, and its syntax is that of
// 2015.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 20 || (major === 20 && minor >= 19)) import('./main.js');
else {
  console.error(`create-bus needs Node.js 20.19 or newer, and this is ${process.versions.node}: install a newer one.`);
  process.exitCode = 1;
}
