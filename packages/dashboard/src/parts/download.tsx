import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, postForFile } from '../client.js';
import { save } from '../csv.js';
import { Problem } from './parts.js';

/** All rows of a query as a file. A second click cancels. */
export function Download({ sql, name }: { sql: string; name: 'Parquet' | 'Arrow' }) {
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
      const type = name.toLowerCase();
      save(`answer.${type}`, await postForFile(`/rows.${type}`, { sql }, end.signal));
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
          {isRunning ? 'Cancel the download' : `Download all rows as ${name}`}
        </button>
      </p>
      {error !== undefined && <Problem error={error} />}
    </>
  );
}
