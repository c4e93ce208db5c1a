import { useState } from 'preact/hooks';
import { useAsked } from '../ask.js';
import { type Answer, ApiError, type Artifact, type ForgetPreview, get, post } from '../client.js';
import { operate } from '../operate.js';
import { Act, Actions } from '../parts/act.js';
import { Facts, Shown } from '../parts/parts.js';
import { bytes as size } from '../words.js';

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
      <Act name="Forget" question={<WhatGoes artifactKey={key} />} act={() => forget(key)} done="" />
    </Actions>
  );
}

/** What would go, before the page asks whether it shall. */
function WhatGoes({ artifactKey: key }: { artifactKey: string }) {
  const asked = useAsked(signal => get<ForgetPreview>('/forget-preview', { key }, signal), ['forget', key]);
  return (
    <Shown asked={asked}>
      {({ status, bytes, rows, protectedBy }) => (
        <>
          {status === 'protected' && `It is protected: ${protectedBy.join('; ')}. `}
          {status === 'forgotten' && `Its ${size(bytes)} go for ever, and its entry in the catalog stays. `}
          {status === 'forgotten' && rows !== null && `Its rows ${rows === 'kept' ? 'stay in' : 'leave'} its table. `}
          Shall it be forgotten?
        </>
      )}
    </Shown>
  );
}

/** @throws ApiError also if it is protected: only the command line forgets by force. */
async function forget(key: string): Promise<void> {
  const asked = { type: 'forget', artifact_keys: [key], force: false, rows: 'default', reason: null, by };
  const outcome = (await operate(asked)).forget?.[0];
  if (outcome?.status === 'forgotten') return;
  throw new ApiError({
    code: 'OPERATION_INVALID',
    message:
      outcome?.protected_by === undefined
        ? `It was not forgotten: ${outcome?.status}.`
        : `It is protected: ${outcome.protected_by.join('; ')}.`,
    hint: `End what protects it, or run: npx quantbot-bus forget ${key} --force --apply`,
    details: [],
  });
}
