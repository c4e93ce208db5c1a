import type { Notebook } from './notebook.js';

/** The lines of a text, or of a notebook's cells. */
export class Lines {
  readonly #text: string;
  readonly #starts: number[] = [0];
  readonly #cells: Notebook['cells'];

  constructor(text: string, cells: Notebook['cells'] = []) {
    this.#text = text;
    this.#cells = cells;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  /** Returns the index of the line with a character, from 0. */
  indexOf(at: number): number {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  line(index: number): string {
    const from = this.#starts[index];
    if (from === undefined) return '';
    const to = this.#starts[index + 1];
    return this.#text.slice(from, to === undefined ? undefined : to - 1);
  }

  textAt = (at: number): string => this.line(this.indexOf(at));

  placeOf(at: number): { line: number; column: number; cell?: number } {
    const index = this.indexOf(at);
    const column = at - (this.#starts[index] ?? 0) + 1;
    const cell = this.#cells.findLast(({ from }) => from <= at);
    if (cell === undefined) return { line: index + 1, column };
    return { line: index - this.indexOf(cell.from) + 1, column, cell: cell.number };
  }

  describe(at: number): string {
    const { line, cell } = this.placeOf(at);
    return cell === undefined ? `line ${line}` : `cell ${cell}, line ${line}`;
  }
}
