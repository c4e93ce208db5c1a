#!/usr/bin/env node
// Adds up the JSON reports that every package's test runs leave, and prints
// `N passed, N failed[, N skipped]`.
import { readReports } from './read-reports.mjs';

const total = { passed: 0, failed: 0, skipped: 0 };
for (const { report } of readReports()) {
  total.passed += report.numPassedTests;
  // A file that could not even be loaded has no failed test of its own.
  const brokenFiles = report.testResults.filter(r => r.status === 'failed' && r.assertionResults.length === 0);
  total.failed += report.numFailedTests + brokenFiles.length;
  total.skipped += report.numPendingTests + report.numTodoTests;
}
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
