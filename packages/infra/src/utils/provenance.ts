import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const gitTimeoutMs = 5_000;

/** The options of {@link collectProvenance}. */
export interface ProvenanceOptions {
  /** The parameters of the run. */
  parameters?: Record<string, unknown>;
  /** Versions of the tools that wrote the artifacts, by name. */
  tools?: Record<string, string>;
  /** The folder of the code whose commit is recorded; the working folder by default. */
  cwd?: string;
}

/** The origin of artifacts, for a manifest. It names no person, machine or path. */
export interface Provenance extends Record<string, unknown> {
  /** Absent outside a git work tree. `dirty`: tracked files have changed since the commit. */
  git?: { commit: string; dirty: boolean };
  parameters?: Record<string, unknown>;
  /** `node`, and what the caller named. */
  tools: Record<string, string>;
}

/**
 * Collects the origin of a run's artifacts, for the option `provenance` of `submitArtifact`. It
 * never fails: unknown facts are left out.
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
