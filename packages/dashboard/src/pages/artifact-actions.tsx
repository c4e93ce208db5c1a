import { useState } from 'preact/hooks';
import { useAsked } from '../ask.js';
import { type Answer, type Artifact, post } from '../client.js';
import { operate } from '../operate.js';
import { Act, Actions } from '../parts/act.js';
import { Facts } from '../parts/parts.js';

const by = 'dashboard';

/** The aliases and the keep mark of an artifact, and the actions that change them. */
export function ArtifactActions({ artifact: { key, producer, kind } }: { artifact: Artifact }) {
  const [alias, setAlias] = useState('');
  const of = `WHERE artifact_key = '${key.replaceAll("'", "''")}'`;
  const sql = `SELECT 'alias', alias FROM catalog.aliases_v ${of} UNION ALL SELECT 'kept', requested_by FROM catalog.keeps_v ${of}`;
  const marks = useAsked(signal => post<Answer>('/query', { sql }, signal), [sql], 'jobs').data?.rows ?? [];
  const aliases = marks.flatMap(([what, name]) => (what === 'alias' ? [String(name)] : []));
  const isKept = marks.some(([what]) => what === 'kept');
  return (
    <Actions>
      <Facts facts={{ Aliases: aliases.sort().join(', ') || 'none', Kept: isKept ? 'yes' : 'no' }} />
      <label>
        Alias
        <input value={alias} placeholder="prod" onInput={event => setAlias(event.currentTarget.value.trim())} />
      </label>
      <Act
        name="Set the alias"
        isDisabled={alias === ''}
        question={`Shall ${producer}/${kind}@${alias} name this artifact from now on?`}
        act={() => operate({ type: 'alias', producer, kind, alias, artifact_key: key })}
        done={`${producer}/${kind}@${alias} names it.`}
      />
      <Act
        key={String(isKept)}
        name={isKept ? 'Remove the keep mark' : 'Keep'}
        question={
          isKept ? 'May it be forgotten from now on?' : 'Shall it, and all that it was made from, never be forgotten?'
        }
        act={() => operate({ type: 'keep', artifact_keys: [key], keep: !isKept, reason: null, by })}
        done=""
      />
    </Actions>
  );
}
