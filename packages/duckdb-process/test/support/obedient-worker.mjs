// A worker process that does what the path of the first file says: echo, die, crash, hang, spin,
// fill memory, be busy, rest, leave words and die, spill. One that is called doomed dies of any
// task.
import { mkdirSync, writeFileSync } from 'node:fs';

process.on('disconnect', () => process.exit(0));
process.on('message', ({ id, task }) => {
  const [order] = task.files?.map(file => file.path) ?? [];
  if (order === 'die' || process.argv[2] === 'doomed') process.kill(process.pid, 'SIGKILL');
  else if (order === 'spill') {
    mkdirSync(`${process.argv[3]}-0`);
    writeFileSync(`${process.argv[3]}-0/duckdb_temp_storage-0.tmp`, 'x');
    process.send({ id, result: process.argv[3] });
  } else if (order === 'crash') process.kill(process.pid, 'SIGSEGV');
  else if (order === 'spin') while (true);
  else if (order === 'fill') {
    const kept = [];
    const more = () => setTimeout(more, 10, kept.push(Buffer.alloc(20_000_000, 1)));
    more();
  } else if (order === 'busy') {
    const until = process.cpuUsage().user + 300_000;
    while (process.cpuUsage().user < until);
    process.send({ id, result: order });
  } else if (order === 'rest') setTimeout(() => process.send({ id, result: `${process.pid} ${order}` }), 1_000);
  else if (order === 'last words') {
    console.error('out of everything');
    process.exit(3);
  } else if (order === 'fail') process.send({ id, error: 'as ordered' });
  else if (order !== 'hang') process.send({ id, result: `${process.pid} ${order}` });
});
