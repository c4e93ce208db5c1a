import { same, show } from './same.js';

/** A submitted file and its writer. */
export interface Case {
  file: string;
  writer: string;
  /** The options of the writer. */
  how: string;
  /** Columns that may be refused, and why. Every other column must be readable. */
  refusable: Readonly<Record<string, string>>;
}

/** A value, or a whole column, that a reader returned differently than intended. */
export interface Difference {
  case: Case;
  column: string;
  type: string;
  reader: string;
  expected: string;
  got: string;
}

const shownPerReader = 3;
const shownInAll = 60;

/** Collects differences, and counts comparisons. */
export class Report {
  readonly seed: string;
  readonly differences: Difference[] = [];
  readonly refusals: string[] = [];
  #values = 0;
  readonly #perColumn = new Map<string, number>();
  readonly #perReader = new Map<string, number>();

  constructor(seed: string) {
    this.seed = seed;
  }

  get values(): number {
    return this.#values;
  }

  differ(difference: Difference): void {
    this.differences.push(difference);
  }

  /** Records a column that was refused and may be. */
  refused(found: Case, reader: string, column: string, message: string): void {
    this.refusals.push(`${reader}: ${found.file}, ${column}: ${message}`);
  }

  /** Compares the values of a column one by one, and stops after a few differences. */
  compare(
    about: { case: Case; column: string; type: string; reader: string },
    expected: ArrayLike<unknown>,
    got: ArrayLike<unknown>,
  ): void {
    this.#values += expected.length;
    const [reader = ''] = about.reader.split(': ');
    this.#perReader.set(reader, (this.#perReader.get(reader) ?? 0) + expected.length);
    if (got.length !== expected.length)
      this.differ({ ...about, expected: `${expected.length} rows`, got: `${got.length} rows` });
    const key = `${about.case.file}\n${about.column}\n${about.reader}`;
    for (let row = 0; row < Math.min(expected.length, got.length); row++) {
      if (same(expected[row], got[row])) continue;
      const count = (this.#perColumn.get(key) ?? 0) + 1;
      this.#perColumn.set(key, count);
      if (count > shownPerReader) return;
      this.differ({ ...about, expected: `row ${row}: ${show(expected[row])}`, got: show(got[row]) });
    }
  }

  /** Returns the counts, and each difference with a command that reproduces it. */
  lines(command: (file: string) => string, most = shownInAll): string[] {
    const readers = [...this.#perReader].map(([reader, values]) => `  ${reader}: ${values} values`);
    const shown = this.differences
      .slice(0, most)
      .flatMap(difference => [
        `- ${difference.case.file} (${difference.case.writer}: ${difference.case.how})`,
        `    column   ${difference.column} (${difference.type})`,
        `    reader   ${difference.reader}`,
        `    expected ${difference.expected}`,
        `    got      ${difference.got}`,
        `    again    ${command(difference.case.file)}`,
      ]);
    const more = this.differences.length - most;
    return [
      `${this.#values} values compared, seed ${this.seed}:`,
      ...readers,
      `${this.refusals.length} columns refused as they may be`,
      ...shown,
      ...(more > 0 ? [`… and ${more} more`] : []),
      this.differences.length === 0 ? 'No difference.' : `${this.differences.length} DIFFERENCES`,
    ];
  }
}

/** Returns the whole text of an error. */
export function textOf(error: unknown): string {
  const { code, message, details, hint } = error as {
    code?: string;
    message: string;
    details?: readonly string[];
    hint?: string;
  };
  return [code, message, ...(details ?? []), hint].filter(part => part !== undefined).join(' | ');
}
