import type { DuckDBType } from '@duckdb/node-api';
import type { Subject } from '../corpus.js';
import { asJson, type Json } from '../expected/as-json.js';
import { NotRepresentable } from '../expected/as-read.js';
import { type Report, textOf } from '../report.js';
import { names } from '../submit.js';

const limit = 200;

/** Compares the dashboard's preview of each artifact with the first rows of its file. */
export async function comparePreviews(
  url: string,
  subjects: readonly Subject[],
  typesOf: (subject: Subject) => readonly DuckDBType[],
  report: Report,
): Promise<void> {
  for (const subject of subjects) {
    const producer = subject.case.writer.split(' ')[0];
    const key = encodeURIComponent(`differential/${producer}/file/${subject.table}`);
    const response = await fetch(`${url}/api/v1/preview?key=${key}&limit=${limit}`);
    compareAnswer(subject, typesOf(subject), response.status, (await response.json()) as Answer, report);
  }
}

interface Answer {
  columns?: { name: string }[];
  rows?: Json[][];
}

function compareAnswer(
  { case: found, columns }: Subject,
  types: readonly DuckDBType[],
  status: number,
  answer: Answer,
  report: Report,
): void {
  const reader = 'preview';
  const about = { case: found, reader };
  for (const [i, { name, type, values }] of columns.entries()) {
    const told = JSON.stringify(answer);
    try {
      const expected = values.slice(0, limit).map(value => asJson(value, types[i]!));
      if (answer.rows !== undefined)
        report.compare(
          { ...about, column: name, type },
          expected,
          answer.rows.map(row => row[i]),
        );
      else if (Object.keys(found.refusable).some(column => names(told, column)))
        report.refused(found, reader, name, told);
      else
        report.differ({
          ...about,
          column: name,
          type,
          expected: 'values',
          got: `${status}: ${textOf({ message: told })}`,
        });
    } catch (error) {
      if (!(error instanceof NotRepresentable)) throw error;
      if (answer.rows === undefined && names(told, name)) report.refused(found, reader, name, told);
      else
        report.differ({ ...about, column: name, type, expected: `refused: ${error.message}`, got: told.slice(0, 200) });
    }
  }
}
