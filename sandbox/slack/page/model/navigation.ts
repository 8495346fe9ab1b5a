import { useCallback, useState } from 'react';
import type { Tab } from '../components/tab-bar.tsx';

/** Where the reader is: the place in the middle, the open thread, and the tab of a narrow screen. */
export interface Navigation {
  place: string | null;
  thread: { channel: string; ts: string } | null;
  tab: Tab;
  goTo: (place: string) => void;
  openThread: (channel: string, ts: string) => void;
  closeThread: () => void;
  setTab: (tab: Tab) => void;
}

/** Where the reader is, from the start. */
export function useNavigation(): Navigation {
  const [place, setPlace] = useState<string | null>(null);
  const [thread, setThread] = useState<Navigation['thread']>(null);
  const [tab, setTab] = useState<Tab>('chat');
  const goTo = useCallback((next: string) => {
    setPlace(next);
    setTab('chat');
  }, []);
  const openThread = useCallback((channel: string, ts: string) => {
    setThread({ channel, ts });
    setTab('thread');
  }, []);
  const closeThread = useCallback(() => {
    setThread(null);
    setTab('chat');
  }, []);
  return { place, thread, tab, goTo, openThread, closeThread, setTab };
}
