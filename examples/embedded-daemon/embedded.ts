import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonError, readStatus, startDaemon } from '@quantbot/bus-daemon';
import { createLogger, findBusConfig } from '@quantbot/infra';

const { config } = findBusConfig();
const logger = createLogger({ name: 'my-program', level: 'warn' });

try {
  const daemon = await startDaemon({ config: { ...config, http: { ...config.http, listen: '127.0.0.1:0' } }, logger });
  console.log(`ingesting; dashboard on ${daemon.url}`);
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort());

  // Whatever else the program does goes here.
  while (!end.signal.aborted) {
    const { jobs, queue } = await readStatus(config);
    console.log(`${jobs?.ingested ?? 0} jobs ingested, ${queue.waiting} waiting`);
    await sleep(500, undefined, { signal: end.signal }).catch(() => {});
  }
  await daemon.stop(); // finishes the batch in hand
  console.log('ended');
} catch (error) {
  if (!(error instanceof DaemonError)) throw error;
  console.error(`${error.code}: ${error.message}\n${error.hint}`);
  process.exitCode = 1;
}
