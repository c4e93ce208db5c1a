import { Command } from 'commander';

/** The parts of a command's help besides its options. */
export interface Explanation {
  /** Command lines without the `$`. A comment may follow. */
  examples: readonly string[];
  /** Exit codes in addition to those of every command. */
  exitCodes?: Readonly<Record<number, string>>;
  /** Notes for the reader. */
  notes?: string;
}

/** The exit codes of every command. */
export const commonExitCodes: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'an error, printed with what to do next, or a mistake in the command line',
};

/** A command with examples, exit codes and notes. Its help and docs/reference/cli.md show them. */
export class BusCommand extends Command {
  #explanation: Explanation | undefined;

  /** Makes subcommands that libraries add a BusCommand too. */
  override createCommand(name?: string): BusCommand {
    return new BusCommand(name);
  }

  /** Undefined for a group of commands. */
  get explanation(): Explanation | undefined {
    return this.#explanation;
  }

  /** All exit codes, including those of every command. */
  get exitCodes(): [code: number, meaning: string][] {
    const codes = { ...commonExitCodes, ...this.#explanation?.exitCodes };
    return Object.entries(codes).map(([code, meaning]) => [Number(code), meaning]);
  }

  /** Adds examples, exit codes and notes to the help. */
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

  /**
   * Sets the action. Its code is loaded when the command runs: it may need DuckDB, but the help
   * does not.
   */
  runs(load: () => Promise<(...given: never[]) => Promise<void>>): this {
    return this.action(async (...given) => (await load())(...(given as never[])));
  }
}

/** Creates a command with `--config` and `--json`. */
export const busCommand = (name: string, description: string): BusCommand =>
  new BusCommand(name)
    .description(description)
    .option('-c, --config <file>', 'bus_config.json (otherwise QUANTBOT_BUS_CONFIG, otherwise the nearest one upwards)')
    .option('--json', 'print JSON');
