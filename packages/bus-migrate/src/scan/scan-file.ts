import { readFileSync, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { allowedAt } from './allow.js';
import type { Code, Value } from './code.js';
import { findWrites, type Write } from './find-writes.js';
import { readJavaScript } from './javascript.js';
import { Lines } from './lines.js';
import { migratedAmong } from './migrated.js';
import { type MagicSql, type Notebook, readNotebook } from './notebook.js';
import { readPython } from './python.js';
import { linkCalls, ownerOf } from './resolve.js';
import { type RuleId, rules } from './rules.js';

/** A place that writes directly. */
export interface Finding {
  file: string;
  /** Line from 1; in a notebook, within the cell. */
  line: number;
  column: number;
  /** Number of the notebook cell, from 1. */
  cell?: number;
  rule: RuleId;
  /** The line, shortened. */
  excerpt: string;
  /** The step of the migration guide that applies. */
  step: 2 | 3 | 4 | 5;
  advice: string;
  /** The code without its layout, by which the baseline identifies the place. */
  code: string;
  /**
   * `migrated`: submitted to the bus afterwards. `allowed`: by a comment. `known`: in the baseline.
   */
  state: 'found' | 'migrated' | 'allowed' | 'known';
  /** The reason in the allowing comment. */
  reason?: string;
}

/** The results of one file. */
export interface FileReport {
  findings: Finding[];
  /** Problems with reading the file. */
  notes: string[];
}

const maxBytes = 2 * 1024 * 1024;
const maxNotebookBytes = 64 * 1024 * 1024;

/**
 * Scans one file. `name` is its name in the report and tells its language. It never throws because
 * of the content.
 */
export function scanFile(path: string, name: string): FileReport {
  try {
    const size = statSync(path).size;
    const isNotebook = extname(name) === '.ipynb';
    if (size > (isNotebook ? maxNotebookBytes : maxBytes))
      return { findings: [], notes: [`${name}: left out, ${size} bytes are too many for code`] };
    const text = readFileSync(path, 'utf8');
    if (text.slice(0, 8192).includes('\0')) return { findings: [], notes: [`${name}: left out, it is not text`] };
    return isNotebook ? scanNotebook(readNotebook(text), name) : scanText(text, name);
  } catch (error) {
    return { findings: [], notes: [`${name}: could not be read (${(error as Error).message.split('\n')[0]})`] };
  }
}

/**
 * Scans code of a language given by the extension of `name`. Code that is nested too deeply for the
 * stack is skipped with a note.
 */
export function scanText(text: string, name: string): FileReport {
  const extension = extname(name);
  return withinStack(name, () =>
    report(extension === '.py' ? readPython(text) : readJavaScript(text, extension), name),
  );
}

/**
 * Catches a stack overflow of the parser. Our own walks are bounded, but the parser recurses up to
 * 2,560 levels while it builds its tree. The stack that this needs depends on the caller's depth
 * and on V8's compiled code.
 */
function withinStack(name: string, scan: () => FileReport): FileReport {
  try {
    return scan();
  } catch (error) {
    if (!(error instanceof RangeError && error.message.includes('stack'))) throw error;
    return { findings: [], notes: [`${name}: left out, its code is nested too deeply`] };
  }
}

function scanNotebook(notebook: Notebook, name: string): FileReport {
  const { language, code, sql } = notebook;
  if (!/^(?:i?python|typescript|javascript|deno)/.test(language))
    return { findings: [], notes: [`${name}: left out, its language is ${language}`] };
  return withinStack(name, () => {
    const read = /^(?:i?python)/.test(language) ? readPython(code) : readJavaScript(code, '.ts');
    for (const magic of sql) addMagic(read, magic);
    return report(read, name, notebook);
  });
}

/**
 * Adds a SQL magic as a call: of a connection if it begins with an address, else of a statement.
 */
function addMagic({ scopes, calls }: Code, { text, from }: MagicSql): void {
  const [scope] = scopes;
  if (scope === undefined) return;
  const address = /^\s*(duckdb:\S*)/.exec(text)?.[1];
  const piece = address === undefined ? { text, from } : { text: address, from: from + text.indexOf(address) };
  const callee: Value = { kind: 'name', name: address === undefined ? '%sql' : '%sql-connect', scope };
  const args: Value[] = [{ kind: 'text', pieces: [piece] }];
  calls.push({ callee, args, named: new Map(), from: piece.from, to: piece.from + piece.text.length, scope });
}

function report(code: Code, name: string, notebook?: Notebook): FileReport {
  linkCalls(code);
  const writes = findWrites(code);
  const migrated = migratedAmong(writes, code);
  const lines = new Lines(notebook?.original ?? code.text, notebook?.cells);
  const findings = writes.map(write => findingOf(write, { code, name, lines, migrated: migrated.has(write) }));
  const error = code.errors[0];
  const notes =
    error === undefined
      ? []
      : [`${name}: not all of it could be parsed (first at ${lines.describe(error)}); the rest was scanned`];
  return { findings, notes };
}

interface Context {
  code: Code;
  name: string;
  lines: Lines;
  migrated: boolean;
}

function findingOf(write: Write, { code, name, lines, migrated }: Context): Finding {
  const { rule, at, call } = write;
  const place = lines.placeOf(at);
  const allowed = allowedAt(lines, [at, call.from]);
  const simulation = /SimulationArtifactWriter/.test(`${basename(name)} ${ownerOf(call.scope)?.name ?? ''}`);
  const producer = simulation ? 3 : code.language === 'python' ? 4 : 2;
  return {
    file: name,
    ...place,
    rule,
    excerpt: shorten(lines.textAt(at).trim(), 120),
    step: rules[rule].step === 'reader' ? 5 : producer,
    advice: rules[rule].advice,
    code: shorten(write.code.replace(/\s+/g, ' ').trim(), 400),
    state: allowed !== undefined ? 'allowed' : migrated ? 'migrated' : 'found',
    ...(allowed !== undefined && { reason: allowed }),
  };
}

const shorten = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;
