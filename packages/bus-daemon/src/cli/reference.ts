import { type Argument, type Command, Help, type Option } from 'commander';
import { BusCommand } from './bus-command.js';

/**
 * Renders docs/reference/cli.md from the commands: arguments, options, exit codes and examples.
 */
export function cliReference(program: BusCommand): string {
  const commands = leavesOf(program);
  return `# The command line

Generated from the commands (\`pnpm docs:cli\`). \`quantbot-bus COMMAND --help\` prints the same.

${wrapped(program.description())}

Output is for people; with \`--json\` it is JSON. Results go to standard output, everything else to
standard error. Colours and progress, with rate and time left, appear only on a terminal.
\`--no-color\` or \`NO_COLOR\` turns colours off, \`FORCE_COLOR\` turns them on. An error ends with
what to do next ([errors](errors.md)).

${optionRows(program.options)}

## Exit codes

${codeTable(new BusCommand('any').exitCodes)}

Commands that use other codes list them below.

${commands.map(([path, command]) => sectionOf(path, command)).join('\n')}`;
}

/** Returns the visible commands that have no subcommands, except `help`, by full name. */
export function leavesOf(program: Command, path = program.name()): [path: string, command: BusCommand][] {
  return program
    .createHelp()
    .visibleCommands(program)
    .filter(command => command instanceof BusCommand && command.name() !== 'help')
    .flatMap(command => {
      const name = `${path} ${command.name()}`;
      return command.commands.length > 0
        ? leavesOf(command, name)
        : [[name, command as BusCommand] as [string, BusCommand]];
    });
}

function sectionOf(path: string, command: BusCommand): string {
  const { examples = [], exitCodes, notes } = command.explanation ?? {};
  const usage = [path, ...command.registeredArguments.map(termOf)].join(' ');
  return [
    `## \`${usage}\``,
    wrapped(plain(command.description())),
    ...(notes === undefined ? [] : [wrapped(plain(notes))]),
    ...(command.registeredArguments.length === 0 ? [] : [argumentRows(command.registeredArguments)]),
    optionRows(command.options),
    ...(exitCodes === undefined ? [] : [codeTable(command.exitCodes)]),
    `\`\`\`sh\n${examples.join('\n')}\n\`\`\`\n`,
  ].join('\n\n');
}

const termOf = (argument: Argument): string => {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
};

const argumentRows = (given: readonly Argument[]): string =>
  table(
    ['Argument', 'Meaning'],
    given.map(argument => [
      code(termOf(argument)),
      meaningOf(argument.description, argument.argChoices, argument.defaultValue),
    ]),
  );

const optionRows = (options: readonly Option[]): string =>
  table(
    ['Option', 'Meaning'],
    options.map(option => [
      code(option.flags),
      meaningOf(option.description, option.argChoices, option.negate ? undefined : option.defaultValue),
    ]),
  );

const codeTable = (codes: readonly [number, string][]): string =>
  table(
    ['Exit code', 'Meaning'],
    codes.map(([number, meaning]) => [code(String(number)), meaning]),
  );

function meaningOf(description: string, choices: readonly string[] | undefined, preset: unknown): string {
  const more = [
    ...(choices === undefined ? [] : [`one of ${choices.map(code).join(', ')}`]),
    ...(preset === undefined || (Array.isArray(preset) && preset.length === 0)
      ? []
      : [`default ${code(String(preset))}`]),
  ];
  return more.length === 0 ? plain(description) : `${plain(description)} (${more.join('; ')})`;
}

/** Escapes Markdown. */
const plain = (text: string): string => text.replace(/[*<]/g, '\\$&');

/** Wraps the paragraphs of a text at 100 columns. */
const wrapped = (text: string): string => new Help().boxWrap(text.replace(/(?<!\n)\n(?!\n)/g, ' '), 100);

const code = (text: string): string => `\`${text}\``;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}
