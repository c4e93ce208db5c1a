import { useEffect, useRef, useState } from 'preact/hooks';
import type { Editor } from './editor.js';
import type { Relation } from './relations.js';

interface Props {
  label: string;
  /** Holds what the user has typed, at every moment. */
  draft: { current: string };
  /** Changes when something else than the field has changed the draft. */
  taken: number;
  relations: readonly Relation[];
  onRun(): void;
}

/** A field for SQL. It is plain until the editor is loaded, and stays so if that fails. */
export function SqlBox({ label, draft, taken, relations, onRun }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plain = useRef<HTMLTextAreaElement>(null);
  const [editor, setEditor] = useState<Editor>();
  const newest = useRef(onRun);
  newest.current = onRun;
  useEffect(() => {
    let opened: Editor | undefined;
    let isLeft = false;
    import('./editor.js').then(
      ({ openEditor }) => {
        if (isLeft || place.current === null) return;
        const hasFocus = document.activeElement === plain.current;
        opened = openEditor({
          parent: place.current,
          text: draft.current,
          label,
          onChange: text => {
            draft.current = text;
          },
          onRun: () => newest.current(),
        });
        setEditor(opened);
        if (hasFocus) opened.focus();
      },
      () => {}, // the plain field does as well
    );
    return () => {
      isLeft = true;
      opened?.close();
    };
  }, []);
  useEffect(() => editor?.setText(draft.current), [editor, taken]);
  useEffect(() => editor?.setRelations(relations), [editor, relations]);
  return (
    <>
      <div ref={place} />
      {editor === undefined && (
        <textarea
          key={taken}
          ref={plain}
          aria-label={label}
          rows={5}
          spellcheck={false}
          defaultValue={draft.current}
          onInput={event => {
            draft.current = event.currentTarget.value;
          }}
          onKeyDown={event => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) onRun();
          }}
        />
      )}
    </>
  );
}
