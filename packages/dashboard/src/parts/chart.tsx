import { visibleLines } from '@quantbot/infra/visible';
import { useEffect, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { timeTicks, valueTicks } from '../words.js';
import 'uplot/dist/uPlot.min.css';

/** A line of a chart; null where it has no value. */
export interface Line {
  name: string;
  values: readonly (number | null)[];
}

interface Props {
  title: string;
  /** Seconds since 1970, or plain numbers; rising. */
  x: readonly number[];
  isTime: boolean;
  lines: readonly Line[];
  /** Formats a value. */
  format(value: number): string;
}

const height = 180;
/** At most this many values are also drawn as points: a line through one point is invisible. */
const fewPoints = 30;
/** With more lines than this, the legend does not fit into one row. */
const maxInWords = 2;
/**
 * Colours that people with red-green colour blindness can distinguish (Okabe and Ito), for light
 * and dark mode.
 */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c6bb1', '#666666'];

/**
 * A line chart with its newest values as text for screen readers. The code that draws is loaded
 * with the first chart.
 */
export function LineChart({ title, x, isTime, lines, format }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [plot, setPlot] = useState<uPlot>();
  const names = lines.map(line => line.name).join('\n');
  useEffect(() => {
    const element = place.current;
    let isLeft = element === null;
    let leave = () => {};
    import('uplot').then(
      ({ default: Plot }) => {
        if (isLeft || element === null) return;
        const none = [[], ...lines.map(() => [])] as uPlot.AlignedData;
        const drawn = new Plot(optionsOf(element, isTime, names.split('\n'), format), none, element);
        const resized = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height }));
        resized.observe(element);
        setPlot(drawn);
        leave = () => {
          resized.disconnect();
          drawn.destroy();
        };
      },
      () => {}, // the caption has the newest values
    );
    return () => {
      isLeft = true;
      setPlot(undefined);
      leave();
    };
  }, [isTime, names]);
  useEffect(() => plot?.setData([[...x], ...lines.map(line => [...line.values])]), [plot, x, lines]);
  return (
    <figure>
      <figcaption>
        <span>{title}</span>
        <span class="now">{lines.length > maxInWords ? `${lines.length} lines` : inWords(lines, format)}</span>
      </figcaption>
      <div ref={place} class="chart" role="img" aria-label={`${title}: ${inWords(lines, format) || 'no data'}`} />
    </figure>
  );
}

/** The newest value of each line, and the highest. */
function inWords(lines: readonly Line[], format: (value: number) => string): string {
  return lines
    .flatMap(({ name, values }) => {
      const there = values.filter(value => value !== null);
      const newest = there.at(-1);
      if (newest === undefined) return [];
      const most = there.reduce((a, b) => Math.max(a, b), newest);
      return [`${lines.length > 1 ? `${name} ` : ''}${format(newest)} (at most ${format(most)})`];
    })
    .join(', ');
}

function optionsOf(
  element: HTMLElement,
  isTime: boolean,
  names: readonly string[],
  format: (value: number) => string,
): uPlot.Options {
  const style = getComputedStyle(element);
  const axis = {
    stroke: style.getPropertyValue('--quiet'),
    grid: { stroke: style.getPropertyValue('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height,
    scales: { x: { time: isTime } },
    legend: { show: names.length > 1, live: false },
    cursor: { drag: { x: false, y: false } },
    axes: [
      { ...axis, ...(isTime && { space: 70, values: (_: uPlot, ticks: number[]) => timeTicks(ticks) }) },
      { ...axis, size: 64, values: (_, ticks) => valueTicks(ticks, format) },
    ],
    series: [
      {},
      ...names.map((label, index) => ({
        label: visibleLines(label),
        stroke: colours[index % colours.length],
        width: 1.5,
        points: { show: ({ data }: uPlot) => data[0].length < fewPoints, size: 4 },
        spanGaps: true,
      })),
    ],
  };
}
