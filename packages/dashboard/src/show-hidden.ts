import { visibleLines } from '@quantbot/infra/visible';
import { type ComponentChildren, options, type VNode } from 'preact';

/** Attributes that are read as text; what stands in a field to be sent stays as it is. */
const texts = ['title', 'aria-label', 'alt'];

/**
 * Makes every text of the page show the characters that would turn its direction, or not be seen:
 * what producers wrote comes to many places.
 */
export function showHidden(): void {
  const before = options.vnode;
  options.vnode = node => {
    if (typeof node.type === 'string' && node.type !== 'textarea') showIn(node as VNode<Props>);
    before?.(node);
  };
}

type Props = Record<string, unknown> & { children?: ComponentChildren };

function showIn({ props }: VNode<Props>): void {
  props.children = shown(props.children);
  for (const name of texts) if (typeof props[name] === 'string') props[name] = visibleLines(props[name]);
}

function shown(children: ComponentChildren): ComponentChildren {
  if (typeof children === 'string') return visibleLines(children);
  return Array.isArray(children) ? children.map(shown) : children;
}
