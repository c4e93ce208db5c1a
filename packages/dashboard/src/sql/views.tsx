import { useState } from 'preact/hooks';
import { quotedName, type Relation } from './relations.js';

/** A longer list is cut, and the field above it finds the rest. */
const most = 100;

/** The views that queries can name, with their columns. A click takes the name. */
export function Views({ relations, onTake }: { relations: readonly Relation[]; onTake(name: string): void }) {
  const [words, setWords] = useState('');
  const found = relations.filter(({ schema, name }) => `${schema}.${name}`.toLowerCase().includes(words.toLowerCase()));
  return (
    <div class="views">
      <label>
        Views and columns{' '}
        <input type="search" value={words} placeholder="name" onInput={event => setWords(event.currentTarget.value)} />
      </label>
      {found.slice(0, most).map(({ schema, name, columns }) => {
        const path = `${schema}.${quotedName(name)}`;
        return (
          <details key={path}>
            <summary>
              {schema}.{name}
            </summary>
            <Take name={path} onTake={onTake} detail={`${columns.length} columns`} />
            {columns.map(column => (
              <Take key={column.name} name={quotedName(column.name)} onTake={onTake} detail={column.type} />
            ))}
          </details>
        );
      })}
      {found.length === 0 && <p class="quiet">None has this name.</p>}
      {found.length > most && <p class="quiet">And {found.length - most} more.</p>}
    </div>
  );
}

function Take({ name, detail, onTake }: { name: string; detail: string; onTake(name: string): void }) {
  return (
    <button type="button" class="plain" onClick={() => onTake(name)}>
      <code>{name}</code> <span class="quiet">{detail}</span>
    </button>
  );
}
