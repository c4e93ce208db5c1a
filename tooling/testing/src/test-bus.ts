import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BusLayout, busLayout } from '@quantbot/infra/bus';
import { type BusConfig, findBusConfig } from '@quantbot/infra/config';
import { temporaryFolder } from './temporary-folder.js';

/** The bus of a test, in a temporary folder. */
export interface TestBus {
  folder: string;
  configPath: string;
  config: BusConfig;
  layout: BusLayout;
}

/** Settings of `bus_config.json` with short intervals. */
const fast = { poll_interval_s: 0.2, lock_timeout_s: 5, export: { min_interval_s: 0, max_share: 1 } };

/** Writes a `bus_config.json` into a new temporary folder. No daemon has run there yet. */
export function makeTestBus(settings: Record<string, unknown> = {}): TestBus {
  return testBusIn(temporaryFolder(), settings);
}

/** {@link makeTestBus} in a folder that the caller has created. */
export function testBusIn(folder: string, settings: Record<string, unknown> = {}): TestBus {
  const configPath = join(folder, 'bus_config.json');
  writeFileSync(configPath, JSON.stringify({ ...fast, ...settings }));
  const { config } = findBusConfig({ config: configPath });
  return { folder, configPath, config, layout: busLayout(config.busRoot) };
}
