import { keysOfRule, keysOfRun, partsOf, type SelectableJournal } from '@quantbot/bus-care/forget';
import type { ForgetOutcome } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import type { BusConfig, RetentionRule } from '@quantbot/infra/config';
import type { Command } from 'commander';
import { withClusterPackage } from '../../cluster-package.js';
import { withForgetting } from '../../writer/forgetting.js';
import { operate } from '../operate.js';
import { type CommonOptions, configOf, openedBus, print } from '../shared.js';
import { whoAsks } from '../who-asks.js';

const timeoutMs = 600_000;

/** The options of `quantbot-bus forget`. */
interface ForgetOptions extends CommonOptions {
  run?: string;
  rule?: string | true;
  apply?: boolean;
  force?: boolean;
  rows?: 'default' | 'drop';
  reason?: string;
}

/**
 * `quantbot-bus forget`: shows what would go, how many bytes, and what protects the rest. With
 * `--apply`, the daemon decides again and forgets.
 */
export async function forgetCommand(keys: string[], options: ForgetOptions, command: Command): Promise<void> {
  const given = [keys.length > 0, options.run !== undefined, options.rule !== undefined].filter(Boolean).length;
  if (given !== 1) return command.error('error: name keys, or --run, or --rule');
  const config = configOf(options).cluster === undefined ? await openedBus(options) : configOf(options);
  const manner = { force: options.force ?? false, rows: options.rows ?? ('default' as const) };
  const outcomes = await withClusterPackage(() =>
    withForgetting(config, async ({ journal, preview }) =>
      preview(await chosen(config, journal, keys, options), manner),
    ),
  );
  const going = outcomes.filter(({ status }) => status === 'forgotten').map(({ key }) => key);
  if (!options.apply) {
    print(options, { applied: false, keys: outcomes }, () => describe(outcomes, false));
    return;
  }
  const spared = outcomes.filter(({ status }) => status !== 'forgotten');
  const done: ForgetOutcome[] = [...spared];
  const who = { reason: options.reason ?? reasonOf(options), by: whoAsks() };
  for (const part of partsOf(going)) {
    const op = { type: 'forget' as const, artifact_keys: part, ...manner, ...who };
    done.push(...((await operate(config, op, timeoutMs)).forget ?? []));
  }
  print(options, { applied: true, keys: done }, () => describe(done, true));
  // A rule takes what may go. Who names artifacts expects all of them to go.
  if (options.rule === undefined && done.some(({ status }) => !isGone(status))) process.exitCode = 2;
}

/** `quantbot-bus keep`: protects artifacts from being forgotten, or ends that. */
export async function keepCommand(
  keys: string[],
  options: CommonOptions & { off?: boolean; reason?: string },
): Promise<void> {
  const config = configOf(options);
  const keep = options.off !== true;
  let seq = 0;
  for (const part of partsOf(keys)) {
    const op = { type: 'keep' as const, artifact_keys: part, keep, reason: options.reason ?? null, by: whoAsks() };
    seq = (await operate(config, op, timeoutMs)).seq;
  }
  print(options, { keys, keep, seq }, () =>
    keys.map(key => `${key} ${keep ? 'is kept' : 'is not kept any more'} as of seq ${seq}`).join('\n'),
  );
}

async function chosen(
  config: BusConfig,
  journal: SelectableJournal,
  keys: string[],
  { run, rule }: ForgetOptions,
): Promise<string[]> {
  if (run !== undefined) return keysOfRun(journal, run);
  if (rule === undefined) return keys;
  const found: string[] = [];
  for (const one of rulesOf(config, rule)) found.push(...(await keysOfRule(journal, one, Date.now())));
  return found;
}

function rulesOf({ retention }: BusConfig, name: string | true): readonly RetentionRule[] {
  const rules = name === true ? retention.rules : retention.rules.filter(rule => rule.name === name);
  if (rules.length > 0) return rules;
  throw busError(
    'OPTIONS_INVALID',
    name === true ? 'The configuration has no retention rule.' : `There is no retention rule ${name}.`,
    { hint: 'Add it to `retention` in bus_config.json.' },
  );
}

const isGone = (status: ForgetOutcome['status']): boolean => ['forgotten', 'already_forgotten'].includes(status);

const reasonOf = ({ run, rule }: ForgetOptions): string | null =>
  run !== undefined ? `run ${run}` : rule !== undefined ? `retention rule${rule === true ? 's' : ` ${rule}`}` : null;

const toApply = ' Run it again with --apply to forget them.';

function describe(outcomes: readonly ForgetOutcome[], isDone: boolean): string {
  const going = outcomes.filter(({ status }) => status === 'forgotten');
  const bytes = going.reduce((sum, outcome) => sum + outcome.bytes, 0);
  const lines = outcomes.map(outcome => `${statusWord(outcome, isDone).padEnd(17)} ${outcome.key}${detailOf(outcome)}`);
  const total = `${going.length} of ${outcomes.length} artifact${outcomes.length === 1 ? '' : 's'}, ${bytes} bytes`;
  return [
    ...lines,
    isDone ? `forgotten: ${total}` : `would be forgotten: ${total}.${going.length > 0 ? toApply : ''}`,
  ].join('\n');
}

const statusWord = ({ status }: ForgetOutcome, isDone: boolean): string =>
  status === 'forgotten' && !isDone ? 'would go' : status.replace('_', ' ');

function detailOf({ status, bytes, rows, protected_by: by }: ForgetOutcome): string {
  if (status === 'protected') return `: ${by?.join('; ')}`;
  if (status !== 'forgotten') return '';
  return `: ${bytes} bytes${rows === undefined ? '' : `, its rows are ${rows}`}`;
}
