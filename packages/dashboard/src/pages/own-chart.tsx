import { useMemo } from 'preact/hooks';
import { useAsked } from '../ask.js';
import { type Answer, type Chart, post } from '../client.js';
import { LineChart } from '../parts/chart.js';
import { Shown } from '../parts/parts.js';
import { linesOf } from '../series.js';
import { count } from '../words.js';

const maxPoints = 10_000;

/** A chart of the configuration, redrawn after each commit. */
export function OwnChart({ chart: { title, sql } }: { chart: Chart }) {
  const asked = useAsked(signal => post<Answer>('/query', { sql, limit: maxPoints }, signal), [sql], 'exports');
  const drawn = useMemo(() => asked.data && linesOf(asked.data), [asked.data]);
  const short = (n: number) => count(Number(n.toPrecision(4)));
  return (
    <div class="own-chart">
      {asked.data === undefined && <p>{title}</p>}
      <Shown asked={asked}>
        {() =>
          drawn && <LineChart title={title} x={drawn.x} isTime={drawn.isTime} lines={drawn.lines} format={short} />
        }
      </Shown>
    </div>
  );
}
