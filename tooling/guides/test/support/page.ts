import { readFileSync } from 'node:fs';

/** What becomes of a block: it is written as a file, typed into a shell, or compared with what the shell said. */
export type BlockUse = 'file' | 'commands' | 'output';

/** A fenced block of a guide. */
export interface Block {
  language: string;
  use: BlockUse;
  code: string;
  /** Where it begins, for messages. */
  line: number;
  /** The `##` heading it stands below. */
  part: string;
  /** The `###` heading it stands below, empty when there is none. */
  section: string;
  /** Of a file: where it goes, as the line before the block says. */
  path: string;
  /** Of a file: it is what the reader of the guide has already. */
  isBefore: boolean;
}

/** Each language with the ending of its files; of commands and outputs, none. */
const languages: Record<string, { use: BlockUse; ending: string }> = {
  sh: { use: 'commands', ending: '' },
  text: { use: 'output', ending: '' },
  typescript: { use: 'file', ending: '.ts' },
  python: { use: 'file', ending: '.py' },
  json: { use: 'file', ending: '.json' },
};

/**
 * The fenced blocks of a page, in order.
 *
 * @throws Error for a block in a language that nobody knows what to do with, and for a file without a name.
 */
export function readBlocks(path: string): Block[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const blocks: Block[] = [];
  let [part, section, introduction] = ['', '', ''];
  for (let i = 0; i < lines.length; i++) {
    const text = lines[i] ?? '';
    if (/^## /.test(text)) [part, section] = [text.slice(3), ''];
    if (/^### /.test(text)) section = text.slice(4);
    if (!/^\s*```/.test(text)) {
      if (text.trim() !== '') introduction = text;
      continue;
    }
    const end = lines.findIndex((line, index) => index > i && /^\s*```\s*$/.test(line));
    if (end === -1) throw new Error(`line ${i + 1}: the block has no end`);
    blocks.push({ ...blockOf(text.trim().slice(3), introduction, i + 1), part, section, code: body(lines, i, end) });
    i = end;
  }
  return blocks;
}

/** Without the indentation that a block in a list has. */
function body(lines: readonly string[], begin: number, end: number): string {
  const indent = /^\s*/.exec(lines[begin] ?? '')?.[0].length ?? 0;
  return lines
    .slice(begin + 1, end)
    .map(line => `${line.slice(indent)}\n`)
    .join('');
}

function blockOf(name: string, introduction: string, line: number): Omit<Block, 'part' | 'section' | 'code'> {
  const language = languages[name];
  if (language === undefined) throw new Error(`line ${line}: nobody knows what to do with a block in "${name}"`);
  const { use, ending } = language;
  const paths = [...introduction.matchAll(/`([\w./-]+)`/g)].map(([, path = '']) => path);
  const path = use === 'file' && introduction.endsWith(':') ? paths.findLast(each => each.endsWith(ending)) : '';
  if (path === undefined || (use === 'file' && path === ''))
    throw new Error(`line ${line}: the line before the block does not name its file, as \`name${ending}\`:`);
  return { language: name, use, line, path, isBefore: introduction.startsWith('**Before**') };
}
