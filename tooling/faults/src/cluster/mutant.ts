/**
 * Preloaded into a daemon of a cluster (`--import`), where it breaks the rule that
 * `QUANTBOT_MUTANT` names. The checker must notice every one of them.
 */
import { createRequire } from 'node:module';
import { clusterMutants } from './mutants.js';

const mutant = clusterMutants[process.env.QUANTBOT_MUTANT ?? ''];
if (mutant === undefined) throw new Error(`There is no mutant ${process.env.QUANTBOT_MUTANT}.`);
const { sql = same, duckdb = same, notification = same } = mutant;
const ofDaemon = createRequire(createRequire(import.meta.url).resolve('@quantbot/bus-daemon/package.json'));
const ofCluster = createRequire(ofDaemon.resolve('@quantbot/bus-cluster/package.json'));

function same(text: string): string {
  return text;
}

interface Patched {
  // biome-ignore lint/suspicious/noExplicitAny: the methods of two libraries, passed through
  prototype: Record<string, (this: unknown, first: any, ...more: unknown[]) => unknown>;
}

/** Rewrites the first argument of a method. */
function rewrite({ prototype }: Patched, method: string, change: (first: string) => string): void {
  const original = prototype[method] as (this: unknown, first: unknown, ...more: unknown[]) => unknown;
  prototype[method] = function (first, ...more) {
    return original.call(this, typeof first === 'string' ? change(first) : first, ...more);
  };
}

const { Client } = ofCluster('pg') as { Client: Patched };
rewrite(Client, 'query', sql);
const emit = Client.prototype.emit as (this: unknown, event: string, ...more: unknown[]) => unknown;
Client.prototype.emit = function (event, ...more) {
  const [first] = more as [{ payload: string }?];
  if (event !== 'notification' || first === undefined) return emit.call(this, event, ...more);
  return emit.call(this, event, { ...first, payload: notification(first.payload) });
};

const { DuckDBConnection } = ofDaemon('@duckdb/node-api') as { DuckDBConnection: Patched };
for (const method of ['run', 'runAndReadAll']) rewrite(DuckDBConnection, method, duckdb);
