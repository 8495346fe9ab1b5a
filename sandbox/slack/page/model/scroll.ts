import { type RefObject, useEffect, useRef, useState } from 'react';

const NEAR_PX = 80;

/** Keeps a list at its end while the reader is there; tells when there is more below. */
export function useEndOfList(listKey: string): {
  list: RefObject<HTMLElement | null>;
  away: boolean;
  toEnd: () => void;
} {
  const list = useRef<HTMLElement>(null);
  const atEnd = useRef(true);
  const [away, setAway] = useState(false);

  const toEnd = (): void => {
    const element = list.current;
    if (element) element.scrollTop = element.scrollHeight;
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: another list (channel, thread) starts at its end again.
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    atEnd.current = true;
    toEnd();
    const onScroll = (): void => {
      atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
      setAway(!atEnd.current);
    };
    // Messages change their height when they are updated, charts when they are drawn.
    const observer = new ResizeObserver(() => {
      if (atEnd.current) toEnd();
    });
    element.addEventListener('scroll', onScroll, { passive: true });
    observer.observe(element);
    for (const child of element.children) observer.observe(child);
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', onScroll);
    };
  }, [listKey]);

  return { list, away, toEnd };
}
