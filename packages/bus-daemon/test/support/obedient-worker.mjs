// A worker process that does what the path of the first file says: echo, die, crash, hang, leave words and die, spill.
import { mkdirSync, writeFileSync } from 'node:fs';

process.on('disconnect', () => process.exit(0));
process.on('message', ({ id, task }) => {
  const [order] = task.files.map(file => file.path);
  if (order === 'die') process.kill(process.pid, 'SIGKILL');
  else if (order === 'spill') {
    mkdirSync(`${process.argv[3]}-0`);
    writeFileSync(`${process.argv[3]}-0/duckdb_temp_storage-0.tmp`, 'x');
    process.send({ id, result: process.argv[3] });
  } else if (order === 'crash') process.kill(process.pid, 'SIGSEGV');
  else if (order === 'last words') {
    console.error('out of everything');
    process.exit(3);
  } else if (order === 'fail') process.send({ id, error: 'as ordered' });
  else if (order !== 'hang') process.send({ id, result: `${process.pid} ${order}` });
});
