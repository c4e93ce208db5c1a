// Opens, queries and closes a database read-only, repeatedly until standard input ends. Then it
// reports errors and results.
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';

const report = { opens: 0, errors: [], monotonic: true };
let stopping = false;
let seen = 0;
process.stdin.on('end', () => {
  stopping = true;
});
process.stdin.resume();
while (!stopping) {
  try {
    const instance = await DuckDBInstance.create(process.argv[2], { access_mode: 'READ_ONLY', threads: '1' });
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll('SELECT count(*) AS n FROM catalog.artifacts_f');
    const n = Number(reader.getRows()[0][0]);
    if (n < seen) report.monotonic = false;
    seen = n;
    connection.closeSync();
    instance.closeSync();
    report.opens++;
  } catch (error) {
    report.errors.push(error.message);
  }
  await sleep(20);
}
console.log(JSON.stringify(report));
