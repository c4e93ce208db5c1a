import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { DaemonError } from '@quantbot/bus-format';
import { type BusConfig, withVariables as clusterVariables, type NotifyHook } from '@quantbot/infra/config';
import { tellOnce } from './deliver.js';
import { DeliveryError } from './delivery-error.js';
import type { NotificationDocument } from './notification.js';
import { type Variables, withVariables } from './variables.js';

/** The result of a test notification. */
export interface HookTest {
  name: string;
  type: 'command' | 'webhook';
  ok: boolean;
  /** The reason of a failure. */
  error: string | null;
  /** The beginning of the answer or output after a failure. */
  output: string | null;
}

/** Sends each hook one notification with the event `test`, whatever its `on` says. */
export function testHooks(config: BusConfig, hooks: readonly NotifyHook[], env: Variables): Promise<HookTest[]> {
  return Promise.all(hooks.map(hook => testHook(config, hook, env)));
}

async function testHook(config: BusConfig, hook: NotifyHook, env: Variables): Promise<HookTest> {
  const about = { name: hook.name, type: hook.target.type };
  try {
    await tellOnce(withVariables(hook, env), testDocument(hook, rootOf(config)), new AbortController().signal);
    return { ...about, ok: true, error: null, output: null };
  } catch (error) {
    if (error instanceof DeliveryError) return { ...about, ok: false, error: error.message, output: error.output };
    if (error instanceof DaemonError) return { ...about, ok: false, error: error.message, output: null };
    throw error;
  }
}

const rootOf = ({ busRoot, cluster }: BusConfig): string =>
  cluster === undefined ? busRoot : clusterVariables(cluster.objects);

function testDocument({ name }: NotifyHook, busRoot: string): NotificationDocument {
  const host = hostname();
  return {
    version: 1,
    id: randomUUID(),
    event: 'test',
    hook: name,
    at: new Date().toISOString(),
    host,
    bus_root: busRoot,
    text: `A test of the hook ${name}; nothing has happened (${busRoot} on ${host})`,
  };
}
