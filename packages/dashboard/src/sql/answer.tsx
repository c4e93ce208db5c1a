import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Answer, ApiError, postForFile } from '../client.js';
import { save } from '../csv.js';
import { LineChart } from '../parts/chart.js';
import { Problem } from '../parts/parts.js';
import { AnswerTable } from '../parts/table.js';
import { chartOf } from '../series.js';
import { count } from '../words.js';

const short = (n: number) => count(Number(n.toPrecision(4)));

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
        <LineChart title="Answer" x={drawn.x} isTime={drawn.isTime} lines={drawn.lines} format={short} />
      )}
      <AnswerTable caption="Answer" answer={answer} />
      <Download sql={sql} />
    </>
  );
}

/** All rows of a query as a Parquet file. A second click cancels. */
function Download({ sql }: { sql: string }) {
  const [error, setError] = useState<ApiError>();
  const [isRunning, setIsRunning] = useState(false);
  const running = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const start = async () => {
    const end = new AbortController();
    running.current = end;
    setError(undefined);
    setIsRunning(true);
    try {
      save('answer.parquet', await postForFile('/rows.parquet', { sql }, end.signal));
    } catch (refused) {
      if (end.signal.aborted) return;
      if (!(refused instanceof ApiError)) throw refused;
      setError(refused);
    } finally {
      setIsRunning(false);
    }
  };
  return (
    <>
      <p>
        <button type="button" class="plain" onClick={() => (isRunning ? running.current?.abort() : void start())}>
          {isRunning ? 'Cancel the download' : 'Download all rows as Parquet'}
        </button>
      </p>
      {error !== undefined && <Problem error={error} />}
    </>
  );
}
