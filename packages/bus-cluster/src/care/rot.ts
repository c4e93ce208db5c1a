import { type Finding, finding, fine, many } from '@quantbot/bus-care/doctor';
import type { Objects } from '@quantbot/infra/objects';
import type { Queries } from '../postgres/postgres.js';
import { readClusterScrub } from '../upkeep.js';
import { compareOutcomes } from './compare-outcomes.js';

/** Doctor compares this many outcomes of each kind while a person waits. */
const maxOutcomes = 1000;

/** Shows what the last scrub found, and compares the outcomes of a small bus. */
export async function rot(postgres: Queries, objects: Objects): Promise<Finding[]> {
  const outcomes = await checkOutcomes(postgres, objects);
  const found = (await readClusterScrub(postgres))?.findings ?? [];
  // What was compared now may have been repaired since the scrub.
  const left = found.filter(({ code }) => outcomes === undefined || code !== 'OUTCOME_DAMAGED');
  const findings = left.map(({ what, detail, found_at }) =>
    finding(
      'FILE_DAMAGED',
      `${what} is damaged. A scrub found this at ${found_at}: ${detail}.`,
      'Repair it, then check it again: `quantbot-bus scrub`',
    ),
  );
  return [
    ...(outcomes ?? []),
    ...(findings.length > 0
      ? findings
      : [fine('rot', 'no scrub has found damage; `quantbot-bus verify` compares everything')]),
  ];
}

/** Returns undefined if there are many: `verify` and `scrub` compare all. */
async function checkOutcomes(postgres: Queries, objects: Objects): Promise<Finding[] | undefined> {
  const lists = ['receipts/', 'rejected/'].map(prefix => objects.list(prefix, { limit: maxOutcomes }));
  const { length } = (await Promise.all(lists)).flat();
  if (length > maxOutcomes) return undefined;
  const findings: Finding[] = [];
  for await (const { what, hurt } of compareOutcomes({ postgres, objects }))
    if (hurt !== undefined)
      findings.push(
        finding(
          'OUTCOME_DAMAGED',
          `${what} is damaged: ${hurt.detail}.`,
          '`quantbot-bus verify` lists all damaged objects',
        ),
      );
  return findings.length > 0 ? findings : [fine('outcomes', `${many(length, 'object')}, as the journal says`)];
}
