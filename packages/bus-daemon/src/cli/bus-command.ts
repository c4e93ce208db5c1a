import { Command } from 'commander';
import { hasDescriptors } from './descriptors.js';

/** The parts of a command's help besides its options. */
export interface Explanation {
  /** Command lines, each without the `$`; a comment may stand behind. */
  examples: readonly string[];
  /** Exit codes that differ from those of every command. */
  exitCodes?: Readonly<Record<number, string>>;
  /** Notes for the reader. */
  notes?: string;
}

/** The exit codes of every command. */
export const commonExitCodes: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'an error, printed with what to do next, or a mistake in the command line',
};

/**
 * A command that explains itself: in its help, and in docs/reference/cli.md, which is made of the
 * same.
 */
export class BusCommand extends Command {
  #explanation: Explanation | undefined;

  /** Commands that libraries add are of the same kind. */
  override createCommand(name?: string): BusCommand {
    return new BusCommand(name);
  }

  /** Undefined for a group of commands. */
  get explanation(): Explanation | undefined {
    return this.#explanation;
  }

  /** The exit codes there are, those of every command included. */
  get exitCodes(): [code: number, meaning: string][] {
    const codes = { ...commonExitCodes, ...this.#explanation?.exitCodes };
    return Object.entries(codes).map(([code, meaning]) => [Number(code), meaning]);
  }

  /** Says what the command is for by examples, and how it ends. */
  explain(explanation: Explanation): this {
    this.#explanation = explanation;
    const { examples, notes } = explanation;
    return this.addHelpText('after', () =>
      [
        ...(notes === undefined ? [] : ['', notes]),
        '',
        'Exit codes:',
        ...this.exitCodes.map(([code, meaning]) => `  ${String(code).padEnd(3)}  ${meaning}`),
        '',
        'Examples:',
        ...examples.map(example => `  $ ${example}`),
      ].join('\n'),
    );
  }

  /** Loads the code of the command when it runs: it may need DuckDB, and the help does not. */
  runs(load: () => Promise<(...given: never[]) => Promise<void>>): this {
    return this.action(async (...given) => {
      if (hasDescriptors()) await (await load())(...(given as never[]));
    });
  }
}

/** A command with `--config` and `--json`. */
export const busCommand = (name: string, description: string): BusCommand =>
  new BusCommand(name)
    .description(description)
    .option('-c, --config <file>', 'bus_config.json (otherwise QUANTBOT_BUS_CONFIG, otherwise the nearest one upwards)')
    .option('--json', 'print JSON');
