import { useEffect, useRef, useState } from 'preact/hooks';
import { useAsked } from '../ask.js';
import { type Answer, ApiError, post } from '../client.js';
import { Problem, Section, Title } from '../parts/parts.js';
import { linkTo } from '../route.js';
import { AnswerView } from '../sql/answer.js';
import { pastQueries, rememberQuery } from '../sql/past-queries.js';
import { columnsQuery, relationsOf } from '../sql/relations.js';
import { SqlBox } from '../sql/sql-box.js';
import { Views } from '../sql/views.js';
import { duration } from '../words.js';

const examples = [
  'SELECT producer, kind, artifact_id, rows, committed_at FROM catalog.latest_artifacts_v',
  'SELECT reject_code, count(*) AS jobs FROM catalog.jobs_f GROUP BY ALL ORDER BY jobs DESC',
  'SELECT * FROM catalog.tables_d',
];
const limits = [200, 1_000, 10_000];

interface Result {
  answer?: Answer;
  error?: ApiError;
  ms: number;
  /** The query that ran. */
  sql: string;
}

/**
 * An editor of SQL. The address contains the query that ran, so that users can share it, and Back
 * runs the one before again.
 */
export function Query({ sql }: { sql: string | undefined }) {
  const draft = useRef(sql ?? examples[0] ?? '');
  const [taken, setTaken] = useState(0);
  const [limit, setLimit] = useState(limits[0] ?? 0);
  const [result, setResult] = useState<Result>();
  const [past, setPast] = useState(pastQueries);
  const [isRunning, setIsRunning] = useState(false);
  const running = useRef<AbortController | undefined>(undefined);
  const last = useRef<string | undefined>(undefined);
  const views = useAsked(
    signal => post<Answer>('/query', { sql: columnsQuery, limit: 10_000 }, signal).then(relationsOf),
    ['views'],
  );
  const take = (text: string) => {
    draft.current = text;
    setTaken(times => times + 1);
  };
  const run = async () => {
    const text = draft.current;
    last.current = text;
    running.current?.abort();
    const end = new AbortController();
    running.current = end;
    setIsRunning(true);
    const started = performance.now();
    const outcome = await post<Answer>('/query', { sql: text, limit }, end.signal).then(
      answer => ({ answer }),
      (error: unknown) => {
        if (error instanceof ApiError) return { error };
        if (end.signal.aborted) return undefined;
        throw error;
      },
    );
    // It was cancelled, a newer query runs, or the user is on another page.
    if (outcome === undefined || end.signal.aborted) return;
    setResult({ ...outcome, sql: text, ms: performance.now() - started });
    setIsRunning(false);
    setPast(rememberQuery(text));
    location.hash = linkTo('query', text);
  };
  const cancel = () => {
    running.current?.abort();
    setIsRunning(false);
  };
  useEffect(() => {
    if (sql === undefined || sql === last.current) return;
    take(sql);
    void run();
  }, [sql]);
  useEffect(() => () => running.current?.abort(), []);
  return (
    <>
      <Title>SQL</Title>
      <div class="sql">
        <form
          onSubmit={event => {
            event.preventDefault();
            void run();
          }}
        >
          <p>One SELECT over catalog.* and canon.*; it can change nothing.</p>
          <SqlBox
            label="One SELECT over catalog.* and canon.*"
            draft={draft}
            taken={taken}
            relations={views.data ?? []}
            onRun={() => void run()}
          />
          <p>
            <button type="submit" disabled={isRunning}>
              Run
            </button>{' '}
            {isRunning && (
              <button type="button" onClick={cancel}>
                Cancel
              </button>
            )}{' '}
            <label>
              at most{' '}
              <select value={limit} onChange={event => setLimit(Number(event.currentTarget.value))}>
                {limits.map(rows => (
                  <option key={rows}>{rows}</option>
                ))}
              </select>{' '}
              rows
            </label>{' '}
            <span class="quiet">Ctrl+Enter; at most 10 s and 4 MB</span>
          </p>
          <Queries title="Examples" queries={examples} isOpen={past.length === 0} onTake={take} />
          <Queries title="Run before" queries={past} isOpen={false} onTake={take} />
        </form>
        {views.data !== undefined && (
          <Views relations={views.data} onTake={name => take(`${draft.current.trimEnd()} ${name}`)} />
        )}
      </div>
      {result !== undefined && (
        <Section title="Answer" aside={<span class="quiet">{duration(Math.round(result.ms))}</span>}>
          {result.error !== undefined && <Problem error={result.error} />}
          {result.answer !== undefined && <AnswerView key={result.sql} sql={result.sql} answer={result.answer} />}
        </Section>
      )}
    </>
  );
}

interface QueriesProps {
  title: string;
  queries: readonly string[];
  isOpen: boolean;
  onTake(query: string): void;
}

/** Queries to take into the editor. */
function Queries({ title, queries, isOpen, onTake }: QueriesProps) {
  if (queries.length === 0) return null;
  return (
    <details open={isOpen}>
      <summary>{title}</summary>
      <ul class="examples">
        {queries.map(query => (
          <li key={query}>
            <button type="button" class="plain" onClick={() => onTake(query)}>
              <code>{query}</code>
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
