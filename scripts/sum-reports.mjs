#!/usr/bin/env node
// Adds up the JSON reports that every package's test run leaves, and prints
// `N passed, N failed[, N skipped]`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const total = { passed: 0, failed: 0, skipped: 0 };
const packages = ['packages', 'tooling'].flatMap(group =>
  readdirSync(join(root, group)).map(name => join(group, name)),
);
for (const name of [...packages, 'examples']) {
  const folder = join(root, name, 'reports');
  if (!existsSync(folder)) continue;
  for (const file of readdirSync(folder).filter(report => report.endsWith('.json'))) {
    const report = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    total.passed += report.numPassedTests;
    // A file that could not even be loaded has no failed test of its own.
    const brokenFiles = report.testResults.filter(r => r.status === 'failed' && r.assertionResults.length === 0);
    total.failed += report.numFailedTests + brokenFiles.length;
    total.skipped += report.numPendingTests + report.numTodoTests;
  }
}
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
