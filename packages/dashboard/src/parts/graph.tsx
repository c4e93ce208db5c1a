import type * as dagre from '@dagrejs/dagre';
import { useEffect, useState } from 'preact/hooks';
import type { Lineage } from '../client.js';
import { linkTo } from '../route.js';
import { Scroll } from './scroll.js';

const node = { width: 210, height: 52 };

/**
 * The lineage of an artifact as a graph from left to right. Each artifact links to its own page.
 * The code that arranges it is loaded with the first graph.
 */
export function LineageGraph({ lineage }: { lineage: Lineage }) {
  const [code, setCode] = useState<typeof dagre>();
  useEffect(() => {
    import('@dagrejs/dagre').then(setCode, () => {}); // the words stay
  }, []);
  return code === undefined ? <p class="quiet">{inWords(lineage)}</p> : <Graph lineage={lineage} code={code} />;
}

function Graph({ lineage, code: { graphlib, layout } }: { lineage: Lineage; code: typeof dagre }) {
  const keys = [...new Set([lineage.key, ...lineage.inputs, ...lineage.outputs])];
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 48, marginx: 4, marginy: 4 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const key of keys) graph.setNode(key, { ...node });
  for (const { from, to } of lineage.edges) graph.setEdge(from, to);
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  const known = new Set(lineage.artifacts.map(artifact => artifact.key));
  return (
    <Scroll label="Lineage" kind="graph">
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
        <title>{inWords(lineage)}</title>
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0 8 4 0 8z" />
          </marker>
        </defs>
        {graph.edges().map(edge => (
          <path
            key={`${edge.v}>${edge.w}`}
            class="edge"
            d={pathOf(graph.edge(edge).points ?? [])}
            marker-end="url(#arrow)"
          />
        ))}
        {keys.map(key => {
          const { x = 0, y = 0 } = graph.node(key) as { x?: number; y?: number };
          return <Node key={key} id={key} x={x} y={y} isHere={key === lineage.key} isKnown={known.has(key)} />;
        })}
      </svg>
    </Scroll>
  );
}

interface NodeProps {
  id: string;
  x: number;
  y: number;
  isHere: boolean;
  isKnown: boolean;
}

function Node({ id, x, y, isHere, isKnown }: NodeProps) {
  const [run = '', producer = '', kind = '', artifact = ''] = id.split('/');
  const box = (
    <g class={`node${isHere ? ' here' : ''}${isKnown ? '' : ' foreign'}`}>
      <title>{id}</title>
      <rect x={x - node.width / 2} y={y - node.height / 2} width={node.width} height={node.height} rx={6} />
      <text x={x - node.width / 2 + 10} y={y - 5}>
        {cut(`${producer}/${kind}`, 28)}
      </text>
      <text class="sub" x={x - node.width / 2 + 10} y={y + 14}>
        {cut(isKnown ? `${artifact} · ${run}` : id, 32)}
      </text>
    </g>
  );
  if (!isKnown || isHere) return box;
  return <a href={linkTo('artifacts', id)}>{box}</a>;
}

const cut = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

const pathOf = (points: readonly { x: number; y: number }[]) =>
  points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join(' ');

const inWords = ({ inputs, outputs }: Lineage) =>
  `made from ${inputs.length} artifact${inputs.length === 1 ? '' : 's'}; ${outputs.length} made from it`;
