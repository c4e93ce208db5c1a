import { useEffect, useRef } from 'preact/hooks';
import { listLink, useFilters } from '../route.js';
import { useDraft } from './draft.js';

/** The field that searches everything. The key `/` leads to it from anywhere but another field. */
export function Find() {
  const field = useRef<HTMLInputElement>(null);
  const [{ text = '' }] = useFilters('search');
  const [draft, setDraft] = useDraft(text);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest('input, textarea, select') !== null;
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
      event.preventDefault();
      field.current?.select();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  return (
    <search>
      <form
        class="find"
        onSubmit={event => {
          event.preventDefault();
          const words = field.current?.value.trim() ?? '';
          if (words !== '') location.hash = listLink('search', { text: words });
        }}
      >
        <input
          ref={field}
          type="search"
          aria-label="Search everything"
          aria-keyshortcuts="/"
          placeholder="Search  /"
          value={draft}
          onInput={event => setDraft(event.currentTarget.value)}
        />
      </form>
    </search>
  );
}
