// @module-tag campaign
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { hasPython, pythonWithDataTools, skippedWithoutPython } from '../support/python.js';
import { repository } from '../support/scripts.js';

interface Written {
  tool: string;
  file: string;
  table: string;
  type: string;
  values: (string | null)[];
  exact?: string;
}

/** The pairs of docs/reference/type-hints.md, with what to type. */
function pairsOfPage(): Record<string, string>[] {
  const page = readFileSync(join(repository, 'docs/reference/type-hints.md'), 'utf8');
  const rows = page.split('\n').filter(line => line.startsWith('| `'));
  return rows.map(line => {
    const [file = '', table = '', pandas = '', polars = ''] = [...line.matchAll(/`([^`]*)`/g)].map(([, code]) => code);
    return { file, table, pandas, polars };
  });
}

/** pandas writes only as many digits of a DECIMAL as its values have. */
const isThatOf = ({ type, table }: Written): boolean => type === table || /^DECIMAL\(\d+,4\)$/.test(type);

test.skipIf(!hasPython)(
  `what the hints say to type in pandas and polars writes the type of the table, and every digit${skippedWithoutPython}`,
  { timeout: 500_000 },
  context => {
    const python = pythonWithDataTools();
    if (python === undefined) return context.skip('pandas and polars cannot be installed');
    const pairs = pairsOfPage();
    expect(pairs.length).toBeGreaterThan(40);
    const output = execFileSync(python, ['-W', 'ignore', join(import.meta.dirname, '../support/type-hints.py')], {
      cwd: temporaryFolder(),
      input: JSON.stringify(pairs),
      encoding: 'utf8',
    });
    const written = output
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Written);
    expect(written.filter(line => !isThatOf(line))).toEqual([]);
    for (const { tool, file, table, values, exact } of written) {
      expect(values.at(-1), `${tool}: ${file} to ${table}`).toBeNull();
      expect(values.slice(0, -1), `${tool}: ${file} to ${table}`).not.toContain(null);
      if (exact !== undefined) expect(values[0], `${tool}: ${file} to ${table}`).toBe(exact);
    }
    expect(written.filter(({ exact }) => exact !== undefined).length).toBeGreaterThan(8);
  },
);
