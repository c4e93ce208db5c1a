// A thread for files that does what the folder of the first order says: echo, die, fail; hang it
// cannot be told.
import { parentPort, threadId } from 'node:worker_threads';

parentPort.on('message', text => {
  const { id, task } = JSON.parse(text);
  const [{ folder: order }] = task.orders;
  if (order === 'die') process.exit(3);
  if (order === 'fail') throw new Error('as ordered');
  parentPort.postMessage(JSON.stringify({ id, results: task.orders.map(() => `${threadId} ${order}`) }));
});
