import * as z from 'zod';

const notebookSchema = z.object({
  cells: z.array(z.object({ cell_type: z.string(), source: z.union([z.string(), z.array(z.string())]).default('') })),
  metadata: z
    .object({
      kernelspec: z.object({ language: z.string().optional(), name: z.string().optional() }).optional(),
      language_info: z.object({ name: z.string().optional() }).optional(),
    })
    .default({}),
});

/** A line or cell of SQL, with its place in the code. */
export interface MagicSql {
  text: string;
  from: number;
}

/** The code cells of a notebook as one text. */
export interface Notebook {
  language: string;
  /** The text of the cells, unchanged. */
  original: string;
  /** Only the Python code, at the same length. */
  code: string;
  /** The start of each code cell, and its number among all cells, from 1. */
  cells: { from: number; number: number }[];
  sql: MagicSql[];
}

/**
 * Reads the code cells of a Jupyter notebook. Magics and shell lines are blanked to the same
 * length. SQL magics are collected.
 *
 * @throws if the text is not a notebook.
 */
export function readNotebook(json: string): Notebook {
  const { cells, metadata } = notebookSchema.parse(JSON.parse(json));
  const language =
    metadata.language_info?.name ?? metadata.kernelspec?.language ?? metadata.kernelspec?.name ?? 'python';
  const notebook: Notebook = { language: language.toLowerCase(), original: '', code: '', cells: [], sql: [] };
  cells.forEach(({ cell_type, source }, at) => {
    if (cell_type !== 'code') return;
    const text = typeof source === 'string' ? source : source.join('');
    const from = notebook.code.length;
    notebook.cells.push({ from, number: at + 1 });
    notebook.original += `${text}\n`;
    notebook.code += `${python(text, from, notebook.sql)}\n`;
  });
  return notebook;
}

const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

function python(cell: string, from: number, sql: MagicSql[]): string {
  const [line = '', name = ''] = /^\s*%%(\w+)[^\n]*/.exec(cell) ?? [];
  if (/^(?:time|timeit|capture|prun)$/.test(name))
    return blank(line) + python(cell.slice(line.length), from + line.length, sql);
  if (/^(?:sql|dql)$/.test(name)) sql.push({ text: cell.replace(/%%\w+/, blank), from });
  if (name !== '') return blank(cell);
  return cell.replace(
    /^([ \t]*(?:\w[\w, ]*=[ \t]*)?)([%!?][\w./{][^\n]*)/gm,
    (_line, before: string, text: string, at: number) => {
      const place = from + at + before.length;
      if (/^%(?:sql|dql)\s/.test(text)) sql.push({ text: text.replace(/^%\w+/, blank), from: place });
      return before + standIn(text, before.includes('='));
    },
  );
}

/**
 * Returns Python of the same length for a magic. A shell line becomes a call with the line as its
 * argument, so that its submissions are found.
 */
function standIn(text: string, isValue: boolean): string {
  if (text.startsWith('!') && text.length >= 6) return `_("${text.slice(3, -2).replace(/["\\]/g, ' ')}")`;
  return isValue ? '0'.padEnd(text.length) : blank(text);
}
