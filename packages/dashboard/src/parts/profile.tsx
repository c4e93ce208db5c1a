import { useState } from 'preact/hooks';
import { type Asked, useAsked } from '../ask.js';
import type { Answer } from '../client.js';
import { count } from '../words.js';
import { Section, Shown } from './parts.js';
import { Table } from './table.js';

interface Props {
  ask(signal: AbortSignal): Promise<Answer>;
}

/** NULLs, distinct values, minimum, maximum, average and histogram of each column, on demand. */
export function Profile({ ask }: Props) {
  const [isWanted, setIsWanted] = useState(false);
  return (
    <Section title="Profile of the columns">
      {isWanted ? (
        <Loaded ask={ask} />
      ) : (
        <p>
          <button type="button" onClick={() => setIsWanted(true)}>
            Profile
          </button>{' '}
          <span class="quiet">It reads every row twice, each time for at most 10 s.</span>
        </p>
      )}
    </Section>
  );
}

function Loaded({ ask }: Props) {
  const asked: Asked<Answer> = useAsked(ask, []);
  return (
    <Shown asked={asked}>
      {({ rows }) => (
        <Table
          caption="Profile of the columns"
          rows={rows.map(row => ({
            text: row.slice(0, 7).map(value => (value === null ? null : String(value))),
            histogram: row[7] as (string | number)[] | null,
          }))}
          columns={[
            { head: 'Column', cell: ({ text }) => text[0] },
            { head: 'Type', isMinor: true, cell: ({ text }) => <code>{text[1]}</code> },
            { head: 'NULL', isNumber: true, cell: ({ text }) => `${Number(text[2])} %` },
            { head: 'Distinct, about', isNumber: true, cell: ({ text }) => count(Number(text[3])) },
            { head: 'Least', cell: ({ text }) => <div class="long">{text[4]}</div> },
            { head: 'Greatest', cell: ({ text }) => <div class="long">{text[5]}</div> },
            { head: 'Average', isMinor: true, cell: ({ text }) => text[6] },
            {
              head: 'Histogram',
              cell: ({ histogram }) => histogram && <Histogram counts={histogram.map(Number)} />,
            },
          ]}
        />
      )}
    </Shown>
  );
}

const bar = { width: 8, height: 24 };

/** How many values are in each tenth between the least and the greatest one. */
function Histogram({ counts }: { counts: readonly number[] }) {
  const most = Math.max(1, ...counts);
  const label = `Values in each tenth: ${counts.map(count).join('; ')}`;
  return (
    <svg class="bars" role="img" aria-label={label} width={counts.length * bar.width} height={bar.height}>
      <title>{label}</title>
      {counts.map((value, index) => {
        // A tenth with few values is still seen.
        const height = value === 0 ? 0 : Math.max(1, Math.round((value / most) * bar.height));
        return (
          <rect
            key={`${index} ${value}`}
            x={index * bar.width}
            y={bar.height - height}
            width={bar.width - 1}
            height={height}
          />
        );
      })}
    </svg>
  );
}
