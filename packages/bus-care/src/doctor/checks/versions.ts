import { version as duckdbVersion } from '@duckdb/node-api';
import { version } from '@quantbot/bus-format/version';
import { layoutVersion } from '@quantbot/infra/bus';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';

/** The minimum in `engines` of package.json. */
const oldestNode = [20, 19] as const;

/** Returns whether a version of Node.js, such as `20.19.0`, is too old. */
export function isTooOld(node: string): boolean {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  return major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1]);
}

/** Checks the version of Node.js, and of the daemon that published the database. */
export async function versions(bus: ExaminedBus): Promise<Finding[]> {
  const { node } = process.versions;
  const ours = `quantbot-bus ${version} with DuckDB ${duckdbVersion()}`;
  const published = await bus.published();
  const theirs =
    published === undefined ? ours : `quantbot-bus ${published.daemonVersion} with DuckDB ${published.duckdbVersion}`;
  const findings: Finding[] = [];
  if (isTooOld(node))
    findings.push(
      finding(
        'NODE_TOO_OLD',
        `This is Node.js ${node}; ${oldestNode.join('.')} or newer is needed.`,
        'Install a newer Node.js, and start the daemon with it',
      ),
    );
  if (theirs !== ours)
    findings.push(
      finding(
        'OTHER_VERSION',
        `The database was published by ${theirs}; this is ${ours}.`,
        `Use one version for both: ${bus.restart()} (the daemon publishes again at its start)`,
      ),
    );
  return orFine(findings, 'versions', `${ours}, Node.js ${node}, bus format ${layoutVersion}`);
}
