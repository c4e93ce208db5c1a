import { useMemo } from 'preact/hooks';
import { useAsked } from '../ask.js';
import { type Answer, type ApiError, type Chart, post } from '../client.js';
import { LineChart } from '../parts/chart.js';
import { Shown } from '../parts/parts.js';
import { listLink } from '../route.js';
import { linesOf } from '../series.js';
import { rounded } from '../words.js';

const maxPoints = 10_000;

/** A chart of the configuration, redrawn after each commit. */
export function OwnChart({ chart: { title, sql } }: { chart: Chart }) {
  const asked = useAsked(signal => post<Answer>('/query', { sql, limit: maxPoints }, signal), [sql], 'exports');
  const drawn = useMemo(() => asked.data && linesOf(asked.data), [asked.data]);
  if (missingIn(asked.error)) return <NoDataYet title={title} missing={asked.error?.message ?? ''} />;
  return (
    <div class="own-chart">
      {asked.data === undefined && <p>{title}</p>}
      <Shown asked={asked}>
        {() =>
          drawn && <LineChart title={title} x={drawn.x} isTime={drawn.isTime} lines={drawn.lines} format={rounded} />
        }
      </Shown>
    </div>
  );
}

/** Whether a table or an export of the SQL does not exist, as on a new bus. */
const missingIn = (error: ApiError | undefined): boolean =>
  /No files found that match|Table with name .* does not exist/.test(error?.message ?? '');

function NoDataYet({ title, missing }: { title: string; missing: string }) {
  return (
    <figure class="own-chart">
      <figcaption>{title}</figcaption>
      <p>
        This chart has no data yet. Submit an artifact to its table, and it appears when the table's golden export is
        written. <a href={listLink('exports', {})}>Exports</a> shows what exists.
      </p>
      <p class="quiet">{missing}</p>
    </figure>
  );
}
