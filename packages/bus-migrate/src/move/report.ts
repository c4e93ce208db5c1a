import type { StoreProblem } from '@quantbot/bus-care/verify';
import { daemonError } from '@quantbot/bus-format';
import type { BusConfig } from '@quantbot/infra/config';

/** The result of a move. */
export interface MoveReport {
  from: string;
  to: string;
  busId: string;
  /** The last job. */
  lastSeq: number;
  /** Jobs that this run has moved. An earlier run may have moved others. */
  jobs: number;
  artifacts: number;
  bytes: number;
  receipts: number;
  rejected: number;
  /** Submissions that wait in the old bus. They were not moved. */
  waiting: number;
}

/** Returns the place of a bus, for people. */
export const placeOf = ({ cluster, busRoot }: BusConfig): string => cluster?.objects ?? busRoot;

/** Returns the report as text, with the next steps. */
export function describeMove(report: MoveReport): string {
  const { from, to, busId, lastSeq, jobs, artifacts, bytes, receipts, rejected, waiting } = report;
  return [
    `moved the bus ${busId} from ${from} to ${to}`,
    `  ${jobs} jobs up to seq ${lastSeq}, ${artifacts} artifacts, ${bytes} bytes, ${receipts} receipts, ${rejected} rejected jobs`,
    'Every row and every file was compared. The old bus is as it was.',
    '',
    'Next:',
    ...(waiting > 0
      ? [`  ${waiting} submissions wait in the old bus: start its daemon with --drain, and run this command again`]
      : []),
    '  1. Point producers and readers to the new configuration',
    '  2. quantbot-bus start, with the new configuration',
    '  3. Keep the old bus until you have seen the new one work. Start no daemon on it any more: the two would diverge',
  ].join('\n');
}

/** @throws DaemonError `MOVE_MISMATCH` if the new bus differs from the old one. */
export function mustBeSame(problems: readonly Pick<StoreProblem, 'code' | 'what' | 'detail'>[]): void {
  if (problems.length > 0)
    throw daemonError('MOVE_MISMATCH', 'The new bus is not like the old one.', {
      details: problems.slice(0, 20).map(({ code, what, detail }) => `${code} ${what}: ${detail}`),
    });
}
