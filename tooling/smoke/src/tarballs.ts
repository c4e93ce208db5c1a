import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '../../..');

/** Returns the folder of a package. */
export const folderOf = (name: string): string => join(repository, 'packages', name);

/** The published packages. */
const published = readdirSync(join(repository, 'packages')).filter(name => {
  const text = readFileSync(join(folderOf(name), 'package.json'), 'utf8');
  return (JSON.parse(text) as { private?: boolean }).private !== true;
});

/** Packs all published packages like a release, and returns the tarballs by package. */
export function pack(into: string): Record<string, string> {
  const tarballs: Record<string, string> = {};
  for (const name of published) {
    run('pnpm', ['pack', '--pack-destination', into], folderOf(name));
    const file = readdirSync(into).find(candidate => candidate.startsWith(`quantbot-${name}-`));
    if (file === undefined) throw new Error(`@quantbot/${name} was not packed into ${into}.`);
    tarballs[name] = join(into, file);
  }
  return tarballs;
}

const maxMs = 240_000;

/** Runs a program to its end. If it fails, the error contains its output. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): string {
  try {
    return execFileSync(command, args, {
      cwd,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: maxMs,
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed in ${cwd}:\n${stdout}\n${stderr}`);
  }
}
