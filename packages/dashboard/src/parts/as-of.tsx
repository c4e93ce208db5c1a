import { useAsked } from '../ask.js';
import { type Answer, post } from '../client.js';
import { useLive } from '../live.js';
import { type Place, useFilters } from '../route.js';
import { count } from '../words.js';
import { useDraft } from './draft.js';
import { Time } from './parts.js';

/** Returns the seq as of which the address shows a place; undefined for now. */
export function useAsOf(place: Place): number | undefined {
  const seq = Number(useFilters(place)[0].asOf ?? Number.NaN);
  return Number.isInteger(seq) && seq >= 0 ? seq : undefined;
}

/** A slider over the jobs of the bus: the place is shown as it was after the chosen one. */
export function AsOf({ place }: { place: Place }) {
  const lastSeq = useLive().status?.lastSeq ?? 0;
  const [, change] = useFilters(place);
  const asOf = useAsOf(place);
  const [draft, setDraft] = useDraft(asOf);
  if (lastSeq < 2) return null;
  const shown = draft ?? lastSeq;
  return (
    <div class="as-of">
      <label>
        As of
        <input
          type="range"
          min={1}
          max={lastSeq}
          value={shown}
          aria-valuetext={draft === undefined ? 'now' : `seq ${draft}`}
          onInput={({ currentTarget }) => setDraft(Number(currentTarget.value))}
          onChange={({ currentTarget }) => {
            const seq = Number(currentTarget.value);
            change({ asOf: seq >= lastSeq ? '' : String(seq) });
          }}
        />
      </label>
      {draft === undefined ? (
        <span class="quiet">now</span>
      ) : (
        <span>
          seq {count(draft)}
          {asOf === draft && <Moment seq={draft} />}{' '}
          <button type="button" class="plain" onClick={() => change({ asOf: '' })}>
            Now
          </button>
        </span>
      )}
    </div>
  );
}

/** When a job was committed. */
function Moment({ seq }: { seq: number }) {
  const sql = `SELECT CAST(epoch_ms(committed_at) AS DOUBLE) FROM catalog.jobs_f WHERE seq = ${seq}`;
  const at = useAsked(signal => post<Answer>('/query', { sql }, signal), [sql]).data?.rows[0]?.[0];
  if (at === undefined) return null;
  return (
    <>
      , <Time at={new Date(Number(at)).toISOString()} />
    </>
  );
}
