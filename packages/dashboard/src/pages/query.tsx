import { useEffect, useRef, useState } from 'preact/hooks';
import { type Answer, ApiError, post } from '../client.js';
import { Problem, Section, Title } from '../parts/parts.js';
import { AnswerTable } from '../parts/table.js';
import { linkTo } from '../route.js';
import { duration } from '../words.js';

const examples = [
  'SELECT producer, kind, artifact_id, rows, committed_at FROM catalog.latest_artifacts_v',
  'SELECT reject_code, count(*) AS jobs FROM catalog.jobs_f GROUP BY ALL ORDER BY jobs DESC',
  'SELECT * FROM catalog.tables_d',
];

interface Result {
  answer?: Answer;
  error?: ApiError;
  ms: number;
}

/** A box for SQL. The address contains the query, so that users can share it. */
export function Query({ sql }: { sql: string | undefined }) {
  const [text, setText] = useState(sql ?? examples[0] ?? '');
  const [result, setResult] = useState<Result>();
  const [isRunning, setIsRunning] = useState(false);
  const running = useRef<AbortController | undefined>(undefined);
  const run = async () => {
    running.current?.abort();
    const end = new AbortController();
    running.current = end;
    setIsRunning(true);
    const started = performance.now();
    const outcome = await post<Answer>('/query', { sql: text }, end.signal).then(
      answer => ({ answer }),
      (error: unknown) => {
        if (error instanceof ApiError) return { error };
        if (end.signal.aborted) return undefined;
        throw error;
      },
    );
    if (outcome === undefined || end.signal.aborted) return; // a newer query, or another page
    setResult({ ...outcome, ms: performance.now() - started });
    setIsRunning(false);
    history.replaceState(null, '', linkTo('query', text));
  };
  useEffect(() => {
    if (sql !== undefined) void run();
    return () => running.current?.abort();
  }, []);
  return (
    <>
      <Title>SQL</Title>
      <form
        onSubmit={event => {
          event.preventDefault();
          void run();
        }}
      >
        <label for="sql">One SELECT over catalog.* and canon.*; it can change nothing</label>
        <textarea
          id="sql"
          rows={5}
          spellcheck={false}
          value={text}
          onInput={event => setText(event.currentTarget.value)}
          onKeyDown={event => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void run();
          }}
        />
        <p>
          <button type="submit" disabled={isRunning}>
            Run
          </button>{' '}
          <span class="quiet">Ctrl+Enter; at most 10 s, and the first 200 rows</span>
        </p>
      </form>
      <ul class="examples">
        {examples.map(example => (
          <li key={example}>
            <button type="button" class="plain" onClick={() => setText(example)}>
              <code>{example}</code>
            </button>
          </li>
        ))}
      </ul>
      {result !== undefined && (
        <Section title="Answer" aside={<span class="quiet">{duration(Math.round(result.ms))}</span>}>
          {result.error !== undefined && <Problem error={result.error} />}
          {result.answer !== undefined && <AnswerTable caption="Answer" answer={result.answer} />}
        </Section>
      )}
    </>
  );
}
