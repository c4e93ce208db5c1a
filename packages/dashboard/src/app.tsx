import type { ComponentChildren } from 'preact';
import { useAsked } from './ask.js';
import { get, type Status } from './client.js';
import { LiveContext, useEvents, useLive } from './live.js';
import { Artifact, Artifacts } from './pages/artifacts.js';
import { Compare, CompareRuns } from './pages/compare.js';
import { Exports } from './pages/exports.js';
import { Job, Jobs } from './pages/jobs.js';
import { Login } from './pages/login.js';
import { Overview } from './pages/overview.js';
import { Query } from './pages/query.js';
import { Run, Runs } from './pages/runs.js';
import { Search } from './pages/search.js';
import { Space } from './pages/space.js';
import { Table, Tables } from './pages/tables.js';
import { Find } from './parts/find.js';
import { Guard } from './parts/guard.js';
import { State, Title } from './parts/parts.js';
import { linkTo, type Route, useRoute } from './route.js';

const places = [
  ['', 'Overview'],
  ['jobs', 'Jobs'],
  ['runs', 'Runs'],
  ['artifacts', 'Artifacts'],
  ['tables', 'Tables'],
  ['exports', 'Exports'],
  ['space', 'Space'],
  ['query', 'SQL'],
] as const;

/** The whole page, behind the log-in if one is needed. */
export function App() {
  const { error } = useAsked(signal => get<Status>('/status', {}, signal), ['open']);
  return error?.code === 'HTTP_UNAUTHORIZED' ? <Login /> : <Pages />;
}

function Pages() {
  const route = useRoute();
  return (
    <LiveContext.Provider value={useEvents()}>
      <button type="button" class="skip" onClick={toContent}>
        To the content
      </button>
      <header>
        <p class="brand">
          Artifact bus <DaemonState />
        </p>
        <nav aria-label="Pages">
          {places.map(([place, name]) => (
            <a key={place} href={linkTo(place)} aria-current={(route[0] ?? '') === place ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <Find />
      </header>
      <Notice />
      <main id="content" tabIndex={-1}>
        <Guard key={keyOf(route)}>{pageOf(route)}</Guard>
      </main>
    </LiveContext.Provider>
  );
}

/** The page of SQL stays the same for each query: it keeps the limit and what was typed. */
const keyOf = (route: Route): string => (route[0] === 'query' ? 'query' : route.join('/'));

/** Skips the navigation. This cannot be a link, because the address names the page. */
const toContent = () => document.getElementById('content')?.focus();

function pageOf([place, id]: Route): ComponentChildren {
  switch (place) {
    case undefined:
      return <Overview />;
    case 'jobs':
      return id === undefined ? <Jobs /> : <Job key={id} jobId={id} />;
    case 'runs':
      return id === undefined ? <Runs /> : <Run key={id} runId={id} />;
    case 'artifacts':
      return id === undefined ? <Artifacts /> : <Artifact key={id} id={id} />;
    case 'tables':
      return id === undefined ? <Tables /> : <Table key={id} name={id} />;
    case 'exports':
      return <Exports />;
    case 'space':
      return <Space />;
    case 'compare':
      return <Compare />;
    case 'compare-runs':
      return <CompareRuns />;
    case 'search':
      return <Search />;
    case 'query':
      return <Query sql={id} />;
    default:
      return (
        <>
          <Title>There is no such page</Title>
          <p>
            Go to the <a href={linkTo()}>overview</a>.
          </p>
        </>
      );
  }
}

function DaemonState() {
  const { status, connected } = useLive();
  if (!connected) return <State state="unreachable" />;
  return status === undefined ? null : <State state={status.state} />;
}

/** Notices that every page shows. */
function Notice() {
  const { status, connected } = useLive();
  const text = !connected
    ? 'The daemon does not answer. Jobs can be submitted all the same, and wait.'
    : status?.state === 'paused'
      ? `Paused; nothing is lost: ${status.cause?.message}`
      : '';
  return (
    <div class={text === '' ? 'notice none' : 'notice'} role="status">
      {text}
    </div>
  );
}
