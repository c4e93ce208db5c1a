import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createProgram } from './program.js';
import { cliReference, leavesOf } from './reference.js';

test('docs/reference/cli.md is made of the commands that there are (else: pnpm docs:cli)', async () => {
  await expect(cliReference(createProgram())).toMatchFileSnapshot('../../../../docs/reference/cli.md');
});

const commands = leavesOf(createProgram());

test("the package's README has a row for each command, and for no other", () => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| `(\w+)/gm)].map(([, name]) => name);
  const names = new Set(commands.map(([path]) => path.split(' ')[1]));
  expect([...new Set(rows)].sort()).toEqual([...names].sort());
});

test("the package's README names the shells of completion", () => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
  const [, named = ''] = /^\| `completion ([^`]+)`/m.exec(readme) ?? [];
  const [argument] = new Map(commands).get('quantbot-bus completion')?.registeredArguments ?? [];
  expect(named.split('\\|').sort()).toEqual(argument?.argChoices?.toSorted());
});

test.each(commands)('%s has examples, each a command line that there is', (path, command) => {
  const examples = command.explanation?.examples ?? [];
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    // The command is part of a pipeline, or of another command's arguments.
    const [, line = ''] = /(?:^|\(|<\()(quantbot-bus .*?)(?:\)"?)?$/.exec(example) ?? [];
    expect(line.startsWith(path), example).toBe(true);
    const words = wordsOf(line.slice(path.length));
    const { operands, unknown } = command.parseOptions(words);
    expect(unknown, example).toEqual([]);
    const needed = command.registeredArguments.filter(argument => argument.required).length;
    const most = command.registeredArguments.some(argument => argument.variadic)
      ? 99
      : command.registeredArguments.length;
    expect(operands.length, example).toBeGreaterThanOrEqual(needed);
    expect(operands.length, example).toBeLessThanOrEqual(most);
  }
});

/**
 * Splits a simple command into words like a shell. Ignores everything after a pipe, a redirection
 * or a comment.
 */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)];
  const end = words.findIndex(([word]) => ['|', '>', '#'].includes(word));
  return (end < 0 ? words : words.slice(0, end)).map(([, ...texts]) => texts.find(text => text !== undefined) ?? '');
}

test.each(commands)('%s takes --json, but for those whose output is no result', (_path, command) => {
  const flags = command.options.map(option => option.long);
  const without = ['start', 'completion']; // a log, and a script
  expect(flags.includes('--json')).toBe(!without.includes(command.name()));
});
