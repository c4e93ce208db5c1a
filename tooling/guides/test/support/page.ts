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

const uses: Record<string, BlockUse> = {
  sh: 'commands',
  ts: 'file',
  typescript: 'file',
  python: 'file',
  json: 'file',
  text: 'output',
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

function blockOf(language: string, introduction: string, line: number): Omit<Block, 'part' | 'section' | 'code'> {
  const use = uses[language];
  if (use === undefined) throw new Error(`line ${line}: nobody knows what to do with a block in "${language}"`);
  const [, path = ''] = /`([\w./-]+\.(?:ts|py|json))`.*:\s*$/.exec(introduction) ?? [];
  if (use === 'file' && path === '') throw new Error(`line ${line}: the line before does not name the file, as \`x.ts\`:`);
  return { language, use, line, path, isBefore: introduction.startsWith('**Before**') };
}
