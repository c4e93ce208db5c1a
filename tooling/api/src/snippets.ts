import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';
import type { Code } from 'mdast';
import { visit } from 'unist-util-visit';
import type { MarkdownPage } from './pages.js';

/** A fenced block, with the reason that a comment before it gives for not compiling it. */
export interface Snippet {
  line: number;
  language: string;
  code: string;
  notCompiled?: string;
}

const reason = /^<!-- not compiled: (.+) -->$/s;

/** Returns the fenced blocks of a page. */
export function snippetsOf({ tree }: MarkdownPage): Snippet[] {
  const snippets: Snippet[] = [];
  visit(tree, 'code', (code: Code, index, parent) => {
    const before = parent?.children[(index ?? 0) - 1];
    const notCompiled = before?.type === 'html' ? reason.exec(before.value)?.[1] : undefined;
    snippets.push({
      line: code.position?.start.line ?? 0,
      language: code.lang ?? '',
      code: code.value,
      ...(notCompiled === undefined ? {} : { notCompiled }),
    });
  });
  return snippets;
}

const languages = /^(ts|mts|tsx|typescript|js|mjs|jsx|javascript)$/;

/** Returns the TypeScript and JavaScript of a page that must compile. */
export const programsOf = (page: MarkdownPage): Snippet[] =>
  snippetsOf(page).filter(({ language, notCompiled }) => languages.test(language) && notCompiled === undefined);

/** Returns the problems of a page's JSON; `jsonc` may have comments. */
export function problemsOfJson(page: MarkdownPage): string[] {
  return snippetsOf(page).flatMap(({ line, language, code }) => {
    if (language !== 'json' && language !== 'jsonc') return [];
    const errors: ParseError[] = [];
    parse(code, errors, { disallowComments: language === 'json', allowTrailingComma: false });
    return errors.map(({ error }) => `line ${line}: ${printParseErrorCode(error)}`);
  });
}

/**
 * Returns the commands of a page, in blocks and in sentences, that run a script of a
 * `package.json`.
 */
export function scriptsOf({ tree }: MarkdownPage): { filter?: string; script: string }[] {
  const lines: string[] = [];
  visit(tree, node => {
    if (node.type === 'inlineCode') lines.push(node.value);
    if (node.type === 'code' && /^(sh|bash|shell|console)$/.test(node.lang ?? ''))
      lines.push(...node.value.split('\n'));
  });
  return lines.flatMap(line => {
    const words = /^(?:\$ )?(?:npm (?:run |(?=test\b))|pnpm )(?:-s )?(?:--filter (\S+) )?(?:run )?([a-z][\w:-]*)/.exec(
      line,
    );
    if (words === null) return [];
    const [, filter, script = ''] = words;
    return ['install', 'exec', 'add'].includes(script) ? [] : [{ ...(filter === undefined ? {} : { filter }), script }];
  });
}
