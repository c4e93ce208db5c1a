import type { ComponentChildren } from 'preact';

interface Props {
  /** What is in it, for those who cannot see around it. */
  label: string;
  kind?: 'graph' | 'text';
  children: ComponentChildren;
}

/** What is wider than the page scrolls by itself, and can be reached and scrolled by keyboard. */
export function Scroll({ label, kind, children }: Props) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class={kind === undefined ? 'scroll' : `scroll ${kind}`} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
