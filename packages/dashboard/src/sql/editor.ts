import { autocompletion, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { PostgreSQL, sql } from '@codemirror/lang-sql';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { Compartment, Prec } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { type Relation, schemaOf } from './relations.js';

/** An editor on the page. */
export interface Editor {
  focus(): void;
  /** Replaces the text, unless the editor has it. */
  setText(text: string): void;
  /** Completes these names from now on. */
  setRelations(relations: readonly Relation[]): void;
  close(): void;
}

export interface EditorOptions {
  parent: HTMLElement;
  text: string;
  /** Names the editor for screen readers. */
  label: string;
  onChange(text: string): void;
  /** Ctrl+Enter. */
  onRun(): void;
}

const look = EditorView.theme({
  '&': { border: '1px solid var(--quiet)', borderRadius: '5px', background: 'var(--panel)', color: 'var(--text)' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '2px' },
  '.cm-scroller': {
    minHeight: '7.5rem',
    maxHeight: '60vh',
    fontFamily: 'ui-monospace, monospace',
    fontSize: '0.85rem',
  },
  '.cm-content': { caretColor: 'var(--text)', padding: '0.5rem 0' },
  '.cm-tooltip': { border: '1px solid var(--line)', background: 'var(--panel)', color: 'var(--text)' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { background: 'var(--accent)', color: 'var(--panel)' },
  '.cm-completionDetail': { color: 'inherit' },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--accent)', fontWeight: '600' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--warn)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--good)' },
  { tag: tags.comment, color: 'var(--quiet)', fontStyle: 'italic' },
]);

/**
 * Puts an editor of SQL into an element of the page. It lives in a shadow tree, where its style
 * sheets are objects: the page forbids `style` elements. The dialect is PostgreSQL's, from which
 * DuckDB took its grammar.
 */
export function openEditor({ parent, text, label, onChange, onRun }: EditorOptions): Editor {
  const language = new Compartment();
  const languageOf = (relations: readonly Relation[]) =>
    sql({ dialect: PostgreSQL, schema: schemaOf(relations), upperCaseKeywords: true });
  const run = () => {
    onRun();
    return true;
  };
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: 'open' });
  const view = new EditorView({
    doc: text,
    parent: root,
    root,
    extensions: [
      Prec.highest(keymap.of([{ key: 'Mod-Enter', run }])),
      history(),
      autocompletion({ icons: false }),
      keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap]),
      language.of(languageOf([])),
      syntaxHighlighting(colours),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false' }),
      EditorView.updateListener.of(update => {
        if (update.docChanged) onChange(update.state.doc.toString());
      }),
      look,
    ],
  });
  return {
    focus: () => view.focus(),
    setText: next => {
      if (next === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    setRelations: relations => view.dispatch({ effects: language.reconfigure(languageOf(relations)) }),
    close: () => view.destroy(),
  };
}
