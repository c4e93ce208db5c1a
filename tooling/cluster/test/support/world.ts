import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Daemon, startDaemon } from '@quantbot/bus-daemon';
import { createLogger } from '@quantbot/infra';
import { findBusConfig } from '@quantbot/infra/config';
import { type SubmitArtifactOptions, submitArtifact } from '@quantbot/infra/utils';
import { startPostgres } from '@quantbot/tooling-servers/postgres';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { type CommandResult, runInProcess } from '@quantbot/tooling-testing/command-line';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { sharedFolder } from '@quantbot/tooling-testing/temporary-folder';
import { afterAll, beforeAll, describe, expect } from 'vitest';

const extensions = duckdbExtensions();
/** The token of a bus whose `http.token_file` is `token`. */
export const worldToken = 'a-token-of-a-test-0123456789';

const logger = createLogger({ name: 'test', level: 'silent' });

/** A bus, on one machine or of a cluster, with a daemon that runs in this process. */
export interface World {
  kind: 'one machine' | 'a cluster';
  folder: string;
  /** `bus_config.json`. */
  config: string;
  /** The root to which producers submit. */
  root: string;
  daemon: Daemon;
  /** Submits the result of a SELECT. */
  submit(options: Partial<SubmitArtifactOptions> & { select: string }): ReturnType<typeof submitArtifact>;
  command(...args: string[]): Promise<CommandResult>;
  /** Runs a command, expects success, and returns its output. */
  done(...args: string[]): Promise<string>;
  /** Sends a request to the daemon's server: POST with a body, otherwise GET. */
  ask(path: string, body?: unknown): Promise<{ status: number; json: unknown; text: string }>;
  /** Stops the daemon and starts another, with other settings. */
  restart(settings?: object): Promise<void>;
}

/**
 * Runs a suite on one machine and on a cluster. All of its tests share one bus, which `prepare`
 * fills.
 */
export function describeBothWorlds(
  settings: object,
  prepare: (world: World) => Promise<void>,
  suite: (world: () => World) => void,
  tags: string[] = [],
): void {
  describe.each(['one machine', 'a cluster'] as const)('%s', { tags }, kind => {
    describe.skipIf(kind === 'a cluster' && 'missing' in extensions)('the bus', () => {
      let world: World & { close(): Promise<void> };
      beforeAll(async () => {
        world = await openWorld(kind, settings);
        await prepare(world);
      });
      afterAll(() => world?.close());
      suite(() => world);
    });
  });
}

async function openWorld(kind: World['kind'], settings: object): Promise<World & { close(): Promise<void> }> {
  const { folder, remove } = sharedFolder();
  const postgres = kind === 'a cluster' ? await startPostgres() : undefined;
  const objects = join(folder, 'objects');
  mkdirSync(objects);
  const cluster = postgres && {
    postgres: await postgres.newDatabase(),
    objects: pathToFileURL(objects).href,
    extensions: (extensions as { folder: string }).folder,
    work_dir: folder,
    lease_s: 2,
  };
  const common = { poll_interval_s: 0.1, http: { listen: '127.0.0.1:0' }, export: { min_interval_s: 0, max_share: 1 } };
  const config = join(folder, 'bus_config.json');
  const configure = (more: object) =>
    writeFileSync(config, JSON.stringify({ ...common, ...(cluster && { cluster }), ...settings, ...more }));
  const start = () => startDaemon({ config: findBusConfig({ config }).config, logger, tellSystemd: true });
  const command = (...args: string[]) => runInProcess([...args, '--config', config], folder);
  const done = async (...args: string[]) => {
    const { code, stdout, stderr } = await command(...args);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  writeFileSync(join(folder, 'token'), worldToken);
  configure({});
  if (cluster !== undefined) await done('cluster', 'init');
  const root = cluster?.objects ?? join(folder, 'data/bus');
  const world: World & { close(): Promise<void> } = {
    kind,
    folder,
    config,
    root,
    daemon: await start(),
    submit: async ({ select, ...options }) =>
      submitArtifact({
        busRoot: root,
        runId: 'run-1',
        producer: 'p',
        kind: 'k',
        artifactId: 'a',
        parquetPath: await writeSelect(join(folder, 'produced'), select),
        ...options,
      }),
    command,
    done,
    async ask(path, body) {
      const answer = await fetch(
        `${world.daemon.url}${path}`,
        body === undefined
          ? {}
          : { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } },
      );
      const text = await answer.text();
      return { status: answer.status, text, json: text.startsWith('{') ? JSON.parse(text) : undefined };
    },
    async restart(more = {}) {
      await world.daemon.stop();
      configure(more);
      world.daemon = await start();
    },
    async close() {
      await world.daemon.stop();
      await postgres?.stop();
      await remove();
    },
  };
  return world;
}
