import { use, useState } from 'react';
import { PageContext } from '../components/page-context.ts';
import { wordsOf } from './act.ts';
import type { Answer, Deed } from './wire.ts';

/** Does one thing at a time, and remembers what went wrong with the last one. */
export function useDeed(): {
  busy: boolean;
  problem: string | null;
  setProblem: (problem: string | null) => void;
  run: (deed: Deed) => Promise<Answer>;
} {
  const { perform } = use(PageContext);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const run = async (deed: Deed): Promise<Answer> => {
    setProblem(null);
    setBusy(true);
    const answer = await perform(deed);
    setBusy(false);
    setProblem(wordsOf(answer));
    return answer;
  };
  return { busy, problem, setProblem, run };
}
