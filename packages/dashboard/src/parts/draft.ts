import { useEffect, useState } from 'preact/hooks';

/**
 * The text of a field while a user types. It follows `value` when that changes, and stays when the
 * page is drawn again for another reason.
 */
export function useDraft(value: string): [string, (text: string) => void] {
  const [draft, setDraft] = useState(value);
  useEffect(() => setDraft(value), [value]);
  return [draft, setDraft];
}
