import { daemonError } from '@quantbot/bus-format';
import { type NotifyHook, variablePattern, webhookProblem } from '@quantbot/infra/config';

/** Variables of an environment. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Returns the variables that a hook names and that are unset or empty. */
export function missingVariables({ target }: NotifyHook, env: Variables): string[] {
  if (target.type === 'command') return [];
  const texts = [target.url, ...Object.values(target.headers)];
  const named = texts.flatMap(text => [...text.matchAll(variablePattern)].map(([, name = '']) => name));
  return [...new Set(named)].filter(name => !env[name]);
}

/**
 * Puts the values of variables into a webhook's address and headers. A command has the whole
 * environment anyway.
 *
 * @throws DaemonError `NOTIFY_VARIABLE_INVALID`, whose message never contains a value.
 */
export function withVariables(hook: NotifyHook, env: Variables): NotifyHook {
  if (hook.target.type === 'command') return hook;
  const missing = missingVariables(hook, env);
  if (missing.length > 0)
    throw daemonError(
      'NOTIFY_VARIABLE_INVALID',
      `The hook ${hook.name} needs ${missing.join(', ')}, which is not set.`,
    );
  const expand = (text: string) => text.replace(variablePattern, (_, name: string) => env[name] ?? '');
  const url = expand(hook.target.url);
  const problem = webhookProblem(url);
  if (problem !== undefined)
    throw daemonError(
      'NOTIFY_VARIABLE_INVALID',
      `The webhook of the hook ${hook.name} ${problem}; with its variables it is not.`,
    );
  const headers = Object.fromEntries(Object.entries(hook.target.headers).map(([name, text]) => [name, expand(text)]));
  for (const [name, value] of Object.entries(headers))
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw daemonError(
        'NOTIFY_VARIABLE_INVALID',
        `The header ${name} of the hook ${hook.name} has a character that HTTP headers do not allow. Check its variable for a line break.`,
      );
  return { ...hook, target: { type: 'webhook', url, headers } };
}
