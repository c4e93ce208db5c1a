import { workInBackground } from '../background/process.js';
import { followLineage } from './follow.js';
import { openSource } from './source.js';

workInBackground('bus_openlineage', async (config, send) => {
  if (config.openlineage === undefined) return;
  const never = new AbortController(); // the daemon kills the process
  await followLineage(await openSource(config), config.openlineage, { tell: send, signal: never.signal });
});
