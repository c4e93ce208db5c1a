import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError } from '../client.js';
import { Command } from './copy.js';
import { Problem, Section } from './parts.js';

interface Props {
  /** The text of the button. */
  name: string;
  /** What the page asks before it acts. */
  question: ComponentChildren;
  isDisabled?: boolean;
  act(): Promise<unknown>;
  /** What the page says afterwards. */
  done: string;
}

type Phase = 'idle' | 'asking' | 'acting' | 'done';

/** A button that asks once, then acts, and says what became of it. */
export function Act({ name, question, isDisabled = false, act, done }: Props) {
  const [phase, setPhase] = useState<Phase>('idle');
  const [error, setError] = useState<ApiError>();
  const start = async () => {
    setPhase('acting');
    try {
      await act();
      setPhase('done');
    } catch (refused) {
      if (!(refused instanceof ApiError)) throw refused;
      setError(refused);
      setPhase('idle');
    }
  };
  const ask = () => {
    setError(undefined);
    setPhase('asking');
  };
  return (
    <div class="act">
      {phase === 'asking' ? (
        <p>
          {question}{' '}
          <button type="button" onClick={start}>
            Yes
          </button>{' '}
          <button type="button" onClick={() => setPhase('idle')}>
            No
          </button>
        </p>
      ) : (
        <button type="button" onClick={ask} disabled={isDisabled || phase === 'acting'}>
          {name}
        </button>
      )}
      <p role="status" class="quiet">
        {phase === 'acting' ? 'Waiting for the daemon…' : phase === 'done' ? done : ''}
      </p>
      {error !== undefined && <Problem error={error} />}
      {error?.code === 'HTTP_UNAUTHORIZED' && (
        <>
          <p>Create a token that may operate, then load this page again and enter it:</p>
          <Command text="npx quantbot-bus token create me --read --operate" />
        </>
      )}
    </div>
  );
}

/** A section of actions. */
export function Actions({ children }: { children: ComponentChildren }) {
  return (
    <Section title="Actions">
      <div class="acts">{children}</div>
    </Section>
  );
}
