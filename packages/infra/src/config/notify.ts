import { resolve } from 'node:path';
import * as z from 'zod';

/** The events that a hook can be notified of. */
export const notifyEvents = [
  'rejected',
  'export_failed',
  'export_recovered',
  'damaged',
  'paused',
  'resumed',
  'stopped',
] as const;

/** The events that a hook can be notified of. */
export type NotifyEvent = (typeof notifyEvents)[number];

const filter = z.array(z.string().min(1).max(100)).default([]);

/** `${NAME}`: the value of an environment variable of the daemon. */
export const variablePattern = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** A command or webhook that is notified of events. */
export const hookSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be a name of letters, digits, dot, underscore and hyphen')
      .describe('Names the hook in the log.'),
    on: z
      .array(z.enum(notifyEvents))
      .min(1)
      .default([...notifyEvents])
      .describe(`The events that it is notified of: ${notifyEvents.join(', ')}.`),
    producers: filter.describe('Only rejected jobs of these producers. Empty: all.'),
    kinds: filter.describe('Only rejected jobs of these kinds. Empty: all.'),
    command: z
      .array(z.string())
      .min(1)
      .refine(([program]) => program !== '', 'must begin with a program')
      .refine(words => words.every(word => !word.includes('\0')), 'must not have a NUL character')
      .optional()
      .describe('A program and its arguments, run without a shell. It gets the notification on standard input.'),
    webhook: z
      .string()
      .optional()
      .describe(`An http or https address that the notification is posted to. \${NAME} is an environment variable.`),
    headers: z
      .record(
        z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'must be the name of a header'),
        z.string().regex(/^[^\r\n\0]*$/, 'must be one line'),
      )
      .default({})
      .describe(`Headers of the webhook. \${NAME} is an environment variable.`),
    timeout_s: z.number().positive().max(3600).default(10).describe('How long one attempt may take.'),
    retries: z.number().int().min(0).max(20).default(5).describe('How often it is retried after a failure.'),
    group_wait_s: z
      .number()
      .nonnegative()
      .max(3600)
      .default(1)
      .describe('How long to wait for further rejections or exports to group with the first.'),
  })
  .superRefine((hook, context) => {
    const fail = (setting: string, message: string) => context.addIssue({ code: 'custom', path: [setting], message });
    if (hook.command === undefined && hook.webhook === undefined)
      fail('command', 'a hook needs a command or a webhook');
    if (hook.command !== undefined && hook.webhook !== undefined)
      fail('webhook', 'a hook has a command or a webhook, not both; make two hooks of it');
    if (hook.webhook === undefined && Object.keys(hook.headers).length > 0)
      fail('headers', 'only a webhook has headers');
    const problem = hook.webhook === undefined ? undefined : webhookProblem(hook.webhook.replace(variablePattern, '1'));
    // Only the daemon can check an address that comes from a variable.
    if (problem !== undefined && !/^\$\{/.test(hook.webhook ?? '')) fail('webhook', problem);
    if (new Set(hook.on).size < hook.on.length) fail('on', 'names an event twice');
  });

/** Returns the problem of a webhook's address, or undefined. */
export function webhookProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return 'must be an http or https address';
  if (url.username !== '' || url.password !== '') return 'must not have a password in it; put it into headers';
  return undefined;
}

/** A hook as the daemon uses it. */
export interface NotifyHook {
  name: string;
  on: NotifyEvent[];
  /** Only rejected jobs of these producers. Empty: all producers. */
  producers: string[];
  kinds: string[];
  target: CommandTarget | WebhookTarget;
  timeoutMs: number;
  retries: number;
  groupWaitMs: number;
}

/** A program that runs without a shell. */
export interface CommandTarget {
  type: 'command';
  program: string;
  args: string[];
  /** The folder in which it runs: that of the configuration. */
  cwd: string;
}

/** An address to post to. `${NAME}` in it and in its headers still stands for variables. */
export interface WebhookTarget {
  type: 'webhook';
  url: string;
  headers: Record<string, string>;
}

/** A hook of the configuration, its paths resolved. */
export const resolveHook = (file: z.infer<typeof hookSchema>, base: string): NotifyHook => ({
  name: file.name,
  on: file.on,
  producers: file.producers,
  kinds: file.kinds,
  target: targetOf(file, base),
  timeoutMs: Math.round(file.timeout_s * 1000),
  retries: file.retries,
  groupWaitMs: Math.round(file.group_wait_s * 1000),
});

function targetOf({ command, webhook, headers }: z.infer<typeof hookSchema>, base: string): NotifyHook['target'] {
  if (command === undefined) return { type: 'webhook', url: webhook ?? '', headers };
  const [program = '', ...args] = command;
  // A bare name is looked up in PATH. A name with a slash is relative to the file.
  return { type: 'command', program: program.includes('/') ? resolve(base, program) : program, args, cwd: base };
}
