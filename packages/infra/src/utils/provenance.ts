import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const gitTimeoutMs = 5_000;

/** What a producer says of how its artifacts came about. */
export interface ProvenanceOptions {
  /** What the run was asked to do. */
  parameters?: Record<string, unknown>;
  /** Versions of what made the artifacts, by name. */
  tools?: Record<string, string>;
  /** Where the code lies whose commit is noted; the working folder when absent. */
  cwd?: string;
}

/**
 * Where artifacts come from, as it goes into a manifest: nothing in it names a person, a machine or
 * a path.
 */
export interface Provenance extends Record<string, unknown> {
  /** Absent outside of a git work tree. `dirty`: files that git knows have been changed since. */
  git?: { commit: string; dirty: boolean };
  parameters?: Record<string, unknown>;
  /** `node`, and what the caller named. */
  tools: Record<string, string>;
}

/**
 * Collects where a run's artifacts come from, for the option `provenance` of `submitArtifact`. It
 * never fails: what cannot be told is left out.
 *
 * @example
 * const tools = { 'my-strategy': '1.4.0' };
 * const provenance = await collectProvenance({ parameters: { window: 20 }, tools });
 */
export async function collectProvenance({ parameters, tools, cwd = '.' }: ProvenanceOptions = {}): Promise<Provenance> {
  const git = await gitOf(cwd);
  return {
    ...(git !== undefined && { git }),
    ...(parameters !== undefined && { parameters }),
    tools: { node: process.versions.node, ...tools },
  };
}

async function gitOf(cwd: string): Promise<Provenance['git']> {
  const git = async (...args: string[]) => (await run('git', args, { cwd, timeout: gitTimeoutMs })).stdout.trim();
  try {
    const commit = await git('rev-parse', 'HEAD');
    return { commit, dirty: (await git('status', '--porcelain', '--untracked-files=no')) !== '' };
  } catch {
    return undefined; // no git, no work tree, no commit yet
  }
}
