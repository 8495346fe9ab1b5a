import { useState } from 'react';

/** A piece of state that outlives a reload, in the given storage of this browser. */
export function useStored(
  key: string,
  initial: string,
  storage: Storage = localStorage,
): [string, (value: string) => void] {
  const [value, setValue] = useState(() => storage.getItem(key) ?? initial);
  const store = (next: string): void => {
    storage.setItem(key, next);
    setValue(next);
  };
  return [value, store];
}
