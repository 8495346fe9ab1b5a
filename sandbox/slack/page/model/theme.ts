import { useEffect, useSyncExternalStore } from 'react';
import { useStored } from './stored.ts';

/** How the page is lit. */
export type Theme = 'light' | 'dark';

const darkQuery = matchMedia('(prefers-color-scheme: dark)');

function subscribe(onChange: () => void): () => void {
  darkQuery.addEventListener('change', onChange);
  return () => darkQuery.removeEventListener('change', onChange);
}

/** The theme in force (the reader's choice, or else the system's) and the switch for it. */
export function useTheme(): { theme: Theme; toggle: () => void } {
  const [chosen, choose] = useStored('latency-bot:theme', '');
  const systemIsDark = useSyncExternalStore(subscribe, () => darkQuery.matches);
  const theme: Theme = chosen === 'light' || chosen === 'dark' ? chosen : systemIsDark ? 'dark' : 'light';
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return { theme, toggle: () => choose(theme === 'dark' ? 'light' : 'dark') };
}
