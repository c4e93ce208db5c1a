import { useMemo, useState } from 'preact/hooks';
import type { Answer } from '../client.js';
import { LineChart } from '../parts/chart.js';
import { Download } from '../parts/download.js';
import { AnswerTable } from '../parts/table.js';
import { chartOf } from '../series.js';
import { rounded } from '../words.js';

/** The answer of a query: a table, lines if its columns can be drawn, and all rows as a file. */
export function AnswerView({ sql, answer }: { sql: string; answer: Answer }) {
  const [isChart, setIsChart] = useState(false);
  const drawn = useMemo(() => chartOf(answer), [answer]);
  return (
    <>
      {drawn !== undefined && (
        <p>
          <button type="button" aria-pressed={isChart} onClick={() => setIsChart(!isChart)}>
            Chart
          </button>
        </p>
      )}
      {isChart && drawn !== undefined && (
        <LineChart title="Answer" x={drawn.x} isTime={drawn.isTime} lines={drawn.lines} format={rounded} />
      )}
      <AnswerTable caption="Answer" answer={answer} />
      <Download sql={sql} name="Parquet" />
      <Download sql={sql} name="Arrow" />
    </>
  );
}
