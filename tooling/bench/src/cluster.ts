import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { duckdbExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { daemonCli } from './bus.js';
import { watchCpu } from './memory.js';

/** For `--require`: the registries have extensions for one version of DuckDB only. */
const hook = fileURLToPath(import.meta.resolve('@quantbot/tooling-testing/cluster/duckdb-with-extensions'));

/** The environment of programs that open a lake. */
export const lakeEnv = { NODE_OPTIONS: `--require ${hook}` };

/** A cluster with objects in a folder. */
export interface BenchCluster {
  folder: string;
  /** What producers submit to. */
  root: string;
  config: string;
}

/** Why there can be no cluster here; undefined if there can. */
export function whyNoCluster(): string | undefined {
  const extensions = duckdbExtensions();
  return 'missing' in extensions ? extensions.missing : undefined;
}

/** Makes a cluster on an empty database. */
export async function makeCluster(folder: string, postgres: string, settings: object = {}): Promise<BenchCluster> {
  const objects = join(folder, 'objects');
  mkdirSync(objects, { recursive: true });
  const found = duckdbExtensions();
  const extensions = 'folder' in found ? found.folder : undefined;
  const cluster = { folder, root: `file://${objects}`, config: join(folder, 'bus_config.json') };
  writeFileSync(
    cluster.config,
    JSON.stringify({
      cluster: { postgres, objects: cluster.root, extensions, work_dir: folder },
      export: { enabled: false },
      ...settings,
    }),
  );
  const child = spawnCommand(cluster, ['cluster', 'init']);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`cluster init ended with ${code}`);
  return cluster;
}

const spawnCommand = (cluster: BenchCluster, args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [daemonCli, ...args, '--config', cluster.config], {
    env: { ...process.env, ...lakeEnv },
    stdio: ['ignore', 'ignore', 'pipe'],
  });

/** Where the kernel keeps shares of the processor: version 2 or 1 of control groups. */
const cpuGroups = [
  { folder: '/sys/fs/cgroup', limit: 'cpu.max', isThere: () => existsSync('/sys/fs/cgroup/cpu.max') },
  { folder: '/sys/fs/cgroup/cpu', limit: 'cpu.cfs_quota_us', isThere: () => existsSync('/sys/fs/cgroup/cpu/tasks') },
].find(({ isThere }) => isThere());

const periodUs = 100_000;

/** Why daemons cannot have a share of the processor each; undefined if they can. */
export const whyNoShares = (): string | undefined =>
  cpuGroups === undefined || process.getuid?.() !== 0 ? 'control groups for the processor need root' : undefined;

/** Holds a process and its children to a share of one core. Returns what ends the group. */
function holdTo(pid: number, cores: number): () => void {
  if (cpuGroups === undefined) throw new Error('there are no control groups here');
  const group = join(cpuGroups.folder, `quantbot-bench-${pid}`);
  mkdirSync(group);
  const quota = Math.round(cores * periodUs);
  writeFileSync(join(group, cpuGroups.limit), cpuGroups.limit === 'cpu.max' ? `${quota} ${periodUs}` : `${quota}`);
  writeFileSync(join(group, 'cgroup.procs'), String(pid));
  return () => rmdirSync(group);
}

/** What daemons of a cluster did until nothing waited. */
export interface ClusterDrained {
  /** From the moment at which all took jobs until the last has ended. */
  seconds: number;
  /** Processor time of all daemons and their processes, start included (seconds). */
  cpuSeconds: number;
}

/** Runs daemons until nothing waits any more. */
export async function drainCluster(
  cluster: BenchCluster,
  { daemons, cores }: { daemons: number; cores?: number },
): Promise<ClusterDrained> {
  const running = Array.from({ length: daemons }, () => {
    const child = spawnCommand(cluster, ['start', '--drain']);
    const cpuSeconds = watchCpu(child.pid as number); // a daemon that ends does not wait for its processes
    const release = cores === undefined ? () => {} : holdTo(child.pid as number, cores);
    const ready = new Promise<void>(resolve =>
      child.stderr?.on('data', (text: Buffer) => text.includes('bus daemon ready') && resolve()),
    );
    return { ready, ended: once(child, 'close').then(([code]) => ({ code, release, cpuSeconds: cpuSeconds() })) };
  });
  await Promise.all(running.map(({ ready }) => ready));
  const from = performance.now();
  const all = await Promise.all(running.map(({ ended }) => ended));
  for (const { code, release } of all) {
    if (code !== 0) throw new Error(`A daemon ended with ${code}`);
    release();
  }
  const seconds = (performance.now() - from) / 1000;
  return { seconds, cpuSeconds: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) };
}

/** Starts a daemon and waits until it is ready. */
export async function startClusterDaemon(cluster: BenchCluster): Promise<{ stop(): Promise<void> }> {
  const child = spawnCommand(cluster, ['start']);
  await new Promise<void>((resolve, reject) => {
    child.once('exit', code => reject(new Error(`The daemon ended with ${code}`)));
    child.stderr?.on('data', (text: Buffer) => text.includes('bus daemon ready') && resolve());
  });
  return {
    stop: async () => {
      child.removeAllListeners('exit');
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}
