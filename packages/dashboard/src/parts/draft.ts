import { useState } from 'preact/hooks';

/**
 * The value of a field while a user changes it. It follows `value` when that changes, and stays
 * when the page is drawn again for another reason. It follows while the page is drawn. An effect
 * runs later, and would throw away what was typed meanwhile.
 */
export function useDraft<T>(value: T): [T, (draft: T) => void] {
  const [draft, setDraft] = useState(value);
  const [followed, setFollowed] = useState(value);
  if (followed === value) return [draft, setDraft];
  setFollowed(value);
  setDraft(value);
  return [value, setDraft];
}
