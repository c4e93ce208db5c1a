import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

const { document } = parseHTML('<!doctype html><html><body></body></html>');
const colours = { ours: '#0b7285', others: '#adb5bd' };
const font = 'system-ui, sans-serif';
/** The width of a wide letter at 12 pixels. */
const letterWidth = 6.8;

/**
 * Draws horizontal bars, one per row. The scale is logarithmic if the values differ by magnitudes.
 * The bars of the bus are highlighted.
 */
export function barChart(
  rows: readonly { what: string; value: number }[],
  { label, isOurs }: { label: string; isOurs: (what: string) => boolean },
): string {
  const [least, most] = [Math.min(...rows.map(row => row.value)), Math.max(...rows.map(row => row.value))];
  const logarithmic = most / least > 50;
  const from = logarithmic ? 10 ** Math.floor(Math.log10(least)) : 0;
  return svgOf(
    Plot.plot({
      document,
      width: 860,
      height: 80 + rows.length * 22,
      marginLeft: 20 + Math.max(...rows.map(row => row.what.length)) * letterWidth,
      marginRight: 70,
      marginBottom: 50,
      style: { fontFamily: font, fontSize: '12px', background: '#ffffff', color: '#212529' },
      x: {
        label: logarithmic ? `${label} (logarithmic)` : label,
        type: logarithmic ? 'log' : 'linear',
        domain: [from, most],
        grid: true,
        tickFormat: '~s',
        labelOffset: 42,
      },
      y: { label: null, domain: rows.map(row => row.what) },
      marks: [
        Plot.barX(rows, {
          x1: from,
          x2: 'value',
          y: 'what',
          fill: row => (isOurs(row.what) ? colours.ours : colours.others),
        }),
        Plot.text(rows, {
          x: 'value',
          y: 'what',
          text: row => row.value.toLocaleString('en', { maximumSignificantDigits: 3 }),
          textAnchor: 'start',
          dx: 4,
        }),
      ],
    }),
  );
}

/** Draws lines over a logarithmic axis. */
export function lineChart(
  points: readonly { x: number; y: number; line: string }[],
  labels: { x: string; y: string },
): string {
  return svgOf(
    Plot.plot({
      document,
      width: 860,
      height: 340,
      marginRight: 130,
      marginBottom: 50,
      style: { fontFamily: font, fontSize: '12px', background: '#ffffff', color: '#212529' },
      x: { label: labels.x, type: 'log', grid: true, tickFormat: '~s', labelOffset: 42 },
      y: { label: labels.y, grid: true, zero: true },
      color: { scheme: 'dark2' },
      marks: [
        Plot.line(points, { x: 'x', y: 'y', stroke: 'line', strokeWidth: 2 }),
        Plot.dot(points, { x: 'x', y: 'y', fill: 'line' }),
        Plot.text(points, Plot.selectLast({ x: 'x', y: 'y', z: 'line', text: 'line', textAnchor: 'start', dx: 8 })),
      ],
    }),
  );
}

function svgOf(element: { setAttribute(name: string, value: string): void; outerHTML: string }): string {
  element.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${element.outerHTML}\n`;
}
