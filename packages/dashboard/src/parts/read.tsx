import { Command } from './copy.js';
import { Section } from './parts.js';

/** The ways to read something from programs: the name of each language, and its lines. */
export type Ways = Readonly<Record<'TypeScript' | 'Python' | 'SQL', string>>;

/** A JavaScript or Python string. JSON's escapes are theirs too. */
const quoted = (text: string): string => JSON.stringify(text);
const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** The SQL that reads a Parquet file by its path. */
export const fileSql = (path: string): string => `FROM read_parquet(${sqlText(path)}, hive_partitioning = false)`;

/** How to read a Parquet file by its path. */
export const fileWays = (path: string): Ways => ({
  TypeScript: `import { readParquet } from '@quantbot/storage';\n\nconst rows = await readParquet(${quoted(path)});`,
  Python: `import pandas\n\nframe = pandas.read_parquet(${quoted(path)})`,
  SQL: `FROM read_parquet(${sqlText(path)});`,
});

/** How to read a canonical table as it is when the program runs. A cluster has no database file. */
export const tableWays = (name: string, busRoot: string, duckdbPath: string | null): Ways => ({
  TypeScript: `import { openCatalog } from '@quantbot/storage';

const catalog = await openCatalog(${duckdbPath === null ? '' : `{ duckdbPath: ${quoted(duckdbPath)} }`});
const rows = await catalog.query('FROM canon."${name}"');
await catalog.close();`,
  Python: `from quantbot_bus import Bus

with Bus(${quoted(busRoot)}) as bus:
    frame = bus.table(${quoted(name)}).df()`,
  SQL: `${duckdbPath === null ? '-- in the lake' : `-- duckdb -readonly ${quoted(duckdbPath)}`}
FROM canon."${name}";`,
});

/** Lines to copy that read something, in each language. */
export function HowToRead({ ways }: { ways: Ways }) {
  return (
    <Section title="How to read this">
      {Object.entries(ways).map(([language, text], index) => (
        <details key={language} open={index === 0}>
          <summary>{language}</summary>
          <Command text={text} />
        </details>
      ))}
    </Section>
  );
}
