import { useState } from 'preact/hooks';
import { operate } from '../operate.js';
import { Act } from '../parts/act.js';

/** The most jobs that one operation names. */
const maxJobs = 2_000;

/** Dismisses rejected jobs, with a note. */
export function Dismiss({ jobs, them }: { jobs: readonly string[]; them: string }) {
  const [note, setNote] = useState('');
  return (
    <>
      <label>
        Note
        <input value={note} maxLength={1_000} onInput={event => setNote(event.currentTarget.value)} />
      </label>
      <Act
        name={`Dismiss ${them}`}
        isDisabled={note.trim() === '' || jobs.length === 0}
        question={`Shall ${them} be dismissed with this note?`}
        act={async () => {
          for (let first = 0; first < jobs.length; first += maxJobs)
            await operate({ type: 'dismiss', job_ids: jobs.slice(first, first + maxJobs), note, by: 'dashboard' });
        }}
        done="Dismissed."
      />
    </>
  );
}
