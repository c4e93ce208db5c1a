import { spawnSync } from 'node:child_process';

/** Where a daemon runs, and under which addresses it meets PostgreSQL and the object store. */
export interface Host {
  /** What comes before its command. */
  prefix: readonly string[];
  postgres: string;
  objects: string;
  /**
   * Takes the cable to a server out or puts it back: packets vanish, and no connection is told of
   * it. Undefined where this machine has no network namespaces.
   */
  cable: ((to: 'postgres' | 'objects', isIn: boolean) => void) | undefined;
  remove(): void;
}

const plain: Host = { prefix: [], postgres: '127.0.0.1', objects: '127.0.0.1', cable: undefined, remove: () => {} };

/** Why there are no network namespaces; undefined if there are. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'they need Linux and root';
  const name = `qbt${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name]);
  if (made.status !== 0) return String(made.stderr ?? made.error);
  const linked = spawnSync('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', 'x', 'netns', name]);
  spawnSync('ip', ['netns', 'del', name]);
  return linked.status === 0 ? undefined : String(linked.stderr);
}

/** A network namespace as a host, with a cable to each server; or this machine itself. */
export function makeHost(index: number, inNamespaces: boolean): Host {
  if (!inNamespaces) return plain;
  const name = `qb${process.pid}n${index}`;
  ip('netns', 'add', name);
  const subnet = 8 * (index + 32 * (process.pid % 2048));
  const cables = (['postgres', 'objects'] as const).map((to, n) => {
    const outside = `qb${process.pid}${to[0]}${index}`;
    const [here, there] = [address(subnet + 4 * n + 1), address(subnet + 4 * n + 2)];
    ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', to, 'netns', name);
    ip('addr', 'add', `${here}/30`, 'dev', outside);
    ip('link', 'set', outside, 'up');
    ip('-n', name, 'addr', 'add', `${there}/30`, 'dev', to);
    ip('-n', name, 'link', 'set', to, 'up');
    return { outside, here };
  });
  ip('-n', name, 'link', 'set', 'lo', 'up');
  const [postgres, objects] = cables as [(typeof cables)[0], (typeof cables)[0]];
  return {
    prefix: ['ip', 'netns', 'exec', name],
    postgres: postgres.here,
    objects: objects.here,
    cable: (to, isIn) => ip('link', 'set', (to === 'postgres' ? postgres : objects).outside, isIn ? 'up' : 'down'),
    remove: () => void spawnSync('ip', ['netns', 'del', name]),
  };
}

/** An address of 10.64.0.0/10. */
const address = (n: number): string => `10.${64 + ((n >> 16) & 63)}.${(n >> 8) & 255}.${n & 255}`;

function ip(...args: string[]): void {
  const done = spawnSync('ip', args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`ip ${args.join(' ')}: ${done.stderr || done.error}`);
}
