/**
 * A real power cut. The bus is on an ext4 image. Under load, the file system is shut down without
 * flushing its log (the FS_IOC_SHUTDOWN ioctl), so that everything unsynced is lost. Then it is
 * mounted again, the daemon starts, and the checker compares. The ledger is on another file system.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkBus } from './checker.js';
import { readLedger } from './ledger.js';
import type { Random } from './random.js';

const imageMb = 512;
const shutDown = `
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(fd, 0x8004587d, struct.pack("I", 2))  # FS_IOC_SHUTDOWN, without flushing the log
`;

import { busConfig } from './make-bus.js';
import { drain, mustEndWell, type Sabotage, startDaemon, startProducer } from './processes.js';
import type { RoundResult } from './rounds.js';

/** Returns why this machine cannot try a power cut; undefined if it can. */
export async function whyNoPowerCut(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'it needs root';
  if (!existsSync('/sbin/mkfs.ext4')) return 'there is no mkfs.ext4';
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-power-'));
  try {
    const image = makeImage(folder);
    mount(image, folder);
    await unmount(folder);
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[0];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Cuts the power once under load, and checks the bus afterwards. */
export async function cutPower(random: Random, sabotage: Sabotage = {}): Promise<RoundResult> {
  const folder = mkdtempSync(join(tmpdir(), 'quantbot-power-'));
  const image = makeImage(folder);
  mount(image, folder);
  const problems: string[] = [];
  try {
    mkdirSync(join(folder, 'disk/data'));
    symlinkSync(join(folder, 'disk/data'), join(folder, 'data'));
    writeFileSync(join(folder, 'bus_config.json'), JSON.stringify(busConfig));
    await drain(folder);
    await mustEndWell(startProducer(folder, 'first', 1, 1), 'the first producer');
    await drain(folder);
    const daemon = startDaemon(folder, sabotage);
    const producers = [0, 1, 2].map(p =>
      startProducer(folder, `p${p}`, 400, random.int(1, 1e9), { forgets: true, ...sabotage }),
    );
    await sleep(random.int(800, 4000));
    execFileSync('python3', ['-c', shutDown, join(folder, 'disk')]);
    for (const running of [daemon, ...producers]) running.kill('SIGKILL');
    await Promise.all([daemon, ...producers].map(running => running.ended));
    await unmount(folder);
    // A mount namespace of another test may still hold the old mount. The kernel would then mount
    // the image as the file system that was shut down.
    const found = join(folder, 'found.img');
    execFileSync('cp', ['--sparse=always', image, found]);
    mount(found, folder);
    const submitted = readLedger(join(folder, 'ledger.jsonl'));
    for (let restart = 0; restart < 2; restart++)
      try {
        await drain(folder);
        problems.push(...(await checkBus(join(folder, 'data'), submitted)));
      } catch (error) {
        problems.push(String(error));
      }
    return {
      name: 'a power cut',
      kills: 1,
      problems,
      jobs: [...submitted.values()].filter(job => job.acknowledged).length,
    };
  } finally {
    await unmount(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeImage(folder: string): string {
  const image = join(folder, 'disk.img');
  execFileSync('truncate', ['-s', `${imageMb}M`, image]);
  execFileSync('/sbin/mkfs.ext4', ['-q', '-F', image], { stdio: 'pipe' });
  mkdirSync(join(folder, 'disk'), { recursive: true });
  return image;
}

const mount = (image: string, folder: string): Buffer =>
  execFileSync('mount', ['-o', 'loop', image, join(folder, 'disk')], { stdio: 'pipe' });

/** Unmounts the disk, once the last killed process has let go of it. */
async function unmount(folder: string): Promise<void> {
  const disk = join(folder, 'disk');
  const until = Date.now() + 30_000;
  while (isMounted(disk))
    try {
      execFileSync('umount', [disk], { stdio: 'pipe' });
    } catch (error) {
      if (Date.now() > until) throw error;
      await sleep(20);
    }
}

const isMounted = (path: string): boolean =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some(line => line.split(' ')[1] === path);
