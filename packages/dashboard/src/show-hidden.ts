import { visibleLines } from '@quantbot/infra/visible';
import { type ComponentChildren, options, type VNode } from 'preact';

/** Attributes that users read as text. Values of input fields stay unchanged. */
const texts = ['title', 'aria-label', 'alt'];

/**
 * Makes invisible characters, and those that change the text direction, visible in all text of the
 * page: text of producers appears in many places.
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
