import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Asked } from '../ask.js';
import type { ApiError } from '../client.js';
import { useLive } from '../live.js';
import { exactTime, when } from '../words.js';
import { Scroll } from './scroll.js';

const tickMs = 10_000;

/**
 * The heading of a page. It takes the focus when the page opens, so that a screen reader announces
 * the page.
 */
export function Title({ children }: { children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${heading.current?.textContent} · Artifact bus`;
    if (document.activeElement !== document.body) heading.current?.focus();
  }, [String(children)]);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}

/** A section of a page with its own heading. */
export function Section({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section>
      <div class="head">
        <h2>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** An error with its hint. */
export function Problem({ error }: { error: ApiError }) {
  return (
    <div class="problem" role="alert">
      <p>
        <strong>{error.message}</strong>
      </p>
      {error.details.length > 0 && (
        <Scroll label="Details" kind="text">
          <pre>{error.details.join('\n')}</pre>
        </Scroll>
      )}
      <p>
        {error.hint} <code>{error.code}</code>
      </p>
    </div>
  );
}

/** The answer of a request, once it has loaded. */
export function Shown<T>({ asked, children }: { asked: Asked<T>; children: (data: T) => ComponentChildren }) {
  const { connected } = useLive();
  const { data, error, isOld } = asked;
  // The top of the page already says that the daemon does not answer.
  const isTold = error?.code === 'UNREACHABLE' && !connected;
  return (
    <>
      {error !== undefined && !isTold && <Problem error={error} />}
      {data === undefined ? (
        error === undefined && <p class="quiet">Loading…</p>
      ) : isOld === undefined ? (
        children(data)
      ) : (
        <Listed isOld={isOld}>{children(data)}</Listed>
      )}
    </>
  );
}

/** A page of a list. When the next one replaces it, its first rows come into view. */
function Listed({ isOld, children }: { isOld: boolean; children: ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const box = place.current?.querySelector('.scroll');
    if (isOld || !box) return;
    box.scrollTo(0, 0);
    if (box.getBoundingClientRect().top < 0) box.scrollIntoView();
  }, [isOld]);
  return (
    <div ref={place} class="list" aria-busy={isOld}>
      {children}
    </div>
  );
}

/** Redraws periodically, so that relative times stay correct. */
function useTick(): void {
  const [, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick(tick => tick + 1), tickMs);
    return () => clearInterval(timer);
  }, []);
}

/** A relative time, with the exact time of the reader's zone and of UTC as a tooltip. */
export function Time({ at }: { at: string }) {
  useTick();
  return (
    <time dateTime={at} title={exactTime(at)}>
      {when(at)}
    </time>
  );
}

/** The state of a job, a daemon or an export, in words and a colour. */
export function State({ state }: { state: string }) {
  return <span class={`state ${state}`}>{state}</span>;
}

/** A producer and kind. A line can break between them. */
export function Source({ producer, kind }: { producer: string; kind: string }) {
  return (
    <>
      {producer}/<wbr />
      {kind}
    </>
  );
}

/** A list of names and values. */
export function Facts({ facts }: { facts: Record<string, ComponentChildren> }) {
  return (
    <dl class="facts">
      {Object.entries(facts).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
