#!/usr/bin/env node
// Adds up the JSON reports that every package's test runs leave. Prints each failed test with the
// beginning of its message, and then `N passed, N failed[, N skipped]`.
import { readReports } from './read-reports.mjs';

const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
for (const { folder, report } of readReports()) {
  total.passed += report.numPassedTests;
  total.failed += report.numFailedTests;
  total.skipped += report.numPendingTests + report.numTodoTests;
  for (const { name, status, message, assertionResults } of report.testResults) {
    const file = name.slice(name.indexOf(folder));
    for (const test of assertionResults.filter(t => t.status === 'failed'))
      failures.push([file, test.fullName, test.failureMessages[0]]);
    // A file that could not even be loaded has no failed test of its own.
    if (status === 'failed' && assertionResults.length === 0) {
      total.failed += 1;
      failures.push([file, 'the file could not be loaded', message]);
    }
  }
}
for (const [file, test, message] of failures) {
  const [beginning] = String(message)
    .trim()
    .split(/\n\s+at /);
  console.log(`FAILED: ${file}: ${test}\n    ${beginning.slice(0, 600).replaceAll('\n', '\n    ')}`);
}
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
