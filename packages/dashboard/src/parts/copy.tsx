import { useState } from 'preact/hooks';
import { linkTo } from '../route.js';
import { short } from '../words.js';

/** Copies text to the clipboard. A page without TLS on another machine has only the old way. */
async function copy(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const field = document.createElement('textarea');
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand('copy');
  field.remove();
}

/** A button that copies a text. */
export function Copy({ text, name }: { text: string; name: string }) {
  const [state, setState] = useState<'' | 'copied' | 'not copied'>('');
  return (
    <button
      type="button"
      class="copy"
      title={`Copy ${name}`}
      aria-label={`Copy ${name}`}
      onClick={async () => {
        setState(
          await copy(text).then(
            () => 'copied' as const,
            () => 'not copied' as const,
          ),
        );
        setTimeout(() => setState(''), 1500);
      }}
    >
      <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
        <path d={state === 'copied' ? 'M1 6l4 4 6-8' : 'M4 4V1h7v7H8M1 4h7v7H1z'} />
      </svg>
      <span class="hidden" role="status">
        {state}
      </span>
    </button>
  );
}

/** A link with a short id, and a button that copies the whole one. */
export function IdLink({ place, id, text = id }: { place: string; id: string; text?: string }) {
  return (
    <span class="id">
      <a href={linkTo(place, id)} title={id}>
        {short(text)}
      </a>
      <Copy text={id} name={id} />
    </span>
  );
}

/** Text to copy, such as a command. */
export function Command({ text }: { text: string }) {
  return (
    <div class="command">
      <pre>
        <code>{text}</code>
      </pre>
      <Copy text={text} name="the text" />
    </div>
  );
}
