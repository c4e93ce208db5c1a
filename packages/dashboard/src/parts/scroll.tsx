import type { ComponentChildren } from 'preact';

interface Props {
  /** Describes the content for screen readers. */
  label: string;
  kind?: 'graph' | 'text';
  children: ComponentChildren;
}

/** Content wider than the page scrolls in its own box, also by keyboard. */
export function Scroll({ label, kind, children }: Props) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class={kind === undefined ? 'scroll' : `scroll ${kind}`} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
